"""Going on with what exists already: refused, waited for, published or updated."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, Outcome
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.exactly_once.adoption import (
    MOST_UPDATES,
    Vanished,
    adopt,
    published,
    until_ready,
    update,
)
from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConnectError,
    AepRequestError,
    AepServerError,
    AepThrottledError,
    AepVersionError,
    EntityDiffersError,
    EntityExistsError,
    EntityStateError,
    WorkerSlotError,
)
from tests.harness.exactly_once import GONE, LOST, MARK, OTHER
from tests.harness.stage import Stage

TAKEN = AepVersionError("taken", status=412)


def wanted(if_exists: str = "reuse", **changes: Any) -> DesiredEntity:
    facts: dict[str, Any] = {"kind": "flow", "name": "Payments", "identity": {}, "mark": MARK, **changes}
    return DesiredEntity(if_exists=if_exists, **facts)


def entity(state: str = "enabled", mark: str | None = OTHER, etag: str | None = "1") -> Entity:
    return Entity("a", 1.0, state, etag, mark or "by hand")


def adopted(order: DesiredEntity, one: Entity, **answers: list[Any]) -> tuple[Outcome, Stage]:
    stage = Stage(**answers)
    return stage.play(adopt(order, one, "Step 2 (look)")), stage


@pytest.mark.parametrize(("mark", "warned"), [(OTHER, False), (None, True)])
def test_what_stands_is_reused(mark: str | None, warned: bool) -> None:
    """Nothing is sent; a warning where it is not of this provider's making."""
    outcome, stage = adopted(wanted(), entity(mark=mark))
    assert outcome == Outcome("a", created=False)
    maker = "made by Airflow's dag.other" if mark else "not made by Airflow"
    assert stage.told == [(f"Step 2 (look) reused the flow 'Payments', {maker}", "a", warned)]
    assert stage.steps[:-1] == [s.Compare(entity(mark=mark))]


def test_what_stands_is_updated() -> None:
    """As of its etag, and it says so."""
    outcome, stage = adopted(wanted("update"), entity())
    assert outcome == Outcome("a", created=False)
    assert stage.asked(s.Update) == [s.Update(entity())]
    assert stage.told[0][0].startswith("Step 2 (look) updated the flow 'Payments'")


@pytest.mark.parametrize(("changed", "done"), [(True, "updated"), (None, "updated"), (False, "reused")])
def test_an_update_says_whether_it_changed_anything(changed: bool | None, done: str) -> None:
    """One that is so already is reused."""
    outcome, stage = adopted(wanted("update"), entity(), update=[changed])
    assert outcome == Outcome("a", created=False)
    assert stage.told[0][0].startswith(f"Step 2 (look) {done} the flow 'Payments'")


OPEN = Difference("schedule.interval", "1", 2)
FIXED = Difference("schedule.start", 1, 2, "Choose another `name`.")
BOTH = "`schedule.interval`: existing '1', desired 2; `schedule.start`: existing 1, desired 2"


@pytest.mark.parametrize("mark", [MARK, OTHER, None])
def test_differences_are_one_warning(mark: str | None) -> None:
    """Each with field, existing and desired value; the entity is used as it is."""
    outcome, stage = adopted(wanted(), entity(mark=mark), compare=[[OPEN, FIXED]])
    assert outcome == Outcome("a", created=False)
    text, about, warned = stage.told[0]
    assert (about, warned) == ("a", True)
    assert text.startswith("The flow 'Payments' exists and differs from this task's parameters")
    assert BOTH in text
    assert "`if_exists`" in text
    assert len(stage.told) == 2


def test_differences_are_refused_on_demand() -> None:
    """Before anything is published or changed; the error carries them."""
    stage = Stage(compare=[[OPEN]])
    with pytest.raises(EntityDiffersError, match=r"'1', desired 2.*`on_difference`.*E510") as caught:
        stage.play(adopt(wanted(on_difference="fail", drafts=True), entity("draft", MARK), "Step 2 (look)"))
    assert caught.value.differences == (OPEN,)
    assert not caught.value.retryable
    assert len(stage.steps) == 1


