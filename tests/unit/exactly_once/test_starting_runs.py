"""A run is started at most once: what is kept before, what is concluded from what shows afterwards."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_aep.exactly_once.recipe import PATIENCE
from airflow_provider_aep.exactly_once.runs import start_once
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepError,
    AepRequestError,
    AepServerError,
    AmbiguousRunError,
)
from airflow_provider_aep.flow_service.runs import Phase, Run

WINDOW = (10.0, 20.0)
OTHER = (30.0, 40.0)
LOST = AepServerError("lost", status=503)
TOKEN = AepAuthError("token", status=401)
REFUSED = AepRequestError("no", status=400)


def run(id: str, at: float | None, window: tuple[float, float] | None = None, *, ended: bool = True) -> Run:
    phase = Phase.GOOD if ended else Phase.RUNNING
    return Run(id, "flow", "success", phase, created_at=at, window=window)


class Order:
    """One order of a run, with what the notes hold, what the looks show and how the POSTs end."""

    def __init__(
        self,
        *,
        looks: list[list[Run]],
        posts: list[str | AepError] | None = None,
        notes: dict[str, Any] | None = None,
        lasts: bool = True,
        window: tuple[float, float] | None = WINDOW,
    ) -> None:
        self.looks, self.posts, self.notes = list(looks), list(posts or []), dict(notes or {})
        self.lasts, self.window = lasts, window
        self.slept: list[float] = []
        self.looked = 0
        self.forgotten = False

    def read(self) -> dict[str, Any]:
        return self.notes

    def write(self, notes: Any) -> None:
        self.notes = dict(notes)

    def forget(self) -> None:
        self.notes, self.forgotten = {}, True

    def look(self) -> list[Run]:
        self.looked += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def post(self) -> str:
        answer = self.posts.pop(0)
        if isinstance(answer, AepError):
            raise answer
        return answer

    def start(self) -> str:
        return start_once(
            notes=self,
            look=self.look,
            post=self.post,
            window=self.window,
            log=logging.getLogger("test"),
            sleep=self.slept.append,
        )


def test_a_run_that_is_remembered_is_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Not a request is sent."""
    order = Order(looks=[[]], notes={"id": "a", "since": 5})
    with caplog.at_level(logging.INFO, "test"):
        assert order.start() == "a"
    assert order.looked == 0
    assert "An earlier try of this task started run a." in caplog.text


def test_the_intent_is_kept_before_the_post() -> None:
    """The newest that stood: what is newer afterwards is ours. Then the id is kept."""
    seen = []
    order = Order(looks=[[run("x", 7.0), run("y", 9.0), run("z", None)]], posts=["a"])
    post = order.post
    order.post = lambda: (seen.append(dict(order.notes)), post())[1]  # type: ignore[method-assign]
    assert order.start() == "a"
    assert seen == [{"since": 9.0}]
    assert order.notes == {"id": "a"}
    assert order.slept == []


def test_the_first_run_of_a_dataflow() -> None:
    """Nothing stood: whatever shows is newer."""
    order = Order(looks=[[], [run("a", 0.5, WINDOW)]], posts=[LOST])
    assert order.start() == "a"
    old = run("old", None)
    order = Order(looks=[[old], [old, run("a", 0.5, WINDOW)]], posts=[LOST])
    assert order.start() == "a"


def test_a_lost_reply_whose_effect_stands(caplog: pytest.LogCaptureFixture) -> None:
    """Looked for as long as the patience lasts; older ones and those of another window are not ours."""
    before = [run("old", 5.0, WINDOW)]
    late = [*before, run("other", 6.0, OTHER), run("a", 7.0, WINDOW)]
    order = Order(looks=[before, before, before, late], posts=[LOST])
    with caplog.at_level(logging.INFO, "test"):
        assert order.start() == "a"
    assert order.slept == list(PATIENCE[:3])
    assert order.notes == {"id": "a"}
    assert "The reply was lost, its effect stands: run a." in caplog.text


def test_a_run_that_shows_no_window_yet_counts() -> None:
    """It has not started; with the exact window beside it, that one is ours."""
    order = Order(looks=[[], [run("a", 1.0)]], posts=[LOST])
    assert order.start() == "a"
    order = Order(looks=[[], [run("b", 1.0), run("a", 2.0, WINDOW)]], posts=[LOST])
    assert order.start() == "a"


def test_without_a_window_whatever_is_newer_is_ours() -> None:
    """There is nothing else to know it by."""
    order = Order(looks=[[], [run("a", 1.0, OTHER)]], posts=[LOST], window=None)
    assert order.start() == "a"


def test_an_intent_that_is_remembered_starts_nothing() -> None:
    """An earlier try may have: this one only looks."""
    order = Order(looks=[[run("old", 5.0), run("a", 6.0, WINDOW)]], notes={"since": 5.0})
    assert order.start() == "a"
    assert order.posts == []
    order = Order(looks=[[run("a", 6.0, WINDOW)]], notes={"since": 0})
    assert order.start() == "a"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([], "no new runs"),
        ([run("a", None)], "no new runs"),
        ([run("a", 1.0, WINDOW), run("b", 2.0, WINDOW)], "several new runs"),
    ],
    ids=["none", "no time", "two"],
)
def test_none_is_started_again(shown: list[Run], said: str) -> None:
    """It would move the same rows twice: a human looks, and the error says where the doubt comes from."""
    order = Order(looks=[[], shown], posts=[LOST, "never"])
    with pytest.raises(AmbiguousRunError, match=rf"^A run may have been started.*{said}") as caught:
        order.start()
    assert caught.value.__cause__ is LOST
    assert not caught.value.retryable
    assert order.slept == list(PATIENCE)
    assert order.posts == ["never"]


