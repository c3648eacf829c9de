"""Start a run at most once.

A run has no name, and Flow Service has no idempotency key. Only two things identify a run: its id, which is
in the reply to the POST, and the window of source data that it ingests. A run that shows no window yet can be
another task's, so the task waits until the run shows its window.

The intent is written to the notes before the POST: the creation time of the newest run. If the reply is lost,
only a younger run of exactly this window is the desired run. If no such run appears, no run is started again,
since a second run would ingest the same records twice. A refusal (401, 429) starts nothing: if no such run
appears, the POST is sent again, like the POST of a create.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from airflow_provider_aep.exactly_once.reconciler import PATIENCE, may_repeat, pause_after
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AepThrottledError,
    AmbiguousRunError,
    TaskStoreError,
    WorkerSlotError,
)
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT, is_refused_token
from airflow_provider_aep.flow_service.runs import Phase, Run


class Notes(Protocol):
    """Keep data between tries. ``read`` and ``write`` raise :class:`TaskStoreError` if the store fails."""

    @property
    def lasts(self) -> bool: ...
    def read(self) -> Mapping[str, Any]: ...
    def write(self, notes: Mapping[str, Any]) -> None: ...
    def forget(self) -> None: ...


@dataclass(frozen=True)
class DesiredRun:
    """The desired run. All times are in epoch seconds.

    :param window: the window of source data; None if it is unknown, as after a failed run without a window
    :param after: only a run created later can be the desired run; None for any
    :param first_try: whether this is the task's first try since it was last cleared, so that no earlier try
        can have started the run
    """

    window: tuple[float, float] | None
    after: float | None = None
    first_try: bool = False


class _Shown(NamedTuple):
    """The runs that can be the desired run: those of its window, and those whose window is unknown."""

    own: list[Run]
    unknown: list[Run]

    @property
    def undecided(self) -> list[Run]:
        """Return the runs that can still show a window."""
        return [run for run in self.unknown if not run.ended]


def start_once(
    *,
    desired: DesiredRun,
    notes: Notes,
    list_runs: Callable[[], Sequence[Run]],
    post: Callable[[], str],
    log: Any,
    sleep: Callable[[float], None],
) -> str:
    """Start the desired run unless it was started already; return its id.

    :param list_runs: every run of the dataflow
    :param post: start one, with one request
    :param sleep: may raise :class:`WorkerSlotError`
    :raises AmbiguousRunError: a run may have been started, and which one is unknown; retryable while a run
        can still show its window
    :raises TaskStoreError: the task state store failed before the POST
    """
    return _Start(desired, notes, list_runs, post, log, sleep).begin()


@dataclass(frozen=True)
class _Start:
    desired: DesiredRun
    notes: Notes
    list_runs: Callable[[], Sequence[Run]]
    post: Callable[[], str]
    log: Any
    sleep: Callable[[float], None]

    def begin(self) -> str:
        known = self.notes.read()
        if isinstance(known.get("id"), str):
            self.log.info("An earlier try of this task started run %s.", known["id"])
            return str(known["id"])
        since = known.get("since")
        if isinstance(since, int | float):
            return self._find_lost(since, None)
        runs = self.list_runs()
        if (run := self._earlier(runs, known.get("cleared"))) is not None:
            return self._keep(run.id)
        since = max((run.created_at or 0.0 for run in runs), default=0.0)
        self.notes.write({"since": since})
        return self._post(since)

    def _earlier(self, runs: Sequence[Run], cleared: object) -> Run | None:
        """Return the desired run that exists before the POST, the newest of several.

        :param cleared: the id of the run that the task started before it was cleared, if it is known
        """
        if self.desired.first_try:
            own = self._shown(runs, self.desired.after).own
            return self._still_good(own[-1]) if own else None
        floor = next((run.created_at for run in runs if run.id == cleared), self.desired.after)
        if not (own := self._own_of_retry(runs, floor)):
            return None
        self.log.info("Run %s ingests the same window: an earlier try of this task started it.", own[-1].id)
        return own[-1]

    def _still_good(self, run: Run) -> Run | None:
        """Return the run if a first try needs no other run, else None.

        A run that ended is older than the clear, or another task's. But below 3.3 Airflow can repeat a
        deferred try from its start under the same number. Without a store this is unknown, so the records of
        a successful run are not ingested a second time.
        """
        if run.phase is Phase.BAD or (run.ended and self.notes.lasts):
            return None
        if run.ended:
            self.log.warning(
                "Run %s has ingested the same window already, and its result is used. Before Airflow 3.3 it "
                "is unknown whether this task has started that run.",
                run.id,
            )
        else:
            self.log.info("Run %s is ingesting the same window now, so this task joins it.", run.id)
        return run

    def _own_of_retry(self, runs: Sequence[Run], floor: float | None) -> list[Run]:
        """Return the runs of the window. Without a store, wait until the window of every run shows."""
        shown = self._shown(runs, floor)
        if self.notes.lasts:  # a store would hold the intent if an earlier try had sent a POST
            return shown.own
        for pause in PATIENCE:
            if shown.own and not shown.undecided:
                break
            self.sleep(pause)
            shown = self._shown(self.list_runs(), floor)
        if not shown.own and (shown.undecided or (shown.unknown and self.desired.window is None)):
            raise self._ambiguous(shown, "an earlier try may have sent a POST")
        return shown.own

    def _post(self, since: float) -> str:
        """POST, and after a refusal POST again unless the desired run appears."""
        posts = 0
        while True:
            try:
                return self._keep(self.post())
            except AepError as error:
                failure = error
            posts += 1
            if not (is_refused_token(failure) or isinstance(failure, AepThrottledError)):
                if failure.may_have_happened:
                    return self._find_lost(since, failure)
                self.notes.forget()
                raise failure
            again = may_repeat(failure, posts) and self._wait_after(failure)
            if (run_id := self._find_refused(since, failure)) is not None:
                return run_id
            if not again:
                self.notes.forget()
                raise failure

    def _wait_after(self, refusal: AepError) -> bool:
        """Wait as long as Flow Service asks; False if a try may not sleep that long."""
        try:
            if isinstance(refusal, AepThrottledError):
                self.sleep(pause_after(refusal))
        except WorkerSlotError:
            return False
        return True

    def _find_refused(self, since: float, failure: AepError) -> str | None:
        """Return the run that was started although its POST was refused. Usually it does not exist: None."""
        try:
            shown = self._shown(self.list_runs(), since)
            for pause in PATIENCE:
                if shown.own or not shown.undecided:
                    break
                self.sleep(pause)
                shown = self._shown(self.list_runs(), since)
        except AepError:
            self.notes.forget()  # it was a refusal, so the next try can start afresh
            raise
        if len(shown.own) == 1:
            return self._keep(shown.own[0].id)
        if shown.own or shown.undecided:
            raise self._ambiguous(shown, "its POST was refused") from failure
        return None

    def _find_lost(self, since: float, failure: AepError | None) -> str:
        """Return the run whose reply was lost: the only younger run of exactly this window."""
        shown = _Shown([], [])
        for pause in PATIENCE:
            try:
                self.sleep(pause)
                shown = self._shown(self.list_runs(), since)
            except AepError:
                if self.notes.lasts or self.desired.window is not None:
                    raise  # a retry recognizes the run by one of them
                break
            if len(shown.own) == 1:
                self.log.info("The reply was lost. Run %s was started by it.", shown.own[0].id)
                return self._keep(shown.own[0].id)
        raise self._ambiguous(shown, "its reply was lost") from failure

    def _shown(self, runs: Sequence[Run], floor: float | None) -> _Shown:
        younger = [run for run in runs if floor is None or (run.created_at or 0.0) > floor]
        younger.sort(key=lambda run: run.created_at or 0.0)
        if (window := self.desired.window) is None:
            return _Shown([], younger)
        return _Shown(
            [run for run in younger if run.window == window], [run for run in younger if run.window is None]
        )

    def _keep(self, run_id: str) -> str:
        """Keep the id for later tries. Without it they find the run by its window."""
        try:
            self.notes.write({"id": run_id})
        except TaskStoreError as error:
            self.log.warning("%s Run %s was started and is used all the same.", error, run_id)
        return run_id

    def _ambiguous(self, shown: _Shown, cause: str) -> AmbiguousRunError:
        ids = ", ".join(run.id for run in (shown.own or shown.unknown))
        if self.desired.window is None and shown.unknown:
            seen = f"the failed run shows no window to recognize the new one by, and newer runs exist: {ids}"
        elif len(shown.own) > 1:
            seen = f"several new runs ingest its window: {ids}"
        elif shown.undecided:
            return AmbiguousRunError(
                "It is unknown whether this task has started a run: the dataflow has runs that show no "
                f"window yet: {', '.join(run.id for run in shown.undecided)}. Run the task again later: it "
                "compares their windows then.",
                retryable=True,
                retry_after=LONGEST_WAIT,
            )
        elif shown.unknown:
            seen = f"new runs ended without showing a window: {ids}"
        else:
            seen = "no new run of its window is visible"
        return AmbiguousRunError(
            f"A run may have been started, and which one is unknown: {cause}, and {seen}. No run is "
            "started again, since it would ingest the same records twice. Check the dataflow's runs in AEP. "
            "Clear the task to start a new run."
        )
