"""`status`: options, summary and table."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from airflow_provider_aep.cli.command import duration, read_duration
from airflow_provider_aep.cli.status import COLUMNS, read_health, show, summary
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.schedules import ExistingSchedule
from airflow_provider_aep.operations.fleet import Fleet, FleetRow, Health, LastRun

NOW = 1_800_000_000.0
RUNS = {"success": 3, "partial": 2, "failed": 1, "running": 0}


def row(own: str, health: Health | None, ago: float | None = 7200.0, failed: int | None = 5) -> FleetRow:
    start = None if ago is None else NOW - ago
    last = LastRun(f"{own}-run", "success", start, None, None, 1000, failed)
    return FleetRow(own, f"[b]{own}[/b]\x1b[2J", "enabled", health, "paypal", None, "set-1",
                    ExistingSchedule("day", 1, NOW), last, RUNS, "dag.task", "https://x")  # fmt: skip


def printed(rows: list[FleetRow], width: int | None = None) -> str:
    """What a pipe gets; with a width, what a terminal gets."""
    out = io.StringIO()
    show(rows, NOW, Console(file=out, width=width or 80, force_terminal=width is not None, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86400), ("90m", 5400), (" 7D ", 604800), ("2w", 1209600), ("30s", 30)]
)
def test_a_duration(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert read_duration(text, "--since") == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (59.9, "59s"), (60, "1m"), (7200, "2h"), (86400 * 15, "15d")]
)
def test_a_duration_in_words(seconds: float, text: str) -> None:
    """The largest unit that fits, up to days."""
    assert duration(seconds) == text


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "-1h", "1.5h", "24 hours", "9999999d"])
def test_an_invalid_duration(text: str) -> None:
    """The error names the option."""
    with pytest.raises(AepConfigError) as caught:
        read_duration(text, "--since")
    assert caught.value.parameter == "--since"


def test_the_chosen_health() -> None:
    """Words with commas between, in any case."""
    assert read_health(None) is None
    assert read_health("Failed, partial,") == {"failed", "partial"}
    assert read_health("unknown") == {"unknown"}
    for text in ("", ",", "failed,broken"):
        with pytest.raises(AepConfigError, match="never_ran") as caught:
            read_health(text)
        assert caught.value.parameter == "--health"


def test_the_summary() -> None:
    """How many of each health there are."""
    rows = (row("a", Health.FAILED), row("b", Health.OK), row("c", Health.OK), row("d", None))
    text = summary(Fleet("prod", NOW - 86400, NOW, rows))
    assert text == (
        "4 dataflows in sandbox prod: 1 failed, 2 ok, 1 unknown. Runs since 2027-01-14 08:00 UTC."
    )
    assert summary(Fleet("dev", NOW, NOW, ())).startswith("0 dataflows in sandbox dev. ")


def test_in_a_pipe_each_row_is_one_line() -> None:
    """With every column, no markup, no control character and no colour."""
    heading, *lines = printed(
        [row("a", Health.FAILED), row("b" * 60, None, ago=None, failed=None)]
    ).splitlines()
    assert all(column.heading in heading for column in COLUMNS)
    assert len(lines) == 2
    assert lines[0].split("  ")[0] == "failed"
    for text in (
        "[b]a[/b]\N{REPLACEMENT CHARACTER}[2J",
        "2h ago",
        "1000",
        "3/2/1/0",
        "1 day",
        "set-1",
        "dag.task",
    ):
        assert text in lines[0]
    assert lines[1].startswith("unknown")
    assert "?" in lines[1]
    assert "b" * 60 in lines[1]
    end = heading.index("records failed") + len("records failed")
    assert lines[0][:end].endswith("   5")  # numbers are at the right of their column


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_terminal_gets_the_columns_that_fit(width: int) -> None:
    """Health and name always; the id before what JSON has as well."""
    text = printed([row("a", Health.OK)], width)
    assert all(len(line) <= width for line in text.splitlines())
    shown = [column for column in sorted(COLUMNS, key=lambda one: one.need) if column.heading in text]
    assert shown == sorted(COLUMNS, key=lambda one: one.need)[: len(shown)]
    assert len(shown) >= 2


def test_wider_terminals_show_more() -> None:
    """Down to the last column."""
    lengths = [len(printed([row("a", Health.OK)], width).split()) for width in (60, 90, 130, 220)]
    assert all(one < other for one, other in itertools.pairwise(lengths))


def test_a_dataflow_without_a_run() -> None:
    """A dash is nothing, a question mark is unknown."""
    bare = FleetRow("id", None, None, Health.NEVER_RAN, None, None, None, None, None, RUNS, None, "https://x")
    cells = {column.heading: column.text(bare, NOW) for column in COLUMNS}
    assert cells["last run"] == cells["written"] == cells["schedule"] == cells["made by"] == "-"
    assert cells["name"] == cells["source"] == cells["dataset"] == "?"
    odd = ExistingSchedule(None, 1, None)
    schedule = {column.heading: column for column in COLUMNS}["schedule"]
    for existing, text in ((odd, "?"), (ExistingSchedule("once", None, NOW), "once")):
        parts = {**vars(bare), "schedule": existing}
        assert schedule.text(FleetRow(**parts), NOW) == text
