"""``sources``: list the catalogue, show one source with a DAG for it, or compare either with AEP."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_aep.cli.command import Answer, command, hook_of, printable
from airflow_provider_aep.flow_service.connection_specs import ConnectionSpec, differences_from_catalogue
from airflow_provider_aep.flow_service.secret_rules import sounds_secret
from airflow_provider_aep.flow_service.sources import (
    RETIRED,
    UNCERTAIN,
    AuthSpec,
    Source,
    catalogue,
    find_source,
    same_name,
    sources_of_spec,
)
from airflow_provider_aep.hooks.credential_map import connection_types, required_fields, templates_of
from airflow_provider_aep.hooks.credentials import OWN_FIELDS

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook


def compare(sources: Sequence[Source], hook: FlowServiceHook, *, everything: bool) -> list[Row]:
    """Return each difference between the catalogue and AEP: source, connection spec, state, difference.

    :param everything: also list the sources of AEP that are not in ``sources``
    :raises AepError: AEP cannot be read
    """
    offered = {spec.id: spec for spec in hook.list_connection_specs()}
    rows = [row for one in sources if (row := _of_source(one, offered.get(one.connection_spec_id)))]
    if everything:
        rows += [(spec.name, spec.id, "new", "") for spec in offered.values() if not sources_of_spec(spec.id)]
    return rows


def _comparison(sources: Sequence[Source], hook: FlowServiceHook, *, everything: bool) -> Answer:
    rows = compare(sources, hook, everything=everything)
    as_documented = len(sources) - sum(state != "new" for _, _, state, _ in rows)
    title = f"sandbox {hook.sandbox}: {as_documented} of {len(sources)} sources as documented"
    shown = Table(title=title, title_justify="left")
    for heading in HEADINGS:
        shown.add_column(heading.replace("_", " "), overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    data = [dict(zip(HEADINGS, row, strict=True)) for row in rows]
    return Answer(data, lambda console: console.print(shown))


def _of_source(source: Source, spec: ConnectionSpec | None) -> Row | None:
    if spec is None:
        return str(source), source.connection_spec_id, "gone", source.deprecated or ""
    owner = next((one for one in sources_of_spec(spec.id) if same_name(one.title, spec.name)), source)
    if owner.key != source.key:
        return str(source), spec.id, "another's", f"AEP calls it {spec.name}"
    found = differences_from_catalogue(source, spec)
    return (str(source), spec.id, "changed", "; ".join(found)) if found else None


Row = tuple[str, str, str, str]
HEADINGS = ("source", "connection_spec", "state", "difference")

DAG = """\
from airflow.sdk import DAG
from airflow_provider_aep.operators.connections import CreateBaseConnectionOperator, TestConnectionOperator

