"""One connection or a typed error, never two: whatever fails on the way to Flow Service.

The fault matrix injects faults into the one request that changes something. Here lists, the token and the
clean-up of a race fail, faults come together, and the task is interrupted. All pauses are real.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from tests.harness.emulator import Emulator
from tests.harness.faults import (
    AFTER,
    ALWAYS,
    HELD,
    HTML,
    LOST,
    NO_ID,
    NONE_LISTED,
    RETRY_LATE,
    RETRY_SOON,
    TOKEN_REFUSED,
    UNAVAILABLE,
    at,
)
from tests.harness.workers import FOREIGN_MARK, NAME, Worker, Workers, existing, wait_until

TOKEN, LIST, POST, PATCH, DELETE = (
    "POST /ims/token/v3",
    "GET /connections",
    "POST /connections",
    "PATCH",
    "DELETE",
)
FINE = at(LIST)
"""A list that succeeds, before one that fails."""
BROKEN = {"status": 500}
NO_API = {"status": 200, "body": "<html>", "times": ALWAYS}
FOREVER = {"times": ALWAYS}
LOST_RACE = at(LIST, NONE_LISTED)
UPDATE = {"if_exists": "update"}
LIMITED = {"execution_timeout": HELD}
SHORT_REPLY = {"timeout": 2.0}
PAGED = "Zürich"  # a name that the server cannot be asked for: every page has to be read


def expire_tokens(emulator: Emulator, worker: Worker) -> None:
    """A day passes while the task waits."""
    worker.wait_stopped()
    emulator.advance(90_000)
    worker.go_on()


def interrupt(number: signal.Signals) -> Callable[[Emulator, Worker], None]:
    """A signal while the POST is held. SIGALRM is how Airflow's `execution_timeout` comes."""

    def do(emulator: Emulator, worker: Worker) -> None:
        emulator.wait_for_request("POST", "/connections", timeout=60)
        worker.send(number)

    return do


def interrupt_after_post(number: signal.Signals) -> Callable[[Emulator, Worker], None]:
    """A signal once the POST is answered, while the task lets a race settle."""

    def do(emulator: Emulator, worker: Worker) -> None:
        wait_until(lambda: [r for r in emulator.requests("POST", "/connections") if r["status"]], "the POST")
        worker.send(number)

    return do


@dataclass(frozen=True)
class Row:
    """State which requests fail, what this try says, and what it leaves.

    :param error: the error this try ends with, "SIGTERM" if the signal ends it, or None if it ends well
    :param left: how many connections exist after this try
    :param posts: how many POSTs this try sends
    :param rival: whether one exists before, made by another DAG
    :param options: of :meth:`tests.harness.workers.Workers.start`
    :param meanwhile: what happens while the try runs
    :param nightly: not in `make test`
    """

    name: str
    faults: tuple[dict[str, Any], ...] = ()
    error: str | None = None
    left: int = 1
    posts: int = 1
    rival: bool = False
    retry_after: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    meanwhile: Callable[[Emulator, Worker], None] | None = None
    nightly: bool = False


