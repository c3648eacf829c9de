"""Replies of every kind: good ones, spoiled ones, cut ones, and bytes that are none."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.harness import canary
from tests.harness.raw_server import reply
from tests.harness.run_server import run_item

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
    """Whole replies, as bytes. What the server was told it may repeat anywhere, in any spelling."""
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
