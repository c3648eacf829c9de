"""Going on with what exists already: refused, waited for, published or updated."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, Outcome
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.exactly_once.adoption import (
    MOST_UPDATES,
    EntityDeleted,
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
from tests.harness.exactly_once import GONE, LOST, MARK, OTHER, ScriptedDriver, typed

TAKEN = AepVersionError("taken", status=412)


def desired(if_exists: str = "reuse", **changes: Any) -> DesiredEntity:
    facts: dict[str, Any] = {"kind": "flow", "name": "Payments", "identity": {}, "mark": MARK, **changes}
    return DesiredEntity(if_exists=if_exists, **facts)


def entity(state: str = "enabled", mark: str | None = OTHER, etag: str | None = "1") -> Entity:
    return Entity("a", 1.0, state, etag, mark or "by hand")


def adopted(order: DesiredEntity, one: Entity, **answers: list[Any]) -> tuple[Outcome, ScriptedDriver]:
    driver = ScriptedDriver(**answers)
    return driver.play(adopt(order, one, "Found an existing one:")), driver


@pytest.mark.parametrize(("mark", "warned"), [(OTHER, False), (None, True)])
def test_an_existing_entity_is_reused(mark: str | None, warned: bool) -> None:
    """Nothing is sent; a warning where it is not of this provider's making."""
    outcome, driver = adopted(desired(), entity(mark=mark))
    assert outcome == Outcome("a", created=False)
    maker = "made by Airflow's dag.other" if mark else "not made by Airflow"
    assert driver.told == [(f"Found an existing one: reused the flow 'Payments', {maker}", "a", warned)]
    assert typed(driver.steps[:-1]) == typed([s.Compare(entity(mark=mark))])


def test_an_existing_entity_is_updated() -> None:
    """As of its etag, and it says so."""
    outcome, driver = adopted(desired("update"), entity())
    assert outcome == Outcome("a", created=False)
    assert driver.asked(s.Update) == [s.Update(entity())]
    assert driver.told[0][0].startswith("Found an existing one: updated the flow 'Payments'")


@pytest.mark.parametrize(("changed", "done"), [(True, "updated"), (None, "updated"), (False, "reused")])
def test_an_update_says_whether_it_changed_anything(changed: bool | None, done: str) -> None:
    """One that is so already is reused."""
    outcome, driver = adopted(desired("update"), entity(), update=[changed])
    assert outcome == Outcome("a", created=False)
    assert driver.told[0][0].startswith(f"Found an existing one: {done} the flow 'Payments'")


OPEN = Difference("schedule.interval", "1", 2)
FIXED = Difference("schedule.start", 1, 2, "Choose another `name`.")
BOTH = "`schedule.interval`: existing '1', desired 2; `schedule.start`: existing 1, desired 2"


@pytest.mark.parametrize("mark", [MARK, OTHER, None])
def test_differences_are_one_warning(mark: str | None) -> None:
    """Each with field, existing and desired value; the entity is used as it is."""
    outcome, driver = adopted(desired(), entity(mark=mark), compare=[[OPEN, FIXED]])
    assert outcome == Outcome("a", created=False)
    text, about, warned = driver.told[0]
    assert (about, warned) == ("a", True)
    assert text.startswith("The flow 'Payments' exists and differs from this task's parameters")
    assert BOTH in text
    assert "`if_exists`" in text
    assert len(driver.told) == 2


def test_differences_are_refused_on_demand() -> None:
    """Before anything is published or changed; the error carries them."""
    driver = ScriptedDriver(compare=[[OPEN]])
    with pytest.raises(EntityDiffersError, match=r"'1', desired 2.*`on_difference`.*E510") as caught:
        driver.play(
            adopt(desired(on_difference="fail", drafts=True), entity("draft", MARK), "Found an existing one:")
        )
    assert caught.value.differences == (OPEN,)
    assert not caught.value.retryable
    assert len(driver.steps) == 1


def test_an_update_refuses_only_what_cannot_be_changed() -> None:
    """Naming the way round, and nothing is changed then; `on_difference` is no matter."""
    for on_difference in ("warn", "fail"):
        order = desired("update", on_difference=on_difference)
        _, driver = adopted(order, entity(), compare=[[OPEN]])
        assert len(driver.asked(s.Update)) == len(driver.told) == 1
        driver = ScriptedDriver(compare=[[OPEN, FIXED]])
        with pytest.raises(EntityDiffersError, match=r"`schedule\.start`.*another `name`") as caught:
            driver.play(adopt(order, entity(), "Found an existing one:"))
        assert caught.value.differences == (FIXED,)
        assert "interval" not in str(caught.value)
        assert not driver.asked(s.Update)


