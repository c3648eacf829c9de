"""Schemas whose replies are lost or wrong, with and without a mark: one field group and one schema stand.

What else may fail on the way stands in the fault matrix.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.test_schemas import create, fields, listed, path, right_connection
from tests.harness.emulator_path import Path

__all__ = ["path", "right_connection"]

LOST = {"when": "after", "drop": True}
HEALED = {
    "reply lost": LOST,
    "no id": {"when": "after", "status": 201, "body": {}},
    "an id that is none": {"when": "after", "status": 201, "body": {"$id": "https://ns.adobe.com/a b"}},
    "HTML": {"when": "after", "status": 200, "body": "<html>"},
}


@pytest.mark.parametrize("fault", HEALED.values(), ids=HEALED)
@pytest.mark.parametrize("kind", ["fieldgroups", "schemas"])
@pytest.mark.parametrize("mark", [True, False], ids=["marked", "unmarked"])
def test_a_post_that_fails_is_healed(path: Path, kind: str, fault: dict[str, Any], mark: bool) -> None:
    """In the same try: one of each stands, and it is the answer."""
    path.emulator.fault(method="POST", path=f"/tenant/{kind}", **fault)
    made = create(mark=mark)
    assert [item["$id"] for item in listed(path, "schemas")] == [made]
    assert len(listed(path, "fieldgroups")) == 1
    assert set(fields(path, made)) == {"Product_Id", "Create_Time"}
