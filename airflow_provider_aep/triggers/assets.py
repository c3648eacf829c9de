"""Start DAGs when flow runs end in AEP, whoever started the runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_aep.assets import event_of
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.validation import (
    check_choice,
    check_id,
    check_name,
    check_sandbox,
    check_seconds,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_aep.flow_runs.watching import Cursor, Watch

OUTCOMES = ("success", "partial", "failed")

SHORTEST_INTERVAL = 5.0

STORED_AFTER = 5.0
"""Seconds after which Airflow has stored an event. The trigger only queues it."""

_LONGEST_PAUSE = 300.0
_OLD = 3600.0
"""Seconds after which a cursor is stored although no run has ended."""


class FlowRunAssetTrigger(BaseEventTrigger):
    """Fire an event when flow runs of a dataflow end, whoever started them. For Airflow's ``AssetWatcher``.

    ::

        Asset("orders", watchers=[AssetWatcher(name="aep", trigger=FlowRunAssetTrigger(flow_name="Orders"))])

    One poll fires at most one event. Its payload is ``{"runs": [...]}``, the runs that ended since the last
    event, oldest first. Each run has ``run_id``, ``flow_id``, ``dataset_id``, ``records_written``,
    ``records_failed``, ``window_start`` and ``window_end``; unknown values are None. Read them with
    :func:`airflow_provider_aep.assets.new_runs`.

    The first start begins with the runs that end after AEP's first answer. Later starts continue after the
    runs that were announced: the position is kept in the asset's store (Airflow 3.3), before in an Airflow
    Variable whose name begins with ``aep_watcher_``. If the position cannot be read, the trigger tries again,
    and announces nothing meanwhile.

    All watchers and all waits of a connection and sandbox share one poller. If AEP cannot be reached, the
    polls become rare, up to five minutes apart, and the runs are announced later.

    A run can be announced twice: ``run_id`` is the key by which a consumer drops the second one. A watcher
    runs only while an active DAG is scheduled on the asset, and Airflow can start one DAG run for several
    events. ``docs/assets.md`` lists all that is not guaranteed.

    Airflow stores the event in plain text. It holds ids, counts and times only.

    :param flow_id: the dataflow's id
    :param flow_name: the dataflow's name instead, for each dataflow of this name, also a later one. AEP is
        asked for the name every five minutes
    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None for the connection's own
    :param on: which outcomes are announced: ``success``, ``partial`` (the run lost records), ``failed``,
        judged as a wait without thresholds judges them
    :param poll_interval: seconds between two polls, at least 5
    :param journal: the URL of an Adobe I/O journal with the events of flow runs, as the Developer Console
        shows it. It is read every ten seconds, or as often as Adobe says. AEP is asked for the runs only when
        an event names the dataflow, and every five minutes. If the journal cannot be read or its position has
        expired, AEP is polled instead
    :raises AepConfigError: a parameter is invalid
    """

    def __init__(
        self,
        *,
        flow_id: str | None = None,
        flow_name: str | None = None,
        aep_conn_id: str = "aep_default",
        sandbox: str | None = None,
        on: Collection[str] = ("success",),
        poll_interval: float = 60,
        journal: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if (flow_id is None) == (flow_name is None):
            raise AepConfigError("Set either `flow_id` or `flow_name`.", parameter="flow_id")
        self.flow_id = None if flow_id is None else check_id(flow_id, "flow_id")
        self.flow_name = None if flow_name is None else check_name(flow_name, "flow_name")
        self.aep_conn_id = aep_conn_id
        self.sandbox = None if sandbox is None else check_sandbox(sandbox)
        if isinstance(on, str) or not on:
            raise AepConfigError("`on` must be a list of outcomes, such as ['success'].", parameter="on")
        self.on = sorted({check_choice(one, "on", OUTCOMES) for one in on})
        self.poll_interval = check_seconds(poll_interval, "poll_interval")
        if self.poll_interval < SHORTEST_INTERVAL:
            raise AepConfigError("`poll_interval` must be at least 5 seconds.", parameter="poll_interval")
        if journal is not None:
            from airflow_provider_aep.hooks.connection import journal_origin

            journal_origin(journal)
        self.journal = journal
        self._stored: Cursor | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path, and the arguments that make an equal trigger."""
        names = ("flow_id", "flow_name", "aep_conn_id", "sandbox", "on", "poll_interval", "journal")
        kwargs = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return "airflow_provider_aep.triggers.assets.FlowRunAssetTrigger", kwargs

    @property
    def variable(self) -> str:
        """Return the name of the Variable that keeps the position before Airflow 3.3."""
        about = [self.aep_conn_id, self.sandbox, self.flow_id, self.flow_name, self.on]
        return f"aep_watcher_{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]}"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire an event whenever runs have ended. This neither returns nor raises, except when cancelled.

        Airflow starts a watcher again at once when its trigger returns or raises, so that would never end.
        """
        from airflow_provider_aep.flow_runs.poller import leave_others
        from airflow_provider_aep.flow_runs.watching import Watch

        self._stored = await self._load()
        watch = Watch(
            self.flow_id,
            self.flow_name,
            frozenset(self.on),
            self.poll_interval,
            cursor=self._stored,
            journal=self.journal,
            log=self.log,
        )
        queued: deque[tuple[float, Cursor | None]] = deque()
        stored = self._stored  # the position after the events that Airflow has stored
        try:
            while True:
                await self._poll(watch)
                runs = watch.take()
                while queued and time.monotonic() - queued[0][0] >= STORED_AFTER:
                    _, stored = queued.popleft()
                if not (runs or queued):
                    stored = watch.cursor
                await self._save(stored)
                if runs:
                    payload = {"runs": [event_of(run.result()) for run in runs]}
                    queued.append((time.monotonic(), watch.cursor))
                    yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
        finally:
            leave_others(self.aep_conn_id, self.sandbox, watch)

    async def _poll(self, watch: Watch) -> None:
        """Wait until the next poll is over."""
        from airflow_provider_aep.flow_runs.poller import poll_with_others

        try:
            await poll_with_others(self.aep_conn_id, self.sandbox, watch)
        except Exception:
            self.log.exception("The watcher of %s failed. It continues.", self.flow_name or self.flow_id)
            await asyncio.sleep(self.poll_interval)

    async def _load(self) -> Cursor | None:
        """Return the stored position. Try until it can be read: without it, runs would be lost silently."""
        from airflow_provider_aep._compat import aload_cursor
        from airflow_provider_aep.flow_runs.watching import Cursor

        pause = SHORTEST_INTERVAL
        while True:
            try:
                stored = await aload_cursor(self, self.variable)
                return None if stored is None else Cursor.restore(stored)
            except Exception as error:  # noqa: BLE001 - whatever the backend of the store raises
                self.log.warning(
                    "The position of the watcher of %s cannot be read from the asset's store or the Variable "
                    "%s (%s). No run is announced until it can. Retry in %.0f s. To start anew, delete it.",
                    self.flow_name or self.flow_id,
                    self.variable,
                    type(error).__name__,
                    pause,
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _save(self, cursor: Cursor | None) -> None:
        """Store a position. A failure is repeated at the next poll; until then a restart repeats events."""
        from airflow_provider_aep._compat import asave_cursor

        if cursor is None or not _differs(cursor, self._stored):
            return
        try:
            await asave_cursor(self, self.variable, cursor.stored())
        except Exception as error:  # noqa: BLE001 - whatever the backend of the store raises
            self.log.warning(
                "The position of the watcher of %s could not be stored (%s). Its runs are announced again if "
                "the triggerer ends now. Retrying at the next poll.",
                self.flow_name or self.flow_id,
                type(error).__name__,
            )
        else:
            self._stored = cursor

    async def on_kill(self) -> None:
        """Do nothing. Airflow 3.3 also calls this when somebody pauses the DAG: AEP must not notice."""


def _differs(new: Cursor, stored: Cursor | None) -> bool:
    """Return whether to store a position: runs have ended since the stored one, or it is old."""
    if stored is None or new.behind != stored.behind:
        return True
    return not new.seen <= stored.seen or abs(new.since - stored.since) > _OLD
