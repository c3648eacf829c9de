"""What each creating operator makes in a real Airflow, and how a client of its own finds what stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.harness.platform import COLUMNS, PRODUCTS, SHORT, Platform, made

NAME = "{{ run_id | replace(':', '.') | replace('+', ' ') }}"
DAILY = {"frequency": "day", "interval": 1}
TABLE = [{"name": name, "type": "string"} for name in COLUMNS]
MAPPING = {name: f"_emulator.{name}" for name in COLUMNS}


@dataclass(frozen=True)
class Order:
    """One operator's work: each DAG run makes what bears its name.

    :param operator: ``dataflows.CreateSchemaOperator``, say
    :param standing: the ids of what stands under a name
    :param begin: called before anything is made under a name
    :param may_ask: whether the task may end by saying that it cannot tell what was done, and ask for a clear
    """

    operator: str
    arguments: dict[str, Any]
    standing: Callable[[str], list[str]]
    begin: Callable[[str], None] = lambda _: None
    may_ask: bool = False


def paypal_connection(path: Platform) -> Order:
    """A base connection by the operator of its own."""
    return Order("connections.CreatePayPalConnectionOperator", {"name": NAME}, named(path, "connections"))


def base_connection(path: Platform) -> Order:
    """A base connection of any source."""
    arguments = {"name": NAME, "source": "square", "source_conn_id": "square_default"}
    return Order("connections.CreateBaseConnectionOperator", arguments, named(path, "connections"))


def schema(path: Platform) -> Order:
    """A schema, with its one field group."""

    def standing(name: str) -> list[str]:
        found = titled(path, "schemas", name)
        assert len(titled(path, "fieldgroups", f"{name} fields")) == len(found)
        return found

    return Order("dataflows.CreateSchemaOperator", {"name": NAME, "columns": TABLE}, standing)


def dataset(path: Platform) -> Order:
    """A dataset."""

    def standing(name: str) -> list[str]:
        return list(made(path.catalog("GET", "/dataSets", params={"name": name}), 200))

    return Order("dataflows.CreateDatasetOperator", {"name": NAME, "schema_id": path.schema()}, standing)


def source_connection(path: Platform) -> Order:
    """A source connection, whose columns are read from the source."""
    arguments = {"name": NAME, "connection_id": path.base(), "table": PRODUCTS}
    return Order("dataflows.CreateSourceConnectionOperator", arguments, named(path, "sourceConnections"))


def target_connection(path: Platform) -> Order:
    """A target connection."""
    own = path.schema()
    arguments = {"name": NAME, "schema_id": own, "dataset_id": path.dataset(own)}
    return Order("dataflows.CreateTargetConnectionOperator", arguments, named(path, "targetConnections"))


def mapping_set(path: Platform) -> Order:
    """A mapping set. What earlier turns made says something else by then, or it would be used again."""

    def every() -> list[str]:
        params = {"limit": 10_000, "start": 0}
        reply = path.conversion("GET", "/mappingSets", params=params)
        return [item["id"] for item in made(reply, 200)["data"]]

    note, standing = since(every)
    own = path.schema()
    other = {"sourceType": "STATIC", "source": "other", "destination": "_emulator.Product_Id"}

    def begin(name: str) -> None:
        for one in every():
            body = {"outputSchema": {"schemaRef": {"id": own}}, "mappings": [other]}
            made(path.conversion("PUT", f"/mappingSets/{one}", json=body), 200)
        note(name)

    arguments = {"schema_id": own, "mapping": MAPPING}
    return Order("dataflows.CreateMappingSetOperator", arguments, standing, begin)


def dataflow(path: Platform) -> Order:
    """A dataflow that recurs."""
    own = path.schema()
    arguments = {
        "name": NAME,
        "source_connection_id": path.source(path.base()),
        "target_connection_id": path.target(own, path.dataset(own)),
        "mapping_set": path.mapping(own),
        "schedule": DAILY,
        "delta_column": "Create_Time",
    }
    return Order("dataflows.CreateDataflowOperator", arguments, named(path, "flows"))


def run(path: Platform) -> Order:
    """Runs on demand of a one-time dataflow, each for a second of its own.

    Not for the data interval: `@continuous` has several within a second, and windows are in whole ones.
    """
    flow = path.flow(path.once())
    path.advance(60)  # its run of its own is over
    begin, standing = since(lambda: [item["id"] for item in path.runs(flow)])
    second = "(data_interval_end.timestamp() * 1000) | int % 10**9"
    window = {"window_start": f"{{{{ {second} }}}}", "window_end": f"{{{{ {second} + 1 }}}}"}
    arguments = {"flow_id": flow, "delta_column": "Create_Time", "wait": False, **window}
    return Order("dataflows.RunDataflowOperator", arguments, standing, begin, may_ask=True)


ORDERS: dict[str, Callable[[Platform], Order]] = {
    make.__name__: make
    for make in (
        paypal_connection,
        base_connection,
        schema,
        dataset,
        source_connection,
        target_connection,
        mapping_set,
        dataflow,
        run,
    )
}


def since(every: Callable[[], list[str]]) -> tuple[Callable[[str], None], Callable[[str], list[str]]]:
    """How things without a name are found: they came since the turn of the DAG run began."""
    before: dict[str, list[str]] = {}

    def begin(name: str) -> None:
        before[name] = every()

    def standing(name: str) -> list[str]:
        return [one for one in every() if one not in before[name]]

    return begin, standing


def named(path: Platform, kind: str) -> Callable[[str], list[str]]:
    """How entities of Flow Service are found."""

    def standing(name: str) -> list[str]:
        params = {"property": f"name=={name}", "limit": "100"}
        return [item["id"] for item in made(path.api("GET", f"/{kind}", params=params), 200)["items"]]

    return standing


def titled(path: Platform, kind: str, title: str) -> list[str]:
    """How entities of the Schema Registry are found."""
    reply = path.registry("GET", f"/tenant/{kind}", headers=SHORT, params={"property": f"title=={title}"})
    return [item["$id"] for item in made(reply, 200)["results"]]
