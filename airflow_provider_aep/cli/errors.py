"""``errors``: what each code of ours means and what to do, on a worker where no documentation is at hand."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from airflow_provider_aep.cli.sources import NARROWEST
from airflow_provider_aep.flow_service import explanations
from airflow_provider_aep.flow_service.errors import AepError, every_kind
from airflow_provider_aep.flow_service.replies import error_from_reply
from airflow_provider_aep.retry import LONGEST_DELAY

PREFIX = "AEP-"


def run(options: argparse.Namespace) -> None:
    """Print the table, or one entry. A code that there is not ends with a sentence and exit code 1."""
    console = Console(width=None if sys.stdout.isatty() else NARROWEST, highlight=False)
    if not options.code:
        console.print(table(every_kind()))
    elif (kind := find(options.code)) is not None:
        console.print(entry(kind))
    else:
        raise SystemExit(
            f"errors: There is no error {options.code!r:.60}. A code looks like {AepError.stable_code}; "
            "without one, `errors` lists all."
        )


def find(wanted: str) -> type[AepError] | None:
    """The class of a code, however it was copied out of a log, or of a class's name."""
    word = wanted.strip().strip("[]().").lower()
    names = {word, f"{PREFIX}{word}".lower()}
    return next(
        (kind for kind in every_kind() if names & {kind.stable_code.lower(), kind.__name__.lower()}), None
    )


def table(kinds: Iterable[type[AepError]]) -> Table:
    """One row an error."""
    shown = Table(caption="`errors CODE` shows why, and what to do", caption_justify="left")
    for heading in ("code", "error", "what happened", "a retry"):
        shown.add_column(heading, overflow="fold")
    for kind in kinds:
        retry = "depends" if kind.retry_helps else "helps" if kind.default_retryable else "cannot help"
        shown.add_row(kind.stable_code, kind.__name__, kind.what, retry)
    return shown


def entry(kind: type[AepError]) -> Table:
    """All about one error."""
    title = f"{kind.stable_code} {kind.__name__}"
    shown = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for heading, text in facts(kind).items():
        shown.add_row(heading, text)
    shown.add_row("Page", kind.docs())
    return shown


def facts(kind: type[AepError]) -> dict[str, str]:
    """What is known of an error in general, by headings."""
    found = {"What happened": kind.what, "Why": kind.why, "What to do": kind.todo}
    if kind.retry_helps:
        found["A retry"] = f"{kind.retry_helps}; the error at hand says it by `retryable`"
        found["Airflow"] = f"if a retry helps, {RETRIED}. If not, {FAILED}"
    elif kind.default_retryable:
        found["A retry"] = "can help, unless the error at hand says `retryable=False`"
        found["Airflow"] = RETRIED
    else:
        found["A retry"] = "cannot help, unless the error at hand says `retryable=True`"
        found["Airflow"] = FAILED
    if codes := ", ".join(f"`{code}`" for code, of in adobe_codes() if of is kind):
        found["Adobe's codes"] = codes
    return found


RETRIED = (
    "retries as the task's `retries` and `retry_delay` say; from 3.3 on after the time that Adobe asked for, "
    f"where it did, and after {LONGEST_DELAY.total_seconds() / 3600:g} h at most"
)
FAILED = (
    "fails the task at once: from 3.3 on by `AepRetryPolicy`, which logs the reason, below by "
    "`AirflowFailException`, with this error as its cause"
)


def adobe_codes() -> Iterator[tuple[str, type[AepError]]]:
    """Adobe's codes that are explained, and what a reply with each becomes."""
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
