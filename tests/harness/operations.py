"""Every operator that changes something, as data.

An operation says what exists before it, which of its requests is at stake, and how its effect is counted.
The fault matrix (which adds the hook methods), the kills and the races choose from this one table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any

from airflow_provider_aep.flow_runs.spec import WaitSpec
from airflow_provider_aep.operators import connections, dataflows
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness.emulator import Emulator
from tests.harness.operators import Store, context
from tests.harness.platform import COLUMNS, PLAIN, PRODUCTS, Platform, made, spec, target_body

ONE = "/[^/]+"
"""An entity's id at the end of a path."""
ON = ("enabled", "enabling", "initializing")
OFF = ("disabled", "disabling")
"""States of a dataflow."""
AS_COLUMNS = [{"name": name, "type": "string"} for name in COLUMNS]
MORE_COLUMNS = [*AS_COLUMNS, {"name": "Price", "type": "decimal"}]
DAILY = {"frequency": "day", "interval": 1}
SCHEMA = {"name": "Rows", "columns": AS_COLUMNS}
OPTIONS = {"error_diagnostics": True, "partial_ingestion_percent": 10}
UPDATE = {"if_exists": "update", "description": "New"}
RUN = {
    "window_start": 1_700_000_000,
    "window_end": "2027-01-01",
    "delta_column": "Create_Time",
    "wait": False,
}

Count = Callable[[], int]
Arguments = dict[str, Any]
Ready = Callable[["PreparedPlatform"], tuple[Arguments, Count]]


@dataclass(frozen=True)
class Try:
    """An operation, ready to be carried out again and again.

    :param call: carry it out; called again, it is the same task's next try
    :param done: how often its effect is seen
    """

    call: Callable[[], Any]
    done: Count


class PreparedPlatform(Platform):
    """An emulator's `prod`, used by a client that knows nothing of this project."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.task = context(Store())

    # Entities

    def flow_of(self, **changes: Any) -> str:
        """Create a scheduled, enabled dataflow."""
        flow = self.flow(self.prepared(**changes))
        self.advance(10)
        return flow

    def once_flow(self) -> str:
        """Create a one-time dataflow whose own run is over: it takes runs on demand."""
        source = self.source(self.base(), columns=AS_COLUMNS)
        flow = self.flow(self.once(sourceConnectionIds=[source]))
        self.advance(3600)
        self.runs(flow)
        return flow

    def failed_run(self) -> str:
        """Create a failed run."""
        run = self.runs(self.once_flow())[0]["id"]
        self.emulator.control("POST", f"runs/{run}", {"status": "failed"})
        return str(run)

    def disabled(self) -> str:
        """Create a disabled dataflow."""
        flow = self.flow_of()
        made(self.api("POST", f"/flows/{flow}/action", params={"op": "disable"}), 200)
        self.advance(10)
        return flow

    # Counts of effects

    def more(self, kind: str) -> Count:
        """Count how many more there are than now."""
        before = self.emulator.state()[kind]
        return lambda: self.emulator.state()[kind] - before

    def fewer(self, kind: str) -> Count:
        """Count how many fewer there are than now."""
        more = self.more(kind)
        return lambda: -more()

    def in_state(self, flow: str, *states: str) -> Count:
        """Count 1 as soon as a dataflow is in one of these states."""
        return lambda: int(self.get("flows", flow)["state"] in states)

    def described(self, kind: str, entity_id: str) -> Count:
        """Count 1 as soon as an entity has the new description."""
        return lambda: int(str(self._details(kind, entity_id).get("description")).startswith("New"))

    def _details(self, kind: str, entity_id: str) -> dict[str, Any]:
        if kind != "datasets":
            return self.get(kind, entity_id)
        return dict(made(self.catalog("GET", f"/dataSets/{entity_id}"), 200)[entity_id])

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """List the tenant's own schemas or field groups."""
        reply = self.registry("GET", f"/tenant/{kind}", headers={"Accept": PLAIN["Accept"].split(";")[0]})
        return list(made(reply, 200)["results"])

    def resource_holds(self, kind: str, resource_id: str, text: str) -> Count:
        """Count 1 as soon as a resource holds this text anywhere."""
        return lambda: int(any(text in str(one) for one in self.resources(kind) if one["$id"] == resource_id))

    def maps(self, mapping_set: str, count: int) -> Count:
        """Count 1 as soon as a mapping set has so many mappings."""
        path = f"/mappingSets/{mapping_set}/mappings"
        return lambda: int(len(made(self.conversion("GET", path), 200)) == count)

    # Arguments of operators, bodies of hook calls

    def source_arguments(self) -> Arguments:
        """Return what creates a source connection."""
        return {"name": "Products source", "connection_id": self.base(), "table": PRODUCTS}

    def target_arguments(self) -> Arguments:
        """Return what creates a target connection."""
        schema = self.schema()
        return {"name": "Products target", "schema_id": schema, "dataset_id": self.dataset(schema)}

    def dataflow_arguments(self) -> Arguments:
        """Return what creates a dataflow."""
        schema = self.schema()
        return {
            "name": "Products flow",
            "source_connection_id": self.source(self.base(), columns=AS_COLUMNS),
            "target_connection_id": self.target(schema, self.dataset(schema)),
            "mapping_set": self.mapping(schema),
            "schedule": {**DAILY, "start": self.now() + 3600},  # later than the sleeps of a try
            "delta_column": "Create_Time",
        }

    def source_body(self) -> Arguments:
        """Return the body of a source connection."""
        return {
            "name": "Another source",
            "baseConnectionId": self.base(),
            "data": {"format": "tabular"},
            "params": {"tableName": PRODUCTS},
            "connectionSpec": spec(),
        }

    def target_body(self) -> Arguments:
        """Return the body of a target connection."""
        schema = self.schema()
        return target_body(schema, self.dataset(schema))


