"""Make the list of errors in `docs/errors.md` from their classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_aep.cli.errors import adobe_codes, advice, facts
from airflow_provider_aep.flow_service.errors import AepError, every_kind
from scripts.markdown import table

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


def body() -> str:
    """Return the contents, a section for each error, and Adobe's codes."""
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
