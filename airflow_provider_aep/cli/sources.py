"""``sources``: list the catalogue, show one source with a DAG for it, or compare either with AEP."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_aep.cli.command import Answer, command, hook_of, printable
from airflow_provider_aep.flow_service.connection_specs import ConnectionSpec, differences_from_catalogue
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
from airflow_provider_aep.hooks.connection_line import connection_line, word_of
from airflow_provider_aep.hooks.credential_map import connection_types

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
                "deprecated": auth.deprecated,
                "note": auth.note,
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
    return DAG.format(source=source, word=word_of(source), auth_spec=auth_spec)
