"""Fetch the run of one wait (in a worker), or many runs in one round (in the triggerer).

A round makes as few requests as the service allows. A failed read concerns only the waits for its run. An
error in :data:`SERVICE_ERRORS`, or the failure of all reads, concerns all waits: see :meth:`Fetched.settle`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_service.collections import FLOWS, RUNS
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConfigError,
    AepConnectError,
    AepConnectionLostError,
    AepError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
    AepThrottledError,
)
from airflow_provider_aep.flow_service.requests import IDS_A_CALL, list_runs, list_runs_of
from airflow_provider_aep.flow_service.run_selection import choose
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
    from airflow_provider_aep.flow_runs.spec import WaitSpec
    from airflow_provider_aep.hooks.aio import AsyncFlowService
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

SERVICE_ERRORS = (AepAuthError, AepThrottledError, AepConnectError, AepConnectionLostError)
"""Errors of the service as a whole: they do not depend on the run that is read."""

LISTS_AT_A_TIME, _SINGLES_AT_A_TIME = 3, 8
"""Requests at the same time: few, because all waits of a connection share Adobe's rate limit."""

_USELESS_ROUNDS = 3
"""Rounds in a row in which lists were useless, after which ids are read one by one."""

_PAGES_OF_IDS, _PAGES_OF_FLOWS = 12, 500
"""The longest list: more pages than the ids need, and all runs of a dataflow. A longer list never ends."""

log = logging.getLogger(__name__)


def find_run(hook: FlowServiceHook, spec: WaitSpec) -> tuple[Run | None, str]:
    """Find the run of a wait.

    :return: the run, or None while no run matches; and in words how it was selected
    :raises AepConfigError: the run belongs to another dataflow
    """
    if spec.run_id is not None:
        run = read_run(hook.get_run(spec.run_id))
        if spec.flow_id and run.flow_id and run.flow_id != spec.flow_id:
            raise AepConfigError(
                f"Run {run.id} belongs to dataflow {run.flow_id}, not to {spec.flow_id}: check `run_id`.",
                parameter="run_id",
            )
        return run, ""
    flow_ids = [spec.flow_id or ""]
    try:
        items = hook.every_page(list_runs_of(flow_ids, spec.started_from))
    except AepRequestError:
        if spec.started_from is None:
            raise
        items = hook.every_page(list_runs_of(flow_ids))  # Flow Service may refuse the filter by start
    choice = choose((read_run(item) for item in items if item.get("flowId") == spec.flow_id), spec)
    return (None, "") if choice is None else (choice.run, choice.by)


def find_dataflow(hook: FlowServiceHook, flow_id: str, known: Dataflow | None) -> Dataflow:
    """Read the dataflow. An error does not stop the wait: then return the known facts.

    :param known: the dataflow of an earlier poll, whose dataset is not read again
    """
    try:
        item = hook.get_flow(flow_id)
    except AepNotFoundError:
        return deleted(flow_id).after(known)
    except AepError as error:
        hook.log.debug("Dataflow %s cannot be read: %s", flow_id, error)
        return known or Dataflow(flow_id)
    dataflow = read_dataflow(item, flow_id, hook.scrub).after(known)
    first = known is None or known.name is None
    return replace(dataflow, dataset_id=hook.find_dataset(item)) if first else dataflow


@dataclass
class Fetched:
    """The result of one round of reads.

    :param runs: by run id; ``missing``: ids of runs that do not exist
    :param of_flows: the runs of a dataflow, by dataflow id; ``dataflows``: the dataflows themselves
    :param errors: the error of a failed read, by run id or dataflow id
    :param succeeded: how many reads succeeded
    :param service_error: the error of the service as a whole; the other reads were not made
    """

    runs: dict[str, RunSnapshot] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    of_flows: dict[str, list[Run]] = field(default_factory=dict)
    dataflows: dict[str, Dataflow] = field(default_factory=dict)
    errors: dict[str, AepError] = field(default_factory=dict)
    succeeded: int = 0
    service_error: AepError | None = None

    def settle(self, failing: Collection[str]) -> None:
        """Set ``service_error`` if every read failed.

        :param failing: ids whose read failed in the last round too; their errors do not count
        """
        if self.service_error is None and not self.succeeded:
            self.service_error = next(
                (error for one, error in self.errors.items() if one not in failing), None
            )


Read = Callable[[Any, Fetched], Awaitable[bool | None]]
"""Read a part into the result. Return False if the read was not made."""


