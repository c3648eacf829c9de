"""Dataflows of every kind, made by plain requests: without ownership marks, with Adobe's sample values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.harness.documented_sources import LANDING_ZONE, LAVA, row_of
from tests.harness.emulator import PAYPAL_SPEC, PRODUCTS, Emulator
from tests.harness.platform import COLUMNS, CRM, DAY, Platform, decide, made, spec

FILES, REST = "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "6499120c-0b15-42dc-936e-847ea3c24d72"
MAPPED, UNMAPPED = "c1a19761-d2c7-4702-b9fa-fe91f0613e81", "d8a6f005-7eaf-4153-983e-e8574508b877"
OPTIONAL, GENERIC = "d69717ba-71b4-4313-b654-49f9cf126d7a", "e77fde5a-22a8-11ed-861d-0242ac120002"
HOSTILE = "\"); import os #'{{ ds }}{% raw %}{# ä 数据 \\n \N{RIGHT-TO-LEFT OVERRIDE}"
TEXT = {"type": "string"}
PEOPLE = {"name": TEXT, "age": {"type": "integer"}}
ORDERS = {"order_id": TEXT, "amount": {"type": "number"}}
Body = dict[str, Any]


class Maker:
    """Make one kind of dataflow by plain requests. Each has its own entities, named after the kind."""

    def __init__(self, platform: Platform, kind: str) -> None:
        self.platform, self.kind = platform, kind

    def base(self, source: str = "PayPal", **changes: Any) -> str:
        """Create a base connection."""
        host = {"host": "api.sandbox.paypal.com"} if source == "PayPal" else {}
        body = {**row_of(source).body(**host), "name": f"{self.kind} base", **changes}
        return str(made(self.platform.api("POST", "/connections", json=body))["id"])

    def source(self, spec_id: str, params: Body, form: Body | None = None, **changes: Any) -> str:
        """Create a source connection."""
        body = {
            "name": f"{self.kind} source",
            "description": "Source connection of the tutorial",
            "params": params,
            "connectionSpec": spec(spec_id),
            **({"data": form} if form else {}),
            **changes,
        }
        return str(made(self.platform.api("POST", "/sourceConnections", json=body))["id"])

    def table(self, base: str | None = None, **params: Any) -> str:
        """Create a source connection of a PayPal table with selected columns."""
        columns = [{"name": name, "type": "string", "xdm": dict(one)} for name, one in COLUMNS.items()]
        given = {"tableName": PRODUCTS, "columns": columns, **params}
        form = {"format": "tabular"}
        return self.source(PAYPAL_SPEC, given, form, baseConnectionId=base or self.base())

    def of(self, source: str, params: Body, form: Body | None = None, **changes: Any) -> str:
        """Create a source connection of a documented source, with its base connection."""
        spec_id = row_of(source).source["id"]
        return self.source(spec_id, params, form, baseConnectionId=self.base(source), **changes)

    def once(self, source: str, columns: Any, flow_spec: str, **changes: Any) -> Body:
        """Return the body of a dataflow that runs once, with Adobe's numbers as text."""
        schedule = {"startTime": str(self.platform.now()), "frequency": "once"}
        body = self.platform.joined(source, flow_spec, columns, scheduleParams=schedule)
        return {**body, "name": self.kind, "description": "Dataflow of the tutorial", **changes}

    def stream(self, source: str, flow_spec: str, **changes: Any) -> Body:
        """Return the body of a streaming dataflow."""
        body = self.platform.joined(source, flow_spec, PEOPLE)
        return {**body, "name": self.kind, **changes}

    def recurring(
        self, frequency: str = "day", interval: str = "1", source: str = "", **changes: Any
    ) -> Body:
        """Return the body of a recurring dataflow of a table, as the collect tutorials print it."""
        body = self.once(source or self.table(), COLUMNS, CRM, **changes)
        delta = {"name": "Create_Time", "dateFormat": "YYYY-MM-DD", "timezone": "UTC"}
        body["transformations"].insert(0, {"name": "Copy", "params": {"deltaColumn": delta}})
        body["scheduleParams"] |= {"frequency": frequency, "interval": interval, "backfill": "true"}
        return body

    def mapped(self, *rows: Body) -> Body:
        """Return the body of a recurring dataflow whose mapping set has these rows."""
        body = self.recurring()
        target = self.platform.get("targetConnections", body["targetConnectionIds"][0])
        schema = target["data"]["schema"]["id"]
        content = {"outputSchema": {"schemaRef": {"id": schema}}, "mappings": list(rows)}
        own = made(self.platform.conversion("POST", "/mappingSets", json=content), 200)["id"]
        body["transformations"][1]["params"] = {"mappingId": own, "mappingVersion": 0}
        return body

    def switched_off(self) -> str:
        """Create a disabled dataflow."""
        flow = self.platform.flow(self.recurring())
        made(self.platform.api("POST", f"/flows/{flow}/action", params={"op": "disable"}), 200)
        return flow


