"""The cost model, its command, and its page."""

from __future__ import annotations

import json
import random
from dataclasses import fields, replace
from importlib.resources import files
from typing import Any

import pytest

from airflow_provider_aep.__main__ import parser
from airflow_provider_aep.cli import cost as command
from airflow_provider_aep.flow_runs import schedule
from airflow_provider_aep.flow_runs.cost import (
    DAY,
    Coefficients,
    Cost,
    Load,
    cost_of,
    measured,
    polls_of,
    walls_of,
)
from airflow_provider_aep.flow_service.errors import AepConfigError
from benchmarks.growth import coefficients, page

ONES = Coefficients(**{one.name: 1.0 for one in fields(Coefficients)})
LOAD = Load(dataflows=100)
TRIGGERER = "triggerer, lists of runs"


def numbers(cost: Cost) -> dict[str, float]:
    """Return all figures of a cost."""
    found = {**vars(cost), **{f"requests of {name}": count for name, count in cost.requests_a_day.items()}}
    del found["requests_a_day"]
    return found


@pytest.mark.parametrize(
    "more",
    [
        {"dataflows": 101},
        {"dataflows": 100_000},
        {"interval": 1800.0},
        {"run": 1200.0},
        {"retries": 0.5},
        {"reuses": 7},
        {"poll_interval": 5.0},
        {"triggerers": 2},
    ],
    ids=str,
)
def test_more_of_anything_costs_no_less(more: dict[str, Any]) -> None:
    """No figure falls, and at least one rises. With two triggerers, rounds are not shared."""
    base, grown = (numbers(cost_of(load, measured()[0])) for load in (LOAD, replace(LOAD, **more)))
    if "run" in more:  # a longer run is polled less often towards its end
        base.pop("triggerer_cpu")
    assert all(grown[name] >= base[name] for name in base)
    assert grown != base


def test_the_units_of_one_dataflow_a_day() -> None:
    """With coefficients of one, a figure counts what it is made of."""
    load = Load(dataflows=1, interval=DAY, run=600.0, poll_interval=60.0, reuses=3, latency=0.5)
    cost = cost_of(load, ONES)
    assert cost.runs_a_day == 1
    assert cost.waits == pytest.approx(600 / DAY)
    assert cost.polls_a_wait == 10
    assert cost.requests_a_day["waits"] == 2
    assert cost.requests_a_day["create tasks"] == 3
    assert cost.requests_a_day[TRIGGERER] == pytest.approx(10 + 10 / 100)
    assert cost.worker_seconds_a_day == 5 + 5 * 0.5  # CPU, and five requests
    assert cost.worker_slots == pytest.approx(7.5 / DAY)
    assert cost.metadata_rows_a_day == 4
    assert (cost.triggerer_processes, cost.triggerer_memory) == (1, 2)
    assert cost.triggerer_cpu == pytest.approx(1 / 60)
    assert cost.status_requests == pytest.approx(1.01)
    assert cost.requests_a_day["all"] == pytest.approx(
        sum(count for name, count in cost.requests_a_day.items() if name != "all")
    )


def test_a_retry_waits_again() -> None:
    """Requests and worker time of waits double with one retry each; those of create tasks stay."""
    once, twice = (cost_of(Load(dataflows=10, retries=tries, reuses=1), ONES) for tries in (0, 1))
    assert twice.requests_a_day["waits"] == 2 * once.requests_a_day["waits"]
    assert twice.requests_a_day["create tasks"] == once.requests_a_day["create tasks"]
    assert twice.worker_seconds_a_day == pytest.approx(once.worker_seconds_a_day * 5 / 3)