@dataclass(frozen=True)
class Operation:
    """One operation, and which of its requests is at stake.

    :param name: of the hook method or operator, and after a comma which part or option of it
    :param request: method and end of the path, as a pattern, of the request that changes something
    :param kind: a kind of `docs/fault-matrix.md`
    :param prepare: creates what exists before
    :param ready: creates what exists before an operator; returns its arguments and the count of its effect
    """

    name: str
    request: str
    kind: str
    prepare: Callable[[PreparedPlatform], Try]
    ready: Ready | None = None

    def matches(self, method: str, path: str) -> bool:
        """Say whether a request is the one at stake; `path` without its query."""
        own_method, own_path = self.request.split(" ")
        return method == own_method and re.search(f"{own_path}$", path) is not None

    @property
    def covers(self) -> str:
        """The hook method or operator."""
        return self.name.partition(",")[0]


# Operators

OTHER_MAPPING = {"Product_Name": "_emulator.Product_Id"}
PATHS = {"datasets": "dataSets"}
"""Collections whose path is not their name in the emulator's counts."""
SOURCES, TARGETS = "sourceConnections", "targetConnections"
Done = Callable[[PreparedPlatform, Any], Count]


def more(kind: str) -> Done:
    """Count what is created."""
    return lambda at, _: at.more(kind)


def fewer(kind: str) -> Done:
    """Count what is deleted."""
    return lambda at, _: at.fewer(kind)


def state_of(key: Any, *states: str) -> Done:
    """Count a dataflow in one of these states, by its id at a key of the arguments."""
    return lambda at, given: at.in_state(given[key], *states)


ArgumentsOf = Callable[[PreparedPlatform], Arguments]


def operator_class(name: str) -> Any:
    """Return the operator that a row is about."""
    own = name.partition(",")[0]
    return getattr(connections, own, None) or getattr(dataflows, own)


def operator(kind: str, name: str, request: str, ready: Ready) -> Operation:
    """Return the row of an operator; each try is a new object, as it is in a process of its own."""
    own = operator_class(name)

    def prepare(at: PreparedPlatform) -> Try:
        arguments, done = ready(at)
        return Try(lambda: own(task_id="task", **arguments).execute(at.task), done)

    return Operation(name, request, kind, prepare, ready=ready)


def given(arguments_of: ArgumentsOf, done: Done) -> Ready:
    """Return an operator's arguments, and count its effect by them."""

    def ready(at: PreparedPlatform) -> tuple[Arguments, Count]:
        arguments = arguments_of(at)
        return arguments, done(at, arguments)

    return ready


