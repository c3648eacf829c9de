"""Make the generated pages in docs/: `make docs`.

The errors come from their classes, the sources from the catalogue and the credential map.
`docs/reference_pages.py` makes the pages of the reference.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from airflow_provider_aep.cli.errors import adobe_codes, advice, facts
from airflow_provider_aep.cli.sources import dag, state
from airflow_provider_aep.emulator.payloads import data_file
from airflow_provider_aep.flow_service.errors import AepError, every_kind
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, catalogue
from airflow_provider_aep.hooks.connection_line import connection_line, word_of
from airflow_provider_aep.hooks.credential_map import connection_types, templates_of
from docs import reference_pages

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGE = "airflow-provider-aep"
EXTRAS = ("emulator", "openlineage")
"""The extras for users."""
USERS = ROOT / ".venv-demo"
"""The environment that has only the packages that a user of `[emulator]` gets."""
MADE = "<!-- Made by `make docs`. -->"
BELOW = "<!-- Below this line: made by `make docs`. -->"

ADOBES = """\
## Adobe's codes

The message of an error contains Adobe's own code, such as `FLOW-1418-400`. The table explains some of these
codes. SANDBOX is the sandbox's name. `python -m airflow_provider_aep errors FLOW-1418-400` explains one code.
The number alone, such as `1418`, is enough.
"""

FAMILIES = {
    "0": "The base class",
    "1": "Invalid parameters and settings",
    "2": "Failed requests",
    "3": "Refused requests",
    "4": "Failed waits for a run",
    "5": "Conflicts with existing entities",
    "6": "The worker slot and Airflow's task state store",
}
"""The heading for each first digit of a code."""

UNCERTAIN = (
    "**Uncertain.** Adobe's documents contradict each other here, or print values of another source. "
    "See [uncertain sources](../how-to/connect-a-source.md#if-it-fails)."
)

DATA = {
    "table": "[tables](../from-connection-to-dataset.md), with `table=`",
    "file": "[files](../other-sources.md#files), with `file=`",
    "rest": "[REST resources](../other-sources.md#rest-resources), with `resource=`",
    "stream": "[a stream](../other-sources.md#streams), with `stream=`",
}
"""The data of a source, by its family."""

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


def pages() -> dict[str, str]:
    """Return the text of each page that needs only the code, by its path in docs/."""
    sources = {f"sources/{key}.md": source_page(source) for key, source in catalogue().items()}
    return {
        "errors.md": below("errors.md", errors()),
        "sources/README.md": below("sources/README.md", source_index(catalogue().values())),
        **{name: below(name, text) for name, text in reference_pages.pages(table).items()},
        **sources,
    }


def below(name: str, text: str) -> str:
    """Return the page with its hand-written beginning, and this text below the marker line."""
    return f"{(DOCS / name).read_text('utf-8').partition(BELOW)[0]}{BELOW}\n\n{text.rstrip()}\n"


def licences() -> str:
    """Return the licences of the packages in the environment of the demos."""
    command = [sys.executable, "-m", "piplicenses", "--python", str(USERS / "bin" / "python")]
    options = ["--format", "markdown", "--order", "license", "--no-version", "--ignore-packages", PACKAGE]
    return subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout


def declared(name: str, extra: str = "") -> Iterator[Requirement]:
    """Yield the requirements of a distribution on this machine; with an extra, only what the extra adds."""
    for one in map(Requirement, requires(name) or []):
        always, chosen = (one.marker is None or one.marker.evaluate({"extra": key}) for key in ("", extra))
        if chosen and not (extra and always):
            yield one


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table, with the bars inside cells escaped."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def errors() -> str:
    """Return the list of errors: the contents, a section for each error, and Adobe's codes."""
    kinds = every_kind()
    families = [
        (title, [kind for kind in kinds if kind.stable_code.startswith(f"AEP-E{digit}")])
        for digit, title in FAMILIES.items()
    ]
    parts = [_contents(title, own) for title, own in families]
    for title, own in families:
        parts += [f"## {title}\n", *("\n".join(_section(kind)) for kind in own)]
    return "\n".join([*parts, _adobes()])


def _adobes() -> str:
    """Return the section about Adobe's codes."""
    rows = [
        [f"`{code}`", f"{advice(code)}.", f"[{kind.stable_code}](#{_anchor(kind)})"]
        for code, kind in adobe_codes()
    ]
    return f"{ADOBES}\n{table(['Code', 'Meaning, and what to do', 'Raised as'], rows)}\n"


def _anchor(kind: type[AepError]) -> str:
    return kind.docs().partition("#")[2]


