"""Print what the tests measured at the end of the run.

`figure("killed while its POST was held", 12)` adds up over the tests that say the same; a text is kept as
it is. Only figures of tests that passed count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

PROPERTY = "figure"

KeepFigure = Callable[[str, "str | int"], None]


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> KeepFigure:
    """`figure(what, measured)`."""

    def keep(what: str, measured: str | int) -> None:
        request.node.user_properties.append((PROPERTY, (what, measured)))

    return keep


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print each figure on a line of its own."""
    by_what: dict[str, list[str | int]] = {}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == PROPERTY:
                by_what.setdefault(value[0], []).append(value[1])
    if by_what:
        terminalreporter.section("figures")
    for what, values in by_what.items():
        terminalreporter.write_line(f"{what}: {together(values)}")


def together(values: Iterable[str | int]) -> str:
    """Return the sum of the counts, then each different text once."""
    values = list(values)
    counts = [value for value in values if isinstance(value, int)]
    texts = [value for value in values if isinstance(value, str)]
    return "; ".join([*([f"{sum(counts):,}"] if counts else []), *dict.fromkeys(texts)])
