"""Schema drift: compare the columns of a source with the columns that a dataflow reads.

A dataflow reads the columns in ``params.columns`` of its source connection, and maps those that its mapping
set names. Adobe documents no effect of a later change of the source. Names are compared exactly. A nested
field matches the object or array that contains it: ``address`` matches ``address.city``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Column = Mapping[str, Any]
Drift = dict[str, Any]
"""``{"added", "removed", "changed"}``, each a sorted list, or None if it is unknown."""

_MOST_TOLD = 30


def find_drift(columns: Sequence[Column], stored: Sequence[Column], mapped: Iterable[str] | None) -> Drift:
    """Compare the columns of the source now with those that a dataflow reads.

    :param columns: the source's columns; empty if they are unknown
    :param stored: the columns of the source connection; empty if it stores none, as for files
    :param mapped: the columns that the mapping set maps; None if they are unknown
    """
    if not columns or (not stored and mapped is None):
        return {"added": None, "removed": None, "changed": None}
    now = {str(one["name"]): one for one in columns}
    was = {str(one["name"]): one for one in stored}
    removed = {name for name in (*was, *(mapped or ())) if not _is_among(name, now)}
    return {
        "added": sorted(name for name in now if not _is_among(name, was)) if was else None,
        "removed": sorted(removed),
        "changed": [
            {"name": name, "was": types[0], "is": types[1]}
            for name in sorted(now.keys() & was.keys())
            if (types := _changed_type(was[name], now[name]))
        ]
        if was
        else None,
    }


def named(columns: object) -> list[Column]:
    """Return the columns of a source connection that have a name."""
    found = columns if isinstance(columns, list) else []
    return [one for one in found if isinstance(one, Mapping) and isinstance(one.get("name"), str)]


def in_words(drift: Drift) -> str:
    """Return a drift for a log or an error; empty without a difference. The source's texts are escaped."""
    changed = [f"{one['name']!r} (from {one['was']!r} to {one['is']!r})" for one in drift["changed"] or ()]
    told = {
        "added": list(map(repr, drift["added"] or ())),
        "removed": list(map(repr, drift["removed"] or ())),
        "changed": changed,
    }
    return "; ".join(f"{kind}: {_listed(names)}" for kind, names in told.items() if names)


def _is_among(name: str, others: Iterable[str]) -> bool:
    return any(name == other or _contains(name, other) or _contains(other, name) for other in others)


def _contains(outer: str, inner: str) -> bool:
    return inner.startswith((f"{outer}.", f"{outer}["))


def _changed_type(was: Column, now: Column) -> tuple[str, str] | None:
    """Return both types if they differ. A type that only one side shows is no difference."""
    for words in (_own_type, _xdm_type):
        there, here = words(was), words(now)
        if there and here and there != here:
            return there, here
    return None


def _own_type(column: Column) -> str:
    return str(column.get("type") or "").strip().lower()


def _xdm_type(column: Column) -> str:
    xdm = column.get("xdm")
    if not isinstance(xdm, Mapping) or not xdm.get("type"):
        return ""
    return f"{xdm['type']} ({xdm['format']})" if xdm.get("format") else str(xdm["type"])


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_TOLD
    return ", ".join([*names[:_MOST_TOLD], *([f"and {rest} more"] if rest > 0 else [])])
