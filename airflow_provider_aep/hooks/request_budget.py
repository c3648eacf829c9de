"""A budget of requests a second to one organization, for all processes of this user on this machine.

The requests are spaced evenly: each reserves the next free time and sleeps until then. The next free time is
in a file, see :mod:`.shared_files`. If the file cannot be used, the budget holds for the process alone.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from airflow_provider_aep._compat import config_number
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT
from airflow_provider_aep.hooks import shared_files

LOWEST = 0.1
"""The lowest budget, in requests a second."""

LONGEST_PAUSE = 3600.0
"""Seconds that all requests pause at most because AEP asked one of them to wait."""

_IDLE = 10.0
"""Seconds without a request after which the next one is delayed at random.

If many machines start their tasks at the same second, their requests do not arrive together.
"""

_SIZE = 80
"""Bytes of the file."""

_TELL = 5.0
"""A longer wait is logged, once for each hook or poller."""

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class Times:
    """Times in monotonic seconds, which all processes of a machine share until it is started again.

    :param free_at: when the next request may be sent
    :param paused_until: when AEP wants requests again
    """

    free_at: float = -math.inf
    paused_until: float = -math.inf


_OWN: dict[str, Times] = {}
_OWN_LOCK = threading.Lock()


class RequestBudget:
    """The budget of an organization. No method sleeps.

    :param rate: requests a second
    """

    _told = False

    def __init__(self, org_id: str, rate: float) -> None:
        of = f"{_boot_id()}\n{org_id}"
        self._name = f"requests-{hashlib.sha256(of.encode()).hexdigest()[:32]}"
        self._rate = rate

    def reserve(self) -> float | None:
        """Reserve the next free time, and return the seconds until then; None while another process does so.

        More than :data:`LONGEST_WAIT` means that nothing was reserved.
        """
        return self._told_once(self._change(self._next))

    def reserve_alone(self) -> float:
        """Do as :meth:`reserve`, without other processes: one of them keeps the file locked."""
        _warn_once("another process keeps the file locked")
        return self._change_own(self._next)

    def pause(self, seconds: float) -> bool | None:
        """Let no process send a request for so long, and up to a tenth longer: AEP asked to wait.

        :return: True; None while another process uses the file
        """
        seconds = min(seconds * (1 + random.random() / 10), LONGEST_PAUSE)  # noqa: S311 - as below

        def extend(times: Times) -> bool:
            times.paused_until = max(times.paused_until, time.monotonic() + seconds)
            return True

        return self._change(extend)

    def _next(self, times: Times) -> float:
        now = time.monotonic()
        at = max(times.free_at, times.paused_until, now)
        if now - times.free_at > _IDLE:
            at += random.random() / self._rate  # noqa: S311 - spreads requests, keeps no secret
        wait = at - now
        if wait <= LONGEST_WAIT:
            times.free_at = at + 1 / self._rate
        return wait

    def _change(self, change: Callable[[Times], T]) -> T | None:
        """Change the times in the file, and return the result; None if another process has locked it."""
        try:
            with shared_files.opened_directory() as at:
                file = shared_files.try_lock(at, self._name)
                if file is None:
                    return None
                try:
                    times = _read(file.read(_SIZE))  # what is behind it is never overwritten
                    result = change(times)
                    content = f"{times.free_at!r} {times.paused_until!r}".ljust(_SIZE)
                    os.pwrite(file.fileno(), content.encode(), 0)
                    return result
                finally:
                    shared_files.unlock(file)
        except OSError as error:
            _warn_once(error.strerror or str(error))
            return self._change_own(change)

    def _change_own(self, change: Callable[[Times], T]) -> T:
        with _OWN_LOCK:
            return change(_OWN.setdefault(self._name, Times()))

    def _told_once(self, wait: float | None) -> float | None:
        if wait is not None and wait > _TELL and not self._told:
            self._told = True
            log.info(
                "Requests to AEP wait for the budget of this machine, this one for %.0f s. "
                "`[aep] requests_per_second` is %g.",
                wait,
                self._rate,
            )
        return wait


def find_budget(org_id: str) -> RequestBudget | None:
    """Return the budget of ``[aep] requests_per_second``, None if that is 0.

    :raises AepConfigError: the setting is invalid
    """
    rate = config_number("requests_per_second", 0.0)
    if rate == 0:
        return None
    if not LOWEST <= rate < math.inf:
        raise AepConfigError(
            f"`[aep] requests_per_second` in Airflow's configuration must be a number from {LOWEST:g}, or 0 "
            "for no budget.",
            parameter="requests_per_second",
        )
    return RequestBudget(org_id, rate)


@functools.cache
def _boot_id() -> str:
    """Return the kernel's id of this start of this machine, "" without one.

    A file can outlive a restart, and machines can share a directory. Their monotonic times differ.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _read(content: bytes) -> Times:
    """Read the times. Times that no process can have stored since the machine started count as missing."""
    try:
        free_at, paused_until = (float(one) for one in content.split())
    except ValueError:
        return Times()
    now = time.monotonic()
    return Times(
        free_at if free_at <= now + LONGEST_WAIT + 1 / LOWEST else -math.inf,
        paused_until if paused_until <= now + LONGEST_PAUSE else -math.inf,
    )


@functools.cache
def _warn_once(problem: str) -> None:
    log.warning(
        "`[aep] requests_per_second` holds for this process alone, not for all processes of the machine: %s.",
        problem,
    )
