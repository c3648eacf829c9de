"""Make the pages about the sources, `docs/sources/`, from the catalogue and the credential map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from airflow_provider_aep.cli.sources import dag, state
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, sources_of_spec
from airflow_provider_aep.hooks.connection_line import connection_line
from airflow_provider_aep.hooks.credential_map import connection_types, templates_of
from scripts.markdown import MADE, table

UNCERTAIN = "**Uncertain.** Adobe's documents contradict each other here, or print values of another source."

WITHOUT_BASE_CONNECTION = {
    "data-landing-zone": 'file="dlz-user-container/orders/"',
    "lava": 'stream=True,\n        columns=[{"name": "page", "type": "string"}]',
}
"""The source object in the example of each source without a base connection."""

INGESTION = """\
from airflow.sdk import DAG
from airflow_provider_aep.task_groups import source_ingestion

with DAG("ingest_{word}", schedule=None):
    source_ingestion(
        source="{source.key}",
        {source_object},
        dataset="{source.title} records",
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
    """Return the page of one source."""
    facts = [
        ("In a DAG", f'`source="{source.key}"`'),
        ("Category", source.category),
        ("Connection spec", f"`{source.connection_spec_id}`"),
    ]
    parts = [f"# {source.title}\n{MADE}", table(("", ""), facts), *_doubts(source)]
    if source.auth:
        parts += [f"```python\n{dag(source)}\n```"]
        parts += [part for auth in source.auth for part in _authentication_type(source, auth)]
        parts += ["## From an Airflow connection", *_fields(source)]
    else:
        parts += [
            "It needs no base connection: see [files, REST resources and streams](../other-sources.md)."
        ]
        parts += [f"```python\n{_ingestion(source)}\n```", *_evidence(source)]
    return "\n\n".join(parts) + "\n"


def _doubts(source: Source) -> Iterator[str]:
    if source.uncertain:
        yield UNCERTAIN
    if others := [one.title for one in sources_of_spec(source.connection_spec_id) if one.key != source.key]:
        yield (
            f"The documents print this connection spec for {' and '.join(others)} too. The operator reads "
            "the name of the spec from AEP, and fails if it is the name of another source."
        )


def _authentication_type(source: Source, auth: AuthSpec) -> Iterator[str]:
    yield f"## {auth.name}"
    if auth.uncertain and not source.uncertain:
        yield UNCERTAIN
    if auth.deprecated:
        yield f"**{'Retired' if auth.retired else 'Deprecated'}.** {auth.deprecated}."
    yield table(("Parameter", "Kind"), [(f"`{name}`", _kind(auth, name)) for name in auth.parameters])
    yield f"```\n{connection_line(source, auth)}\n```"
    yield from _evidence(auth)


def _kind(auth: AuthSpec, name: str) -> str:
    words = ["required" if name in auth.required else "optional"]
    if default := auth.properties[name].get("default"):
        words.append(f"`{default}` by default")
    if auth.is_secret(name):
        words.append("secret: in the Airflow connection only")
    return ", ".join(words)


def _fields(source: Source) -> Iterator[str]:
    """Yield what each connection type gives."""
    names = ", ".join(f"`{one}`" for one in connection_types(source.key))
    yield (
        f"Use a connection of one of the types {names}. Its extra can hold each parameter under the "
        "parameter's name. Other parameters come from the connection's fields "
        "([how to read the table](README.md#how-a-page-is-read))."
    )
    types: dict[tuple[str, str], list[str]] = {}
    for conn_type in connection_types(source.key):
        for name, lines in _lines(source, conn_type).items():
            types.setdefault((name, "<br>".join(f"`{line}`" for line in lines)), []).append(f"`{conn_type}`")
    rows = [(f"`{name}`", ", ".join(of), lines) for (name, lines), of in sorted(types.items())]
    if rows:
        yield table(("Parameter", "Connection type", "Comes from"), rows)


def _lines(source: Source, conn_type: str) -> Mapping[str, tuple[str, ...]]:
    """Return the lines of each parameter. A `paypal` connection has the fields of a `generic` connection."""
    own, common = templates_of(source.key, "generic" if conn_type == "paypal" else conn_type)
    needed = {name: common[name] for auth in source.auth for name in auth.required if name in common}
    known = {name for auth in source.auth for name in auth.parameters}
    return {name: lines for name, lines in {**needed, **own}.items() if name in known}


def _ingestion(source: Source) -> str:
    word, source_object = source.key.replace("-", "_"), WITHOUT_BASE_CONNECTION[source.key]
    return INGESTION.format(source=source, word=word, source_object=source_object)


def _evidence(of: Source | AuthSpec) -> Iterator[str]:
    """Yield the catalogue's note, and the document that it follows."""
    if of.note:
        yield f"Note: {of.note}."
    path, _, commit = of.document.partition("@")
    yield f"Adobe's document: `{path}`, at commit `{commit}`."
