"""Which fields a schema has: `$ref` and `allOf` resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Resource = dict[str, Any]
Lookup = Callable[[str], Resource | None]


def properties(resource: Resource, lookup: Lookup) -> dict[str, Any]:
    """All properties of a resource with those it inherits, merged by path."""
    found: dict[str, Any] = _expand(resource, resource, lookup, ()).get("properties", {})
    return found


def _expand(node: Any, root: Resource, lookup: Lookup, seen: tuple[str, ...]) -> dict[str, Any]:
    """`seen` are the references on the way here: a data type may refer to itself, which ends it."""
    if not isinstance(node, dict):
        return {}
    result = {k: v for k, v in node.items() if k not in ("$ref", "$ref ", "allOf", "properties", "items")}
    own = node.get("properties")
    if isinstance(own, dict):
        result["properties"] = {name: _expand(part, root, lookup, seen) for name, part in own.items()}
    if isinstance(node.get("items"), dict):
        result["items"] = _expand(node["items"], root, lookup, seen)
    reference = node.get("$ref", node.get("$ref "))
    if isinstance(reference, str):
        result = _merge(_referenced(reference, root, lookup, seen), result)
    parts = node.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        result = _merge(_expand(part, root, lookup, seen), result)
    return result


def _referenced(reference: str, root: Resource, lookup: Lookup, seen: tuple[str, ...]) -> dict[str, Any]:
    place = f"{root.get('$id', '')}{reference}" if reference.startswith("#/") else reference
    if place in seen:
        return {}
    seen = (*seen, place)
    if reference.startswith("#/"):
        node: Any = root
        for step in reference[2:].split("/"):
            node = node.get(step) if isinstance(node, dict) else None
        return _expand(node, root, lookup, seen)
    found = lookup(reference)
    if found is None:
        return {}
    whole = _expand(found, found, lookup, seen)
    return {key: whole[key] for key in ("type", "properties", "items", "format") if key in whole}


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    left, right = below.get("properties"), above.get("properties")
    if isinstance(left, dict) and isinstance(right, dict):
        merged["properties"] = {
            name: _merge(left[name], right[name])
            if name in left and name in right
            else (right[name] if name in right else left[name])
            for name in (*left, *(name for name in right if name not in left))
        }
    return merged


def leaves(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field that holds a value, by its dotted path; an array is a leaf."""
    for name, node in tree.items():
        here = f"{path}.{name}" if path else name
        if isinstance(node.get("properties"), dict):
            yield from leaves(node["properties"], here)
        else:
            yield here, node
