"""`/_emulator/fleet`: seed many dataflows with all that they use, and the runs that they had."""

from __future__ import annotations

import gc
import hashlib
import re
import secrets
import uuid
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import credentials, fleet_runs, payloads, settings
from airflow_provider_aep.emulator.entities import ACCOUNT
from airflow_provider_aep.emulator.fleet_runs import RECORDS, UNAUTHORIZED, Failure, History, SourceObject
from airflow_provider_aep.emulator.flows import ingest, schedule
from airflow_provider_aep.emulator.flows.engine import Engine
from airflow_provider_aep.emulator.mapping import CONTENT_TYPE
from airflow_provider_aep.emulator.payloads import InvalidInputError
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.spec_bodies import TARGET_SPEC
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.xdm import XdmResources

HEALTH = ("failed", "partial", "late", "never_ran", "running", "disabled", "drafts")
NUMBERS = ("flows", "runs", "hours", "destinations", "connections")
DEFAULTS = {
    "flows": 60,
    "runs": 24,
    "hours": 24,
    **dict.fromkeys(("destinations", "connections", *HEALTH), 0),
}
OTHERS = ("sandbox", "dags")
MAX_NUMBER = 10_000
MAX_RUNS = 250_000
MINUTES, HOURS = (15, 30, 45), (1, 2, 4, 6, 12)
SCHEDULES = (*(("minute", n) for n in MINUTES), *(("hour", n) for n in HOURS), ("day", 1), ("week", 1))
TEAMS = ("Loyalty", "Web shop", "Support", "Finance", "Marketing", "Sales operations", "Stores")
REGIONS = ("EMEA", "Americas", "APAC", "DACH", "Nordics")
PROFILE = "https://ns.adobe.com/xdm/context/profile"
PERSON = "28AF22BA5DE6B0B40A494036@AdobeID"  # who works in AEP's interface, as in samples
INTERFACE = "exc_app"
DESTINATION_SPEC = "71471eba-b620-49e4-90fd-23f1fa0174d8"
FLOWS_OF_CONNECTIONS = 128  # after so many dataflows, each source has another base connection
SHARED_DATASET = 12  # every twelfth dataflow writes to the dataset of another one
MADE_BY_DAGS = 3  # one dataflow of three
DAGS = ("load_crm", "load_orders", "load_payments", "load_support", "load_campaigns", "load_stores")
DAG_ID = re.compile(r"[\w.-]{1,250}", re.ASCII)
Item = dict[str, Any]


@dataclass(frozen=True)
class Fleet:
    """The numbers of a fleet; `health` has a number of dataflows for each health except `ok`."""

    flows: int
    runs: int
    hours: int
    destinations: int
    connections: int
    sandbox: str
    dags: tuple[str, ...]
    health: dict[str, int]

    def healths(self, rng: Random) -> list[str]:
        """Return the health of each dataflow, in a random order."""
        found = [name for name, number in self.health.items() for _ in range(number)]
        found += ["ok"] * (self.flows - len(found))
        rng.shuffle(found)
        return found


class FleetControl:
    """Seed many dataflows at once."""

    def __init__(self, platform: Platform, resources: XdmResources, specs: Specs, engine: Engine) -> None:
        self._platform = platform
        self._resources = resources
        self._specs = specs
        self._engine = engine

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/_emulator/fleet", self.seed, methods=["POST"])]

    async def seed(self, request: Request) -> Response:
        """Seed a fleet; the reply counts its dataflows and runs."""
        fleet = read_fleet(payloads.parse_object(await request.body()))
        self._engine.catch_up()
        objects = fleet_runs.offered(self._platform)
        if not objects:
            raise InvalidInputError("every source that a fleet needs was withdrawn")
        references = {
            spec["name"]: {"id": spec["id"], "version": spec["version"]} for spec in self._specs.flow_specs()
        }
        gc.disable()  # nothing of a fleet is garbage, and its search takes longer than all the rest
        try:
            entities = Seeding(self._platform, self._resources, references, fleet).entities(objects)
            self._engine.keep(*entities)
        finally:
            gc.freeze()
            gc.enable()
        kinds = [entity.kind for entity in entities]
        return payloads.reply({kind: kinds.count(kind) for kind in ("flows", "runs", "connections")}, 201)


