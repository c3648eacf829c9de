"""How `doctor` shows its results."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from airflow_provider_aep.cli.doctor import show, summary
from airflow_provider_aep.operations.doctor import Finding, Result

RESULTS = [
    {"check": "address", "ok": True, "detail": "Both answer.", "fix": None},
    {"check": "clock", "ok": False, "detail": "It is \x1b[2Jwrong.", "fix": "Correct it."},
    {"check": "sandbox", "ok": None, "detail": "Not checked.", "fix": None},
]


def shown(*, terminal: bool) -> str:
    """What is printed on a terminal of 50 columns, or in a pipe."""
    out = io.StringIO()
    show(RESULTS, Console(file=out, force_terminal=terminal, width=50, highlight=False))
    return out.getvalue()


def test_doctor_in_a_pipe() -> None:
    """Words, one line for each check and each fix, no colours and no control characters."""
    assert shown(terminal=False).splitlines() == [
        "ok       address          Both answer.",
        "broken   clock            It is \N{REPLACEMENT CHARACTER}[2Jwrong.",
        "                          Fix: Correct it.",
        "unknown  sandbox          Not checked.",
    ]


@pytest.mark.parametrize(("mark", "colour"), [("✓", "32"), ("✗", "1;31"), ("?", "33")])
def test_doctor_on_a_terminal(mark: str, colour: str) -> None:
    """Marks in colours. The fix is under its check."""
    text = shown(terminal=True)
    assert f"\x1b[{colour}m{mark}\x1b[0m" in text
    lines = text.splitlines()
    assert "Fix: Correct it." in lines[2]
    assert "\x1b[2J" not in text


def test_doctor_on_a_terminal_without_the_marks() -> None:
    """Words, because one replacement for every mark would hide what is broken."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    show(RESULTS, Console(file=out, force_terminal=True, color_system=None, width=60, highlight=False))
    out.seek(0)
    assert [line.split()[0] for line in out if "Fix" not in line] == ["ok", "broken", "unknown"]


@pytest.mark.parametrize(
    ("oks", "text"),
    [
        ((True, True), "2 of 2 checks fine."),
        ((True, False, False), "1 of 3 checks fine, 2 broken (check_1, check_2)."),
        ((False, None, True), "1 of 3 checks fine, 1 broken (check_0), 1 unknown."),
        ((None, True), "1 of 2 checks fine, 1 unknown."),
    ],
)
def test_the_summary_of_doctor(oks: tuple[bool | None, ...], text: str) -> None:
    """One sentence, so that nobody has to read every check."""
    assert summary([Result(f"check_{number}", Finding(ok, "")) for number, ok in enumerate(oks)]) == text
