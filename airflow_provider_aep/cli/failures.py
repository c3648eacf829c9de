"""``failures``: why a flow run failed or lost records, and which records."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.cli.command import FINE, WRONG, Answer, command, hook_of, printable, progress, say
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.validation import check_count

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from airflow_provider_aep.flow_service.failed_records import FailedRecord
    from airflow_provider_aep.operations.diagnosis import Diagnosis, FailedRecords

NOTHING: dict[str, Any] = {
    "run_id": None,
    "status": None,
    "errors": [],
    "batches": [],
    "records_failed": None,
    "rows": [],
    "saved": None,
}
"""The answer about a dataflow of which no run failed or lost records, without its id."""


@command
def run(options: argparse.Namespace) -> Answer:
    """Show the errors of a run and its first failed records, and save all of them if asked.

    :raises AepError: an option is invalid, or AEP cannot be read
    """
    most, folder = check_count(options.rows, "--rows"), made_folder(options.save)
    from airflow_provider_aep.operations.diagnosis import RUNS_READ, FailedRecords, diagnose

    hook = hook_of(options)
    with progress():
        diagnosis = diagnose(hook, options.id)
    if diagnosis is None:
        text = f"None of the newest {RUNS_READ} runs of dataflow {options.id} failed or lost records."
        return Answer({**NOTHING, "flow_id": options.id}, lambda console: console.print(text))
    records = FailedRecords(hook, diagnosis, most=None if folder else most)
    first: list[FailedRecord] = []
    saved = None
    if folder:
        saved = save(records, folder / f"{diagnosis.run.id}.jsonl", first, most, diagnosis)
    elif most:
        with progress():
            first = list(records)
    for problem in records.problems if folder or most else [diagnosis.advice]:
        if problem:
            say(f"failures: {problem}")
    data = fields(diagnosis, records, [one.as_dict(values=options.show_values) for one in first], saved)
    incomplete = folder is not None and not records.complete
    return Answer(data, lambda console: show(data, console), WRONG if incomplete else FINE)


def made_folder(given: str | None) -> Path | None:
    """Return the folder of ``--save``, made if it is missing. :raises AepConfigError: it cannot be made"""
    if given is None:
        return None
    folder = Path(given)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from None
    return folder


def not_written(path: Path, error: OSError) -> AepConfigError:
    """Return the error of a folder or file that cannot be written."""
    return AepConfigError(f"`--save`: {path} cannot be written: {error.strerror}.", parameter="--save")


def save(
    records: FailedRecords, file: Path, first: list[FailedRecord], most: int, diagnosis: Diagnosis
) -> str | None:
    """Save all records, keep the first ones, and return the path of the file; None if there is no record.

    :param first: gets the first records
    """
    from airflow_provider_aep.operations.saving import save as save_all

    def seen(all_records: Iterable[FailedRecord]) -> Iterator[FailedRecord]:
        for record in all_records:
            if len(first) < most:
                first.append(record)
            yield record

    try:
        with _bar(seen(records), diagnosis.run.records_failed) as counted:
            count = save_all(counted, file)
    except OSError as error:
        raise not_written(file, error) from None
    if count:
        say(f"failures: saved {count} records to {file}. They hold personal data.")
    return str(file) if count else None


@contextmanager
def _bar(records: Iterator[FailedRecord], total: int | None) -> Iterator[Iterator[FailedRecord]]:
    """Show a progress bar on stderr, if it is a terminal, while the records are read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("Saving"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield iter(bar.track(records, total=total or None))


def fields(
    diagnosis: Diagnosis, records: FailedRecords, rows: list[dict[str, Any]], saved: str | None
) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "run_id": diagnosis.run.id,
        "flow_id": diagnosis.run.flow_id,
        "status": diagnosis.run.status or None,
        "errors": [vars(error) for error in diagnosis.errors],
        "batches": [vars(batch) for batch in records.batches],
        "records_failed": diagnosis.run.records_failed,
        "rows": rows,
        "saved": saved,
    }


def show(data: dict[str, Any], console: Console) -> None:
    """Print the same as text."""
    known = {name: "unknown" if data[name] is None else printable(data[name]) for name in data}
    console.print(
        f"Run {known['run_id']} of dataflow {known['flow_id']}: {known['status']}, "
        f"{known['records_failed']} records failed.",
        markup=False,
        soft_wrap=True,
    )
    if data["errors"]:
        console.print("", _errors(data["errors"]), sep="\n")
    if data["rows"]:
        console.print("", _rows(data["rows"]), sep="\n")
        columns = dict.fromkeys(name for row in data["rows"] for name in row["columns"])
        text = f"\nColumns: {', '.join(map(printable, columns))}"
        console.print(text, markup=False, soft_wrap=True)


def _errors(errors: list[dict[str, Any]]) -> Table:
    table = _table("error", "records", "what it means", "what to do")
    for error in errors:
        records = "?" if error["records"] is None else str(error["records"])
        table.add_row(*_texts(error["code"], records, error["message"] or "", error["fix"] or ""))
    return table


def _rows(rows: list[dict[str, Any]]) -> Table:
    import json

    values = any("record" in row for row in rows)
    table = _table("record", "code", "column", "message", *(["values"] if values else []))
    for number, row in enumerate(rows, 1):
        errors = row["errors"] or [{"code": None, "column": None, "message": ""}]
        for n, error in enumerate(errors):
            cells = [
                str(number) if n == 0 else "",
                error["code"] or "?",
                error["column"] or "-",
                error["message"],
            ]
            if values:
                cells.append(json.dumps(row["record"], ensure_ascii=False) if n == 0 else "")
            table.add_row(*_texts(*cells))
    return table


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if heading == "records" else "left")
    return table


def _texts(*cells: str) -> list[Text]:
    from rich.text import Text

    return [Text(printable(cell)) for cell in cells]
