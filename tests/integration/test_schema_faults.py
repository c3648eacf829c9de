"""Schemas where requests fail on the way: in the end one field group and one schema stand."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from tests.integration.emulator.path import Path
from tests.integration.test_schemas import MORE, create, fields, listed, path, right_connection
from tests.unit.operators.support import unwrapped

__all__ = ["path", "right_connection"]

LOST = {"when": "after", "drop": True}
SOON = {"status": 429, "headers": {"Retry-After": "1"}}
EXPIRED = {"status": 401, "body": {"error_code": "401013", "message": "Oauth token is not valid"}}
HEALED = {
    "reply lost": LOST,
    "503 after the effect": {"when": "after", "status": 503},
    "no id": {"when": "after", "status": 201, "body": {}},
    "an id that is none": {"when": "after", "status": 201, "body": {"$id": "https://ns.adobe.com/a b"}},
    "HTML": {"when": "after", "status": 200, "body": "<html>"},
    "429": SOON,
    "429 after the effect": {**SOON, "when": "after"},
    "401": EXPIRED,
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


@pytest.mark.crash
@pytest.mark.parametrize("kind", ["fieldgroups", "schemas"])
def test_a_post_that_never_had_its_effect_is_repeated(path: Path, kind: str) -> None:
    """After ten seconds of patience."""
    path.emulator.fault(method="POST", path=f"/tenant/{kind}", drop=True)
    made = create()
    assert [item["$id"] for item in listed(path, "schemas")] == [made]


@pytest.mark.parametrize("kind", ["fieldgroups", "schemas"])
def test_a_post_that_is_refused(path: Path, kind: str) -> None:
    """A typed error; the next try goes on from there."""
    path.emulator.fault(method="POST", path=f"/tenant/{kind}", status=403, body={})
    with unwrapped(errors.AepPermissionError):
        create()
    made = create()
    assert [item["$id"] for item in listed(path, "schemas")] == [made]
    assert len(listed(path, "fieldgroups")) == 1


@pytest.mark.parametrize(
    "fault", [{"drop": True, "when": "after"}, {"status": 503}, {"status": 429}], ids=str
)
def test_an_update_whose_reply_is_lost(path: Path, fault: dict[str, Any]) -> None:
    """Read anew and done again, and nothing is added twice."""
    made = create()
    path.emulator.fault(method="PATCH", path="", **fault)
    assert create(columns=MORE, if_exists="update") == made
    assert set(fields(path, made)) == {"Product_Id", "Create_Time", "Price"}
