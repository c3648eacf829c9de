"""Fetch many runs in one round, in as few requests as the service allows.

A read that fails concerns whoever waits for what it reads. It is trouble of all only if no read can do
better: see :data:`TROUBLE` and :meth:`~airflow_provider_aep.flow_runs.fetch.Fetched.settle`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConnectError,
    AepConnectionLostError,
    AepError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
    AepThrottledError,
)
from airflow_provider_aep.flow_service.requests import (
    FLOWS,
    IDS_A_CALL,
    Call,
    get_one,
    get_run,
    list_runs,
    list_runs_of,
    list_some,
)
from airflow_provider_aep.flow_service.runs import (
    Dataflow,
    Run,
    RunSnapshot,
    deleted,
    read_dataflow,
    read_run,
    read_snapshot,
)

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.aio import AsyncFlowService

TROUBLE = (AepAuthError, AepThrottledError, AepConnectError, AepConnectionLostError)
"""Errors of the service as a whole: they have nothing to do with one run."""

_LISTS_AT_A_TIME = 3
_SINGLES_AT_A_TIME = 8
_IN_VAIN = 3
_PAGES_OF_IDS = 12
_PAGES_OF_FLOWS = 500

log = logging.getLogger(__name__)


@dataclass
class Fetched:
    """By run id, and for waits that know only a dataflow by its id.

    ``errors``: the read of this run, or of this dataflow's runs, failed. ``answers``: how many reads did not
    fail. ``trouble``: the service as a whole refused or failed, and the rest was not asked.
    """

    runs: dict[str, RunSnapshot] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    of_flows: dict[str, list[Run]] = field(default_factory=dict)
    dataflows: dict[str, Dataflow] = field(default_factory=dict)
    errors: dict[str, AepError] = field(default_factory=dict)
    answers: int = 0
    trouble: AepError | None = None

    def settle(self, odd: Collection[str]) -> None:
        """If every read failed, that is trouble of the service. Reads that failed before prove nothing."""
        if self.trouble is None and not self.answers:
            self.trouble = next((error for one, error in self.errors.items() if one not in odd), None)


Ask = Callable[[Any, Fetched], Awaitable[None]]


class RunFetcher:
    """RunFetcher through one service, and remembers what it refuses.

    ``odd`` are those whose read failed the last time. They are read alone: a list may fail because of them.
    """

    def __init__(self, service: AsyncFlowService) -> None:
        self._service = service
        self._lists_refused: set[str] = set()
        self._lists_in_vain: Counter[str] = Counter()
        self._bounds = True

    async def fetch_runs(self, run_ids: Collection[str], odd: Collection[str], fetched: Fetched) -> None:
        """Many runs by id."""
        await self._read("runs", run_ids, odd, fetched, fetched.runs, self._list, self._single)

    async def fetch_runs_of(
        self, flows: Mapping[str, float | None], odd: Collection[str], fetched: Fetched
    ) -> None:
        """The runs of many dataflows, each from a start time (epoch seconds) on, or all where it is None."""

        async def ask(flow_ids: Sequence[str], fetched: Fetched) -> None:
            await self._list_of(flow_ids, flows, fetched)

        async def ask_one(flow_id: str, fetched: Fetched) -> None:
            await self._list_of([flow_id], flows, fetched)

        # those that reach back as far go together: a list has one bound
        ordered = sorted(flows, key=lambda one: (flows[one] or 0.0, one))
        await self._read("runs of dataflows", ordered, odd, fetched, fetched.of_flows, ask, ask_one)

    async def fetch_dataflows(self, flow_ids: Collection[str], fetched: Fetched) -> bool:
        """The dataflows themselves: their names, and whether a run can start. False where none can be read.

        A dataflow that cannot be read is no reason not to wait for its run.
        """
        apart = Fetched(dataflows=fetched.dataflows)
        await self._read("dataflows", flow_ids, (), apart, apart.dataflows, self._dataflows, self._dataflow)
        fetched.trouble = apart.trouble
        return apart.answers > 0

    async def _read(
        self,
        what: str,
        ids: Collection[str],
        odd: Collection[str],
        fetched: Fetched,
        found: Mapping[str, Any],
        ask: Ask,
        ask_one: Ask,
    ) -> None:
        """IN lists of a hundred; one by one what they leave out, what is odd, and where lists are refused."""

        async def ask_unless_refused(chunk: Sequence[str], fetched: Fetched) -> None:
            if what in self._lists_refused:
                return
            try:
                await ask(chunk, fetched)
            except (AepRequestError, AepReplyError) as error:
                if error.retryable:
                    raise
                self._refuse_lists(what, str(error))

        left, failed, in_lists = [one for one in ids if one not in odd], 0, 0
        lists = what not in self._lists_refused and len(left) > 1
        if lists:
            chunks = [left[at : at + IDS_A_CALL] for at in range(0, len(left), IDS_A_CALL)]
            failed = await _all(chunks, ask_unless_refused, fetched, _LISTS_AT_A_TIME)
            in_lists = len(found)
            left = [one for one in left if one not in found]
        alone = [*left, *(one for one in ids if one in odd)]
        random.shuffle(alone)  # of many that fail, others come first the next time
        await _all(alone, ask_one, fetched, _SINGLES_AT_A_TIME)
        if lists and fetched.trouble is None:
            late = sum(one in found for one in left)
            in_vain = late > in_lists or (failed and not any(one in fetched.errors for one in alone))
            self._lists_in_vain[what] = self._lists_in_vain[what] + 1 if in_vain else 0
            if self._lists_in_vain[what] >= _IN_VAIN:
                self._refuse_lists(what, "lists do not bring what each id alone does")

    async def _list(self, run_ids: Sequence[str], fetched: Fetched) -> None:
        wanted = set(run_ids)
        async for page in self._service.pages(list_runs(run_ids), most=_PAGES_OF_IDS):
            # what is not needed goes at once: kept, it would make Python's collector stop the loop
            fetched.runs.update(
                (item["id"], read_snapshot(item)) for item in page if item.get("id") in wanted
            )

    async def _single(self, run_id: str, fetched: Fetched) -> None:
        try:
            fetched.runs[run_id] = read_snapshot(await self._item(get_run(run_id)))
        except AepNotFoundError:
            fetched.missing.add(run_id)

    async def _list_of(
        self, flow_ids: Sequence[str], flows: Mapping[str, float | None], fetched: Fetched
    ) -> None:
        bounds = [flows[one] for one in flow_ids]
        known = [bound for bound in bounds if bound is not None]
        bound = min(known) if self._bounds and len(known) == len(bounds) else None
        by_flow: dict[str, list[Run]] = {one: [] for one in flow_ids}
        try:
            async for page in self._service.pages(list_runs_of(flow_ids, bound), most=_PAGES_OF_FLOWS):
                for item in page:
                    if item.get("flowId") in by_flow:
                        by_flow[item["flowId"]].append(read_run(item))
        except AepRequestError as error:
            if bound is None:
                raise
            log.warning("Flow Service refuses to list runs by their start, so all are listed: %s", error)
            self._bounds = False
            await self._list_of(flow_ids, flows, fetched)
        else:
            fetched.of_flows.update(by_flow)

    async def _dataflows(self, flow_ids: Sequence[str], fetched: Fetched) -> None:
        wanted = set(flow_ids)
        async for page in self._service.pages(
            list_some(FLOWS, [("id", ",".join(flow_ids))]), most=_PAGES_OF_IDS
        ):
            for item in page:
                if item.get("id") in wanted:
                    fetched.dataflows[item["id"]] = read_dataflow(item, item["id"], self._service.scrub)

    async def _dataflow(self, flow_id: str, fetched: Fetched) -> None:
        try:
            item = await self._item(get_one(FLOWS, flow_id, "flow_id"))
            fetched.dataflows[flow_id] = read_dataflow(item, flow_id, self._service.scrub)
        except AepNotFoundError:
            fetched.dataflows[flow_id] = deleted(flow_id)

    async def _item(self, call: Call) -> dict[str, Any]:
        return replies.read_item(await self._service.call(call), f"{call.method} {call.path}")

    def _refuse_lists(self, what: str, reason: str) -> None:
        if what not in self._lists_refused:
            log.warning(
                "Flow Service does not take lists of ids, so %s are read one by one: %s", what, reason
            )
        self._lists_refused.add(what)


async def _all(parts: Sequence[Any], ask: Ask, fetched: Fetched, at_a_time: int) -> int:
    """Ask for every part, some at a time, until the service is in trouble. Returns how many reads failed.

    The first few go ahead: if all of them fail and nothing else was answered, the rest is not asked.
    """
    failed = 0

    async def work(left: Iterator[Any]) -> None:
        nonlocal failed
        for part in left:
            if fetched.trouble is not None:
                return
            try:
                await ask(part, fetched)
            except TROUBLE as error:
                fetched.trouble = fetched.trouble or error
            except AepError as error:
                failed += 1
                if isinstance(part, str):
                    fetched.errors[part] = error
            else:
                fetched.answers += 1

    for some in (parts[:at_a_time], parts[at_a_time:]):
        if not failed or fetched.answers:
            left = iter(some)
            await asyncio.gather(*(work(left) for _ in range(at_a_time)))
    return failed
