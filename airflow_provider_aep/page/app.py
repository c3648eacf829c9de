"""The page's routes. Airflow's own sign-in and permissions guard each of them, and none changes anything."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import PlainTextResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException

from airflow_provider_aep.flow_service.errors import AepError, AepTimeoutError
from airflow_provider_aep.flow_service.validation import check_id, check_sandbox
from airflow_provider_aep.page import reading
from airflow_provider_aep.page.board import KEPT, Answer, Board, FullError, Problem

PATIENCE = 8.0
"""Seconds that a request waits for AEP at most."""

TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
STATIC = {
    one.name: one.read_bytes() for one in files(__package__).joinpath("static").iterdir() if one.is_file()
}

REFUSALS = {
    401: "You are not signed in. Sign in to Airflow, then reload this page.",
    403: "Your Airflow user may not read connections, or your session has ended. Sign in again, or ask your "
    "administrator for the permission to read connections.",
}

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

board = Board()


class SafeHeaders:
    """Add the headers to every response, also to that of an unexpected error, which no middleware sees."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


may_read = requires_access_connection("GET")
app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(may_read)])
safe_app = SafeHeaders(app)


@app.exception_handler(StarletteHTTPException)
async def refuse(request: Request, error: StarletteHTTPException) -> Response:
    """Answer with a sentence if a person opened the address, else as FastAPI does."""
    if error.status_code in REFUSALS and "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse(REFUSALS[error.status_code], error.status_code, error.headers)
    return await http_exception_handler(request, error)


@dataclass(frozen=True)
class Wish:
    """The parameters of a request for data of AEP.

    :param sandbox: empty for the connection's own
    :param have: the version that the viewer has. The data is left out if it is still the newest
    :param wait: wait for a reading under way, at most :data:`PATIENCE`
    :param force: ask AEP although the data is not a minute old
    """

    sandbox: str = ""
    have: str = ""
    wait: bool = False
    force: bool = False


@app.get("/connections")
def connections(user: GetUserDep) -> list[str]:
    """Return the ids of the connections that the user may choose."""
    return reading.aep_connections(user)


@app.get("/task")
def task(made_by: str, user: GetUserDep) -> dict[str, str] | None:
    """Return the DAG and the task that ``made_by`` names, null if they are unknown to this Airflow."""
    return reading.find_task(made_by[:600], user)


@app.get("/fleet/{connection_id:path}")
async def fleet(request: Request, connection_id: str, wish: Annotated[Wish, Depends()]) -> Response:
    """Return all dataflows of a sandbox."""

    def ask(sandbox: str, *, force: bool = False) -> Answer:
        work = partial(reading.read_fleet, connection_id, sandbox, board.give_way)
        return board.ask(("fleet", connection_id, sandbox), work, owner=connection_id, force=force)

    return await reply(request, connection_id, wish, ask)


@app.get("/runs/{flow_id}/{connection_id:path}")
async def runs(
    request: Request, flow_id: str, connection_id: str, wish: Annotated[Wish, Depends()]
) -> Response:
    """Return the last runs of a dataflow."""

    def ask(sandbox: str, *, force: bool = False) -> Answer:
        work = partial(reading.read_runs, connection_id, sandbox, check_id(flow_id, "flow"))
        key = ("runs", connection_id, sandbox, flow_id)
        return board.ask(key, work, owner=connection_id, quick=True, force=force)

    return await reply(request, connection_id, wish, ask)


@app.get("/sandboxes/{connection_id:path}")
async def sandboxes(request: Request, connection_id: str, wish: Annotated[Wish, Depends()]) -> Response:
    """Return the names of the sandboxes that the connection's credential sees."""

    def ask(sandbox: str, *, force: bool = False) -> Answer:
        work = partial(reading.read_sandboxes, connection_id, sandbox)
        key = ("sandboxes", connection_id)
        return board.ask(key, work, owner=connection_id, quick=True, force=force)

    return await reply(request, connection_id, wish, ask)


async def reply(request: Request, connection_id: str, wish: Wish, ask: Callable[..., Answer]) -> Response:
    """Return what is known, at once or after the reading under way, with its age and the last error."""
    name, answer, problem = wish.sandbox, Answer(ended=board.clock()), None
    try:
        name = check_sandbox(name) if name else await in_time(reading.own_sandbox, connection_id)
        answer = ask(name, force=wish.force)
        if wish.wait and answer.pending is not None:
            await asyncio.wait({asyncio.wrap_future(answer.pending)}, timeout=PATIENCE)
            answer = ask(name)
        problem = answer.problem
    except AepError as error:
        problem = Problem.of(error)
    except FullError:
        raise HTTPException(503, "Too many other sandboxes are being read. Try again later.") from None
    version = None if answer.at is None else f"{answer.at:.3f}"
    state = {
        "sandbox": name,
        "version": version,
        "age": None if answer.at is None else max(0.0, round(time.time() - answer.at, 1)),
        "loading": answer.pending is not None,
        "next": max(0.0, round(KEPT - (board.clock() - answer.ended), 1)),
        "error": problem and problem._asdict(),
    }
    return await json_reply(request, state, "null" if wish.have == version else answer.value or "null")


async def in_time(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a blocking function in a thread that is not Airflow's. :raises AepError: it takes too long"""
    call = asyncio.create_task(asyncio.to_thread(function, *arguments))
    done, _ = await asyncio.wait({call}, timeout=PATIENCE)
    if not done:
        raise AepTimeoutError(
            f"Airflow did not read the connection within {PATIENCE:g} s: its database or its secrets "
            "backend is slow. Try again later."
        )
    return call.result()


async def json_reply(request: Request, state: dict[str, Any], data: str) -> Response:
    """Return the state with the data, zipped outside the event loop."""
    body = f'{json.dumps(state, allow_nan=False)[:-1]}, "data": {data}}}'.encode()
    response = Response(body, media_type="application/json")
    if "gzip" in request.headers.get("accept-encoding", "") and len(body) > 1000:
        response.body = await asyncio.to_thread(gzip.compress, body, 6)
        response.headers.update({"content-encoding": "gzip", "content-length": str(len(response.body))})
    response.headers["vary"] = "accept-encoding, cookie, authorization"
    return response


@app.get("/")
def page() -> Response:
    """Return the page."""
    return static("index.html")


@app.get("/{name}")
def static(name: str) -> Response:
    """Return a file of the page."""
    if name not in STATIC:
        raise HTTPException(404)
    return Response(STATIC[name], media_type=TYPES[name.rpartition(".")[2]])


@app.api_route("/{path:path}", methods=["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
def other(request: Request) -> None:
    """Refuse everything else, after the permissions are checked."""
    raise HTTPException(404 if request.method == "GET" else 405, headers={"allow": "GET"})
