"""Foresee a create: each way to end, without a change and without a sleep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, create_once, make_mark
from airflow_provider_aep.exactly_once.forecast import Action, Forecast, foresee
from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepNotFoundError,
    AepServerError,
    EntityExistsError,
)

OURS = make_mark("dag", "task", "an earlier run", -1)
CHANGED = Difference("schedule.interval", "1", 2)
FIXED = Difference("schedule.start", 1, 2, fixed="It cannot be changed.")


def entity(own: str = "a", created_at: float = 1, state: str = "enabled", mark: str = "") -> Entity:
    """Return an entity as AEP lists it."""
    return Entity(own, created_at, state, "etag", mark)


@dataclass
class Service:
    """What exists. It has no method that changes anything."""

    existing: Sequence[Entity] = ()
    differ: Sequence[Difference] = ()
    used: bool = False
    fails: Exception | None = None
    no_create: Exception | None = None
    changing: bool = True
    listed: int = field(default=0)

    def list_existing(self) -> Sequence[Entity]:
        self.listed += 1
        if self.fails:
            raise self.fails
        return self.existing

    def get(self, id: str) -> Entity:
        for one in self.existing:
            if one.id == id:
                return one
        raise AepNotFoundError("gone")

    def differences(self, _entity: Entity) -> Sequence[Difference]:
        return self.differ

    def dependants(self, _id: str) -> Sequence[str]:
        return ["another entity"] if self.used else []

    def check_create(self) -> None:
        if self.no_create:
            raise self.no_create

    def changes(self, _entity: Entity) -> bool:
        return self.changing


def told(service: Service, *, missing: str = "", drafts: bool = False, **options: str) -> Forecast:
    """Foresee the create of a base connection."""
    given = {"if_exists": "reuse", **options}
    desired = DesiredEntity("base connection", "A", {"name": "A"}, mark="own", drafts=drafts, **given)  # type: ignore[arg-type]
    return foresee(desired, create_once(desired), service, missing)


def test_nothing_exists() -> None:
    """The create is foreseen with the identity by which another task finds it."""
    forecast = told(Service())
    assert (forecast.action, forecast.id, forecast.fails) == (Action.CREATE, None, False)
    assert forecast.identity == ("base connection", ("name", "A"))


def test_a_create_that_would_fail() -> None:
    """It is a create, and the reason is the error."""
    forecast = told(Service(no_create=AepConfigError("`start` has passed.", parameter="start")))
    assert (forecast.action, forecast.fails) == (Action.CREATE, True)
    assert "`start` has passed" in forecast.reason


def test_nothing_exists_and_nothing_may_be_created() -> None:
    """It is a create that would fail. No other task counts on it."""
    forecast = told(Service(), if_missing="fail")
    assert (forecast.action, forecast.fails, forecast.identity) == (Action.CREATE, True, None)
    assert "`if_missing`" in forecast.reason


def test_one_exists() -> None:
    """It is reused, with its id as the result."""
    assert told(Service([entity()])) == Forecast(Action.REUSE, "a", result="a")


@pytest.mark.parametrize(
    ("options", "differ", "action", "fails"),
    [
        ({}, [CHANGED], Action.DIFFERS, False),
        ({"on_difference": "fail"}, [CHANGED], Action.DIFFERS, True),
        ({"if_exists": "update"}, [CHANGED], Action.UPDATE, False),
        ({"if_exists": "update"}, [FIXED], Action.DIFFERS, True),
        ({"if_exists": "fail"}, [], Action.DIFFERS, True),
    ],
)
def test_one_exists_and_options_decide(
    options: dict[str, str], differ: list[Difference], action: Action, fails: bool
) -> None:
    """The differences are told, and whether the task fails."""
    forecast = told(Service([entity()], differ), **options)
    assert (forecast.action, forecast.fails, forecast.id) == (action, fails, "a")
    assert list(forecast.differences) == differ
    assert bool(forecast.reason) is fails


def test_an_update_without_a_change_is_a_reuse() -> None:
    """If there is nothing to change, nothing is said to be changed."""
    assert told(Service([entity()], changing=False), if_exists="update").action is Action.REUSE


def test_another_thing_of_the_same_name() -> None:
    """The error of the comparison names the entity and the field."""
    error = EntityExistsError("Another schema.", differences=[CHANGED], entity_id="other")
    forecast = told(Service(fails=error))
    assert (forecast.action, forecast.id, forecast.differences) == (Action.DIFFERS, "other", (CHANGED,))


def test_several_exist_without_a_mark() -> None:
    """They are ambiguous. The list is read once, and nothing sleeps."""
    service = Service([entity("a"), entity("b", 2)])
    forecast = told(service)
    assert (forecast.action, forecast.id, forecast.fails) == (Action.AMBIGUOUS, None, True)
    assert "a, b" in forecast.reason
    assert service.listed == 1


def test_a_duplicate_of_this_provider_would_be_deleted() -> None:
    """That is a change, also if the oldest is reused."""
    forecast = told(Service([entity("a"), entity("b", 2, mark=OURS)]))
    assert (forecast.action, forecast.id) == (Action.UPDATE, "a")
    assert "b is deleted" in forecast.reason


def test_a_duplicate_in_use_stays() -> None:
    """The oldest is used if it has a mark, and the reason names both."""
    forecast = told(Service([entity("a", mark=OURS), entity("b", 2, mark=OURS)], used=True))
    assert (forecast.action, forecast.id) == (Action.REUSE, "a")
    assert "a, b" in forecast.reason


def test_a_draft_of_this_provider_would_be_published() -> None:
    """A task died before it published the draft."""
    forecast = told(Service([entity(state="draft", mark=OURS)]), drafts=True)
    assert (forecast.action, forecast.id) == (Action.UPDATE, "a")
    assert "published" in forecast.reason


def test_a_disabled_one_cannot_be_used() -> None:
    """The state is the difference, and the task fails."""
    forecast = told(Service([entity(state="disabled")]))
    assert (forecast.action, forecast.id, forecast.fails) == (Action.DIFFERS, "a", True)
    assert forecast.differences == (Difference("state", "disabled", "enabled"),)


def test_one_that_is_being_set_up_is_reused() -> None:
    """The reason says that the task waits."""
    forecast = told(Service([entity(state="initializing")]))
    assert (forecast.action, forecast.id) == (Action.REUSE, "a")
    assert "waits until a is ready" in forecast.reason


def test_one_that_is_being_removed_is_created_again() -> None:
    """The reason says that the task waits."""
    forecast = told(Service([entity(state="disabled-finalizing")]))
    assert forecast.action is Action.CREATE
    assert "waits until a is removed" in forecast.reason


@pytest.mark.parametrize(
    ("differ", "action", "fails"), [([], Action.UNKNOWN, None), ([CHANGED], Action.DIFFERS, True)]
)
def test_a_missing_parameter(differ: list[Difference], action: Action, fails: bool | None) -> None:
    """The entity cannot be compared, except for the fields that differ all the same."""
    forecast = told(Service([entity()], differ), missing="`columns` is unknown.")
    assert (forecast.action, forecast.id, forecast.fails) == (action, "a", fails)
    assert (forecast.reason, forecast.result) == ("`columns` is unknown.", None if differ else "a")


def test_an_error_of_aep_is_not_a_forecast() -> None:
    """It is raised: that AEP cannot be read is no evidence."""
    with pytest.raises(AepServerError):
        told(Service(fails=AepServerError("503")))
