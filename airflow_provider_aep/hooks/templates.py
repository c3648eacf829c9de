"""Fills the lines of :mod:`~airflow_provider_aep.hooks.credential_map` from an Airflow connection."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from airflow_provider_aep.flow_service.errors import SourceCredentialsError

_FIELD = re.compile(r"\{(?P<absent>!?)(?P<name>[A-Za-z_][\w.]*)(=(?P<default>[^{}|]*))?(\|(?P<form>\w+))?\}")
_UNSAFE = re.compile(r"[;\"'{}\x00-\x1f]|^\s|\s$")
"""What would end a value of a connection string, or begin another one."""


@dataclass(frozen=True)
class Filled:
    """A value, and the fields of the connection that went into it.

    Fields are named as in a line, those of the extra that stand for themselves as ``extra.name``.
    """

    value: Any = field(repr=False)
    used: frozenset[str]


def fill(line: str, facts: Mapping[str, Any]) -> Filled | None:
    """The value of a line, None where one of its fields is not there.

    :raises SourceCredentialsError: a field cannot be written into a connection string; it is named, not shown
    """
    used: set[str] = set()
    texts: list[Any] = []
    position = 0
    for match in _FIELD.finditer(line):
        texts.append(line[position : match.start()])
        position = match.end()
        value = lookup(facts, match["name"])
        if match["absent"]:
            if value is not None and str(value).lower() not in (match["default"] or "").split(","):
                return None
            used.update({match["name"]} if value is not None else ())
            continue
        if value is None:
            value = match["default"]
        else:
            used.add(match["name"])
        if value is not None and ";" in line:
            _check_safe(str(value), match["name"])
        if value is not None and match["form"]:
            value = _FORMS[match["form"]](value)
        if value is None:
            return None
        texts.append(value)
    texts = [text for text in (*texts, line[position:]) if text != ""]
    whole = texts[0] if len(texts) == 1 else "".join(map(str, texts))
    return Filled(whole, frozenset(used))


def names_in(line: str) -> list[str]:
    """The fields that a line is made of."""
    return [match["name"] for match in _FIELD.finditer(line) if not match["absent"]]


def needed_in(line: str) -> list[str]:
    """The fields that a line cannot do without."""
    return [one["name"] for one in _FIELD.finditer(line) if not one["absent"] and one["default"] is None]


def forbidden_in(line: str) -> list[str]:
    """The fields that rule a line out."""
    return [match["name"] for match in _FIELD.finditer(line) if match["absent"]]


def without_rules(line: str) -> str:
    """The line as if nothing ruled it out."""
    return _FIELD.sub(lambda match: "" if match["absent"] else match.group(), line)


def lookup(facts: Mapping[str, Any], name: str) -> Any:
    """A field, or what stands at a dotted path; None where nothing is."""
    value: Any = facts
    for key in name.split("."):
        value = object_in(value).get(key)
    return None if value == "" else value


def object_in(value: Any) -> Mapping[str, Any]:
    """An object, also one that is kept as a text, as Airflow's form keeps a key file; empty for others."""
    found = _object(value) if isinstance(value, str) else value
    return found if isinstance(found, Mapping) else {}


def _check_safe(value: str, name: str) -> None:
    if _UNSAFE.search(value):
        raise SourceCredentialsError(
            f"`{name}` of the Airflow connection holds a character that a connection string cannot carry as "
            "it is, such as `;` or a quote. Write the whole string as the source's driver wants it, and put "
            "it into the connection's extra as `connectionString`.",
            parameter=name,
        )


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_EASY = re.compile(r"(?:tcp:)?(?://)?(?P<host>[^:/()=]+)(?::(?P<port>\d+))?/(?P<service>[^:/()=]+)")


def _dsn(part: str) -> Callable[[Any], str | None]:
    """A part of an Oracle DSN: `host:port/service`, or a descriptor with one address."""

    def read(value: Any) -> str | None:
        text = str(value).strip()
        if easy := _EASY.fullmatch(text):
            return (easy.groupdict() | {"port": easy["port"] or "1521"}).get(part)
        keys = {"service": "SERVICE_NAME"}
        found = re.findall(rf"\(\s*{keys.get(part, part.upper())}\s*=\s*([^()\s]+)\s*\)", text, re.IGNORECASE)
        return found[0] if len(found) == 1 else None

    return read


def _base64(value: Any) -> str:
    """Base64 of a key, once: in PEM it begins with dashes."""
    text = str(value)
    return base64.b64encode(text.encode()).decode() if text.lstrip().startswith("-----") else text


def _json(value: Any) -> str:
    """JSON without blanks; of a text that is an object already, the same object."""
    known = _object(value) if isinstance(value, str) else value
    return json.dumps(known if isinstance(known, dict) else value, separators=(",", ":"))


_FORMS: Mapping[str, Callable[[Any], str | None]] = {
    "base64": _base64,
    "json": _json,
    "quoted": lambda value: quote(str(value), safe=""),
    "label": lambda value: re.sub(r"^\w+://", "", str(value)).partition(".")[0],
    "dfs": lambda value: str(value).replace(".blob.core.", ".dfs.core."),
    "uri": lambda value: str(value) if str(value).startswith("https://") else None,
    "region": lambda value: None if str(value) == "us-west-2" else str(value),  # in no address of Snowflake
    **{f"dsn_{part}": _dsn(part) for part in ("host", "port", "sid", "service")},
    "query": lambda value: None if "://" in str(value) else str(value).removeprefix("?"),
}
