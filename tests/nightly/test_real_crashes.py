"""Tasks of a real Airflow die by SIGKILL, and its own retries end with one entity and its ID in XCom.

Each creating operator has a DAG and an emulator of its own. Its DAG runs one task at a time, so the
emulator's requests are that task's, and a fault ordered there is for it. The operators go on at the same
time, each in a thread. The scheduler starts run after run by itself. The state of a run is read from the
database: an API server on SQLite fails where several clients write at once.
"""

from __future__ import annotations

import glob
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path as File
from typing import Any

import psutil
import pytest

from scripts.local_airflow import LocalAirflow, connections
from scripts.processes import LocalError
from tests.harness.emulator import CLIENT_SECRET, PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.figures import KeepFigure
from tests.harness.platform import COLUMNS, PRODUCTS, SHORT, Platform, made
from tests.harness.postgres import Postgres, found
from tests.harness.real_airflow import select
from tests.harness.workers import wait_until

pytestmark = pytest.mark.nightly

# What each operator creates

NAME = "{{ run_id | replace(':', '.') | replace('+', ' ') }}"
DAILY = {"frequency": "day", "interval": 1}
TABLE = [{"name": name, "type": "string"} for name in COLUMNS]
MAPPING = {name: f"_emulator.{name}" for name in COLUMNS}


@dataclass(frozen=True)
class CreateTask:
    """One operator's work: each DAG run makes what bears its name.

    :param operator: ``dataflows.CreateSchemaOperator``, say
    :param existing: the ids of what exists under a name
    :param begin: called before anything is made under a name
    :param may_ask: whether the task may end by saying that it cannot tell what was done, and ask for a clear
    """

    operator: str
    arguments: dict[str, Any]
    existing: Callable[[str], list[str]]
    begin: Callable[[str], None] = lambda _: None
    may_ask: bool = False


def paypal_connection(platform: Platform) -> CreateTask:
    """A base connection by the operator of its own."""
    return CreateTask(
        "connections.CreatePayPalConnectionOperator", {"name": NAME}, named(platform, "connections")
    )


def base_connection(platform: Platform) -> CreateTask:
    """A base connection of any source."""
    arguments = {"name": NAME, "source": "square", "source_conn_id": "square_default"}
    return CreateTask("connections.CreateBaseConnectionOperator", arguments, named(platform, "connections"))


def schema(platform: Platform) -> CreateTask:
    """A schema, with its one field group."""

    def existing(name: str) -> list[str]:
        found = titled(platform, "schemas", name)
        assert len(titled(platform, "fieldgroups", f"{name} fields")) == len(found)
        return found

    return CreateTask("dataflows.CreateSchemaOperator", {"name": NAME, "columns": TABLE}, existing)


def dataset(platform: Platform) -> CreateTask:
    """A dataset."""

    def existing(name: str) -> list[str]:
        return list(made(platform.catalog("GET", "/dataSets", params={"name": name}), 200))

    return CreateTask(
        "dataflows.CreateDatasetOperator", {"name": NAME, "schema_id": platform.schema()}, existing
    )


def source_connection(platform: Platform) -> CreateTask:
    """A source connection, whose columns are read from the source."""
    arguments = {"name": NAME, "connection_id": platform.base(), "table": PRODUCTS}
    return CreateTask(
        "dataflows.CreateSourceConnectionOperator", arguments, named(platform, "sourceConnections")
    )


def target_connection(platform: Platform) -> CreateTask:
    """A target connection."""
    own = platform.schema()
    arguments = {"name": NAME, "schema_id": own, "dataset_id": platform.dataset(own)}
    return CreateTask(
        "dataflows.CreateTargetConnectionOperator", arguments, named(platform, "targetConnections")
    )


def mapping_set(platform: Platform) -> CreateTask:
    """A mapping set. What earlier runs made says something else by then, or it would be used again."""

    def every() -> list[str]:
        params = {"limit": 10_000, "start": 0}
        reply = platform.conversion("GET", "/mappingSets", params=params)
        return [item["id"] for item in made(reply, 200)["data"]]

    note, existing = since(every)
    own = platform.schema()
    other = {"sourceType": "STATIC", "source": "other", "destination": "_emulator.Product_Id"}

    def begin(name: str) -> None:
        for one in every():
            body = {"outputSchema": {"schemaRef": {"id": own}}, "mappings": [other]}
            made(platform.conversion("PUT", f"/mappingSets/{one}", json=body), 200)
        note(name)

    arguments = {"schema_id": own, "mapping": MAPPING}
    return CreateTask("dataflows.CreateMappingSetOperator", arguments, existing, begin)


