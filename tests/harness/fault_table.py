"""What a create must survive beyond the fault matrix: what fails, what this try says, and what it leaves.

The matrix (`tests/harness/faults`) spoils the one request that changes something. Here fail the looks, the
token and the clean-up of a race, faults come together, and the task is interrupted. All pauses are real.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.emulator import Emulator
from tests.harness.stories import HELD, NOTHING_STANDS
from tests.harness.workers import Worker, wait_until

Fault = dict[str, Any]


def token(**fault: Any) -> Fault:
    return {"method": "POST", "path": "/ims/token/v3", **fault}


def look(**fault: Any) -> Fault:
    return {"method": "GET", "path": "/connections", **fault}


def post(**fault: Any) -> Fault:
    return {"method": "POST", "path": "/connections", **fault}


def patch(**fault: Any) -> Fault:
    return {"method": "PATCH", **fault}


def delete(**fault: Any) -> Fault:
    return {"method": "DELETE", **fault}


FINE = look()
ALWAYS = 10_000
AFTER = {"when": "after"}
RETRY_SOON = {"status": 429, "headers": {"Retry-After": "1"}}
RETRY_LATE = {"status": 429, "headers": {"Retry-After": "3600"}}
SOMETHING_EXPIRED = {"status": 401, "body": {"error_code": "401013", "message": "Oauth token is not valid"}}


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
    """One fault.

    :param error: the error this try ends with, "SIGTERM" if the signal ends it, or None if it ends well
    :param left: how many stand after this try
    :param posts: how many POSTs this try sends
    :param stands: whether one stands before, made by another DAG
    :param options: of :meth:`tests.harness.workers.Workers.start`
    :param meanwhile: what happens while the try runs
    :param whole: only in the whole form, mostly for its ten seconds of patience
    """

    name: str
    faults: tuple[Fault, ...] = ()
    error: str | None = None
    left: int = 1
    posts: int = 1
    stands: bool = False
    retry_after: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    meanwhile: Callable[[Emulator, Worker], None] | None = None
    whole: bool = False


UPDATE = {"if_exists": "update"}
LIMITED = {"execution_timeout": HELD}
SHORT_REPLY = {"timeout": 2.0}
RAISED = {"on_term": "raise"}
LOST_RACE = look(**NOTHING_STANDS)

TABLE = (
    # A reply is lost
    Row("POST reply lost after its effect", (post(drop=True, **AFTER),)),
    Row("POST lost before its effect", (post(drop=True),), posts=2, whole=True),
    Row("POST reply lost twice running", (post(drop=True), post(drop=True, **AFTER)), posts=2, whole=True),
    Row("POST reply lost, name not filterable", (post(drop=True, **AFTER),), options={"name": "Köln, 'a'=1"}),
    Row("POST reply lost, if_exists=fail", (post(drop=True, **AFTER),), options={"if_exists": "fail"}),
    Row("POST reply lost, first healing look fails", (post(drop=True, **AFTER), FINE, look(status=503))),
    Row("first look's reply lost", (look(drop=True),)),
    Row("second look's reply lost", (FINE, look(drop=True)), whole=True),
    Row("token reply lost", (token(drop=True, **AFTER),)),
    # 5xx
    Row("token 503 once", (token(status=503),), whole=True),
    Row("token 503 always", (token(status=503, times=ALWAYS),), "AepServerError", 0, posts=0, whole=True),
    # Timeouts
    Row("timeout of the first look", (look(delay=HELD),), options=SHORT_REPLY),
    Row("timeout of the second look", (FINE, look(delay=HELD)), options=SHORT_REPLY),
    # 429
    Row("429 for an hour after the effect", (post(**RETRY_LATE, **AFTER),)),
    Row("429 to the look", (look(**RETRY_SOON),)),
    Row("429 to the second look", (FINE, look(**RETRY_SOON)), whole=True),
    Row("429 to the token", (token(**RETRY_SOON),)),
    # Tokens
    Row("401 after the effect", (post(**SOMETHING_EXPIRED, **AFTER),)),
    Row("401 always", (look(path="", **SOMETHING_EXPIRED, times=ALWAYS),), "AepAuthError", 0, posts=0),
    Row("token expires before the POST", posts=2, options={"pause": ("after", 3)}, meanwhile=expire_tokens),
    Row("token expires before the second look", options={"pause": ("after", 4)}, meanwhile=expire_tokens),
    Row("wrong secret", (), "AepAuthError", 0, posts=0, options={"secret": "wrong-secret"}),
    # Lists and replies that are none
    Row("look 500 once", (look(status=500),), whole=True),
    Row("look 500 always", (look(status=500, times=ALWAYS),), "AepServerError", 0, posts=0),
    Row("second look 500 always", (FINE, look(status=500, times=ALWAYS)), "AepServerError"),
    Row(
        "look answered in HTML",
        (look(status=200, body="<html>", times=ALWAYS),),
        "AepReplyError",
        0,
        posts=0,
        whole=True,
    ),
    Row("201 without an id", (post(status=201, body={}, **AFTER),)),
    Row("201 with an id that is none", (post(status=201, body={"id": "../a b"}, **AFTER),)),
    Row("200 in HTML after the effect", (post(status=200, body="<html>", **AFTER),)),
    # A race that is lost
    Row("DELETE reply lost", (LOST_RACE, delete(drop=True, **AFTER)), stands=True),
    Row("DELETE 503 after its effect", (LOST_RACE, delete(status=503, **AFTER)), stands=True),
    Row("DELETE 503 before its effect", (LOST_RACE, delete(status=503)), stands=True, whole=True),
    Row("DELETE 429", (LOST_RACE, delete(**RETRY_SOON)), stands=True),
    Row("DELETE 401", (LOST_RACE, delete(**SOMETHING_EXPIRED)), stands=True, whole=True),
    Row("POST reply lost in a lost race", (LOST_RACE, post(drop=True, **AFTER)), stands=True),
    # An update
    Row("PATCH 412", (patch(status=412, body={}, times=3),), posts=0, stands=True, options=UPDATE),
    Row("PATCH 404", (patch(status=404, body={}),), posts=0, stands=True, options=UPDATE),
    # Interruptions
    *(
        Row(
            f"{words}, POST held {when}",
            (post(delay=HELD, when=when),),
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
            ("SIGTERM raised", "SystemExit", RAISED, interrupt(signal.SIGTERM)),
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
        "SIGTERM as Airflow's task runner takes it",
        (post(delay=2, **AFTER),),
        options={"on_term": "airflow"},
        meanwhile=interrupt(signal.SIGTERM),
    ),
)
