"""The headers of a request, the same for the blocking and the asynchronous side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_aep import __version__

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.settings import Settings

FIXED_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"airflow-provider-aep/{__version__}",
}

_SANDBOX_BY_ID = "x-sandbox-id"
"""A second way to name a sandbox. Nobody takes it."""


def with_ours(given: Mapping[str, str], settings: Settings, sandbox: str, token: str) -> dict[str, str]:
    """A caller's headers and ours. Theirs may add, and say what to ``Accept``; they replace nothing else."""
    ours = {
        **FIXED_HEADERS,
        "x-api-key": settings.client_id,
        "x-gw-ims-org-id": settings.org_id,
        "x-sandbox-name": sandbox,
        "authorization": f"Bearer {token}",
    }
    theirs = {name.lower(): value for name, value in given.items()}
    accept = theirs.get("accept") or ours["accept"]  # Schema Registry's says in which form to answer
    theirs.pop(_SANDBOX_BY_ID, None)
    return {**theirs, **ours, "accept": accept}
