"""``import``: write a DAG file for each dataflow that exists, whoever made it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.cli.command import (
    FINE,
    UNREACHABLE,
    WRONG,
    Answer,
    command,
    exit_code,
    hook_of,
    printable,
    progress,
    say,
)
from airflow_provider_aep.flow_service.errors import AepConfigError, AepError, AepNotFoundError

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_aep.operations.export import ExportedDag

Row = dict[str, Any]


@command
def run(options: argparse.Namespace) -> Answer:
    """Write the DAG files.

    :raises AepError: an option is invalid, or AEP cannot be read
    """
    if bool(options.ids) == options.all:
        raise AepConfigError(
            "Give either the IDs of dataflows, or `--all` for every dataflow of the sandbox.",
            parameter="--all",
        )
    directory = made_directory(options.out)
    from airflow_provider_aep.operations.export import export

    with progress() as show_progress:
        found = export(hook_of(options), None if options.all else options.ids, progress=show_progress)
        saved, errors = [], []
        for dag in found:
            saved.append(save(dag, directory, force=options.force))
            errors.append(dag.error)
    rows = [row for row, _ in saved]
    wrong = sum(bool(row["not_imported"]) for row in rows)
    written = sum(is_written for _, is_written in saved)
    say(f"import: {written} of {len(rows)} dataflows were written to {printable(directory)}.")
    if wrong:
        say(f"import: {wrong} of them are not complete. The answer and the files say why.")
    code = UNREACHABLE if any(map(is_refusal, errors)) else WRONG if wrong else FINE
    return Answer(rows, lambda console: show(saved, console), code)


def is_refusal(error: AepError | None) -> bool:
    """Return whether AEP cannot be reached, or refuses. A dataflow that does not exist is no refusal."""
    if error is None or isinstance(error, AepNotFoundError):
        return False
    return exit_code(error) == UNREACHABLE


def made_directory(path: str) -> Path:
    """Return the directory for the files. Create it if it is missing. :raises AepConfigError: it cannot be"""
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error
    return directory


def save(dag: ExportedDag, directory: Path, *, force: bool) -> tuple[Row, bool]:
    """Write the file of a DAG, whole or not at all. Return its row, and whether it was written.

    :raises AepConfigError: the directory cannot be written to
    """
    path, not_imported = None, list(dag.not_imported)
    is_written = False
    if dag.text is not None:
        path = directory / f"{dag.dag_id}.py"
        if path.exists() and not force:
            not_imported.append(f"file: {path} exists already. Use --force to overwrite it.")
        else:
            _write(path, dag.text)
            is_written = True
    row = {
        "flow_id": dag.flow_id,
        "name": dag.name,
        "file": None if path is None else str(path),
        "dag_id": dag.dag_id,
        "not_imported": not_imported,
        "connections": list(dag.connections),
    }
    return row, is_written


def _write(path: Path, text: str) -> None:
    # Airflow's DAG processor ignores this name
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise _unusable(str(path.parent), error) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _unusable(path: str, error: OSError) -> AepConfigError:
    return AepConfigError(
        f"`--out` {path!r:.200} cannot be used: {error.strerror}. Name a directory that you may write to.",
        parameter="--out",
    )


def show(saved: list[tuple[Row, bool]], console: Console) -> None:
    """Print a line for each dataflow, then what is not imported and which connections are needed."""
    from rich.text import Text

    def line(text: str, style: str = "") -> None:
        console.print(Text(printable(text), style=style), soft_wrap=True)

    for row, is_written in saved:
        name = row["name"] or row["flow_id"]
        line(f"{row['file'] if is_written else 'not written'}: {name}", "green" if is_written else "bold red")
        for reason in row["not_imported"]:
            line(f"  not imported: {reason}", "yellow")
    commands = dict.fromkeys(one for row, _ in saved for one in row["connections"])
    if commands:
        line("Fill in the credentials, and run:")
    for one in commands:
        line(f"  {one}")
