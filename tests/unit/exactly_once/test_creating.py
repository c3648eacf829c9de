"""The recipe of creation, turn by turn: what is asked for, in which order, and what is concluded."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.exactly_once import Outcome, create_once
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.exactly_once.reconciler import MOST_POSTS, PATIENCE, SETTLING
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConnectError,
    AepRequestError,
    AepServerError,
    AepThrottledError,
    AmbiguousEntityError,
    EntityExistsError,
    EntityStateError,
    WorkerSlotError,
)
from tests.harness.exactly_once import GONE, LOST, MARK, NO, OTHER, TOKEN, create, entity, wanted, words
from tests.harness.stage import Stage


def test_nothing_stands() -> None:
    """Remember, look, post once, look for a race, keep: in this order."""
    outcome, stage = create(wanted(settle=1.5), look=[[], [entity("own")]], post=["own"])
    assert outcome == Outcome("own", created=True)
    text = "Created the flow 'n'"
    assert stage.steps == [
        s.Recall(), s.ListExisting(), s.Post(), s.Sleep(1.5), s.ListExisting(),
        s.Decided(text, "own"), s.Keep("own"),
    ]  # fmt: skip


@pytest.mark.parametrize("state", ["enabled", "initializing"])
def test_what_an_earlier_try_made_is_remembered(state: str) -> None:
    """It is read, waited for where it is still coming up, and that is the answer."""
    outcome, stage = create(wanted(), recall=["a"], get=[entity("a", state=state), entity("a")])
    assert outcome == Outcome("a", created=False)
    assert not stage.asked(s.ListExisting)
    assert set(stage.asked(s.Get)) == {s.Get("a")}
    assert stage.told[-1] == ("Reused the flow 'n', which an earlier try of this task created", "a", False)
    assert stage.steps[-1] == s.Keep("a")


@pytest.mark.parametrize(
    "gets",
    [[GONE], [entity("a", state="disabled")], [entity("a", state="delete-finalizing")],
     [entity("a", state="initializing"), GONE]],
    ids=["gone", "disabled", "leaving", "gone while it came up"],
)  # fmt: skip
def test_a_memory_that_no_longer_holds_is_no_answer(gets: list[Any]) -> None:
    """The recipe looks, as if there were none."""
    outcome, stage = create(wanted(), recall=["a"], get=gets, look=[[entity("b")]])
    assert outcome.id == "b"
    assert "an earlier try" not in words(stage)


def test_what_vanishes_sends_back_to_the_look_once() -> None:
    """A second time somebody is at work who must be found."""
    order = wanted(if_exists="update")
    outcome, stage = create(order, look=[[entity("a")], []], update=[GONE], post=["b"], get=[entity("b")])
    assert outcome == Outcome("b", created=True)
    assert "The flow 'n' was deleted while this task used it. Listing what exists again" in words(stage)
    stage = Stage(look=[[entity("a")]], update=[GONE])
    with pytest.raises(EntityStateError, match=r"^The flow 'n' was deleted twice.*See who") as caught:
        stage.play(create_once(order))
    assert caught.value.retryable
    assert len(stage.asked(s.Update)) == 2


def test_a_lost_reply_is_looked_for_with_patience() -> None:
    """Its effect can take a while to show; by the mark it is known as ours, also under `fail`."""
    own = entity("own")
    outcome, stage = create(wanted(if_exists="fail"), look=[[], [], [], [own]], post=[LOST])
    assert outcome == Outcome("own", created=True)
    assert stage.slept == list(PATIENCE[:3])
    assert len(stage.asked(s.Post)) == 1
    text = "Created the flow 'n'. The create had failed or its reply was lost, but it took effect"
    assert text in words(stage)


def test_without_a_mark_whatever_stands_after_a_lost_reply_is_taken() -> None:
    """It cannot be told from somebody else's."""
    outcome, stage = create(wanted(mark=None), look=[[], [entity("a", mark=None)]], post=[LOST])
    assert outcome == Outcome("a", created=False)
    assert stage.slept == [PATIENCE[0]]


def test_posts_are_few() -> None:
    """Each after all the patience; then the failure goes up as it is."""
    stage = Stage(look=[[]], post=[LOST])
    with pytest.raises(AepServerError):
        stage.play(create_once(wanted()))
    assert len(stage.asked(s.Post)) == MOST_POSTS
    assert stage.slept == [*PATIENCE] * MOST_POSTS


