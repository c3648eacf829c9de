"""What came of it, kept as data: docs/mutation-survivors.md and a table of docs/reliability.md show it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.mutation.mutants import ModuleResult, Survivor
from scripts.mutation.reasons import why
from scripts.sections import markdown, write_section

SECTION = "mutation"
LEAST = 85.0
"""Per cent of the mutants that must be noticed."""
SURVIVORS = "mutation-survivors.md"
UNEXPLAINED = "nobody has looked at it yet"


@dataclass(frozen=True)
class Count:
    """One module's, or a sum. ``timeouts`` are among the noticed."""

    module: str
    total: int
    noticed: int
    timeouts: int
    untested: int

    @property
    def percent(self) -> float:
        """How many of a hundred were noticed."""
        return 100 * self.noticed / self.total


@dataclass(frozen=True)
class Report:
    """One whole run."""

    command: str
    date: str
    versions: dict[str, str]
    counts: tuple[Count, ...]
    survivors: tuple[tuple[Survivor, str], ...]

    @property
    def whole(self) -> Count:
        """All modules together."""
        return _sum("together", self.counts)

    @property
    def good(self) -> bool:
        """Whether enough were noticed, and of each of the others is known why not."""
        return self.whole.percent >= LEAST and all(reason != UNEXPLAINED for _, reason in self.survivors)


def report(results: Iterable[ModuleResult], command: str, date: str, versions: dict[str, str]) -> Report:
    """Counts, and each survivor with its reason."""
    results = list(results)
    return Report(
        command,
        date,
        versions,
        tuple(
            Count(one.module, one.total, one.killed + one.timeouts, one.timeouts, one.untested)
            for one in results
        ),
        tuple((survivor, why(survivor) or UNEXPLAINED) for one in results for survivor in one.survivors),
    )


def load(path: Path) -> Report:
    """What is kept."""
    kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
    survivors = [(Survivor(*row[:4]), row[4]) for row in kept["survivors"]]
    counts = tuple(Count(**row) for row in kept["counts"])
    return Report(kept["command"], kept["date"], kept["versions"], counts, tuple(survivors))


def save(found: Report, path: Path) -> None:
    """One module and one survivor a line, so that a difference can be read."""
    head = {"command": found.command, "date": found.date, "versions": found.versions}
    counts = ",\n  ".join(json.dumps(asdict(one)) for one in found.counts)
    rows = [[one.module, one.function, one.was, one.becomes, reason] for one, reason in found.survivors]
    survivors = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(
        f'{json.dumps(head)[:-1]},\n "counts": [\n  {counts}],\n "survivors": [\n  {survivors}]}}\n', "utf-8"
    )


def write(found: Report, root: Path) -> None:
    """Into the documents."""
    write_section(root / "docs" / "reliability.md", SECTION, section(found))
    (root / "docs" / SURVIVORS).write_text(survivors_page(found), "utf-8")


HEAD = ("", "mutants", "noticed", "", "for want of an end", "no test reaches", "survived")


def row(one: Count) -> list[str]:
    """Under :data:`HEAD`."""
    survived = one.total - one.noticed
    numbers = [one.total, one.noticed, f"{one.percent:.1f} %", one.timeouts, one.untested, survived]
    return [one.module, *map(str, numbers)]


def rows(found: Report) -> list[list[str]]:
    """Folder by folder, then all together."""
    folders = sorted({one.module.partition("/")[0] for one in found.counts})
    counts = [[one for one in found.counts if one.module.startswith(f"{name}/")] for name in folders]
    parts = [_sum(f"`{name}/`", some) for name, some in zip(folders, counts, strict=True)]
    return [row(one) for one in (*parts, found.whole)]


def section(found: Report) -> str:
    """The table of docs/reliability.md."""
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    reasons = Counter(reason for _, reason in found.survivors)
    lines = [[reason, str(count)] for reason, count in reasons.most_common()]
    return (
        f"```\n{found.command}\n```\n\n{versions}; {found.date}\n\n{markdown(HEAD, rows(found))}\n\n"
        f"Why the others survived; [one by one]({SURVIVORS}):\n\n{markdown(('why', 'mutants'), lines)}"
    )


def survivors_page(found: Report) -> str:
    """docs/mutation-survivors.md: the counts, then reason by reason."""
    by_reason: dict[str, list[Survivor]] = {}
    for survivor, reason in sorted(found.survivors, key=lambda pair: pair[1]):
        by_reason.setdefault(reason, []).append(survivor)
    about = (
        f"Written by `make test-mutation` ({found.date}). Each of these lines can be changed as shown, and "
        "no test fails. Each heading says why that is left so."
    )
    parts = ["# Mutants that no test notices", about, markdown(HEAD, [row(one) for one in found.counts])]
    for reason, survivors in by_reason.items():
        lines = [[one.module, f"`{one.function}`", _code(one.was), _code(one.becomes)] for one in survivors]
        parts += [
            f"## {reason[0].upper()}{reason[1:]}",
            markdown(("module", "function", "was", "becomes"), lines),
        ]
    return "\n\n".join(parts) + "\n"


def _code(text: str) -> str:
    """In a cell of a table; a grave accent in the code takes two around it."""
    cut = text if len(text) <= 160 else f"{text[:157]}..."
    fence = "``" if "`" in cut else "`"
    escaped = cut.replace("|", "\\|")
    return f"{fence} {escaped} {fence}" if "`" in cut else f"{fence}{escaped}{fence}"


def _sum(name: str, counts: Sequence[Count]) -> Count:
    return Count(
        name,
        sum(one.total for one in counts),
        sum(one.noticed for one in counts),
        sum(one.timeouts for one in counts),
        sum(one.untested for one in counts),
    )
