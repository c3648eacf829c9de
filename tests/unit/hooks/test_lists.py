"""The lists of the hooks, without a transport."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.hooks.flow_service import FlowServiceHook


@pytest.mark.parametrize(
    "other",
    [{"connectionSpec": {"id": "spec"}}, {"name": "n"}, {"name": "n", "connectionSpec": {}}],
    ids=["no name", "no spec", "no id of a spec"],
)
def test_an_item_without_name_or_spec_is_another_connection(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    """The reconciler deletes duplicates of this list, so an item must show that it is one."""
    own = {"id": "a", "name": "n", "connectionSpec": {"id": "spec"}}
    monkeypatch.setattr(FlowServiceHook, "list_entities", lambda *_: [own, {"id": "b", **other}])
    hook = FlowServiceHook()
    assert hook.list_connections(name="n", connection_spec_id="spec") == [own]
    assert len(hook.list_connections()) == 2
