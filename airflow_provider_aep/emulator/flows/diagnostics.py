"""The records that a batch rejected, and the files that show them. Pure.

Follows Adobe's guides on error diagnostics and on failed batches, and the monitoring tutorial.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Item = dict[str, Any]
CORRUPT = "1401"
MAPPER = "MAPPER-3700-400"
KEPT_SECONDS = 30 * 86400  # "The diagnostics will be retained for up to 30 days"
SAMPLES = 5  # records of `row_error_samples.json`; no document says how many
# The texts of the guide on error diagnostics and of the monitoring tutorial.
TEXTS = {
    CORRUPT: "The row has corrupted data and cannot be read or parsed. Fix the corrupted data and try again.",
    "1555": "A required field is either missing or has a value of null. "
    "Add the required field to the input row and try again.",
    MAPPER: "Mapper Transform Error",
}
UNKNOWN = (
    "Encountered errors while parsing, converting or otherwise validating the data. Please resend the data "
    "with error diagnostics enabled to collect additional information on failure types"
)
ERROR_FILE = re.compile(r"(?P<kind>parsing|conversion)_errors_(?P<number>\d{1,6})\.json", re.ASCII)


def rejected(record: Mapping[str, Any], code: str, message: str) -> Item:
    """Return a record that does not fit, with the reason, as a batch stores it."""
    return {"record": dict(record), "code": code, "message": message}


def enabled(options: Mapping[str, Any], *, forced: bool) -> bool:
    """Say whether a dataflow's options enable error diagnostics; `forced` by partial ingestion too."""
    on = options.get("errorDiagnosticsEnabled")
    return bool(on) if on is not None else forced and "partialIngestionPercent" in options


def errors(records: Sequence[Item], failed: int, written: int, *, diagnostics: bool) -> list[Item]:
    """Return the errors of a run's promotion activity: without diagnostics only that there are errors."""
    if not failed:
        return []
    if not diagnostics:
        return [{"code": "INGEST-1211-400", "message": UNKNOWN}]
    text = (
        f"Encountered {failed} errors in the data. Successfully ingested {written} rows. "
        "Review the associated diagnostic files for additional details."
    )
    counts = Counter(entry["code"] for entry in records)
    messages = {entry["code"]: entry["message"] for entry in reversed(records)}
    return [
        {"code": "INGEST-1212-400", "message": text},
        *(
            {"code": _full(code), "recordCount": count, "message": TEXTS.get(code, messages[code])}
            for code, count in counts.most_common()
        ),
    ]


def batch_errors(found: Iterable[Item]) -> list[Item]:
    """Return the same errors as Catalog shows them: `description` instead of `message`."""
    return [{"description" if name == "message" else name: x for name, x in e.items()} for e in found]


def _full(code: str) -> str:
    """Return a record's code as the errors of runs and batches show it: 1401 is INGEST-1401-400."""
    return f"INGEST-{code}-400" if code.isdecimal() else code


def error_files(records: Sequence[Item], size: int) -> dict[str, list[Item]]:
    """Return the files below `row_errors` with at most `size` records each."""
    files: dict[str, list[Item]] = {}
    for kind in ("conversion", "parsing"):
        own = [entry for entry in records if (entry["code"] == CORRUPT) == (kind == "parsing")]
        for start in range(0, len(own), size):
            name = f"{kind}_errors_{start // size}.json"
            files[name] = [_row(entry, name) for entry in own[start : start + size]]
    return files


def samples(records: Sequence[Item]) -> list[Item]:
    """Return the records of the file with samples: the first ones."""
    return [_row(entry, "row_error_samples.json") for entry in records[:SAMPLES]]


def _row(entry: Item, file: str) -> Item:
    """Return a line of an error file: the source's columns, and the reason."""
    columns = entry["record"]
    if entry["code"] == CORRUPT and "_corrupt_record" not in columns:
        columns = {**columns, "_corrupt_record": json.dumps(columns)[:-1]}  # as if its end were missing
    reason = [{"code": entry["code"], "message": entry["message"]}]
    return {**columns, "_errors": reason, "_filename": file}


def failed_rows(records: Sequence[Item], *, streamed: bool) -> list[Item]:
    """Return the lines of a failed batch's file, as in the guide on failed batches."""
    if streamed:
        return [
            {**entry["record"], "_errors": {"_streamingValidation": [{"message": entry["message"]}]}}
            for entry in records
        ]
    return [{**entry["record"], "_validationErrors": [_violation(entry)]} for entry in records]


def _violation(entry: Item) -> Item:
    return {
        "causingExceptions": [],
        "keyword": "type" if entry["code"] == MAPPER else "format",
        "message": entry["message"],
        "pointerToViolation": "#",
        "schemaLocation": "#",
    }


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
