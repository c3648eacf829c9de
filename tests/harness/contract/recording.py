"""Record the exchanges of hooks and of plain requests, and check them against the OpenAPI."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import requests

from tests.harness.connections import MakeHook
from tests.harness.contract import openapi
from tests.harness.emulator import Emulator
from tests.harness.operators import context
from tests.harness.platform import Platform


class CheckedPath(Platform):
    """Check every exchange as it is made, those of the helpers too."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.api.http.hooks["response"].append(lambda response, **_: openapi.check_response(response))

    def flows(self, expected: int, method: str, path: str, **options: Any) -> Any:
        """Call Flow Service; return the body of a reply with the expected status."""
        return answered(self.api(method, path, **options), expected)


def answered(response: requests.Response, expected: int) -> Any:
    """Return the body of a reply with the expected status."""
    assert response.status_code == expected, response.text
    return response.json() if response.content else None


@pytest.fixture
def path(emulator: Emulator) -> CheckedPath:
    """Return the services of sandbox `prod`, which check each call, with a stopped clock."""
    path = CheckedPath(emulator)
    path.stop_clock()
    return path


@pytest.fixture
def sent(
    make_hook: MakeHook, emulator: Emulator, paypal: str, monkeypatch: pytest.MonkeyPatch
) -> list[requests.Response]:
    """Return the list of all replies to hooks, each with its request."""
    from airflow_provider_aep.hooks.aio_transport import AioTransport
    from airflow_provider_aep.hooks.transport import Transport

    replies: list[requests.Response] = []
    send, send_async = Transport.send, AioTransport.send

    def record(self: Any, request: Any) -> Any:
        reply = send(self, request)
        replies.append(reply.response)
        return reply

    async def record_async(self: Any, request: Any) -> Any:
        reply = await send_async(self, request)
        replies.append(_as_response(request, reply))
        return reply

    monkeypatch.setattr(Transport, "send", record)
    monkeypatch.setattr(AioTransport, "send", record_async)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")
    make_hook(emulator.url)
    return replies


def _as_response(request: Any, reply: Any) -> requests.Response:
    response = requests.Response()
    response.request = requests.PreparedRequest()
    response.request.prepare(request.method, request.url, request.headers, data=request.body)
    response.status_code, response._content = reply.status, reply.body
    response.headers.update(reply.headers)
    return response


@pytest.fixture
def hook(sent: Any) -> Any:
    """Return a hook whose requests are recorded."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    return FlowServiceHook()


def run(module: str, operator: str, **arguments: Any) -> Any:
    """Execute an operator: `run("connections", "TestConnectionOperator", connection_id=...)`."""
    kind = getattr(importlib.import_module(f"airflow_provider_aep.operators.{module}"), operator)
    return kind(task_id="t", **arguments).execute(context())


def check(sent: list[requests.Response]) -> list[str]:
    """Check each recorded exchange; return the operations."""
    exchanges = [reply for reply in sent if "/ims/" not in str(reply.request.url)]
    assert exchanges
    for reply in exchanges:
        assert reply.status_code < 400, reply.text
        openapi.check_response(reply)
        headers = {name.lower() for name in reply.request.headers}
        assert {"authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name"} <= headers
        assert (reply.request.body is not None) == ("content-type" in headers)
    return [openapi.operation_of(reply) for reply in exchanges]
