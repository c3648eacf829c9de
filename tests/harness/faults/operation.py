"""One row of the matrix: what is done, and which of its requests is at stake."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.harness.faults.world import Try, World

SAME, ANOTHER = "same", "another"
GONE = "AepNotFoundError"
REFUSED = "AepRequestError"
ONE = "/[^/]+"
"""An entity's id at the end of a path."""


@dataclass(frozen=True)
class Operation:
    """One thing to do, and which of its requests is at stake.

    :param name: of the hook method or operator, and after a comma what of it
    :param request: method and end of the path, as a pattern, of the request that changes something
    :param prepare: makes what stands before
    :param rule: of what kind it is, a key of `rules.RULES`
    :param twice: what comes of doing it again where it is done: the ``same``, ``another`` one, or an error
    """

    name: str
    request: str
    prepare: Callable[[World], Try]
    rule: str
    twice: str = SAME

    def means(self, method: str, path: str) -> bool:
        """Whether a request is the one at stake; `path` without its query."""
        own_method, own_path = self.request.split(" ")
        return method == own_method and re.search(f"{own_path}$", path) is not None

    @property
    def covers(self) -> str:
        """The hook method or operator that it is a row of."""
        return self.name.partition(",")[0]
