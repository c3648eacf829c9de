"""Writes the tables of docs/dependencies.md: `.venv/bin/python -m scripts.licences`. Sends nothing.

What is declared is read from the installed package, licences from the metadata of what stands beside it.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from scripts.sections import markdown, write_section

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "dependencies.md"
PACKAGE = "airflow-provider-aep"
SAME = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Classifiers and free texts, and the names that SPDX has for them."""


def main() -> int:
    """Write both tables."""
    write_section(DOCUMENT, "declared", declared())
    write_section(DOCUMENT, "licences", brought_along())
    return 0


def declared() -> str:
    """What pyproject.toml names for those who install the package, with or without the emulator."""
    rows = [
        [f"`{one.name}`", str(one.specifier) or "any", f"`[{extra}]`" if extra else "", licence(one.name)]
        for extra in ("", "emulator")
        for one in requirements(PACKAGE, extra)
    ]
    return markdown(["Package", "Version", "Only for", "Licence"], rows)


def brought_along() -> str:
    """Everything that is installed with it, by licence."""
    by_licence: dict[str, list[str]] = defaultdict(list)
    for name in sorted(closure([PACKAGE]) - {PACKAGE}):
        by_licence[licence(name)].append(name)
    groups = sorted(by_licence.items(), key=lambda group: (-len(group[1]), group[0]))
    return markdown(
        ["Licence", "", "Packages"], ([text, str(len(names)), ", ".join(names)] for text, names in groups)
    )


def requirements(name: str, extra: str = "") -> Iterator[Requirement]:
    """What a distribution needs on this machine; with an extra, what that adds."""
    for line in distribution(name).requires or []:
        one = Requirement(line)
        always, then = (one.marker is None or one.marker.evaluate({"extra": given}) for given in ("", extra))
        if then and not (extra and always):
            yield one


def closure(names: Iterable[str]) -> set[str]:
    """The distributions, what they need, what that needs, and so on; those that are installed."""
    found: set[str] = set()
    queue = [(normal(name), "") for name in names]
    seen = set(queue)
    while queue:
        name, extra = queue.pop()
        if find(name) is None:
            continue
        found.add(name)
        for one in requirements(name, extra):
            for wanted in {"", *one.extras}:
                step = (normal(one.name), wanted)
                if step not in seen:
                    seen.add(step)
                    queue.append(step)
    return found


def find(name: str) -> Distribution | None:
    """It, if it is installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def licence(name: str) -> str:
    """As its authors say it: in an expression, or else in classifiers, or else in a line of text."""
    said = distribution(name).metadata
    if "License-Expression" in said:
        return said["License-Expression"]
    classifiers = [one for one in said.get_all("Classifier", []) if one.startswith("License ::")]
    texts = [one.rsplit(" :: ", 1)[1] for one in classifiers] or (
        "".join(said.get_all("License", [])) or "not said"
    ).splitlines()[:1]
    return " or ".join(SAME.get(text, text) for text in texts)


def normal(name: str) -> str:
    """A distribution's name as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
