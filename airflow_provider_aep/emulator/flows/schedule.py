"""Check schedules by the flow spec's schema and the error catalogue; compute due times. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.emulator.errors import flow_error

SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
MINIMUM = {"minute": 15}  # of the flow spec's scheduleSpec; 1 for all others
LATE_SECONDS = 10  # "now" in whole seconds is a little in the past by the time it arrives
MAX_INTERVAL = 100_000
Params = dict[str, Any]


def read(value: object, now: float) -> Params:
    """Return the schedule in the OpenAPI's types, or raise the catalogue's error. None is once, now."""
    if value is None:
        return {"startTime": int(now), "frequency": "once"}
    if not isinstance(value, dict):
        raise flow_error("1100-400", reason="scheduleParams must be an object")
    frequency = value.get("frequency", "once")
    if not isinstance(frequency, str) or frequency not in ("once", *SECONDS):
        raise flow_error("1397-400", frequency=str(frequency))
    if value.get("startTime") is None:
        raise flow_error("1304-400", field="scheduleParams.startTime")
    params: Params = {"startTime": seconds(value["startTime"], "startTime"), "frequency": frequency}
    if frequency == "once":
        if value.get("interval") is not None:
            raise flow_error("1361-400")
        if value.get("backfill") is not None:
            raise flow_error("1364-400")
        return params
    if value.get("interval") is None:
        raise flow_error("1304-400", field="scheduleParams.interval")
    params["interval"] = str(_interval(value["interval"], frequency))
    if value.get("backfill") is not None:
        params["backfill"] = _flag(value["backfill"])
    return params


def check_start(params: Params, now: float) -> None:
    """Raise 1360 if the start has passed by more than the time that a request may take."""
    if params["startTime"] < now - LATE_SECONDS:
        raise flow_error("1360-400")


def check_change(before: Params, after: Params, now: float) -> None:
    """Refuse changes that are invalid after the start has passed."""
    if before["startTime"] > now:
        if after["startTime"] != before["startTime"]:
            check_start(after, now)
        return
    if after["frequency"] == "once" != before["frequency"]:
        raise flow_error("1403-400/frequency")
    if after.get("backfill") != before.get("backfill"):
        raise flow_error("1404-400/backfill")
    if after["startTime"] != before["startTime"] or before["frequency"] == "once" != after["frequency"]:
        raise flow_error("1366-400")


def step(params: Mapping[str, Any]) -> int | None:
    """Return the seconds from run to run; None for a one-time flow."""
    if params["frequency"] == "once":
        return None
    return SECONDS[params["frequency"]] * int(params["interval"])


def next_due(params: Mapping[str, Any], after: float) -> float | None:
    """Return the first scheduled time later than `after`; None if no run follows."""
    start, every = float(params["startTime"]), step(params)
    if after < start:
        return start
    return None if every is None else start + every * (int((after - start) // every) + 1)


def seconds(value: object, name: str) -> int:
    """Read an epoch time, also as a string (the samples) or in milliseconds (the OpenAPI's text)."""
    number = whole(value, name)
    return number // 1000 if number > 100_000_000_000 else number


def whole(value: object, name: str) -> int:
    """Read a whole number, also as a string."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, float) and value.is_integer() and 0 <= value < 1e18:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        return value
    raise flow_error("1100-400", reason=f"{name} must be a whole number")


def _interval(value: object, frequency: str) -> int:
    interval, minimum = whole(value, "interval"), MINIMUM.get(frequency, 1)
    if interval < minimum:
        if minimum > 1:
            raise flow_error("1362-400", minimum=str(minimum))
        raise flow_error("1363-400", interval=str(interval), frequency=frequency)
    if interval > MAX_INTERVAL:
        raise flow_error("1363-400", interval=str(interval), frequency=frequency)
    return interval


def _flag(value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    raise flow_error("1100-400", reason="backfill must be true or false")