@pytest.mark.parametrize("waits", [1, 10, 250])
@pytest.mark.parametrize("poll_interval", [None, 60.0])
def test_the_poller_makes_no_more_lists_than_the_model_says(waits: int, poll_interval: float | None) -> None:
    """Rounds of waits that start at random times, as :mod:`.schedule` decides which waits are due."""
    load = Load(dataflows=waits, interval=1200.0, run=600.0, poll_interval=poll_interval, capacity=10**6)
    chance, polls, end = random.Random(waits), polls_of(load), 2 * load.interval
    due = [chance.uniform(0, load.interval) for _ in range(waits)]
    last, number, lists, now = due.copy(), [0] * waits, 0, 0.0
    while (now := max(now + 0.1, min(due))) < end:
        ready = [one for one in range(waits) if schedule.is_due(due[one], now, last[one])]
        lists += -(-len(ready) // 100)
        for one in ready:
            if number[one] < len(polls):
                last[one], due[one] = now, now + polls[number[one]]
                number[one] += 1
            else:  # the run has ended, and the next wait begins with the next run
                last[one] = due[one] = now + load.interval - load.run
                number[one] = 0
    expected = cost_of(load, ONES).requests_a_day[TRIGGERER] * end / DAY
    assert 0 < lists <= expected * 1.1 + 2 * waits  # and a last poll, which sees the end


def test_a_wall_is_where_the_limit_is_met() -> None:
    """One dataflow more is too much, one less is not."""
    load = replace(LOAD, triggerers=3, capacity=700)
    walls = {wall.name: wall for wall in walls_of(load, ONES)}
    assert walls["triggerer capacity"].dataflows == 2100
    slots = walls["worker slots"].dataflows
    assert slots is not None
    assert cost_of(replace(load, dataflows=slots), ONES).worker_slots <= load.slots
    assert cost_of(replace(load, dataflows=slots + 1), ONES).worker_slots > load.slots
    status = walls["list pages of runs of status"].dataflows
    assert status is not None
    assert cost_of(replace(load, dataflows=status), ONES).runs_a_day <= 1_000_000
    assert cost_of(replace(load, dataflows=status + 1), ONES).runs_a_day > 1_000_000
    cpu = walls["triggerer CPU"].dataflows
    assert cpu is not None
    assert cost_of(replace(load, dataflows=cpu), ONES).triggerer_cpu <= load.triggerers


def test_the_first_wall_is_first_and_unknown_ones_are_last() -> None:
    """Nobody knows how many requests Adobe allows, so this limit has no number."""
    walls = walls_of(LOAD, measured()[0])
    known = [wall.dataflows for wall in walls if wall.dataflows is not None]
    assert known == sorted(known)
    assert [wall.dataflows for wall in walls[len(known) :]] == [None, None]
    assert walls[0].name == "triggerer capacity"
    far = walls_of(replace(LOAD, capacity=10**7, slots=1), measured()[0])
    assert far[0].name == "worker slots"


@pytest.mark.parametrize("name", ["dataflows", "triggerers", "capacity", "slots"])
def test_a_number_below_one_is_refused(name: str) -> None:
    """With the option's name."""
    with pytest.raises(AepConfigError, match=f"--{name}"):
        replace(LOAD, **{name: 0})


def test_every_coefficient_has_a_row_of_the_bench() -> None:
    """The file has no number that the bench does not measure, and says how it was measured."""
    stored = json.loads((files("airflow_provider_aep.flow_runs") / "cost.json").read_text("utf-8"))
    assert set(stored["coefficients"]) == set(coefficients.COEFFICIENTS)
    assert set(stored["coefficients"]) == {one.name for one in fields(Coefficients)}
    for name, (unit, row, _) in coefficients.COEFFICIENTS.items():
        assert (stored["coefficients"][name]["unit"], stored["coefficients"][name]["row"]) == (unit, row)
        assert stored["coefficients"][name]["value"] > 0
    assert set(stored["measured"]) == {"command", "date", "machine", "versions"}
    assert stored["measured"]["command"] == coefficients.COMMAND


def test_the_coefficients_come_from_the_figures() -> None:
    """Each is computed from what the bench found, so another figure gives another coefficient."""
    wait = {"requests": 100.0, "cpu": 0.5, "block": 0.0, "busy": 0.0}
    task = {"requests": 2.0, "cpu": 1.5}
    own = [
        {**wait, "waits": 10, "polls": 10.0, "memory": 150.0},
        {**wait, "waits": 1010, "polls": 505.0, "memory": 200.0},
    ]
    found = {
        "waits": {"own": own, "greenlets": [own[0], {**own[1], "memory": 250.0}]},
        **dict.fromkeys(("defer", "resume", "reuse"), task),
        "rows": {"wait": 9, "reuse": 4},
        "status": {1000: {"requests": 60, "runs": 2000, "dataflows": 1000}},
    }
    values = {name: of(found) for name, (_, _, of) in coefficients.COEFFICIENTS.items()}
    assert values["wait_memory"] == pytest.approx(0.1)
    assert values["poll_cpu"] == pytest.approx(0.5 / 505)
    assert values["status_requests"] == pytest.approx(0.04)
    assert (values["defer_cpu"], values["reuse_requests"], values["wait_rows"]) == (1.5, 2.0, 9)


def test_the_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The load with its units, the costs, the limits, and where the coefficients come from."""
    words = ["cost", "--dataflows", "1000", "--interval", "15m", "--latency", "200", "-o", "json"]
    command.run(parser().parse_args(words))
    data = json.loads(capsys.readouterr().out)
    assert data["load"]["interval"] == 900
    assert data["load"]["latency"] == 0.2
    assert data["cost"]["runs_a_day"] == 96_000
    assert data["walls"][0].keys() == {"name", "dataflows", "what", "fix"}
    assert data["measured"]["command"] == "make bench ARGS=growth"
    assert data["measured"]["coefficients"].keys() == {one.name for one in fields(Coefficients)}


@pytest.mark.parametrize(
    "words",
    [["--dataflows", "0"], ["--interval", "often"], ["--run-length", "9d"], ["--retries", "nan"]],
)
def test_wrong_options_are_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence with the option and the code."""
    with pytest.raises(SystemExit) as ended:
        command.run(parser().parse_args(["cost", *words]))
    assert ended.value.code == 2
    assert words[-2] in capsys.readouterr().err


def test_the_page_shows_what_the_command_prints() -> None:
    """`docs/cost.md` has the coefficients of the package, and the output of each of its commands."""
    text = page.FILE.read_text("utf-8")
    assert len(page.EXAMPLE.findall(text)) == 2
    assert page.made(text) == text, "run `make bench ARGS=growth`, or benchmarks.growth.page.write()"