def updated(name: str, arguments_of: ArgumentsOf, done: Done, changes: Arguments = UPDATE) -> Ready:
    """Let the same create, with other words, be there before."""

    def ready(at: PreparedPlatform) -> tuple[Arguments, Count]:
        arguments = arguments_of(at)
        own = operator_class(name)(task_id="before", description="Old", **arguments).execute({})
        at.advance(10)
        return {**arguments, **changes}, done(at, own)

    return ready


def remapped_flow(at: PreparedPlatform) -> tuple[Arguments, Count]:
    """Let a dataflow have a mapping set, which is to be replaced."""
    body = at.prepared(name="Products flow")
    at.flow(body)
    at.advance(10)
    own = body["transformations"][1]["params"]["mappingId"]
    target = at.get(TARGETS, body["targetConnectionIds"][0])
    arguments = {
        "schema_id": target["data"]["schema"]["id"],
        "mapping": OTHER_MAPPING,
        "dataflow": "Products flow",
        "if_exists": "update",
    }
    return arguments, at.maps(own, 1)


def on_kill(at: PreparedPlatform) -> Try:
    """Prepare the end of a wait by a user."""
    flow = at.flow_of()

    def call() -> None:
        sensor = FlowRunSensor(task_id="wait", flow_id=flow, disable_on_kill=True)
        sensor.waits_for = WaitSpec(flow_id=flow, run_id=None, deadline=time() + 600)
        sensor.on_kill()

    return Try(call, at.in_state(flow, *OFF))


def credentials_work(at: PreparedPlatform, given: Arguments) -> Count:
    """Count 1 as soon as the source accepts a connection's credentials."""
    path = f"/connections/{given['connection_id']}/test"
    return lambda: int(at.api("GET", path).json()["result"])


def enabled_flows(at: PreparedPlatform, _: Any) -> Count:
    """Count the dataflows that run."""
    return lambda: len([one for one in at.api("GET", "/flows").json()["items"] if one["state"] in ON])


def more_resources(kind: str) -> Done:
    """Count what is created in the Schema Registry."""

    def done(at: PreparedPlatform, _: Any) -> Count:
        before = len(at.resources(kind))
        return lambda: len(at.resources(kind)) - before

    return done


def fewer_schemas(at: PreparedPlatform, given: Any) -> Count:
    """Count the schemas that are deleted."""
    added = more_resources("schemas")(at, given)
    return lambda: -added()


def diagnosed(at: PreparedPlatform, own: Any) -> Count:
    """Count 1 as soon as a dataflow has both options of ingestion."""
    both = {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 10}
    return lambda: int(at.get("flows", own).get("options") == both)


def its_group(at: PreparedPlatform, _: Any) -> Count:
    """Count the new column of the only field group."""
    (group,) = at.resources("fieldgroups")
    return at.resource_holds("fieldgroups", group["$id"], "Price")


def payments(**more: Any) -> ArgumentsOf:
    """Return what creates PayPal's base connection."""
    return lambda _: {"name": "Payments", "paypal_conn_id": "paypal_default", **more}


def deleted_flow(at: PreparedPlatform) -> Arguments:
    """Return what deletes a dataflow with its connections."""
    return {"flow_id": at.flow_of(), "with_connections": True}


def create(name: str, kind: str, arguments_of: ArgumentsOf) -> Operation:
    """Return the row of a create that is counted in the emulator's state."""
    return operator("create", name, f"POST /{PATHS.get(kind, kind)}", given(arguments_of, more(kind)))


def remove(name: str, kind: str, arguments_of: ArgumentsOf) -> Operation:
    """Return the row of a delete that is counted in the emulator's state."""
    path = PATHS.get(kind, kind)
    return operator("delete", name, f"DELETE /{path}{ONE}", given(arguments_of, fewer(kind)))


def switch(name: str, arguments_of: ArgumentsOf, done: Done) -> Operation:
    """Return the row of what switches a dataflow."""
    return operator("switch", name, "POST /action", given(arguments_of, done))


def created_and_updated(kind: str, collection: str, arguments_of: ArgumentsOf) -> tuple[Operation, ...]:
    """Return the rows of a create and of an update of the description."""
    name = f"Create{kind}Operator"
    change = f"PATCH /{PATHS.get(collection, collection)}{ONE}"
    ready = updated(name, arguments_of, lambda at, own: at.described(collection, own))
    return create(name, collection, arguments_of), operator("update", f"{name}, update", change, ready)


