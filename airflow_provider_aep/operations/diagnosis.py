"""Why a flow run failed or lost records, and which records.

:func:`diagnose` sends one request for a run, and up to 12 for a dataflow. :class:`FailedRecords` reads the
failed records one after the other, all files and all pages, and keeps none of them. Records are personal
data: no message of this module holds a value of one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConfigError,
    AepConnectError,
    AepError,
    AepNotFoundError,
    AepThrottledError,
    WorkerSlotError,
)
from airflow_provider_aep.flow_service.failed_records import (
    FailedRecord,
    batches_of,
    read_failed_record,
    shows_failed_records,
)
from airflow_provider_aep.flow_service.requests import PAGE_SIZE, Call, list_newest_runs_of
from airflow_provider_aep.flow_service.run_errors import RunError, errors_of
from airflow_provider_aep.flow_service.run_evaluation import outcome
from airflow_provider_aep.flow_service.runs import Run, read_run
from airflow_provider_aep.flow_service.validation import check_id
from airflow_provider_aep.hooks.data_access import DataAccessHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook

KEPT_SECONDS = 30 * 86400
"""AEP keeps the files of failed records for 30 days (Adobe's guide on error diagnostics)."""

RUNS_READ = 1000
"""How many runs of a dataflow :func:`diagnose` reads at most, the newest first."""

SWITCH_ON = (
    'Set `error_diagnostics=True` on the CreateDataflowOperator with `if_exists="update"`, or send PATCH '
    '/flows/{flow_id} with {{"op": "add", "path": "/options/errorDiagnosticsEnabled", "value": true}}. If '
    "the dataflow has no options, add {{}} at /options first. The next run then keeps its failed records."
)

_NO_DIAGNOSTICS = "INGEST-1211-400"

_FATAL = (AepAuthError, AepConnectError, AepThrottledError, AepConfigError, WorkerSlotError)
"""The next file would meet these errors too."""


@dataclass(frozen=True)
class Diagnosis:
    """A flow run's errors and batches, as AEP shows them.

    :param errors: by code, those with the most records first
    :param batch_ids: the batches that the run made
    :param diagnostics: whether the run had error diagnostics; None if that is unknown
    """

    run: Run
    errors: tuple[RunError, ...]
    batch_ids: tuple[str, ...]
    diagnostics: bool | None

    @property
    def advice(self) -> str | None:
        """Return how to switch error diagnostics on, if the run lost records without them."""
        if self.diagnostics is not False:
            return None
        flow_id = self.run.flow_id or "FLOW_ID"
        return (
            f"Run {self.run.id} had no error diagnostics, so AEP does not show which records failed. "
            f"{SWITCH_ON.format(flow_id=flow_id)}"
        )


def diagnose(hook: FlowServiceHook, own: object) -> Diagnosis | None:
    """Return why a run failed or lost records.

    :param own: the id of a flow run, or of a dataflow: then its newest run that failed or lost records
    :return: None if none of the newest :data:`RUNS_READ` runs of the dataflow failed or lost records
    :raises AepConfigError: the id is neither, or is invalid
    :raises AepError: AEP cannot be read
    """
    checked = check_id(own, "ID")
    try:
        return diagnosis_of(hook.get_run(checked), hook.scrub)
    except AepNotFoundError as error:
        if (error.code or "").startswith("FLOW-21"):  # the sandbox does not exist
            raise
    try:
        hook.get_flow(checked)
    except AepNotFoundError:
        raise AepConfigError(
            f"{checked} is neither a flow run nor a dataflow in sandbox '{hook.sandbox}', or the credential "
            "may not see it.",
            parameter="ID",
        ) from None
    for page in islice(hook.pages(list_newest_runs_of([checked])), RUNS_READ // PAGE_SIZE):
        lost = [item for item in page if outcome(read_run(item)) in ("failed", "partial")]
        if lost:
            return diagnosis_of(max(lost, key=_time_of), hook.scrub)
    return None


def _time_of(item: Mapping[str, Any]) -> float:
    run = read_run(item)
    return run.started_at or run.created_at or 0.0


def diagnosis_of(item: Mapping[str, Any], scrub: Callable[[str], str] = str) -> Diagnosis:
    """Return the diagnosis of a run from its item of ``GET /runs``. Send nothing."""
    run = read_run(item)
    batches = tuple(batches_of(item))
    diagnostics: bool | None = None
    if any(problem.code == _NO_DIAGNOSTICS for problem in run.problems):
        diagnostics = False
    elif shows_failed_records(item):
        diagnostics = True
    return Diagnosis(run, tuple(errors_of(run, scrub)), batches, diagnostics)


@dataclass
class BatchReading:
    """The result of reading a batch.

    :param complete: whether all its files were read; None if reading stopped before their end
    :param problem: why a part could not be read
    """

    id: str
    records: int = 0
    complete: bool | None = None
    problem: str | None = None


class FailedRecords:
    """Iterate once over the failed records of a run. The attributes count what was read so far.

    A file that cannot be read is a problem of its batch: the other files are read all the same.

    :param most: the largest number of records; None for all of them
    :ivar by_code: how many records failed with each code; a record can have several
    :ivar unreadable: lines that are no JSON object
    :ivar failure: the first error that a retry can help with; the file was left out
    :raises AepError: the next request would fail too, for example because AEP cannot be reached
    """

    def __init__(
        self,
        hook: FlowServiceHook,
        diagnosis: Diagnosis,
        *,
        most: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = hook.to(DataAccessHook)
        self._diagnosis = diagnosis
        self._most = most
        self._clock = clock
        self._ended = False
        self.batches = [BatchReading(batch_id) for batch_id in diagnosis.batch_ids]
        self.records = 0
        self.by_code: Counter[str] = Counter()
        self.unreadable = 0
        self.failure: AepError | None = None

    @property
    def complete(self) -> bool:
        """Return whether these are all failed records of the run, as far as AEP says how many there are."""
        return self._ended and not self.problems

    @property
    def problems(self) -> list[str]:
        """Return sentences about what is missing. Call this after the iteration."""
        run, advice = self._diagnosis.run, self._diagnosis.advice
        reasons = ((batch.id, batch.problem) for batch in self.batches if batch.problem)
        found = [reason if reason == advice else f"Batch {own}: {reason}" for own, reason in reasons]
        if self.unreadable:
            found.append(f"{self.unreadable} lines of the files are no JSON objects and were left out.")
        if not run.ended:
            found.append(f"Run {run.id} has not ended.")
        elif self._ended and not found and (run.records_failed or 0) > self.records:
            found.append(
                advice
                or f"AEP counted {run.records_failed} failed records, and its files hold {self.records}."
            )
        return list(dict.fromkeys(found))

    def __iter__(self) -> Iterator[FailedRecord]:
        for batch in self.batches:
            unreadable = self.unreadable
            for record in self._read_batch(batch):
                if self._most is not None and self.records >= self._most:
                    return
                batch.records += 1
                self.records += 1
                self.by_code.update(record.codes)
                yield record
            batch.complete = batch.problem is None and self.unreadable == unreadable
        self._ended = True

    def _read_batch(self, batch: BatchReading) -> Iterator[FailedRecord]:
        try:
            for file in self._files(batch.id):
                yield from self._read_file(batch, file)
        except AepError as error:
            self._note(batch, error)

    def _read_file(self, batch: BatchReading, file: Call) -> Iterator[FailedRecord]:
        try:
            for line in self._access.lines(file):
                record = None if line is None else read_failed_record(line, batch.id)
                if record is None:
                    self.unreadable += 1
                else:
                    yield record
        except AepError as error:
            self._note(batch, error)

    def _files(self, batch_id: str) -> Iterator[Call]:
        """Yield the files with error diagnostics; without any, those of a batch that failed as a whole."""
        missing: AepNotFoundError | None = None
        for files in (self._access.row_error_files, self._access.failed_files):
            count = 0
            try:
                for file in files(batch_id):
                    count += 1
                    yield file
            except AepNotFoundError as error:
                if count:
                    raise
                missing = error
            if count:
                return
        if missing is not None and self._diagnosis.run.records_failed != 0:
            raise missing

    def _note(self, batch: BatchReading, error: AepError) -> None:
        if isinstance(error, _FATAL):
            raise error
        if error.retryable:
            self.failure = self.failure or error
        if batch.problem is None:
            batch.problem = self._reason(error)

    def _reason(self, error: AepError) -> str:
        if not isinstance(error, AepNotFoundError):
            return str(error)
        if self._diagnosis.advice:
            return self._diagnosis.advice
        run = self._diagnosis.run
        ended = run.completed_at or run.started_at or run.created_at
        if ended is not None and self._clock() - ended > KEPT_SECONDS:
            return "AEP kept its failed records for 30 days, and has deleted them since."
        return (
            "AEP has no file with its failed records. AEP keeps them for 30 days, and only if the dataflow "
            f"has error diagnostics (`error_diagnostics=True`). [{error.brief}]"
        )
