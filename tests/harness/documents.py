"""The code blocks of the documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced code block of a page, with its language and the line on which its code begins."""

    page: str
    line: int
    language: str
    code: str

    @property
    def name(self) -> str:
        """Return where the block is."""
        return f"{self.page}:{self.line}"


def blocks(*patterns: str) -> list[Block]:
    """Return the blocks of the pages that match the patterns, in the order of the patterns and names."""
    parser = MarkdownIt()
    return [
        Block(str(page.relative_to(ROOT)), token.map[0] + 2, token.info.strip(), token.content)
        for pattern in patterns
        for page in sorted(ROOT.glob(pattern))
        for token in parser.parse(page.read_text("utf-8"))
        if token.type == "fence" and token.map
    ]
