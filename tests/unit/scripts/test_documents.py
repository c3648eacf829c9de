"""The generated pages are current, and the documents keep what they promise."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest

from airflow_provider_aep.cli import COMMANDS
from scripts import docs
from scripts.docs import PACKAGE, declared, table
from tests.harness.all_operators import every_operator

ROOT = Path(__file__).parents[3]
PAGES = docs.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    """Nobody edited it, and `make docs` ran after the last change."""
    assert (docs.DOCS / name).read_text("utf-8") == PAGES[name], "run `make docs`"


def test_no_page_of_a_source_is_left_over() -> None:
    """A source that the catalogue no longer has has no page."""
    assert {f"sources/{path.name}" for path in (docs.DOCS / "sources").iterdir()} <= set(PAGES)


def test_every_dependency_is_listed() -> None:
    """With the version that is asked for; a new one is not forgotten."""
    page = (docs.DOCS / "dependencies.md").read_text("utf-8")
    named = [one for extra in ("", *docs.EXTRAS) for one in declared(PACKAGE, extra)]
    tools = ("extra == 'dev'", "extra == 'docs'", "extra == 'test'")
    assert len(named) == sum(not line.endswith(tools) for line in requires(PACKAGE) or [])
    rows = [f"| `{one.name}` | {one.specifier or 'any'} |" for one in named]
    assert all(row in page for row in rows)
    assert page.count("\n| `") == len(rows)
    licences = page.partition("\n## Installed with")[2]
    assert all(f"| {one.name} " in licences for one in named)


def test_every_command_is_in_the_table() -> None:
    """The page says what `--help` says, and links to the command's own section."""
    page = (docs.DOCS / "reference" / "commands.md").read_text("utf-8")
    section = page.partition("## All commands\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\) \| (.*?) \| .+ \|$", section, re.MULTILINE)
    assert [(name, text) for name, _, text in rows] == [(name, text) for name, (text, _) in COMMANDS.items()]
    assert all(link == name and f"\n## `{name}`\n" in page for name, link, _ in rows)


def test_a_bar_ends_no_cell() -> None:
    """A table of the docs has as many columns as its head."""
    assert table(["a", "b"], [["x|y", "z"]]).splitlines()[2] == r"| x\|y | z |"


def test_what_is_installed_from_where() -> None:
    """No package index has it; and a DAG file that imports the provider is parsed by the DAG processor."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    commands = [
        found for page in pages for found in re.findall(r"\bpip install [^\n`]+", page.read_text("utf-8"))
    ]
    assert commands
    local = re.compile(r""" (\.|'\.{1,2}(/[\w-]+)?\[\w+\]'|dist/\*\.whl|/tmp/\*\.whl)$""")
    assert [command for command in commands if not local.search(command)] == []
    where = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert "Airflow's scheduler, DAG processor, workers, triggerer and API server run" in where


def test_the_readme_is_short_and_lists_every_operator() -> None:
    """One minute: at most 100 lines. Its table has each operator and task group of the reference."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 100
    section = text.partition("| To | Use |")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+(?:Operator|Sensor))`", section))
    internal = {"InspectSourceOperator"}  # a part of the task groups
    assert named == set(every_operator()) - internal


def test_the_tests_named_for_security_stand() -> None:
    """A promise whose test went away would be none."""
    named = re.findall(r"test_\w+\.py", (ROOT / "SECURITY.md").read_text())
    assert named
    assert [name for name in named if not list((ROOT / "tests").rglob(name))] == []