def test_an_update_refuses_only_what_cannot_be_changed() -> None:
    """Naming the way round, and nothing is changed then; `on_difference` is no matter."""
    for on_difference in ("warn", "fail"):
        order = wanted("update", on_difference=on_difference)
        _, stage = adopted(order, entity(), compare=[[OPEN]])
        assert len(stage.asked(s.Update)) == len(stage.told) == 1
        stage = Stage(compare=[[OPEN, FIXED]])
        with pytest.raises(EntityDiffersError, match=r"`schedule\.start`.*another `name`") as caught:
            stage.play(adopt(order, entity(), "Step 2 (look)"))
        assert caught.value.differences == (FIXED,)
        assert "interval" not in str(caught.value)
        assert not stage.asked(s.Update)


def test_what_stands_is_refused() -> None:
    """Unless it carries the mark of this very task instance, or of none at all that has one."""
    assert adopted(wanted("fail"), entity(mark=MARK))[0].id == "a"
    for order, one in ((wanted("fail"), entity()), (wanted("fail", mark=None), entity(mark=None))):
        with pytest.raises(EntityExistsError, match=r"^The flow 'Payments' exists already: a, .*`if_exists`"):
            adopted(order, one)


def test_what_vanishes_under_an_update_is_a_turn() -> None:
    """The recipe looks again."""
    with pytest.raises(Vanished):
        adopted(wanted("update"), entity(), update=[GONE])


def test_only_a_draft_of_ours_is_published() -> None:
    """A human's is not finished; where nothing is made as a draft, there is none of ours."""
    draft, ready = entity("draft"), entity()
    stage = Stage(get=[ready])
    assert stage.play(published(wanted(drafts=True), draft)) == ready
    assert stage.steps == [s.Publish("a"), s.Get("a")]
    for order, one in (
        (wanted(drafts=True), entity("draft", None)),
        (wanted(), draft),
        (wanted(drafts=True), ready),
    ):
        stage = Stage()
        assert stage.play(published(order, one)) == one
        assert stage.steps == []


def test_an_own_draft_is_published_without_its_mark() -> None:
    """With `mark=False` there is none, and the reply said that it is ours."""
    draft = entity("draft", None)
    stage = Stage(get=[entity()])
    stage.play(published(wanted(drafts=True, mark=None), draft, own=True))
    assert stage.asked(s.Publish) == [s.Publish("a")]
    for order, one in ((wanted(), draft), (wanted(drafts=True), entity())):
        stage = Stage()
        stage.play(published(order, one, own=True))
        assert stage.steps == []


def test_a_failed_publication_counts_if_the_draft_is_still_one() -> None:
    """Whoever is second finds it published, which is as good; what is gone is a turn."""
    order, draft = wanted(drafts=True), entity("draft")
    stage = Stage(publish=[LOST], get=[entity()])
    assert stage.play(published(order, draft)) == entity()
    with pytest.raises(AepServerError):
        Stage(publish=[LOST], get=[draft]).play(published(order, draft))
    with pytest.raises(Vanished):
        Stage(get=[GONE]).play(published(order, draft))


@pytest.mark.parametrize("error", [TAKEN, LOST], ids=["412", "503"])
def test_an_update_is_sent_again_as_of_what_stands_now(error: Exception) -> None:
    """A lost reply shows as a 412, when its effect stands: the same is sent once more."""
    now = entity(etag="2")
    stage = Stage(update=[error, None], get=[now])
    stage.play(update(entity()))
    assert stage.steps == [s.Update(entity()), s.Sleep(0.1, jitter=True), s.Get("a"), s.Update(now)]


def test_an_update_without_an_etag_reads_first() -> None:
    """A list may leave it out."""
    stage = Stage(get=[entity(etag="2")])
    stage.play(update(entity(etag=None)))
    assert stage.steps == [s.Get("a"), s.Update(entity(etag="2"))]


@pytest.mark.parametrize("error", [TAKEN, LOST], ids=["412", "503"])
def test_an_update_ends(error: Exception) -> None:
    """After so many tries, each a little later than the last, never by more than five seconds."""
    stage = Stage(update=[error], get=[entity()])
    with pytest.raises(type(error)):
        stage.play(update(entity()))
    assert len(stage.asked(s.Update)) == MOST_UPDATES
    assert stage.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0])


