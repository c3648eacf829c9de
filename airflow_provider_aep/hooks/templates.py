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
    """A value, and the fields of the connection that went into it."""

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
            if value is not None:
                return None
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
    """The fields that a line names."""
    return [match["name"] for match in _FIELD.finditer(line)]


def lookup(facts: Mapping[str, Any], name: str) -> Any:
    """A field, or what stands at a dotted path; None where nothing is."""
    value: Any = facts
    for key in name.split("."):
        if isinstance(value, str):
            value = _object(value)  # Airflow's form keeps a key file as a text
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if value == "" else value


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
    "query": lambda value: None if "://" in str(value) else str(value).removeprefix("?"),
}
