"""A run is started at most once: what is kept before, what is concluded from what shows afterwards."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_aep.exactly_once.reconciler import PATIENCE
from airflow_provider_aep.exactly_once.runs import DesiredRun, start_once
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepError,
    AepRequestError,
    AepServerError,
    AepThrottledError,
    AmbiguousRunError,
    TaskStoreError,
    WorkerSlotError,
)
from airflow_provider_aep.flow_service.retry import FIRST_WAIT
from airflow_provider_aep.flow_service.runs import Phase, Run

WINDOW = (10.0, 20.0)
OTHER = (30.0, 40.0)
LOST = AepServerError("lost", status=503)
TOKEN = AepAuthError("token", status=401)
REFUSED = AepRequestError("no", status=400)
THROTTLED = AepThrottledError("slower", status=429, retry_after=7)
BROKEN = TaskStoreError("store")


def run(id: str, at: float | None, window: tuple[float, float] | None = None, *, ended: bool = True) -> Run:
    phase = Phase.RUNNING if not ended else Phase.BAD if id.startswith("failed") else Phase.GOOD
    return Run(id, "flow", "success", phase, created_at=at, window=window)


def waiting(id: str, at: float) -> Run:
    """A run that has not started: it shows no window yet."""
    return run(id, at, ended=False)


class Start:
    """One start of a run, with its notes, its lists and the ends of its POSTs."""

    def __init__(
        self,
        *,
        lists: list[list[Run] | AepError],
        posts: list[str | AepError] | None = None,
        notes: dict[str, Any] | None = None,
        lasts: bool = True,
        window: tuple[float, float] | None = WINDOW,
        after: float | None = None,
        first_try: bool = False,
        broken: tuple[str, ...] = (),
    ) -> None:
        self.lists, self.posts, self.notes = list(lists), list(posts or []), dict(notes or {})
        self.lasts, self.broken = lasts, broken
        self.desired = DesiredRun(window, after, first_try)
        self.slept: list[float] = []
        self.listed = 0
        self.forgotten = False

    def read(self) -> dict[str, Any]:
        if "read" in self.broken:
            raise BROKEN
        return self.notes

    def write(self, notes: Any) -> None:
        if not {"write", *notes}.isdisjoint(self.broken):
            raise BROKEN
        if self.lasts:
            self.notes = dict(notes)

    def forget(self) -> None:
        self.notes, self.forgotten = {}, True

    def list_runs(self) -> list[Run]:
        self.listed += 1
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, AepError):
            raise answer
        return answer

    def post(self) -> str:
        answer = self.posts.pop(0)
        if isinstance(answer, AepError):
            raise answer
        return answer

    def start(self) -> str:
        return start_once(
            desired=self.desired,
            notes=self,
            list_runs=self.list_runs,
            post=self.post,
            log=logging.getLogger("test"),
            sleep=self.slept.append,
        )


def test_a_run_that_is_remembered_is_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Not a request is sent."""
    start = Start(lists=[[]], notes={"id": "a", "since": 5})
    with caplog.at_level(logging.INFO, "test"):
        assert start.start() == "a"
    assert start.listed == 0
    assert "An earlier try of this task started run a." in caplog.text


def test_the_intent_is_kept_before_the_post() -> None:
    """The newest run before the POST: only a younger one can be this task's. Then the id is kept."""
    seen = []
    start = Start(lists=[[run("x", 7.0), run("y", 9.0), run("z", None)]], posts=["a"])
    post = start.post
    start.post = lambda: (seen.append(dict(start.notes)), post())[1]  # type: ignore[method-assign]
    assert start.start() == "a"
    assert seen == [{"since": 9.0}]
    assert start.notes == {"id": "a"}
    assert start.slept == []


def test_the_first_run_of_a_dataflow() -> None:
    """No run existed, so any run is younger; a run without a creation time never is."""
    start = Start(lists=[[], [run("a", 0.5, WINDOW)]], posts=[LOST])
    assert start.start() == "a"
    old = run("old", None, OTHER)
    start = Start(lists=[[old], [old, run("a", 0.5, WINDOW)]], posts=[LOST])
    assert start.start() == "a"