TABLE = (
    # A reply is lost
    Row("POST reply lost after its effect", (at(POST, LOST, AFTER),)),
    Row("POST lost before its effect", (at(POST, LOST),), posts=2, nightly=True),
    Row("POST reply lost twice running", (at(POST, LOST), at(POST, LOST, AFTER)), posts=2, nightly=True),
    Row(
        "POST reply lost, name not filterable",
        (at(POST, LOST, AFTER),),
        options={"name": "Köln, 'a'=1"},
        nightly=True,
    ),
    Row(
        "POST reply lost, if_exists=fail",
        (at(POST, LOST, AFTER),),
        options={"if_exists": "fail"},
        nightly=True,
    ),
    Row("POST reply lost, first healing list fails", (at(POST, LOST, AFTER), FINE, at(LIST, UNAVAILABLE))),
    Row("first list's reply lost", (at(LIST, LOST),)),
    Row("second list's reply lost", (FINE, at(LIST, LOST)), nightly=True),
    Row("token reply lost", (at(TOKEN, LOST, AFTER),), nightly=True),
    # 5xx
    Row("token 503 once", (at(TOKEN, UNAVAILABLE),), nightly=True),
    Row("token 503 always", (at(TOKEN, UNAVAILABLE, FOREVER),), "AepServerError", 0, posts=0, nightly=True),
    # Timeouts
    Row("timeout of the first list", (at(LIST, delay=HELD),), options=SHORT_REPLY),
    Row("timeout of the second list", (FINE, at(LIST, delay=HELD)), options=SHORT_REPLY, nightly=True),
    # 429
    Row("429 for an hour after the effect", (at(POST, RETRY_LATE, AFTER),)),
    Row("429 to the list", (at(LIST, RETRY_SOON),)),
    Row("429 to the second list", (FINE, at(LIST, RETRY_SOON)), nightly=True),
    Row("429 to the token", (at(TOKEN, RETRY_SOON),), nightly=True),
    # Tokens
    Row("401 after the effect", (at(POST, TOKEN_REFUSED, AFTER),)),
    Row("401 always", (at("GET", TOKEN_REFUSED, FOREVER),), "AepAuthError", 0, posts=0),
    Row("token expires before the POST", posts=2, options={"pause": ("after", 3)}, meanwhile=expire_tokens),
    Row("token expires before the second list", options={"pause": ("after", 4)}, meanwhile=expire_tokens),
    Row("wrong secret", (), "AepAuthError", 0, posts=0, options={"secret": "wrong-secret"}),
    # Lists, and replies that cannot be read
    Row("list 500 once", (at(LIST, BROKEN),), nightly=True),
    Row("list 500 always", (at(LIST, BROKEN, FOREVER),), "AepServerError", 0, posts=0, nightly=True),
    Row("second list 500 always", (FINE, at(LIST, BROKEN, FOREVER)), "AepServerError", nightly=True),
    Row(
        "list answered in HTML",
        (at(LIST, NO_API),),
        "AepReplyError",
        0,
        posts=0,
        nightly=True,
    ),
    Row("201 without an id", (at(POST, NO_ID),)),
    Row("201 with an id that is invalid", (at(POST, NO_ID, body={"id": "../a b"}),), nightly=True),
    Row("200 in HTML after the effect", (at(POST, HTML),), nightly=True),
    # A race that is lost
    Row("DELETE reply lost", (LOST_RACE, at(DELETE, LOST, AFTER)), rival=True),
    Row("DELETE 503 after its effect", (LOST_RACE, at(DELETE, UNAVAILABLE, AFTER)), rival=True, nightly=True),
    Row("DELETE 503 before its effect", (LOST_RACE, at(DELETE, UNAVAILABLE)), rival=True, nightly=True),
    Row("DELETE 429", (LOST_RACE, at(DELETE, RETRY_SOON)), rival=True, nightly=True),
    Row("DELETE 401", (LOST_RACE, at(DELETE, TOKEN_REFUSED)), rival=True, nightly=True),
    Row("POST reply lost in a lost race", (LOST_RACE, at(POST, LOST, AFTER)), rival=True),
    # An update
    Row("PATCH 412", (at(PATCH, status=412, body={}, times=3),), posts=0, rival=True, options=UPDATE),
    Row("PATCH 404", (at(PATCH, status=404, body={}),), posts=0, rival=True, options=UPDATE, nightly=True),
    # Interruptions
    *(
        Row(
            f"{words}, POST held {when}",
            (at(POST, delay=HELD, when=when),),
            error,
            left,
            1,
            False,
            None,
            how,
            act,
        )
        for words, error, how, act in (
            ("execution_timeout", "AirflowTaskTimeout", LIMITED, interrupt(signal.SIGALRM)),
            ("SIGTERM raised", "SystemExit", {"on_term": "raise"}, interrupt(signal.SIGTERM)),
            ("SIGTERM", "SIGTERM", {}, interrupt(signal.SIGTERM)),
        )
        for when, left in (("before", 0), ("after", 1))
    ),
    Row(
        "execution_timeout while a race settles",
        error="AirflowTaskTimeout",
        options={**LIMITED, "settle": 50},  # a try sleeps for a minute at most
        meanwhile=interrupt_after_post(signal.SIGALRM),
    ),
    Row(
        "SIGTERM as Airflow's task runner treats it",
        (at(POST, AFTER, delay=2),),
        options={"on_term": "airflow"},
        meanwhile=interrupt(signal.SIGTERM),
    ),
)
ROWS = [
    pytest.param(row, id=row.name.replace(" ", "_"), marks=pytest.mark.nightly if row.nightly else ())
    for row in TABLE
]


@pytest.mark.parametrize("row", ROWS)
def test_a_fault(emulator: Emulator, workers: Workers, row: Row) -> None:
    """This try says what the table says, leaves what it says, and the next one ends with one."""
    rival = None
    if row.rival:
        rival = emulator.api().create(NAME, description=f"Somebody's {FOREIGN_MARK}").json()["id"]
    emulator.forget_requests()
    for fault in row.faults:
        emulator.fault(**fault)
    worker = workers.start(emulator.url, **row.options)
    if row.meanwhile:
        row.meanwhile(emulator, worker)
    if row.error == "SIGTERM":
        assert worker.wait() == -signal.SIGTERM, worker.said()
    elif row.error:
        error = worker.result()["error"]
        assert row.error in error["kinds"], error
        assert "AepError" in error["kinds"] or not row.error.startswith("Aep")
        assert error["retry_after"] == row.retry_after
        if row.error.startswith("Aep"):
            assert error["text"].endswith(f" [{getattr(errors, error['kinds'][0]).stable_code}]")
    else:
        made = worker.returned()
        assert existing(emulator) == [made]
    assert emulator.state()["connections"] == row.left
    assert len(emulator.requests("POST", "/connections")) == row.posts
    left = existing(emulator)
    options = {name: row.options[name] for name in ("name", "if_exists") if name in row.options}
    made = workers.start(emulator.url, **options).returned()
    assert existing(emulator) == [made]
    assert made == rival or not rival
    assert left in ([], [made])


