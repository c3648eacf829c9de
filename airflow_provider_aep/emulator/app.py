"""Build the emulator as one ASGI application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.access_control import (
    AccessControl,
    PermissionCheck,
    plain_refusal,
    source_refusal,
)
from airflow_provider_aep.emulator.catalog import BatchIngestion, Catalog
from airflow_provider_aep.emulator.connections import Connections
from airflow_provider_aep.emulator.control import Control, PermissionControl, RunControl, SpecControl
from airflow_provider_aep.emulator.data_access import DataAccess
from airflow_provider_aep.emulator.data_prep import DataPrep
from airflow_provider_aep.emulator.errors import ApiError, bad_request, flow_error, plain_error
from airflow_provider_aep.emulator.fleet import FleetControl
from airflow_provider_aep.emulator.flows.bodies import FlowBodies
from airflow_provider_aep.emulator.flows.engine import Engine
from airflow_provider_aep.emulator.flows.flows import Flows
from airflow_provider_aep.emulator.flows.runs import Runs
from airflow_provider_aep.emulator.gateway import Gateway, SandboxCheck
from airflow_provider_aep.emulator.ims import Ims
from airflow_provider_aep.emulator.journal import Journal
from airflow_provider_aep.emulator.output import Output
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.sandboxes import Sandboxes
from airflow_provider_aep.emulator.schema_registry import SchemaRegistry
from airflow_provider_aep.emulator.source_and_target_connections import SourceConnections, TargetConnections
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import StateFileError
from airflow_provider_aep.emulator.streaming import StreamingEndpoints
from airflow_provider_aep.emulator.wire import Wire
from airflow_provider_aep.emulator.xdm import XdmResources


def build(platform: Platform, output: Output) -> ASGIApp:
    """Connect services, gateway, faults and request log."""
    specs = Specs(platform)
    resources = XdmResources(platform)
    engine = Engine(platform, resources)
    flow_service = Router(
        [
            *Connections(platform, specs).routes(),
            *SourceConnections(platform, specs).routes(),
            *TargetConnections(platform).routes(),
            *Flows(platform, FlowBodies(platform, specs), engine).routes(),
            *Runs(platform, specs, engine).routes(),
            *specs.routes(),
        ],
        redirect_slashes=False,
    )
    access = AccessControl(platform)

    def checked(app: ASGIApp, area: str, refusal: Callable[[str], ApiError] = plain_refusal) -> ASGIApp:
        """Check the sandbox, then the permissions of an area."""
        return SandboxCheck(PermissionCheck(app, platform, area, refusal), platform)

    services = Router(
        [
            Mount("/flowservice", checked(flow_service, "sources", source_refusal)),
            Mount("/schemaregistry", checked(_router(SchemaRegistry(platform, resources)), "schemas")),
            Mount("/catalog", checked(_router(Catalog(platform, resources)), "datasets")),
            Mount("/import", checked(_router(BatchIngestion(platform)), "datasets")),
            Mount("/conversion", checked(_router(DataPrep(platform, resources)), "sources")),
            Mount("/export", checked(_router(DataAccess(platform)), "datasets")),
            *access.routes(),
            Mount("/access-control", SandboxCheck(Router(access.sandbox_routes()), platform)),
            *Sandboxes(platform).routes(),
        ],
        redirect_slashes=False,
    )
    app = Starlette(
        routes=[
            *Ims(platform).routes(),
            *Control(platform, engine.catch_up).routes(),
            *PermissionControl(platform).routes(),
            *RunControl(platform, engine).routes(),
            *Journal(platform, engine.catch_up).routes(),
            *FleetControl(platform, resources, specs, engine).routes(),
            *SpecControl(platform, engine.catch_up).routes(),
            Mount("/collection", _CaughtUp(Router(StreamingEndpoints(platform, resources).routes()), engine)),
            Mount("/data/foundation", Gateway(_CaughtUp(services, engine), platform)),
        ],
        exception_handlers={
            ApiError: _answer_api_error,
            payloads.InvalidInputError: _answer_invalid_input,
            HTTPException: _answer_http_exception,
            StateFileError: _state_file_handler(output),
        },
    )
    app.router.redirect_slashes = False
    return Wire(app, platform, output)


class _Service(Protocol):
    def routes(self) -> list[Route]: ...


def _router(service: _Service) -> Router:
    return Router(service.routes(), redirect_slashes=False)


class _CaughtUp:
    """ASGI: carry out everything that is due before a request is served."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._engine.catch_up()
        await self._app(scope, receive, send)


def _answer_api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return payloads.reply(error.body, error.status, error.headers)


def _answer_invalid_input(_request: Request, error: Exception) -> Response:
    return _answer_api_error(_request, bad_request(str(error)))


def _answer_http_exception(_request: Request, error: Exception) -> Response:
    """Answer an unknown path or method. No document shows these bodies."""
    assert isinstance(error, HTTPException)
    body = plain_error(error.status_code, error.detail, "No such resource or method").body
    return payloads.reply(body, error.status_code, dict(error.headers or {}))


def _state_file_handler(output: Output) -> Callable[[Request, Exception], Response]:
    def answer(_request: Request, error: Exception) -> Response:
        """Answer 503: nothing was stored, and the client can try again later."""
        output.line(str(error))
        failure = flow_error("1103-503")
        return payloads.reply(failure.body, failure.status)

    return answer
