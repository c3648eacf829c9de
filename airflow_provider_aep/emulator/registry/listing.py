"""Lists and patches: `property`, `orderby`, `start`, `limit`, and JSON Patch on a whole resource."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from airflow_provider_aep.emulator import patching, pointer
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
    try:
        return pointer.patched(item, patching.read(body))
    except ApiError:
        raise errors.bad_format("The body must be a list of patch operations.", now) from None
    except pointer.NothingThereError as error:
        raise errors.bad_format(f"Nothing is at {error}.", now) from None
