"""Tasks of a real Airflow die by SIGKILL, and its own retries end with one entity and its ID in XCom."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from tests.harness.airflow_database import select
from tests.harness.crash_airflow import CrashAirflow
from tests.harness.crash_lanes import LONG, Lane, Turn, insist
from tests.harness.figures import KeepFigure
from tests.harness.real_creates import ORDERS
from tests.harness.workers import wait_until

KILLS = 100
"""At random moments, for each operator."""
SUPERVISOR_TOO = 10
"""In every so many turns the process that looks after the task dies with it."""
CROWD, WORKERS = 50, 4
CROWD_DAG = f'''
"""Many tasks want one connection."""
from airflow.sdk import DAG
from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

with DAG("crowd", schedule=None, max_active_tasks={CROWD}):
    CreatePayPalConnectionOperator.partial(
        task_id="create", name="Wanted by all", aep_conn_id="aep_paypal_connection"
    ).expand(description=["Task " + str(number) for number in range({CROWD})])
'''


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashAirflow]:
    """LocalExecutor with its four worker processes, and a lane for each operator."""
    directory = tmp_path_factory.mktemp("crashes")
    with CrashAirflow(directory, tuple(ORDERS), {"crowd": CROWD_DAG}) as real:
        yield real


def at_every_request(lane: Lane) -> dict[str, int]:
    """One create undisturbed; then one for each of its requests, held before its effect, and after it."""
    count = lane.undisturbed().requests
    assert count > 1, "nothing was sent"
    turns = [lane.kill_held(n, when) for n in range(1, count + 1) for when in ("before", "after")]
    return totals(turns)


def at_random(lane: Lane) -> dict[str, int]:
    """Until so many tries were killed within the create; a task may lose several tries."""
    create = lane.undisturbed()
    seed = random.randrange(10**9)
    print(f"{lane.name}: seed {seed}, undisturbed {create}")
    chance = random.Random(seed)
    turns: list[Turn] = []
    while sum(turn.kills for turn in turns) < KILLS:
        too = len(turns) % SUPERVISOR_TOO == SUPERVISOR_TOO - 1
        turns.append(lane.kill_at_random(chance, create, kills=chance.choice((1, 2, 3)), supervisor=too))
    return totals(turns)


def totals(turns: list[Turn]) -> dict[str, int]:
    """What became of them."""
    return {
        "turns": len(turns),
        "kills": sum(turn.kills for turn in turns),
        "not started": sum(turn.gave_up for turn in turns),
    }


def told(found: dict[str, dict[str, int]]) -> str:
    """A figure in words."""
    total: Counter[str] = Counter()
    for one in found.values():
        total.update(one)
    return (
        f"{total['kills']} kills of {total['turns']} tasks, {len(found)} operators: one entity each, its ID "
        f"in XCom; but {total['not started']} runs of a dataflow were not started, and the task said so"
    )


@pytest.mark.nightly
def test_a_kill_at_every_request(real: CrashAirflow, figure: KeepFigure) -> None:
    """Whatever the worker was about when it died, its retry finds what was done, and does the rest."""
    found = real.each_lane(at_every_request)
    assert all(one["kills"] == one["turns"] > 0 for one in found.values()), found
    figure("LocalExecutor: SIGKILL at every request boundary", told(found))


@pytest.mark.nightly
def test_fifty_tasks_on_one_name(real: CrashAirflow, figure: KeepFigure) -> None:
    """The first ones see none and POST; in the end one stands, and every task of them names it."""
    lane, api = real.lane("paypal_connection"), real.airflow.api
    emulator = lane.emulator
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
    (left,) = lane.order.standing("Wanted by all")
    returned = [insist(partial(api.xcom, "crowd", run_id, "create", index)) for index in range(CROWD)]
    assert set(returned) == {left}
    agree = f"{returned.count(left)} of {len(returned)} tasks agree on it"
    what = f"LocalExecutor: {CROWD} tasks at once, {WORKERS} worker processes, one name"
    figure(what, f"1 connection stands, {agree}")


@pytest.mark.nightly
def test_kills_at_random_moments(real: CrashAirflow, figure: KeepFigure) -> None:
    """Moments that nobody thought of, between the first reply and the process' end."""
    found = real.each_lane(at_random)
    assert all(one["kills"] >= KILLS for one in found.values()), found
    figure("LocalExecutor: SIGKILL at random moments within the create", told(found))