def _contents(title: str, kinds: Iterable[type[AepError]]) -> str:
    lines = [f"**{title}**\n"]
    lines += [f"- [{kind.stable_code}](#{_anchor(kind)}) `{kind.__name__}`: {kind.what}" for kind in kinds]
    return "\n".join(lines) + "\n"


def _section(kind: type[AepError]) -> Iterator[str]:
    yield f'<a id="{_anchor(kind)}"></a>\n'
    yield f"### {kind.stable_code} {kind.__name__}\n"
    for heading, text in facts(kind).items():
        yield f"- **{heading}** {text.rstrip('.')}."
    yield ""


def source_index(sources: Iterable[Source]) -> str:
    """Return the table of all sources."""
    rows = [
        (f"[{source.title}]({source.key}.md)", source.category, *row)
        for source in sources
        for row in [(auth.name, state(auth)) for auth in source.auth] or [("no base connection", "ok")]
    ]
    return table(("Source", "Category", "Authentication", "State"), rows) + reference_pages.NAVIGATION


def source_page(source: Source) -> str:
    """Return the page of one source."""
    family = next((one["family"] for one in data_file("sources.json") if one["name"] == source.title), None)
    documents = dict.fromkeys(one.document for one in source.auth or (source,))
    facts = [
        ("In a DAG", f'`source="{source.key}"`'),
        ("Category", source.category),
        *([("Data", DATA[family])] if family else []),
        ("Connection spec", f"`{source.connection_spec_id}`"),
        ("Adobe's document", "<br>".join(f"`{one.replace('@', '` at commit `')}`" for one in documents)),
    ]
    remarks = [_remarks(auth) for auth in source.auth] or [[source.note]]
    common = [one for one in remarks[0] if all(one in others for others in remarks)]
    parts = [f"# {source.title}\n{MADE}", table(("", ""), facts), *common]
    if source.auth:
        parts += [f"```python\n{dag(source)}\n```"]
        for auth, own in zip(source.auth, remarks, strict=True):
            kinds = [(f"`{name}`", _kind(auth, name)) for name in auth.parameters]
            parts += [f"## {auth.name}", *(one for one in own if one not in common)]
            parts += [table(("Parameter", "Kind"), kinds), f"```\n{connection_line(source, auth)}\n```"]
        parts += ["## Airflow connection", *_fields(source)]
    else:
        source_object = WITHOUT_BASE_CONNECTION[source.key]
        code = INGESTION.format(source=source, word=word_of(source), source_object=source_object)
        parts += [f"```python\n{code}\n```"]
    return "\n\n".join(parts) + "\n"


def _remarks(auth: AuthSpec) -> list[str]:
    """Return what a reader must know before using an authentication type."""
    end = f"**{'Retired' if auth.retired else 'Deprecated'}.** {auth.deprecated}"
    remarks = ((auth.uncertain, UNCERTAIN), (auth.deprecated, end), (auth.note, auth.note))
    return [remark for applies, remark in remarks if applies]


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
    yield f"Use a connection of one of the types {names}. Its extra can hold parameters under their names."
    if len(source.auth) > 1:
        yield "The connection's parameters decide which authentication type is used, or `auth_spec=` does."
    types: dict[tuple[str, str], list[str]] = {}
    for conn_type in connection_types(source.key):
        for name, lines in _lines(source, conn_type).items():
            types.setdefault((name, "<br>".join(f"`{line}`" for line in lines)), []).append(f"`{conn_type}`")
    rows = [(f"`{name}`", ", ".join(of), lines) for (name, lines), of in sorted(types.items())]
    if rows:
        yield "The connection's fields give others ([how to read the table](README.md#how-a-page-is-read)):"
        yield table(("Parameter", "Connection type", "Comes from"), rows)


def _lines(source: Source, conn_type: str) -> Mapping[str, tuple[str, ...]]:
    """Return the lines of each parameter. A `paypal` connection has the fields of a `generic` connection."""
    own, common = templates_of(source.key, "generic" if conn_type == "paypal" else conn_type)
    needed = {name: common[name] for auth in source.auth for name in auth.required if name in common}
    known = {name for auth in source.auth for name in auth.parameters}
    return {name: lines for name, lines in {**needed, **own}.items() if name in known}


def main() -> None:
    """Write all pages, and delete pages of sources that the catalogue no longer has."""
    made = {**pages(), "dependencies.md": below("dependencies.md", licences())}
    for old in (DOCS / "sources").glob("*.md"):
        if f"sources/{old.name}" not in made:
            old.unlink()
    for name, text in made.items():
        (DOCS / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
