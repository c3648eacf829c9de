"""`make coverage`: how its figures are read, and when they are enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.branch_coverage import load, read, row, save, section

VERSIONS = {"Python": "3.11.7", "coverage": "7.10"}


def file(lines: int, missing: list[int], branches: int, open_ends: list[list[int]]) -> dict[str, Any]:
    """One file of coverage's report in JSON."""
    return {
        "summary": {
            "num_statements": lines,
            "covered_lines": lines - len(missing),
            "num_branches": branches,
            "covered_branches": branches - len(open_ends),
            "excluded_lines": 0,
        },
        "missing_lines": missing,
        "missing_branches": open_ends,
    }


def document(**files: Any) -> dict[str, Any]:
    names = {"recipe": "exactly_once/recipe.py", "runs": "exactly_once/runs.py", "links": "links.py"}
    return {"files": {f"airflow_provider_aep/{names[name]}": one for name, one in files.items()}}


def test_figures_are_added_up_folder_by_folder() -> None:
    """A branch counts by itself; one that begins in a line that never ran is not told twice."""
    found = read(
        document(
            recipe=file(10, [], 4, []),
            runs=file(10, [3], 4, [[3, 4], [5, -1], [6, 8]]),
            links=file(20, [7], 0, []),
        ),
        ["make coverage"],
        VERSIONS,
    )
    assert [row(part) for part in (*found.parts, found.whole)] == [
        ["exactly_once", "20", "19", "95.0 %", "8", "5", "62.5 %"],
        ["the package's own modules", "20", "19", "95.0 %", "0", "0", "100.0 %"],
        ["together", "40", "38", "95.0 %", "8", "5", "62.5 %"],
    ]
    assert found.whole.missing == (
        "exactly_once/runs.py:3",
        "exactly_once/runs.py:5 to the end",
        "exactly_once/runs.py:6 to 8",
        "links.py:7",
    )


def test_enough_is_95_of_100_and_all_of_the_recipe() -> None:
    """Lines and branches each; a full package does not make up for a gap in the recipe."""
    whole, gap = file(100, [], 100, []), file(100, [1], 100, [])
    few = file(100, [], 100, [[1, 2]] * 11)
    assert read(document(recipe=whole, links=gap), [], VERSIONS).good
    assert not read(document(recipe=gap, links=whole), [], VERSIONS).good
    assert not read(document(recipe=whole, links=few), [], VERSIONS).good


def test_what_is_kept_is_what_was_found(tmp_path: Path) -> None:
    """The table is made from it."""
    found = read(
        document(recipe=file(10, [1], 4, [[2, 3]])),
        ["make coverage", "make coverage ARGS=tests/unit"],
        VERSIONS,
    )
    save(found, tmp_path / "kept.json")
    assert load(tmp_path / "kept.json") == found
    assert "make coverage\nmake coverage ARGS=tests/unit\n" in section(found)
    assert "| together | 10 | 9 | 90.0 % | 4 | 3 | 75.0 % |" in section(found)
