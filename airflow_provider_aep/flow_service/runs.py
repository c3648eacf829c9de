"""Read runs of a dataflow, and the dataflow itself as far as a wait for a run needs it.

Follows Adobe's "Monitor dataflows" tutorial and OpenAPI. They spell statuses in five ways and mix seconds
with milliseconds. ``-1`` means *unknown*. A run with the status ``success`` can have failed records, as the
tutorial's own sample has. The requests for runs are in :mod:`.requests`. The selection of the run of a data
interval is in :mod:`.run_selection`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum
from typing import Any, NamedTuple

from airflow_provider_aep.flow_service.requests import is_off


class Phase(Enum):
    """The meaning of a status for a wait."""

    RUNNING = "running"
    GOOD = "good"
    PARTIAL = "partial"
    BAD = "bad"


_ENDS = {
    "success": ("success", Phase.GOOD),
    "completed": ("success", Phase.GOOD),
    "partialsuccess": ("partialSuccess", Phase.PARTIAL),
    "partialfailure": ("partialFailure", Phase.PARTIAL),
    "failed": ("failed", Phase.BAD),
}

_UNDER_WAY = {"", "inprogress", "processing", "waiting", "queued", "scheduled", "pending"}
"""The other statuses as Adobe's documents spell them. A run without metrics has no status."""

_IN_MILLISECONDS = 1e11
"""An epoch time from here on is in milliseconds: in seconds it would be the year 5138."""


@dataclass(frozen=True)
class Problem:
    """One error that a run names, in the run's words.

    ``inner``: whether the error is one of the service behind the connector. ``records``: how many records
    failed with it; None if the run does not say, as without error diagnostics.
    """

    code: str
    message: str = ""
    inner: bool = False
    records: int | None = None


@dataclass(frozen=True)
class Run:
    """A run as one reply shows it. Times are in epoch seconds. An unknown count or time is None.

    ``dataflow`` is the dataflow's name. The caller fills in ``dataflow`` and ``dataset_id``, because no reply
    about a run has them.
    """

    id: str
    flow_id: str | None
    status: str
    phase: Phase
    records_read: int | None = None
    records_written: int | None = None
    records_failed: int | None = None
    records_skipped: int | None = None
    bytes: int | None = None
    bytes_written: int | None = None
    files_written: int | None = None
    started_at: float | None = None
    completed_at: float | None = None
    created_at: float | None = None
    updated_at: float | None = None
    window: tuple[float, float] | None = None
    problems: tuple[Problem, ...] = field(default=())
    detail: str | None = None
    dataflow: str | None = None
    dataset_id: str | None = None

    @property
    def unknown(self) -> str | None:
        """Return the status if no document names it, else None."""
        return None if self.ended else _unknown(self.status)

    @property
    def ended(self) -> bool:
        """Return whether the run has ended."""
        return self.phase is not Phase.RUNNING

    @property
    def changed_at(self) -> float:
        """Return when the run changed last, as far as it is known; 0 if no time is known."""
        times = (self.updated_at, self.completed_at, self.started_at, self.created_at)
        return next((time for time in times if time is not None), 0.0)

    @property
    def seconds(self) -> float | None:
        """Return the seconds that the run took, or None if they are unknown."""
        if self.started_at is None or self.completed_at is None or self.completed_at < self.started_at:
            return None
        return round(self.completed_at - self.started_at, 3)

    def result(self) -> dict[str, Any]:
        """Return the result of a wait, the same in every mode.

        ``status`` has one spelling for each meaning. Times are in ISO 8601 in UTC. Unknown values are None.
        """
        start, end = self.window or (None, None)
        return {
            "run_id": self.id or None,
            "status": self.status or None,
            "records_read": self.records_read,
            "records_written": self.records_written,
            "records_failed": self.records_failed,
            "records_skipped": self.records_skipped,
            "bytes": self.bytes,
            "seconds": self.seconds,
            "flow_id": self.flow_id,
            "dataflow": self.dataflow,
            "dataset_id": self.dataset_id,
            "started_at": iso_time(self.started_at),
            "ended_at": iso_time(self.completed_at if self.ended else None),
            "window_start": iso_time(start),
            "window_end": iso_time(end),
        }


class RunSnapshot(NamedTuple):
    """The state of a run at one poll: whether it ended, when it started (epoch seconds), how long it took."""

    ended: bool
    started_at: float | None
    seconds: float | None
    unknown: str | None = None
    """The status if no document names it."""


