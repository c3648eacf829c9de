"""Log lines about what lasts: said when it begins, not at each look."""

from __future__ import annotations


class Told:
    """Remembers what was said. What is over is said again if it comes back."""

    def __init__(self) -> None:
        self._lasting: set[str] = set()

    def is_news(self, what: str, text: str | None) -> bool:
        """Whether ``text``, that ``what`` goes on, is to be said now. None: it does not go on."""
        if text is None:
            self._lasting.discard(what)
            return False
        known = what in self._lasting
        self._lasting.add(what)
        return not known
