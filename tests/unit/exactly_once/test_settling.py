"""After an own POST: who else was at it, and who stays."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.exactly_once import Outcome, create_once
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.exactly_once.reconciler import SETTLING
from airflow_provider_aep.flow_service.errors import AmbiguousEntityError
from tests.harness.exactly_once import GONE, NO, OTHER, create, entity, wanted, words
from tests.harness.stage import Stage


def test_a_race_is_lost() -> None:
    """The older one stands; ours is deleted and theirs is the answer."""
    own, rival = entity("own", 2), entity("rival", 1, OTHER)
    outcome, stage = create(wanted(), look=[[], [own, rival]], post=["own"])
    assert outcome == Outcome("rival", created=False)
    assert stage.asked(s.Delete) == [s.Delete("own")]
    assert "Another task was first; own of this task was deleted; reused the flow 'n'" in words(stage)
    assert "could not be deleted" not in words(stage)


def test_of_two_of_the_same_age_all_agree_on_one() -> None:
    """By the id, whoever looks."""
    outcome, _ = create(wanted(), look=[[], [entity("b"), entity("a", mark=OTHER)]], post=["b"])
    assert outcome.id == "a"


def test_what_does_not_count_wins_no_race() -> None:
    """A disabled one, or a human's draft, is not what was wanted."""
    for state in ("disabled", "draft"):
        older = entity("a", 1, None, state)
        outcome, stage = create(wanted(drafts=True), look=[[], [older, entity("own", 2)]], post=["own"])
        assert outcome == Outcome("own", created=True)
        assert not stage.asked(s.Delete)


def test_an_own_that_cannot_be_deleted_at_once_is_waited_for() -> None:
    """What is still being set up may refuse until it stands."""
    own, rival = entity("own", 2), entity("rival", 1, OTHER)
    answers: dict[str, list[Any]] = {"look": [[], [own, rival]], "post": ["own"]}
    outcome, stage = create(wanted(), **answers, delete=[NO, None], get=[own])
    assert outcome.id == "rival"
    assert stage.asked(s.Delete) == [s.Delete("own")] * 2
    assert stage.asked(s.Get) == [s.Get("own")]
    assert "could not be deleted" not in words(stage)
    outcome, stage = create(wanted(), **answers, delete=[NO], get=[GONE])
    assert outcome.id == "rival"
    assert len(stage.asked(s.Delete)) == 1
    assert "could not be deleted" not in words(stage)


@pytest.mark.parametrize("get", [NO, entity("own", 2)], ids=["cannot be read", "stands"])
def test_an_own_that_cannot_be_deleted_is_told(get: Any) -> None:
    """A later run removes it, if the survivor is of this provider; else somebody has to."""
    for mark in (OTHER, None):
        stage = Stage(
            look=[[], [entity("own", 2), entity("rival", 1, mark)]], post=["own"], delete=[NO], get=[get]
        )
        if mark is None:
            said = r"^Two entities exist as the flow 'n': rival and own\. .*Delete own"
            with pytest.raises(AmbiguousEntityError, match=said) as caught:
                stage.play(create_once(wanted()))
            assert caught.value.retryable
        else:
            assert stage.play(create_once(wanted())).id == "rival"
        assert stage.asked(s.Delete) == [s.Delete("own")] * 2
        text = (
            "Another task created the flow 'n' first, and own of this task could not be deleted. A later run "
            "deletes it"
        )
        assert (text, "own", True) in stage.told


def test_an_own_that_shows_nowhere_stands_all_the_same() -> None:
    """Neither list nor read has caught up with the reply; as a draft it is published."""
    outcome, stage = create(wanted(), look=[[]], post=["own"], get=[GONE])
    assert outcome == Outcome("own", created=True)
    assert stage.slept == list(SETTLING)
    outcome, stage = create(wanted(drafts=True), look=[[]], post=["own"], get=[GONE, entity("own")])
    assert outcome == Outcome("own", created=True)
    assert stage.asked(s.Publish) == [s.Publish("own")]


def test_a_list_that_lags_is_told() -> None:
    """A warning names the lag, the bound, and the setting: the next race may be beyond the bound."""
    own = entity("own")
    _, stage = create(wanted(settle=1.0), look=[[], [], [], [own]], post=["own"])
    assert stage.slept == [1.0, *SETTLING[:2]]
    [(text, about, warning)] = [told for told in stage.told if "AEP listed" in told[0]]
    assert (about, warning) == ("own", True)
    assert text.startswith("AEP listed the flow 'n' only about 2.5 s after this task created it. Tasks")
    assert "as long as AEP lists a new one within 9 s. Set `[aep] settle` in Airflow's" in text
    assert ", now 1, to more seconds" in text


def test_a_list_that_lags_beyond_the_bound_is_told() -> None:
    """Then there may be a second one, and only a human can look."""
    for get in (GONE, entity("own")):
        _, stage = create(wanted(settle=1.0), look=[[]], post=["own"], get=[get])
        [(text, about, warning)] = [told for told in stage.told if "AEP listed" in told[0]]
        assert (about, warning) == ("own", True)
        assert "not within 9 s after this task created it. Check in AEP for a second one." in text


def test_a_list_that_does_not_lag_is_not_told() -> None:
    """Nor is one that shows a rival who has deleted ours."""
    _, stage = create(wanted(settle=1.0), look=[[], [entity("own")]], post=["own"])
    assert "AEP listed" not in words(stage)
    rival = entity("rival", 1, OTHER)
    _, stage = create(wanted(), look=[[], [rival]], post=["own"], get=[GONE], delete=[GONE])
    assert "AEP listed" not in words(stage)


def test_an_own_that_was_deleted_by_a_rival() -> None:
    """Theirs stands, ours is gone: that is settled."""
    outcome, _ = create(
        wanted(), look=[[], [entity("rival", 1, OTHER)]], post=["own"], get=[GONE], delete=[GONE]
    )
    assert outcome == Outcome("rival", created=False)


def test_own_is_not_waited_for_as_one_that_leaves() -> None:
    """What this try made counts whatever its state; another that leaves is looked at again."""
    own = entity("own", 2, state="enabled-finalizing")
    outcome, stage = create(wanted(), look=[[], [own]], post=["own"], get=[entity("own", 2)])
    assert outcome == Outcome("own", created=True)
    assert stage.slept == [0.5]


def test_an_own_that_comes_up_is_waited_for() -> None:
    """Its id is handed on when it can be used; so is one that stood before."""
    coming = entity("own", state="initializing")
    outcome, stage = create(wanted(), look=[[], [coming]], post=["own"], get=[coming, entity("own")])
    assert outcome == Outcome("own", created=True)
    assert "The flow 'n' is 'initializing'; waiting for it" in words(stage)
    outcome, stage = create(wanted(), look=[[coming]], get=[entity("own")])
    assert outcome == Outcome("own", created=False)
    assert "The flow 'n' is 'initializing'; waiting for it" in words(stage)


def test_a_short_settling_is_slept_too() -> None:
    """Half a second of it as much as a long one."""
    _, stage = create(wanted(settle=0.5), look=[[], [entity("own")]], post=["own"])
    assert stage.slept == [0.5]
