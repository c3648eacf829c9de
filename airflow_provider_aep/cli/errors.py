"""``errors``: explain the error codes of this provider and of Adobe, on any machine with this package."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from airflow_provider_aep.cli.command import Answer, command
from airflow_provider_aep.flow_service import explanations
from airflow_provider_aep.flow_service.errors import AepConfigError, AepError, every_kind
from airflow_provider_aep.flow_service.replies import error_from_reply
from airflow_provider_aep.retry import LONGEST_DELAY

PREFIX = "AEP-"


@command
def run(options: argparse.Namespace) -> Answer:
    """Show the table of errors, or one entry.

    :raises AepConfigError: the code is unknown
    """
    if not options.code:
        kinds = every_kind()
        return Answer([fields(kind) for kind in kinds], lambda console: console.print(table(kinds)))
    if (kind := find(options.code)) is not None:
        return Answer([fields(kind)], lambda console: console.print(entry(kind)))
    codes = find_adobe_codes(options.code)
    if codes:
        data = [adobe_fields(code) for code in codes]
        return Answer(data, lambda console: console.print(*map(adobe_entry, codes), sep="\n"))
    raise AepConfigError(
        f"There is no error {options.code!r:.60}. Give a code such as {AepError.stable_code}, or one of "
        "Adobe's codes that are explained here, such as FLOW-1418-400. Without a code, `errors` lists all. "
        "For another code of Adobe, read Adobe's words in the error's message.",
        parameter="code",
    )


def fields(kind: type[AepError]) -> dict[str, Any]:
    """Return an error as JSON shows it."""
    return {
        "code": kind.stable_code,
        "error": kind.__name__,
        "what": kind.what,
        "why": kind.why,
        "fix": kind.todo,
        "retry": _retry(kind),
        "adobe_codes": [code for code, of in adobe_codes() if of is kind],
        "page": kind.docs(),
    }


def adobe_fields(code: str) -> dict[str, Any]:
    """Return one of Adobe's codes as JSON shows it."""
    kind = dict(adobe_codes())[code]
    return {"code": code, "what": f"{advice(code)}.", "raised_as": kind.stable_code, "retry": _retry(kind)}


def _retry(kind: type[AepError]) -> str:
    return "depends" if kind.retry_helps else "helps" if kind.default_retryable else "cannot help"


def find_adobe_codes(text: str) -> list[str]:
    """Return the explained code of Adobe that ``text`` names, or all codes of a number such as ``1418``."""
    codes = [code for code, _ in adobe_codes()]
    word = _copied(text)
    exact = [code for code in codes if code.lower() in {word, f"flow-{word}"}]
    number = re.fullmatch(r"(?:[a-z]+-)?(\d{4})(?:-\d{3})?", word)
    return exact or [code for code in codes if number and f"-{number[1]}-" in code]


def adobe_entry(code: str) -> Table:
    """Return the entry of one of Adobe's codes."""
    shown = _facts_table(f"{code}, a code of Adobe")
    kind = dict(adobe_codes())[code]
    shown.add_row("What it means", f"{advice(code)}.")
    shown.add_row("Raised as", f"{kind.stable_code} {kind.__name__}, or as a more specific error of the task")
    shown.add_row("A retry", facts(kind)["A retry"])
    shown.add_row("Page", kind.docs())
    return shown


def advice(code: str) -> str:
    """Return why and what to do, as an error of this code says it, without the full stop."""
    digits = re.search(r"(\d{3})$" if "-" in code else r"^(\d{3})", code)
    return explanations.explain(int(digits[1]) if digits else 400, code, code, "SANDBOX")


def _copied(text: str) -> str:
    """Return a code without the brackets and dots that were copied with it from a log."""
    return text.strip().strip("[]().,:").lower()


def find(text: str) -> type[AepError] | None:
    """Return the class that has this code or name, as it was copied from a log."""
    word = _copied(text)
    names = {word, f"{PREFIX}{word}".lower()}
    return next(
        (kind for kind in every_kind() if names & {kind.stable_code.lower(), kind.__name__.lower()}), None
    )


def table(kinds: Iterable[type[AepError]]) -> Table:
    """Return a table with one row for each error."""
    shown = Table(caption="`errors CODE` shows the cause and what to do", caption_justify="left")
    for heading in ("code", "error", "what happened", "a retry"):
        shown.add_column(heading, overflow="fold")
    for kind in kinds:
        shown.add_row(kind.stable_code, kind.__name__, kind.what, _retry(kind))
    return shown


def entry(kind: type[AepError]) -> Table:
    """Return the entry of one error."""
    shown = _facts_table(f"{kind.stable_code} {kind.__name__}")
    for heading, text in facts(kind).items():
        shown.add_row(heading, text)
    shown.add_row("Page", kind.docs())
    return shown


def _facts_table(title: str) -> Table:
    shown = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    return shown


def facts(kind: type[AepError]) -> dict[str, str]:
    """Return the general facts of an error, by heading."""
    found = {"What happened": kind.what, "Why": kind.why, "What to do": kind.todo}
    if kind.retry_helps:
        found["A retry"] = f"{kind.retry_helps}. `retryable` of the raised error says which"
        found["Airflow"] = f"decides by `retryable`. If a retry helps, it {RETRIED}. If not, it {FAILED}"
    elif kind.default_retryable:
        found["A retry"] = "can help, unless the raised error has `retryable=False`"
        found["Airflow"] = RETRIED
    else:
        found["A retry"] = "cannot help, unless the raised error has `retryable=True`"
        found["Airflow"] = FAILED
    if codes := ", ".join(f"`{code}`" for code, of in adobe_codes() if of is kind):
        found["Adobe's codes"] = codes
    return found


RETRIED = (
    "retries as the task's `retries` and `retry_delay` say. From 3.3 on, if Adobe asked to wait, it retries "
    f"after that time, at most {LONGEST_DELAY.total_seconds() / 3600:g} h"
)
FAILED = (
    "fails the task at once. From 3.3 on, `AepRetryPolicy` does so and logs the reason. Before 3.3, the task "
    "raises `AirflowFailException` with this error as its cause"
)


def adobe_codes() -> Iterator[tuple[str, type[AepError]]]:
    """Yield each explained code of Adobe, and the error that a reply with this code is raised as."""
    for code in explanations.GATEWAY:
        yield code, _kind_of(int(code[:3]), f'{{"error_code": "{code}"}}')
    for number in explanations.FLOW:
        yield f"FLOW-{number}", _kind_of(int(number[-3:]), f'{{"type": "/errors/FLOW-{number}"}}')
    for code in explanations.REGISTRY:
        yield code, _kind_of(int(code[-3:]), f'{{"type": "/errors/{code}"}}')
    for word in explanations.IMS:
        if re.fullmatch(r"[a-z_]+", word):
            yield word, _kind_of(400, f'{{"error": "{word}"}}')


def _kind_of(status: int, body: str) -> type[AepError]:
    return type(
        error_from_reply(
            what="", status=status, headers={}, body=body.encode(), sandbox="", now=0.0, scrub=str
        )
    )
