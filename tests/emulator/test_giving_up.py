"""A caller that gives up before the connection's `timeout`, such as the page in Airflow's UI."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepServerError, AepTimeoutError
from tests.harness.emulator import Emulator

LONG = 3600.0


def test_a_slow_reply_is_not_waited_for(emulator: Emulator, hook: Any) -> None:
    """The error does not advise to raise a setting that did not decide."""
    hook.list_connections()
    emulator.forget_requests()
    emulator.fault(path="/connections", delay=LONG, times=10)
    hook.give_up_after(call=0.5, total=LONG)
    with pytest.raises(AepTimeoutError) as caught:
        hook.list_connections()
    assert "no whole reply within 0.5 s: the service" in str(caught.value)
    assert "`timeout`" not in str(caught.value)
    assert len(emulator.requests("GET", "/connections")) == 1


def test_a_repeat_that_would_come_too_late_is_not_sent(emulator: Emulator, hook: Any) -> None:
    """A call without this limit is repeated up to three times."""
    emulator.fault(path="/connections", status=503, headers={"Retry-After": "30"}, times=10)
    hook.give_up_after(call=20, total=LONG)
    with pytest.raises(AepServerError):
        hook.list_connections()
    assert len(emulator.requests("GET", "/connections")) == 1


def test_all_calls_together_have_a_limit(emulator: Emulator, hook: Any) -> None:
    """Also those of a sibling of the hook."""
    hook.list_connections()
    hook.give_up_after(call=LONG, total=0.0)
    emulator.fault(path="/connections", delay=LONG, times=10)
    for one in (hook, hook.for_sandbox("dev")):
        with pytest.raises(AepTimeoutError, match=r"within 0\.1 s"):
            one.list_connections()
