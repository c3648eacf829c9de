"""Fixtures for all tests: the emulator, Airflow connections from environment variables, and hooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PAYPAL_ID, PAYPAL_SECRET, Emulator

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

SetConnection = Callable[..., None]
MakeHook = Callable[..., Any]


@pytest.fixture(scope="session")
def emulator_process() -> Iterator[Emulator]:
    """Start one emulator for the whole session."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(emulator_process: Emulator) -> Emulator:
    """Reset the session's emulator."""
    emulator_process.reset()
    return emulator_process


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetConnection]:
    """`set_connection("aep_default", login=...)`, in an environment without proxies, tokens and specs."""
    from airflow_provider_aep.hooks import auth_selection, ims

    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def set_one(conn_id: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    def forget() -> None:
        ims.TOKENS.clear()
        auth_selection.SPECS.clear()

    forget()
    yield set_one
    forget()


@pytest.fixture
def make_hook(set_connection: SetConnection) -> MakeHook:
    """`make_hook(url)`: set a valid Airflow connection, and return its hook.

    `extra=` is added to the extra, `login=` and so on replace, `sandbox=` is the hook's own.
    """

    def make(
        url: str | None = None,
        *,
        conn_id: str = "aep_default",
        sandbox: str | None = None,
        extra: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Any:
        from airflow_provider_aep.hooks.flow_service import FlowServiceHook

        right = {"conn_type": "aep", "login": CLIENT_ID, "password": CLIENT_SECRET, "host": url}
        own = {"org_id": ORG_ID, "ims_host": url, "timeout": 20, **(extra or {})}
        set_connection(conn_id, **{**right, "extra": own, **fields})
        return FlowServiceHook(conn_id, sandbox)

    return make


@pytest.fixture
def hook(make_hook: MakeHook, emulator: Emulator) -> Any:
    """Return a hook to the emulator."""
    return make_hook(emulator.url)


@pytest.fixture
def paypal(set_connection: SetConnection) -> str:
    """Set an Airflow connection with the credentials that PayPal accepts, and return its id."""
    set_connection("paypal_default", conn_type="paypal", login=PAYPAL_ID, password=PAYPAL_SECRET)
    return "paypal_default"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the seconds that the client sleeps in a worker slot instead of sleeping."""
    from airflow_provider_aep.hooks import session

    waited: list[float] = []
    monkeypatch.setattr(session, "sleep", waited.append)
    return waited


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """`logged()`: return what was logged since the last call. Airflow's versions log to different places."""

    def since() -> str:
        captured = capsys.readouterr()
        text = captured.out + captured.err + caplog.text
        caplog.clear()
        return text

    return since


def chain(error: BaseException) -> list[BaseException]:
    """Return an error with all its causes and contexts."""
    found: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop()
        if one is not None and one not in found:
            found.append(one)
            queue += [one.__cause__, one.__context__]
    return found
