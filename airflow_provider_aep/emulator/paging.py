"""Lists: `limit`, `orderby`, `count` and the continuation token."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from airflow_provider_aep.emulator import filters, jsonio
from airflow_provider_aep.emulator.errors import flow_error

PARAMETERS = frozenset(("property", "limit", "orderby", "continuationToken", "count"))
MAX_LIMIT = 100  # the Destinations OpenAPI's maximum; a larger limit is cut to it
TOKEN_KEY = b"airflow-provider-aep emulator"  # keeps made-up tokens out; it guards no secret

Item = dict[str, Any]
Position = list[list[Any]]


@dataclass(frozen=True)
class ListQuery:
    """All that decides which items a page has. The token carries it whole."""

    properties: tuple[str, ...]
    orderby: tuple[str, ...]
    limit: int
    after: Position | None = None
    count: bool = False


def answer(
    params: QueryParams, kind: str, sandbox: str, fields: frozenset[str], items: Sequence[Item]
) -> Response:
    """The reply to `GET /{kind}`."""
    query = _read(params, kind, sandbox, fields)
    conditions = [filters.parse(text, fields) for text in query.properties]
    found = [item for item in items if filters.matches(item, conditions)]
    if query.count:
        return jsonio.reply({"count": len(found)})
    order = functools.cmp_to_key(functools.partial(_compare, query.orderby))
    ranked = sorted(
        ((_position(item, query.orderby), item) for item in found), key=lambda pair: order(pair[0])
    )
    if query.after is not None:
        after = query.after
        ranked = [pair for pair in ranked if _compare(query.orderby, pair[0], after) > 0]
    page = ranked[: query.limit]
    links: dict[str, Any] = {}
    if len(ranked) > len(page):
        token = _seal(kind, sandbox, query, page[-1][0])
        links["next"] = {"href": f"/{kind}?continuationToken={token}"}
    return jsonio.reply({"items": [item for _, item in page], "_links": links})


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
    """`name`, `-name`, `+name`; a `+` in a URL arrives as a blank."""
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
    """The sort key; `createdAt`, unique in a sandbox, comes last and makes every order total."""
    return [_key(item, field.lstrip("-")) for field in (*order, "createdAt")]


def _key(item: Item, field: str) -> list[Any]:
    value: Any = item
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, (bool, int, float)):
        return [1, value]
    return [2, value] if isinstance(value, str) else [0, 0]


def _compare(order: tuple[str, ...], left: Position, right: Position) -> int:
    for field, a, b in zip((*order, "createdAt"), left, right, strict=True):
        if a != b:
            return (1 if a > b else -1) * (-1 if field.startswith("-") else 1)
    return 0


def _seal(kind: str, sandbox: str, query: ListQuery, after: Position) -> str:
    """URL-safe and without `=`: real clients split the link there."""
    content = json.dumps([kind, sandbox, query.properties, query.orderby, query.limit, after]).encode()
    return _text(_sign(content) + content)


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _open(kind: str, sandbox: str, token: str) -> ListQuery:
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        # Python's decoder overlooks characters that have no business in a token.
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
