"""The reconciliation where a list lags, repeats itself, or shows what is just changing hands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, Outcome, create_once
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AepNotFoundError,
    AepServerError,
    AepThrottledError,
    EntityStateError,
)
from tests.harness.exactly_once import OTHER, desired, entity


class Script:
    """A service that answers lists in turn, the last one again and again, and records the steps."""

    def __init__(
        self, lists: Iterable[list[Entity]], *, post: Any = "own", known: Iterable[Entity] = ()
    ) -> None:
        self.lists = list(lists)
        self.post = post
        self.known = {one.id: one for one in known}
        self.steps: list[s.Step] = []

    def run(self, order: DesiredEntity) -> Outcome:
        reconciliation, reply, error = create_once(order), None, None
        while True:
            try:
                step = reconciliation.throw(error) if error else reconciliation.send(reply)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            self.steps.append(step)
            reply, error = None, None
            try:
                reply = self._answer(step)
            except AepError as failure:
                error = failure

    def _answer(self, step: s.Step) -> Any:
        match step:
            case s.ListExisting():
                return self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
            case s.Post():
                if isinstance(self.post, AepError):
                    raise self.post
                return self.post
            case s.Get(id):
                if id not in self.known:
                    raise AepNotFoundError("gone", status=404)
                return self.known[id]
            case s.Dependants():
                return []
        return None

    def asked(self, kind: type) -> list[Any]:
        return [step for step in self.steps if isinstance(step, kind)]

    @property
    def slept(self) -> float:
        return sum(step.seconds for step in self.asked(s.Sleep))


def test_an_entity_listed_twice_is_one() -> None:
    """Pages that overlap repeat an item: it is no leftover of itself."""
    one = entity("a", 1)
    script = Script([[one, one]])
    assert script.run(desired()).id == "a"
    assert not script.asked(s.Delete)


def test_a_list_that_lags_is_repeated() -> None:
    """As long as our own is missing, an older rival may be missing too."""
    own, rival = entity("own", 2), entity("rival", 1, OTHER)
    script = Script([[], [], [], [own, rival]], known=[own])
    assert script.run(desired()).id == "rival"
    assert [step.id for step in script.asked(s.Delete)] == ["own"]


def test_own_counts_where_the_list_never_shows_it() -> None:
    """The reply named it, so it is read by its id for its age."""
    script = Script([[], [entity("rival", 3, OTHER)]], known=[entity("own", 2)])
    assert script.run(desired()) == Outcome("own", created=True)


def test_a_rival_that_changes_hands_is_waited_for() -> None:
    """`enabled-finalizing` will be enabled: who ignored it would return what a later run deletes."""
    own = entity("own", 2)
    busy, ready = entity("rival", 1, OTHER, "enabled-finalizing"), entity("rival", 1, OTHER)
    script = Script([[], [own, busy], [own, ready]])
    assert script.run(desired()).id == "rival"


def test_somebody_elses_does_not_end_the_patience() -> None:
    """After a lost reply another task's entity proves nothing about ours, which may still be on its way."""
    rival, own = entity("rival", 1, OTHER), entity("own", 2)
    script = Script([[], [rival], [rival], [rival, own]], post=AepServerError("lost", status=503))
    assert script.run(desired()).id == "rival"
    assert [step.id for step in script.asked(s.Delete)] == ["own"]


def test_the_servers_wish_is_waited_for_before_another_post() -> None:
    """`Retry-After: 40` at a 503 means 40 seconds, the patience counted in."""
    script = Script([[]], post=AepServerError("busy", status=503, retry_after=40))
    with pytest.raises(AepServerError):
        script.run(desired())
    assert len(script.asked(s.Post)) == 3
    assert script.slept == pytest.approx(3 * 40)


def test_a_wish_too_long_for_a_worker_goes_up_at_once() -> None:
    """The list comes first, since a 429 can have taken effect; then Airflow's own retry waits."""
    script = Script([[]], post=AepThrottledError("slow", status=429, retry_after=3600))
    with pytest.raises(AepThrottledError):
        script.run(desired())
    assert (len(script.asked(s.Post)), len(script.asked(s.ListExisting)), script.slept) == (1, 2, 0)


def test_a_younger_leftover_that_failed_does_not_block_the_oldest() -> None:
    """It is ours and in nobody's way, so it is removed."""
    script = Script([[entity("a", 1), entity("b", 2, OTHER, "disabled")]])
    assert script.run(desired()).id == "a"
    assert [step.id for step in script.asked(s.Delete)] == ["b"]


@pytest.mark.parametrize("state", ["disabled", "draft"])
def test_what_cannot_be_used_is_named(state: str) -> None:
    """A human switched it off, or has not finished it."""
    with pytest.raises(EntityStateError, match=r"'a'|\ba\b"):
        Script([[entity("a", 1, None, state)]]).run(desired())


def test_every_turn_is_told() -> None:
    """The engineer on call reads what happened, not only how it ended."""
    own = entity("own", 2)
    script = Script([[], [own]], post=AepServerError("lost", status=503))
    script.run(desired())
    told = [step.text for step in script.asked(s.Decided)]
    assert any("create failed with AEP-E308" in text for text in told)
    assert any("took effect" in text for text in told)
    assert not any(re.search(r"Step \d", text) for text in told), "no number that only the code explains"
