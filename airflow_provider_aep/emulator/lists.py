"""Answer Flow Service's lists: `property`, `limit`, `orderby`, `count` and the continuation token."""

from __future__ import annotations

import base64
import bisect
import functools
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.entities import Call
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.settings import words

PARAMETERS = frozenset(("property", "limit", "orderby", "continuationToken", "count"))
MAX_LIMIT = 100  # the Destinations OpenAPI's maximum; a larger limit is cut to it
TOKEN_KEY = b"airflow-provider-aep emulator"  # keeps made-up tokens out; it guards no secret

Item = dict[str, Any]
Position = list[list[Any]]
Candidates = Callable[[Sequence["Condition"]], Sequence[Item]]
"""Returns all items that can match the conditions, and perhaps others."""
SHAPE = re.compile(r"(?P<field>[A-Za-z_@][\w.\-:@\[\]]*?)\s*(?P<op>==|!=|[=!<>~]+)(?P<value>.*)", re.DOTALL)
RANGES = ("<", ">", "<=", ">=")
NUMERIC = frozenset(("createdAt", "updatedAt"))
QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*(,|$)', re.DOTALL)

COMMON_FIELDS = words(
    """id createdAt updatedAt createdBy updatedBy createdClient updatedClient sandboxId sandboxName imsOrgId
    name description state version etag connectionSpec"""
)
CONNECTION_FIELDS = COMMON_FIELDS | {"auth"}
SOURCE_CONNECTION_FIELDS = COMMON_FIELDS | {"baseConnectionId", "data", "params", "inheritedAttributes"}
SPEC_FIELDS = words(
    """id name providerId version authSpec sourceSpec exploreSpec attributes permissionsInfo
    sourceConnectionSpecIds targetConnectionSpecIds optionSpec transformationSpecs scheduleSpec
    runSpec"""
)


@dataclass(frozen=True)
class ListQuery:
    """The parameters that decide which items a page has. The continuation token contains all of them."""

    properties: tuple[str, ...]
    orderby: tuple[str, ...]
    limit: int
    after: Position | None = None
    count: bool = False


class Rankings:
    """The items of the last queries, in their order: each page of a long list does not sort it again."""

    MAX_QUERIES = 8

    def __init__(self) -> None:
        self._state: object = None
        self._known: dict[Any, list[Item]] = {}

    def ranked(
        self, state: object, query: ListQuery, items: Candidates, fields: frozenset[str]
    ) -> list[Item]:
        """Return the matching items in their order; `state` differs after every change of the items."""
        if state != self._state:
            self._state, self._known = state, {}
        key = (query.properties, query.orderby)
        if key not in self._known:
            if len(self._known) >= self.MAX_QUERIES:
                self._known.pop(next(iter(self._known)))
            self._known[key] = _ranked(query, items, fields)
        return self._known[key]


def list_reply(
    call: Call,
    kind: str,
    fields: frozenset[str],
    items: Sequence[Item] | Candidates,
    *,
    rankings: Rankings | None = None,
    state: object = None,
    view: Callable[[Item], Item] = lambda item: item,
) -> Response:
    """Return the reply to `GET /{kind}`: a page of the items that match the query.

    `rankings` remembers the order of long lists while `state` is the same. `view` is applied to the page.
    """
    query = _read(call.request.query_params, kind, call.sandbox, fields)
    read = items if callable(items) else lambda _: items
    if rankings is None:
        ranked = _ranked(query, read, fields)
    else:
        ranked = rankings.ranked((call.sandbox, state), query, read, fields)
    if query.count:
        return payloads.reply({"count": len(ranked)})
    first = 0 if query.after is None else _after(ranked, query)
    page = ranked[first : first + query.limit]
    links: dict[str, Any] = {}
    if len(ranked) > first + len(page):
        token = _seal(kind, call.sandbox, query, _position(page[-1], query.orderby))
        links["next"] = {"href": f"/{kind}?continuationToken={token}"}
    return payloads.reply({"items": [view(item) for item in page], "_links": links})


