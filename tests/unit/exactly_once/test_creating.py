"""The reconciliation of creation, turn by turn: what is asked for, in which order, and what is concluded."""

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
    AepTimeoutError,
    AmbiguousEntityError,
    EntityExistsError,
    EntityStateError,
    WorkerSlotError,
)
from tests.harness.exactly_once import (
    GONE,
    LOST,
    MARK,
    NO,
    OTHER,
    TOKEN,
    ScriptedDriver,
    create,
    desired,
    entity,
    typed,
    words,
)


def test_nothing_exists() -> None:
    """Recall, list, post once, list for a race, keep: in this order."""
    outcome, driver = create(desired(settle=1.5), listed=[[], [entity("own")]], post=["own"])
    assert outcome == Outcome("own", created=True)
    text = "Created the flow 'n'"
    assert typed(driver.steps) == typed([
        s.Recall(), s.ListExisting(), s.Post(), s.Sleep(1.5), s.ListExisting(),
        s.Decided(text, "own"), s.Keep("own"),
    ])  # fmt: skip


@pytest.mark.parametrize("state", ["enabled", "initializing"])
def test_what_an_earlier_try_made_is_remembered(state: str) -> None:
    """It is read, waited for where it is still coming up, and that is the answer."""
    outcome, driver = create(desired(), recall=["a"], get=[entity("a", state=state), entity("a")])
    assert outcome == Outcome("a", created=False)
    assert not driver.asked(s.ListExisting)
    assert set(driver.asked(s.Get)) == {s.Get("a")}
    assert driver.told[-1] == ("Reused the flow 'n', whose id an earlier try of this task stored", "a", False)
    assert not driver.asked(s.Keep)


def test_a_first_try_has_nothing_to_recall() -> None:
    """Reading the store is a request to Airflow's API server. What the try creates is kept for a retry."""
    outcome, driver = create(desired(first_try=True), listed=[[], [entity("own")]], post=["own"])
    assert outcome == Outcome("own", created=True)
    assert not driver.asked(s.Recall)
    assert driver.asked(s.Keep) == [s.Keep("own")]


def test_a_last_try_keeps_nothing() -> None:
    """No retry follows that could recall it."""
    outcome, driver = create(desired(last_try=True), listed=[[], [entity("own")]], post=["own"])
    assert outcome == Outcome("own", created=True)
    assert not driver.asked(s.Keep)


@pytest.mark.parametrize("first_try", [True, False])
@pytest.mark.parametrize("if_exists", ["reuse", "update"])
def test_an_entity_that_exists_is_not_kept(if_exists: str, first_try: bool) -> None:
    """A retry finds it in the list again, so storing its id would be a request for nothing."""
    outcome, driver = create(desired(if_exists=if_exists, first_try=first_try), listed=[[entity("a")]])
    assert outcome == Outcome("a", created=False)
    assert not driver.asked(s.Keep)


@pytest.mark.parametrize(
    "gets",
    [[GONE], [entity("a", state="disabled")], [entity("a", state="delete-finalizing")],
     [entity("a", state="initializing"), GONE]],
    ids=["gone", "disabled", "leaving", "gone while it came up"],
)  # fmt: skip
def test_a_memory_that_no_longer_holds_is_no_answer(gets: list[Any]) -> None:
    """The reconciliation lists, as if no id was kept."""
    outcome, driver = create(desired(), recall=["a"], get=gets, listed=[[entity("b")]])
    assert outcome.id == "b"
    assert "an earlier try" not in words(driver)


def test_after_an_entity_vanishes_the_list_is_repeated_once() -> None:
    """If it vanishes twice, somebody else deletes it and must be found."""
    order = desired(if_exists="update")
    outcome, driver = create(order, listed=[[entity("a")], []], update=[GONE], post=["b"], get=[entity("b")])
    assert outcome == Outcome("b", created=True)
    assert "The flow 'n' was deleted while this task used it. Listing what exists again" in words(driver)
    driver = ScriptedDriver(listed=[[entity("a")]], update=[GONE])
    with pytest.raises(EntityStateError, match=r"^The flow 'n' was deleted twice.*See who") as caught:
        driver.play(create_once(order))
    assert caught.value.retryable
    assert len(driver.asked(s.Update)) == 2