def dataflow(platform: Platform) -> CreateTask:
    """A dataflow that recurs."""
    own = platform.schema()
    arguments = {
        "name": NAME,
        "source_connection_id": platform.source(platform.base()),
        "target_connection_id": platform.target(own, platform.dataset(own)),
        "mapping_set": platform.mapping(own),
        "schedule": DAILY,
        "delta_column": "Create_Time",
    }
    return CreateTask("dataflows.CreateDataflowOperator", arguments, named(platform, "flows"))


def run(platform: Platform) -> CreateTask:
    """Runs on demand of a one-time dataflow, each for a second of its own.

    Not for the data interval: `@continuous` has several within a second, and windows are in whole ones.
    """
    flow = platform.flow(platform.once())
    platform.advance(60)  # its run of its own is over
    begin, existing = since(lambda: [item["id"] for item in platform.runs(flow)])
    second = "(data_interval_end.timestamp() * 1000) | int % 10**9"
    window = {"window_start": f"{{{{ {second} }}}}", "window_end": f"{{{{ {second} + 1 }}}}"}
    arguments = {"flow_id": flow, "delta_column": "Create_Time", "wait": False, **window}
    return CreateTask("dataflows.RunDataflowOperator", arguments, existing, begin, may_ask=True)


CREATES: dict[str, Callable[[Platform], CreateTask]] = {
    make.__name__: make
    for make in (
        paypal_connection,
        base_connection,
        schema,
        dataset,
        source_connection,
        target_connection,
        mapping_set,
        dataflow,
        run,
    )
}


def since(every: Callable[[], list[str]]) -> tuple[Callable[[str], None], Callable[[str], list[str]]]:
    """How things without a name are found: they came since the DAG run began."""
    before: dict[str, list[str]] = {}

    def begin(name: str) -> None:
        before[name] = every()

    def existing(name: str) -> list[str]:
        return [one for one in every() if one not in before[name]]

    return begin, existing


def named(platform: Platform, kind: str) -> Callable[[str], list[str]]:
    """How entities of Flow Service are found."""

    def existing(name: str) -> list[str]:
        params = {"property": f"name=={name}", "limit": "100"}
        return [item["id"] for item in made(platform.api("GET", f"/{kind}", params=params), 200)["items"]]

    return existing


def titled(platform: Platform, kind: str, title: str) -> list[str]:
    """How entities of the Schema Registry are found."""
    reply = platform.registry("GET", f"/tenant/{kind}", headers=SHORT, params={"property": f"title=={title}"})
    return [item["$id"] for item in made(reply, 200)["results"]]


# One operator of a real Airflow

LONG = 900.0
HELD = 3600
TRIES = 10
OPEN = "open"
"""A file in a operator's folder: tasks need not wait until they are taken up."""
DAGS = '''
"""A DAG for each operator. A try says which process it is, in a file, and waits until that is taken up."""
import importlib, os, time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from airflow.sdk import DAG

def tell(context):
    ti = context["ti"]
    told = Path({told!r}, ti.dag_id, f"{{ti.run_id}} {{ti.try_number}}")
    draft = told.with_name("draft")
    draft.write_text(str(os.getpid()))
    draft.rename(told)
    while told.exists() and not told.with_name("open").exists():
        time.sleep(0.01)

start = datetime(2026, 1, 1, tzinfo=timezone.utc)
for operator, (operator, arguments) in {creates!r}.items():
    module, _, kind = operator.partition(".")
    operator = getattr(importlib.import_module("airflow_provider_aep.operators." + module), kind)
    with DAG(operator, schedule="@continuous", start_date=start, max_active_runs=1, catchup=False) as dag:
        operator(
            task_id="create", aep_conn_id="aep_" + operator, on_execute_callback=tell,
            retries={tries} - 1, retry_delay=timedelta(seconds=1), **arguments
        )
    globals()[operator] = dag
'''


