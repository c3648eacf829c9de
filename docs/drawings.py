"""Render the drawings of the site: `make docs-drawings`.

A drawing is Mermaid text in a page, which GitHub renders by itself. The site shows an image of it, named
after the text. Run the command after a change of a drawing: it needs npm and Chromium.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

DOCS = Path(__file__).parent
DRAWINGS = DOCS / "drawings"
RENDER = os.environ.get("MERMAID", "npx --yes @mermaid-js/mermaid-cli@11").split()
STYLE = {
    "theme": "neutral",
    "themeVariables": {"noteBkgColor": "#fff8e1", "noteBorderColor": "#d8c690", "noteTextColor": "#222"},
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False},
    "fontFamily": "sans-serif",
}
BROWSER = {"executablePath": "/usr/bin/chromium", "args": ["--no-sandbox", "--disable-gpu"]}


def drawing_of(source: str) -> Path:
    """Return the file with the image of a Mermaid text."""
    return DRAWINGS / f"{hashlib.sha256(source.strip().encode()).hexdigest()[:12]}.svg"


def alt_of(source: str) -> str:
    """Return the drawing's description for those who cannot see it, its line ``accDescr``."""
    found = re.search(r"^\s*accDescr:\s*(.+)$", source, re.MULTILINE)
    return found[1] if found else ""


def drawings() -> dict[Path, str]:
    """Return the Mermaid texts of all pages by the files of their images."""
    pages = sorted(DOCS.rglob("*.md"))
    block = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
    texts = (text for page in pages for text in block.findall(page.read_text("utf-8")))
    return {drawing_of(text): text for text in texts}


def main() -> None:
    """Render the new drawings, and delete the images that no page uses."""
    current = drawings()
    DRAWINGS.mkdir(exist_ok=True)
    for old in set(DRAWINGS.iterdir()) - set(current):
        old.unlink()
    with TemporaryDirectory() as folder:
        for name, value in {"style": STYLE, "browser": BROWSER}.items():
            Path(folder, name).write_text(json.dumps(value))
        for path, text in current.items():
            if not path.exists():
                given = ["-i", "-", "-o", str(path), "-c", f"{folder}/style", "-p", f"{folder}/browser"]
                subprocess.run(
                    [*RENDER, *given],
                    input=text,
                    text=True,
                    check=True,
                    env={**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"},
                )


if __name__ == "__main__":
    main()
