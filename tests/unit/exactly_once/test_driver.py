"""How a reconciliation is carried out: each step by its own call, each result and each failure back in."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_aep.exactly_once import Entity, Outcome, carry_out
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.flow_service.errors import AepNotFoundError

ENTITY = Entity("a", etag='"1"')
DONE = Outcome("a", created=True)


class Noted:
    """A service and a memory that note their calls, and answer with the call's own name."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> str:
            self.calls.append((name, *arguments))
            if arguments == ("gone",):
                raise AepNotFoundError("gone", status=404)
            return name

        return call


def carry(reconciliation: s.Reconciliation) -> tuple[Outcome, Noted]:
    noted = Noted()
    return carry_out(
        reconciliation, noted, noted, logging.getLogger("test"), lambda x: noted.calls.append(("sleep", x))
    ), noted


@pytest.mark.parametrize(
    ("step", "call"),
    [
        (s.ListExisting(), ("list_existing",)),
        (s.Get("a"), ("get", "a")),
        (s.Post(), ("post",)),
        (s.Publish("a"), ("publish", "a")),
        (s.Compare(ENTITY), ("differences", ENTITY)),
        (s.Update(ENTITY), ("update", ENTITY)),
        (s.Delete("a"), ("delete", "a")),
        (s.Dependants("a"), ("dependants", "a")),
        (s.Recall(), ("recall",)),
        (s.Keep("a"), ("keep", "a")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_step_is_one_call(step: s.Step, call: tuple[Any, ...]) -> None:
    """And its result goes back in; nothing else is sent."""
    replies = []

    def reconciliation() -> s.Reconciliation:
        replies.append((yield step))
        return DONE

    outcome, noted = carry(reconciliation())
    assert outcome == DONE
    assert noted.calls == [call]
    assert replies == [call[0]]


def test_a_failure_is_the_reconciliations_to_decide() -> None:
    """It is raised where the step was asked for, once, and the reconciliation goes on."""
    replies = []

    def reconciliation() -> s.Reconciliation:
        try:
            yield s.Get("gone")
        except AepNotFoundError as error:
            replies.append(error.message)
        replies.append((yield s.Get("a")))
        return DONE

    outcome, noted = carry(reconciliation())
    assert outcome == DONE
    assert replies == ["gone", "get"]
    assert noted.calls == [("get", "gone"), ("get", "a")]


def test_what_is_no_error_of_ours_ends_it() -> None:
    """A signal, or Airflow's time-out, is not the reconciliation's to handle."""

    def reconciliation() -> s.Reconciliation:
        try:
            yield s.Sleep(1)
        except Exception:
            pytest.fail("the reconciliation got it")
        return DONE

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(reconciliation(), Noted(), Noted(), logging.getLogger("test"), interrupted)


def test_a_sleep_is_as_long_as_asked() -> None:
    """With jitter anything from half to all of it, so that two that met do not meet again."""

    def reconciliation(jitter: bool) -> s.Reconciliation:
        for _ in range(100):
            yield s.Sleep(4.0, jitter)
        return DONE

    assert {seconds for _, seconds in carry(reconciliation(False))[1].calls} == {4.0}
    slept = {seconds for _, seconds in carry(reconciliation(True))[1].calls}
    assert len(slept) > 1
    assert all(2.0 <= seconds <= 4.0 for seconds in slept)


def test_decisions_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With the id and the link of whom they are about; a warning if somebody should act."""

    def reconciliation() -> s.Reconciliation:
        yield s.Decided("Listed")
        yield s.Decided("Reused it", "a")
        yield s.Decided("Several stand", "b", True)
        return DONE

    with caplog.at_level(logging.INFO, "test"):
        _, noted = carry(reconciliation())
    assert caplog.record_tuples == [
        ("test", logging.INFO, "Listed"),
        ("test", logging.INFO, "Reused it: a link"),
        ("test", logging.WARNING, "Several stand: b link"),
    ]
    assert noted.calls == [("link", "a"), ("link", "b")]
