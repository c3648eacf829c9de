"""Make the generated pages in docs/: `make docs`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from scripts import error_docs, source_docs
from scripts.markdown import MADE, table

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGE = "airflow-provider-aep"
USERS = ROOT / ".venv-demo"
"""The environment that holds only what a user of `[emulator]` gets."""

DEPENDENCIES = """\
# Dependencies and their licences
{made}

## Declared by this package

An Airflow with its http provider has all of them already.

{declared}

## Installed with it

The licences are those that the packages' own metadata declare, as `pip-licenses` reads them. The versions are
those of `constraints/`.

{licences}
"""


def pages() -> dict[str, str]:
    """Return the text of each page that is made from the code alone, by its path in docs/."""
    sources = {f"sources/{name}": text for name, text in source_docs.pages().items()}
    faults: str = import_module("tests.faults.page").page()
    return {"errors.md": error_docs.page(), "fault-matrix.md": faults, **sources}


def dependencies() -> str:
    """Return the page about the dependencies, from what is installed in the environment of the demos."""
    command = ["-m", "piplicenses", "--python", str(USERS / "bin" / "python"), "--format", "markdown"]
    options = ["--order", "license", "--no-version", "--ignore-packages", PACKAGE]
    done = subprocess.run([sys.executable, *command, *options], check=True, capture_output=True, text=True)
    rows = [
        [f"`{one.name}`", str(one.specifier) or "any", f"`[{extra}]`" if extra else ""]
        for extra in ("", "emulator")
        for one in declared(PACKAGE, extra)
    ]
    return DEPENDENCIES.format(
        made=MADE, declared=table(["Package", "Version", "Only for"], rows), licences=done.stdout.strip()
    )


def declared(name: str, extra: str = "") -> Iterator[Requirement]:
    """Yield what a distribution needs on this machine; with an extra, what only the extra adds."""
    for one in map(Requirement, requires(name) or []):
        always, chosen = (one.marker is None or one.marker.evaluate({"extra": key}) for key in ("", extra))
        if chosen and not (extra and always):
            yield one


def main() -> None:
    """Write all pages, and delete those of sources that the catalogue no longer has."""
    made = {**pages(), "dependencies.md": dependencies()}
    for old in (DOCS / "sources").glob("*.md"):
        if f"sources/{old.name}" not in made:
            old.unlink()
    for name, text in made.items():
        (DOCS / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
