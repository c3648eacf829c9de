"""A Flow Service that knows tokens, runs and dataflows: thousands of runs, with faults, latency and TLS.

`with RunServer() as server: server.add("run-1"); server.finish("run-1")`. It answers `GET /runs` by the
documented grammar (`id==a,b`, `flowId==a,b`, the start's bound, pages), `GET /runs/{id}`, and `GET /flows`
likewise: any dataflow exists and is enabled until a test changes that. In a process of its own (`python -m
tests.harness.run_server`) it is controlled by `POST /_control`.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from tests.harness import canary
from tests.harness.secret_search import SEARCH, URLS

SERVICE = "/data/foundation/flowservice"
TOKEN = {"access_token": canary.CORE + "RunToken" + "t" * 40, "token_type": "bearer", "expires_in": 86399}
Answer = tuple[int, Any]
DROP: Answer = (0, None)


def run_item(run_id: str, flow_id: str, status: str = "inProgress", **facts: Any) -> dict[str, Any]:
    """Return a run in the shape of the monitoring tutorial, about 2 KB as JSON.

    :param facts: `started` and `completed` in milliseconds, the number of `failed` records, the `window`
    """
    now, failed = int(time.time() * 1000), facts.get("failed", 0)
    duration = {"startedAtUTC": facts.get("started", now)}
    metrics: dict[str, Any] = {"durationSummary": duration, "statusSummary": {"status": status}}
    if status not in ("inProgress", "queued", "scheduled"):
        duration["completedAtUTC"] = facts.get("completed", now)
        metrics["sizeSummary"] = {"inputBytes": 2000, "outputBytes": 1500}
        counts = {"inputRecordCount": 100, "outputRecordCount": 100 - failed, "failedRecordCount": failed}
        metrics["recordSummary"] = counts
    activity = {
        "id": "copyActivity",
        "durationSummary": {**duration, "extensions": facts.get("window", {})},
        "statusSummary": {"status": status, "extensions": {"filler": "x" * 1200}},
    }
    item = {"id": run_id, "flowId": flow_id, "createdAt": now, "etag": '"1"'}
    return {**item, "metrics": {"sizeSummary": {}, "recordSummary": {}, **metrics}, "activities": [activity]}


class RunServer:
    """Tests may change the attributes at any time."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []
        """The targets of all requests."""
        self.agents = set[str]()
        """The clients of all requests, as they call themselves."""
        self.connections = 0
        self.latency = 0.0
        """Seconds before each answer."""
        self.faulty = 0.0
        """The share of requests that fail."""
        self.in_lists = self.bounds = True
        """Whether the server takes `id==a,b`, and the start's bound."""
        self.page = 100
        """The most runs on a page."""
        self.retry_after = "1"
        """What a 429 asks for."""
        self.refuse: Answer | None = None
        """The answer to every request."""
        self.refuse_flows: Answer | None = None
        """The answer to every request for dataflows."""
        self.flows: dict[str, dict[str, Any] | None] = {}
        """Fields of a dataflow; None for a deleted one."""
        self.odd: dict[str, Answer] = {}
        """The answers to requests for these runs, or for the runs of these dataflows."""
        self.odd_lists = "left out"
        """Lists leave odd runs out (`left out`) or fail (`spoilt`), or only lists fail (`alone spoilt`)."""
        self._random = random.Random(7)
        self._context = context
        self._ended = threading.Event()
        self._peers = set[web.RequestHandler]()
        SEARCH.add_list(URLS, self.log, self._ended.is_set)

    def add(self, run_id: str, flow_id: str = "flow-1", status: str = "inProgress", **facts: Any) -> None:
        """Add a run."""
        self.runs[run_id] = run_item(run_id, flow_id, status, **facts)

    def finish(self, run_id: str, status: str = "success", **facts: Any) -> None:
        """End a run."""
        self.add(run_id, self.runs[run_id]["flowId"], status, **facts)

    def seen(self, part: str = "/runs") -> list[str]:
        """Return the targets that contain `part`."""
        return [target for target in list(self.log) if part in target]

    def __enter__(self) -> RunServer:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        work = self._serve(ready)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(work,), daemon=True)
        self._thread.start()
        assert ready.wait(30), "the server did not start"
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._ended.set()

    async def _serve(self, ready: threading.Event) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.url = f"{'https' if self._context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        if request.protocol not in self._peers:
            self._peers.add(request.protocol)
            self.connections += 1
        self.agents.add(request.headers.get("user-agent", ""))
        body = await request.read()
        if self.latency:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self.latency)
        status, document = self._answer(request.raw_path, body)
        if status == 0 and request.transport:
            request.transport.abort()
        headers = {"retry-after": self.retry_after} if status == 429 else None
        return web.json_response(document, status=status or 500, headers=headers)

    def _answer(self, target: str, body: bytes) -> Answer:
        parts = urlsplit(target)
        if parts.path == "/_control":
            return 200, self._control(json.loads(body))
        self.log.append(target)
        if parts.path.startswith("/ims/"):
            return 200, TOKEN
        if self.refuse is not None:
            return self.refuse
        if self._random.random() < self.faulty:
            return self._random.choice([(503, {}), (429, {}), DROP])
        path = parts.path.removeprefix(SERVICE)
        if path == "/runs":
            return self._list(parse_qsl(parts.query))
        if path.startswith("/flows"):
            return self.refuse_flows or self._flows(path, dict(parse_qsl(parts.query)))
        run_id = path.removeprefix("/runs/")
        if run_id in self.odd and self.odd_lists != "alone spoilt":
            return self.odd[run_id]
        run = self.runs.get(run_id)
        return (200, {"items": [run]}) if run else (404, {"errorMessage": "runs not found with id"})

    def _list(self, query: list[tuple[str, str]]) -> Answer:
        token = dict(query).get("continuationToken")
        at, filters = (
            json.loads(token) if token else (0, [value for name, value in query if name == "property"])
        )
        if any("," in one for one in filters) and not self.in_lists:
            return 400, {"type": "http://ns.adobe.com/aep/errors/FLOW-1443-400", "title": "no lists"}
        if any(">" in one for one in filters) and not self.bounds:
            return 400, {"type": "http://ns.adobe.com/aep/errors/FLOW-1440-400", "title": "no bounds"}
        ids = [one for part in filters if "==" in part for one in part.split("==")[1].split(",")]
        spoilt = [self.odd[one] for one in ids if one in self.odd]
        if spoilt and (self.odd_lists.endswith("spoilt") or len(ids) == 1):
            return spoilt[0]
        found = [run for run in self._filtered(filters) if not {run["id"], run["flowId"]} & set(self.odd)]
        end = at + self.page
        token = json.dumps([end, filters])
        link = {"next": {"href": f"/runs?continuationToken={token}"}} if len(found) > end else {}
        return 200, {"items": found[at:end], "_links": link}

    def _flows(self, path: str, query: dict[str, str]) -> Answer:
        ids = [path.removeprefix("/flows/")] if path != "/flows" else query["property"][4:].split(",")
        facts = {one: self.flows.get(one, {}) for one in ids}
        items = [
            {"id": one, "name": f"The {one}", "state": "enabled", **own}
            for one, own in facts.items()
            if own is not None
        ]
        if path != "/flows" and not items:
            return 404, {"errorMessage": "flows not found with id"}
        return 200, {"items": items}

    def _filtered(self, filters: list[str]) -> list[dict[str, Any]]:
        found = list(self.runs.values())
        for one in filters:
            if ">" in one:
                bound = int(one.split(">")[1])
                found = [run for run in found if run["metrics"]["durationSummary"]["startedAtUTC"] > bound]
                continue
            key, values = one.split("==")
            if key == "id":
                found = [self.runs[value] for value in values.split(",") if value in self.runs]
            else:
                found = [run for run in found if run[key] in values.split(",")]
        return found

    def _control(self, order: dict[str, Any]) -> dict[str, int]:
        """`{"add": [[run, flow]], "set": {}, "forget": true}`; return what was counted."""
        for run_id, flow_id in order.get("add", []):
            self.add(run_id, flow_id)
        for name, value in order.get("set", {}).items():
            setattr(self, name, value)
        runs = [target for target in self.log if "/runs" in target or "/jobs/" in target]
        counted = {"runs": len(runs), "all": len(self.log), "connections": self.connections}
        counted["ids"] = sum(target.count("run-") for target in runs)
        if order.get("forget"):
            self.log.clear()
            self.connections = 0
        return counted


def main(
    certificate: str | None = None, key: str | None = None, *, kind: type[RunServer] = RunServer
) -> None:
    """Serve until standard input ends."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    with kind(context) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
