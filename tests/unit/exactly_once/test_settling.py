"""After an own POST: who else was at it, and who stays."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.exactly_once import Outcome, create_once
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.exactly_once.reconciler import SETTLING
from airflow_provider_aep.flow_service.errors import AmbiguousEntityError
from tests.harness.exactly_once import GONE, NO, OTHER, ScriptedDriver, create, desired, entity, words


def test_a_race_is_lost() -> None:
    """The older entity stays; ours is deleted, and the older one is the result."""
    own, rival = entity("own", 2), entity("rival", 1, OTHER)
    outcome, driver = create(desired(), listed=[[], [own, rival]], post=["own"])
    assert outcome == Outcome("rival", created=False)
    assert driver.asked(s.Delete) == [s.Delete("own")]
    assert "Another task was first. own of this task was deleted. Reused the flow 'n'" in words(driver)
    assert "could not be deleted" not in words(driver)


def test_of_two_of_the_same_age_all_agree_on_one() -> None:
    """By the id, for every task that lists them."""
    outcome, _ = create(desired(), listed=[[], [entity("b"), entity("a", mark=OTHER)]], post=["b"])
    assert outcome.id == "a"


def test_what_does_not_count_wins_no_race() -> None:
    """A disabled one, or a human's draft, is not what was desired."""
    for state in ("disabled", "draft"):
        older = entity("a", 1, None, state)
        outcome, driver = create(desired(drafts=True), listed=[[], [older, entity("own", 2)]], post=["own"])
        assert outcome == Outcome("own", created=True)
        assert not driver.asked(s.Delete)


def test_an_own_that_cannot_be_deleted_at_once_is_waited_for() -> None:
    """An entity that is being set up can refuse to be deleted at first."""
    own, rival = entity("own", 2), entity("rival", 1, OTHER)
    answers: dict[str, list[Any]] = {"listed": [[], [own, rival]], "post": ["own"]}
    outcome, driver = create(desired(), **answers, delete=[NO, None], get=[own])
    assert outcome.id == "rival"
    assert driver.asked(s.Delete) == [s.Delete("own")] * 2
    assert driver.asked(s.Get) == [s.Get("own")]
    assert "could not be deleted" not in words(driver)
    outcome, driver = create(desired(), **answers, delete=[NO], get=[GONE])
    assert outcome.id == "rival"
    assert len(driver.asked(s.Delete)) == 1
    assert "could not be deleted" not in words(driver)


@pytest.mark.parametrize("get", [NO, entity("own", 2)], ids=["cannot be read", "exists"])
def test_an_own_that_cannot_be_deleted_is_told(get: Any) -> None:
    """A later run removes it, if the survivor is of this provider; else somebody has to."""
    for mark in (OTHER, None):
        driver = ScriptedDriver(
            listed=[[], [entity("own", 2), entity("rival", 1, mark)]], post=["own"], delete=[NO], get=[get]
        )
        if mark is None:
            said = r"^Two entities exist as the flow 'n': rival and own\. .*Delete own"
            with pytest.raises(AmbiguousEntityError, match=said) as caught:
                driver.play(create_once(desired()))
            assert caught.value.retryable
        else:
            assert driver.play(create_once(desired())).id == "rival"
        assert driver.asked(s.Delete) == [s.Delete("own")] * 2
        text = (
            "Another task created the flow 'n' first, and own of this task could not be deleted. A later run "
            "deletes it if nothing depends on it"
        )
        assert (text, "own", True) in driver.told
        assert "was deleted" not in words(driver)


def test_an_own_that_shows_nowhere_exists_all_the_same() -> None:
    """Neither list nor read has caught up with the reply; as a draft it is published."""
    outcome, driver = create(desired(), listed=[[]], post=["own"], get=[GONE])
    assert outcome == Outcome("own", created=True)
    assert driver.slept == list(SETTLING)
    outcome, driver = create(desired(drafts=True), listed=[[]], post=["own"], get=[GONE, entity("own")])
    assert outcome == Outcome("own", created=True)
    assert driver.asked(s.Publish) == [s.Publish("own")]


def test_a_list_that_lags_is_told() -> None:
    """A warning names the lag, the bound, and the setting: the next race may be beyond the bound."""
    own = entity("own")
    _, driver = create(desired(settle=1.0), listed=[[], [], [], [own]], post=["own"])
    assert driver.slept == [1.0, *SETTLING[:2]]
    [(text, about, warning)] = [told for told in driver.told if "AEP listed" in told[0]]
    assert (about, warning) == ("own", True)
    assert text.startswith("AEP listed the flow 'n' only about 2.5 s after this task created it. Tasks")
    assert (
        "as long as AEP lists a new one within 9 s, and entities in the order of their creation. Set" in text
    )
    assert ", now 1, to more seconds" in text


def test_a_list_that_lags_beyond_the_bound_is_told() -> None:
    """Then a second entity can exist, and only a human can find out."""
    for get in (GONE, entity("own")):
        _, driver = create(desired(settle=1.0), listed=[[]], post=["own"], get=[get])
        [(text, about, warning)] = [told for told in driver.told if "AEP listed" in told[0]]
        assert (about, warning) == ("own", True)
        assert "not within 9 s after this task created it. Check in AEP for a second one." in text


def test_a_list_that_does_not_lag_is_not_told() -> None:
    """Nor is one that shows a rival who has deleted ours."""
    _, driver = create(desired(settle=1.0), listed=[[], [entity("own")]], post=["own"])
    assert "AEP listed" not in words(driver)
    rival = entity("rival", 1, OTHER)
    _, driver = create(desired(), listed=[[], [rival]], post=["own"], get=[GONE], delete=[GONE])
    assert "AEP listed" not in words(driver)


def test_an_own_that_was_deleted_by_a_rival() -> None:
    """Another task's entity exists and ours is deleted: the race is settled."""
    outcome, _ = create(
        desired(), listed=[[], [entity("rival", 1, OTHER)]], post=["own"], get=[GONE], delete=[GONE]
    )
    assert outcome == Outcome("rival", created=False)


def test_own_is_not_waited_for_as_one_that_leaves() -> None:
    """This try's entity counts in every state. Another one that is being removed is polled."""
    own = entity("own", 2, state="enabled-finalizing")
    outcome, driver = create(desired(), listed=[[], [own]], post=["own"], get=[entity("own", 2)])
    assert outcome == Outcome("own", created=True)
    assert driver.slept == [0.5]


def test_an_own_that_comes_up_is_waited_for() -> None:
    """Its id is returned when it can be used, like that of an entity that existed before."""
    coming = entity("own", state="initializing")
    outcome, driver = create(desired(), listed=[[], [coming]], post=["own"], get=[coming, entity("own")])
    assert outcome == Outcome("own", created=True)
    assert "The flow 'n' is 'initializing'; waiting for it" in words(driver)
    outcome, driver = create(desired(), listed=[[coming]], get=[entity("own")])
    assert outcome == Outcome("own", created=False)
    assert "The flow 'n' is 'initializing'; waiting for it" in words(driver)


def test_a_short_settling_is_slept_too() -> None:
    """Half a second of it as much as a long one."""
    _, driver = create(desired(settle=0.5), listed=[[], [entity("own")]], post=["own"])
    assert driver.slept == [0.5]
