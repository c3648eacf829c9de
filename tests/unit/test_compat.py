"""What differs between versions of Airflow."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep import _compat


@pytest.mark.skipif(not _compat.HAS_RETRY_POLICY, reason="before 3.3 nobody tells a trigger")
def test_the_word_that_a_user_ended_a_task() -> None:
    """It is Airflow's own."""
    from airflow.jobs import triggerer_job_runner

    assert triggerer_job_runner._USER_ACTION_CANCEL_MSG == _compat.CANCELLED_BY_A_USER  # type: ignore[attr-defined]


@pytest.mark.skipif(not _compat.HAS_RETRY_POLICY, reason="before 3.3 there is one look-up alone")
def test_a_connection_that_only_the_blocking_look_up_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """In `dag.test()` Airflow's asynchronous look-up does not reach the database."""
    found = SimpleNamespace(conn_id="aep_default")

    async def nothing(conn_id: str) -> Any:
        raise _compat.AirflowNotFoundException(conn_id)

    monkeypatch.setattr(_compat.BaseHook, "aget_connection", nothing)
    monkeypatch.setattr(_compat.BaseHook, "get_connection", lambda _: found)
    assert asyncio.run(_compat.aget_connection("aep_default")) is found