class RunFetcher:
    """Fetch runs and dataflows from one service, and remember which lists the service refuses.

    ``failing`` are ids whose read failed in the last round. They are read one by one, because a list may fail
    because of them.
    """

    def __init__(self, service: AsyncFlowService) -> None:
        self._service = service
        self._lists_refused: set[str] = set()
        self._useless_lists: Counter[str] = Counter()
        self._bounds = True

    async def fetch_runs(self, run_ids: Collection[str], failing: Collection[str], fetched: Fetched) -> None:
        """Fetch runs by id."""
        await self._read("runs", run_ids, failing, fetched, fetched.runs, self._list, self._single)

    async def fetch_runs_of(
        self, flows: Mapping[str, float | None], failing: Collection[str], fetched: Fetched
    ) -> None:
        """Fetch the runs of dataflows.

        :param flows: by dataflow id, the earliest start of its runs in epoch seconds; None for all runs
        """

        async def read_list(flow_ids: Sequence[str], fetched: Fetched) -> None:
            await self._list_of(flow_ids, flows, fetched)

        async def read_one(flow_id: str, fetched: Fetched) -> None:
            await self._list_of([flow_id], flows, fetched)

        # a list has one bound, so dataflows with similar bounds share a list
        ordered = sorted(flows, key=lambda one: (flows[one] or 0.0, one))
        await self._read(
            "runs of dataflows", ordered, failing, fetched, fetched.of_flows, read_list, read_one
        )

    async def fetch_dataflows(self, flow_ids: Collection[str], fetched: Fetched) -> bool:
        """Fetch dataflows, and return whether at least one read succeeded.

        A failed read of one dataflow ends no wait: the run is still polled.
        """
        apart = Fetched(dataflows=fetched.dataflows)
        await self._read("dataflows", flow_ids, (), apart, apart.dataflows, self._dataflows, self._dataflow)
        fetched.service_error = apart.service_error
        return apart.succeeded > 0

    async def _read(
        self,
        what: str,
        ids: Collection[str],
        failing: Collection[str],
        fetched: Fetched,
        found: Mapping[str, Any],
        read_list: Read,
        read_one: Read,
    ) -> None:
        """Read ids in lists of a hundred. Read the missing and the failing ids one by one."""

        async def list_unless_refused(chunk: Sequence[str], fetched: Fetched) -> bool:
            if what in self._lists_refused:
                return False
            try:
                await read_list(chunk, fetched)
            except (AepRequestError, AepReplyError) as error:
                if error.retryable:
                    raise
                self._refuse_lists(what, str(error))
                return False
            return True

        left, failed, in_lists = [one for one in ids if one not in failing], 0, 0
        lists = what not in self._lists_refused and len(left) > 1
        if lists:
            chunks = [left[at : at + IDS_A_CALL] for at in range(0, len(left), IDS_A_CALL)]
            failed = await _all(chunks, list_unless_refused, fetched, LISTS_AT_A_TIME)
            in_lists = len(found)
            left = [one for one in left if one not in found]
        singles = [*left, *(one for one in ids if one in failing)]
        random.shuffle(singles)  # if many fail, the next round begins with others
        await _all(singles, read_one, fetched, _SINGLES_AT_A_TIME)
        if lists and fetched.service_error is None:
            only_singly = sum(one in found for one in left)
            all_singly = not any(one in fetched.errors for one in singles)
            useless = only_singly > in_lists or (failed and all_singly)
            self._useless_lists[what] = self._useless_lists[what] + 1 if useless else 0
            if self._useless_lists[what] >= _USELESS_ROUNDS:
                self._refuse_lists(what, "lists lack runs that a read by id finds")

    async def _list(self, run_ids: Sequence[str], fetched: Fetched) -> None:
        requested = set(run_ids)
        async for page in self._service.pages(list_runs(run_ids), most=_PAGES_OF_IDS):
            # drop the rest at once: with more objects, Python's garbage collector would block the loop
            fetched.runs.update(
                (item["id"], read_snapshot(item)) for item in page if item.get("id") in requested
            )

    async def _single(self, run_id: str, fetched: Fetched) -> None:
        try:
            fetched.runs[run_id] = read_snapshot(await self._service.get_entity(RUNS, run_id))
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
            log.warning(
                "Flow Service refuses to list runs by their start. All runs are listed instead: %s", error
            )
            self._bounds = False
            await self._list_of(flow_ids, flows, fetched)
        else:
            fetched.of_flows.update(by_flow)

    async def _dataflows(self, flow_ids: Sequence[str], fetched: Fetched) -> None:
        requested = set(flow_ids)
        call = FLOWS.list_call([("id", ",".join(flow_ids))])
        async for page in self._service.pages(call, most=_PAGES_OF_IDS):
            for item in page:
                if item.get("id") in requested:
                    fetched.dataflows[item["id"]] = read_dataflow(item, item["id"], self._service.scrub)

    async def _dataflow(self, flow_id: str, fetched: Fetched) -> None:
        try:
            item = await self._service.get_entity(FLOWS, flow_id)
            fetched.dataflows[flow_id] = read_dataflow(item, flow_id, self._service.scrub)
        except AepNotFoundError:
            fetched.dataflows[flow_id] = deleted(flow_id)

    def _refuse_lists(self, what: str, reason: str) -> None:
        if what not in self._lists_refused:
            log.warning("Flow Service refuses lists of ids, so %s are read one by one: %s", what, reason)
        self._lists_refused.add(what)


async def _all(parts: Sequence[Any], read: Read, fetched: Fetched, at_a_time: int) -> int:
    """Read every part, some at a time, until an error of the service as a whole. Return the failed reads.

    The first few parts are read before the others. If all of them fail and no read has succeeded, the others
    are not read.
    """
    failed = 0

    async def work(left: Iterator[Any]) -> None:
        nonlocal failed
        for part in left:
            if fetched.service_error is not None:
                return
            try:
                made = await read(part, fetched)
            except SERVICE_ERRORS as error:
                fetched.service_error = fetched.service_error or error
            except AepError as error:
                failed += 1
                if isinstance(part, str):
                    fetched.errors[part] = error
            else:
                fetched.succeeded += made is not False

    for some in (parts[:at_a_time], parts[at_a_time:]):
        if not failed or fetched.succeeded:
            left = iter(some)
            await asyncio.gather(*(work(left) for _ in range(at_a_time)))
    return failed
