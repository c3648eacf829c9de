"""Make the pages about the sources, `docs/sources/`, from the catalogue.

A mistake on a page is a mistake in the catalogue, in the credential map, or here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from airflow_provider_aep.cli.sources import connection_line, dag, state
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, sources_of_spec
from airflow_provider_aep.hooks.credential_map import connection_types, templates_of
from scripts.markdown import MADE, table

UNCERTAIN = (
    "**Uncertain.** What Adobe's documents print of it contradicts itself, or belongs to another source."
)

WITHOUT_BASE_CONNECTION = {
    "data-landing-zone": 'file="dlz-user-container/orders/"',
    "lava": 'stream=True,\n        columns=[{"name": "page", "type": "string"}]',
}
"""What a source that needs no base connection is asked to bring."""

INGESTION = """\
from airflow.sdk import DAG
from airflow_provider_aep.task_groups import source_ingestion

with DAG("ingest_{word}", schedule=None):
    source_ingestion(
        source="{source.key}",
        {place},
        dataset="{source.title} rows",
    )"""


def index(sources: Iterable[Source]) -> str:
    """Return the table of all sources."""
    rows = [
        (f"[{source.title}]({source.key}.md)", source.category, *row)
        for source in sources
        for row in [(auth.name, state(auth)) for auth in source.auth] or [("no base connection", "ok")]
    ]
    return table(("Source", "Category", "Authentication", "State"), rows)


def page(source: Source) -> str:
    """All that is known of one source."""
    facts = [
        ("In a DAG", f'`source="{source.key}"`'),
        ("Category", source.category),
        ("Connection spec", f"`{source.connection_spec_id}`"),
    ]
    parts = [f"# {source.title}\n{MADE}", table(("", ""), facts), *_doubts(source)]
    if source.auth:
        parts += [f"```python\n{dag(source)}\n```"]
        parts += [part for auth in source.auth for part in _way(source, auth)]
        parts += ["## From an Airflow connection", *_fields(source)]
    else:
        parts += ["It needs no base connection: see [the other families](../other-sources.md)."]
        parts += [f"```python\n{_ingestion(source)}\n```", *_evidence(source)]
    return "\n\n".join(parts) + "\n"


def _doubts(source: Source) -> Iterator[str]:
    if source.uncertain:
        yield UNCERTAIN
    if others := [one.title for one in sources_of_spec(source.connection_spec_id) if one.key != source.key]:
        yield (
            f"The documents print this connection spec for {' and '.join(others)} as well. The operator asks "
            "the platform whose it is, and refuses it where it is another's."
        )


def _way(source: Source, auth: AuthSpec) -> Iterator[str]:
    """One way to authenticate."""
    yield f"## {auth.name}"
    if auth.uncertain and not source.uncertain:
        yield UNCERTAIN
    if auth.deprecated:
        yield f"**{'Retired' if auth.retired else 'Its end'}.** {auth.deprecated}."
    yield table(("Parameter", ""), [(f"`{name}`", _kind(auth, name)) for name in auth.parameters])
    yield f"```\n{connection_line(source, auth)}\n```"
    yield from _evidence(auth)


def _kind(auth: AuthSpec, name: str) -> str:
    words = ["required" if name in auth.required else "optional"]
    if default := auth.properties[name].get("default"):
        words.append(f"`{default}` if left out")
    if auth.is_secret(name):
        words.append("secret: in the Airflow connection only")
    return ", ".join(words)


def _fields(source: Source) -> Iterator[str]:
    """What the types of connections give."""
    names = ", ".join(f"`{one}`" for one in connection_types(source.key))
    yield (
        f"Any of the types {names} will do. The extra may hold each parameter under its own name. What it "
        "does not hold is made of the connection's fields ([how to read this](README.md#how-a-page-is-read))."
    )
    types: dict[tuple[str, str], list[str]] = {}
    for conn_type in connection_types(source.key):
        for name, lines in _lines(source, conn_type).items():
            types.setdefault((name, "<br>".join(f"`{line}`" for line in lines)), []).append(f"`{conn_type}`")
    rows = [(f"`{name}`", ", ".join(of), lines) for (name, lines), of in sorted(types.items())]
    if rows:
        yield table(("Parameter", "Connection type", "Made of"), rows)


def _lines(source: Source, conn_type: str) -> Mapping[str, tuple[str, ...]]:
    """Of each parameter the lines that count. A `paypal` connection has the fields of a `generic` one."""
    own, common = templates_of(source.key, "generic" if conn_type == "paypal" else conn_type)
    needed = {name: common[name] for auth in source.auth for name in auth.required if name in common}
    known = {name for auth in source.auth for name in auth.parameters}
    return {name: lines for name, lines in {**needed, **own}.items() if name in known}


def _ingestion(source: Source) -> str:
    place = WITHOUT_BASE_CONNECTION[source.key]
    return INGESTION.format(source=source, word=source.key.replace("-", "_"), place=place)


def _evidence(of: Source | AuthSpec) -> Iterator[str]:
    """What the catalogue notes, and where it has it from."""
    if of.note:
        yield f"Note: {of.note}."
    path, _, commit = of.document.partition("@")
    yield f"Adobe's document: `{path}`, at commit `{commit}`."
