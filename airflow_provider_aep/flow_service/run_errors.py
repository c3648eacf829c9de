"""The errors of a run: by code, with the number of failed records, the meaning and the fix.

AEP's messages can repeat values of records. So this module explains the known codes. The message of an
unknown code is shown without what it quotes, and not at all if it can be that of a record. Sources: Adobe's
guides on error diagnostics and on batch ingestion, and the "Monitor dataflows" tutorial.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_aep.flow_service.runs import Problem, Run

MOST = 3
"""How many errors a message of a wait names."""

_LONGEST_CODE, _LONGEST_MESSAGE = 60, 300  # characters


class Explanation(NamedTuple):
    """The meaning of an error code, and the fix: sentences without the last full stop."""

    meaning: str
    fix: str


INGESTION = {
    "CONNECTOR-1001-500": Explanation(
        "The source could not be read",
        "Check its credentials, that it is reachable and that the source object still exists",
    ),
    "CONNECTOR-2001-500": Explanation(
        "The data was copied and could not be processed", "Check mapping, schema and data"
    ),
    "MAPPER-3700-400": Explanation(
        "The mapping set could not transform the record", "Compare the mapping set with the failed records"
    ),
    "106": Explanation("The file is empty", "Check what writes the file"),
    "118": Explanation(
        "The header row of the CSV file is empty", "Write the names of the columns into the first row"
    ),
    "133": Explanation(
        "There was nothing to ingest: no file of the source belongs to the run's window",
        "Check that window and the source's files",
    ),
    "1211": Explanation(
        "Some records could not be ingested, and error diagnostics are off",
        "Set `error_diagnostics=True` on the dataflow, and ingest the data again",
    ),
    "1212": Explanation("Some records could not be ingested", "Check mapping, schema and data"),
    "1401": Explanation(
        "The row is corrupt and cannot be read",
        "Correct the row in the source. In a file, check delimiter, quotes and encoding",
    ),
    "1555": Explanation(
        "A required field is missing or null",
        "Map a column that always has a value to the required field, or set a default value in the mapping",
    ),
}
"""Explanations by code. ``INGEST-1401-400`` has the number of the code in a failed record: ``1401``."""

_ABOUT_THE_SOURCE = {"CONNECTOR-1001-500"}
"""Codes of errors before a record was read. AEP's message has the cause, and no value of a record."""

HIDDEN = "AEP's message is not shown, because it can repeat values of records"

_DOUBLE, _SINGLE = '"`\u201c\u201d\u201e\u00ab\u00bb', "'\u2018\u2019\u201a"
_QUOTED = re.compile(
    rf"(?:[{_DOUBLE}{{\[<]|(?<!\w)[{_SINGLE}])(?:.*(?:[{_DOUBLE}}}\]>]|[{_SINGLE}](?!\w))|.*)", re.DOTALL
)
"""From the first opening quote or bracket to the last closing one: a value can hold quotes itself."""


@dataclass(frozen=True)
class RunError:
    """An error of a run.

    :param records: how many records failed with this code; None if AEP does not say
    :param message: the meaning of a known code, else AEP's message without secrets and quoted values. The
        message of an unknown inner error is :data:`HIDDEN`. It has no last full stop, and may be empty
    :param fix: what to do, without the last full stop; None if the code is unknown
    """

    code: str
    message: str
    records: int | None
    fix: str | None

    def __str__(self) -> str:
        counted = f"{self.code} (records: {'unknown' if self.records is None else self.records})"
        what = f"{counted}: {self.message}." if self.message else f"{counted}."
        return f"{what} {self.fix}." if self.fix else what


def errors_of(run: Run, scrub: Callable[[str], str] = str) -> list[RunError]:
    """Return the errors that a run names, each code once.

    The code with the most failed records is first. Codes with an unknown number follow, those of the
    connector first.

    :param scrub: removes known secrets from the service's words
    """
    found = [_read(problem, scrub) for problem in run.problems]
    return sorted(found, key=lambda error: -1 if error.records is None else error.records, reverse=True)


def explain_code(code: str) -> Explanation | None:
    """Return the explanation of an error code of a run, a batch or a failed record; None if it is unknown."""
    number = re.fullmatch(r"INGEST-(\d+)-\d+", code)
    return INGESTION.get(number[1] if number else code)


def describe(errors: Iterable[RunError]) -> str:
    """Return sentences about the first errors, and how many other codes there are."""
    every = list(errors)
    more = len(every) - MOST
    rest = [f"{more} other error code{'' if more == 1 else 's'}."] if more > 0 else []
    return " ".join([*map(str, every[:MOST]), *rest])


def without_values(message: str) -> str:
    """Return a message of AEP with ``***`` for what it quotes, which may be a value of a record."""
    return _QUOTED.sub("***", message)


def clip(text: str, most: int) -> str:
    """Return a text in one line, without control characters, and at most so many characters of it."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:most]


def _read(problem: Problem, scrub: Callable[[str], str]) -> RunError:
    # scrub before anything is removed: a part of a secret is not recognized
    code = clip(scrub(problem.code), _LONGEST_CODE)
    words = clip(without_values(scrub(problem.message)), _LONGEST_MESSAGE).rstrip(". ")
    explanation = explain_code(problem.code)
    if explanation is None:
        return RunError(code, HIDDEN if problem.inner and words else words, problem.records, None)
    meaning = explanation.meaning
    if problem.code in _ABOUT_THE_SOURCE and words:
        meaning = f"{meaning}: {words}"
    return RunError(code, meaning, problem.records, explanation.fix)