class CrashingOperator:
    """One operator's DAG, its emulator, and what exists there."""

    def __init__(self, name: str, airflow: LocalAirflow, emulator: Emulator, told: File) -> None:
        self.name = name
        self.airflow = airflow
        self.emulator = emulator
        self.told = told / name
        self.told.mkdir()
        self.creates = CREATES[name](Platform(emulator))
        self._before = ""

    def pause(self, paused: bool) -> None:
        """While it is paused no new run begins, and the last one ends by itself."""
        if paused:
            (self.told / OPEN).touch()
        else:
            for file in self.told.iterdir():  # of tries that nobody took up, too
                file.unlink()
        insist(lambda: self.airflow.api("PATCH", f"/dags/{self.name}", {"is_paused": paused}))

    def dag_run(self) -> CrashingRun:
        """The next DAG run, whose task is about to execute and has the operator's emulator to itself."""

        def begun() -> str | None:
            self.airflow.check()
            runs = [file.name.rpartition(" ")[0] for file in self.told.iterdir() if " " in file.name]
            return next((run for run in runs if run > self._before), None)

        self._before = wait_until(begun, f"{self.name}: a DAG run", LONG, pause=0.05)
        dag_run = CrashingRun(self, self._before)
        self.creates.begin(dag_run.name)
        self.emulator.forget_requests()
        self.emulator.clear_faults()
        return dag_run

    def undisturbed(self) -> Undisturbed:
        """A create that nobody kills."""
        dag_run = self.next_run()
        process = dag_run.take_up(1)
        assert process is not None
        dag_run.wait_for_replies(1, process)
        began = time.monotonic()
        wait_until(lambda: ended(process), "the end of the task", LONG)
        lasted = time.monotonic() - began
        sent = len(self.emulator.requests())
        dag_run.finish()
        return Undisturbed(sent, lasted)

    def kill_held(self, number: int, when: str) -> CrashingRun:
        """SIGKILL while the emulator holds that request, before its effect or after it; then the retry."""
        dag_run = self.next_run()
        if number > 1:
            self.emulator.fault(times=number - 1)
        self.emulator.fault(when=when, delay=HELD)
        process = dag_run.take_up(1)
        assert process is not None
        wait_until(lambda: len(self.emulator.requests()) >= number or ended(process), "the request", LONG)
        assert [sent["status"] for sent in self.emulator.requests()][number - 1 :] == [None], dag_run.name
        dag_run.kill(process)
        self.emulator.clear_faults()
        dag_run.finish()
        assert dag_run.kills == 1, f"{dag_run.name}: nobody was killed"
        return dag_run

    def kill_at_random(
        self, chance: random.Random, create: Undisturbed, *, kills: int, supervisor: bool
    ) -> CrashingRun:
        """SIGKILL for that many tries, each some time after some reply, unless it has ended."""
        dag_run = self.next_run()
        for number in range(1, kills + 1):
            process = dag_run.take_up(number)
            if process is None:
                break
            dag_run.wait_for_replies(chance.randint(1, create.requests), process)
            time.sleep(chance.uniform(0, create.seconds / create.requests))
            dag_run.kill(process, supervisor=supervisor)
        dag_run.finish()
        return dag_run


@dataclass(frozen=True)
class Undisturbed:
    """What a create amounts to: how many requests, and seconds from its first reply to its process' end."""

    requests: int
    seconds: float


class CrashingRun:
    """One DAG run."""

    def __init__(self, operator: CrashingOperator, run_id: str) -> None:
        self.name = run_id.replace(":", ".").replace("+", " ")
        self._operator = operator
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
        told = self._operator.told / f"{self._run_id} {number}"
        asked = itertools.count(1)
        wait_until(
            lambda: told.exists() or (next(asked) % 50 == 0 and self._over()), f"{self.name}: a try", LONG
        )
        if not told.exists():
            return None
        process = psutil.Process(int(told.read_text()))
        self._printed += len(self._operator.emulator.printed(self._printed))
        told.unlink()
        return process

    def wait_for_replies(self, count: int, process: psutil.Process) -> None:
        """Until the emulator has answered so many requests of the try, or that has ended."""

        def there() -> bool:
            return self._operator.emulator.printed(self._printed).count(b"\n") >= count or ended(process)

        wait_until(there, f"{self.name}: {count} replies", LONG)

    def kill(self, process: psutil.Process, *, supervisor: bool = False) -> None:
        """Kill the task; first the process that supervises it, if `supervisor`."""
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
        """Wait until the run has ended: one entity exists under the name, and XCom says which."""
        wait_until(self._let_end, f"{self.name}: the end of its DAG run", LONG, pause=0.3)
        existing = self._operator.creates.existing(self.name)
        told = f"{self._operator.name}, {self.name}: {self._state}, existing {existing}"
        if self.gave_up:
            assert self._operator.creates.may_ask, told
            assert existing == [], told
            assert "AEP-E508" in self._said(), told
            return
        returned = insist(
            lambda: self._operator.airflow.api.xcom(self._operator.name, self._run_id, "create")
        )
        made = returned["id"] if isinstance(returned, dict) else returned
        assert existing == [made], f"{told}, told {made}"

    def _said(self) -> str:
        """The log of its last try."""
        task = self._operator.airflow.task_logs / f"dag_id={self._operator.name}" / f"run_id={self._run_id}"
        return (task / "task_id=create" / f"attempt={self._tries}.log").read_text(errors="replace")

    def _let_end(self) -> bool:
        for file in self._operator.told.glob(f"{glob.escape(self._run_id)} *"):
            file.unlink()  # a try that nobody kills
        return self._over()

    def _over(self) -> bool:
        query = (
            "SELECT run.state, task.try_number FROM dag_run AS run JOIN task_instance AS task"
            " USING (dag_id, run_id) WHERE dag_id = :dag AND run_id = :run"
        )
        self._operator.airflow.check()
        [(state, tries)] = select(self._operator.airflow, query, dag=self._operator.name, run=self._run_id)
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