def test_a_lost_reply_whose_run_exists(caplog: pytest.LogCaptureFixture) -> None:
    """Polled for as long as the patience lasts; older runs and runs of another window are not ours."""
    before = [run("old", 5.0, OTHER)]
    late = [*before, run("other", 6.0, OTHER), run("a", 7.0, WINDOW)]
    start = Start(lists=[before, before, before, late], posts=[LOST])
    with caplog.at_level(logging.INFO, "test"):
        assert start.start() == "a"
    assert start.slept == list(PATIENCE[:3])
    assert start.notes == {"id": "a"}
    assert "The reply was lost. Run a was started by it." in caplog.text


def test_a_run_that_shows_no_window_is_no_evidence() -> None:
    """It can be another task's, so it is polled until its window shows; another one's window is refused."""
    start = Start(lists=[[], [waiting("a", 1.0)], [run("a", 1.0, WINDOW, ended=False)]], posts=[LOST])
    assert start.start() == "a"
    assert start.slept == list(PATIENCE[:2])
    start = Start(lists=[[], [waiting("b", 1.0), run("a", 2.0, WINDOW)]], posts=[LOST])
    assert start.start() == "a"
    start = Start(lists=[[], [waiting("x", 1.0)], [run("x", 1.0, OTHER)]], posts=[LOST, "never"])
    with pytest.raises(AmbiguousRunError, match="no new run of its window is visible") as caught:
        start.start()
    assert not caught.value.retryable
    assert start.posts == ["never"]


@pytest.mark.parametrize("notes", [{}, {"since": 0}], ids=["this try's POST", "an earlier try's"])
def test_a_run_that_goes_on_without_a_window_leaves_it_to_a_retry(notes: dict[str, Any]) -> None:
    """The retry finds the intent, and by then the window."""
    start = Start(lists=[[], [waiting("a", 1.0)]], posts=[LOST, "never"], notes=notes)
    if notes:
        start.lists.pop(0)
    with pytest.raises(AmbiguousRunError, match="no window yet: a") as caught:
        start.start()
    assert caught.value.retryable
    assert caught.value.retry_after == 60
    assert start.slept == list(PATIENCE)
    start.lists = [[run("a", 1.0, WINDOW)]]
    assert start.start() == "a"


def test_without_a_window_no_run_is_ours() -> None:
    """The failed run showed none, so nothing identifies its successor; a scheduled run is a stranger's."""
    start = Start(lists=[[], [run("a", 1.0, OTHER)]], posts=[LOST, "never"], window=None)
    with pytest.raises(AmbiguousRunError, match="shows no window to recognize the new one by") as caught:
        start.start()
    assert not caught.value.retryable
    assert start.posts == ["never"]


def test_an_intent_that_is_remembered_starts_nothing() -> None:
    """An earlier try may have started the run: this one only polls."""
    start = Start(lists=[[run("old", 5.0), run("a", 6.0, WINDOW)]], notes={"since": 5.0})
    assert start.start() == "a"
    assert start.posts == []
    start = Start(lists=[[run("a", 6.0, WINDOW)]], notes={"since": 0})
    assert start.start() == "a"
    start = Start(lists=[[run("old", 4.0, WINDOW), run("a", 6.0, WINDOW)]], notes={"since": 5.0})
    assert start.start() == "a"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([], "no new run of its window"),
        ([run("a", None, WINDOW)], "no new run of its window"),
        ([run("a", 1.0)], "ended without showing a window: a"),
        ([run("a", 1.0, WINDOW), run("b", 2.0, WINDOW)], "several new runs ingest its window: a, b"),
    ],
    ids=["none", "no time", "no window", "two"],
)
def test_none_is_started_again(shown: list[Run], said: str) -> None:
    """It would ingest the same rows twice. A human decides, and the error gives the reason."""
    start = Start(lists=[[], shown], posts=[LOST, "never"])
    with pytest.raises(AmbiguousRunError, match=rf"^A run may have been started.*{said}") as caught:
        start.start()
    assert caught.value.__cause__ is LOST
    assert not caught.value.retryable
    assert caught.value.message.endswith(
        "Check the dataflow's runs in AEP. Clear the task to start a new run."
    )
    assert start.slept == list(PATIENCE)
    assert start.posts == ["never"]


def test_a_refusal_is_forgotten() -> None:
    """Nothing was started, so the next try starts afresh."""
    start = Start(lists=[[]], posts=[REFUSED])
    with pytest.raises(AepRequestError):
        start.start()
    assert start.forgotten
    assert start.notes == {}