def test_a_lost_reply_is_polled_for_with_patience() -> None:
    """Its effect can take a while to show; by the mark it is known as ours, also under `fail`."""
    own = entity("own")
    outcome, driver = create(desired(if_exists="fail"), listed=[[], [], [], [own]], post=[LOST])
    assert outcome == Outcome("own", created=True)
    assert driver.slept == list(PATIENCE[:3])
    assert len(driver.asked(s.Post)) == 1
    text = "Created the flow 'n'. The create had failed or its reply was lost, but it took effect"
    assert text in words(driver)


def test_without_a_mark_any_entity_after_a_lost_reply_is_used() -> None:
    """Nothing distinguishes it from another task's."""
    outcome, driver = create(desired(mark=None), listed=[[], [entity("a", mark=None)]], post=[LOST])
    assert outcome == Outcome("a", created=False)
    assert driver.slept == [PATIENCE[0]]


def test_posts_are_few() -> None:
    """Each after all the patience; then the failure goes up as it is."""
    driver = ScriptedDriver(listed=[[]], post=[LOST])
    with pytest.raises(AepServerError):
        driver.play(create_once(desired()))
    assert len(driver.asked(s.Post)) == MOST_POSTS
    assert driver.slept == [*PATIENCE] * MOST_POSTS


@pytest.mark.parametrize(
    ("error", "posts", "lists"),
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
def test_what_may_be_posted_again(error: Exception, posts: int, lists: int) -> None:
    """A refused token once, since it is renewed; what never happened or is throttled; nothing else."""
    driver = ScriptedDriver(listed=[[]], post=[error])
    with pytest.raises(type(error)):
        driver.play(create_once(desired()))
    assert (len(driver.asked(s.Post)), len(driver.asked(s.ListExisting))) == (posts, lists)
    assert words(driver).count(f"The create failed with {error.brief}") == posts
    assert words(driver).count(". Listing what exists") == lists - 1, "a list follows"
    assert error.message not in words(driver), "the task's log has it already"


def test_what_was_never_sent_needs_no_patience() -> None:
    """One list after a short wait is enough."""
    driver = ScriptedDriver(listed=[[]], post=[AepConnectError("no")])
    with pytest.raises(AepConnectError):
        driver.play(create_once(desired()))
    assert driver.slept == [0.5] * MOST_POSTS
    no_token = AepTimeoutError("IMS is slow")
    no_token.may_have_happened = False
    driver = ScriptedDriver(listed=[[]], post=[no_token])
    with pytest.raises(AepTimeoutError):
        driver.play(create_once(desired()))
    assert driver.slept == [0.5] * MOST_POSTS
    driver = ScriptedDriver(listed=[[]], post=[TOKEN, "own"], get=[entity("own")])
    driver.play(create_once(desired()))
    assert driver.slept == list(SETTLING)


def test_somebody_else_was_faster() -> None:
    """The POST had no effect: the entity of the other task is used."""
    with pytest.raises(EntityExistsError):
        create(desired(if_exists="fail"), listed=[[], [entity("a", mark=OTHER)]], post=[LOST])
    outcome, driver = create(desired(), listed=[[], [entity("a", mark=OTHER)]], post=[LOST])
    assert outcome == Outcome("a", created=False)
    assert driver.slept == list(PATIENCE)


def test_what_is_leaving_is_waited_for() -> None:
    """Longer each time; then it is told, and a retry may find it gone."""
    leaving = entity("a", state="delete-finalizing")
    outcome, driver = create(desired(), listed=[[leaving], [leaving], [], [entity("b")]], post=["b"])
    assert outcome.id == "b"
    assert driver.slept == [0.5, 1.0]
    driver = ScriptedDriver(listed=[[leaving]])
    with pytest.raises(EntityStateError, match=r"'delete-finalizing' for more than 22\.5 s: a") as caught:
        driver.play(create_once(desired(wait_timeout=22.5)))
    assert caught.value.retryable
    assert driver.slept == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_several_are_given_time_to_settle() -> None:
    """A race leaves two entities for a short time."""
    two = [entity("a", 1), entity("b", 2)]
    outcome, driver = create(desired(), listed=[two, two, two[:1]])
    assert outcome.id == "a"
    assert driver.slept == list(SETTLING[:2])
    assert not driver.asked(s.Delete)


def test_leftovers_of_ours_are_removed() -> None:
    """The oldest is kept; each removal is told."""
    three = [entity("c", 3), entity("a", 1, None), entity("b", 2, OTHER)]
    outcome, driver = create(desired(), listed=[three])
    assert outcome.id == "a"
    assert driver.slept == list(SETTLING)
    assert driver.asked(s.Dependants) == [s.Dependants("b"), s.Dependants("c")]
    assert driver.asked(s.Delete) == [s.Delete("b"), s.Delete("c")]
    text = "Deleted b, a duplicate made by Airflow's dag.other, and kept the flow 'n'"
    assert (text, "a", False) in driver.told


@pytest.mark.parametrize(
    "answers",
    [{"dependants": [["x"]]}, {"dependants": [NO]}, {"delete": [NO]}],
    ids=["in use", "unknown", "cannot be deleted"],
)
@pytest.mark.parametrize("mark", [MARK, None], ids=["ours", "by hand"])
def test_leftovers_that_stay(answers: dict[str, list[Any]], mark: str | None) -> None:
    """If the oldest is ours it is the answer, with a warning; else nobody guesses."""
    two = [entity("a", 1, mark), entity("b", 2)]
    driver = ScriptedDriver(listed=[two], **answers)
    if mark is None:
        with pytest.raises(
            AmbiguousEntityError, match=r"^Several entities exist as the flow 'n': a, b\. This task may not"
        ):
            driver.play(create_once(desired()))
        return
    assert driver.play(create_once(desired())).id == "a"
    text = "Several entities exist as the flow 'n': a, b. The oldest is used"
    assert (text, "a", True) in driver.told


def test_only_what_stays_is_named() -> None:
    """What was removed is nobody's to delete any more; what is gone already counts as removed."""
    three = [entity("a", 1, None), entity("b", 2), entity("c", 3, None)]
    with pytest.raises(AmbiguousEntityError, match=": a, c\\. "):
        create(desired(), listed=[three], delete=[GONE])


@pytest.mark.parametrize("state", ["disabled", "draft"])
def test_what_cannot_be_used(state: str) -> None:
    """A younger one of ours is removed; anybody else's, or the oldest, is a human's to see to."""
    existing = [entity("a"), entity("b", 2, OTHER, state)]
    assert create(desired(), listed=[existing])[0].id == "a"
    for bad in ([entity("a", 1, MARK, state)], [entity("a"), entity("b", 2, None, state)]):
        with pytest.raises(EntityStateError, match=f"'{state}'"):
            create(desired(), listed=[bad])
    late = [[entity("a"), entity("b", 2)]] * len(SETTLING) + [[entity("a"), entity("b", 2, None, state)]]
    with pytest.raises(EntityStateError, match=f"'{state}': b"):
        create(desired(), listed=late)


def test_a_leftover_draft_is_published() -> None:
    """Its maker died before; the same order goes on with it."""
    draft = entity("a", 1, OTHER, "draft")
    outcome, driver = create(desired(drafts=True), listed=[[draft]], get=[entity("a", 1, OTHER)])
    assert outcome.id == "a"
    assert driver.asked(s.Publish) == [s.Publish("a")]


@pytest.mark.parametrize(("wish", "slept"), [(60.0, 60.0), (60.5, 0.0)])
def test_a_wish_is_done_up_to_a_minute(wish: float, slept: float) -> None:
    """Beyond that it is for Airflow's own retry to wait."""
    driver = ScriptedDriver(listed=[[]], post=[AepThrottledError("slow", status=429, retry_after=wish), NO])
    with pytest.raises((AepThrottledError, AepRequestError)):
        driver.play(create_once(desired()))
    assert driver.slept == ([slept] if slept else [])


@pytest.mark.parametrize("error", [TOKEN, AepConnectError("no"), LOST], ids=["401", "not sent", "lost"])
def test_what_is_leaving_after_a_failed_post_is_waited_for(error: Exception) -> None:
    """Within the same bound as at any other time."""
    leaving = entity("a", state="delete-finalizing")
    driver = ScriptedDriver(listed=[[], [leaving]], post=[error])
    with pytest.raises(EntityStateError, match="for more than 1 s: a"):
        driver.play(create_once(desired(wait_timeout=1.0)))


def test_what_is_left_of_a_wish_is_slept_after_the_patience() -> None:
    """The server asked for ten and a half seconds, and ten were spent polling."""
    driver = ScriptedDriver(listed=[[]], post=[AepServerError("busy", status=503, retry_after=10.5), NO])
    with pytest.raises(AepRequestError):
        driver.play(create_once(desired()))
    assert driver.slept == [*PATIENCE, 0.5]


def test_what_is_leaving_past_the_slot_is_for_a_retry() -> None:
    """Here as well as where something comes up: the error says since when, and what to come back for."""
    leaving = entity("a", state="delete-finalizing")
    driver = ScriptedDriver(listed=[[leaving]], sleep=[None, WorkerSlotError("enough")])
    with pytest.raises(EntityStateError) as caught:
        driver.play(create_once(desired(wait_timeout=10.0)))
    start = "The flow 'n' is 'delete-finalizing' after 0.5 s, and the sleep budget"
    assert caught.value.message.startswith(f"{start} of a try in a worker slot is used up: a")
    assert caught.value.retry_after == 9.5


def test_an_entity_that_is_being_removed_is_waited_for_in_each_list() -> None:
    """Of several entities, one can be in removal in the second list."""
    pair, leaving = [entity("a", 1.0), entity("b", 2.0)], entity("b", 2.0, state="delete-finalizing")
    outcome, driver = create(desired(), listed=[pair, [entity("a", 1.0), leaving], [entity("a", 1.0)]])
    assert outcome == Outcome("a", created=False)
    assert len(driver.asked(s.ListExisting)) == 3


def test_a_retry_settles_again() -> None:
    """The earlier try may have died in its settling, before an older entity was listed."""
    own, rival = entity("own", 2), entity("rival", 1, OTHER)
    outcome, driver = create(desired(settle=3.0), listed=[[own], [rival, own]])
    assert outcome == Outcome("rival", created=False)
    assert driver.slept == [3.0, *SETTLING]
    assert driver.asked(s.Delete) == [s.Delete("own")]
    outcome, driver = create(desired(settle=3.0, if_exists="fail"), listed=[[own]])
    assert outcome == Outcome("own", created=False)
    assert (driver.slept, len(driver.asked(s.ListExisting))) == ([3.0], 2)
    _, driver = create(desired(settle=3.0), listed=[[rival]])
    assert (driver.slept, len(driver.asked(s.ListExisting))) == ([], 1), "another task's is used at once"
    _, driver = create(desired(settle=3.0, first_try=True), listed=[[own]])
    assert (driver.slept, len(driver.asked(s.ListExisting))) == ([], 1), "no earlier try can have died"


def test_an_existing_entity_is_logged_as_found() -> None:
    """The log says which step decided."""
    _, driver = create(desired(), listed=[[entity("a")]])
    assert words(driver).startswith("Found an existing one: reused the flow 'n'")


def test_of_entities_that_are_alike_any_will_do() -> None:
    """None carries a mark and none can be deleted: the oldest is used at once, whatever `if_exists` says."""
    two = [entity("b", 2, None), entity("a", 1, None)]
    for if_exists in ("reuse", "fail"):
        outcome, driver = create(desired(interchangeable=True, mark=None, if_exists=if_exists), listed=[two])
        assert outcome == Outcome("a", created=False)
        assert driver.slept == driver.asked(s.Delete) == []
        assert driver.told == [("Found an existing one: reused the flow 'n'", "a", False)]


def test_what_is_alike_is_not_raced_for() -> None:
    """Two that are created at the same time do no harm, so there is no second list."""
    outcome, driver = create(desired(interchangeable=True, mark=None, settle=1.0), listed=[[]], post=["own"])
    assert outcome == Outcome("own", created=True)
    assert (len(driver.asked(s.ListExisting)), driver.slept) == (1, [])
    assert driver.told == [("Created the flow 'n'", "own", False)]
    outcome, driver = create(
        desired(interchangeable=True, mark=None), listed=[[], [entity("a", 1, None)]], post=[LOST]
    )
    assert outcome == Outcome("a", created=False)
    assert len(driver.asked(s.Post)) == 1


def test_a_failed_deletion_of_a_duplicate_leaves_the_others_to_be_deleted() -> None:
    """The oldest is used. A warning names the duplicate that still exists."""
    three = [entity("a", 1), entity("b", 2, OTHER), entity("c", 3, OTHER)]
    outcome, driver = create(desired(mark=OTHER + "0"), listed=[three], delete=[NO, None])
    assert outcome == Outcome("a", created=False)
    assert driver.asked(s.Delete) == [s.Delete("b"), s.Delete("c")]
    assert "a, b. The oldest is used" in words(driver)
