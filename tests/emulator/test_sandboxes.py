"""All requests of a hook name the same sandbox, as the request log shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_aep.flow_service.collections import CONNECTIONS
from airflow_provider_aep.flow_service.requests import Call, list_runs_of
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator, paypal_body
from tests.harness.operators import context
from tests.harness.platform import Platform
from tests.harness.waits import deferred, resumed, sensor

PROD = {"x-sandbox-name": "prod", "X-SANDBOX-NAME": "prod", "x-sandbox-id": "prod", "X-Sandbox-Id": "prod"}
Late = Callable[[Any, Callable[[], Any]], Any]


def in_a_session(hook: Any) -> None:
    """Everything a session of `requests` would add of its own."""
    session = hook.get_conn(headers=PROD)
    session.headers.update(PROD)
    session.params = {"sandbox": "prod"}
    hook.run("connections")


def in_an_attribute(hook: Any) -> None:
    """It is no setting; whoever takes it for one is told so, early and late."""
    for _ in range(2):
        with pytest.raises(AttributeError):
            hook.sandbox = "prod"
        hook.list_connections()


def by_a_sibling(hook: Any) -> None:
    """A hook for another sandbox, on the same session and token, changes nothing of this one."""
    sibling = hook.for_sandbox("prod")
    assert (sibling.sandbox, hook.sandbox) == ("prod", "dev")
    hook.list_connections()


LATE: dict[str, Late] = {
    "headers": lambda hook, _: [hook.run("connections", headers={name: "prod"}) for name in PROD],
    "a call's headers": lambda hook, _: hook.call(Call("GET", "/connections", headers=PROD)),
    "authentication": lambda hook, _: hook.run("connections", auth=_renaming),
    "a session": lambda hook, _: in_a_session(hook),
    "an attribute": lambda hook, _: in_an_attribute(hook),
    "a sibling": lambda hook, _: by_a_sibling(hook),
    "the connection, edited": lambda hook, edit: (hook.list_connections(), edit(), hook.list_connections()),
}


def _renaming(request: Any) -> Any:
    request.headers.update(PROD)
    return request


@pytest.fixture(params=["its own", "the connection's"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How a hook comes to be for `dev`."""
    own = {"sandbox": "dev", "extra": {"sandbox": "prod"}}
    return own if request.param == "its own" else {"extra": {"sandbox": "dev"}}


@pytest.fixture
def edit(make_hook: MakeHook, emulator: Emulator) -> Callable[[], Any]:
    """Somebody edits the Airflow connection: its sandbox is `prod` from here on."""
    return lambda: make_hook(emulator.url, extra={"sandbox": "prod"})


@pytest.fixture(autouse=True)
def only_dev(emulator: Emulator) -> Iterator[None]:
    """In the end every request but those for a token has named `dev`, and in one way."""
    yield
    sent = [one["headers"] for one in emulator.requests() if not one["path"].startswith("/ims/")]
    assert sent, "nothing was sent"
    assert {headers.get("x-sandbox-name") for headers in sent} == {"dev"}
    assert not [headers for headers in sent if "x-sandbox-id" in headers]


@pytest.mark.parametrize("late", LATE.values(), ids=LATE.keys())
def test_a_hook(emulator: Emulator, make_hook: MakeHook, way: Any, edit: Any, late: Late) -> None:
    """Production data is another sandbox away."""
    late(make_hook(emulator.url, **way), edit)


@pytest.mark.parametrize("status", [401, 503])
def test_a_repeated_request(
    emulator: Emulator, make_hook: MakeHook, waits: Any, way: Any, edit: Any, status: int
) -> None:
    """The repeated request, with a new token, goes to the same sandbox."""
    hook = make_hook(emulator.url, **way)
    hook.list_connections()
    emulator.fault(method="GET", path="/connections", status=status)
    edit()
    hook.run("connections", headers=PROD)
    assert len(emulator.requests("GET", "/connections")) == 3


def test_what_is_made(emulator: Emulator, make_hook: MakeHook, way: Any, edit: Any) -> None:
    """It exists in `dev`."""
    hook = make_hook(emulator.url, **way)
    assert hook.list_connections() == []
    edit()
    made = hook.run("connections", paypal_body(), headers=PROD, method="POST").json()["id"]
    assert emulator.api(sandbox="dev")("GET", f"/connections/{made}").status_code == 200


def test_the_asynchronous_side(emulator: Emulator, make_hook: MakeHook, way: Any, edit: Any) -> None:
    """A triggerer reads its connection again every few minutes: the sandbox stays the same."""
    from airflow_provider_aep.hooks.aio import AsyncFlowService

    make_hook(emulator.url, **way)

    async def use() -> None:
        async with AsyncFlowService("aep_default", way.get("sandbox")) as service:
            await service.call(Call("GET", "/connections", headers=PROD))
            edit()
            await service.reload()
            await service.call(CONNECTIONS.list_call())
            async for _ in service.pages(list_runs_of("flow", None), most=3):
                pass

    asyncio.run(use())
    assert len(emulator.requests("GET")) == 3


def test_a_deferred_wait(emulator: Emulator, make_hook: MakeHook, way: Any, edit: Any) -> None:
    """Begun in `dev`, watched in `dev`, ended in `dev`, though the connection was edited in between."""
    platform = Platform(emulator, "dev")
    flow = platform.flow(platform.once())
    platform.stop_clock()
    make_hook(emulator.url, **way)
    left = deferred(sensor(flow_id=flow, run_id=None, sandbox=way.get("sandbox")))
    edit()
    platform.advance(60)
    result = resumed(sensor(flow_id=flow, run_id=None, sandbox=way.get("sandbox")), left, ctx=context())
    assert result["status"] == "success"
