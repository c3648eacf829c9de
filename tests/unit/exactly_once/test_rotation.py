"""New credentials over the old ones, and over nobody else's: each decision on its own."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, Outcome, replace_credentials
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AepNotFoundError,
    AepServerError,
    AepVersionError,
    EntityChangedError,
    EntityStateError,
)
from tests.harness.exactly_once import ScriptedDriver, typed

DESIRED = DesiredEntity("base connection", "PayPal", {}, "update", None)
TAKEN = AepVersionError("taken", status=412)
LOST = AepServerError("lost", status=503)


def shown(etag: str = "1", state: str = "enabled", **changes: Any) -> Entity:
    item = {"etag": etag, "name": "PayPal", "auth": {"specName": "a", "params": {"id": 1}}, **changes}
    return Entity("a", 1.0, state, etag, "", item)


def run(entity: Entity, updates: list[AepError | None], gets: list[Any]) -> tuple[Outcome, list[s.Step]]:
    """Answer the reconciliation's PATCHes and GETs in turn; its outcome and its steps."""
    driver = ScriptedDriver(update=updates or [None], get=gets or [None])
    return driver.play(replace_credentials(DESIRED, entity)), driver.steps


def updated(steps: list[s.Step]) -> list[Any]:
    return [step.entity.etag for step in steps if isinstance(step, s.Update)]


@pytest.mark.parametrize("state", ["enabled", "disabled"])
def test_one_patch_as_of_what_was_read(state: str) -> None:
    """A disabled one too: wrong credentials may be why."""
    outcome, steps = run(shown(state=state), [None], [])
    assert outcome == Outcome("a", created=False)
    assert typed(steps[:1]) == typed([s.Update(shown(state=state))])
    assert isinstance(steps[1], s.Decided)
    assert (steps[1].id, len(steps)) == ("a", 2)
    assert "the base connection 'PayPal'" in steps[1].text


def test_what_is_still_coming_up_is_waited_for() -> None:
    """A PATCH would be refused until it is set up."""
    _, steps = run(shown(state="initializing"), [None], [shown("2")])
    assert updated(steps) == ["2"]


def test_what_vanishes_while_it_comes_up_is_told() -> None:
    """By name and id, not as a turn of the reconciliation."""
    with pytest.raises(EntityStateError) as caught:
        run(shown(state="initializing"), [], [AepNotFoundError("gone", status=404)])
    assert caught.value.message == (
        "The base connection 'PayPal' was deleted meanwhile: a. Its credentials were not replaced. See who "
        "deleted it, then create it again."
    )


@pytest.mark.parametrize(
    "now",
    [
        shown("2", name="Another"),
        shown("1", updatedAt=5),
        shown("2", description="new", updatedAt=5, version="2"),
    ],
    ids=["renamed", "the same after all", "described"],
)
def test_a_change_of_something_else_is_no_hindrance(now: Entity) -> None:
    """It is read again, and the credentials are sent as of that."""
    _, steps = run(shown(), [TAKEN, None], [now])
    assert updated(steps) == ["1", now.etag]


@pytest.mark.parametrize(
    "now",
    [
        shown("2", auth={"specName": "b"}),
        shown("2", auth={"specName": "b"}, name="Another"),
        shown("2"),
        shown("2", updatedAt=5, updatedBy="x", updatedClient="y", version="2"),
        shown("1", auth=None),
    ],
    ids=["other auth", "all of it", "nothing to be seen", "only stamps", "the same etag"],
)
def test_somebody_elses_credentials_are_not_overwritten(now: Entity) -> None:
    """An etag that moved with nothing to be seen moved for what is not shown."""
    with pytest.raises(
        EntityChangedError, match=r"^Somebody else changed the base connection 'PayPal'.* a\."
    ) as caught:
        run(shown(), [TAKEN], [now])
    assert caught.value.message.endswith(
        "a. Nothing was overwritten. Find out in AEP who changed it and which credentials are right. To set "
        "those of this task, clear it."
    )


def test_a_second_rival_is_one_too_many() -> None:
    """Once more, and then whoever is on call decides."""
    with pytest.raises(AepVersionError):
        run(shown(), [TAKEN, TAKEN, None], [shown("2", name="b"), shown("3", name="c")])


def test_after_a_lost_reply_the_change_may_be_our_own() -> None:
    """So nothing is concluded from an etag that moved: the same is sent again."""
    _, steps = run(shown(), [LOST, TAKEN, None], [shown("2"), shown("3")])
    assert updated(steps) == ["1", "2", "3"]


def test_after_a_429_somebody_elses_credentials_are_not_overwritten() -> None:
    """The transport sent the PATCH again after a 429, which is a refusal: the change is not our own."""
    taken = AepVersionError("taken", status=412)
    taken.may_have_happened = True
    with pytest.raises(EntityChangedError):
        run(shown(), [taken], [shown("2")])