SCHEMAS = "CreateSchemaOperator"
OPERATORS = (
    create(
        "CreateBaseConnectionOperator", "connections",
        lambda _: {"name": "Payments", "source": "paypal", "source_conn_id": "paypal_default"},
    ),
    *created_and_updated("PayPalConnection", "connections", payments()),
    create("CreatePayPalConnectionOperator, if_exists='fail'", "connections", payments(if_exists="fail")),
    create("CreatePayPalConnectionOperator, without a mark", "connections", payments(mark=False)),
    operator(
        "update", "RotateCredentialsOperator", f"PATCH /connections{ONE}",
        given(
            lambda at: {"connection_id": at.base(secret="expired"), "source_conn_id": "paypal_default"},
            credentials_work,
        ),
    ),
    remove("DeleteConnectionOperator", "connections", lambda at: {"connection_id": at.base()}),
    *created_and_updated("SourceConnection", SOURCES, PreparedPlatform.source_arguments),
    *created_and_updated("TargetConnection", TARGETS, PreparedPlatform.target_arguments),
    operator(
        "create", f"{SCHEMAS}, its field group", "POST /tenant/fieldgroups",
        given(lambda _: SCHEMA, more_resources("fieldgroups")),
    ),
    operator(
        "create", f"{SCHEMAS}, the schema", "POST /tenant/schemas",
        given(lambda _: SCHEMA, more_resources("schemas")),
    ),
    operator(
        "update", f"{SCHEMAS}, update of its field group", f"PATCH /fieldgroups{ONE}",
        updated(SCHEMAS, lambda _: SCHEMA, its_group, {"columns": MORE_COLUMNS, "if_exists": "update"}),
    ),
    operator(
        "update", f"{SCHEMAS}, update", f"PATCH /schemas{ONE}",
        updated(SCHEMAS, lambda _: SCHEMA, lambda at, own: at.resource_holds("schemas", own, "New")),
    ),
    *created_and_updated("Dataset", "datasets", lambda at: {"name": "Rows", "schema_id": at.schema()}),
    create(
        "CreateMappingSetOperator", "mappingSets",
        lambda at: {"schema_id": at.schema(), "columns": AS_COLUMNS},
    ),
    operator("update", "CreateMappingSetOperator, update", f"PUT /mappingSets{ONE}", remapped_flow),
    *created_and_updated("Dataflow", "flows", PreparedPlatform.dataflow_arguments),
    create(
        "CreateDataflowOperator, without a mark", "flows",
        lambda at: {**at.dataflow_arguments(), "mark": False},
    ),
    operator(
        "update", "CreateDataflowOperator, update of its options", f"PATCH /flows{ONE}",
        updated(
            "CreateDataflowOperator", PreparedPlatform.dataflow_arguments, diagnosed,
            {**OPTIONS, "if_exists": "update"},
        ),
    ),
    switch("CreateDataflowOperator, publish", PreparedPlatform.dataflow_arguments, enabled_flows),
    switch("EnableDataflowOperator", lambda at: {"flow_id": at.disabled()}, state_of("flow_id", *ON)),
    switch("DisableDataflowOperator", lambda at: {"flow_id": at.flow_of()}, state_of("flow_id", *OFF)),
    remove("DeleteDataflowOperator, the dataflow", "flows", deleted_flow),
    remove("DeleteDataflowOperator, its source connection", SOURCES, deleted_flow),
    remove("DeleteDataflowOperator, its target connection", TARGETS, deleted_flow),
    remove("DeleteDatasetOperator", "datasets", lambda at: {"dataset_id": at.dataset(at.schema())}),
    operator(
        "delete", "DeleteSchemaOperator", f"DELETE /schemas{ONE}",
        given(lambda at: {"schema_id": at.schema()}, fewer_schemas),
    ),
    operator(
        "run", "RunDataflowOperator", "POST /runs",
        given(lambda at: {"flow_id": at.once_flow(), **RUN}, more("runs")),
    ),
    operator(
        "run", "RetryFlowRunOperator", "POST /action",
        given(lambda at: {"run_id": at.failed_run(), "wait": False}, more("runs")),
    ),
    Operation("FlowRunSensor, killed with disable_on_kill", "POST /action", "switch", on_kill),
)  # fmt: skip