# Airflow

PARTS = ("api-server", "scheduler", "dag-processor")
SETTINGS = {
    "AIRFLOW__AEP__SETTLE": "0.2",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    # A task whose supervisor is dead is known by its missing heartbeat.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}
# Workers are forked, so they have what the scheduler has imported: it saves each try half a second.
PRELOADED = """
import airflow_provider_aep.hooks.data_prep
import airflow_provider_aep.hooks.flow_service
import airflow_provider_aep.operators._base_connections
import airflow_provider_aep.operators._runs
import airflow_provider_aep.operators._services
"""


class CrashingAirflow:
    """`with CrashingAirflow(directory, names) as real: real.each_operator(lambda operator: ...)`.

    :param more: text of DAGs of other tests, by name
    """

    def __init__(self, directory: File, names: tuple[str, ...], more: dict[str, str] | None = None) -> None:
        self._directory = directory
        self._names = names
        self._more = more or {}
        self._stack = ExitStack()
        self.operators: list[CrashingOperator] = []
        self.airflow: LocalAirflow

    def __enter__(self) -> CrashingAirflow:
        dags, told = self._directory / "dags", self._directory / "told"
        dags.mkdir()
        told.mkdir()
        with ExitStack() as stack:
            settings = SETTINGS
            # without it SQLite must do, whose lock ends the scheduler of a slow machine
            if found("initdb"):
                settings = {**SETTINGS, **stack.enter_context(Postgres()).settings}
            self.airflow = stack.enter_context(
                LocalAirflow(self._directory, dags=dags, components=PARTS, environment=settings)
            )
            self.operators = [
                CrashingOperator(name, self.airflow, stack.enter_context(Emulator(start_timeout=LONG)), told)
                for name in self._names
            ]
            creates = {
                operator.name: (operator.creates.operator, operator.creates.arguments)
                for operator in self.operators
            }
            (dags / "operators.py").write_text(DAGS.format(told=str(told), creates=creates, tries=TRIES))
            for name, text in self._more.items():
                (dags / f"{name}.py").write_text(text)
            self._start()
            self._stack = stack.pop_all()
        return self

    def _start(self) -> None:
        self.airflow.migrate()
        config = self.airflow.home / "config"
        config.mkdir(exist_ok=True)
        (config / "airflow_local_settings.py").write_text(PRELOADED)
        self.airflow.start_airflow()
        stored = connections(self.operators[0].emulator.url)
        stored["paypal_default"] |= {"login": PAYPAL_ID, "password": PAYPAL_SECRET}
        for operator in self.operators:
            aep = connections(operator.emulator.url)["aep_default"]
            stored[f"aep_{operator.name}"] = {**aep, "password": CLIENT_SECRET}
        self.airflow.api.store_connections(stored)
        for name in (*self._names, *self._more):
            self.airflow.api.wait_for_dag(name, "", seconds=LONG, watch=self.airflow.check)

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def operator(self, name: str) -> CrashingOperator:
        """The operator of that name."""
        return next(operator for operator in self.operators if operator.name == name)

    def workers(self) -> int:
        """How many worker processes the executor has."""
        (scheduler,) = [service for service in self.airflow.services if service.name == "scheduler"]
        titles = [" ".join(process.cmdline()) for process in scheduler.members()]
        return sum(title.startswith("airflow worker -- LocalExecutor") for title in titles)

    def each_operator(self, work: Callable[[CrashingOperator], Any]) -> dict[str, Any]:
        """The work's result in each operator, all of them side by side."""
        for operator in self.operators:
            operator.pause(False)

        def whole(operator: CrashingOperator) -> Any:
            try:
                return work(operator)
            finally:
                operator.pause(True)

        with ThreadPoolExecutor(len(self.operators)) as pool:
            waiting = {operator.name: pool.submit(whole, operator) for operator in self.operators}
        return {name: one.result() for name, one in waiting.items()}


# The tests

KILLS = 100
"""At random times, for each operator."""
SUPERVISOR_TOO = 10
"""In every so many runs the process that supervises the task dies with it."""
CROWD, WORKERS = 50, 4
CROWD_DAG = f'''
"""Many tasks want one connection."""
from airflow.sdk import DAG
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

with DAG("crowd", schedule=None, max_active_tasks={CROWD}):
    CreatePayPalConnectionOperator.partial(
        task_id="create", name="Shared by all", aep_conn_id="aep_paypal_connection"
    ).expand(description=["Task " + str(number) for number in range({CROWD})])
'''


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashingAirflow]:
    """LocalExecutor with its four worker processes, and a operator for each operator."""
    directory = tmp_path_factory.mktemp("crashes")
    with CrashingAirflow(directory, tuple(CREATES), {"crowd": CROWD_DAG}) as real:
        yield real