with DAG("connect_{word}", schedule=None):
    connection = CreateBaseConnectionOperator(
        task_id="create",
        source="{source.key}",
        name="{source.title} connection",
        source_conn_id="{word}_default",{auth_spec}
    )
    TestConnectionOperator(task_id="test", connection_id=connection.output)"""


@command
def run(options: argparse.Namespace) -> Answer:
    """Show the catalogue, one source, or the comparison with AEP.

    :raises AepError: the source is unknown, or AEP cannot be read
    """
    chosen = [find_source(options.name)] if options.name else list(catalogue().values())
    if options.live:
        return _comparison(chosen, hook_of(options), everything=not options.name)
    data = [fields(one) for one in chosen]
    if options.name:
        return Answer(data, lambda console: show(chosen[0], console))
    return Answer(data, lambda console: console.print(table(chosen)))


def fields(source: Source) -> dict[str, Any]:
    """Return a source as JSON shows it, with a connection and a DAG to copy."""
    return {
        "source": source.key,
        "title": source.title,
        "category": source.category,
        "connection_spec": source.connection_spec_id,
        "note": source.note,
        "authentication": [
            {
                "name": auth.name,
                "parameters": [
                    {"name": name, "required": name in auth.required, "secret": auth.is_secret(name)}
                    for name in auth.parameters
                ],
                "state": state(auth),
                "connection": connection_line(source, auth),
            }
            for auth in source.auth
        ],
        "dag": dag(source) if source.auth else None,
    }


def table(sources: Iterable[Source]) -> Table:
    """Return a table with one row for each source and authentication type."""
    shown = Table(caption="* in the Airflow connection only; (optional)", caption_justify="left")
    for heading in ("source", "category", "authentication", "parameters", "state"):
        shown.add_column(heading, overflow="fold")
    for source in sources:
        for auth in source.auth:
            shown.add_row(source.key, source.category, auth.name, parameters_of(auth), state(auth))
        if not source.auth:
            shown.add_row(source.key, source.category, "no base connection", "", "ok")
    return shown


def parameters_of(auth: AuthSpec) -> str:
    """Return the parameters in words: optional ones in parentheses, secrets with a star."""
    names = [(name, name + "*" * auth.is_secret(name)) for name in auth.parameters]
    return ", ".join(shown if name in auth.required else f"({shown})" for name, shown in names)


def state(auth: AuthSpec) -> str:
    """Return ``ok``, or why not to use this authentication type."""
    end = RETIRED if auth.retired else "deprecated"
    against = [word for word, said in ((UNCERTAIN, auth.uncertain), (end, auth.deprecated)) if said]
    return ", ".join(against) or "ok"


def show(source: Source, console: Console) -> None:
    """Print the facts of one source, and a connection and a DAG to copy."""
    types = ", ".join(connection_types(source.key)) if source.auth else ""
    console.print(_facts(source.title, category=source.category, connection_spec=source.connection_spec_id,
                         airflow_connection=types, note=source.note))  # fmt: skip
    for auth in source.auth:
        facts = _facts(auth.name, parameters=parameters_of(auth), state=state(auth),
                       deprecated=auth.deprecated, note=auth.note, document=auth.document)  # fmt: skip
        console.print(facts, Text(connection_line(source, auth)), soft_wrap=True)
    if source.auth:
        console.print(Text("\n" + dag(source)), soft_wrap=True)


def _facts(title: str, **facts: str | None) -> Table:
    shown = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    for heading, text in facts.items():
        if text:
            shown.add_row(heading.replace("_", " "), text)
    return shown


def dag(source: Source) -> str:
    """Return a DAG that connects the source and tests the connection."""
    shapes = [set(auth.parameters) for auth in source.auth]
    alike = len(shapes) > 1 and shapes.count(shapes[-1]) > 1
    auth_spec = f"\n        auth_spec={json.dumps(source.auth[-1].name)}," if alike else ""
    return DAG.format(source=source, word=_word(source), auth_spec=auth_spec)


def connection_line(source: Source, auth: AuthSpec) -> str:
    """Return the ``airflow connections add`` command with every required parameter.

    Choose the connection type that needs the fewest secrets in the extra. Airflow hides the password
    everywhere, but an extra only if its key is one that Airflow knows as sensitive.
    """
    begin = f"airflow connections add {_word(source)}_default --conn-type"
    if source.key == "paypal":
        return (
            f"{begin} paypal --conn-login CLIENT_ID --conn-password CLIENT_SECRET --conn-host api.paypal.com"
        )
    filled = [(one, *_filled(source, auth, one)) for one in connection_types(source.key)]
    conn_type, own, extra = min(filled, key=lambda one: sum(map(auth.is_secret, one[2])))
    options = [f"--conn-{name} {shlex.quote(own[name])}" for name in OWN_FIELDS if name in own]
    if extra or not own:
        options.append(f"--conn-extra {shlex.quote(json.dumps(extra))}")
    return " ".join([begin, conn_type, *options])


def _filled(source: Source, auth: AuthSpec, conn_type: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields and the extra that a connection of this type needs for the required parameters."""
    lines, common = templates_of(source.key, conn_type)
    own: dict[str, str] = {}
    extra: dict[str, str] = {}
    for name in auth.required:
        found = [parts for line in (*lines.get(name, ()), *common.get(name, ())) if (parts := _parts(line))]
        fields, keys = min(found, key=lambda parts: len(parts[1]), default=([], [name]))
        for one in fields:
            own[one] = f"YOUR_{name}" if len(fields) == 1 and not keys else f"YOUR_{one.upper()}"
        extra |= {key: f"YOUR_{key}" for key in keys}
    return own, extra


def _parts(line: str) -> tuple[list[str], list[str]] | None:
    """Return the fields and the extra's keys that a line needs; None if a secret would be in the extra."""
    names = ["host" if name == "url" else name for name in required_fields(line)]
    keys = [name for name in names if name not in OWN_FIELDS]
    if not names or any("." in key or sounds_secret(key) for key in keys):
        return None
    return [name for name in names if name in OWN_FIELDS], keys


def _word(source: Source) -> str:
    return source.key.replace("-", "_")
