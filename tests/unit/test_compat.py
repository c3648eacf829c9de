"""The differences between versions of Airflow."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from airflow_provider_aep import _compat
from tests.harness.connections import MakeHook


@pytest.mark.skipif(not _compat.HAS_RETRY_POLICY, reason="before 3.3 nobody tells a trigger")
def test_the_word_that_a_user_ended_a_task() -> None:
    """It is Airflow's own."""
    from airflow.jobs import triggerer_job_runner

    assert triggerer_job_runner._USER_ACTION_CANCEL_MSG == _compat.CANCELLED_BY_A_USER  # type: ignore[attr-defined]


@pytest.mark.skipif(not _compat.HAS_RETRY_POLICY, reason="before 3.3 only the blocking call exists")
def test_a_connection_that_only_the_blocking_call_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """In `dag.test()` Airflow's asynchronous call does not reach the database."""
    found = SimpleNamespace(conn_id="aep_default")

    async def nothing(conn_id: str) -> Any:
        raise _compat.AirflowNotFoundException(conn_id)

    monkeypatch.setattr(_compat.BaseHook, "aget_connection", nothing)
    monkeypatch.setattr(_compat.BaseHook, "get_connection", lambda _: found)
    assert asyncio.run(_compat.aget_connection("aep_default")) is found


def test_a_short_value_of_an_extra_draws_no_warning(
    make_hook: MakeHook, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow would say in each log that `prod` is too short to be masked; a sandbox's name is no secret.

    Airflow warns once in a process. That warning is left for a secret that is too short.
    """
    from airflow.sdk.log import mask_secret

    warn_again(monkeypatch)
    assert make_hook(extra={"sandbox": "prod", "ims_host": None}).settings.sandbox == "prod"
    assert "too short" not in logged()
    mask_secret("abc")
    assert "too short" in logged()


def test_a_short_password_is_warned_about(
    make_hook: MakeHook, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow does not mask it, and the user has to know."""
    warn_again(monkeypatch)
    assert make_hook(password="abc", extra={"sandbox": "prod", "ims_host": None}).settings.sandbox == "prod"
    assert "too short" in logged()


def warn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Airflow warn in this process as if it had not yet."""
    for name, module in list(sys.modules.items()):
        if name.startswith("airflow.") and "SecretsMasker" in vars(module):
            monkeypatch.setattr(module.SecretsMasker, "_has_warned_short_secret", False, raising=False)


class Wire:
    """Airflow 3.1's way from a triggerer to its supervisor: a reply that nobody reads spoils the next one."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.reply = asyncio.Event()
        self.unread = False

    async def ask(self, *_args: Any, **_kwargs: Any) -> Any:
        """A request and its reply."""
        self.asked.set()
        try:
            await self.reply.wait()
        except asyncio.CancelledError:
            self.unread = True
            raise
        return {}

    def ask_from_a_thread(self, *_args: Any, **_kwargs: Any) -> Any:
        """Block as Airflow's blocking calls do."""
        return async_to_sync(self.ask)()


TASK = SimpleNamespace(dag_id="dag", task_id="task", run_id="run", map_index=-1)
CALLS: dict[str, Callable[[], Any]] = {
    "connection": lambda: _compat.aget_connection("aep_default"),
    "mask": lambda: _compat.amask_secret("a secret"),
    "task state": lambda: _compat.atask_state(TASK),
    "xcom": lambda: _compat.apush_xcom(TASK, "key", "value"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_cancelled_call_reads_its_reply(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Else Airflow 3.1 ends the whole triggerer. The cancelled caller still ends at once."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from airflow.sdk.execution_time.xcom import XCom

    async def main() -> Wire:
        wire = Wire()
        monkeypatch.setattr(_compat, "get_connection", wire.ask_from_a_thread)
        monkeypatch.setattr(_compat.BaseHook, "aget_connection", wire.ask, raising=False)
        monkeypatch.setattr(_compat, "mask_secret", wire.ask_from_a_thread)
        if _compat.HAS_RETRY_POLICY:
            monkeypatch.setattr("airflow.sdk.log.amask_secret", wire.ask)
        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", wire.ask_from_a_thread)
        monkeypatch.setattr(XCom, "set", wire.ask_from_a_thread)
        trigger = asyncio.create_task(CALLS[call]())
        await wire.asked.wait()
        trigger.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(trigger, 30)
        wire.reply.set()
        for _ in range(20):  # the thread finds its way back
            await asyncio.sleep(0.01)
        return wire

    assert not asyncio.run(main()).unread


def test_a_command_is_typed_as_this_airflow_takes_it() -> None:
    """Airflow has commands of providers from 3.2 on. A word of AEP is quoted for the shell."""
    from airflow import __version__

    start = "python -m airflow_provider_aep" if __version__.startswith("3.1") else "airflow aep"
    assert _compat.aep_command("failures", "run-1") == f"{start} failures run-1"
    more = _compat.aep_command("failures", "a; b", conn_id="aep_test", sandbox="dev")
    assert more == f"{start} failures 'a; b' --conn-id aep_test --sandbox dev"
