"""Make the pages of the reference that come from data: connection types, settings, commands, all names.

`make docs` writes them, and a test fails if one is not current.
"""

from __future__ import annotations

import inspect
import json
import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_aep.cli import COMMANDS, add_argument
from airflow_provider_aep.get_provider_info import CONFIG, CONNECTION_TYPES, get_provider_info
from airflow_provider_aep.hooks.connection import DEFAULT_HOST, DEFAULT_SCOPES
from airflow_provider_aep.hooks.paypal import DEFAULT_HOST as PAYPAL_HOST

REFERENCE = Path(__file__).parent / "reference"
PACKAGE = "airflow_provider_aep"

REQUIRED = "required"

REFUSED = {"CreatePayPalConnectionOperator": ("source", "source_conn_id")}
"""Parameters of a base class that a class refuses, because it sets them itself."""

NAVIGATION = """

```{toctree}
:hidden:
:glob:

*
```"""
"""Lists all pages of a folder in the navigation of the site."""

OWN_FIELDS = {
    "aep": {
        "login": (
            "text",
            REQUIRED,
            "The client ID of the OAuth Server-to-Server credential. It is also the API key",
        ),
        "password": ("text", REQUIRED, "The client secret"),
        "host": (
            "text",
            f"`{DEFAULT_HOST}`",
            "The API's address, without a path. By default https. `http://` is allowed only for localhost",
        ),
        "port": (
            "whole number, 1 to 65535",
            "the port of `host`, else 443",
            "The API's port. The *Test* button of Airflow 3.3.2 needs it: set 443",
        ),
    },
    "paypal": {
        "login": ("text", REQUIRED, "The client ID of the PayPal application"),
        "password": ("text", REQUIRED, "The client secret of the PayPal application"),
        "host": ("text", f"`{PAYPAL_HOST}`", "PayPal's API: the default, or `api.paypal.com`"),
    },
}
"""Type, default and meaning of the fields that every Airflow connection has.

The provider info only labels them.
"""

OTHER_DEFAULTS = {
    "scopes": f"`{DEFAULT_SCOPES}`",
    "verify": "the [environment's bundle](settings.md#environment-variables), else that of `certifi`",
    "tenant": "`org_id`",
}
"""The defaults of fields of the extra that the form does not show."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "aep": {
        "login": "CLIENT_ID",
        "password": "CLIENT_SECRET",
        "extra": {"org_id": "YOUR_ORG@AdobeOrg", "sandbox": "prod"},
    },
    "paypal": {
        "login": "PAYPAL_CLIENT_ID",
        "password": "PAYPAL_SECRET",
        "host": "api.paypal.com",
        "port": 443,
    },
}


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading as GitHub makes it. That of an error is its code, too."""
    code = re.match(r"AEP-E\d{3}\b", heading)
    return code[0].lower() if code else re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def pages(table: Callable[[Iterable[str], Iterable[Iterable[str]]], str]) -> dict[str, str]:
    """Return what is generated of each page, by its path in docs/."""
    return {
        "reference/connections.md": "\n\n".join(
            part for one in CONNECTION_TYPES for part in _connection_type(one, table)
        ),
        "reference/settings.md": "\n\n".join(part for name in CONFIG for part in _section(name, table)),
        "reference/commands.md": "\n\n".join(_commands(table)),
        "reference/README.md": "\n\n".join(_entries(table)),
    }


