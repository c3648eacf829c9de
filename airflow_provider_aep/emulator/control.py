"""`/_emulator`: the control plane for tests. Adobe has no such API."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import access_control, payloads, settings, sources, spec_bodies
from airflow_provider_aep.emulator.clock import MAX_ADVANCE_SECONDS
from airflow_provider_aep.emulator.errors import plain_not_found
from airflow_provider_aep.emulator.faults import read_fault
from airflow_provider_aep.emulator.flows import diagnostics, ingest, metrics
from airflow_provider_aep.emulator.flows.engine import Engine
from airflow_provider_aep.emulator.payloads import InvalidInputError
from airflow_provider_aep.emulator.platform import KINDS, Platform
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.tables import library

DECISION_FIELDS = {"status": str, "metrics": dict, "activities": list, "errors": list, "failed_records": list}
MAX_STATUS = 100
Item = dict[str, Any]
FLOW_SPECS = {
    "table": "CRMToAEP",
    "file": "CloudStorageToAEP",
    "rest": "RestStorageToAEP",
    "stream": "GenericStreamingAEP",
}


class Control:
    """Serve the request log, faults, reset, clock and counts."""

    def __init__(self, platform: Platform, catch_up: Callable[[], float]) -> None:
        self._platform = platform
        self._catch_up = catch_up

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_emulator/requests", self.requests, methods=["GET", "DELETE"]),
            Route("/_emulator/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_emulator/reset", self.reset, methods=["POST"]),
            Route("/_emulator/clock", self.clock, methods=["GET", "POST"]),
            Route("/_emulator/state", self.state, methods=["GET"]),
        ]

    async def requests(self, request: Request) -> Response:
        """Return every request so far, oldest first, or clear them."""
        if request.method == "DELETE":
            self._platform.log.entries.clear()
            return Response(status_code=204)
        return payloads.reply({"items": self._platform.log.entries})

    async def faults(self, request: Request) -> Response:
        """Add a fault, list the faults not yet used up, or clear them."""
        faults = self._platform.faults
        if request.method == "DELETE":
            faults.waiting.clear()
            return Response(status_code=204)
        if request.method == "POST":
            faults.waiting.append(read_fault(payloads.parse_json(await request.body())))
            return payloads.reply({"waiting": len(faults.waiting)}, 201)
        fields = ("method", "path", "times", "when", "status", "delay", "drop")
        return payloads.reply(
            {"items": [{name: getattr(f, name) for name in fields} for f in faults.waiting]}
        )

    async def reset(self, _request: Request) -> Response:
        """Reset everything to the state at the start."""
        self._platform.reset()
        return payloads.reply({})

    async def clock(self, request: Request) -> Response:
        """Move the clock ahead, stop it, start it, or read it."""
        if request.method == "POST":
            value = payloads.parse_json(await request.body())
            change = value if isinstance(value, dict) else {}
            running = change.get("running", True)
            seconds = change.get("advance", 0 if "running" in change else None)
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
                raise InvalidInputError("'advance' is a number of seconds, not negative")
            if seconds > MAX_ADVANCE_SECONDS - self._platform.clock.offset:  # a sum may overflow
                raise InvalidInputError("the clock can be at most ten years ahead")
            if not isinstance(running, bool):
                raise InvalidInputError("'running' is true or false")
            if not running:
                self._platform.clock.stop()
            elif "running" in change:
                self._platform.clock.run()
            self._platform.advance(seconds)
        return payloads.reply({"now": self._platform.clock.now()})

    async def state(self, _request: Request) -> Response:
        """Return the number of entities of each kind, over all sandboxes."""
        self._catch_up()
        return payloads.reply({kind: self._platform.store.count(kind) for kind in KINDS})


class PermissionControl:
    """Take permissions and sandboxes away from the credential."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/_emulator/permissions", self.permissions, methods=["GET", "POST"])]

    async def permissions(self, request: Request) -> Response:
        """Set what the credential lacks, or show what it has; a field that is missing is as at the start."""
        if request.method == "POST":
            body = payloads.parse_object(await request.body())
            if set(body) - {"without", "sandboxes"}:
                raise InvalidInputError("permissions have the fields 'without' and 'sandboxes'")
            without = _names(body, "without", (), access_control.reference()["permissions"])
            seen = _names(body, "sandboxes", settings.SANDBOXES, settings.SANDBOXES)
            self._platform.without, self._platform.sandboxes = frozenset(without), seen
        permissions = sorted(access_control.held(self._platform))
        return payloads.reply({"permissions": permissions, "sandboxes": self._platform.sandboxes})