def test_a_token_that_was_refused_is_renewed_once() -> None:
    """The gateway let nothing through; a second time it is the credential that is refused, not its age."""
    start = Start(lists=[[]], posts=[TOKEN, "a"])
    assert start.start() == "a"
    start = Start(lists=[[], [run("other", 1.0, OTHER)]], posts=[TOKEN, "a"])
    assert start.start() == "a"
    start = Start(lists=[[], [], [run("a", 1.0, WINDOW)]], posts=[TOKEN, LOST])
    assert start.start() == "a"
    start = Start(lists=[[]], posts=[TOKEN, TOKEN, "never"])
    with pytest.raises(AepAuthError) as caught:
        start.start()
    assert caught.value is TOKEN
    assert start.forgotten
    start = Start(lists=[[]], posts=[AepAuthError("no", status=403)])
    with pytest.raises(AepAuthError):
        start.start()


def test_a_throttled_post_is_sent_again() -> None:
    """A 429 is a refusal: wait as asked, and if no run of this window shows, POST again, as creates do."""
    stranger = [run("x", 1.0, OTHER)]
    start = Start(lists=[[], stranger], posts=[THROTTLED, THROTTLED, "a"])
    assert start.start() == "a"
    assert start.slept == [7, 7]
    start = Start(lists=[[]], posts=[THROTTLED, THROTTLED, THROTTLED, "never"])
    with pytest.raises(AepThrottledError):
        start.start()
    assert start.posts == ["never"]
    assert start.forgotten


def test_the_wait_after_a_throttled_post_without_an_answer() -> None:
    """It is the first wait of a request if Flow Service does not say how long to wait."""
    start = Start(lists=[[]], posts=[AepThrottledError("slower", status=429), "a"])
    assert start.start() == "a"
    assert start.slept == [FIRST_WAIT]


def test_a_throttled_post_with_several_runs_is_called_refused() -> None:
    """The error names the cause that happened: the reply was not lost."""
    both = [run("a", 1.0, WINDOW), run("b", 2.0, WINDOW)]
    start = Start(lists=[[], both], posts=[THROTTLED, "never"])
    with pytest.raises(AmbiguousRunError, match="its POST was refused, and several new runs"):
        start.start()


def test_a_throttled_post_that_had_its_effect() -> None:
    """Though Flow Service said 429, the run shows: it is used, and none is started."""
    start = Start(
        lists=[[], [waiting("a", 1.0)], [run("a", 1.0, WINDOW, ended=False)]], posts=[THROTTLED, "never"]
    )
    assert start.start() == "a"
    assert start.slept == [7, PATIENCE[0]]
    assert start.posts == ["never"]


def test_an_older_run_is_not_the_run_of_a_throttled_post() -> None:
    """A task was cleared, so it starts its window again. The run of before the POST is not the new run."""
    old = run("old", 1.0, WINDOW)
    start = Start(lists=[[old], [old]], posts=[THROTTLED, "a"], first_try=True)
    assert start.start() == "a"
    late = [old, waiting("b", 2.0)]
    start = Start(lists=[[old], late, [old, run("b", 2.0, WINDOW)]], posts=[THROTTLED, "x"], first_try=True)
    assert start.start() == "b"


@pytest.mark.parametrize("retry_after", [61.0, 7.0], ids=["longer than a try may", "longer than is left"])
def test_a_throttled_post_whose_wait_is_too_long(retry_after: float) -> None:
    """The intent is forgotten, so that the retry that Airflow makes later starts the run."""
    error = AepThrottledError("slower", status=429, retry_after=retry_after)
    start = Start(lists=[[]], posts=[error, "a"])

    def sleep(seconds: float) -> None:
        raise WorkerSlotError("enough")

    start.slept = type("Slept", (list,), {"append": lambda _self, seconds: sleep(seconds)})()
    with pytest.raises(AepThrottledError) as caught:
        start.start()
    assert caught.value.retry_after == retry_after
    assert start.notes == {}
    start.slept = []
    assert start.start() == "a"


def test_a_refusal_after_which_the_list_fails() -> None:
    """Nothing was started, so the next try starts afresh."""
    start = Start(lists=[[], LOST, []], posts=[THROTTLED, "a"])
    with pytest.raises(AepServerError):
        start.start()
    assert start.notes == {}
    assert start.start() == "a"


