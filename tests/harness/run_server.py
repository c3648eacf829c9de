"""A Flow Service that knows tokens and runs, made for waiting: thousands of runs, faults, latency, https.

`with RunServer() as server: server.add("run-1"); server.finish("run-1")`. It knows `GET /runs` by the
documented grammar (`id==a,b`, `flowId==a,b`, the start's bound, pages) and `GET /runs/{id}`; and `GET /flows`
likewise, where any dataflow exists and is enabled until a test says otherwise. In a process of
its own (`python -m tests.harness.run_server`) it is steered by `POST /_control`.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.harness import canary
from tests.harness.canary_watch import URLS, WATCH

SERVICE = "/data/foundation/flowservice"
_TOKEN = {"access_token": canary.CORE + "RunToken" + "t" * 40, "token_type": "bearer", "expires_in": 86399}
Answer = tuple[int, Any]


def run_item(run_id: str, flow_id: str, status: str = "inProgress", **facts: Any) -> dict[str, Any]:
    """A run in the shape of the monitoring tutorial, about 2 KB as JSON once it is filled."""
    now = int(time.time() * 1000)
    ended = status not in ("inProgress", "queued", "scheduled")
    records = {
        "inputRecordCount": 100,
        "outputRecordCount": 100 - facts.get("failed", 0),
        "failedRecordCount": facts.get("failed", 0),
    }
    duration = {
        "startedAtUTC": facts.get("started", now),
        **({"completedAtUTC": facts.get("completed", now)} if ended else {}),
    }
    activity = {
        "id": "copyActivity",
        "durationSummary": {**duration, "extensions": facts.get("window", {})},
        "statusSummary": {"status": status, "extensions": {"filler": "x" * 1200}},
    }
    return {
        "id": run_id,
        "flowId": flow_id,
        "createdAt": now,
        "etag": '"1"',
        "metrics": {
            "durationSummary": duration,
            "sizeSummary": {"inputBytes": 2000, "outputBytes": 1500} if ended else {},
            "recordSummary": records if ended else {},
            "statusSummary": {"status": status},
        },
        "activities": [activity],
    }


class RunServer:
    """Attributes may be changed at any time.

    `latency` in seconds, `faulty` as a share of requests, `page` its largest page; `in_lists` and `bounds`:
    whether it takes them. `refuse` is an answer to everything, `refuse_flows` to what is asked of dataflows.
    `flows`: what a dataflow has beside its id, None for one that is deleted. `odd`: the answer to a read of
    this run, or of the runs of this dataflow. `odd_lists`: what is odd is `left out` of lists, or a list with
    it is `spoilt`, or lists `alone spoilt` and itself readable.
    """

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []
        self.connections = 0
        self.latency = 0.0
        self.faulty = 0.0
        self.in_lists = self.bounds = True
        self.page = 100
        self.refuse: Answer | None = None
        self.flows: dict[str, dict[str, Any] | None] = {}
        self.odd: dict[str, Answer] = {}
        self.odd_lists = "left out"
        self.refuse_flows: Answer | None = None
        self._random = random.Random(7)
        self._context = context
        self._ended = threading.Event()
        WATCH.lines(URLS, lambda: self.log, self._ended.is_set)
        self._port = port
        self._ready = threading.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    # What tests do

    def add(self, run_id: str, flow_id: str = "flow-1", status: str = "inProgress", **facts: Any) -> None:
        """A run."""
        self.runs[run_id] = run_item(run_id, flow_id, status, **facts)

    def finish(self, run_id: str, status: str = "success", **facts: Any) -> None:
        """It ends."""
        self.add(run_id, self.runs[run_id]["flowId"], status, **facts)

    def seen(self, part: str = "/runs") -> list[str]:
        """The requests whose target holds `part`."""
        return [target for target in list(self.log) if part in target]

    def __enter__(self) -> RunServer:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._main(),), daemon=True
        )
        self._thread.start()
        assert self._ready.wait(30), "the server did not start"
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._ended.set()

    # What it does

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._context)
        scheme = "https" if self._context else "http"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                sizes = [line.split(":")[1] for line in lines if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(sizes[0]) if sizes else 0)
                method, target, _ = first.split(" ", 2)
                if self.latency:
                    await asyncio.sleep(self.latency)
                status, document = self._answer(method, target, body)
                if status == 0:
                    writer.transport.abort()
                    return
                text = json.dumps(document).encode()
                more = "retry-after: 1\r\n" if status == 429 else ""
                reply = (
                    f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}"
                    f"content-length: {len(text)}\r\n\r\n"
                )
                writer.write(reply.encode() + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, method: str, target: str, body: bytes) -> Answer:
        parts = urlsplit(target)
        if parts.path == "/_control":
            return 200, self._control(json.loads(body))
        self.log.append(target)
        if parts.path.startswith("/ims/"):
            return 200, _TOKEN
        if self.refuse is not None:
            return self.refuse
        if self._random.random() < self.faulty:
            return self._random.choice([(503, {}), (429, {}), (0, None)])
        path = parts.path.removeprefix(SERVICE)
        if path == "/runs":
            return self._list(parse_qsl(parts.query))
        if path.startswith("/flows"):
            return self.refuse_flows or self._flows(path, dict(parse_qsl(parts.query)))
        odd = self.odd.get(path.removeprefix("/runs/"))
        if odd is not None and self.odd_lists != "alone spoilt":
            return odd
        run = self.runs.get(path.removeprefix("/runs/"))
        return (200, {"items": [run]}) if run else (404, {"errorMessage": "runs not found with id"})

    def _list(self, query: list[tuple[str, str]]) -> Answer:
        facts = dict(query)
        if "continuationToken" in facts:
            at, wanted = json.loads(facts["continuationToken"])
        else:
            at, wanted = 0, [value for name, value in query if name == "property"]
        if any("," in one for one in wanted) and not self.in_lists:
            return 400, {"type": "http://ns.adobe.com/aep/errors/FLOW-1443-400", "title": "no lists"}
        if any(">" in one for one in wanted) and not self.bounds:
            return 400, {"type": "http://ns.adobe.com/aep/errors/FLOW-1440-400", "title": "no bounds"}
        ids = [one for part in wanted if "==" in part for one in part.split("==")[1].split(",")]
        spoilt = [self.odd[one] for one in ids if one in self.odd]
        if spoilt and (self.odd_lists.endswith("spoilt") or len(ids) == 1):
            return spoilt[0]
        found = [run for run in self._filtered(wanted) if not {run["id"], run["flowId"]} & set(self.odd)]
        page, rest = found[at : at + self.page], len(found) > at + self.page
        token = json.dumps([at + self.page, wanted])
        link = {"next": {"href": f"/runs?continuationToken={token}"}} if rest else {}
        return 200, {"items": page, "_links": link}

    def _flows(self, path: str, query: dict[str, str]) -> Answer:
        ids = [path.removeprefix("/flows/")] if path != "/flows" else query["property"][4:].split(",")
        items = []
        for one in ids:
            facts = self.flows.get(one, {})
            if facts is not None:
                items.append({"id": one, "name": f"The {one}", "state": "enabled", **facts})
        if path != "/flows" and not items:
            return 404, {"errorMessage": "flows not found with id"}
        return 200, {"items": items}

    def _filtered(self, wanted: list[str]) -> list[dict[str, Any]]:
        found = list(self.runs.values())
        for one in wanted:
            if ">" in one:
                bound = int(one.split(">")[1])
                found = [run for run in found if run["metrics"]["durationSummary"]["startedAtUTC"] > bound]
                continue
            key, values = one.split("==")
            if key == "id":
                found = [self.runs[value] for value in values.split(",") if value in self.runs]
            else:
                allowed = set(values.split(","))
                found = [run for run in found if run[key] in allowed]
        return found

    def _control(self, order: dict[str, Any]) -> dict[str, Any]:
        """`{"add": [[run, flow]], "finish": [run], "set": {}, "forget": true}`; answers what it counted."""
        for run_id, flow_id in order.get("add", []):
            self.add(run_id, flow_id)
        for run_id in order.get("finish", []):
            self.finish(run_id)
        for name, value in order.get("set", {}).items():
            setattr(self, name, value)
        asked = [target for target in self.log if "/runs" in target or "/jobs/" in target]
        counted = {"runs": len(asked), "all": len(self.log), "connections": self.connections}
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
