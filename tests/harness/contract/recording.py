"""Requests as they leave the hooks, blocking and not, each with its reply, to be held against the OpenAPI."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.harness.connections import MakeHook
from tests.harness.contract import openapi
from tests.harness.emulator import Emulator
from tests.harness.operators import context

needs_openapi = pytest.mark.skipif(
    openapi.openapi_dir() is None,
    reason="AEP_OPENAPI_DIR does not name the folder of Adobe's OpenAPI files",
)


@pytest.fixture
def sent(
    make_hook: MakeHook, emulator: Emulator, paypal: str, monkeypatch: pytest.MonkeyPatch
) -> list[requests.Response]:
    """Every reply of the test, each with the request that it answers."""
    from airflow_provider_aep.hooks.aio_transport import AioTransport
    from airflow_provider_aep.hooks.transport import Transport

    replies: list[requests.Response] = []
    send, send_async = Transport.send, AioTransport.send

    def recording(self: Any, request: Any) -> Any:
        reply = send(self, request)
        replies.append(reply.response)
        return reply

    async def recording_async(self: Any, request: Any) -> Any:
        reply = await send_async(self, request)
        replies.append(_as_response(request, reply))
        return reply

    monkeypatch.setattr(Transport, "send", recording)
    monkeypatch.setattr(AioTransport, "send", recording_async)
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
    """A hook whose requests are recorded."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    return FlowServiceHook()


def run(module: str, operator: str, **arguments: Any) -> Any:
    """`run("connections", "TestConnectionOperator", connection_id=...)`: what its `execute` returns."""
    import importlib

    kind = getattr(importlib.import_module(f"airflow_provider_aep.operators.{module}"), operator)
    return kind(task_id="t", **arguments).execute(context())


def check(sent: list[requests.Response]) -> list[str]:
    """Hold each request and its reply against the OpenAPI; the operations that were sent."""
    exchanges = [reply for reply in sent if "/ims/" not in str(reply.request.url)]
    assert exchanges
    for reply in exchanges:
        assert reply.status_code < 400, reply.text
        openapi.check_response(reply)
        headers = {name.lower() for name in reply.request.headers}
        assert {"authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name"} <= headers
        assert (reply.request.body is not None) == ("content-type" in headers)
    return [openapi.operation_of(reply) for reply in exchanges]
