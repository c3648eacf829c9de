"""The steps from a connection to a dataset, as a client that knows nothing of this project takes them."""

from __future__ import annotations

from typing import Any

import requests

from tests.harness.emulator import PAYPAL_SPEC, Api, Emulator

FOUNDATION = "/data/foundation"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
CRM = "14518937-270c-4525-bdec-c2ba7cce3860"
PRODUCTS = "PayPal.Catalog_Products"
SHORT = {"Accept": "application/vnd.adobe.xed-id+json"}
PLAIN = {"Accept": "application/vnd.adobe.xed+json;version=1"}
FULL = {"Accept": "application/vnd.adobe.xed-full+json; version=1"}
COLUMNS = {
    "Product_Id": {"type": "string"},
    "Product_Name": {"type": "string"},
    "Description": {"type": "string"},
    "Create_Time": {"type": "string", "format": "date-time"},
}


class Path:
    """One sandbox's services, and the entities of the path made with little typing."""

    def __init__(self, emulator: Emulator, sandbox: str = "prod") -> None:
        self.emulator = emulator
        self.api: Api = emulator.api(sandbox=sandbox)
        self.dataset_id = ""

    def _call(self, service: str, method: str, path: str, **options: Any) -> requests.Response:
        url = self.api.url + FOUNDATION + service + path
        return self.api.http.request(method, url, timeout=30, **options)

    def registry(self, method: str, path: str, **options: Any) -> requests.Response:
        """`registry("GET", "/tenant/schemas", headers=SHORT)`."""
        return self._call("/schemaregistry", method, path, **options)

    def catalog(self, method: str, path: str, **options: Any) -> requests.Response:
        """`catalog("GET", "/dataSets")`."""
        return self._call("/catalog", method, path, **options)

    def conversion(self, method: str, path: str, **options: Any) -> requests.Response:
        """`conversion("GET", "/mappingSets/ID")`."""
        return self._call("/conversion", method, path, **options)

    def field_group(self, title: str = "PayPal products", columns: Any = COLUMNS) -> str:
        """A field group with the columns under the tenant's namespace; its `$id`."""
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
        """A profile schema that can hold the columns; its `$id`."""
        group = self.field_group(f"{title} fields", columns)
        body = {
            "type": "object",
            "title": title,
            "description": "Products of the catalogue",
            "allOf": [{"$ref": PROFILE}, {"$ref": group}],
        }
        return str(made(self.registry("POST", "/tenant/schemas", json=body))["$id"])

    def dataset(self, schema: str, name: str = "Products") -> str:
        """A dataset of the schema; its id."""
        reference = {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"}
        body = {"name": name, "schemaRef": reference}
        (text,) = made(self.catalog("POST", "/dataSets", params={"requestDataSource": "true"}, json=body))
        return str(text).removeprefix("@/dataSets/")

    def mapping(self, schema: str, columns: Any = COLUMNS, prefix: str = "") -> str:
        """A mapping set of the columns by name; its id."""
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

    def base(self, **changes: Any) -> str:
        """A PayPal connection; its id."""
        return str(made(self.api.create(**changes))["id"])

    def source(self, base: str, table: str = PRODUCTS, **params: Any) -> str:
        """A source connection; its id."""
        body = {
            "name": f"{table} source",
            "baseConnectionId": base,
            "data": {"format": "tabular"},
            "params": {"tableName": table, **params},
            "connectionSpec": spec(),
        }
        return str(made(self.api("POST", "/sourceConnections", json=body))["id"])

    def target(self, schema: str, dataset: str) -> str:
        """A target connection; its id."""
        body = target_body(schema, dataset)
        return str(made(self.api("POST", "/targetConnections", json=body))["id"])

    def prepared(self, table: str = PRODUCTS, **changes: Any) -> dict[str, Any]:
        """The body of a flow with everything it needs; `dataset` tells where it goes."""
        schema = self.schema(f"{table} schema")
        self.dataset_id = self.dataset(schema, f"{table} dataset")
        body = {
            "name": "Products to the lake",
            "flowSpec": spec(CRM),
            "sourceConnectionIds": [self.source(self.base(), table)],
            "targetConnectionIds": [self.target(schema, self.dataset_id)],
            "transformations": [
                {"name": "Copy", "params": {"deltaColumn": {"name": "Create_Time"}}},
                {"name": "Mapping", "params": {"mappingId": self.mapping(schema), "mappingVersion": 0}},
            ],
            "scheduleParams": {"startTime": self.now(), "frequency": "day", "interval": 1},
        }
        return {**body, **changes}

    def joined(
        self, source: str, flow_spec: str, columns: Any, *, prefix: str = "", **changes: Any
    ) -> dict[str, Any]:
        """The body of a flow from any source connection; `prefix` is where its records have the columns."""
        schema = self.schema(f"{source} schema", columns)
        self.dataset_id = self.dataset(schema, f"{source} dataset")
        mapping = self.mapping(schema, columns, prefix)
        body = {
            "name": "Anything to the lake",
            "flowSpec": spec(flow_spec),
            "sourceConnectionIds": [source],
            "targetConnectionIds": [self.target(schema, self.dataset_id)],
            "transformations": [{"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": 0}}],
        }
        return {**body, **changes}

    def once(self, **changes: Any) -> dict[str, Any]:
        """The body of a one-time flow."""
        body = self.prepared()
        body["transformations"] = body["transformations"][1:]
        return {**body, "scheduleParams": {"startTime": self.now(), "frequency": "once"}, **changes}

    def flow(self, body: dict[str, Any], **params: str) -> str:
        """A flow; its id."""
        return str(made(self.api("POST", "/flows", json=body, params=params))["id"])

    def now(self) -> int:
        """The emulator's time in whole seconds."""
        return int(self.emulator.control("GET", "clock")["now"])

    def advance(self, seconds: float) -> None:
        """Move the clock, and get a new token if the old one is past its day."""
        self.emulator.advance(seconds)
        self.api.http.headers["Authorization"] = f"Bearer {self.emulator.token()}"

    def stop_clock(self) -> None:
        """From here on only `advance` moves it, so that what lasts a second can be looked at."""
        self.emulator.control("POST", "clock", {"running": False})

    def get(self, kind: str, entity_id: str) -> dict[str, Any]:
        """One entity of Flow Service."""
        (item,) = made(self.api("GET", f"/{kind}/{entity_id}"), 200)["items"]
        return dict(item)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """The runs of a flow, oldest first."""
        query = {"property": f"flowId=={flow}"}
        return list(made(self.api("GET", "/runs", params=query), 200)["items"])

    def rows(self, dataset: str | None = None) -> list[dict[str, Any]]:
        """What is in a dataset."""
        reply = self.emulator.control("GET", f"datasets/{dataset or self.dataset_id}/rows")
        assert reply["count"] == len(reply["items"])
        return list(reply["items"])


def target_body(schema: str, dataset: str) -> dict[str, Any]:
    """The tutorials' target connection."""
    return {
        "name": "Target",
        "data": {"schema": {"id": schema, "version": "application/vnd.adobe.xed-full+json;version=1"}},
        "params": {"dataSetId": dataset},
        "connectionSpec": spec(LAKE),
    }


def failure(response: requests.Response) -> str:
    """The code of a refusal, which nothing but a 4xx with the documented envelope has."""
    body = response.json()
    assert body["status"] == response.status_code, response.text
    return str(body["type"]).rsplit("FLOW-", 1)[-1]


def replaced(path: str, value: Any) -> list[dict[str, Any]]:
    """A patch that changes one place."""
    return [{"op": "replace", "path": path, "value": value}]


def made(response: requests.Response, status: int = 201) -> Any:
    """The body, if the status is the expected one."""
    assert response.status_code == status, response.text
    return response.json()


def spec(spec_id: str = PAYPAL_SPEC) -> dict[str, str]:
    """A reference to a spec."""
    return {"id": spec_id, "version": "1.0"}