def _names(body: Item, field: str, default: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    names = body.get(field, list(default))
    if not isinstance(names, list) or not set(map(str, names)) <= set(known):
        raise InvalidInputError(f"{field!r} is an array of some of {', '.join(sorted(known))}")
    return tuple(names)


class RunControl:
    """Decide how runs end, and show the records of a dataset."""

    def __init__(self, platform: Platform, engine: Engine) -> None:
        self._platform = platform
        self._engine = engine

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_emulator/runs/{id}", self.decide, methods=["POST"]),
            Route("/_emulator/datasets/{id}/rows", self.rows, methods=["GET"]),
        ]

    async def decide(self, request: Request) -> Response:
        """Decide how a run ends, before or after its end; the reply is the changed run."""
        decision = _checked_decision(payloads.parse_json(await request.body()))
        self._engine.catch_up()
        run = self._find(request.path_params["id"])
        self._engine.keep(*self._engine.records.decided(run, decision))
        return payloads.reply(metrics.shown(self._find(run.id).item, self._platform.file_origin(request)))

    async def rows(self, request: Request) -> Response:
        """Return the records of a dataset, in the order of their ingestion."""
        self._engine.catch_up()
        found = ingest.dataset_records(self._platform, request.path_params["id"])
        if found is None:
            raise plain_not_found(f"There is no dataset {request.path_params['id']}")
        return payloads.reply({"items": found, "count": len(found)})

    def _find(self, run_id: str) -> Entity:
        for sandbox in settings.SANDBOXES:
            run = self._platform.store.get("runs", sandbox, run_id)
            if run is not None:
                return run
        raise plain_not_found(f"There is no run {run_id}")


def _checked_decision(decision: object) -> dict[str, Any]:
    """Validate a decision completely: a typo here makes a test hard to understand."""
    if not isinstance(decision, dict) or not decision:
        raise InvalidInputError(f"a decision is an object with some of {', '.join(DECISION_FIELDS)}")
    for name, value in decision.items():
        if name not in DECISION_FIELDS or not isinstance(value, DECISION_FIELDS[name]):
            raise InvalidInputError(f"{name!r} is an unknown field of a decision, or has the wrong type")
    tree = decision.get("metrics", {})
    summary = tree.get("statusSummary", {})
    known = ("durationSummary", "statusSummary", "recordSummary", "sizeSummary", "fileSummary")
    if not all(isinstance(tree.get(name, {}), dict) for name in known):
        raise InvalidInputError("a summary in 'metrics' is an object")
    status = decision.get("status", summary.get("status", "success"))
    if not isinstance(status, str) or not 0 < len(status) <= MAX_STATUS:
        raise InvalidInputError("'status' is a short string")
    if "failed_records" in decision:
        decision["failed_records"] = list(map(_failed_record, decision["failed_records"]))
    return decision


def _failed_record(entry: object) -> Item:
    """Read a failed record; without a code, its mapping failed."""
    fields = entry if isinstance(entry, dict) else {}
    record, code = fields.get("record"), fields.get("code", diagnostics.MAPPER)
    if not isinstance(record, dict) or not isinstance(code, str) or not code:
        raise InvalidInputError("each of 'failed_records' has a 'record' that is an object, and a 'code'")
    message = fields.get("message", diagnostics.TEXTS.get(code, "The record was rejected."))
    if set(fields) - {"record", "code", "message"} or not isinstance(message, str):
        raise InvalidInputError("each of 'failed_records' has a 'record', a 'code' and a 'message'")
    return diagnostics.rejected(record, code, message)