def _ranked(query: ListQuery, items: Candidates, fields: frozenset[str]) -> list[Item]:
    conditions = [parse_condition(text, fields) for text in query.properties]
    found = [item for item in items(conditions) if matches(item, conditions)]
    found.sort(key=lambda item: item.get("createdAt", 0))
    for field in reversed(query.orderby):
        key = functools.partial(payloads.sort_key, path=field.lstrip("-"))
        found.sort(key=key, reverse=field.startswith("-"))
    return found


def _after(ranked: Sequence[Item], query: ListQuery) -> int:
    """Return the index of the first item after the token's position."""
    order = functools.cmp_to_key(functools.partial(_compare, query.orderby))
    return bisect.bisect_right(
        ranked, order(query.after), key=lambda item: order(_position(item, query.orderby))
    )


def _read(params: QueryParams, kind: str, sandbox: str, fields: frozenset[str]) -> ListQuery:
    unknown = [name for name in params if name not in PARAMETERS]
    if unknown:
        raise flow_error("1451-400", param=unknown[0])
    limit, count = _limit(params.get("limit")), _flag(params.get("count", "false"))
    if "limit" in params and count:
        raise flow_error("1401-400")
    if "continuationToken" in params:
        return _open(kind, sandbox, params["continuationToken"])
    return ListQuery(
        tuple(params.getlist("property")),
        _order(params.get("orderby", ""), fields),
        limit,
        count=count,
    )


def _limit(text: str | None) -> int:
    if text is None:
        return MAX_LIMIT
    digits = text.lstrip("0")
    if not re.fullmatch(r"[0-9]+", text) or not digits:
        raise flow_error("1100-400", reason="limit must be a whole number greater than 0")
    return min(int(digits[:9]), MAX_LIMIT)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):  # Python clients send `False`
        raise flow_error("1100-400", reason="count must be true or false")
    return text.lower() == "true"


def _order(text: str, fields: frozenset[str]) -> tuple[str, ...]:
    """Read `name`, `-name`, `+name`; a `+` in a URL arrives as a blank."""
    order = []
    for part in text.split(",") if text else ():
        sign = "-" if part.startswith("-") else ""
        field = part[1:] if part[:1] in ("-", "+", " ") else part
        if field[:1] in ("-", "+", " ") or not field:
            raise flow_error("1432-400")
        if not re.fullmatch(r"[\w.\[\]]+", field) or field.split(".")[0] not in fields:
            raise flow_error("1433-400", field=part)
        order.append(sign + field)
    return tuple(order)


def _position(item: Item, order: tuple[str, ...]) -> Position:
    """Return the sort key; `createdAt`, unique in a sandbox, comes last and makes every order total."""
    return [payloads.sort_key(item, field.lstrip("-")) for field in (*order, "createdAt")]


def _compare(order: tuple[str, ...], left: Position, right: Position) -> int:
    for field, a, b in zip((*order, "createdAt"), left, right, strict=True):
        if a != b:
            return (1 if a > b else -1) * (-1 if field.startswith("-") else 1)
    return 0


def _seal(kind: str, sandbox: str, query: ListQuery, after: Position) -> str:
    """Build a continuation token, URL-safe and without `=`: real clients split the link there."""
    content = json.dumps([kind, sandbox, query.properties, query.orderby, query.limit, after]).encode()
    return _text(_sign(content) + content)


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _open(kind: str, sandbox: str, token: str) -> ListQuery:
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        # Python's decoder ignores characters that are invalid in a token.
        genuine = hmac.compare_digest(sealed[:16], _sign(sealed[16:])) and _text(sealed) == token.rstrip("=")
        if not genuine:
            raise ValueError(token)
        made_for, made_in, properties, order, limit, after = json.loads(sealed[16:])
        if (made_for, made_in) != (kind, sandbox):
            raise ValueError(token)
    except ValueError:
        raise flow_error("1100-400", reason="the continuationToken is invalid") from None
    return ListQuery(tuple(properties), tuple(order), limit, after)