def read_fleet(body: Item) -> Fleet:
    """Validate the numbers completely: a typo here makes a test hard to understand."""
    unknown = sorted(set(body) - {*DEFAULTS, *OTHERS})
    if unknown:
        known = ", ".join((*DEFAULTS, *OTHERS))
        raise InvalidInputError(f"unknown field {unknown[0]!r}; known are {known}")
    numbers = {**DEFAULTS, **{name: value for name, value in body.items() if name not in OTHERS}}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
            raise InvalidInputError(f"{name!r} is a whole number from 0 to {MAX_NUMBER}")
    sandbox = body.get("sandbox", "prod")
    if not isinstance(sandbox, str) or sandbox not in settings.SANDBOXES:
        raise InvalidInputError(f"'sandbox' is one of {', '.join(settings.SANDBOXES)}")
    dags = body.get("dags", list(DAGS))
    if not isinstance(dags, list) or not dags or not all(DAG_ID.fullmatch(str(dag)) for dag in dags):
        raise InvalidInputError("'dags' is an array of ids of DAGs")
    health = {name: numbers[name] for name in HEALTH}
    if sum(health.values()) > numbers["flows"]:
        raise InvalidInputError(f"{', '.join(HEALTH)} are parts of 'flows'")
    if not numbers["runs"] and any(health[name] for name in ("failed", "partial", "late")):
        raise InvalidInputError("a failed, partial or late dataflow has 'runs'")
    if numbers["runs"] * (numbers["flows"] + numbers["destinations"]) > MAX_RUNS:
        raise InvalidInputError(f"a fleet has at most {MAX_RUNS} runs")
    given = {name: numbers[name] for name in NUMBERS}
    return Fleet(**given, sandbox=sandbox, dags=tuple(map(str, dags)), health=health)


@dataclass(frozen=True)
class Origin:
    """The number of a dataflow, the DAG that made it (empty: a person), and when (in seconds)."""

    n: int
    dag: str
    created: float

    def described(self, text: str, task: str) -> Item:
        """Return a description; one that a DAG made ends with the ownership mark of its task instance."""
        run = hashlib.sha256(f"scheduled__2025-01-01T00:00:00+00:00 {self.n}\n-1".encode()).hexdigest()
        mark = f"[airflow:{self.dag}.ingest_{self.n}.{task} {run[:8]}]" if self.dag else ""
        both = " ".join(part for part in (text, mark) if part)
        return {"description": both} if both else {}


