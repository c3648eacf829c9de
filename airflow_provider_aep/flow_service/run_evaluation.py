"""Evaluate a run that ended against the failure thresholds, and say in a sentence what is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepRunError,
    RunFailedError,
    RunPartialError,
)
from airflow_provider_aep.flow_service.run_errors import MOST, clip, describe, errors_of
from airflow_provider_aep.flow_service.runs import Dataflow, Phase, Run
from airflow_provider_aep.flow_service.validation import check_boolean, check_count


@dataclass(frozen=True)
class FailureThresholds:
    """How many records may fail.

    ``max_failed_records`` and ``max_failed_ratio`` (0 to 1, of the records read) are None if not set. If one
    is set, it decides, for a success and for a partial success. Else ``fail_on_partial`` refuses a partial
    success, and a success with failed records.
    """

    max_failed_records: int | None = None
    max_failed_ratio: float | None = None
    fail_on_partial: bool = True


def read_thresholds(
    max_failed_records: object, max_failed_ratio: object, fail_on_partial: object
) -> FailureThresholds:
    """Read thresholds as a user writes them or Jinja renders them.

    :raises AepConfigError: a threshold is invalid
    """
    most = None if _unset(max_failed_records) else check_count(max_failed_records, "max_failed_records")
    return FailureThresholds(
        most, _ratio(max_failed_ratio), check_boolean(fail_on_partial, "fail_on_partial")
    )


def judge(
    run: Run, thresholds: FailureThresholds, *, more: str = "", scrub: Callable[[str], str] = str
) -> AepRunError | None:
    """Return the error of a run that ended; None if the run succeeded within the thresholds.

    :param more: the end of the message, which says where to see more of the run
    :param scrub: removes known secrets from the service's words
    """
    if run.phase is Phase.BAD:
        return _error(RunFailedError, run, "failed", more, scrub)
    if (reason := _too_many_failed(run, thresholds)) is not None:
        return _error(RunPartialError, run, reason, more, scrub)
    return None


def loss(run: Run, *, more: str = "", scrub: Callable[[str], str] = str) -> str | None:
    """Return what went wrong in a run within the thresholds; None if it lost no records and names no error.

    :param more: the end of the message, which says where to see more of the run
    :param scrub: removes known secrets from the service's words
    """
    if outcome(run) == "success" and not run.problems:
        return None
    happened = f"{_of_dataflow(run)} is within the thresholds, and has errors."
    return " ".join(filter(None, (happened, describe(errors_of(run, scrub)), _counts(run), more)))


def outcome(run: Run) -> str:
    """Return ``running``, ``failed``, ``partial`` or ``success``, as a wait without thresholds judges a run.

    ``partial``: the run lost records.
    """
    if not run.ended:
        return "running"
    if run.phase is Phase.BAD:
        return "failed"
    return "success" if _too_many_failed(run, FailureThresholds()) is None else "partial"


def _too_many_failed(run: Run, thresholds: FailureThresholds) -> str | None:
    failed, partial = run.records_failed, run.phase is Phase.PARTIAL
    most, ratio = thresholds.max_failed_records, thresholds.max_failed_ratio
    if most is None and ratio is None:
        if partial and thresholds.fail_on_partial:
            return (
                "succeeded only in part. To allow failed records, set `max_failed_records` or "
                "`max_failed_ratio`, or `fail_on_partial=False`"
            )
        if failed and thresholds.fail_on_partial:
            return (
                f"has the status {run.status}, but {failed} records failed. To allow failed records, set "
                "`max_failed_records` or `max_failed_ratio`"
            )
        return None
    if failed is None:
        return "succeeded only in part, and the number of failed records is unknown" if partial else None
    if most is not None and failed > most:
        return f"ended with {failed} failed records, more than `max_failed_records`={most}"
    share = _share(run, failed)
    if ratio is not None and share > ratio:
        return f"ended with {share:.2%} of its records failed, more than `max_failed_ratio`={ratio:g}"
    return None


def _share(run: Run, failed: int) -> float:
    if failed == 0:
        return 0.0
    total = run.records_read or failed + (run.records_written or 0) + (run.records_skipped or 0)
    return min(1.0, failed / total)


def _error(
    kind: type[AepRunError], run: Run, reason: str, more: str, scrub: Callable[[str], str]
) -> AepRunError:
    """Make the error from the most frequent codes, ``ErrorCode=``, counts and more, if known."""
    errors = errors_of(run, scrub)
    detail = re.search(r"ErrorCode=[A-Za-z0-9_.-]{1,80}", scrub(run.detail or ""))
    known = any(error.fix for error in errors[:MOST])
    parts = [
        f"{_of_dataflow(run)} {reason}.",
        describe(errors),
        f"{detail.group()}." if detail else "",
        "" if known else kind.todo,
        _counts(run),
        more,
    ]
    connectors = sorted(run.problems, key=lambda problem: problem.inner)
    code = clip(scrub(connectors[0].code), 60) if connectors else None
    return kind(" ".join(filter(None, parts)), run_id=run.id, result=run.result(), code=code)


def _of_dataflow(run: Run) -> str:
    return f"Run {run.id} of {Dataflow(run.flow_id, run.dataflow)}" if run.flow_id else f"Run {run.id}"


def _counts(run: Run) -> str:
    counts = (run.records_read, run.records_written, run.records_failed, run.records_skipped)
    fates = ("read", "written", "failed", "skipped")
    told = [f"{'unknown' if n is None else n} {fate}" for n, fate in zip(counts, fates, strict=True)]
    return f"Records: {', '.join(told)}."


def _unset(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in {"", "None"})


def _ratio(value: object) -> float | None:
    if _unset(value):
        return None
    try:
        ratio = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        ratio = math.nan
    if 0 <= ratio <= 1:
        return ratio
    raise AepConfigError(
        "`max_failed_ratio` must be a number from 0 to 1. For half a per cent, write 0.005.",
        parameter="max_failed_ratio",
    )
