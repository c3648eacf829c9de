"""Make the list of the errors in `docs/errors.md` from their classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_aep.cli.errors import adobe_codes, advice, facts
from airflow_provider_aep.flow_service.errors import AepError, every_kind
from scripts.markdown import table

ADOBES = """\
## Adobe's codes

The message of an error has Adobe's own code, such as `FLOW-1418-400`. The table explains some of them.
SANDBOX stands for the sandbox's name. `python -m airflow_provider_aep errors FLOW-1418-400` prints one. The
number alone is enough.
"""

FAMILIES = {
    "0": "The root",
    "1": "A parameter or a setting is wrong",
    "2": "No usable reply came",
    "3": "Adobe said no",
    "4": "A run did not end as wanted",
    "5": "What stands on the platform is in the way",
    "6": "The worker's slot and Airflow's task state store",
}
"""By the first digit of the code."""


def body() -> str:
    """Return the contents, each error, and Adobe's codes."""
    kinds = every_kind()
    families = [
        (title, [kind for kind in kinds if _family(kind) == digit]) for digit, title in FAMILIES.items()
    ]
    parts = [_contents(title, own) for title, own in families]
    for title, own in families:
        parts += [f"## {title}\n", *("\n".join(_section(kind)) for kind in own)]
    return "\n".join([*parts, _adobes()])


def _adobes() -> str:
    """Adobe's codes that are explained."""
    rows = [
        [f"`{code}`", f"{advice(code)}.", f"[{kind.stable_code}](#{_anchor(kind)})"]
        for code, kind in adobe_codes()
    ]
    return f"{ADOBES}\n{table(['code', 'what it means, and what to do', 'raised as'], rows)}\n"


def _family(kind: type[AepError]) -> str:
    return kind.stable_code.partition("-E")[2][0]


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