@pytest.mark.parametrize(
    ("error", "posts", "looks"),
    [
        (NO, 1, 1),
        (TOKEN, 2, 3),
        (AepAuthError("no", status=403), 1, 1),
        (AepConnectError("no"), 3, 4),
        (AepThrottledError("slow", status=429, retry_after=2), 3, 4),
        (AepThrottledError("slow", status=429, retry_after=600), 1, 2),
    ],
    ids=["400", "401", "403", "not sent", "429", "429 for long"],
)
def test_what_may_be_posted_again(error: Exception, posts: int, looks: int) -> None:
    """A refused token once, since it is renewed; what never happened or is throttled; nothing else."""
    stage = Stage(look=[[]], post=[error])
    with pytest.raises(type(error)):
        stage.play(create_once(wanted()))
    assert (len(stage.asked(s.Post)), len(stage.asked(s.ListExisting))) == (posts, looks)
    assert f"The create failed with {error.brief}. Listing what exists" in words(stage)
    assert error.message not in words(stage), "the task's log has it already"


def test_what_was_never_sent_needs_no_patience() -> None:
    """A look after a short wait is enough."""
    stage = Stage(look=[[]], post=[AepConnectError("no")])
    with pytest.raises(AepConnectError):
        stage.play(create_once(wanted()))
    assert stage.slept == [0.5] * MOST_POSTS
    stage = Stage(look=[[]], post=[TOKEN, "own"], get=[entity("own")])
    stage.play(create_once(wanted()))
    assert stage.slept == list(SETTLING)


def test_somebody_else_was_faster() -> None:
    """After a lost reply that was none, theirs is what stands."""
    with pytest.raises(EntityExistsError):
        create(wanted(if_exists="fail"), look=[[], [entity("a", mark=OTHER)]], post=[LOST])
    outcome, stage = create(wanted(), look=[[], [entity("a", mark=OTHER)]], post=[LOST])
    assert outcome == Outcome("a", created=False)
    assert stage.slept == list(PATIENCE)


def test_what_is_leaving_is_waited_for() -> None:
    """Longer each time; then it is told, and a retry may find it gone."""
    leaving = entity("a", state="delete-finalizing")
    outcome, stage = create(wanted(), look=[[leaving], [leaving], [], [entity("b")]], post=["b"])
    assert outcome.id == "b"
    assert stage.slept == [0.5, 1.0]
    stage = Stage(look=[[leaving]])
    with pytest.raises(EntityStateError, match=r"'delete-finalizing' for more than 22\.5 s: a") as caught:
        stage.play(create_once(wanted(wait_timeout=22.5)))
    assert caught.value.retryable
    assert stage.slept == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_several_are_given_time_to_settle() -> None:
    """A race leaves two for a moment."""
    two = [entity("a", 1), entity("b", 2)]
    outcome, stage = create(wanted(), look=[two, two, two[:1]])
    assert outcome.id == "a"
    assert stage.slept == list(SETTLING[:2])
    assert not stage.asked(s.Delete)


def test_leftovers_of_ours_are_removed() -> None:
    """The oldest is kept; each removal is told."""
    three = [entity("c", 3), entity("a", 1, None), entity("b", 2, OTHER)]
    outcome, stage = create(wanted(), look=[three])
    assert outcome.id == "a"
    assert stage.slept == list(SETTLING)
    assert stage.asked(s.Dependants) == [s.Dependants("b"), s.Dependants("c")]
    assert stage.asked(s.Delete) == [s.Delete("b"), s.Delete("c")]
    text = "Deleted b, a duplicate made by Airflow's dag.other, and kept the flow 'n'"
    assert (text, "a", False) in stage.told


@pytest.mark.parametrize(
    "answers",
    [{"dependants": [["x"]]}, {"dependants": [NO]}, {"delete": [NO]}],
    ids=["in use", "cannot be told", "cannot be deleted"],
)
@pytest.mark.parametrize("mark", [MARK, None], ids=["ours", "by hand"])
def test_leftovers_that_stay(answers: dict[str, list[Any]], mark: str | None) -> None:
    """If the oldest is ours it is the answer, with a warning; else nobody guesses."""
    two = [entity("a", 1, mark), entity("b", 2)]
    stage = Stage(look=[two], **answers)
    if mark is None:
        with pytest.raises(
            AmbiguousEntityError, match=r"^Several entities exist as the flow 'n': a, b\. This task may not"
        ):
            stage.play(create_once(wanted()))
        return
    assert stage.play(create_once(wanted())).id == "a"
    text = "Several entities exist as the flow 'n': a, b. The oldest is used"
    assert (text, "a", True) in stage.told


def test_only_what_stays_is_named() -> None:
    """What was removed is nobody's to delete any more; what is gone already counts as removed."""
    three = [entity("a", 1, None), entity("b", 2), entity("c", 3, None)]
    with pytest.raises(AmbiguousEntityError, match=": a, c\\. "):
        create(wanted(), look=[three], delete=[GONE])