@dataclass(frozen=True)
class Kind:
    """A kind of dataflow.

    :param make: returns the body of the dataflow, or its id
    :param missing: the fields that are not imported
    :param waits: whether the DAG waits for a run
    :param by_id: whether the dataflow's id is in the DAG instead of its name
    """

    make: Callable[[Maker], Body | str]
    missing: tuple[str, ...] = ()
    waits: bool = True
    by_id: bool = False


def files(form: str, path: str, **properties: str) -> Kind:
    """A file or folder of Amazon S3."""
    data = {"format": form, **({"properties": properties} if properties else {})}
    return Kind(
        lambda one: one.once(one.of("Amazon S3", {"path": path, "type": "file"}, data), ORDERS, FILES)
    )


def later(one: Maker) -> Body:
    """A dataflow that is only run on demand."""
    body = one.once(one.table(), COLUMNS, CRM)
    return {**body, "scheduleParams": {"startTime": str(one.platform.now() + 999 * DAY), "frequency": "once"}}


def second(one: Maker) -> Body:
    """The second dataflow from a table into a dataset."""
    first = one.recurring()
    one.platform.flow({**first, "name": "The first of two"})
    source = one.table(
        one.platform.get("sourceConnections", first["sourceConnectionIds"][0])["baseConnectionId"]
    )
    made(one.platform.api("GET", f"/sourceConnections/{source}"), 200)
    return {**first, "name": one.kind}


def namesake(one: Maker) -> str:
    """The second dataflow of a name."""
    body = one.recurring()
    one.platform.flow(body)
    return one.platform.flow(
        {**one.recurring(source=one.table(one.base(name="another"))), "name": body["name"]}
    )


def doubled(one: Maker) -> Body:
    """Base connection and dataset exist twice under their names, and the source connection, too."""
    base = one.base()
    one.base()
    body = one.recurring(source=one.table(base))
    one.table(base)
    dataset = one.platform.get("targetConnections", body["targetConnectionIds"][0])["params"]["dataSetId"]
    (item,) = made(one.platform.catalog("GET", f"/dataSets/{dataset}"), 200).values()
    one.platform.dataset(item["schemaRef"]["id"], item["name"])
    return body


def by_format(one: Maker) -> Body:
    """A stream whose target connection has a format instead of a schema."""
    body = one.stream(one.source(LAVA, {}, {"format": "json"}), GENERIC)
    target = one.platform.get("targetConnections", body["targetConnectionIds"][0])
    sent = {"name": "By format", "data": {"format": "parquet_xdm"}, "params": target["params"]}
    reply = one.platform.api(
        "POST", "/targetConnections", json={**sent, "connectionSpec": spec(target["connectionSpec"]["id"])}
    )
    return {**body, "targetConnectionIds": [made(reply)["id"]]}


def xdm(one: Maker) -> Body:
    """A stream of XDM, without a mapping."""
    http = row_of("HTTP API (streaming)")
    base = one.base(
        "HTTP API (streaming)",
        auth={"specName": http.auth["name"], "params": {**http.params(), "dataType": "xdm"}},
    )
    source = one.source(http.source["id"], {}, baseConnectionId=base)
    return one.stream(source, UNMAPPED, transformations=[])


def row(kind: str, source: str, field: str) -> Body:
    """A row of a mapping set, in Data Prep's words."""
    return {"sourceType": kind, "source": source, "destination": f"_emulator.{field}"}


