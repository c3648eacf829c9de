"""The parts of the documents that scripts write are what the scripts would write."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest

from scripts import branch_coverage
from scripts.licences import requirements
from scripts.matrix.results import SECTION, details, load, overview
from scripts.mutation import report as mutation
from scripts.processes import LocalError
from scripts.sections import read_section, write_section

ROOT = Path(__file__).parents[3]
RESULTS = load(ROOT / "docs" / "test-matrix.json")


def test_the_tables_of_what_ran_where_show_the_results() -> None:
    """Nobody has touched them by hand, nor the results without the tables."""
    assert read_section(ROOT / "README.md", SECTION) == overview(RESULTS)
    assert read_section(ROOT / "docs" / "reliability.md", SECTION) == details(RESULTS)


def test_the_figures_of_mutants_and_coverage_show_the_results() -> None:
    """So do those, and the page of what survived; what was not measured shows nothing."""
    docs = ROOT / "docs"
    mutants, run, page = "", "", docs / mutation.SURVIVORS
    if (docs / "mutation.json").exists():
        found = mutation.load(docs / "mutation.json")
        mutants = mutation.section(found)
        assert page.read_text("utf-8") == mutation.survivors_page(found)
    if branch_coverage.KEPT.exists():
        run = branch_coverage.section(branch_coverage.load(branch_coverage.KEPT))
    assert read_section(docs / "reliability.md", mutation.SECTION) == mutants
    assert read_section(docs / "reliability.md", branch_coverage.SECTION) == run
    assert page.exists() is bool(mutants)


def test_every_dependency_is_listed() -> None:
    """With the version that is asked for; a new one is not forgotten."""
    table = read_section(ROOT / "docs" / "dependencies.md", "declared")
    named = [one for extra in ("", "emulator") for one in requirements("airflow-provider-aep", extra)]
    assert len(named) == sum("dev" not in line for line in requires("airflow-provider-aep") or [])
    rows = [f"| `{one.name}` | {one.specifier or 'any'} |" for one in named]
    assert [row for row in table.splitlines()[2:] if not row.startswith(tuple(rows))] == []
    assert all(row in table for row in rows)


def test_what_is_installed_from_where() -> None:
    """No package index has it; and a DAG file that imports the provider is parsed by the DAG processor."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    commands = [
        found for page in pages for found in re.findall(r"pip install [^\n`]+", page.read_text("utf-8"))
    ]
    assert sorted(commands) == ["pip install '.[emulator]'", "pip install ."]
    where = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert "Airflow's scheduler, DAG processor, workers, triggerer and API server run" in where


def test_the_tests_named_for_security_stand() -> None:
    """A promise whose test went away would be none."""
    named = re.findall(r"test_\w+\.py", (ROOT / "SECURITY.md").read_text())
    assert named
    assert [name for name in named if not list((ROOT / "tests").rglob(name))] == []


def test_a_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    """Other sections and the text around belong to others. Backslashes are no references to groups."""
    document = tmp_path / "a.md"
    two = "<!-- two -->\n<!-- end of two -->\nend\n"
    document.write_text(f"top\n<!-- one: by x -->\nold\n<!-- end of one -->\n{two}")
    write_section(document, "one", r"new \1")
    write_section(document, "one", r"newer \1")
    assert document.read_text() == f"top\n<!-- one: by x -->\n\nnewer \\1\n\n<!-- end of one -->\n{two}"
    assert read_section(document, "one") == r"newer \1"
    with pytest.raises(LocalError, match="three"):
        write_section(document, "three", "x")