def test_a_refusal_beside_runs_of_unknown_windows() -> None:
    """They may be another task's or this one's: polled, and left to a retry if they stay unknown."""
    start = Start(lists=[[], [waiting("x", 1.0)], [run("x", 1.0, OTHER)]], posts=[THROTTLED, "a"])
    assert start.start() == "a"
    start = Start(lists=[[], [waiting("x", 1.0), waiting("y", 2.0)]], posts=[THROTTLED, "never"])
    with pytest.raises(AmbiguousRunError) as caught:
        start.start()
    assert caught.value.message.endswith(
        "no window yet: x, y. Run the task again later: it compares their windows then."
    )
    assert caught.value.retryable
    assert caught.value.__cause__ is THROTTLED
    assert start.notes == {"since": 0.0}
    assert start.posts == ["never"]


def test_a_token_that_was_refused_after_the_effect() -> None:
    """The list is read before the second POST."""
    start = Start(lists=[[], [run("a", 1.0, WINDOW)]], posts=[TOKEN, "never"])
    assert start.start() == "a"
    assert start.posts == ["never"]


def test_a_lost_reply_is_no_refusal() -> None:
    """No second POST, though nothing shows at first."""
    start = Start(lists=[[], [], [run("a", 1.0, WINDOW)]], posts=[LOST, "never"])
    assert start.start() == "a"
    assert start.posts == ["never"]