@pytest.mark.parametrize("refused", ["host", pytest.param("ims_host", marks=pytest.mark.nightly)])
def test_connection_refused(emulator: Emulator, workers: Workers, refused: str) -> None:
    """Nothing listens there: a typed error that a retry may help, and nothing made."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        closed = f"http://127.0.0.1:{silent.getsockname()[1]}"
        urls = {"host": emulator.url, "ims_host": emulator.url, refused: closed}
        error = workers.start(urls["host"], ims_url=urls["ims_host"]).result()["error"]
    assert "AepConnectError" in error["kinds"]
    assert error["retryable"]
    assert existing(emulator) == []
    made = workers.start(emulator.url).returned()
    assert existing(emulator) == [made]


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(("after", 3), id="before the POST", marks=pytest.mark.nightly),
        pytest.param(("after", 4), id="after the POST"),
    ],
)
def test_the_service_goes_away_midway(workers: Workers, tmp_path: Path, point: tuple[str, int]) -> None:
    """Connection refused in the middle, and for good: a typed error; the retry finds what exists."""
    state = str(tmp_path / "state")
    with Emulator("--state", state) as emulator:
        worker = workers.start(emulator.url, pause=point)
        worker.wait_stopped()
        left = emulator.state()["connections"]
        emulator.stop()
    worker.go_on()
    error = worker.result()["error"]
    assert "AepConnectError" in error["kinds"], error
    with Emulator("--state", state) as emulator:
        before = existing(emulator)
        made = workers.start(emulator.url).returned()
        assert existing(emulator) == [made]
    assert before == [made][:left]


def _seed_a_page(emulator: Emulator) -> str:
    """Create a hundred others, then the desired one: it is on the second page."""
    api = emulator.api()
    for number in range(100):
        api.create(f"Other {number}").raise_for_status()
    return str(api.create(PAGED).json()["id"])


def test_the_second_page_fails_once(emulator: Emulator, workers: Workers) -> None:
    """A page left out would be a connection overlooked, and made again."""
    desired = _seed_a_page(emulator)
    emulator.forget_requests()
    emulator.fault(**FINE)
    emulator.fault(**at(LIST, BROKEN))
    assert workers.start(emulator.url, name=PAGED).returned() == desired
    assert emulator.requests("POST", "/connections") == []


@pytest.mark.nightly
def test_the_second_page_fails_always(emulator: Emulator, workers: Workers) -> None:
    """Half a list proves nothing: no POST upon it."""
    desired = _seed_a_page(emulator)
    emulator.forget_requests()
    emulator.fault(**FINE)
    emulator.fault(**at(LIST, BROKEN, FOREVER))
    error = workers.start(emulator.url, name=PAGED).result()["error"]
    assert "AepServerError" in error["kinds"]
    assert emulator.requests("POST", "/connections") == []
    emulator.clear_faults()
    assert workers.start(emulator.url, name=PAGED).returned() == desired


def test_the_effect_of_a_lost_reply_is_found_on_the_second_page(emulator: Emulator, workers: Workers) -> None:
    """Healing reads every page, too."""
    api = emulator.api()
    for number in range(100):
        api.create(f"Other {number}").raise_for_status()
    emulator.forget_requests()
    emulator.fault(**at(POST, LOST, AFTER))
    workers.start(emulator.url, name=PAGED).returned()
    assert emulator.state()["connections"] == 101
    assert len(emulator.requests("POST", "/connections")) == 1


@pytest.mark.nightly
def test_a_delete_that_is_refused(emulator: Emulator, workers: Workers) -> None:
    """A loser that may not delete says so and agrees on the oldest; a later run that may cleans up."""
    rival = emulator.api().create(NAME, description=f"Somebody's {FOREIGN_MARK}").json()["id"]
    emulator.fault(**LOST_RACE)
    emulator.fault(**at(DELETE, FOREVER, status=403, body={}))
    loser = workers.start(emulator.url)
    assert loser.returned() == rival
    (own,) = set(existing(emulator)) - {rival}
    assert "warning" in loser.said()
    assert own in loser.said()
    assert workers.start(emulator.url, run_id="later").returned() == rival
    assert existing(emulator) == [rival]
