"""Make the generated pages in docs/: `make docs`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from airflow_provider_aep.flow_service.sources import catalogue
from scripts import error_docs, source_docs
from scripts.markdown import BELOW

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGE = "airflow-provider-aep"
USERS = ROOT / ".venv-demo"
"""The environment that has only the packages that a user of `[emulator]` gets."""


def pages() -> dict[str, str]:
    """Return the text of each page that needs only the code, by its path in docs/."""
    sources = {f"sources/{key}.md": source_docs.page(source) for key, source in catalogue().items()}
    return {
        "errors.md": below("errors.md", error_docs.body()),
        "sources/README.md": below("sources/README.md", source_docs.index(catalogue().values())),
        **sources,
    }


def below(name: str, text: str) -> str:
    """Return the page with its hand-written beginning, and this text below the marker line."""
    return f"{(DOCS / name).read_text('utf-8').partition(BELOW)[0]}{BELOW}\n\n{text.rstrip()}\n"


def licences() -> str:
    """Return the licences of the packages in the environment of the demos."""
    command = ["-m", "piplicenses", "--python", str(USERS / "bin" / "python"), "--format", "markdown"]
    options = ["--order", "license", "--no-version", "--ignore-packages", PACKAGE]
    return subprocess.run(
        [sys.executable, *command, *options], check=True, capture_output=True, text=True
    ).stdout


def declared(name: str, extra: str = "") -> Iterator[Requirement]:
    """Yield the requirements of a distribution on this machine; with an extra, only what the extra adds."""
    for one in map(Requirement, requires(name) or []):
        always, chosen = (one.marker is None or one.marker.evaluate({"extra": key}) for key in ("", extra))
        if chosen and not (extra and always):
            yield one


def main() -> None:
    """Write all pages, and delete pages of sources that the catalogue no longer has."""
    made = {**pages(), "dependencies.md": below("dependencies.md", licences())}
    for old in (DOCS / "sources").glob("*.md"):
        if f"sources/{old.name}" not in made:
            old.unlink()
    for name, text in made.items():
        (DOCS / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
