"""States of a connection, and what each means for somebody who wants to use it.

Adobe's update tutorial and OpenAPI name ``enabled``, ``disabled`` and ``initializing``; the error
catalogue adds the passing ``…-finalizing``, the drafts tutorial ``draft``.
"""

from __future__ import annotations

from enum import Enum


class Readiness(Enum):
    """What a state means to a task that wants the entity."""

    READY = "ready"
    COMING = "coming"
    LEAVING = "leaving"
    REFUSED = "refused"


_READY = {"enabled", "active", ""}
_REFUSED = {"disabled", "disabling", "draft", "failed"}


def readiness(state: object) -> Readiness:
    """Sort a state. One that is not known counts as coming: waiting is bounded, guessing is not."""
    text = "" if state is None else str(state).strip().lower()
    if text in _READY:
        return Readiness.READY
    if text in _REFUSED:
        return Readiness.REFUSED
    if text.endswith("-finalizing") or text in {"deleting", "deleted"}:
        return Readiness.LEAVING
    return Readiness.COMING
