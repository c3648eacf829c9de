"""One real Airflow with a lane for each creating operator: a DAG and an emulator of its own, and SIGKILL.

A lane runs one task at a time: its emulator's requests are that task's, and a fault ordered there is for it.
Lanes run side by side, each of them steered by a thread. The scheduler starts run after run by itself, and
what a run did is read from the database: an API server upon SQLite stumbles over itself where several
clients write at once.
"""

from __future__ import annotations

import glob
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from scripts.local_airflow import LocalAirflow
from scripts.processes import LocalError
from tests.harness.airflow_database import select
from tests.harness.emulator import Emulator
from tests.harness.platform import Platform
from tests.harness.real_creates import ORDERS
from tests.harness.workers import wait_until

LONG = 900.0
HELD = 3600
TRIES = 10
OPEN = "open"
"""A file in a lane's folder: tasks need not wait until they are taken up."""
DAGS = '''
"""A DAG for each operator. A try says which process it is, in a file, and waits until that is taken up."""
import importlib, os, time
from datetime import datetime, timedelta, timezone
from pathlib import Platform
from airflow.sdk import DAG

def tell(context):
    ti = context["ti"]
    told = Platform({told!r}, ti.dag_id, f"{{ti.run_id}} {{ti.try_number}}")
    draft = told.with_name("draft")
    draft.write_text(str(os.getpid()))
    draft.rename(told)
    while told.exists() and not told.with_name("open").exists():
        time.sleep(0.01)

start = datetime(2026, 1, 1, tzinfo=timezone.utc)
for lane, (operator, arguments) in {orders!r}.items():
    module, _, kind = operator.partition(".")
    operator = getattr(importlib.import_module("airflow_provider_aep.operators." + module), kind)
    with DAG(lane, schedule="@continuous", start_date=start, max_active_runs=1, catchup=False) as dag:
        operator(
            task_id="create", aep_conn_id="aep_" + lane, on_execute_callback=tell,
            retries={tries} - 1, retry_delay=timedelta(seconds=1), **arguments
        )
    globals()[lane] = dag
'''


class Lane:
    """One operator's DAG, its emulator, and what stands there."""

    def __init__(self, name: str, airflow: LocalAirflow, emulator: Emulator, told: Path) -> None:
        self.name = name
        self.airflow = airflow
        self.emulator = emulator
        self.told = told / name
        self.told.mkdir()
        self.order = ORDERS[name](Platform(emulator))
        self._before = ""

    def pause(self, paused: bool) -> None:
        """While it is paused no new run begins, and the last one ends by itself."""
        if paused:
            (self.told / OPEN).touch()
        else:
            for file in self.told.iterdir():  # of tries that nobody took up, too
                file.unlink()
        insist(lambda: self.airflow.api("PATCH", f"/dags/{self.name}", {"is_paused": paused}))

    def turn(self) -> Turn:
        """The next DAG run, whose task is about to execute and has the lane's emulator to itself."""

        def begun() -> str | None:
            self.airflow.check()
            runs = [file.name.rpartition(" ")[0] for file in self.told.iterdir() if " " in file.name]
            return next((run for run in runs if run > self._before), None)

        self._before = wait_until(begun, f"{self.name}: a DAG run", LONG, pause=0.05)
        turn = Turn(self, self._before)
        self.order.begin(turn.name)
        self.emulator.forget_requests()
        self.emulator.clear_faults()
        return turn

    def undisturbed(self) -> Create:
        """A create that nobody kills."""
        turn = self.turn()
        process = turn.take_up(1)
        assert process is not None
        turn.wait_for_replies(1, process)
        began = time.monotonic()
        wait_until(lambda: ended(process), "the end of the task", LONG)
        lasted = time.monotonic() - began
        sent = len(self.emulator.requests())
        turn.finish()
        return Create(sent, lasted)

    def kill_held(self, number: int, when: str) -> Turn:
        """SIGKILL while the emulator holds that request, before its effect or after it; then the retry."""
        turn = self.turn()
        if number > 1:
            self.emulator.fault(times=number - 1)
        self.emulator.fault(when=when, delay=HELD)
        process = turn.take_up(1)
        assert process is not None
        wait_until(lambda: len(self.emulator.requests()) >= number or ended(process), "the request", LONG)
        assert [sent["status"] for sent in self.emulator.requests()][number - 1 :] == [None], turn.name
        turn.kill(process)
        self.emulator.clear_faults()
        turn.finish()
        assert turn.kills == 1, f"{turn.name}: nobody was killed"
        return turn

    def kill_at_random(self, chance: random.Random, create: Create, *, kills: int, supervisor: bool) -> Turn:
        """SIGKILL for that many tries, each some moment after some reply unless it is done by then."""
        turn = self.turn()
        for number in range(1, kills + 1):
            process = turn.take_up(number)
            if process is None:
                break
            turn.wait_for_replies(chance.randint(1, create.requests), process)
            time.sleep(chance.uniform(0, create.seconds / create.requests))
            turn.kill(process, supervisor=supervisor)
        turn.finish()
        return turn


