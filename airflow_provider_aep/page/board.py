"""Answers of AEP, kept for all viewers, and asked for by one thread.

A viewer never waits for AEP in a thread: :meth:`Board.ask` returns what is known, and a future that is done
when the thread has asked AEP.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from airflow_provider_aep.flow_service.errors import AepError

KEPT = 60.0
"""Seconds after which AEP is asked again."""
FORCED = 10.0
"""Seconds after which AEP is asked again if a viewer presses the button."""

log = logging.getLogger(__name__)


class Problem(NamedTuple):
    """The error of a reading, in words. ``at`` is in epoch seconds."""

    text: str
    code: str
    at: float

    @classmethod
    def of(cls, error: AepError) -> Problem:
        """Return an error that happened now, on one line."""
        return cls(" ".join(str(error).split()), error.stable_code, time.time())


@dataclass(frozen=True)
class Answer:
    """The answer to a question, as far as it is known.

    :param value: the result of the last reading that succeeded
    :param at: when that reading began, in epoch seconds
    :param problem: the error of the last reading, None if it succeeded
    :param ended: the end of the last reading, on the monotonic clock
    :param pending: done when the reading under way has ended
    :param owner: the connection of AEP that the question is about
    """

    value: Any = None
    at: float | None = None
    problem: Problem | None = None
    ended: float = float("-inf")
    pending: Future[None] | None = None
    owner: Hashable = None


class FullError(Exception):
    """Too many questions are waiting for AEP."""


@dataclass(frozen=True)
class _Job:
    """A question that waits for the thread."""

    key: Hashable
    owner: Hashable
    work: Callable[[], Any]
    quick: bool


QUICK, SOUND, FAILING, IDLE = range(4)
"""The ranks of work. The lowest is first."""


class Board:
    """Keep answers by question, and ask AEP with one thread, each question at most once at a time.

    If the last reading of a connection failed, its questions wait until no others do, so a connection that is
    dead does not hold up one that works. The thread is a daemon: a request to AEP does not hold up the end of
    the server.

    :param most: how many answers are kept; the one that was not asked for longest is forgotten
    :param clock: returns seconds that never go back
    """

    def __init__(self, most: int = 64, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self.clock = clock
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._jobs: list[_Job] = []
        self._doing = IDLE
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def ask(
        self,
        key: Hashable,
        work: Callable[[], Any],
        *,
        owner: Hashable = None,
        quick: bool = False,
        force: bool = False,
    ) -> Answer:
        """Return the answer that is known. Have the thread do the work if the answer is old or missing.

        :param work: returns the answer, in the thread. It raises an :class:`AepError` if it cannot
        :param owner: the connection of AEP that the question is about, by default none but this question's
        :param quick: the work is short, and goes before the other work
        :param force: ask AEP although the answer is not old
        :raises FullError: too many other questions wait
        """
        with self._changed:
            answer = self._answers.get(key, Answer(owner=key if owner is None else owner))
            if answer.pending is None and self.clock() - answer.ended >= (FORCED if force else KEPT):
                self._make_room(key)
                self._jobs.append(_Job(key, answer.owner, work, quick))
                answer = replace(answer, pending=Future())
                self._changed.notify()
                self._start()
            if answer is not self._answers.get(key):
                self._answers[key] = answer
            self._answers.move_to_end(key)
            return answer

    def give_way(self) -> None:
        """Do the more urgent work. Work that takes long calls this between its requests to AEP."""
        while (found := self._next(before=self._doing)) is not None:
            self._do(*found)

    def _make_room(self, key: Hashable) -> None:
        if key in self._answers or len(self._answers) < self._most:
            return
        for other, answer in self._answers.items():
            if answer.pending is None:
                del self._answers[other]
                return
        raise FullError

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="aep-page", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs)
            self.give_way()

    def _next(self, before: int) -> tuple[_Job, int] | None:
        with self._changed:
            job = min(self._jobs, key=self._rank, default=None)
            if job is None or (rank := self._rank(job)) >= before:
                return None
            self._jobs.remove(job)
            return job, rank

    def _rank(self, job: _Job) -> int:
        """Return how urgent a question is. The last reading of its connection decides, whatever it read."""
        answers = [answer for answer in self._answers.values() if answer.owner == job.owner]
        if max(answers, key=lambda answer: answer.ended).problem is not None:
            return FAILING
        return QUICK if job.quick else SOUND

    def _do(self, job: _Job, rank: int) -> None:
        """Do the work. An error, whatever it is, becomes the problem of this answer alone."""
        before, self._doing = self._doing, rank
        value, problem, started = None, None, time.time()
        try:
            value = job.work()
        except AepError as error:
            problem = Problem.of(error)
        except Exception as error:
            log.exception("The page of AEP could not read %s.", job.key)
            kind = type(error).__name__
            text = (
                f"The page failed with {kind}. See the log of Airflow's API server. [{AepError.stable_code}]"
            )
            problem = Problem(text, AepError.stable_code, time.time())
        with self._changed:
            old = self._answers[job.key]
            new = replace(old, problem=problem, ended=self.clock(), pending=None)
            self._answers[job.key] = new if problem else replace(new, value=value, at=started)
        self._doing = before
        assert old.pending is not None
        old.pending.set_result(None)
