"""Read the schedule of a dataflow, and the window of source data of a run on demand.

Follows ``PeriodicSchedule`` of Adobe's flow specs and the refusals 1360 to 1369.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_aep.flow_service import runs
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.validation import whole_number

FREQUENCIES = ("once", "minute", "hour", "day", "week")
SHORTEST_MINUTES = 15
LEAD = 20.0
"""Seconds from now to the default start: longer than the creation of the dataflow takes."""

_YEAR_3000 = 32_503_680_000
_KNOWN = {"frequency", "interval", "start", "backfill"}


@dataclass(frozen=True)
class Schedule:
    """The schedule of a dataflow.

    ``start`` is in epoch seconds. ``interval`` is in units of ``frequency``, and None for ``once``.
    """

    frequency: str
    interval: int | None
    start: int
    backfill: bool | None = None

    @property
    def once(self) -> bool:
        """Return whether the dataflow runs only once."""
        return self.frequency == "once"

    def params(self) -> dict[str, Any]:
        """Return ``scheduleParams``. Numbers are numbers, although Adobe's samples have them as text."""
        given = {"startTime": self.start, "frequency": self.frequency, "interval": self.interval}
        if not self.once:
            given["backfill"] = self.backfill
        return {key: value for key, value in given.items() if value is not None}

    def check_start(self, now: float) -> None:
        """Check that the start has not passed. Only a dataflow that is still to be created needs this.

        :param now: epoch seconds
        :raises AepConfigError: the start has passed; Flow Service would refuse it (1360-400)
        """
        if self.start < now:
            start = datetime.fromtimestamp(self.start, timezone.utc).isoformat()
            raise _wrong(
                f"starts in the past, at {start}. Flow Service refuses that. Leave start out to start now"
            )

    def warning(self) -> str | None:
        """Return a warning about an interval that is allowed but probably a mistake, else None."""
        if (
            self.frequency in ("day", "week")
            and self.interval is not None
            and self.interval >= SHORTEST_MINUTES
        ):
            return (
                f"interval={self.interval}, frequency={self.frequency!r} means every {self.interval} "
                f"{self.frequency}s. The minimum interval of {SHORTEST_MINUTES} is for minutes only."
            )
        return None


def read_schedule(given: object, now: float) -> Schedule:
    """Read a schedule ``{"frequency", "interval", "start", "backfill"}``.

    :param given: ``start`` in it is a datetime, an ISO 8601 text, or epoch seconds. By default the dataflow
        starts :data:`LEAD` seconds from ``now``
    :param now: epoch seconds
    :raises AepConfigError: the schedule is invalid
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


_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}


@dataclass(frozen=True)
class ExistingSchedule:
    """The schedule of an existing dataflow. ``start`` is in epoch seconds. Unknown parts are None."""

    frequency: str | None
    interval: int | None
    start: float | None

    @property
    def seconds(self) -> float | None:
        """Return the seconds between two runs, None if they are unknown or the dataflow runs only once."""
        unit = _SECONDS.get(self.frequency or "")
        return unit * self.interval if unit and self.interval else None

    def as_dict(self) -> dict[str, Any]:
        """Return ``{"frequency", "interval", "start"}`` with the start in ISO 8601 in UTC."""
        return {
            "frequency": self.frequency,
            "interval": self.interval,
            "start": runs.iso_time(self.start),
        }


def read_existing(params: object) -> ExistingSchedule | None:
    """Read ``scheduleParams`` of an existing dataflow; None if it has none. Adobe shows numbers as text."""
    if not isinstance(params, Mapping) or not params:
        return None
    frequency = params.get("frequency")
    interval = whole_number(params.get("interval"))
    return ExistingSchedule(
        frequency.strip().lower() if isinstance(frequency, str) and frequency.strip() else None,
        interval if interval is not None and interval > 0 else None,
        runs.epoch_seconds(params.get("startTime")),
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
        raise _wrong("has a start that is neither a datetime, an ISO 8601 text nor epoch seconds")
    return int(start)


def epoch_seconds(value: object) -> float | None:
    """Return a datetime, an ISO 8601 text or a number (also as text) as epoch seconds; None if invalid."""
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
    return seconds if 0 <= seconds < _YEAR_3000 else None  # a higher number is in milliseconds


def _wrong(problem: str) -> AepConfigError:
    return AepConfigError(f"`schedule` {problem}.", parameter="schedule")


def read_window(start: object, end: object) -> tuple[float, float]:
    """Read a window, and return start and end in epoch seconds.

    Each is a datetime, an ISO 8601 text or epoch seconds. Adobe's OpenAPI says milliseconds, but its examples
    and tutorials use seconds.

    :raises AepConfigError: ``window_start`` or ``window_end`` is invalid, or the end is not after the start
        (1381-400)
    """
    first, last = _whole_seconds(start, "window_start"), _whole_seconds(end, "window_end")
    if last <= first:
        raise AepConfigError(
            "`window_end` is not after `window_start`, in whole seconds.", parameter="window_end"
        )
    return first, last


def shown(start: float, end: float) -> str:
    """Return a window in epoch seconds as messages show it."""
    first, last = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) for at in (start, end))
    return f"{first} to {last} UTC"


def _whole_seconds(value: object, parameter: str) -> float:
    seconds = epoch_seconds(value)
    if seconds is None:
        raise AepConfigError(
            f"`{parameter}` is neither a datetime, an ISO 8601 text nor epoch seconds. For the data interval "
            "of a DAG run, give `{{ data_interval_start }}` and `{{ data_interval_end }}`.",
            parameter=parameter,
        )
    return float(int(seconds))
