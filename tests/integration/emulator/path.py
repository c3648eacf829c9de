"""The steps from a connection to a dataset, as a client that knows nothing of this project takes them."""

from __future__ import annotations

from typing import Any

import requests

from tests.support.emulator import PAYPAL_SPEC, Api, Emulator

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

    def mapping(self, schema: str, columns: Any = COLUMNS) -> str:
        """A mapping set of the columns by name; its id."""
        body = {
            "version": 0,
            "xdmSchema": schema,
            "xdmVersion": "1.0",
            "id": None,
            "mappings": [
                {"destinationXdmPath": f"_emulator.{name}", "sourceAttribute": name, "version": 0}
                for name in columns
            ],
        }
        return str(made(self.conversion("POST", "/mappingSets", json=body), 200)["id"])


def made(response: requests.Response, status: int = 201) -> Any:
    """The body, if the status is the expected one."""
    assert response.status_code == status, response.text
    return response.json()


def spec(spec_id: str = PAYPAL_SPEC) -> dict[str, str]:
    """A reference to a spec."""
    return {"id": spec_id, "version": "1.0"}
