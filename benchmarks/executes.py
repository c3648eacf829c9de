"""What `execute()` of a create costs, beside `HttpOperator`'s one POST."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks import process
from benchmarks.report import Block, Row
from benchmarks.server import serving
from benchmarks.timing import Calls, compare
from tests.harness.emulator import FLOW_SERVICE, paypal_body

ROUNDS, CALLS = 15, 20

TITLE = "execute(), warm (one POST = 1)"
METHOD = f"""
Turns of {CALLS} executions, median of {ROUNDS}, each set against the HttpOperator POST of its own round:
the same body to the same server, without token and list. Every execution has a new operator, so a new hook
and a new TCP connection; it is built before the clock starts. Logging is off, `settle` 0. The server is the
light one of the calls above, not the emulator, and always hands out the same token: Airflow's masker slows
down with every new secret, which would count against whoever runs later.
"""
_LABELS = {
    "create": ("a create, 4 requests", 4.0),
    "create_with_token": ("a create, token in hand, 3", 4.0),
    "reuse": ("a reuse, 2 requests", 2.5),
    "reuse_with_token": ("a reuse, token in hand, 1", 2.5),
}

Execution = Callable[[], object]


def measure() -> Block:
    """One fresh process."""
    with serving() as url:
        variables = {**process.airflow_connections(url), "AIRFLOW__AEP__SETTLE": "0"}
        costs = process.run(__name__, **variables)
    return Block(TITLE, METHOD, [_row(costs, name, *label) for name, label in _LABELS.items()])


def _row(costs: dict[str, Any], name: str, what: str, most: float) -> Row:
    cost, post = costs[name], costs["http_operator"]
    cpu = f"CPU {cost['cpu_ratio']:.2f} ({_ms(cost['cpu'])})"
    wall = f"wall {cost['wall_ratio']:.2f} ({_ms(cost['wall'])})"
    return Row(
        what,
        f"{cpu}\n{wall}",
        f"at most {most:g}",
        f"HttpOperator: CPU {_ms(post['cpu'])}\n{'':>13} wall {_ms(post['wall'])}",
        max(cost["cpu_ratio"], cost["wall_ratio"]) <= most,
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


# In the measured process


class TaskInstance:
    """What an operator asks of its task instance."""

    run_id, map_index, max_tries = "manual__2026-01-01", -1, 0

    def xcom_push(self, key: str, value: Any) -> None:
        """A worker would ask the API server, which is no part of this."""


def main() -> None:
    """All sides, in turns."""
    from airflow.providers.http.operators.http import HttpOperator

    from airflow_provider_aep.hooks.ims import TOKENS
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    logging.disable(logging.CRITICAL)
    context: Any = {"ti": TaskInstance(), "run_id": TaskInstance.run_id}
    path = f"{FLOW_SERVICE}/connections"
    json_type = {"Content-Type": "application/json"}
    numbers = itertools.count()

    def post() -> Execution:
        body = json.dumps(paypal_body(f"Posted {next(numbers)}"))
        task = HttpOperator(task_id="post", endpoint=path, data=body, headers=json_type)
        return lambda: task.execute(context)

    def create() -> Execution:
        task = CreatePayPalConnectionOperator(task_id="create", name=f"Created {next(numbers)}")
        return lambda: task.execute(context)

    def reuse() -> Execution:
        task = CreatePayPalConnectionOperator(task_id="create", name="Reused")
        return lambda: task.execute(context)

    def without_token(make: Callable[[], Execution]) -> Callable[[], Execution]:
        def make_one() -> Execution:
            execute = make()

            def forget_and_execute() -> object:
                TOKENS.clear()
                return execute()

            return forget_and_execute

        return make_one

    reuse()()  # makes what is reused from now on
    makers = {
        "http_operator": post,
        "create": without_token(create),
        "create_with_token": create,
        "reuse": without_token(reuse),
        "reuse_with_token": reuse,
    }
    sides = {name: _several(make) for name, make in makers.items()}
    costs = compare(sides, base="http_operator", rounds=ROUNDS)
    process.answer({name: asdict(cost) for name, cost in costs.items()})


def _several(make: Callable[[], Execution]) -> Callable[[], Calls]:
    return lambda: [make() for _ in range(CALLS)]


if __name__ == "__main__":
    main()
