"""Parts of a document that a script writes: what stands between two comments that no reader sees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from scripts.processes import LocalError


def read_section(document: Path, name: str) -> str:
    """What stands there. :raises LocalError: the document has no such section"""
    return _find(document, name)["text"].strip()


def write_section(document: Path, name: str, text: str) -> None:
    """Replace what stands there. :raises LocalError: the document has no such section"""
    found = _find(document, name)
    begin, end = found.span("text")
    document.write_text(f"{found.string[:begin]}\n\n{text}\n\n{found.string[end:]}", "utf-8")


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _find(document: Path, name: str) -> re.Match[str]:
    mark = re.escape(name)
    pattern = rf"<!-- {mark}\b[^>]*-->(?P<text>.*?)<!-- end of {mark} -->"
    if found := re.search(pattern, document.read_text("utf-8"), re.DOTALL):
        return found
    raise LocalError(f"{document} has no section {name!r}, which begins and ends with a comment.")
