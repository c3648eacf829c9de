"""Find a dataflow's streaming endpoint in its base connection."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.collections import Collection
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from tests.harness.connections import MakeHook

ENTITIES = {
    "dataflow": {"sourceConnectionIds": ["source"]},
    "source connection": {"baseConnectionId": "base"},
    "base connection": {
        "auth": {"params": {"inletUrl": "https://x/collection/i", "inletId": "i", "apiKey": "c4nary-key"}}
    },
}


def test_other_parameters_of_the_base_connection_are_masked(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint is the result, so it is not masked."""

    def get(self: Any, collection: Collection, entity_id: str) -> dict[str, Any]:
        return ENTITIES[collection.kind]

    monkeypatch.setattr(FlowServiceHook, "get_entity", get)
    hook = make_hook()
    assert hook.find_streaming_endpoint("flow") == "https://x/collection/i"
    assert hook.scrub("c4nary-key at https://x/collection/i") == "*** at https://x/collection/i"
