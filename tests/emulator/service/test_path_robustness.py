"""Whatever stands anywhere in a body: an answer in JSON, never a 5xx, and everything can still be read."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.emulator import Emulator
from tests.harness.emulator_path import PROFILE, Path, made, spec, target_body

JUNK = (None, -1, 1e300, "x", [None], {"a": {}}, True, "\u0000", 10**30, "9" * 40)
JSON = {"Content-Type": "application/json"}
WHOLE = {"Accept": "application/vnd.adobe.xed+json"}
Place = tuple[Any, ...]


@pytest.fixture
def path(emulator: Emulator) -> Path:
    """The services of sandbox `prod`; the clock stands."""
    path = Path(emulator)
    path.stop_clock()
    return path


def places(node: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a body, the whole of it first."""
    yield place
    for key, part in (
        node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ())
    ):
        yield from places(part, (*place, key))


def spoiled(node: Any, place: Place, value: Any) -> Any:
    """The body with another value at a place."""
    if not place:
        return value
    result = copy.deepcopy(node)
    inner = result
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return result


def bodies(path: Path) -> dict[str, tuple[Any, str, Any]]:
    """A good body for each POST."""
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
def test_junk(path: Path, name: str) -> None:
    """At every place of a body; then a day goes by, and every list is whole."""
    call, url, body = bodies(path)[name]
    for place in places(body):
        for junk in JUNK:
            data = json.dumps(spoiled(body, place, junk)).encode()
            response = call("POST", url, data=data, headers=JSON)
            assert response.status_code < 500, (place, junk)
            response.json()
    path.advance(90_000)
    for kind in ("flows", "runs", "sourceConnections", "targetConnections"):
        made(path.api("GET", f"/{kind}"), 200)
    made(path.catalog("GET", "/dataSets"), 200)
    for kind in ("schemas", "fieldgroups"):
        made(path.registry("GET", f"/tenant/{kind}", headers=WHOLE), 200)
    assert "internal error" not in path.emulator.output()


@pytest.mark.parametrize("kind", ["flows", "sourceConnections", "targetConnections"])
def test_junk_in_patches(path: Path, kind: str) -> None:
    """At every place of an entity."""
    flow = path.prepared()
    ids = {
        "flows": path.flow(flow),
        "sourceConnections": flow["sourceConnectionIds"][0],
        "targetConnections": flow["targetConnectionIds"][0],
    }
    item = path.get(kind, ids[kind])
    for place in places(item):
        for junk in JUNK:
            pointer = "/" + "/".join(map(str, place))
            patch = [{"op": "replace", "path": pointer, "value": junk}]
            headers = {**JSON, "If-Match": path.get(kind, ids[kind])["etag"]}
            url = f"/{kind}/{ids[kind]}"
            response = path.api("PATCH", url, data=json.dumps(patch).encode(), headers=headers)
            assert response.status_code < 500, (place, junk)
    path.advance(90_000)
    made(path.api("GET", "/runs"), 200)
    assert "internal error" not in path.emulator.output()
