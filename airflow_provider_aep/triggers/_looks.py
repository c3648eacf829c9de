"""One round of looks at many runs: as few requests as the service allows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
)
from airflow_provider_aep.flow_service.run_calls import IDS_A_CALL, get_run, list_runs, list_runs_of
from airflow_provider_aep.flow_service.runs import Run, glance_at, read_run
from airflow_provider_aep.hooks.aio import AsyncFlowService
from airflow_provider_aep.triggers._seen import Seen

_LISTS_AT_A_TIME = 3
_SINGLES_AT_A_TIME = 8
_PAGES_OF_IDS = 12
_PAGES_OF_FLOWS = 500

log = logging.getLogger(__name__)


class Looks:
    """Looks through one service, and remembers what it refuses."""

    def __init__(self, service: AsyncFlowService) -> None:
        self._service = service
        self._in_lists = True
        self._bounds = True

    async def at_runs(self, run_ids: Sequence[str], seen: Seen) -> None:
        """Many runs by id: IN lists of a hundred, or one by one where the service refuses those."""
        if self._in_lists and len(run_ids) > 1:
            chunks = [run_ids[at : at + IDS_A_CALL] for at in range(0, len(run_ids), IDS_A_CALL)]
            await _all(chunks, self._list, seen, _LISTS_AT_A_TIME)
            run_ids = [one for one in run_ids if one not in seen.runs]
            await self._singles_after_lists(run_ids, seen)
        else:
            await _all(run_ids, self._single, seen, _SINGLES_AT_A_TIME)

    async def at_flows(self, flows: dict[str, float | None], seen: Seen) -> None:
        """The runs of many dataflows, each from a start time (epoch seconds) on, or all where it is None."""
        # those that reach back as far go together: a list has one bound
        ordered = sorted(flows, key=lambda one: (flows[one] or 0.0, one))
        size = IDS_A_CALL if self._in_lists else 1
        chunks = [ordered[at : at + size] for at in range(0, len(ordered), size)]

        async def ask(chunk: Sequence[str], seen: Seen) -> None:
            await self._list_of(chunk, flows, seen)

        await _all(chunks, ask, seen, _LISTS_AT_A_TIME)

    async def _list(self, run_ids: Sequence[str], seen: Seen) -> None:
        wanted = set(run_ids)
        try:
            async for page in self._service.pages(list_runs(run_ids), most=_PAGES_OF_IDS):
                # what is not needed goes at once: kept, it would make Python's collector stop the loop
                seen.runs.update((item["id"], glance_at(item)) for item in page if item.get("id") in wanted)
        except (AepRequestError, AepReplyError) as error:
            if error.retryable:
                raise
            self._no_lists(str(error))

    async def _singles_after_lists(self, run_ids: Sequence[str], seen: Seen) -> None:
        """What the lists left out is asked for by id: it is gone, or lists do not work here."""
        if not run_ids or seen.trouble:
            return
        before = len(seen.runs)
        await _all(run_ids, self._single, seen, _SINGLES_AT_A_TIME)
        if len(seen.runs) - before > before:
            self._no_lists("they leave out most of what there is")

    async def _single(self, run_id: str, seen: Seen) -> None:
        call = get_run(run_id)
        try:
            document = await self._service.call(call)
            seen.runs[run_id] = glance_at(replies.read_item(document, f"GET {call.path}"))
        except AepNotFoundError:
            seen.missing.add(run_id)
        except AepRequestError as error:
            seen.refused[run_id] = error

    async def _list_of(self, flow_ids: Sequence[str], flows: dict[str, float | None], seen: Seen) -> None:
        bounds = [flows[one] for one in flow_ids]
        known = [bound for bound in bounds if bound is not None]
        bound = min(known) if self._bounds and len(known) == len(bounds) else None
        by_flow: dict[str, list[Run]] = {one: [] for one in flow_ids}
        try:
            async for page in self._service.pages(list_runs_of(flow_ids, bound), most=_PAGES_OF_FLOWS):
                for item in page:
                    if item.get("flowId") in by_flow:
                        by_flow[item["flowId"]].append(read_run(item))
        except AepNotFoundError as error:
            self._refuse(flow_ids, error, seen)
        except AepRequestError as error:
            if bound is not None:
                log.warning("Flow Service refuses to list runs by their start, so all are listed: %s", error)
                self._bounds = False
                await self._list_of(flow_ids, flows, seen)
            elif len(flow_ids) > 1:
                self._no_lists(str(error))
                for one in flow_ids:
                    await self._list_of([one], flows, seen)
            else:
                self._refuse(flow_ids, error, seen)
        else:
            seen.of_flows.update(by_flow)

    def _no_lists(self, reason: str) -> None:
        if self._in_lists:
            log.warning("Runs are looked at one by one: Flow Service does not take lists of ids: %s", reason)
        self._in_lists = False

    @staticmethod
    def _refuse(flow_ids: Iterable[str], error: AepError, seen: Seen) -> None:
        seen.refused.update(dict.fromkeys(flow_ids, error))


async def _all(
    parts: Iterable[Any],
    ask: Callable[[Any, Seen], Awaitable[None]],
    seen: Seen,
    at_a_time: int,
) -> None:
    """Ask for every part, some at a time, until the service is in trouble."""
    left = iter(parts)

    async def work() -> None:
        for part in left:
            if seen.trouble is not None:
                return
            try:
                await ask(part, seen)
            except AepError as error:
                seen.trouble = seen.trouble or error

    await asyncio.gather(*(work() for _ in range(at_a_time)))