def test_an_existing_entity_is_refused() -> None:
    """Unless it carries the mark of this very task instance, or of none at all that has one."""
    assert adopted(desired("fail"), entity(mark=MARK))[0].id == "a"
    for order, one in ((desired("fail"), entity()), (desired("fail", mark=None), entity(mark=None))):
        with pytest.raises(EntityExistsError, match=r"^The flow 'Payments' exists already: a, ") as caught:
            adopted(order, one)
        assert caught.value.message.endswith(
            "'fail'. Choose another `name`, or set `if_exists` to 'reuse' or 'update'."
        )


def test_what_vanishes_under_an_update_is_a_turn() -> None:
    """The reconciliation lists again."""
    with pytest.raises(EntityDeleted):
        adopted(desired("update"), entity(), update=[GONE])


def test_only_a_draft_of_ours_is_published() -> None:
    """A human has not finished it. If nothing is created as a draft, no draft is this provider's."""
    draft, ready = entity("draft"), entity()
    driver = ScriptedDriver(get=[ready])
    assert driver.play(published(desired(drafts=True), draft)) == ready
    assert typed(driver.steps) == typed([s.Publish("a"), s.Get("a")])
    for order, one in (
        (desired(drafts=True), entity("draft", None)),
        (desired(), draft),
        (desired(drafts=True), ready),
    ):
        driver = ScriptedDriver()
        assert driver.play(published(order, one)) == one
        assert driver.steps == []


def test_an_own_draft_is_published_without_its_mark() -> None:
    """With `mark=False` it has no ownership mark, but the reply to the POST named it."""
    draft = entity("draft", None)
    driver = ScriptedDriver(get=[entity()])
    driver.play(published(desired(drafts=True, mark=None), draft, own=True))
    assert driver.asked(s.Publish) == [s.Publish("a")]
    for order, one in ((desired(), draft), (desired(drafts=True), entity())):
        driver = ScriptedDriver()
        driver.play(published(order, one, own=True))
        assert driver.steps == []


def test_a_failed_publication_counts_if_the_draft_is_still_one() -> None:
    """Whoever is second finds it published, which is as good; what is gone is a turn."""
    order, draft = desired(drafts=True), entity("draft")
    driver = ScriptedDriver(publish=[LOST], get=[entity()])
    assert driver.play(published(order, draft)) == entity()
    with pytest.raises(AepServerError):
        ScriptedDriver(publish=[LOST], get=[draft]).play(published(order, draft))
    with pytest.raises(EntityDeleted):
        ScriptedDriver(get=[GONE]).play(published(order, draft))


@pytest.mark.parametrize("error", [TAKEN, LOST], ids=["412", "503"])
def test_an_update_is_sent_again_as_of_the_new_etag(error: Exception) -> None:
    """After a lost reply that took effect, the next answer is a 412. The same change is sent once more."""
    now = entity(etag="2")
    driver = ScriptedDriver(update=[error, None], get=[now])
    driver.play(update(entity()))
    assert typed(driver.steps) == typed(
        [s.Update(entity()), s.Sleep(0.1, jitter=True), s.Get("a"), s.Update(now)]
    )


def test_an_update_without_an_etag_reads_first() -> None:
    """A list may leave it out."""
    driver = ScriptedDriver(get=[entity(etag="2")])
    driver.play(update(entity(etag=None)))
    assert typed(driver.steps) == typed([s.Get("a"), s.Update(entity(etag="2"))])


@pytest.mark.parametrize("error", [TAKEN, LOST], ids=["412", "503"])
def test_an_update_ends(error: Exception) -> None:
    """After so many tries, each a little later than the last, never by more than five seconds."""
    driver = ScriptedDriver(update=[error], get=[entity()])
    with pytest.raises(type(error)):
        driver.play(update(entity()))
    assert len(driver.asked(s.Update)) == MOST_UPDATES
    assert driver.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0])


@pytest.mark.parametrize(
    "error",
    [AepRequestError("no", status=400), AepConnectError("no"), AepThrottledError("slow", status=429)],
    ids=["400", "not sent", "429"],
)
def test_an_update_that_cannot_be_helped_goes_up_at_once(error: Exception) -> None:
    """Nothing happened, or the transport has waited already."""
    driver = ScriptedDriver(update=[error])
    with pytest.raises(type(error)):
        driver.play(update(entity()))
    assert len(driver.steps) == 1


def test_what_comes_up_is_waited_for() -> None:
    """Sooner at first, and it is told once."""
    coming = entity("initializing")
    driver = ScriptedDriver(get=[*[coming] * 6, entity()])
    ready = driver.play(until_ready(desired(), coming))
    assert ready == entity()
    assert driver.slept == [0.5, 1.0, 2.0, 3.0, 5.0, 5.0, 5.0]
    assert driver.told == [("The flow 'Payments' is 'initializing'; waiting for it", "a", False)]
    driver = ScriptedDriver()
    driver.play(until_ready(desired(), entity()))
    assert driver.steps == []


