"""Create the entities from a base connection to a flow run by plain requests, without the client."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partialmethod
from typing import Any

import requests

from tests.harness.emulator import PAYPAL_SPEC, PRODUCTS, Api, Emulator, source_body

FOUNDATION = "/data/foundation"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
CRM = "14518937-270c-4525-bdec-c2ba7cce3860"
SHORT = {"Accept": "application/vnd.adobe.xed-id+json"}
PLAIN = {"Accept": "application/vnd.adobe.xed+json;version=1"}
FULL = {"Accept": "application/vnd.adobe.xed-full+json; version=1"}
DAY = 86400
BASE_ROWS = 320  # the records of PayPal.Catalog_Products at the start
NEW_ROWS = 3  # new records a day
COLUMNS = {
    "Product_Id": {"type": "string"},
    "Product_Name": {"type": "string"},
    "Description": {"type": "string"},
    "Create_Time": {"type": "string", "format": "date-time"},
}


class Platform:
    """Call the services of one sandbox, and create the entities from a connection to a dataset."""

    def __init__(self, emulator: Emulator, sandbox: str = "prod") -> None:
        self.emulator = emulator
        self.api: Api = emulator.api(sandbox=sandbox)
        self.dataset_id = ""

    def _call(self, service: str, method: str, path: str, **options: Any) -> requests.Response:
        url = self.api.url + FOUNDATION + service + path
        return self.api.http.request(method, url, timeout=30, **options)

    registry = partialmethod(_call, "/schemaregistry")  # `registry("GET", "/tenant/schemas", headers=SHORT)`
    catalog = partialmethod(_call, "/catalog")
    conversion = partialmethod(_call, "/conversion")
    export = partialmethod(_call, "/export")
    ingestion = partialmethod(_call, "/import")
    access = partialmethod(_call, "/access-control")

    def field_group(self, title: str = "PayPal products", columns: Any = COLUMNS) -> str:
        """Create a field group with the columns under the tenant's namespace; return its `$id`."""
        own = {"_emulator": {"type": "object", "properties": columns}}
        body = {
            "type": "object",
            "title": title,
            "description": "",
            "meta:intendedToExtend": [PROFILE],
            "definitions": {"customFields": {"type": "object", "properties": own}},
            "allOf": [{"$ref": "#/definitions/customFields"}],
        }
        return str(made(self.registry("POST", "/tenant/fieldgroups", json=body))["$id"])

    def schema(self, title: str = "Products", columns: Any = COLUMNS) -> str:
        """Create a profile schema with the columns; return its `$id`."""
        group = self.field_group(f"{title} fields", columns)
        body = {
            "type": "object",
            "title": title,
            "description": "Products of the catalogue",
            "allOf": [{"$ref": PROFILE}, {"$ref": group}],
        }
        return str(made(self.registry("POST", "/tenant/schemas", json=body))["$id"])

    def dataset(self, schema: str, name: str = "Products") -> str:
        """Create a dataset of the schema; return its id."""
        reference = {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"}
        body = {"name": name, "schemaRef": reference}
        (text,) = made(self.catalog("POST", "/dataSets", params={"requestDataSource": "true"}, json=body))
        return str(text).removeprefix("@/dataSets/")

    def mapping(self, schema: str, columns: Any = COLUMNS, prefix: str = "") -> str:
        """Create a mapping set that maps each column by its name; return its id."""
        body = {
            "version": 0,
            "xdmSchema": schema,
            "xdmVersion": "1.0",
            "id": None,
            "mappings": [
                {"destinationXdmPath": f"_emulator.{name}", "sourceAttribute": prefix + name, "version": 0}
                for name in columns
            ],
        }
        return str(made(self.conversion("POST", "/mappingSets", json=body), 200)["id"])

    def typed_mapping(self, schema: str, rows: Sequence[tuple[str, str, str]]) -> str:
        """Create a mapping set of types, sources and destinations; return its id."""
        reference = {"id": schema, "contentType": "application/vnd.adobe.xed-full+json;version=1"}
        mappings = [dict(zip(("sourceType", "source", "destination"), row, strict=True)) for row in rows]
        body = {"name": "Typed", "outputSchema": {"schemaRef": reference}, "mappings": mappings}
        return str(made(self.conversion("POST", "/mappingSets", json=body), 200)["id"])

    def base(self, **changes: Any) -> str:
        """Create a PayPal connection; return its id."""
        return str(made(self.api.create(**changes))["id"])

    def source(self, base: str, table: str = PRODUCTS, **params: Any) -> str:
        """Create a source connection; return its id."""
        body = source_body(base, f"{table} source", table, **params)
        return str(made(self.api("POST", "/sourceConnections", json=body))["id"])

    def target(self, schema: str, dataset: str) -> str:
        """Create a target connection; return its id."""
        return str(made(self.api("POST", "/targetConnections", json=target_body(schema, dataset)))["id"])

    def joined(
        self, source: str, flow_spec: str, columns: Any, *, prefix: str = "", **changes: Any
    ) -> dict[str, Any]:
        """Return the body of a flow of a source connection, whose records have the columns below `prefix`.

        Schema, dataset, target connection and mapping set are created; `dataset_id` is the dataset.
        """
        schema = self.schema(f"{source} schema", columns)
        self.dataset_id = self.dataset(schema, f"{source} dataset")
        mapping = {"mappingId": self.mapping(schema, columns, prefix), "mappingVersion": 0}
        body = {
            "name": "Anything to the lake",
            "flowSpec": spec(flow_spec),
            "sourceConnectionIds": [source],
            "targetConnectionIds": [self.target(schema, self.dataset_id)],
            "transformations": [{"name": "Mapping", "params": mapping}],
        }
        return {**body, **changes}

    def once(self, table: str = PRODUCTS, **changes: Any) -> dict[str, Any]:
        """Return the body of a one-time flow of a PayPal table."""
        schedule = {"startTime": self.now(), "frequency": "once"}
        body = self.joined(self.source(self.base(), table), CRM, COLUMNS, scheduleParams=schedule)
        return {**body, "name": "Products to the lake", **changes}

    def prepared(self, table: str = PRODUCTS, **changes: Any) -> dict[str, Any]:
        """Return the body of a daily flow of a PayPal table."""
        body = self.once(table)
        copy = {"name": "Copy", "params": {"deltaColumn": {"name": "Create_Time"}}}
        body["transformations"].insert(0, copy)
        body["scheduleParams"] |= {"frequency": "day", "interval": 1}
        return {**body, **changes}

    def flow(self, body: dict[str, Any], **params: str) -> str:
        """Create a flow; return its id."""
        return str(made(self.api("POST", "/flows", json=body, params=params))["id"])

    def now(self) -> int:
        """Return the emulator's time in whole seconds."""
        return int(self.emulator.control("GET", "clock")["now"])

    def advance(self, seconds: float) -> None:
        """Move the clock ahead, and get a new token: the old one may have expired."""
        self.emulator.advance(seconds)
        self.api.http.headers["Authorization"] = f"Bearer {self.emulator.token()}"

    def stop_clock(self) -> None:
        """Stop the clock, so that a test can observe a short state; `advance` still moves it."""
        self.emulator.control("POST", "clock", {"running": False})

    def get(self, kind: str, entity_id: str) -> dict[str, Any]:
        """Return an entity of Flow Service."""
        (item,) = made(self.api("GET", f"/{kind}/{entity_id}"), 200)["items"]
        return dict(item)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the runs of a flow, oldest first."""
        query = {"property": f"flowId=={flow}"}
        return list(made(self.api("GET", "/runs", params=query), 200)["items"])

    def rows(self, dataset: str | None = None) -> list[dict[str, Any]]:
        """Return the records of a dataset."""
        reply = self.emulator.control("GET", f"datasets/{dataset or self.dataset_id}/rows")
        assert reply["count"] == len(reply["items"])
        return list(reply["items"])


def failed_run(
    platform: Platform, records: list[dict[str, Any]], status: str = "success", **changes: Any
) -> tuple[str, str]:
    """Let a run of a new dataflow, with error diagnostics, reject records; return the ids of both."""
    body = {"options": {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 100}, **changes}
    flow = platform.flow(platform.prepared(**body))
    platform.advance(10)
    run = str(platform.runs(flow)[0]["id"])
    platform.emulator.control("POST", f"runs/{run}", {"status": status, "failed_records": records})
    return run, flow


def target_body(schema: str, dataset: str) -> dict[str, Any]:
    """Return the body of the tutorials' target connection."""
    return {
        "name": "Target",
        "data": {"schema": {"id": schema, "version": "application/vnd.adobe.xed-full+json;version=1"}},
        "params": {"dataSetId": dataset},
        "connectionSpec": spec(LAKE),
    }


def failure(response: requests.Response) -> str:
    """Return the code of an error with the documented envelope, such as `1304-400`."""
    body = response.json()
    assert body["status"] == response.status_code, response.text
    return str(body["type"]).rsplit("FLOW-", 1)[-1]


def replaced(path: str, value: Any) -> list[dict[str, Any]]:
    """Return a patch that replaces one value."""
    return [{"op": "replace", "path": path, "value": value}]


def made(response: requests.Response, status: int = 201) -> Any:
    """Return the body of a reply with the expected status."""
    assert response.status_code == status, response.text
    return response.json()


def spec(spec_id: str = PAYPAL_SPEC) -> dict[str, str]:
    """Return a reference to a spec."""
    return {"id": spec_id, "version": "1.0"}


def on_demand(platform: Platform, flow: str, **params: Any) -> requests.Response:
    """POST a run on demand, by default for all time; a parameter of None is left out."""
    window = {"startTime": platform.now(), "windowStartTime": 0, "windowEndTime": platform.now()}
    params = {**window, "deltaColumn": {"name": "Create_Time"}, **params}
    given = {name: value for name, value in params.items() if value is not None}
    return platform.api("POST", "/runs", json={"flowId": flow, "params": given})


def retrigger(platform: Platform, run: str, op: str = "re-trigger") -> requests.Response:
    """POST to the run's `/action`."""
    return platform.api("POST", f"/runs/{run}/action", params={"op": op})


def decide(platform: Platform, run: str, **decision: Any) -> dict[str, Any]:
    """Decide how a run ends; return the run."""
    return dict(platform.emulator.control("POST", f"runs/{run}", decision))


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """Return the products' ids."""
    return [row["_emulator"]["Product_Id"] for row in rows]