def test_a_refusal_is_forgotten() -> None:
    """Nothing was started, so the next try starts afresh."""
    order = Order(looks=[[]], posts=[REFUSED])
    with pytest.raises(AepRequestError):
        order.start()
    assert order.forgotten
    assert order.notes == {}


def test_a_token_that_was_refused_is_renewed_once() -> None:
    """The gate let nothing through; a second time it is the credential that is refused, not an old token."""
    order = Order(looks=[[]], posts=[TOKEN, "a"])
    assert order.start() == "a"
    order = Order(looks=[[], [run("other", 1.0, OTHER)]], posts=[TOKEN, "a"])
    assert order.start() == "a"
    order = Order(looks=[[], [], [run("a", 1.0, WINDOW)]], posts=[TOKEN, LOST])
    assert order.start() == "a"
    order = Order(looks=[[]], posts=[TOKEN, TOKEN, "never"])
    with pytest.raises(AepAuthError) as caught:
        order.start()
    assert caught.value is TOKEN
    assert order.forgotten
    order = Order(looks=[[]], posts=[AepAuthError("no", status=403)])
    with pytest.raises(AepAuthError):
        order.start()


def test_a_token_that_was_refused_after_the_effect() -> None:
    """The look comes before the second POST."""
    order = Order(looks=[[], [run("a", 1.0, WINDOW)]], posts=[TOKEN, "never"])
    assert order.start() == "a"
    assert order.posts == ["never"]


def test_a_lost_reply_is_no_refused_token() -> None:
    """No second POST, though nothing shows at first."""
    order = Order(looks=[[], [], [run("a", 1.0, WINDOW)]], posts=[LOST, "never"])
    assert order.start() == "a"
    assert order.posts == ["never"]


def test_without_a_memory_the_window_tells(caplog: pytest.LogCaptureFixture) -> None:
    """Before Airflow 3.3: a run of this very window is this task's own, the newest of several."""
    standing = [run("x", 1.0, OTHER), run("a", 2.0, WINDOW), run("z", 2.5, WINDOW), run("b", 3.0, WINDOW)]
    order = Order(looks=[standing], posts=["never"], lasts=False)
    with caplog.at_level(logging.INFO, "test"):
        assert order.start() == "b"
    assert order.posts == ["never"]
    assert "Run b brings in the same window: it is this task's own." in caplog.text


def test_with_a_memory_the_window_tells_nothing_before_the_post() -> None:
    """A cleared task brings the same window in again, on purpose; and none is told by no window."""
    standing = [run("x", 2.0, WINDOW)]
    assert Order(looks=[standing], posts=["a"]).start() == "a"
    assert Order(looks=[standing], posts=["a"], lasts=False, window=None).start() == "a"
    assert Order(looks=[[run("x", 2.0, OTHER)]], posts=["a"], lasts=False).start() == "a"


def test_a_run_that_has_not_started_is_waited_for() -> None:
    """It shows no window yet, so whether it is ours cannot be told; one that ended without is none."""
    waiting = [run("q", 1.0, ended=False), run("done", 0.5)]
    order = Order(looks=[waiting, waiting, [run("q", 1.0, OTHER, ended=False)]], posts=["a"], lasts=False)
    assert order.start() == "a"
    assert order.slept == list(PATIENCE[:2])
    order = Order(looks=[waiting], posts=["never"], lasts=False)
    with pytest.raises(
        AmbiguousRunError, match=r"^The dataflow has runs that have not started, q, "
    ) as caught:
        order.start()
    assert caught.value.retryable
    assert order.slept == list(PATIENCE)
    assert order.posts == ["never"]


@pytest.mark.parametrize(
    ("lasts", "window", "kind"),
    [
        (True, None, AepServerError),
        (False, WINDOW, AepServerError),
        (True, WINDOW, AepServerError),
        (False, None, AmbiguousRunError),
    ],
)
def test_a_look_that_fails_after_a_lost_reply(
    lasts: bool, window: tuple[float, float] | None, kind: type
) -> None:
    """A retry finds the run by its memory or its window; where it has neither, it must not start another."""
    order = Order(looks=[[]], posts=[LOST], lasts=lasts, window=window)
    looks = iter([[], LOST])

    def look() -> list[Run]:
        answer = next(looks)
        if isinstance(answer, AepError):
            raise answer
        return answer

    order.look = look  # type: ignore[method-assign]
    with pytest.raises(kind):
        order.start()


def test_a_run_that_came_of_a_refused_token_is_not_started_again() -> None:
    """Whatever the gate said: what is newer, and of this window, is this task's own."""
    order = Order(looks=[[], [run("a", 1.0, WINDOW)]], posts=[TOKEN, "never"])
    assert order.start() == "a"
    assert order.posts == ["never"]


def test_a_strangers_run_is_no_answer_to_a_refused_token() -> None:
    """One of another window that began meanwhile is not this task's."""
    order = Order(looks=[[], [run("x", 1.0, OTHER)]], posts=[TOKEN, "b"])
    assert order.start() == "b"


def test_a_strangers_run_is_no_answer_to_a_refused_credential() -> None:
    """Though one of another window began meanwhile."""
    stranger = [run("x", 1.0, OTHER)]
    order = Order(looks=[[], stranger, stranger], posts=[TOKEN, TOKEN, "never"])
    with pytest.raises(AepAuthError):
        order.start()
    assert order.posts == ["never"]