@pytest.mark.parametrize("state", ["disabled", "draft"])
def test_what_cannot_be_used(state: str) -> None:
    """A younger one of ours is removed; anybody else's, or the oldest, is a human's to see to."""
    standing = [entity("a"), entity("b", 2, OTHER, state)]
    assert create(wanted(), look=[standing])[0].id == "a"
    for bad in ([entity("a", 1, MARK, state)], [entity("a"), entity("b", 2, None, state)]):
        with pytest.raises(EntityStateError, match=f"'{state}'"):
            create(wanted(), look=[bad])
    late = [[entity("a"), entity("b", 2)]] * len(SETTLING) + [[entity("a"), entity("b", 2, None, state)]]
    with pytest.raises(EntityStateError, match=f"'{state}': b"):
        create(wanted(), look=late)


def test_a_leftover_draft_is_published() -> None:
    """Its maker died before; the same order goes on with it."""
    draft = entity("a", 1, OTHER, "draft")
    outcome, stage = create(wanted(drafts=True), look=[[draft]], get=[entity("a", 1, OTHER)])
    assert outcome.id == "a"
    assert stage.asked(s.Publish) == [s.Publish("a")]


@pytest.mark.parametrize(("wish", "slept"), [(60.0, 60.0), (60.5, 0.0)])
def test_a_wish_is_done_up_to_a_minute(wish: float, slept: float) -> None:
    """Beyond that it is for Airflow's own retry to wait."""
    stage = Stage(look=[[]], post=[AepThrottledError("slow", status=429, retry_after=wish), NO])
    with pytest.raises((AepThrottledError, AepRequestError)):
        stage.play(create_once(wanted()))
    assert stage.slept == ([slept] if slept else [])


@pytest.mark.parametrize("error", [TOKEN, AepConnectError("no"), LOST], ids=["401", "not sent", "lost"])
def test_what_is_leaving_after_a_failed_post_is_waited_for(error: Exception) -> None:
    """Within the same bound as at any other time."""
    leaving = entity("a", state="delete-finalizing")
    stage = Stage(look=[[], [leaving]], post=[error])
    with pytest.raises(EntityStateError, match="for more than 1 s: a"):
        stage.play(create_once(wanted(wait_timeout=1.0)))


def test_what_is_left_of_a_wish_is_slept_after_the_patience() -> None:
    """The server asked for ten and a half seconds, and ten were spent looking."""
    stage = Stage(look=[[]], post=[AepServerError("busy", status=503, retry_after=10.5), NO])
    with pytest.raises(AepRequestError):
        stage.play(create_once(wanted()))
    assert stage.slept == [*PATIENCE, 0.5]


def test_what_is_leaving_past_the_slot_is_for_a_retry() -> None:
    """Here as well as where something comes up: the error says since when, and what to come back for."""
    leaving = entity("a", state="delete-finalizing")
    stage = Stage(look=[[leaving]], sleep=[None, WorkerSlotError("enough")])
    with pytest.raises(EntityStateError) as caught:
        stage.play(create_once(wanted(wait_timeout=10.0)))
    start = "The flow 'n' is 'delete-finalizing' after 0.5 s, and the sleep budget"
    assert caught.value.message.startswith(f"{start} of a try in a worker slot is used up: a")
    assert caught.value.retry_after == 9.5


def test_what_is_looked_at_again_is_waited_for_where_it_leaves() -> None:
    """Of several one may be on its way out by the second look."""
    pair, leaving = [entity("a", 1.0), entity("b", 2.0)], entity("b", 2.0, state="delete-finalizing")
    outcome, stage = create(wanted(), look=[pair, [entity("a", 1.0), leaving], [entity("a", 1.0)]])
    assert outcome == Outcome("a", created=False)
    assert len(stage.asked(s.ListExisting)) == 3


def test_what_stands_is_told_as_found_by_the_look() -> None:
    """The log says which step decided."""
    _, stage = create(wanted(), look=[[entity("a")]])
    assert words(stage).startswith("Found an existing one: reused the flow 'n'")


def test_of_entities_that_are_alike_any_will_do() -> None:
    """None carries a mark and none can be deleted: the oldest is used at once, whatever `if_exists` says."""
    two = [entity("b", 2, None), entity("a", 1, None)]
    for if_exists in ("reuse", "fail"):
        outcome, stage = create(wanted(alike=True, mark=None, if_exists=if_exists), look=[two])
        assert outcome == Outcome("a", created=False)
        assert stage.slept == stage.asked(s.Delete) == []
        assert stage.told == [("Found an existing one: reused the flow 'n'", "a", False)]


def test_what_is_alike_is_not_raced_for() -> None:
    """Two made at the same moment do no harm, so nobody looks once more."""
    outcome, stage = create(wanted(alike=True, mark=None, settle=1.0), look=[[]], post=["own"])
    assert outcome == Outcome("own", created=True)
    assert (len(stage.asked(s.ListExisting)), stage.slept) == (1, [])
    outcome, stage = create(wanted(alike=True, mark=None), look=[[], [entity("a", 1, None)]], post=[LOST])
    assert outcome == Outcome("a", created=False)
    assert len(stage.asked(s.Post)) == 1
