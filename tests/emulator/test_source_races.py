"""Every documented source gets one connection, whatever becomes of the tasks that make it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from airflow_provider_aep.flow_service.sources import AuthSpec, Source
from tests.harness.emulator import Emulator
from tests.harness.source_catalogue import SAMPLE, chosen_auth, each_row, generic_params
from tests.harness.workers import Workers, existing, wait_until

BEFORE_THE_POST = ("after", 3)
HELD = 600


@each_row(SAMPLE)
@pytest.mark.parametrize(
    "effect",
    [
        pytest.param(1, id="after_its_effect"),
        pytest.param(0, id="before_its_effect", marks=pytest.mark.nightly),
    ],
)
def test_two_runs_and_a_kill(
    emulator: Emulator, workers: Workers, source: Source, auth: AuthSpec, effect: int
) -> None:
    """One of two runs dies in its POST; its retry and the other run go on at once, and name the same one."""
    row = (source, auth)
    task: dict[str, Any] = {
        "kind": "connections.CreateBaseConnectionOperator",
        "source": source.key,
        "source_conn_id": "source_conn",
        "source_conn": {"conn_type": "generic", "extra": generic_params(row)},
        "auth_spec": chosen_auth(row),
    }
    start = partial(workers.start, emulator.url, **task)
    killed = start(run_id="one_run", pause=BEFORE_THE_POST)
    other = start(run_id="another_run", pause=BEFORE_THE_POST)
    for worker in (killed, other):
        worker.wait_stopped()
    assert existing(emulator) == [], "both see none"
    emulator.fault(method="POST", path="/connections", when="after" if effect else "before", delay=HELD)
    killed.go_on()
    emulator.wait_for_request("POST", "/connections")
    wait_until(lambda: emulator.state()["connections"] == effect, "the effect")
    killed.kill()
    assert killed.was_killed, killed.said()
    other.go_on()
    retry = start(run_id="one_run")
    returned = {other.returned(), retry.returned()}
    assert list(returned) == existing(emulator)
    (item,) = emulator.api()("GET", f"/connections/{returned.pop()}").json()["items"]
    assert item["connectionSpec"]["id"] == source.connection_spec_id
    assert item["auth"]["specName"] == auth.name
