"""The documents have short sentences. `make lint` runs this, and checks their words and their spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[3]
MADE = ("errors.md", "sources", "dependencies.md", "fault-matrix.md")
"""Pages that are made from the code, or mostly data."""
PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if not set(MADE) & set(page.parts)
]
LONG = 30
"""Words. A longer sentence is hard to read in a second language."""
MOST_LONG = 0.03
"""The largest share of long sentences."""


def words_of(token: Token) -> Iterator[str]:
    """Yield the text of a paragraph, a heading or a cell. Code counts as a word."""
    for child in token.children or ():
        if child.type == "text":
            yield child.content
        elif child.type == "code_inline":
            yield "code"
        elif child.type in ("softbreak", "hardbreak"):
            yield " "


def sentences(page: Path) -> list[str]:
    """Return the sentences of a page."""
    tokens = MarkdownIt().enable("table").parse(page.read_text("utf-8"))
    texts = ["".join(words_of(token)) for token in tokens if token.type == "inline"]
    found = [one for text in texts for one in re.split(r"(?<=[.!?])\)?\s+(?=[\"(A-Z\d]|code)", text)]
    return [one for one in found if one.strip()]


def long_ones(page: Path) -> list[str]:
    """Return the long sentences of a page."""
    return [one for one in sentences(page) if len(one.split()) > LONG]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_few_sentences_are_long(page: Path) -> None:
    """At most 3 % of a page; one, if the page is short."""
    assert len(long_ones(page)) <= max(1, MOST_LONG * len(sentences(page))), "\n\n".join(long_ones(page))


def test_a_sentence_ends_where_a_reader_sees_its_end(tmp_path: Path) -> None:
    """Cells and items are sentences of their own. A dot in code or in a version does not end a sentence."""
    page = tmp_path / "page.md"
    page.write_text("One `a.b` here. Two (in 3.2) there.\n\n- three\n\n| four |\n|---|\n| Five. Six |\n")
    assert sentences(page) == ["One code here.", "Two (in 3.2) there.", "three", "four", "Five.", "Six"]
