"""Any value at any path of a body gets JSON and never a 5xx, and everything stays readable."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.platform import PROFILE, Platform, made, spec, target_body

JUNK = (None, -1, 1e300, "x", [None], {"a": {}}, True, "\u0000", 10**30, "9" * 40)
JSON = {"Content-Type": "application/json"}
WHOLE = {"Accept": "application/vnd.adobe.xed+json"}
Steps = tuple[Any, ...]


def all_steps(node: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Yield every path in a body, the whole body first."""
    yield steps
    for key, part in (
        node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ())
    ):
        yield from all_steps(part, (*steps, key))


def spoiled(node: Any, steps: Steps, value: Any) -> Any:
    """Return the body with another value at a path."""
    if not steps:
        return value
    result = copy.deepcopy(node)
    inner = result
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    return result


def bodies(path: Platform) -> dict[str, tuple[Any, str, Any]]:
    """Return a valid body for each POST."""
    flow = path.prepared(options={"partialIngestionPercent": 5}, labels=["core/C1"])
    target = path.get("targetConnections", flow["targetConnectionIds"][0])
    schema = target["data"]["schema"]["id"]
    source = path.get("sourceConnections", flow["sourceConnectionIds"][0])
    once = {**flow, "transformations": flow["transformations"][1:]}
    once["scheduleParams"] = {"startTime": path.now() + 1000, "frequency": "once"}
    window = {"startTime": path.now(), "windowStartTime": 0, "windowEndTime": 1}
    run = {"flowId": path.flow(once), "params": {**window, "deltaColumn": {"name": "Create_Time"}}}
    columns = [{"name": "Product_Id", "type": "string"}]
    mapping = {"sourceType": "EXPRESSION", "source": "concat(A, 'b')", "destination": "_emulator.Product_Id"}
    group: dict[str, Any] = {
        "type": "object",
        "title": "A group",
        "meta:intendedToExtend": [PROFILE],
        "definitions": {"own": {"properties": {"_emulator": {"properties": {"A": {"type": "string"}}}}}},
        "allOf": [{"$ref": "#/definitions/own"}],
    }
    return {
        "flows": (path.api, "/flows", flow),
        "drafts": (path.api, "/flows?mode=draft", flow),
        "runs": (path.api, "/runs", run),
        "sources": (
            path.api,
            "/sourceConnections",
            {
                "name": "x",
                "baseConnectionId": source["baseConnectionId"],
                "data": {"format": "tabular"},
                "params": {"tableName": "PayPal.Catalog_Products", "columns": columns},
                "connectionSpec": spec(),
            },
        ),
        "targets": (path.api, "/targetConnections", target_body(schema, path.dataset_id)),
        "schemas": (
            path.registry,
            "/tenant/schemas",
            {"type": "object", "title": "A schema", "allOf": [{"$ref": PROFILE}]},
        ),
        "fieldgroups": (path.registry, "/tenant/fieldgroups", group),
        "datasets": (path.catalog, "/dataSets", {"name": "x", "tags": {}, "schemaRef": {"id": schema}}),
        "mappings": (
            path.conversion,
            "/mappingSets",
            {"outputSchema": {"schemaRef": {"id": schema}}, "mappings": [mapping]},
        ),
    }


@pytest.mark.parametrize(
    "name",
    ["flows", "drafts", "runs", "sources", "targets", "schemas", "fieldgroups", "datasets", "mappings"],
)
def test_junk(path: Platform, name: str) -> None:
    """Junk at every path of a body gets no 5xx; after a day every list is complete."""
    call, url, body = bodies(path)[name]
    for steps in all_steps(body):
        for junk in JUNK:
            data = json.dumps(spoiled(body, steps, junk)).encode()
            response = call("POST", url, data=data, headers=JSON)
            assert response.status_code < 500, (steps, junk)
            response.json()
    path.advance(90_000)
    for kind in ("flows", "runs", "sourceConnections", "targetConnections"):
        made(path.api("GET", f"/{kind}"), 200)
    made(path.catalog("GET", "/dataSets"), 200)
    for kind in ("schemas", "fieldgroups"):
        made(path.registry("GET", f"/tenant/{kind}", headers=WHOLE), 200)
    assert "internal error" not in path.emulator.output()


@pytest.mark.parametrize("kind", ["flows", "sourceConnections", "targetConnections"])
def test_junk_in_patches(path: Platform, kind: str) -> None:
    """Junk at every path of an entity gets no 5xx."""
    flow = path.prepared()
    ids = {
        "flows": path.flow(flow),
        "sourceConnections": flow["sourceConnectionIds"][0],
        "targetConnections": flow["targetConnectionIds"][0],
    }
    item = path.get(kind, ids[kind])
    for steps in all_steps(item):
        for junk in JUNK:
            pointer = "/" + "/".join(map(str, steps))
            patch = [{"op": "replace", "path": pointer, "value": junk}]
            headers = {**JSON, "If-Match": path.get(kind, ids[kind])["etag"]}
            url = f"/{kind}/{ids[kind]}"
            response = path.api("PATCH", url, data=json.dumps(patch).encode(), headers=headers)
            assert response.status_code < 500, (steps, junk)
    path.advance(90_000)
    made(path.api("GET", "/runs"), 200)
    assert "internal error" not in path.emulator.output()