class Seeding:
    """Build the entities of one fleet."""

    def __init__(
        self, platform: Platform, resources: XdmResources, flow_specs: dict[str, Item], fleet: Fleet
    ) -> None:
        self._platform = platform
        self._resources = resources
        self._flow_specs = flow_specs
        self._fleet = fleet
        self._sandbox = fleet.sandbox
        seed = f"{fleet.sandbox} {platform.store.count('flows')}"
        self._rng = Random(seed)  # noqa: S311 - the same fleet every time is the point
        self._used = platform.store.times(fleet.sandbox)
        self._now = int(platform.clock.now())
        self._shown_end = platform.settings.failed_run_end == "shown"
        self._schemas: dict[str, Entity] = {}
        self._datasets: dict[str, Entity] = {}
        self._connections: dict[tuple[str, bool, int, bool], Entity] = {}
        self._made: list[Entity] = []
        self._failed: Counter[str] = Counter()  # dataflows, by the family of their source

    def entities(self, objects: list[SourceObject]) -> list[Entity]:
        """Return the entities, in order of `createdAt`."""
        personal = [thing for thing in objects if thing.is_personal] or objects
        for n, health in enumerate(self._fleet.healths(self._rng)):
            partial = health == "partial"
            self._dataflow(n, self._rng.choice(personal) if partial else objects[n % len(objects)], health)
        for n in range(self._fleet.destinations):
            self._destination(n, objects[n % len(objects)])
        for n in range(self._fleet.connections):
            thing, origin = objects[n % len(objects)], Origin(n, "", self._now - 3600.0)
            self._new_connection(thing, origin, f"{thing.source.name} {n + 1}", right=True)
        return sorted(self._made, key=lambda entity: entity.item["createdAt"])

    def _time(self, seconds: float) -> int:
        """Return a `createdAt` near a time that no other entity has."""
        at = int(seconds * 1000)
        while at in self._used:
            at += 1
        self._used.add(at)
        return at

    def _item(self, fields: Item, origin: Origin) -> Item:
        account, client = (ACCOUNT, settings.CLIENT_ID) if origin.dag else (PERSON, INTERFACE)
        created, etag = self._time(origin.created), self._platform.new_etag()
        return {
            "id": str(uuid.uuid4()),
            "createdAt": created,
            "updatedAt": created,
            "createdBy": account,
            "updatedBy": account,
            "createdClient": client,
            "updatedClient": client,
            "sandboxId": settings.SANDBOXES[self._sandbox],
            "sandboxName": self._sandbox,
            "imsOrgId": settings.ORG_ID,
            **fields,
            "version": etag,
            "etag": etag,
        }

    def _keep(self, kind: str, item: Item, hidden: Item | None = None, entity_id: str = "") -> Entity:
        entity = Entity(kind, self._sandbox, entity_id or item["id"], item, hidden or {})
        self._made.append(entity)
        return entity

    # Entities that dataflows share

    def _connection(self, thing: SourceObject, origin: Origin, *, right: bool) -> Entity:
        """Return a base connection; the source refuses its credentials unless they are `right`."""
        key = thing.source.id, bool(origin.dag), origin.n // FLOWS_OF_CONNECTIONS, right
        if key not in self._connections:
            name = f"{thing.source.name} {TEAMS[key[2] % len(TEAMS)]}"
            name = name if right else f"{name} (old account)"
            self._connections[key] = self._new_connection(thing, origin, name, right=right)
        return self._connections[key]

    def _new_connection(self, thing: SourceObject, origin: Origin, name: str, *, right: bool) -> Entity:
        auth_spec = thing.source.spec["authSpec"][0]
        names = auth_spec["spec"]["properties"]
        params = credentials.plain({name: f"{name}.example.com" for name in names})
        fields = {
            "name": name,
            **origin.described("", "create_connection"),
            "auth": {"specName": auth_spec["name"], "params": params},
            "connectionSpec": _reference(thing.source.spec),
            "state": "enabled",
        }
        hidden = {"right": dict.fromkeys(names, right)}
        return self._keep("connections", self._item(fields, origin), hidden)

    def _schema(self, thing: SourceObject) -> Entity:
        if thing.title not in self._schemas:
            known = self._platform.store.all("schemas", self._sandbox)
            found = [entity for entity in known if entity.item["title"] == thing.title]
            self._schemas[thing.title] = found[0] if found else self._new_schema(thing)
        return self._schemas[thing.title]

    def _new_schema(self, thing: SourceObject) -> Entity:
        """Store a schema and its field group at once: the registry reads the one for the other."""
        own = {"_emulator": {"type": "object", "properties": thing.fields()}}
        group_body = {
            "type": "object",
            "title": f"{thing.title} fields",
            "meta:intendedToExtend": [PROFILE],
            "definitions": {"customFields": {"type": "object", "properties": own}},
            "allOf": [{"$ref": "#/definitions/customFields"}],
        }
        group = self._resources.create(self._sandbox, "fieldgroups", group_body)
        self._platform.store.put(group)
        parts = [{"$ref": PROFILE}, {"$ref": group.item["$id"]}]
        body = {"type": "object", "title": thing.title, "allOf": parts}
        schema = self._resources.create(self._sandbox, "schemas", body)
        self._platform.store.put(schema)
        self._used |= {group.item["createdAt"], schema.item["createdAt"]}
        return schema

    def _dataset(self, thing: SourceObject, name: str, origin: Origin) -> Entity:
        if origin.n % SHARED_DATASET == SHARED_DATASET - 1 and thing.title in self._datasets:
            return self._datasets[thing.title]
        at, dataset_id = self._time(origin.created), secrets.token_hex(12)
        content_type = "application/vnd.adobe.xed+json;version=1"
        item = {
            "createdAt": at,
            "name": name,
            "version": "1.0.0",
            "imsOrg": settings.ORG_ID,
            "created": at,
            "updated": at,
            "createdClient": settings.CLIENT_ID,
            "createdUser": ACCOUNT,
            "updatedUser": ACCOUNT,
            "tags": {},
            "viewId": secrets.token_hex(12),
            "files": f"@/dataSetFiles?dataSetId={dataset_id}",
            "observableSchema": {},
            "schemaRef": {"id": self._schema(thing).item["$id"], "contentType": content_type},
        }
        self._datasets[thing.title] = self._keep("datasets", item, entity_id=dataset_id)
        return self._datasets[thing.title]

    # One dataflow

    def _dataflow(self, n: int, thing: SourceObject, health: str) -> None:
        frequency, interval = self._rng.choice(_schedules(self._fleet, health))
        every = schedule.SECONDS[frequency] * interval
        start = last = self._last(health, every)
        if health not in ("never_ran", "running"):
            start -= every * (self._fleet.runs + self._rng.randint(20, 200))
        dag = "" if n % MADE_BY_DAGS else self._fleet.dags[n // MADE_BY_DAGS % len(self._fleet.dags)]
        origin = Origin(n, dag, min(start, self._now) - 3600.0)
        options = _options(n, health)
        failure = self._failure(thing, n, health)
        refused = health == "failed" and failure is UNAUTHORIZED
        name = _name(thing, n)
        base = self._connection(thing, origin, right=not refused)
        dataset = self._dataset(thing, name, origin)
        source = self._source(thing, name, base, origin)
        target = self._target(thing, name, dataset, origin)
        mapping = self._mapping(thing, name, origin)
        item = self._flow_item(
            {
                "name": name,
                **origin.described(f"{thing.title} for {TEAMS[n % len(TEAMS)]}", "create_dataflow"),
                "flowSpec": self._flow_specs[thing.source.flow_specs[0]],
                "sourceConnectionIds": [source.id],
                "targetConnectionIds": [target.id],
                "inheritedAttributes": _inherited(source, target),
                "transformations": _transformations(thing, mapping.id),
                "scheduleParams": {"startTime": start, "frequency": frequency, "interval": str(interval)},
                **({"options": options} if options else {}),
                "state": {"disabled": "disabled", "drafts": "draft"}.get(health, "enabled"),
            },
            origin,
        )
        ends = {"read": ingest.read_plan(source.item), "dataset": dataset.id}
        plan = {
            "flow": item["id"],
            "source": source.id,
            "target": target.id,
            **ends,
            "mapping": mapping.id,
            "version": 0,
            "delta": thing.delta_column,
            "partial": options.get("partialIngestionPercent", 0),
            "diagnostics": options.get("errorDiagnosticsEnabled", False),
        }
        partial_status = "partialSuccess" if n % 3 == 1 else "success"
        history = History(item, plan, thing.table.rows, every, last, failure, partial_status, self._shown_end)
        hidden: Item = {"next": None, "watermark": None}
        if health != "drafts":
            hidden["ends"] = ends
        if health in ("ok", "failed", "partial"):
            hidden |= {"next": float(last + every), "watermark": float(last), "begun": True}
        elif health == "never_ran":
            hidden["next"] = float(start)
        self._keep("flows", {**item, **self._history(history, health)}, hidden)

    def _flow_item(self, fields: Item, origin: Origin) -> Item:
        item = self._item(fields, origin)
        operation = {
            "started": item["createdAt"],
            "updated": item["createdAt"],
            "percentCompleted": 100,
            "status": {"value": "completed", "errors": []},
            "operation": "create",
        }
        return {**item, "lastOperation": operation, "runs": f"/runs?property=flowId=={item['id']}"}

    def _failure(self, thing: SourceObject, n: int, health: str) -> Failure:
        """Return why runs fail: the failed dataflows fail in turn for each reason."""
        family = thing.source.family
        self._failed[family] += health == "failed"
        return fleet_runs.failure(thing.source, self._failed[family] - 1 if health == "failed" else n)

    def _last(self, health: str, every: int) -> int:
        """Return the scheduled time of the last run. The next one is due in half an interval or later."""
        if health == "never_ran":
            return self._now + self._rng.randint(1, 48) * 3600
        if health == "running":
            return self._now - 90
        if health == "late":
            return self._now - int(every * self._rng.uniform(3, 5))
        return self._now - int(every * self._rng.uniform(0.15, 0.5))

    def _history(self, history: History, health: str) -> Item:
        """Keep the runs of a dataflow; return what the dataflow shows of the last one."""

        def new_item(fields: Item, at: int) -> Item:
            return self._item(fields, Origin(0, DAGS[0], at / 1000))

        found: list[Entity] = []
        if health == "running":
            found = [fleet_runs.under_way(history, new_item)]
        elif health not in ("never_ran", "drafts"):
            ends = fleet_runs.statuses(health, self._fleet.runs, self._rng)
            found = list(fleet_runs.ended(history, ends, self._rng, new_item))
        self._made += found
        own = [entity for entity in found if entity.kind == "runs"]
        return {"lastRunDetails": fleet_runs.details(own[-1])} if own else {}

    def _source(self, thing: SourceObject, name: str, base: Entity, origin: Origin) -> Entity:
        reference = _reference(thing.source.spec)
        fields = {
            "name": f"{name} source",
            **origin.described("", "create_source_connection"),
            "data": thing.data,
            "params": thing.params,
            "connectionSpec": reference,
            "baseConnectionId": base.id,
            "inheritedAttributes": {"baseConnection": {"id": base.id, "connectionSpec": reference}},
            "state": "enabled",
        }
        return self._keep("sourceConnections", self._item(fields, origin))

    def _target(self, thing: SourceObject, name: str, dataset: Entity, origin: Origin) -> Entity:
        schema = {"id": self._schema(thing).item["$id"], "version": CONTENT_TYPE}
        fields = {
            "name": f"{name} target",
            **origin.described("", "create_target_connection"),
            "data": {"schema": schema},
            "params": {"dataSetId": dataset.id},
            "connectionSpec": {"id": TARGET_SPEC, "version": "1.0"},
            "state": "enabled",
        }
        return self._keep("targetConnections", self._item(fields, origin))

    def _mapping(self, thing: SourceObject, name: str, origin: Origin) -> Entity:
        at, schema = self._time(origin.created), self._schema(thing)
        mappings = [
            {
                "id": uuid.uuid4().hex,
                "version": 0,
                "sourceType": "ATTRIBUTE",
                "source": thing.prefix + column,
                "destination": f"_emulator.{column}",
            }
            for column in thing.table.kinds
        ]
        item = {
            "createdAt": at,
            "id": uuid.uuid4().hex,
            "version": 0,
            "createdDate": at,
            "modifiedDate": at,
            "createdBy": ACCOUNT,
            "modifiedBy": ACCOUNT,
            "outputSchema": {"schemaRef": {"id": schema.item["$id"], "contentType": CONTENT_TYPE}},
            "mappings": mappings,
            "name": name,
        }
        return self._keep("mappingSets", item)

    def _destination(self, n: int, thing: SourceObject) -> None:
        """Keep a dataflow to a destination: lists show it, and its runs, among those of sources."""
        source, target, every, last = str(uuid.uuid4()), str(uuid.uuid4()), 3600, self._now - 1800
        fields = {
            "name": f"Audience {n + 1} to {thing.source.name}",
            "flowSpec": {"id": DESTINATION_SPEC, "version": "1.0"},
            "sourceConnectionIds": [source],
            "targetConnectionIds": [target],
            "inheritedAttributes": {"properties": {"isDestinationFlow": True}},
            "transformations": [],
            "state": "enabled",
        }
        created = float(last - every * (self._fleet.runs + 24))
        item = self._flow_item(fields, Origin(n, "", created))
        plan = {"flow": item["id"], "source": source, "target": target, "dataset": "", "read": None}
        plan |= {"mapping": None, "delta": None, "partial": 0, "diagnostics": False}
        history = History(item, plan, (), every, last, RECORDS, "success", self._shown_end)
        self._keep("flows", {**item, **self._history(history, "ok")}, {"next": None, "watermark": None})


def _name(thing: SourceObject, n: int) -> str:
    every = len(TEAMS) * len(REGIONS)
    name = f"{thing.title} {TEAMS[n % len(TEAMS)]} {REGIONS[n // len(TEAMS) % len(REGIONS)]}"
    return f"{name} {n // every + 1}" if n >= every else name


def _schedules(fleet: Fleet, health: str) -> list[tuple[str, int]]:
    """Return the schedules by which all runs fit into the fleet's hours."""
    if health in ("never_ran", "running", "drafts"):
        return list(SCHEDULES)
    fit = [s for s in SCHEDULES if schedule.SECONDS[s[0]] * s[1] * fleet.runs <= fleet.hours * 3600]
    return fit or [SCHEDULES[0]]


def _options(n: int, health: str) -> Item:
    """Return the options of a dataflow; most of those that lose records have error diagnostics."""
    if health == "partial":
        return {"partialIngestionPercent": 10, "errorDiagnosticsEnabled": n % 5 != 0}
    if n % 4 == 1:
        return {"partialIngestionPercent": 5, "errorDiagnosticsEnabled": True}
    return {"errorDiagnosticsEnabled": True} if n % 4 == 2 else {}


def _reference(spec: Item) -> Item:
    return {"id": spec["id"], "version": spec["version"]}


def _transformations(thing: SourceObject, mapping_id: str) -> list[Item]:
    mapping = {"name": "Mapping", "params": {"mappingId": mapping_id, "mappingVersion": "0"}}
    if thing.delta_column is None:
        return [mapping]
    return [{"name": "Copy", "params": {"deltaColumn": {"name": thing.delta_column}}}, mapping]


def _inherited(source: Entity, target: Entity) -> Item:
    shown = {"id": source.id, "connectionSpec": source.item["connectionSpec"]}
    return {
        "properties": {"isSourceFlow": True},
        "sourceConnections": [{**shown, **source.item["inheritedAttributes"]}],
        "targetConnections": [{"id": target.id, "connectionSpec": target.item["connectionSpec"]}],
    }
