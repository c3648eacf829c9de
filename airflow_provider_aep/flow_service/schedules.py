"""When a dataflow runs, and the window of source data that a run on demand brings in.

Follows ``PeriodicSchedule`` of Adobe's flow specs and the refusals 1360 to 1369.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.validation import whole_number

FREQUENCIES = ("once", "minute", "hour", "day", "week")
SHORTEST_MINUTES = 15
LEAD = 20.0
"""Seconds that a start that was not given lies ahead: longer than making the dataflow takes."""

_YEAR_3000 = 32_503_680_000
_KNOWN = {"frequency", "interval", "start", "backfill"}


@dataclass(frozen=True)
class Schedule:
    """``start`` in epoch seconds; ``interval`` in units of ``frequency``, None for ``once``."""

    frequency: str
    interval: int | None
    start: int
    backfill: bool | None = None

    @property
    def once(self) -> bool:
        return self.frequency == "once"

    def params(self) -> dict[str, Any]:
        """``scheduleParams``; numbers as numbers, though Adobe's samples print them as text."""
        given = {"startTime": self.start, "frequency": self.frequency, "interval": self.interval}
        if not self.once:
            given["backfill"] = self.backfill
        return {key: value for key, value in given.items() if value is not None}

    def check_start(self, now: float) -> None:
        """For a dataflow that is still to be made: one that stands has begun long ago, and that is fine.

        :raises AepConfigError: Flow Service refuses a start that has passed (1360-400)
        """
        if self.start < now:
            moment = datetime.fromtimestamp(self.start, timezone.utc).isoformat()
            raise _wrong(
                f"starts in the past, at {moment}; Flow Service refuses that. Leave start out to begin now"
            )

    def warning(self) -> str | None:
        """Warn of what is allowed, but seldom meant."""
        if (
            self.frequency in ("day", "week")
            and self.interval is not None
            and self.interval >= SHORTEST_MINUTES
        ):
            return (
                f"interval={self.interval}, frequency={self.frequency!r} means every {self.interval} "
                f"{self.frequency}s. The least interval of {SHORTEST_MINUTES} is for minutes only."
            )
        return None


def read_schedule(given: object, now: float) -> Schedule:
    """Check a schedule ``{"frequency", "interval", "start", "backfill"}``.

    ``start`` is a datetime, an ISO text, or epoch seconds; left out, the flow starts :data:`LEAD` seconds
    from ``now`` (epoch seconds).

    :raises AepConfigError: naming ``schedule`` and what is wrong in it
    """
    if not isinstance(given, Mapping):
        raise _wrong(
            f"must be a dict such as {{'frequency': 'day', 'interval': 1}}, not {type(given).__name__}"
        )
    if unknown := sorted(str(key) for key in set(given) - _KNOWN):
        raise _wrong(f"has unknown keys: {', '.join(unknown)}. It knows {', '.join(sorted(_KNOWN))}")
    frequency = str(given.get("frequency") or "once").strip().lower()
    if frequency not in FREQUENCIES:
        raise _wrong(f"has frequency {frequency!r}; it must be one of {', '.join(FREQUENCIES)}")
    backfill = given.get("backfill")
    if backfill is not None and not isinstance(backfill, bool):
        raise _wrong("has a backfill that is neither True nor False")
    if frequency == "once" and backfill is not None:
        raise _wrong("has frequency 'once', which takes no backfill")
    return Schedule(
        frequency, _interval(given.get("interval"), frequency), _start(given.get("start"), now), backfill
    )


def _interval(value: object, frequency: str) -> int | None:
    if frequency == "once":
        if value not in (None, ""):
            raise _wrong("has frequency 'once', which takes no interval")
        return None
    least = SHORTEST_MINUTES if frequency == "minute" else 1
    interval = whole_number(value)
    if interval is None or interval < least:
        raise _wrong(f"needs an interval, a whole number of at least {least}, with frequency {frequency!r}")
    return interval


def _start(value: object, now: float) -> int:
    if value is None or value == "":
        return int(now + LEAD)
    start = epoch_seconds(value)
    if start is None:
        raise _wrong("has a start that is neither a datetime, an ISO text nor epoch seconds")
    return int(start)


def epoch_seconds(value: object) -> float | None:
    """Epoch seconds of a datetime, an ISO text or a number (also as text); None of anything else."""
    try:
        if isinstance(value, str) and not value.strip().isdigit():
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        if isinstance(value, datetime):
            value = (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
        if isinstance(value, bool):
            return None
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < _YEAR_3000 else None  # beyond it milliseconds are meant


def _wrong(problem: str) -> AepConfigError:
    return AepConfigError(f"`schedule` {problem}.", parameter="schedule")


def read_window(start: object, end: object) -> tuple[float, float]:
    """Start and end in epoch seconds; each a datetime, an ISO text or epoch seconds.

    Adobe's OpenAPI says milliseconds, its examples and tutorials are in seconds.

    :raises AepConfigError: naming ``window_start`` or ``window_end`` (1381-400: the end before the start)
    """
    first, last = _moment(start, "window_start"), _moment(end, "window_end")
    if last <= first:
        raise AepConfigError(
            "`window_end` is not after `window_start`, in whole seconds.", parameter="window_end"
        )
    return first, last


def shown(start: float, end: float) -> str:
    """A window in epoch seconds, as messages show it."""
    first, last = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) for at in (start, end))
    return f"{first} to {last} UTC"


def _moment(value: object, parameter: str) -> float:
    seconds = epoch_seconds(value)
    if seconds is None:
        raise AepConfigError(
            f"`{parameter}` is neither a datetime, an ISO text nor epoch seconds. In a DAG, the data "
            "interval is `{{ data_interval_start }}` and `{{ data_interval_end }}`.",
            parameter=parameter,
        )
    return float(int(seconds))
