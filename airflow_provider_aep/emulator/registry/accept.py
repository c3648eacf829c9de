"""The registry's `Accept` header decides what a reply shows; without a good one there is no reply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.emulator.registry import errors

LIST = re.compile(r"application/vnd\.adobe\.(?:xed|xdm)(-id)?\+json", re.IGNORECASE)
LOOKUP = re.compile(
    r"application/vnd\.adobe\.(?:xed|xdm)(?P<full>-full)?(?P<text>-notext|-desc)?\+json"
    r"\s*(?:;\s*version=(?P<version>[\d.]+))?",
    re.IGNORECASE,
)
SHAPE = "application/vnd.adobe.{xed|xdm}+json"


@dataclass(frozen=True)
class View:
    """What a lookup is to show."""

    full: bool
    titles: bool
    descriptions: bool
    version: str


def read_list(header: str, now: float) -> bool:
    """Whether a list shows whole resources; refused unless it is one of the two documented values."""
    shape = LIST.fullmatch(header.strip())
    if shape is None:
        message = f"The supplied Accept header is not valid: {header} - A valid Accept value should look like"
        raise errors.xdm_error("XDM-1006-400", f"{message} {SHAPE}", now)
    return not shape[1]


def read_lookup(header: str, now: float) -> View:
    """A lookup needs a version too. (Adobe's docs differ on the blank before it: any is taken.)"""
    shape = LOOKUP.fullmatch(header.strip())
    if shape is None or not shape["version"]:
        message = f"The supplied Accept header is not valid: {header} - A valid Accept value should look like"
        raise errors.xdm_error(
            "XDM-1007-400", f"{message} {SHAPE}; version=1 (Version should be specified)", now
        )
    text = (shape["text"] or "").lower()
    return View(bool(shape["full"]), not text, text != "-notext", shape["version"])


def matches(asked: str, version: str) -> bool:
    """`1` means the newest of major version 1; `1.2` that one only."""
    return asked in (version, version.split(".")[0])


def without_text(node: Any, view: View, *, inside_properties: bool = False) -> Any:
    """Titles and descriptions taken out, except where a field happens to be called so."""
    if isinstance(node, list):
        return [without_text(part, view) for part in node]
    if not isinstance(node, dict):
        return node
    hidden = set() if view.titles else {"title"}
    if not view.descriptions:
        hidden.add("description")
    if inside_properties:
        hidden = set()
    return {
        key: without_text(part, view, inside_properties=key == "properties" and not inside_properties)
        for key, part in node.items()
        if key not in hidden
    }