def read_snapshot(item: Mapping[str, Any]) -> RunSnapshot:
    """Read a run snapshot. This must stay cheap: the poller reads a thousand in a row."""
    duration = _mapping(_mapping(item.get("metrics")).get("durationSummary"))
    started = epoch_seconds(duration.get("startedAtUTC"))
    if read_phase(item) is Phase.RUNNING:
        return RunSnapshot(False, started, None, _unknown(_status(item)))
    completed = epoch_seconds(duration.get("completedAtUTC"))
    known = started is not None and completed is not None
    return RunSnapshot(True, started, completed - started if known else None)  # type: ignore[operator]


def read_phase(item: Mapping[str, Any]) -> Phase:
    """Read the meaning of a run's status."""
    return _ENDS.get(_folded(_status(item)), ("", Phase.RUNNING))[1]


def read_run(item: Mapping[str, Any]) -> Run:
    """Read a run from an item of ``GET /runs`` or ``GET /runs/{id}``. Only the id is required."""
    metrics = _mapping(item.get("metrics"))
    records = _mapping(metrics.get("recordSummary"))
    sizes = _mapping(metrics.get("sizeSummary"))
    duration = _mapping(metrics.get("durationSummary"))
    raw = _status(item)
    status, phase = _ENDS.get(_folded(raw), (raw, Phase.RUNNING))
    activities = _activities(item)
    flow_id = item.get("flowId")
    return Run(
        id=str(item.get("id") or ""),
        flow_id=flow_id if isinstance(flow_id, str) else None,
        status=status,
        phase=phase,
        records_read=_count(records, "inputRecordCount"),
        records_written=_written(records),
        records_failed=_count(records, "failedRecordCount", left_out=0),
        records_skipped=_count(records, "skippedRecordCount", left_out=0),
        bytes=_first(_count(sizes, "outputBytes"), _count(sizes, "inputBytes")),
        bytes_written=_count(sizes, "outputBytes"),
        files_written=_count(_mapping(metrics.get("fileSummary")), "outputFileCount"),
        started_at=epoch_seconds(duration.get("startedAtUTC")),
        completed_at=epoch_seconds(duration.get("completedAtUTC")),
        created_at=epoch_seconds(item.get("createdAt")),
        updated_at=epoch_seconds(item.get("updatedAt")),
        window=_window(item, activities),
        problems=tuple(_problems(metrics, activities)),
        detail=_detail(metrics, activities),
    )


def epoch_seconds(value: object) -> float | None:
    """Return an epoch time in seconds, given in seconds or milliseconds; None if it is 0, -1 or invalid."""
    number = _number(value)
    if number is None or number <= 0:
        return None
    return number / 1000 if number >= _IN_MILLISECONDS else number


def iso_time(epoch: float | None) -> str | None:
    """Return a time in epoch seconds as ISO 8601 in UTC; None if it is unknown."""
    if epoch is None:
        return None
    try:
        time = datetime.fromtimestamp(round(epoch, 3), timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return time.isoformat(timespec="milliseconds" if time.microsecond else "seconds")


def unknown_status(run_id: str | None, status: str) -> str:
    """Return the log line about an unknown status."""
    return f"Run {run_id} has the status {status!r}, which is unknown. It counts as still running."


def _status(item: Mapping[str, Any]) -> str:
    """Return ``metrics.statusSummary.status``, else the OpenAPI's ``status.value``."""
    status = _mapping(_mapping(item.get("metrics")).get("statusSummary")).get("status")
    if not isinstance(status, str) or not status.strip():
        status = item.get("status")
        status = status.get("value") if isinstance(status, dict) else status
    return status.strip()[:60] if isinstance(status, str) else ""


def _folded(status: str) -> str:
    return re.sub(r"[\s_-]+", "", status).lower()


def _unknown(status: str) -> str | None:
    """Return the status of a run that has not ended, if no document names the status."""
    return None if _folded(status) in _UNDER_WAY else status


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:18])
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18:
        return float(value)
    return None


def _count(summary: Mapping[str, Any], key: str, *, left_out: int | None = None) -> int | None:
    """Return a count; None if it is unknown (-1).

    :param left_out: the count of a key that is missing in a summary with other keys
    """
    if key not in summary:
        return left_out if summary else None
    number = _number(summary[key])
    return int(number) if number is not None and number >= 0 else None