def test_the_wait_has_an_end() -> None:
    """To the second; the error can be retried, says how long, and whose entity it is."""
    coming = entity("initializing")
    driver = ScriptedDriver(get=[coming])
    with pytest.raises(
        EntityStateError, match=r"'initializing' after 5 s: a, made by .* again later"
    ) as caught:
        driver.play(until_ready(desired(wait_timeout=5.0), coming))
    assert caught.value.retryable
    assert driver.slept == [0.5, 1.0, 2.0, 1.5]


def test_a_long_wait_is_waited() -> None:
    """As long as `wait_timeout` says, however many polls that takes."""
    coming = entity("initializing")
    driver = ScriptedDriver(get=[*[coming] * 20_000, entity()])
    driver.play(until_ready(desired(wait_timeout=1e6), coming))
    assert len(driver.asked(s.Get)) == 20_001


def test_what_fails_while_it_comes_up_is_told() -> None:
    """A human is needed; one that goes away is a turn of the reconciliation."""
    coming = entity("initializing")
    with pytest.raises(EntityStateError, match=r"'disabled': a, .*Enable, publish or delete it") as caught:
        ScriptedDriver(get=[entity("disabled")]).play(until_ready(desired(), coming))
    assert not caught.value.retryable
    with pytest.raises(EntityDeleted):
        ScriptedDriver(get=[GONE]).play(until_ready(desired(), coming))


@pytest.mark.parametrize(("timeout", "later"), [(3.0, 2.5), (500.0, 60.0)])
def test_a_wait_past_the_slot_goes_on_in_a_retry(timeout: float, later: float) -> None:
    """The error says how long was waited, and asks for the rest, a minute at most."""
    order = desired(wait_timeout=timeout)
    driver = ScriptedDriver(sleep=[None, WorkerSlotError("enough")], get=[entity("initializing")])
    with pytest.raises(EntityStateError) as caught:
        driver.play(until_ready(order, entity("initializing")))
    assert caught.value.message == (
        "The flow 'Payments' is 'initializing' after 0.5 s, and the sleep budget of a try in a worker "
        "slot is used up: a, made by Airflow's dag.other. Run the task again "
        "later: it continues to wait."
    )
    assert (caught.value.retryable, caught.value.retry_after) == (True, later)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("renewed", [True, False])
def test_a_refused_token_is_renewed_once_for_a_publish(renewed: bool) -> None:
    """A draft that stays one is published again with a fresh token; then it is the credential's fault."""
    draft, old = entity("draft"), AepAuthError("old", status=401)
    driver = ScriptedDriver(
        publish=[old, None if renewed else old], get=[draft, entity() if renewed else draft]
    )
    reconciliation = published(desired(drafts=True), draft)
    if renewed:
        assert driver.play(reconciliation) == entity()
    else:
        with pytest.raises(AepAuthError) as caught:
            driver.play(reconciliation)
        assert caught.value is old
    assert len(driver.asked(s.Publish)) == 2


def test_a_publish_that_does_not_show_yet_is_no_failure() -> None:
    """The list lags; whoever uses the draft waits for it."""
    draft = entity("draft")
    driver = ScriptedDriver(publish=[None], get=[draft])
    assert driver.play(published(desired(drafts=True), draft)) == draft
    assert len(driver.asked(s.Publish)) == 1


@pytest.mark.parametrize("state", ["disabled", "draft"])
def test_any_state_is_used_as_it_is(state: str) -> None:
    """If `any_state` is set, nothing is published or waited for, and a warning names the state."""
    order = desired(any_state=True, drafts=True)
    outcome, driver = adopted(order, entity(state))
    assert outcome == Outcome("a", created=False)
    assert driver.told[0] == (f"The flow 'Payments' is {state!r}, and stays so", "a", True)
    assert typed(driver.steps[:-2]) == typed([s.Compare(entity(state))])


def test_any_state_does_not_keep_a_draft_of_the_same_task() -> None:
    """A try of this task that died left the draft: another DAG run publishes it."""
    mine = "[airflow:dag.task 89abcdef]"
    order = desired(any_state=True, drafts=True, mark="[airflow:dag.task 01234567]")
    ready = entity(mark=mine)
    outcome, driver = adopted(order, entity("draft", mark=mine), publish=[None], get=[ready])
    assert outcome == Outcome("a", created=False)
    assert s.Publish("a") in driver.asked(s.Publish)


def test_any_state_still_waits_for_an_entity_that_is_set_up() -> None:
    """Only a disabled entity or a draft is used as it is."""
    order = desired(any_state=True)
    assert not order.may_use(entity("initializing"))
    assert order.may_use(entity("disabled"))
    assert not desired().may_use(entity("disabled"))
