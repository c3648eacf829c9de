"""Catalog's lists: its own query grammar, other than Flow Service's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams

from airflow_provider_aep.emulator.errors import ApiError, plain_error

LIMIT = 100
CONDITION = re.compile(r"(?P<field>[^=!<>~]+)(?P<op>==|!=|<=|>=|<|>|~)(?P<value>.*)", re.DOTALL)
# What a parameter may be called besides a field's name.
CONTROL = frozenset(("limit", "start", "orderBy", "property", "properties", "requestDataSource"))
Item = dict[str, Any]


def answer(items: Sequence[tuple[str, Item]], params: QueryParams) -> dict[str, Item]:
    """The map by id; newest first, as no other order is asked for."""
    found = [pair for pair in items if _wanted(pair[1], params)]
    found.reverse()
    for order in reversed(params.get("orderBy", "").split(",") if params.get("orderBy") else []):
        direction, _, field = order.rpartition(":")
        if direction not in ("asc", "desc", ""):
            raise _bad(f"orderBy={order} is not understood")
        found.sort(key=lambda pair: _key(pair[1], field), reverse=direction == "desc")
    start, limit = _whole(params, "start", 0), _whole(params, "limit", LIMIT)
    if limit < 1 or limit > LIMIT:
        raise _bad(f"limit must be between 1 and {LIMIT}")
    return {entity_id: projected(item, params) for entity_id, item in found[start : start + limit]}


def projected(item: Item, params: QueryParams) -> Item:
    """`properties=name,created`: only these."""
    names = params.get("properties")
    if not names or names == "*":
        return item
    return {name: item[name] for name in names.split(",") if name in item}


def _wanted(item: Item, params: QueryParams) -> bool:
    for name, text in params.multi_items():
        if name == "property":
            if not _holds(item, text):
                return False
        elif name == "dataSet":
            related = [part["id"] for part in item.get("relatedObjects", ())]
            if text not in related:
                return False
        elif name not in CONTROL and not _equal(_value(item, name), text):
            return False
    return True


def _holds(item: Item, text: str) -> bool:
    shape = CONDITION.fullmatch(text)
    if shape is None:
        return _value(item, text) is not None
    value, wanted = _value(item, shape["field"]), shape["value"]
    if shape["op"] in ("==", "!="):
        return _equal(value, wanted) == (shape["op"] == "==")
    if shape["op"] == "~":
        return isinstance(value, str) and re.search(_pattern(wanted), value) is not None
    if not isinstance(value, int) or not re.fullmatch(r"\d{1,18}", wanted):
        return False
    limit = int(wanted)
    if "=" in shape["op"] and value == limit:
        return True
    return value < limit if shape["op"].startswith("<") else value > limit


def _pattern(wanted: str) -> str:
    """A part of the name. (The guide allows regular expressions; a hostile one could hang us.)"""
    return re.escape(wanted.strip("/").removeprefix("^").removesuffix("$").replace(".*", ""))


def _equal(value: object, text: str) -> bool:
    """A comma means OR; a value may hold one all the same."""
    if isinstance(value, bool):
        return str(value).lower() == text.lower()
    if isinstance(value, int):
        return text in map(str, [value]) or str(value) in text.split(",")
    return value == text or (isinstance(value, str) and value in text.split(","))


def _value(item: Item, field: str) -> Any:
    node: Any = item
    for step in field.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _key(item: Item, field: str) -> tuple[int, Any]:
    value = _value(item, field)
    if isinstance(value, (int, float)):
        return (1, value)
    return (2, value) if isinstance(value, str) else (0, 0)


def _whole(params: QueryParams, name: str, default: int) -> int:
    text = params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _bad(f"{name} must be a whole number")
    return int(text)


def _bad(reason: str) -> ApiError:
    return plain_error(400, "BadRequestError", reason)