HUB = {"eventHubName": "clicks", "dataType": "raw", "reset": "latest"}
KINDS: dict[str, Kind] = {
    "daily table": Kind(lambda one: one.recurring()),
    "every 15 minutes": Kind(lambda one: one.recurring("minute", "15")),
    "every 2 hours": Kind(lambda one: one.recurring("hour", "2")),
    "weekly": Kind(lambda one: one.recurring("week", "1")),
    "once": Kind(lambda one: one.once(one.table(), COLUMNS, CRM)),
    "on demand": Kind(later, waits=False),
    "one file": files("delimited", "/customers.csv", columnDelimiter=","),
    "zipped file": files(
        "delimited", "/archive/customers.csv.gz", columnDelimiter="~", compressionType="gzip"
    ),
    "pattern of files": files("delimited", "/orders/*.csv"),
    "folder": Kind(
        lambda one: one.once(
            one.of("Amazon S3", {"path": "/orders/", "recursive": True}, {"format": "delimited"}),
            ORDERS,
            FILES,
        )
    ),
    "folder of no slash": Kind(
        lambda one: one.once(
            one.of("Amazon S3", {"path": "/orders", "type": "folder"}, {"format": "delimited"}), ORDERS, FILES
        )
    ),
    "JSON file": files("json", "/customers.json"),
    "Parquet file": files("parquet", "/customers.parquet"),
    "XDM Parquet file": Kind(
        lambda one: one.once(
            one.of("Amazon S3", {"path": "/customers.parquet"}, {"format": "parquet_xdm"}), ORDERS, FILES
        ),
        ("source connection.data",),
    ),
    "landing zone": Kind(
        lambda one: one.once(
            one.source(LANDING_ZONE, {"path": "dlz-user-container/customers.csv"}, {"format": "delimited"}),
            ORDERS,
            FILES,
        )
    ),
    "resource": Kind(
        lambda one: one.once(one.of("Stripe", {"resourcePath": "charges"}, {"format": "json"}), PEOPLE, REST)
    ),
    "only resource": Kind(lambda one: one.once(one.of("Zendesk", {}, {"format": "json"}), PEOPLE, REST)),
    "HTTP stream": Kind(lambda one: one.stream(one.of("HTTP API (streaming)", {}), MAPPED), waits=False),
    "stream of another flow spec": Kind(
        lambda one: one.stream(one.of("HTTP API (streaming)", {}), OPTIONAL),
        ("dataflow",),
        waits=False,
        by_id=True,
    ),
    "XDM stream": Kind(xdm, waits=False),
    "webhook": Kind(lambda one: one.stream(one.source(LAVA, {}, {"format": "json"}), GENERIC), waits=False),
    "webhook by format": Kind(by_format, waits=False),
    "event hub": Kind(lambda one: one.stream(one.of("Azure Event Hubs", HUB), OPTIONAL), waits=False),
    "expressions": Kind(
        lambda one: one.mapped(
            row("text/x.schema-path", "Product_Id", "Product_Id"),
            row("text/x.aep-xl", 'concat(Product_Name, "!")', "Product_Name"),
            row("EXPRESSION", "upper('{{ ds }}')", "Description"),
        )
    ),
    "constant": Kind(lambda one: one.mapped(row("STATIC", "fixed", "Product_Name")), ("mapping",)),
    "one column twice": Kind(
        lambda one: one.mapped(
            row("ATTRIBUTE", "Product_Id", "Product_Id"), row("ATTRIBUTE", "Product_Id", "Product_Name")
        ),
        ("mapping",),
    ),
    "disabled": Kind(Maker.switched_off, waits=False),
    "draft": Kind(lambda one: one.platform.flow(one.recurring(), mode="draft"), waits=False),
    "draft of nothing": Kind(
        lambda one: one.platform.flow({"name": one.kind, "flowSpec": spec(CRM)}, mode="draft"),
        ("dataflow",),
        waits=False,
        by_id=True,
    ),
    "draft of our own": Kind(
        lambda one: one.platform.flow(
            one.recurring(description="[airflow:dag.create_dataflow 01234567]"), mode="draft"
        ),
        waits=False,
    ),
    "second": Kind(second),
    "namesake": Kind(namesake, ("dataflow",), by_id=True),
    "doubled": Kind(doubled),
    HOSTILE: Kind(lambda one: one.recurring(description=f"{one.kind}\r\n{{{{ ds }}}}\n")),
    "long " * 50 + "name": Kind(lambda one: one.recurring()),
    "two\nlines": Kind(lambda one: one.recurring(), ("dataflow",), by_id=True),
    "too long " * 40: Kind(lambda one: one.recurring(), ("dataflow",), by_id=True),
    "options": Kind(
        lambda one: one.recurring(options={"errorDiagnosticsEnabled": "true", "partialIngestionPercent": "5"})
    ),
    "labels": Kind(lambda one: one.recurring(labels=["core/C12"]), ("dataflow.labels",)),
    "options of a stream": Kind(
        lambda one: one.stream(
            one.source(LAVA, {}, {"format": "json"}), GENERIC, options={"errorDiagnosticsEnabled": True}
        ),
        ("dataflow.options.errorDiagnosticsEnabled",),
        waits=False,
    ),
    "change capture": Kind(
        lambda one: one.recurring(source=one.table(cdcEnabled=True)), ("source connection.params.cdcEnabled",)
    ),
}


def made_kinds(emulator: Emulator, kinds: dict[str, Kind] = KINDS) -> dict[str, str]:
    """Make a dataflow of each kind, and let each run. Return their ids by kind."""
    platform = Platform(emulator)
    found: dict[str, str] = {}
    for name, kind in kinds.items():
        body = kind.make(Maker(platform, name))
        found[name] = body if isinstance(body, str) else platform.flow(body)
    emulator.advance(10)
    for flow in found.values():
        for run in platform.runs(flow):
            decide(platform, run["id"], status="success")
    emulator.forget_requests()
    return found
