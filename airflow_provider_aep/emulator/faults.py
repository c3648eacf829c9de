"""`POST /_emulator/faults`: make the next requests fail."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.emulator.payloads import InvalidInputError

FIELDS = frozenset(("method", "path", "times", "when", "status", "headers", "body", "delay", "drop"))
# The emulator frames its replies itself; a false length would hang clients rather than fail them.
FRAMING = frozenset(("content-length", "transfer-encoding", "connection"))


@dataclass
class Fault:
    """One fault, used up by `times` requests."""

    method: str | None = None
    path: str = ""
    times: int = 1
    when: str = "before"
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    json_body: bool = False
    delay: float = 0.0
    drop: bool = False

    def hits(self, method: str, path: str) -> bool:
        """Say whether the fault applies to a request; trailing slashes do not matter in this API."""
        if self.method is not None and self.method != method.upper():
            return False
        return (path.rstrip("/") or "/").endswith(self.path.rstrip("/"))

    @property
    def carries_out(self) -> bool:
        """Say whether the request still has its effect."""
        return self.when == "after" or (self.status is None and not self.drop)


class Faults:
    """The faults, oldest first. One thread serves all requests, so `times` is exact."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one turn of the first fault that applies to this request."""
        for fault in self.waiting:
            if fault.hits(method, path):
                fault.times -= 1
                if not fault.times:
                    self.waiting.remove(fault)
                return fault
        return None


def read_fault(value: object) -> Fault:
    """Validate a fault completely: a typo here makes a test hard to understand."""
    if not isinstance(value, dict):
        raise InvalidInputError("a fault is a JSON object")
    unknown = sorted(set(value) - FIELDS)
    if unknown:
        raise InvalidInputError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(FIELDS))}")
    given: dict[str, Any] = {key: part for key, part in value.items() if part is not None}
    for name in ("method", "path"):
        if name in given and not isinstance(given[name], str):
            raise InvalidInputError(f"{name!r} is a string")
    if not given.get("method", "GET").isalpha():
        raise InvalidInputError("'method' is a method's name; leave it out for any")
    if given.get("when", "before") not in ("before", "after"):
        raise InvalidInputError("'when' is 'before' or 'after'")
    if not isinstance(given.get("drop", False), bool):
        raise InvalidInputError("'drop' is true or false")
    body = given.get("body")
    if not isinstance(body, (str, dict, type(None))):
        raise InvalidInputError("'body' is an object or a string")
    return Fault(
        method=given["method"].upper() if "method" in given else None,
        path=given.get("path", ""),
        times=_whole(given.get("times", 1), "times", 1, 1_000_000),
        when=given.get("when", "before"),
        status=_whole(given["status"], "status", 200, 599) if "status" in given else None,
        headers=_headers(given.get("headers", {})),
        body=json.dumps(body) if isinstance(body, dict) else body,
        json_body=isinstance(body, dict),
        delay=_seconds(given.get("delay", 0)),
        drop=given.get("drop", False),
    )


def _whole(value: object, name: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidInputError(f"{name!r} is a whole number from {low} to {high}")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInputError("'delay' is a number of seconds")
    if not 0 <= value <= 3600:
        raise InvalidInputError("'delay' is between 0 and 3600 seconds")
    return float(value)


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidInputError("'headers' is an object of strings")
    headers = {}
    for name, raw in value.items():
        text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
        if (
            not isinstance(text, str)
            or not name.isascii()
            or not name.replace("-", "").replace("_", "").isalnum()
        ):
            raise InvalidInputError("'headers' is an object of header names and strings")
        if name.lower() in FRAMING:
            raise InvalidInputError(f"the header {name!r} is the emulator's own")
        if any(ord(char) < 32 or ord(char) > 255 for char in text):
            raise InvalidInputError(f"the header {name!r} contains a character that is invalid in a header")
        headers[name.lower()] = text.strip()  # as HTTP reads it; uvicorn refuses surrounding blanks
    return headers