def _sign(content: bytes) -> bytes:
    return hmac.new(TOKEN_KEY, content, hashlib.sha256).digest()[:16]


@dataclass(frozen=True)
class Condition:
    """One `property` parameter."""

    path: tuple[str, ...]
    operator: str
    values: tuple[str, ...]

    def holds(self, item: dict[str, Any]) -> bool:
        """Say whether the item matches. A missing field equals no value."""
        found = _values(item, self.path)
        if self.path[-1] in ("state", "status"):  # a guide filters by `Failed`, the service shows `failed`
            expected = {text.lower() for text in self.values}
            hit = any(str(value).lower() in expected for value in found)
            return hit == (self.operator == "==")
        if self.operator == "==":
            return any(self._equals(value) for value in found)
        if self.operator == "!=":
            return not any(_same(value, self.values[0]) for value in found)
        return any(_in_range(value, self.operator, float(self.values[0])) for value in found)

    @functools.cached_property
    def _texts(self) -> frozenset[str]:
        return frozenset(self.values)

    def _equals(self, value: object) -> bool:
        if isinstance(value, str):  # such as one of a hundred ids
            return value in self._texts
        return any(_same(value, text) for text in self.values)


def matches(item: dict[str, Any], conditions: Iterable[Condition]) -> bool:
    """Say whether the item matches all `property` parameters."""
    return all(condition.holds(item) for condition in conditions)


def parse_condition(text: str, fields: frozenset[str]) -> Condition:
    """Read one parameter; raise the catalogue's error for the mistake in it."""
    shape = SHAPE.fullmatch(text)
    if shape is None:
        raise flow_error("1453-400", value=text)
    field, operator, raw = shape["field"], shape["op"], shape["value"]
    path = tuple(field.split("."))
    if operator == "~":
        raise flow_error("1440-400", op=operator)
    if operator not in ("==", "!=", *RANGES):
        raise flow_error("1450-400", op=operator)
    if path[0].removesuffix("[]") not in fields:
        raise flow_error("1449-400", field=field)
    if not raw.strip():
        raise flow_error("1453-400", value=field + operator)
    values = tuple(_split(raw))
    _check_values(field, operator, values, raw)
    return Condition(path, operator, values)


def _check_values(field: str, operator: str, values: tuple[str, ...], raw: str) -> None:
    if operator in RANGES and field not in NUMERIC and "." not in field:
        raise flow_error("1448-400", op=operator, field=field)
    if operator != "==" and len(values) > 1:
        raise flow_error("1443-400", op=operator)
    if (field in NUMERIC or operator in RANGES) and not all(_is_number(value) for value in values):
        raise flow_error("1452-400", value=raw, field=field)


def _split(raw: str) -> Iterator[str]:
    """Split at commas, which mean OR, except inside double quotes, where `\\"` is a quote."""
    rest = raw
    while True:
        quoted = QUOTED.match(rest)
        if quoted:
            yield re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
            if not quoted[2]:
                return
            rest = rest[quoted.end() :]
            continue
        value, comma, rest = rest.partition(",")
        yield value
        if not comma:
            return


def _values(node: object, path: tuple[str, ...]) -> list[object]:
    """Return all values at a path; a list has those of its items, written with `[]` or not."""
    for n, step in enumerate(path):
        if isinstance(node, list):
            return [value for part in node for value in _values(part, path[n:])]
        name = step.removesuffix("[]")
        if not isinstance(node, dict) or name not in node:
            return []
        node = node[name]
    return [value for part in node for value in _values(part, ())] if isinstance(node, list) else [node]


def _same(value: object, text: str) -> bool:
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, (int, float)):
        return _is_number(text) and float(text) == value
    return value == text


def _in_range(value: object, operator: str, limit: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if operator == "<":
        return value < limit
    if operator == ">":
        return value > limit
    return value <= limit if operator == "<=" else value >= limit


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*-?\d{1,18}(\.\d{1,9})?\s*", text, re.ASCII) is not None