@dataclass(frozen=True)
class Create:
    """What a create amounts to: how many requests, and seconds from its first reply to its process' end."""

    requests: int
    seconds: float


class Turn:
    """One DAG run."""

    def __init__(self, lane: Lane, run_id: str) -> None:
        self.name = run_id.replace(":", ".").replace("+", " ")
        self._lane = lane
        self._run_id = run_id
        self._printed = 0
        self._shots = 0
        self._tries = 0
        self._state = ""

    @property
    def kills(self) -> int:
        """How many tries were killed: after each of them Airflow made another."""
        return min(self._shots, self._tries - 1)

    @property
    def gave_up(self) -> bool:
        """Whether it ended by saying that it cannot tell what was done."""
        return self._state == "failed"

    def take_up(self, number: int) -> psutil.Process | None:
        """Let that try execute; its process, or None if there is no such try."""
        told = self._lane.told / f"{self._run_id} {number}"
        looks = itertools.count(1)
        wait_until(
            lambda: told.exists() or (next(looks) % 50 == 0 and self._over()), f"{self.name}: a try", LONG
        )
        if not told.exists():
            return None
        process = psutil.Process(int(told.read_text()))
        self._printed += len(self._lane.emulator.printed(self._printed))
        told.unlink()
        return process

    def wait_for_replies(self, count: int, process: psutil.Process) -> None:
        """Until the emulator has answered so many requests of the try, or that has ended."""

        def there() -> bool:
            return self._lane.emulator.printed(self._printed).count(b"\n") >= count or ended(process)

        wait_until(there, f"{self.name}: {count} replies", LONG)

    def kill(self, process: psutil.Process, *, supervisor: bool = False) -> None:
        """SIGKILL for the task; first for the process that looks after it, if so wished."""
        try:
            victims = [process.parent(), process] if supervisor else [process]
            titles = [" ".join(one.cmdline()).strip() for one in victims]
            if "" in titles:  # it is ending: it has no memory any more that its title could stand in
                return
            assert all(title.startswith("airflow worker -- ") for title in titles), titles
            for one in victims:
                one.kill()
        except psutil.NoSuchProcess:
            return  # it was faster
        self._shots += 1
        wait_until(lambda: ended(process), f"{self.name}: its end", LONG)

    def finish(self) -> None:
        """Until Airflow is done with it: one entity stands under the name, and XCom says which."""
        wait_until(self._let_end, f"{self.name}: the end of its DAG run", LONG, pause=0.3)
        standing = self._lane.order.standing(self.name)
        told = f"{self._lane.name}, {self.name}: {self._state}, standing {standing}"
        if self.gave_up:
            assert self._lane.order.may_ask, told
            assert standing == [], told
            assert "cannot be told" in self._said(), told
            return
        returned = insist(lambda: self._lane.airflow.api.xcom(self._lane.name, self._run_id, "create"))
        made = returned["id"] if isinstance(returned, dict) else returned
        assert standing == [made], f"{told}, told {made}"

    def _said(self) -> str:
        """The log of its last try."""
        task = self._lane.airflow.task_logs / f"dag_id={self._lane.name}" / f"run_id={self._run_id}"
        return (task / "task_id=create" / f"attempt={self._tries}.log").read_text(errors="replace")

    def _let_end(self) -> bool:
        for file in self._lane.told.glob(f"{glob.escape(self._run_id)} *"):
            file.unlink()  # a try that nobody kills
        return self._over()

    def _over(self) -> bool:
        query = (
            "SELECT run.state, task.try_number FROM dag_run AS run JOIN task_instance AS task"
            " USING (dag_id, run_id) WHERE dag_id = :dag AND run_id = :run"
        )
        self._lane.airflow.check()
        [(state, tries)] = select(self._lane.airflow, query, dag=self._lane.name, run=self._run_id)
        self._state, self._tries = str(state), int(tries)
        return self._state in ("success", "failed")


def insist(ask: Callable[[], Any]) -> Any:
    """What Airflow's API answers, once it has the time and its database."""

    def answer() -> tuple[Any] | None:
        try:
            return (ask(),)
        except (LocalError, OSError) as error:
            print(f"asking again: {error}")
            return None

    return wait_until(answer, "an answer of Airflow's API", pause=0.5)[0]


def ended(process: psutil.Process) -> bool:
    """Whether it is gone, or dead and not yet buried."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
