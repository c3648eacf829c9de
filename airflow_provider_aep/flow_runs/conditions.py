"""Report a lasting condition once."""

from __future__ import annotations


class Conditions:
    """Remember the conditions that the log has reported, so that each is reported once while it lasts."""

    def __init__(self) -> None:
        self._lasting: set[str] = set()

    def update(self, condition: str, text: str | None) -> bool:
        """Record a condition, and return whether it begins now.

        :param text: the line for the log; None says that the condition is over
        """
        if text is None:
            self._lasting.discard(condition)
            return False
        known = condition in self._lasting
        self._lasting.add(condition)
        return not known
