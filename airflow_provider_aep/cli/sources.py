"""``sources``: the catalogue as a table, one source with a DAG for it, and both beside the platform."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_aep.flow_service.connection_specs import ConnectionSpec, differences
from airflow_provider_aep.flow_service.errors import AepError
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


def compare(sources: Sequence[Source], aep_conn_id: str, sandbox: str | None, *, everything: bool) -> Table:
    """One row for each difference; ``everything`` shows as well what the platform has beyond the sources.

    :raises AepError: the platform cannot be asked
    """
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")  # as `airflow connections test`: else Airflow
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook  # looks into no database

    hook = FlowServiceHook(aep_conn_id, sandbox)
    there = {spec.id: spec for spec in hook.list_connection_specs()}
    rows = [row for one in sources if (row := _of_source(one, there.get(one.connection_spec_id)))]
    title = f"sandbox {hook.sandbox}: {len(sources) - len(rows)} of {len(sources)} sources as documented"
    if everything:
        rows += [(spec.name, spec.id, "new", "") for spec in there.values() if not sources_of_spec(spec.id)]
    table = Table(title=title, title_justify="left")
    for heading in ("source", "connection spec", "state", "difference"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _of_source(source: Source, spec: ConnectionSpec | None) -> tuple[str, str, str, str] | None:
    if spec is None:
        return str(source), source.connection_spec_id, "gone", source.deprecated or ""
    owner = next((one for one in sources_of_spec(spec.id) if same_name(one.title, spec.name)), source)
    if owner.key != source.key:
        return str(source), spec.id, "another's", f"the platform calls it {spec.name}"
    found = differences(source, spec)
    return (str(source), spec.id, "changed", "; ".join(found)) if found else None


NARROWEST = 120  # columns where nobody says how wide the output is

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


def run(options: argparse.Namespace) -> None:
    """Print what is asked for. What goes wrong ends with a sentence and exit code 1."""
    console = Console(width=None if sys.stdout.isatty() else NARROWEST, highlight=False)
    try:
        chosen = [find_source(options.name)] if options.name else list(catalogue().values())
        if options.live:
            console.print(compare(chosen, options.aep_conn_id, options.sandbox, everything=not options.name))
        elif options.name:
            show(chosen[0], console)
        else:
            console.print(table(chosen))
    except AepError as error:
        raise SystemExit(f"sources: {error}") from None


def table(sources: Iterable[Source]) -> Table:
    """One row for each way to authenticate."""
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
    """All of them, those that are optional in parentheses, secrets with a star."""
    names = [(name, name + "*" * auth.is_secret(name)) for name in auth.parameters]
    return ", ".join(shown if name in auth.required else f"({shown})" for name, shown in names)


def state(auth: AuthSpec) -> str:
    """``ok``, or what speaks against it."""
    end = RETIRED if auth.retired else "ends"
    against = [word for word, said in ((UNCERTAIN, auth.uncertain), (end, auth.deprecated)) if said]
    return ", ".join(against) or "ok"


def show(source: Source, console: Console) -> None:
    """All that is known of one source, and how to begin with it, to be copied as it stands."""
    types = ", ".join(connection_types(source.key)) if source.auth else ""
    console.print(_facts(source.title, category=source.category, connection_spec=source.connection_spec_id,
                         airflow_connection=types, note=source.note))  # fmt: skip
    for auth in source.auth:
        facts = _facts(auth.name, parameters=parameters_of(auth), state=state(auth), ends=auth.deprecated,
                       note=auth.note, document=auth.document)  # fmt: skip
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
    """A DAG that connects the source and tests the connection."""
    shapes = [set(auth.parameters) for auth in source.auth]
    alike = len(shapes) > 1 and shapes.count(shapes[-1]) > 1
    auth_spec = f"\n        auth_spec={json.dumps(source.auth[-1].name)}," if alike else ""
    return DAG.format(source=source, word=_word(source), auth_spec=auth_spec)


def connection_line(source: Source, auth: AuthSpec) -> str:
    """``airflow connections add`` with every parameter that must be there.

    Of the types that do, the one is printed that leaves the fewest secrets in the extra: Airflow hides the
    password everywhere, an extra only under the names that it knows.
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
    """The own fields and the extra of a connection of that type that gives all that must be there."""
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
    """The own fields and the keys of the extra that a line needs; None if it would leave a secret there."""
    names = ["host" if name == "url" else name for name in required_fields(line)]
    keys = [name for name in names if name not in OWN_FIELDS]
    if not names or any("." in key or sounds_secret(key) for key in keys):
        return None
    return [name for name in names if name in OWN_FIELDS], keys


def _word(source: Source) -> str:
    return source.key.replace("-", "_")
