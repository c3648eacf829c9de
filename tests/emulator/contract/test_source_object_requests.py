"""Every request about files, resources and streams conforms to Adobe's documents."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.harness.contract.recording import check, run
from tests.harness.documented_sources import LANDING_ZONE, LAVA, base_of
from tests.harness.emulator import Emulator
from tests.harness.platform import Platform

TABBED = {
    "path": "/orders/*.csv",
    "file_type": "delimited",
    "column_delimiter": "\t",
    "recursive": True,
}
ZIPPED = {
    "path": "/archive/customers.csv.gz",
    "file_type": "delimited",
    "column_delimiter": "~",
    "compression_type": "gzip",
    "encoding": "UTF-8",
}
ON_CONNECTION, ON_SPEC = "GET /connections/{}/explore", "GET /connectionSpecs/{}/explore"
COLLECT = "POST /sourceConnections"


@pytest.fixture
def client(emulator: Emulator, hook: Any) -> Platform:
    """Return a client that creates entities by plain requests, which are not recorded."""
    return Platform(emulator)


def inspect(client: Platform, source: str, **source_object: Any) -> Any:
    return run("explore", "PreviewTableOperator", connection_id=base_of(client, source), **source_object)


def collect(client: Platform, base: str | None, **source_object: Any) -> Any:
    origin = {"connection_id": base_of(client, base)} if base else {}
    return run("dataflows", "CreateSourceConnectionOperator", name="Any", **origin, **source_object)


def stream(client: Platform) -> None:
    """Create a dataflow of a source without a base connection, and read its streaming endpoint."""
    schema = client.schema()
    flow = run(
        "dataflows",
        "CreateDataflowOperator",
        name="Stream",
        source_connection_id=collect(client, None, source=LAVA, stream=True),
        target_connection_id=client.target(schema, client.dataset(schema)),
        mapping_set=client.mapping(schema),
    )
    assert run("dataflows", "GetInletOperator", flow_id=flow)


ACTIONS: dict[str, tuple[Callable[[Platform], Any], set[str]]] = {
    "list a folder": (
        lambda client: run(
            "explore", "ListFilesOperator", connection_id=base_of(client, "SFTP"), folder="/orders/"
        ),
        {ON_CONNECTION},
    ),
    "a file, its form said": (
        lambda client: inspect(client, "Amazon S3", file=ZIPPED), {ON_CONNECTION}),
    "a file, its form found out": (
        lambda client: inspect(client, "Amazon S3", file="/customers.csv"), {ON_CONNECTION}),
    "a resource": (lambda client: inspect(client, "Stripe", resource="charges"), {ON_CONNECTION}),
    "the landing zone": (
        lambda _: run("explore", "ListFilesOperator", source=LANDING_ZONE), {ON_SPEC}),
    "a file of the landing zone": (
        lambda _: run("explore", "InspectTableOperator", source=LANDING_ZONE,
                      file="dlz-user-container/customers.csv"), {ON_SPEC}),
    "collect files, their form said": (
        lambda client: collect(client, "Amazon S3", file=TABBED), {COLLECT}),
    "collect files, their form found out": (
        lambda client: collect(client, "Amazon S3", file="/orders/"), {ON_CONNECTION, COLLECT}),
    "collect from the landing zone": (
        lambda client: collect(client, None, source=LANDING_ZONE, file=ZIPPED), {COLLECT}),
    "collect a resource": (lambda client: collect(client, "Stripe", resource="charges"), {COLLECT}),
    "collect a stream": (
        lambda client: collect(client, "HTTP API (streaming)", stream=True), {COLLECT}),
    "a stream to its URL": (stream, {COLLECT, "POST /flows", "GET /flows/{}"}),
}  # fmt: skip


@pytest.mark.parametrize(("action", "operations"), ACTIONS.values(), ids=ACTIONS)
def test_every_request_keeps_to_the_openapi(
    client: Platform, sent: list[Any], action: Any, operations: set[str]
) -> None:
    """Platform, query, headers and bodies of both sides conform to Adobe's OpenAPI files."""
    action(client)
    assert operations <= set(check(sent))


def test_how_source_objects_are_explored(client: Platform, sent: list[Any]) -> None:
    """The query is that of the tutorials: the file's whole format, or none of it."""
    inspect(client, "Amazon S3", file=ZIPPED)
    inspect(client, "Amazon S3", file="/customers.csv")
    inspect(client, "Stripe", resource="charges")
    said, found_out, resource = (
        dict(parse_qsl(urlsplit(reply.request.url).query))
        for reply in sent
        if reply.request.url.partition("?")[0].endswith("/explore")
    )
    assert said == {
        "objectType": "file",
        "object": "/archive/customers.csv.gz",
        "preview": "true",
        "fileType": "delimited",
        "columnDelimiter": "~",
        "compressionType": "gzip",
        "encoding": "UTF-8",
    }
    file = {"objectType": "file", "object": "/customers.csv", "preview": "true"}
    assert found_out == {**file, "determineProperties": "true"}
    params = json.loads(base64.b64decode(resource.pop("sourceParams")))
    assert params == {"resourcePath": "charges"}
    assert resource == {"objectType": "rest", "object": "json", "fileType": "json", "preview": "true"}


BODIES: dict[str, tuple[str | None, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "files": (
        "Amazon S3",
        {"file": TABBED},
        {"format": "delimited", "properties": {"columnDelimiter": "\t"}},
        {"path": "/orders/*.csv", "type": "folder", "recursive": True},
    ),
    "files, found out": (
        "Amazon S3",
        {"file": "/archive/customers.csv.gz"},
        {"format": "delimited", "properties": {"compressionType": "gzip", "columnDelimiter": "~"}},
        {"path": "/archive/customers.csv.gz", "type": "file"},
    ),
    "a resource": ("Stripe", {"resource": "charges"}, {"format": "json"}, {"resourcePath": "charges"}),
    "a stream": (None, {"source": LAVA, "stream": True}, {"format": "json"}, {}),
}


@pytest.mark.parametrize(("base", "source_object", "data", "params"), BODIES.values(), ids=BODIES)
def test_how_source_objects_are_collected(
    client: Platform, sent: list[Any], base: str | None, source_object: Any, data: Any, params: Any
) -> None:
    """The bodies are those of the collect tutorials, with a base connection only if the source has one."""
    collect(client, base, **source_object)
    (body,) = [json.loads(reply.request.body) for reply in sent if reply.request.url.endswith(COLLECT[5:])
               and reply.request.method == "POST"]  # fmt: skip
    assert (body["data"], body["params"]) == (data, params)
    assert ("baseConnectionId" in body) == (base is not None)