class SpecControl:
    """Offer and withdraw connection specs, and change the columns of their tables, until a reset."""

    def __init__(self, platform: Platform, catch_up: Callable[[], float]) -> None:
        self._platform = platform
        self._catch_up = catch_up  # what is due runs first, with the specs as they were

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_emulator/connectionSpecs", self.offer, methods=["POST"]),
            Route("/_emulator/connectionSpecs/{id}", self.withdraw, methods=["DELETE"]),
            Route("/_emulator/connectionSpecs/{id}/columns", self.change_columns, methods=["POST"]),
        ]

    async def offer(self, request: Request) -> Response:
        """Offer a new spec, or change a known one; the reply is the spec as the platform shows it."""
        source = self._read(payloads.parse_object(await request.body()))
        self._catch_up()
        sources.add(self._platform, source)
        return payloads.reply(source.spec, 201)

    async def withdraw(self, request: Request) -> Response:
        """Withdraw a spec: 204; the platform then answers as if the spec never existed."""
        spec_id = request.path_params["id"]
        if sources.find(self._platform, spec_id) is None:
            raise plain_not_found(f"There is no connection spec {spec_id}")
        self._catch_up()
        sources.withdraw(self._platform, spec_id)
        return Response(status_code=204)

    async def change_columns(self, request: Request) -> Response:
        """Add, remove or change columns of a table; the reply has all its columns as `/explore` shows them.

        The first column stays as it is: its values distinguish the rows.
        """
        spec_id = request.path_params["id"]
        body = payloads.parse_object(await request.body())
        source = sources.find(self._platform, spec_id)
        if source is None:
            raise plain_not_found(f"There is no connection spec {spec_id}")
        table = library.tables(source).get(str(body.get("table")))
        columns = body.get("columns")
        if table is None or not isinstance(columns, dict):
            known = ", ".join(library.tables(source))
            raise InvalidInputError(f"'table' is one of {known}, and 'columns' is an object")
        key = next(iter(table.kinds))
        for name, kind in columns.items():
            if not name or name == key or kind not in (None, *library.VALUES):
                kinds = ", ".join(library.VALUES)
                raise InvalidInputError(f"the type of {name!r} is null or one of {kinds}; {key!r} stays")
        self._catch_up()  # what is due runs first, with the columns as they were
        sources.change_columns(self._platform, source, table.name, columns)
        changed = sources.find(self._platform, spec_id)
        assert changed is not None
        return payloads.reply({"items": library.tables(changed)[table.name].columns()})

    def _read(self, body: Item) -> Source:
        """Read a spec; fields that are left out keep their value, or get the default of the family."""
        for name in ("id", "name", "family"):
            if not isinstance(body.get(name, "x"), str) or not body.get(name, "x"):
                raise InvalidInputError(f"{name!r} is a string")
        spec_id = body.get("id", str(uuid.uuid4()))
        known = sources.find(self._platform, spec_id)
        family = body.get("family", known.family if known else "table")
        if "name" not in body or family not in FLOW_SPECS:
            raise InvalidInputError(
                f"a spec has a 'name', and a 'family' that is one of {', '.join(FLOW_SPECS)}"
            )
        if known is None or family != known.family:
            endpoint_kind = "flows" if family == "stream" else None
            known = Source(
                spec_id, body["name"], "databases", family, [FLOW_SPECS[family]], endpoint_kind, {}
            )
        auth_specs = _auth_specs(body.get("authSpec", []))
        facts = {**vars(known), "name": body["name"]}
        drafts = self._platform.settings.drafts == "on"
        built = spec_bodies.connection_spec(facts, auth_specs, drafts=drafts)
        given = {name: value for name, value in body.items() if name in built}
        odd = [name for name, value in given.items() if type(value) is not type(built[name])]
        if odd:
            raise InvalidInputError(f"{odd[0]!r} has the wrong type in a spec")
        return replace(known, name=body["name"], spec={**built, **given, "authSpec": auth_specs})


def _auth_specs(value: object) -> list[Item]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidInputError("'authSpec' is an array of objects")
    return [_auth_spec(entry) for entry in value]


def _auth_spec(entry: Item) -> Item:
    name, schema = entry.get("name"), entry.get("spec")
    if not isinstance(name, str) or not isinstance(schema, dict):
        raise InvalidInputError("each of 'authSpec' has a 'name', and a JSON Schema as its 'spec'")
    schema = {"type": "object", "properties": {}, "required": [], **schema}
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        raise InvalidInputError(f"the 'spec' of {name!r} is not a JSON Schema: {error.message}") from None
    if not all(isinstance(part, dict) for part in schema["properties"].values()):
        raise InvalidInputError(f"the 'properties' of {name!r} are objects")
    return {"type": "KeyBased", **entry, "spec": schema}