def _connection_type(kind: Mapping[str, Any], table: Callable[..., str]) -> Iterator[str]:
    name, form = kind["connection-type"], kind["ui-field-behaviour"]
    yield f"## Connection type `{name}`"
    labels = form["relabeling"]
    rows = [(f"`{key}`", labels.get(key, key.capitalize()), *own) for key, own in OWN_FIELDS[name].items()]
    for key, one in kind.get("conn-fields", {}).items():
        facts = _type(one["schema"]), _default(key, one["schema"]), one["description"].rstrip(".")
        rows.append((f"extra `{key}`", one["label"], *facts))
    yield table(("Field", "Label in the form", "Type", "Default", "Meaning"), rows)
    conn_id, example = f"{name}_default", EXAMPLES[name]
    yield f"As a URI, in the environment variable `AIRFLOW_CONN_{conn_id.upper()}`:"
    yield f"```text\n{uri_of(name, example)}\n```"
    yield "As JSON, in the same variable or in a secrets backend:"
    yield f"```json\n{json.dumps({'conn_type': name, **example}, indent=2)}\n```"
    yield "As a command, which stores it in Airflow's metadata database:"
    options = [f"--conn-{key} {value}" for key, value in example.items() if key != "extra"]
    if "extra" in example:
        options.append(f"--conn-extra '{json.dumps(example['extra'])}'")
    lines = [f"airflow connections add {conn_id} --conn-type {name}", *options]
    yield "```bash\n" + " \\\n    ".join(lines) + "\n```"


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type of a field of the extra, with its largest value."""
    if "number" not in schema["type"]:
        return "text"
    return f"number, more than {schema['exclusiveMinimum']}, at most {schema['maximum']}"


def _default(key: str, schema: Mapping[str, Any]) -> str:
    """Return the default of a field of the extra. A field that cannot be empty is required."""
    if "null" not in schema["type"]:
        return REQUIRED
    return f"`{schema['default']}`" if "default" in schema else OTHER_DEFAULTS[key]


def uri_of(conn_type: str, fields: Mapping[str, Any]) -> str:
    """Return a connection in the form of a URI, as Airflow reads it."""
    login, password = (quote(str(fields[key]), safe="") for key in ("login", "password"))
    port = f":{fields['port']}" if "port" in fields else ""
    extra = f"/?{urlencode(fields['extra'])}" if "extra" in fields else ""
    return f"{conn_type}://{login}:{password}@{fields.get('host', '')}{port}{extra}"


def _section(name: str, table: Callable[..., str]) -> Iterator[str]:
    for key, option in CONFIG[name]["options"].items():
        yield f"## `[{name}] {key}`"
        yield option["description"]
        rows = [
            ("Type", option["type"]),
            ("Default", f"`{option['default']}`" if option["default"] else "empty"),
            ("Example", f"`{option['example']}`" if option["example"] else ""),
            ("Environment variable", f"`AIRFLOW__{name.upper()}__{key.upper()}`"),
            ("Since version", option["version_added"]),
        ]
        yield table(("", ""), [row for row in rows if row[1]])


def _commands(table: Callable[..., str]) -> Iterator[str]:
    results = (REFERENCE / "command-results.md").read_text("utf-8")
    for name, (text, arguments) in COMMANDS.items():
        parser = ArgumentParser(prog=name, add_help=False)
        for flags, keywords in arguments:
            add_argument(parser, flags, keywords)
        yield f"## `{name}`"
        yield f"{text[0].upper()}{text[1:]}."
        yield f"```text\n{_usage(parser)}\n```"
        yield table(
            ("Argument", "Meaning"),
            ((_flags(flags, keywords), keywords["help"]) for flags, keywords in arguments),
        )
        if f"\n## `{name}`\n" in results:
            yield f"[The results of `{name}`](command-results.md#{name})."


def _usage(parser: ArgumentParser) -> str:
    """Return the usage in lines of 88 characters. Each version of Python would break them in another way."""
    lines = [""]
    for word in re.findall(r"\[.*?\](?: \.\.\.\])?|\S+", parser.format_usage().removeprefix("usage: ")):
        word = " ".join(word.split())
        if len(lines[-1]) + len(word) > 87:
            lines.append("   ")
        lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\n".join(lines)


def _flags(flags: Iterable[str], keywords: Mapping[str, Any]) -> str:
    value = keywords.get("metavar") or "|".join(keywords.get("choices", ()))
    named = [f"`{flag} {value}`" if flag.startswith("-") and value else f"`{flag}`" for flag in flags]
    return ", ".join(named)


def public_modules() -> Iterator[str]:
    """Yield the modules with names for authors of DAGs."""
    info = get_provider_info()
    for kind in ("operators", "sensors", "triggers", "hooks"):
        for integration in info[kind]:
            yield from integration["python-modules"]
    yield from (f"{PACKAGE}.{name}" for name in ("task_groups", "links", "retry", "assets"))


def public_names() -> dict[str, Any]:
    """Return each public class by its full name, and the names that a module lists in `__all__`.

    A task group is its function.
    """
    found: dict[str, Any] = {}
    for name in public_modules():
        module = import_module(name)
        names = getattr(module, "__all__", None) or [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and inspect.isclass(value) and value.__module__ == name
        ]
        found |= {f"{name}.{key}": _value_of(f"{name}.{key}") for key in names}
    return found


def documented() -> dict[str, Path]:
    """Return the page of each name that the pages of the reference document."""
    directive = re.compile(r"^\.\. auto(?:class|function|exception):: ([\w.]+)", re.MULTILINE)
    return {
        name: page
        for page in sorted(REFERENCE.glob("*.md"))
        for name in directive.findall(page.read_text("utf-8"))
    }


def _entries(table: Callable[..., str]) -> Iterator[str]:
    """Yield a section for each page, in the order of the site, with the first sentence of each name on it."""
    site = (REFERENCE.parent / "index.md").read_text("utf-8")
    order = re.findall(r"^reference/([\w-]+)$", site, re.MULTILINE)
    names = documented()
    for page in (REFERENCE / f"{one}.md" for one in order):
        if own := [name for name, place in names.items() if place == page]:
            title = page.read_text("utf-8").partition("\n")[0].removeprefix("# ")
            yield f"## [{title}]({page.name})"
            rows = ((f"`{name.rpartition('.')[2]}`", _first_sentence(_value_of(name))) for name in own)
            yield table(("Name", "What it does"), rows)


def _value_of(name: str) -> Any:
    """Return the class or function of a full name. A task group is its function."""
    module, _, last = name.rpartition(".")
    value = getattr(import_module(module), last)
    return getattr(value, "function", value)


def _first_sentence(value: Any) -> str:
    """Return the first sentence of a docstring, as Markdown."""
    text = (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")
    text = re.sub(r":\w+:`[~.]?(?:[\w.]*\.)?(\w+)`", r"`\1`", text).replace("``", "`")
    return re.split(r"(?<=\.)\s", text)[0].rstrip(".")