@pytest.mark.parametrize(
    "error",
    [AepRequestError("no", status=400), AepConnectError("no"), AepThrottledError("slow", status=429)],
    ids=["400", "not sent", "429"],
)
def test_an_update_that_cannot_be_helped_goes_up_at_once(error: Exception) -> None:
    """Nothing happened, or the transport has waited already."""
    stage = Stage(update=[error])
    with pytest.raises(type(error)):
        stage.play(update(entity()))
    assert len(stage.steps) == 1


def test_what_comes_up_is_waited_for() -> None:
    """Sooner at first, and it is told once."""
    coming = entity("initializing")
    stage = Stage(get=[*[coming] * 6, entity()])
    ready = stage.play(until_ready(wanted(), coming))
    assert ready == entity()
    assert stage.slept == [0.5, 1.0, 2.0, 3.0, 5.0, 5.0, 5.0]
    assert stage.told == [("The flow 'Payments' is 'initializing'; waiting for it", "a", False)]
    stage = Stage()
    stage.play(until_ready(wanted(), entity()))
    assert stage.steps == []


def test_the_wait_has_an_end() -> None:
    """To the second; the error can be retried, says how long, and whose entity it is."""
    coming = entity("initializing")
    stage = Stage(get=[coming])
    with pytest.raises(
        EntityStateError, match=r"'initializing' after 5 s: a, made by .* again later"
    ) as caught:
        stage.play(until_ready(wanted(wait_timeout=5.0), coming))
    assert caught.value.retryable
    assert stage.slept == [0.5, 1.0, 2.0, 1.5]


def test_a_long_wait_is_waited() -> None:
    """As long as was asked for, however often that means looking."""
    coming = entity("initializing")
    stage = Stage(get=[*[coming] * 20_000, entity()])
    stage.play(until_ready(wanted(wait_timeout=1e6), coming))
    assert len(stage.asked(s.Get)) == 20_001


def test_what_fails_while_it_comes_up_is_told() -> None:
    """A human is needed; one that goes away is a turn of the recipe."""
    coming = entity("initializing")
    with pytest.raises(EntityStateError, match=r"'disabled': a, .*Enable, publish or delete it") as caught:
        Stage(get=[entity("disabled")]).play(until_ready(wanted(), coming))
    assert not caught.value.retryable
    with pytest.raises(Vanished):
        Stage(get=[GONE]).play(until_ready(wanted(), coming))


@pytest.mark.parametrize(("timeout", "later"), [(3.0, 2.5), (500.0, 60.0)])
def test_a_wait_past_the_slot_goes_on_in_a_retry(timeout: float, later: float) -> None:
    """The error says how long was waited, and asks for the rest, a minute at most."""
    order = wanted(wait_timeout=timeout)
    stage = Stage(sleep=[None, WorkerSlotError("enough")], get=[entity("initializing")])
    with pytest.raises(EntityStateError) as caught:
        stage.play(until_ready(order, entity("initializing")))
    assert caught.value.message == (
        "The flow 'Payments' is 'initializing' after 0.5 s, and the sleep budget of a try in a worker "
        "slot is used up: a, made by Airflow's dag.other. It cannot be used like that. Run the task again "
        "later: it continues to wait."
    )
    assert (caught.value.retryable, caught.value.retry_after) == (True, later)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("renewed", [True, False])
def test_a_refused_token_is_renewed_once_for_a_publish(renewed: bool) -> None:
    """A draft that stays one is published again with a fresh token; then it is the credential's fault."""
    draft, old = entity("draft"), AepAuthError("old", status=401)
    stage = Stage(publish=[old, None if renewed else old], get=[draft, entity() if renewed else draft])
    recipe = published(wanted(drafts=True), draft)
    if renewed:
        assert stage.play(recipe) == entity()
    else:
        with pytest.raises(AepAuthError) as caught:
            stage.play(recipe)
        assert caught.value is old
    assert len(stage.asked(s.Publish)) == 2


def test_a_publish_that_does_not_show_yet_is_no_failure() -> None:
    """The list lags; whoever uses the draft waits for it."""
    draft = entity("draft")
    stage = Stage(publish=[None], get=[draft])
    assert stage.play(published(wanted(drafts=True), draft)) == draft
    assert len(stage.asked(s.Publish)) == 1
