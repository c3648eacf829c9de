"""Validate events against OpenLineage's schema.

No package has the specification's JSON Schemas. The classes of the client are generated from them, so each
class gives a JSON Schema here, which allows no unknown field. With `OPENLINEAGE_SPEC_DIR`, the folder `spec`
of the specification's repository, the events are validated against the specification's own schemas, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import attr
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

OF_SPEC = "https://openlineage.io/spec/facets/"
_SIMPLE = {str: "string", int: "integer", bool: "boolean", float: "number"}


def validate(event: dict[str, Any]) -> list[str]:
    """Check a run event with all facets of the specification, and return the facets' names."""
    from openlineage.client.event_v2 import RunEvent

    Draft202012Validator(_schema(RunEvent)).validate(event)
    _validate_by_spec(event, event["schemaURL"])
    checked = []
    for name, facet in _facets(event):
        if facet["_schemaURL"].startswith(OF_SPEC):  # the others are Airflow's own
            Draft202012Validator(_schema(_classes()[facet["_schemaURL"]])).validate(facet)
            _validate_by_spec(facet, facet["_schemaURL"])
            checked.append(name)
    return checked


def read_events(file: Path) -> list[dict[str, Any]]:
    """Return the events of OpenLineage's file transport."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _facets(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        for one in node:
            yield from _facets(one)
    elif isinstance(node, dict):
        for name, inner in node.items():
            if name in ("facets", "inputFacets", "outputFacets"):
                yield from inner.items()
            else:
                yield from _facets(inner)


@cache
def _classes() -> dict[str, type]:
    from openlineage.client import facet_v2

    found = {}
    for module in vars(facet_v2).values():
        for one in vars(module).values() if hasattr(module, "__file__") else ():
            if isinstance(one, type) and issubclass(one, facet_v2.BaseFacet):
                found[one._get_schema()] = one
    return found


def _schema(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of a class."""
    defined: dict[str, Any] = {}
    return {**_node(kind, defined), "$defs": defined}


def _node(kind: Any, defined: dict[str, Any]) -> dict[str, Any]:
    arguments = [one for one in get_args(kind) if one is not type(None)]
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    if get_origin(kind) is list:
        return {"type": "array", "items": _node(arguments[0], defined)}
    if get_origin(kind) is dict:
        # a facet has a schema of its own, by its URL
        facets = arguments[1].__name__.endswith("Facet")
        return {"type": "object", "additionalProperties": facets or _node(arguments[1], defined)}
    if arguments:
        return {"anyOf": [_node(one, defined) for one in arguments]}
    if issubclass(kind, Enum):
        return {"enum": [one.value for one in kind]}
    if kind.__name__ not in defined:
        defined[kind.__name__] = {}
        hints, fields = get_type_hints(kind), attr.fields(kind)
        defined[kind.__name__] = {
            "type": "object",
            "properties": {one.name: _node(hints[one.name], defined) for one in fields},
            "required": [
                one.name
                for one in fields
                if one.default is attr.NOTHING or one.name.endswith(("producer", "schemaURL"))
            ],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _validate_by_spec(document: dict[str, Any], url: str) -> None:
    if folder := os.environ.get("OPENLINEAGE_SPEC_DIR"):
        registry: Registry[Any] = Registry(retrieve=lambda uri: _resource(folder, uri))  # type: ignore[call-arg]
        Draft202012Validator({"$ref": url}, registry=registry).validate(document)


@cache
def _resource(folder: str, url: str) -> Resource[Any]:
    """Return the newest schema of this name: the folder has no other version."""
    [path] = Path(folder).rglob(url.partition("#")[0].rpartition("/")[2])
    return Resource.from_contents(json.loads(path.read_text("utf-8")))
