"""The body of a PATCH: instructions, of whose values the OpenAPI says nothing, on fields that GET shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.harness.contract import walk

Schema = dict[str, Any]


def is_patch(schema: Schema, body: object, root: Schema) -> bool:
    """Whether instructions are meant; Catalog takes a part of the entity as well."""
    schema = walk.resolve(schema, root)
    return isinstance(body, list) or "op" in schema.get("properties", {})


def breaches(body: object, get: Schema, root: Schema) -> Iterator[str]:
    """See `exceptions.PATCH_LIST`; `get` is the operation that reads the same entity."""
    for entry in body if isinstance(body, list) else [body]:
        if not isinstance(entry, dict) or not set(entry) <= {"op", "path", "value"}:
            yield f"{sorted(entry) if isinstance(entry, dict) else entry!r} is no patch instruction"
        elif str(entry.get("op")).upper() not in ("ADD", "REPLACE", "REMOVE"):
            yield f"op {entry.get('op')!r} is none of ADD, REPLACE, REMOVE"
        elif not str(entry.get("path", "")).startswith("/"):
            yield f"path {entry.get('path')!r} does not begin with a slash"
        elif str(entry["op"]).upper() != "REMOVE" and "value" not in entry:
            yield "value is missing"
        elif not _leads(entry["path"].strip("/").split("/"), _entity(get, root), root):
            yield f"path {entry['path']!r} leads to nothing that GET shows"


def _entity(get: Schema, root: Schema) -> Schema:
    """The schema of one entity, out of the envelope that Flow Service puts around it."""
    content = get.get("responses", {}).get("200", {}).get("content", {})
    schema = walk.resolve(content.get("application/json", {}).get("schema", {}), root)
    envelope = schema.get("properties", {}).get("items")
    return dict(envelope["items"]) if envelope else schema


def _leads(steps: list[str], schema: Schema, root: Schema) -> bool:
    schema = walk.resolve(schema, root)
    if not steps:
        return True
    if "items" in schema:
        return _leads(steps[1:], schema["items"], root)
    fields = schema.get("properties")
    return fields is None or (steps[0] in fields and _leads(steps[1:], fields[steps[0]], root))
