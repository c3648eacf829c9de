"""Any bytes as a reply give a blocking or an asynchronous reader an answer, or a typed error."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aep.flow_service import errors, requests
from airflow_provider_aep.flow_service.collections import FLOWS
from airflow_provider_aep.flow_service.runs import read_run, read_snapshot
from airflow_provider_aep.flow_service.source_objects import read_columns, read_rows, read_tables
from airflow_provider_aep.hooks.aio import AsyncFlowService
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.ims import TOKENS
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from airflow_provider_aep.operators._services import read_entity
from tests.harness import canary
from tests.harness.connections import MakeHook
from tests.harness.raw_server import TOKEN, Peer, RawServer, reply
from tests.harness.run_server import run_item

# Replies of every kind: good, spoiled, cut off, and bytes that are no reply

ID = "24151d58-ffa7-4960-951d-58ffa7396097"
SCHEMA = "https://ns.adobe.com/tenant/schemas/0123"
LINKS = {"_links": {"next": {"href": "/connections?continuationToken=T%3D%3D"}}}
COLUMN = {"name": "Id", "type": "string", "xdm": {"type": "string"}}
ERROR = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-1404-412",
    "title": "Precondition failed",
    "report": {"detailed-message": "words", "request-id": "r"},
    "error_code": "403025",
    "message": "words",
    "error": "invalid_client",
    "error_description": "words",
}
AUTH_SPEC = {
    "name": "Basic",
    "type": "Basic",
    "spec": {
        "properties": {"host": {"type": "string"}, "pass": {"format": "password"}},
        "required": ["host"],
    },
}
GOOD: list[Any] = [
    {"items": [{"id": ID, "name": "n", "state": "enabled", "etag": '"1"', "auth": {"params": {}}}], **LINKS},
    {"items": [run_item("run-1", "flow-1", "success")]},
    {"id": ID, "etag": '"1"'},
    {"result": True},
    {"items": [{"id": ID, "name": "n", "authSpec": [AUTH_SPEC], "attributes": {"category": "x"}}]},
    {"items": [{"id": ID, "sourceConnectionSpecIds": [ID], "transformationSpecs": [{"name": "Mapping"}]}]},
    {"items": [{"id": ID, "options": {"inletUrl": "https://i"}, "sourceConnectionIds": [ID]}]},
    {"items": [{"name": "T", "path": "A.T", "type": "table", "canPreview": True, "canFetchSchema": True}]},
    {"format": "flat", "schema": {"columns": [COLUMN]}, "data": [{"Id": "1"}]},
    {ID: {"name": "n", "created": 1, "schemaRef": {"id": SCHEMA, "contentType": "x"}}},
    [f"@/dataSets/{ID.replace('-', '')}"],
    {"results": [{"$id": SCHEMA, "title": "t"}], "_page": {"next": "t"}},
    {"$id": SCHEMA, "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}},
    {"tenantId": "tenant"},
    {"id": ID, "version": 0, "mappings": []},
    ERROR,
]

ODD = st.sampled_from(["", "a", ID, "-1", "1e999", "\ud800", "x" * 300, "https://evil.example/?a=b"])
NUMBERS = st.sampled_from([0, -1, 1.5, 2**70, 1e308, float("nan"), float("inf"), True, False, None])
STATUSES = st.sampled_from([200, 201, 202, 204, 304, 307, 400, 401, 403, 404, 409, 412, 429, 500, 503, 999])
KINDS = st.sampled_from(["application/json", "text/html", "application/json; charset=x", ""])
HEADERS = ["retry-after", "content-encoding", "location", "x-request-id", "set-cookie", "etag"]
VALUES = ["", "1", "-1", "nan", "gzip", "deflate", "br", "Wed, 21 Oct 2099 07:28:00 GMT", "é" * 9]
LATIN = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"))


def replies(*told: str) -> st.SearchStrategy[bytes]:
    """Return whole replies, as bytes. The server may repeat what it was told anywhere, in any spelling."""
    echoes = st.sampled_from([form for secret in told for form in canary.usual_spellings(secret)])
    return _decent(echoes) | _cut() | st.binary() | st.binary().map(b"HTTP/1.1 200 OK\r\n".__add__)


def _cut() -> st.SearchStrategy[bytes]:
    """Broken off, and without a secret: half of one could not be known for one."""
    return st.builds(lambda whole, end: whole[:end], _decent(st.nothing()), st.integers(0, 400))


def _decent(echoes: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    words = ODD | echoes | echoes.map("https://ns.adobe.com/aep/errors/{}".format)
    anything = st.recursive(
        words | NUMBERS | st.text() | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
        max_leaves=5,
    )
    good = st.sampled_from(GOOD)
    documents = good | good.flatmap(lambda document: spoiled(document, anything))
    bodies = st.binary() | documents.map(lambda document: json.dumps(document).encode())
    headers = st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(VALUES) | echoes | LATIN, max_size=2)
    return st.builds(lambda s, b, k, more: reply(s, b, k, **more), STATUSES, bodies, KINDS, headers)


@st.composite
def spoiled(draw: st.DrawFn, node: Any, anything: st.SearchStrategy[Any]) -> Any:
    """A document with anything in place of one of its parts, or without it."""
    inside = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    if not inside or draw(st.integers(0, 3)) == 0:
        return draw(anything)
    chosen, copy = draw(st.sampled_from(inside)), node.copy()
    if draw(st.integers(0, 5)) == 0:
        del copy[chosen]
    else:
        copy[chosen] = draw(spoiled(node[chosen], anything))
    return copy


# Readers

READERS: dict[str, Callable[[Any], Any]] = {
    "connections": lambda hook: hook.list_connections(),
    "a connection": lambda hook: hook.get_connection_details(ID),
    "a created connection": lambda hook: hook.create_connection(
        name="n", connection_spec_id=ID, auth_spec_name="a", auth_params={}
    ),
    "a changed connection": lambda hook: hook.patch_connection(ID, '"1"', []),
    "a deleted connection": lambda hook: hook.delete_connection(ID),
    "a tried connection": lambda hook: hook.test_base_connection(ID),
    "tables": lambda hook: read_tables(hook.explore(ID)),
    "columns": lambda hook: read_columns(hook.explore(ID, object_type="table", object="T"), "T"),
    "rows": lambda hook: read_rows(hook.explore(ID, object_type="table", object="T", preview=True), "T"),
    "a run": lambda hook: read_run(hook.get_run(ID)).result(),
    "a switched flow": lambda hook: hook.act_on_flow(ID, "enable"),
    "flow specs": lambda hook: hook.every_page(requests.list_runs([ID])),
    "a flow spec": lambda hook: hook.find_flow_spec(ID),
    "a source's spec": lambda hook: hook.find_connection_spec(ID),
    "all sources' specs": lambda hook: hook.list_connection_specs(),
    "the address of a stream": lambda hook: hook.find_streaming_endpoint(ID),
    "what shares a name": lambda hook: [read_entity(FLOWS, item) for item in hook.list_flows(name="n")],
    "datasets": lambda hook: hook.to(CatalogHook).list_datasets(),
    "a dataset": lambda hook: hook.to(CatalogHook).get_dataset(ID),
    "a created dataset": lambda hook: hook.to(CatalogHook).create_dataset(name="n", schema_id=SCHEMA),
    "batches": lambda hook: hook.to(CatalogHook).batches_of(ID),
    "schemas": lambda hook: hook.to(SchemaRegistryHook).list_resources("schemas"),
    "a schema's fields": lambda hook: hook.to(SchemaRegistryHook).schema_fields(SCHEMA),
    "a created schema": lambda hook: hook.to(SchemaRegistryHook).create_resource("schemas", {}),
    "the tenant": lambda hook: hook.to(SchemaRegistryHook).tenant_id,
    "a created mapping set": lambda hook: hook.to(DataPrepHook).create_mapping_set({}),
    "a mapping set": lambda hook: hook.to(DataPrepHook).get_mapping_set(ID),
}
TO_IMS = (canary.AEP_SECRET,)
TO_PLATFORM = (canary.AEP_SECRET, TOKEN)


def and_close(data: bytes) -> Callable[[Peer], None]:
    """Send, and close: what is too short is not waited for."""

    def send(peer: Peer) -> None:
        peer.send(data)
        peer.close()

    return send


@pytest.fixture
def server() -> Iterator[RawServer]:
    """One for all examples of a test."""
    with RawServer(reply()) as server:
        yield server


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_blocking_reader(make_hook: MakeHook, server: RawServer, waits: Any, read: Any) -> None:
    """Each hook survives any reply."""
    hook = make_hook(server.url)
    most = settings.default.max_examples

    @settings(max_examples=most if most > 100 else 40)  # in `make test` few, since the readers are many
    @given(replies(*TO_PLATFORM))
    def holds(data: bytes) -> None:
        server.replies = [and_close(data)]
        with contextlib.suppress(errors.AepError):
            read(hook)

    holds()


def test_a_token(make_hook: MakeHook, server: RawServer, waits: Any) -> None:
    """IMS's replies too."""
    server.replies = [reply(200, {"items": []})]

    @given(replies(*TO_IMS))
    def holds(data: bytes) -> None:
        server.token = and_close(data)
        TOKENS.clear()
        with contextlib.suppress(errors.AepError):
            assert make_hook(server.url).list_connections() == []

    holds()


def test_an_asynchronous_reader(make_hook: MakeHook, server: RawServer) -> None:
    """A triggerer whose loop met an error of another kind would lose all its waits."""
    make_hook(server.url)

    async def read(service: AsyncFlowService) -> None:
        async for page in service.pages(requests.list_runs([ID]), most=3):
            for item in page:
                read_snapshot(item)

    with contextlib.closing(asyncio.new_event_loop()) as loop:
        service = loop.run_until_complete(AsyncFlowService().__aenter__())

        @given(replies(*TO_PLATFORM))
        def holds(data: bytes) -> None:
            server.replies = [and_close(data)]
            with contextlib.suppress(errors.AepError):
                loop.run_until_complete(read(service))

        @given(replies(*TO_IMS))
        def holds_for_ims(data: bytes) -> None:
            server.replies, server.token = [reply(200, {"items": []})], and_close(data)
            TOKENS.clear()
            with contextlib.suppress(errors.AepError):
                loop.run_until_complete(read(service))

        holds()
        holds_for_ims()
        loop.run_until_complete(service.__aexit__())