def at_every_request(operator: CrashingOperator) -> dict[str, int]:
    """One create undisturbed; then one for each of its requests, held before its effect, and after it."""
    count = operator.undisturbed().requests
    assert count > 1, "nothing was sent"
    runs = [operator.kill_held(n, when) for n in range(1, count + 1) for when in ("before", "after")]
    return totals(runs)


def at_random(operator: CrashingOperator) -> dict[str, int]:
    """Until so many tries were killed within the create; a task may lose several tries."""
    create = operator.undisturbed()
    seed = random.randrange(10**9)
    print(f"{operator.name}: seed {seed}, undisturbed {create}")
    chance = random.Random(seed)
    runs: list[CrashingRun] = []
    while sum(dag_run.kills for dag_run in runs) < KILLS:
        too = len(runs) % SUPERVISOR_TOO == SUPERVISOR_TOO - 1
        runs.append(operator.kill_at_random(chance, create, kills=chance.choice((1, 2, 3)), supervisor=too))
    return totals(runs)


def totals(runs: list[CrashingRun]) -> dict[str, int]:
    """What became of them."""
    return {
        "runs": len(runs),
        "kills": sum(dag_run.kills for dag_run in runs),
        "not started": sum(dag_run.gave_up for dag_run in runs),
    }


def told(found: dict[str, dict[str, int]]) -> str:
    """A figure in words."""
    total: Counter[str] = Counter()
    for one in found.values():
        total.update(one)
    return (
        f"{total['kills']} kills of {total['runs']} tasks, {len(found)} operators: one entity each, its ID "
        f"in XCom; but {total['not started']} runs of a dataflow were not started, and the task said so"
    )


def test_a_kill_at_every_request(real: CrashingAirflow, figure: KeepFigure) -> None:
    """Whatever the worker was about when it died, its retry finds what was done, and does the rest."""
    found = real.each_operator(at_every_request)
    assert all(one["kills"] == one["runs"] > 0 for one in found.values()), found
    figure("LocalExecutor: SIGKILL at every request boundary", told(found))


def test_fifty_tasks_on_one_name(real: CrashingAirflow, figure: KeepFigure) -> None:
    """The first ones list none and POST; in the end one exists, and every task names it."""
    operator, api = real.operator("paypal_connection"), real.airflow.api
    emulator = operator.emulator
    emulator.forget_requests()
    emulator.clear_faults()
    emulator.fault(method="GET", path="/connections", when="after", delay=15, times=WORKERS)
    run_id = api.trigger("crowd")
    query = "SELECT state FROM dag_run WHERE run_id = :run AND state NOT IN ('queued', 'running')"

    def ended() -> list[tuple[str]]:
        real.airflow.check()
        return select(real.airflow, query, run=run_id)

    assert wait_until(ended, "the end of the crowd", LONG, pause=0.3) == [("success",)]
    assert real.workers() == WORKERS
    assert len(emulator.requests("POST", "/connections")) > 1, "it was no race"
    (left,) = operator.creates.existing("Shared by all")
    returned = [insist(partial(api.xcom, "crowd", run_id, "create", index)) for index in range(CROWD)]
    assert set(returned) == {left}
    agree = f"{returned.count(left)} of {len(returned)} tasks agree on it"
    what = f"LocalExecutor: {CROWD} tasks at once, {WORKERS} worker processes, one name"
    figure(what, f"1 connection exists, {agree}")


def test_kills_at_random_times(real: CrashingAirflow, figure: KeepFigure) -> None:
    """Between the first reply and the end of the process."""
    found = real.each_operator(at_random)
    assert all(one["kills"] >= KILLS for one in found.values()), found
    figure("LocalExecutor: SIGKILL at random times within the create", told(found))