@pytest.mark.parametrize("lasts", [True, False], ids=["with a store", "without"])
def test_a_retry_finds_the_run_by_its_window(lasts: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A run of this very window is this task's own, the newest of several, whatever the store says."""
    runs = [run("z", 2.5, WINDOW), run("x", 1.0, OTHER), run("a", 2.0, WINDOW), run("b", 3.0, OTHER)]
    start = Start(lists=[runs], posts=["never"], lasts=lasts)
    with caplog.at_level(logging.INFO, "test"):
        assert start.start() == "z"
    assert start.posts == ["never"]
    assert "Run z ingests the same window: an earlier try of this task started it." in caplog.text


@pytest.mark.parametrize("lasts", [True, False], ids=["with a store", "without"])
def test_a_cleared_task_starts_a_new_run(lasts: bool) -> None:
    """The first try since the clear brings the window in again, on purpose, without a wait."""
    runs = [run("failed", 2.0, WINDOW), waiting("x", 3.0)]
    start = Start(lists=[runs], posts=["a"], lasts=lasts, first_try=True)
    assert start.start() == "a"
    assert start.slept == []


def test_a_cleared_task_whose_run_succeeded(caplog: pytest.LogCaptureFixture) -> None:
    """With a store it starts a new run. Without one, Airflow may have run the try twice."""
    runs = [run("b", 3.0, WINDOW), run("a", 2.0, WINDOW)]
    assert Start(lists=[runs], posts=["c"], first_try=True).start() == "c"
    start = Start(lists=[runs], posts=["never"], lasts=False, first_try=True)
    with caplog.at_level(logging.WARNING, "test"):
        assert start.start() == "b"
    assert "Run b has ingested the same window already" in caplog.text


@pytest.mark.parametrize("lasts", [True, False], ids=["with a store", "without"])
def test_a_run_of_the_window_that_goes_on_is_joined(lasts: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A second one beside it would move the same rows twice, cleared or not."""
    runs = [run("failed", 2.0, WINDOW), run("a", 3.0, WINDOW, ended=False)]
    start = Start(lists=[runs], posts=["never"], lasts=lasts, first_try=True)
    with caplog.at_level(logging.INFO, "test"):
        assert start.start() == "a"
    assert "Run a is ingesting the same window now, so this task joins it." in caplog.text


def test_a_run_of_before_is_not_joined() -> None:
    """Only a run created after the failed one can be the desired run, even if an older one is under way."""
    older = run("older", 1.0, WINDOW, ended=False)
    start = Start(lists=[[older]], posts=["a"], after=2.0, first_try=True)
    assert start.start() == "a"


def test_a_retry_after_a_clear_does_not_take_the_run_of_before() -> None:
    """The first try since the clear ended before it could write; the store still knows the old run."""
    runs = [run("failed", 2.0, WINDOW)]
    start = Start(lists=[runs], posts=["a"], notes={"cleared": "failed"})
    assert start.start() == "a"
    start = Start(lists=[[*runs, run("b", 3.0, WINDOW)]], posts=["never"], notes={"cleared": "failed"})
    assert start.start() == "b"


@pytest.mark.parametrize("lasts", [True, False], ids=["with a store", "without"])
def test_a_retry_of_a_failed_run_finds_younger_runs(lasts: bool) -> None:
    """The failed run itself has the same window."""
    failed = run("failed", 2.0, WINDOW)
    start = Start(lists=[[failed]], posts=["a"], lasts=lasts, after=2.0)
    assert start.start() == "a"
    start = Start(lists=[[failed, run("a", 3.0, WINDOW)]], posts=["never"], lasts=lasts, after=2.0)
    assert start.start() == "a"


def test_a_retry_without_a_store_waits_for_what_may_show() -> None:
    """The POST of a try that was killed may just have left."""
    start = Start(lists=[[], [], [run("a", 2.0, WINDOW)]], posts=["never"], lasts=False)
    assert start.start() == "a"
    assert start.slept == list(PATIENCE[:2])
    start = Start(lists=[[run("x", 2.0, OTHER)]], posts=["a"], lasts=False)
    assert start.start() == "a"
    assert start.slept == list(PATIENCE)


def test_a_retry_without_a_store_waits_until_every_window_is_known() -> None:
    """Whether a run is ours is unknown before; a run that ended without a window brought nothing in."""
    shown = [waiting("q", 1.0), run("done", 0.5)]
    known = [run("q", 1.0, WINDOW, ended=False)]
    start = Start(lists=[shown, shown, known], posts=["never"], lasts=False)
    assert start.start() == "q"
    assert start.slept == list(PATIENCE[:2])
    start = Start(lists=[shown], posts=["never"], lasts=False)
    with pytest.raises(AmbiguousRunError, match=r"no window yet: q\.") as caught:
        start.start()
    assert caught.value.retryable
    assert start.slept == list(PATIENCE)
    assert start.posts == ["never"]


def test_a_retry_without_store_and_window() -> None:
    """Any run that is younger than the failed one can be ours. If no run is younger, no run was started."""
    failed = run("failed", 2.0)
    start = Start(lists=[[failed]], posts=["a"], lasts=False, window=None, after=2.0)
    assert start.start() == "a"
    start = Start(
        lists=[[failed, run("x", 3.0, OTHER)]], posts=["never"], lasts=False, window=None, after=2.0
    )
    with pytest.raises(AmbiguousRunError) as caught:
        start.start()
    assert not caught.value.retryable


@pytest.mark.parametrize("broken", ["read", "write", "since"])
def test_a_store_that_fails_stops_before_the_post(broken: str) -> None:
    """What it holds, or cannot take, decides whether a retry starts a second run."""
    start = Start(lists=[[]], posts=["never"], broken=(broken,))
    with pytest.raises(TaskStoreError) as caught:
        start.start()
    assert caught.value.retryable
    assert start.posts == ["never"]


def test_a_store_that_fails_after_the_post(caplog: pytest.LogCaptureFixture) -> None:
    """The run is used; the retry has the intent and finds the run by its window."""
    start = Start(lists=[[]], posts=["a", "never"], broken=("id",))
    with caplog.at_level(logging.WARNING, "test"):
        assert start.start() == "a"
    assert f"{BROKEN} Run a was started and is used all the same" in caplog.text
    start.lists = [[run("x", 0.5, OTHER), run("a", 1.0, WINDOW)]]
    assert start.start() == "a"
    assert start.posts == ["never"]


@pytest.mark.parametrize(
    ("lasts", "window", "kind"),
    [
        (True, None, AepServerError),
        (False, WINDOW, AepServerError),
        (True, WINDOW, AepServerError),
        (False, None, AmbiguousRunError),
    ],
)
def test_a_list_that_fails_after_a_lost_reply(
    lasts: bool, window: tuple[float, float] | None, kind: type
) -> None:
    """A retry finds the run by its memory or its window; where it has neither, it must not start another."""
    start = Start(lists=[[], LOST], posts=[LOST], lasts=lasts, window=window, first_try=True)
    with pytest.raises(kind):
        start.start()


def test_a_strangers_run_is_no_answer_to_a_refused_credential() -> None:
    """Though one of another window began meanwhile."""
    stranger = [run("x", 1.0, OTHER)]
    start = Start(lists=[[], stranger, stranger], posts=[TOKEN, TOKEN, "never"])
    with pytest.raises(AepAuthError):
        start.start()
    assert start.posts == ["never"]
