"""What differs between versions of Airflow."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep import _compat
from tests.support.connections import MakeHook


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


def test_a_short_value_of_an_extra_draws_no_warning(
    make_hook: MakeHook, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow would say in each log that `prod` is too short to be masked; a sandbox's name is no secret."""
    from airflow.sdk.log import mask_secret

    def as_new() -> None:
        """Each process is told once."""
        for name, module in list(sys.modules.items()):
            if name.startswith("airflow.") and "SecretsMasker" in vars(module):
                monkeypatch.setattr(module.SecretsMasker, "_has_warned_short_secret", False, raising=False)

    as_new()
    assert make_hook(extra={"sandbox": "prod", "ims_host": None}).settings.sandbox == "prod"
    assert "too short" not in logged()
    as_new()
    mask_secret("abc")
    assert "too short" in logged()
