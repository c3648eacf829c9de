"""Read an Adobe I/O journal of flow run events, as Adobe's Journaling API guide describes it.

An event only says that something happened to a dataflow: the runs themselves are listed afterwards. So the
order of events, events that come twice and the form of an event have no effect, and a gap costs one list.
Adobe's pages show several forms of an event. All of them hold the dataflow's id, which is searched in the
whole text.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from airflow_provider_aep.flow_runs import schedule
from airflow_provider_aep.flow_service.errors import AepError, AepReplyError

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.aio import AsyncFlowService

WAIT, SHORTEST_WAIT, LONGEST_WAIT = 10.0, 1.0, 300.0
"""Seconds until the next read if the journal does not say, at least, and at most."""

_PAGES = 200
"""The most replies in one read. The next read continues."""

_NEXT: re.Pattern[str] = re.compile(r'<([^>]*)>\s*;[^,<]*\brel="?next"?')

log = logging.getLogger(__name__)


class Journal:
    """The position in one journal, for all its watchers.

    :param url: the journal's URL, as Adobe's Developer Console shows it
    """

    def __init__(self, url: str) -> None:
        self.due = 0.0
        """When to read next, in seconds of the monotonic clock."""
        self.problem: str | None = None
        """Why AEP is polled instead, in words; None while the journal works."""
        self._url = url
        self._start = f"{url}{'&' if urlsplit(url).query else '?'}latest=true"
        self._position: str | None = None
        self._failures = 0

    @property
    def works(self) -> bool:
        """Return whether the last read succeeded."""
        return self._failures == 0

    async def read(self, service: AsyncFlowService, now: float, flow_ids: Collection[str]) -> set[str] | None:
        """Read the new events, and return the dataflows that they mention.

        A failure does not raise: the caller polls AEP until the journal can be read again.

        :return: None if events may be missing: at the start, after a failure, or if the position has expired
        """
        mentioned: set[str] = set()
        complete = self._position is not None and self.works
        try:
            for _ in range(_PAGES):
                reply = await service.read_journal(self._position or self._start)
                if reply.status == 410 and self._position:
                    log.warning(
                        "The position in the journal %s has expired. AEP is polled for the gap.", self._url
                    )
                    self._position, complete = None, False
                    continue
                before = self._position
                self._position = self._next(reply.headers.get("link", ""), reply.status)
                text = reply.body.decode(errors="replace")
                mentioned |= {one for one in flow_ids if one in text}
                if reply.status == 204 or self._position == before:
                    break
        except AepError as error:
            self._failures += 1
            self.due = now + schedule.slowed(error, self._failures, random.random())  # noqa: S311 - no secret
            self.problem = f"The journal cannot be read, so AEP is polled until it can: {error}"
            return None
        if self.problem:
            log.warning("The journal %s can be read again.", self._url)
        self._failures, self.problem = 0, None
        self.due = now + _pause(reply.headers.get("retry-after"))
        return mentioned if complete else None

    def _next(self, link: str, status: int) -> str | None:
        """Return the address of the next events. :raises AepReplyError: it is missing, or on another host"""
        found: re.Match[str] | None = _NEXT.search(link)
        if found is None:
            if status == 204:
                return self._position
            raise AepReplyError.with_advice("The journal was answered without a link to the next events.")
        try:
            address = str(urljoin(self._url, found[1]))
            elsewhere = urlsplit(address)[:2] != urlsplit(self._url)[:2]
        except ValueError:
            address, elsewhere = "", True
        if elsewhere:
            raise AepReplyError(
                "The journal's link to the next events is on another host. It was not followed, so that the "
                "access token is not sent there. Check `journal`.",
                retryable=False,
            )
        return address


def _pause(retry_after: str | None) -> float:
    asked = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else WAIT
    return min(max(asked, SHORTEST_WAIT), LONGEST_WAIT)
