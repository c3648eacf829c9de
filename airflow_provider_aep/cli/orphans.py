"""``orphans``: the connections and mapping sets of a sandbox that nothing uses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_aep.cli.command import (
    FINE,
    UNREACHABLE,
    WRONG,
    Answer,
    command,
    duration,
    hook_of,
    printable,
    progress,
    read_duration,
    say,
)
from airflow_provider_aep.flow_service.errors import AepConfigError, AepError, EntityInUseError

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_aep.hooks.flow_service import FlowServiceHook
    from airflow_provider_aep.operations.orphans import Orphan


@command
def run(options: argparse.Namespace) -> Answer:
    """Show the orphans, and delete those of this provider if the user says so.

    :raises AepError: an option is invalid, or AEP cannot be read
    """
    least_age = read_duration(options.older_than, "--older-than")
    if options.delete and not options.yes and not sys.stdin.isatty():
        raise AepConfigError(
            "`--delete` asks first, and there is no terminal. Add `--yes` to delete without a question.",
            parameter="--yes",
        )
    from airflow_provider_aep.operations.orphans import find

    hook = hook_of(options)
    with progress() as show_progress:
        found = find(hook, least_age=least_age, progress=show_progress)
    for note in found.notes:
        say(f"orphans: {note}")
    own = sum(row.made_by is not None for row in found.rows)
    say(f"orphans: {len(found.rows)} in sandbox {found.sandbox}, {own} with this provider's ownership mark.")
    code = UNREACHABLE if found.notes else FINE
    if not options.delete:
        return Answer([row.as_dict() for row in found.rows], lambda console: show(found.rows, console), code)
    chosen = [row for row in found.rows if row.deletable]
    deleted = dict.fromkeys((row.id for row in found.rows), False)
    if chosen and (options.yes or _agreed(chosen)) and not _delete(hook, chosen, deleted):
        code = code or WRONG
    return Answer(
        [{**row.as_dict(), "deleted": deleted[row.id]} for row in found.rows],
        lambda console: show(found.rows, console, deleted),
        code,
    )


def _agreed(chosen: Sequence[Orphan]) -> bool:
    """Show what would be deleted, and ask."""
    from rich.console import Console
    from rich.prompt import Confirm

    console = Console(stderr=True, highlight=False, emoji=False)
    show(chosen, console)
    try:
        agreed = Confirm.ask(f"Delete {'it' if len(chosen) == 1 else 'all'}?", console=console, default=False)
    except EOFError:
        agreed = False
    if not agreed:
        say("orphans: Nothing was deleted.")
    return agreed


def _delete(hook: FlowServiceHook, chosen: Sequence[Orphan], deleted: dict[str, bool]) -> bool:
    """Delete each one, and note it in ``deleted``. Return whether no deletion failed."""
    from airflow_provider_aep.operations.orphans import delete

    fine = True
    for row in chosen:
        try:
            delete(hook, row)
        except AepError as error:  # noqa: PERF203 - one failure does not stop the others
            fine = fine and isinstance(error, EntityInUseError)
            say(f"orphans: The {row.kind} {row.id} was not deleted. {error}")
        else:
            deleted[row.id] = True
            say(f"orphans: Deleted the {row.kind} {row.id}.")
    return fine


def show(rows: Sequence[Orphan], console: Console, deleted: Mapping[str, bool] | None = None) -> None:
    """Print one row an orphan. In a pipe each row is one line."""
    from rich.table import Table
    from rich.text import Text

    if piped := not console.is_terminal:
        console.width = 1000
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("kind", "name", "age", "made by", "id", *(["deleted"] if deleted else [])):
        folds = heading in ("name", "made by") and not piped
        table.add_column(heading, no_wrap=not folds, overflow="fold" if folds else "ignore")
    for row in rows:
        cells = [row.kind, row.name or "?", duration(row.age), row.made_by or "-", row.id]
        cells += [("yes" if deleted[row.id] else "no")] if deleted else []
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
