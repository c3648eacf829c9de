"""A value beside its schema: what the value has too much, and what it lacks, each as a pointer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while isinstance(schema.get("$ref"), str):
        node: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        schema = node
    if "allOf" not in schema:
        return schema
    merged: dict[str, Any] = {"properties": {}, **{k: v for k, v in schema.items() if k != "allOf"}}
    for part in schema["allOf"]:
        resolved = resolve(part, root)
        merged = {
            **resolved,
            **merged,
            "properties": {**resolved.get("properties", {}), **merged["properties"]},
        }
    return merged


def _join(pointer: str, name: str) -> str:
    return f"{pointer}.{name}" if pointer else name


def extra(root: dict[str, Any], schema: dict[str, Any], value: object, pointer: str) -> Iterator[str]:
    schema = resolve(schema, root)
    if isinstance(value, list):
        for part in value:
            yield from extra(root, schema.get("items", {}), part, pointer + "[]")
    elif isinstance(value, dict) and "properties" in schema:
        for name, part in value.items():
            if name not in schema["properties"]:
                yield _join(pointer, name)
            else:
                yield from extra(root, schema["properties"][name], part, _join(pointer, name))
    elif isinstance(value, dict):  # a map: Catalog's lists are keyed by id
        for part in value.values():
            yield from extra(root, _of_map(schema), part, _join(pointer, "<id>"))


def missing(root: dict[str, Any], schema: dict[str, Any], value: object, pointer: str) -> Iterator[str]:
    schema = resolve(schema, root)
    if isinstance(value, list):
        for part in value:
            yield from missing(root, schema.get("items", {}), part, pointer + "[]")
    elif isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name not in value:
                yield _join(pointer, name)
            else:
                yield from missing(root, part, value[name], _join(pointer, name))
        if "properties" not in schema:
            for entry in value.values():
                yield from missing(root, _of_map(schema), entry, _join(pointer, "<id>"))


def _of_map(schema: dict[str, Any]) -> dict[str, Any]:
    values = schema.get("additionalProperties")
    return values if isinstance(values, dict) else {}
