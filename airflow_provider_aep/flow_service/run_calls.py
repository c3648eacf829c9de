"""Calls that ask for runs, and the way through a list's pages. Shared by the blocking and the async side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.bounds import endless
from airflow_provider_aep.flow_service.calls import Call
from airflow_provider_aep.flow_service.checks import check_id
from airflow_provider_aep.flow_service.query import MAX_PAGES, PAGE_SIZE, Query, equals, next_page

IDS_A_CALL = PAGE_SIZE
"""Ids in one IN list: what one page holds, in about 4 KB of URL."""


def get_run(run_id: object) -> Call:
    """``GET /runs/{id}``."""
    return Call("GET", f"/runs/{check_id(run_id, 'run_id')}")


def list_runs(run_ids: Sequence[str]) -> Call:
    """``GET /runs?property=id==a,b,c``: a comma means *or* (Adobe's "Sort and filter" guide)."""
    ids = ",".join(check_id(one, "run_id") for one in run_ids)
    return Call("GET", "/runs", [equals("id", ids), ("limit", str(PAGE_SIZE))])


def list_runs_of(flow_ids: Sequence[str], started_from: float | None = None) -> Call:
    """``GET /runs?property=flowId==…``, the first page.

    :param started_from: epoch seconds; only runs that started then or later, by the guide's own filter on
        ``metrics.durationSummary.startedAtUTC`` (milliseconds)
    """
    query: Query = [equals("flowId", ",".join(check_id(one, "flow_id") for one in flow_ids))]
    if started_from is not None and started_from > 0:
        bound = int(started_from * 1000) - 1
        query.append(("property", f"metrics.durationSummary.startedAtUTC>{bound}"))
    return Call("GET", "/runs", [*query, ("limit", str(PAGE_SIZE))])


class Pages:
    """A list read page by page: send :attr:`call`, hand the reply to :meth:`take`, until there is no call.

    :param origin: the API's own origin; a next page elsewhere is refused
    :param most: how many pages at most; a list that goes on raises
    """

    def __init__(self, call: Call, origin: str, *, most: int = MAX_PAGES) -> None:
        self.call: Call | None = call
        self._what = f"{call.method} {call.path}"
        self._path = call.path
        self._origin = origin
        self._most = most
        self._seen: set[str] = set()

    def take(self, document: object) -> list[dict[str, Any]]:
        """The items of a page. :raises AepReplyError: no list, or one without end"""
        items = replies.read_items(document, self._what)
        query = next_page(document, self._origin) if isinstance(document, dict) else None
        if query is None:
            self.call = None
            return items
        if repr(query) in self._seen or len(self._seen) + 1 >= self._most:
            raise endless(self._what)
        self._seen.add(repr(query))
        self.call = Call("GET", self._path, query)
        return items
