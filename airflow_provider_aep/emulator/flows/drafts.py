"""`?mode=draft` and `/action`: what flows and the connections at their two ends share."""

from __future__ import annotations

from airflow_provider_aep.emulator.entities import Call
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.world import World

# Of the OpenAPI's operations these are not for users.
PROVIDER_ONLY = frozenset(("finalize", "finalizeupdate"))


def wanted(world: World, call: Call) -> bool:
    """Whether a POST is to make a draft; 1368 where drafts are not offered."""
    mode = call.request.query_params.get("mode")
    if mode is None:
        return False
    if mode.lower() != "draft" or world.settings.drafts == "off":
        raise flow_error("1368-400")
    return True


def action(call: Call, allowed: frozenset[str]) -> str:
    """The `op` of a call to `/action`, in one spelling: Adobe writes both `re-trigger` and `RE_TRIGGER`."""
    text = call.request.query_params.get("op", "")
    if not text:
        raise flow_error("1359-400", param="op")
    op = text.lower().replace("-", "").replace("_", "")
    if op in PROVIDER_ONLY:
        raise flow_error("1402-400", action=text)
    if op not in allowed:
        raise flow_error("1434-400", op=text)
    return op
