"""Lists and patches: `property`, `orderby`, `start`, `limit`, and JSON Patch on a whole resource."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from airflow_provider_aep.emulator import patching
from airflow_provider_aep.emulator.errors import ApiError
from airflow_provider_aep.emulator.registry import errors

LIMIT = 300  # "the Schema Registry limits result sets to 300 items"
CONDITION = re.compile(r"(?P<field>[^=!~<>]+)(?P<op>==|!=|~|<=|>=|<|>)(?P<value>.*)", re.DOTALL)
Item = dict[str, Any]


def page(items: Sequence[Item], params: QueryParams, now: float) -> dict[str, Any]:
    """`_page.next` is where the next page starts, in terms of the field it is sorted by."""
    order = params.get("orderby", "title")
    field, backwards = order.lstrip("+- "), order.startswith("-")
    found = [item for item in items if all(_holds(item, t, now) for t in params.getlist("property"))]
    found.sort(key=lambda item: (_key(item, field), item["$id"]), reverse=backwards)
    start = params.get("start")
    if start:
        found = [x for x in found if (_key(x, field) <= start if backwards else _key(x, field) >= start)]
    limit = params.get("limit", str(LIMIT))
    if not re.fullmatch(r"[0-9]{1,9}", limit) or int(limit) < 1:
        raise errors.bad_format("limit must be a whole number greater than 0", now)
    shown = found[: min(int(limit), LIMIT)]
    result: dict[str, Any] = {
        "results": list(shown),
        "_page": {"orderby": field, "count": len(shown)},
        "_links": {},
    }
    if len(found) > len(shown):  # left out at the end: the guide's `null` is no string, as the OpenAPI wants
        result["_page"]["next"] = _key(found[len(shown)], field)
        query = urlencode({"orderby": order, "start": result["_page"]["next"], "limit": limit})
        result["_links"]["next"] = {"href": f"?{query}"}
    return result


def _key(item: Item, field: str) -> str:
    value = _value(item, field)
    return "" if value is None else str(value)


def _value(item: Item, field: str) -> Any:
    """Names hold dots nowhere but between steps; `meta:…` and `$id` are plain names."""
    node: Any = item
    for step in field.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _holds(item: Item, text: str, now: float) -> bool:
    shape = CONDITION.fullmatch(text)
    if shape is None:
        if "=" in text:
            raise errors.bad_format(f"property={text} is not understood", now)
        return _value(item, text) is not None  # "property=meta:intendedToExtend": those that have it
    value = _value(item, shape["field"].strip())
    wanted = shape["value"].strip().strip('"')
    values = [str(part) for part in (value if isinstance(value, list) else [value]) if part is not None]
    if shape["op"] == "==":
        return wanted in values
    if shape["op"] == "!=":
        return wanted not in values
    if shape["op"] == "~":
        return any(wanted.lower() in part.lower() for part in values)
    return any(_compare(part, shape["op"], wanted) for part in values)


def _compare(left: str, op: str, right: str) -> bool:
    if op.startswith("<"):
        return left < right or (op == "<=" and left == right)
    return left > right or (op == ">=" and left == right)


def patched(item: Item, body: object, now: float) -> Item:
    """The resource after a JSON Patch; whether it is a good one is for others to say."""
    result: Item = copy.deepcopy(item)
    try:
        operations = patching.read(body)
    except ApiError:
        raise errors.bad_format("The body must be a list of patch operations.", now) from None
    for operation in operations:
        _apply(result, operation, now)
    return result


def _apply(root: Item, operation: patching.Operation, now: float) -> None:
    node: Any = root
    for step in operation.path[:-1]:
        node = _step(node, step, now)
    last = operation.path[-1]
    if isinstance(node, list):
        index = len(node) if last == "-" else _index(last, len(node), now)
        if operation.op == "add":
            node.insert(index, operation.value)
            return
        if index >= len(node):
            raise errors.bad_format(f"Nothing is at /{'/'.join(operation.path)}.", now)
        node[index : index + 1] = [] if operation.op == "remove" else [operation.value]
    elif isinstance(node, dict) and (operation.op != "remove" or last in node):
        if operation.op == "remove":
            del node[last]
        else:
            node[last] = operation.value
    else:
        raise errors.bad_format(f"Nothing is at /{'/'.join(operation.path)}.", now)


def _step(node: Any, step: str, now: float) -> Any:
    if isinstance(node, dict) and step in node:
        return node[step]
    if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
        return node[int(step)]
    raise errors.bad_format(f"Nothing is at {step}.", now)


def _index(text: str, length: int, now: float) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) > length:
        raise errors.bad_format(f"{text} is no index.", now)
    return int(text)
