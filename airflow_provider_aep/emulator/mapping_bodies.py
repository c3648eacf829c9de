"""The two documented bodies of a mapping set, read into one."""

from __future__ import annotations

import uuid
from typing import Any

from airflow_provider_aep.emulator.store import Entity

# The OpenAPI's names, and those of the data prep guide's samples.
SOURCE_TYPES = {
    "attribute": "ATTRIBUTE",
    "expression": "EXPRESSION",
    "static": "STATIC",
    "text/x.schema-path": "ATTRIBUTE",
    "text/x.aep-xl": "EXPRESSION",
}
CONTENT_TYPE = "application/vnd.adobe.xed-full+json;version=1"
Item = dict[str, Any]


class BadBodyError(ValueError):
    """No mapping set; the text says why."""


def read(body: object) -> Item:
    """What is kept of either: `outputSchema` and `mappings`, in the OpenAPI's words."""
    if not isinstance(body, dict):
        raise BadBodyError("the body must be a JSON object")
    mappings = body.get("mappings")
    if not isinstance(mappings, list) or not mappings:
        raise BadBodyError("'mappings' is required and must be an array")
    content: Item = {"outputSchema": {"schemaRef": _schema(body)}, "mappings": list(map(_mapping, mappings))}
    if isinstance(body.get("name"), str):
        content["name"] = body["name"]
    destinations = [mapping["destination"] for mapping in content["mappings"]]
    twice = {path for path in destinations if destinations.count(path) > 1}
    if twice:
        raise BadBodyError(f"{min(twice)} is mapped twice")
    return content


def _schema(body: Item) -> Item:
    if isinstance(body.get("xdmSchema"), str):  # the collect tutorials' body
        return {"id": body["xdmSchema"], "contentType": CONTENT_TYPE}
    output = body.get("outputSchema")
    reference = output.get("schemaRef") if isinstance(output, dict) else None
    if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
        raise BadBodyError("'xdmSchema' or 'outputSchema.schemaRef.id' is required")
    content_type = reference.get("contentType", CONTENT_TYPE)
    if not isinstance(content_type, str):
        raise BadBodyError("'outputSchema.schemaRef.contentType' must be a string")
    return {"id": reference["id"], "contentType": content_type}


def _mapping(entry: object) -> Item:
    if not isinstance(entry, dict):
        raise BadBodyError("a mapping must be an object")
    source = entry.get("source", entry.get("sourceAttribute"))
    destination = entry.get("destination", entry.get("destinationXdmPath"))
    for name, value in (("source", source), ("destination", destination)):
        if not isinstance(value, str) or not value.strip():
            raise BadBodyError(f"a mapping needs a {name}")
    kind = entry.get("sourceType", "ATTRIBUTE")
    if not isinstance(kind, str) or kind.lower() not in SOURCE_TYPES:
        raise BadBodyError("'sourceType' is ATTRIBUTE, EXPRESSION or STATIC")
    named = {name: entry[name] for name in ("name", "description") if isinstance(entry.get(name), str)}
    return {
        "id": uuid.uuid4().hex,
        "version": 0,
        "sourceType": SOURCE_TYPES[kind.lower()],
        "source": source,
        "destination": destination,
        **named,
    }


def at_version(entity: Entity, version: int | None) -> Item | None:
    """A mapping set as it was at a version, or as it is now; None where it has no such version."""
    if version is None or version == entity.item["version"]:
        return entity.item
    earlier: Item | None = entity.hidden.get("versions", {}).get(str(version))
    return earlier