def _written(records: Mapping[str, Any]) -> int | None:
    written = _count(records, "outputRecordCount")
    if written is not None:
        return written
    parts = [_count(records, key) for key in ("createdRecordCount", "updatedRecordCount")]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _activities(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = item.get("activities") or item.get("activites")  # the OpenAPI's spelling
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _window(item: Mapping[str, Any], activities: list[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Return the window of source data, from an activity's duration or from the run's parameters."""
    candidates = [
        (extensions.get("windowStart"), extensions.get("windowEnd"))
        for one in activities
        for extensions in [_mapping(_mapping(one.get("durationSummary")).get("extensions"))]
    ]
    params = _mapping(item.get("params"))
    candidates.append((params.get("windowStartTime"), params.get("windowEndTime")))
    for start, end in candidates:
        last = epoch_seconds(end)
        if last is not None and start is not None:
            return epoch_seconds(start) or 0.0, last  # a first run begins at 0
    return None


def _problems(metrics: Mapping[str, Any], activities: list[Mapping[str, Any]]) -> Iterator[Problem]:
    """Yield every error that the run names, once each: the connector's first, then inner ones."""
    parts = [list(_errors(part)) for part in (metrics, *activities)]
    counts = {**_records_by_code(parts[:1]), **_records_by_code(parts[1:])}
    seen: set[str] = set()
    for inner in (False, True):
        for code, error, is_inner in (one for part in parts for one in part):
            if is_inner is inner and code not in seen:
                seen.add(code)
                message = error.get("message")
                yield Problem(code, message if isinstance(message, str) else "", inner, counts.get(code))


def _errors(part: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Yield the errors of the metrics or of an activity with their codes, and whether they are inner ones."""
    summary = _mapping(part.get("statusSummary"))
    for inner, holder in ((False, summary), (True, _mapping(summary.get("extensions")))):
        errors = holder.get("errors")
        for error in errors if isinstance(errors, list) else []:
            code = str(_mapping(error).get("code") or "")
            if code and code.isprintable():
                yield code, error, inner


def _records_by_code(parts: list[list[tuple[str, Mapping[str, Any], bool]]]) -> dict[str, int]:
    """Return how many records failed by code, which only inner errors say.

    A sum with an unknown part is unknown, and left out.
    """
    counts: dict[str, int | None] = {}
    for code, error in ((code, error) for part in parts for code, error, inner in part if inner):
        records, others = _count(error, "recordCount"), counts.get(code, 0)
        counts[code] = None if records is None or others is None else others + records
    return {code: records for code, records in counts.items() if records is not None}


def _detail(metrics: Mapping[str, Any], activities: list[Mapping[str, Any]]) -> str | None:
    """Return an ``errorDetail`` with an ``ErrorCode=``.

    The code distinguishes a wrong password from a network failure.
    """
    for part in (metrics, *activities):
        summary = _mapping(part.get("statusSummary"))
        for holder in (_mapping(summary.get("extensions")), summary):
            detail = holder.get("errorDetail")
            if isinstance(detail, str) and "ErrorCode=" in detail:
                return detail
    return None


@dataclass(frozen=True)
class Dataflow:
    """A dataflow as one reply shows it.

    ``stopped`` says in a word why no run will start. It is None while a run can start. ``name`` and
    ``dataset_id`` are None if they are unknown.
    """

    id: str
    name: str | None = None
    stopped: str | None = None
    dataset_id: str | None = None

    def __str__(self) -> str:
        return f"dataflow {self.name!r} ({self.id})" if self.name else f"dataflow {self.id}"

    def after(self, known: Dataflow | None) -> Dataflow:
        """Return the dataflow. Name and dataset come from an earlier reply if this reply lacks them."""
        if known is None:
            return self
        return replace(self, name=self.name or known.name, dataset_id=self.dataset_id or known.dataset_id)

    @property
    def no_run(self) -> str:
        """Return the sentence that no run will start."""
        return f"The {self} is {self.stopped}: it starts no flow run."

    @property
    def run_continues(self) -> str | None:
        """Return the sentence that the dataflow is stopped but its run continues, else None."""
        return (
            self.stopped
            and f"The {self} is {self.stopped}. The flow run that began continues, and the wait continues."
        )


def read_dataflow(item: Mapping[str, Any], flow_id: str, scrub: Callable[[str], str]) -> Dataflow:
    """Read a dataflow from an item of ``GET /flows`` or ``GET /flows/{id}``.

    :param scrub: removes known secrets from the name, which appears in logs and results
    """
    name = item.get("name")
    name = scrub(name) if isinstance(name, str) and name.strip() else None
    return Dataflow(flow_id, name, "disabled" if is_off(item) else None)


def deleted(flow_id: str) -> Dataflow:
    """Return a dataflow that Flow Service does not find."""
    return Dataflow(flow_id, stopped="deleted, or not visible to the credential")
