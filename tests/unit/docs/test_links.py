"""Every relative link of the documents leads to a file and a heading. The build of the site checks more."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import airflow_provider_aep

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PACKAGE = Path(airflow_provider_aep.__file__).parent
CODE = [path for folder in (PACKAGE, ROOT / "dags") for path in folder.rglob("*.py")]
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()\s]*\))?[^()\s]*)\)")


def text_of(page: Path) -> str:
    """Return a page without its code."""
    without = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`]*`", lambda code: "x" * len(code[0]), without)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page as GitHub makes them of its headings."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", one) for one in headings]
    slugs = [re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in plain]
    return frozenset([*slugs, *re.findall(r'<a id="([\w-]+)">', text)])


def broken(page: Path, link: str) -> bool:
    """Return whether a relative link of a page leads nowhere."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return not target.exists() or bool(anchor and target.suffix == ".md" and anchor not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading of it."""
    links = [link for link in LINK.findall(text_of(page)) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if broken(page, link)] == []


def test_each_picture_is_on_a_page() -> None:
    """A picture without a reader would not be taken again."""
    shown = {(page.parent / link).resolve() for page in PAGES for link in LINK.findall(text_of(page))}
    assert set((ROOT / "docs" / "images").iterdir()) - shown == set()


def test_each_page_that_the_code_names_exists() -> None:
    """Docstrings and messages name pages by their path in the repository."""
    pattern = re.compile(r"\bdocs/[\w./-]+\.(?:md|txt)(?:#[\w-]+)?")
    named = {(path, link) for path in CODE for link in pattern.findall(path.read_text("utf-8"))}
    assert named
    assert sorted(f"{path}: {link}" for path, link in named if broken(ROOT / "README.md", link)) == []
