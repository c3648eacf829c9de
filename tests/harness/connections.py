"""Airflow connections and hooks for tests: real ones, from environment variables, without a database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PAYPAL_ID, PAYPAL_SECRET, Emulator

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

SetConnection = Callable[..., None]
MakeHook = Callable[..., Any]


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetConnection]:
    """`set_connection("aep_default", login=...)`, in an environment without proxies and what is known."""
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
    """`make_hook(url)`: a hook whose Airflow connection is right in all that is not said otherwise.

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
    """A hook to the emulator."""
    return make_hook(emulator.url)


@pytest.fixture
def paypal(set_connection: SetConnection) -> str:
    """The id of an Airflow connection with PayPal's right credentials."""
    set_connection("paypal_default", conn_type="paypal", login=PAYPAL_ID, password=PAYPAL_SECRET)
    return "paypal_default"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """All that sleeps in a worker's slot, taken down instead of waited for."""
    from airflow_provider_aep.hooks import session

    waited: list[float] = []
    monkeypatch.setattr(session, "sleep", waited.append)
    return waited


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """`logged()`: what was logged since it was last asked. Airflow's versions log to different places."""

    def since() -> str:
        captured = capsys.readouterr()
        text = captured.out + captured.err + caplog.text
        caplog.clear()
        return text

    return since


def chain(error: BaseException) -> list[BaseException]:
    """The error and every cause and context behind it."""
    found: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop()
        if one is not None and one not in found:
            found.append(one)
            queue += [one.__cause__, one.__context__]
    return found
