"""SIGKILL at every request of a schema's and a dataset's create, and races: one of each in the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.emulator import Emulator
from tests.harness.platform import Platform, made
from tests.harness.workers import Worker, Workers

SCHEMA = {
    "kind": "dataflows.CreateSchemaOperator",
    "name": "Products",
    "columns": [{"name": "Product_Id", "type": "string"}],
}
# token, schemas?, tenant, groups?, POST group, groups, schemas?, POST schema, schemas
REQUESTS_OF_A_SCHEMA = 9
REQUESTS_OF_A_DATASET = 4
BRIEF = {5, 8}


@pytest.fixture
def path(emulator: Emulator) -> Platform:
    """A client that knows nothing of this project."""
    return Platform(emulator)


def schemas(path: Platform) -> list[str]:
    """The ids of all schemas, each of them with the one field group that there is."""
    accept = {"Accept": "application/vnd.adobe.xed+json"}
    found = made(path.registry("GET", "/tenant/schemas", headers=accept), 200)["results"]
    groups = made(path.registry("GET", "/tenant/fieldgroups", headers=accept), 200)["results"]
    assert len(groups) <= 1
    assert all(groups[0]["$id"] in [part["$ref"] for part in item["allOf"]] for item in found)
    return [item["$id"] for item in found]


def datasets(path: Platform) -> list[str]:
    return list(made(path.catalog("GET", "/dataSets"), 200))


def answer(worker: Worker) -> str:
    result = worker.result()
    assert "error" not in result, f"{result['error']}\n{worker.said()}"
    return str(result["id"])


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(n, marks=() if n in BRIEF else pytest.mark.nightly)
        for n in range(1, REQUESTS_OF_A_SCHEMA + 1)
    ],
)
def test_a_schemas_create_survives_a_kill(path: Platform, workers: Workers, number: int) -> None:
    """Whatever was made, the retry goes on from there."""
    first = workers.start(path.emulator.url, kill=("after", number), **SCHEMA)  # type: ignore[arg-type]
    assert first.was_killed, first.said()
    left = schemas(path)
    own = answer(workers.start(path.emulator.url, **SCHEMA))  # type: ignore[arg-type]
    assert schemas(path) == [own]
    assert left in ([], [own])


@pytest.mark.parametrize("number", range(1, REQUESTS_OF_A_DATASET + 1))
def test_a_datasets_create_survives_a_kill(path: Platform, workers: Workers, number: int) -> None:
    """The same."""
    order: dict[str, Any] = {"kind": "dataflows.CreateDatasetOperator", "schema_id": path.schema()}
    first = workers.start(path.emulator.url, kill=("after", number), **order)
    assert first.was_killed, first.said()
    left = datasets(path)
    own = answer(workers.start(path.emulator.url, **order))
    assert datasets(path) == [own]
    assert left in ([], [own])


@pytest.mark.parametrize("seen", [4, 5], ids=["field group", "schema"])
def test_a_race_for_a_schema(path: Platform, workers: Workers, seen: int) -> None:
    """All looked and saw none; the registry lets one win, and all go on with the winner's."""
    if seen == 5:  # the field group stands, so that the fifth request looks for the schema once more
        path.field_group("Products fields")
    path.emulator.forget_requests()
    started = [
        workers.start(
            path.emulator.url,
            pause=("after", seen),
            run_id=f"run_{number}",
            **SCHEMA,  # type: ignore[arg-type]
        )
        for number in range(4)
    ]
    for worker in started:
        worker.wait_stopped()
    for worker in started:
        worker.go_on()
    assert [*{answer(worker) for worker in started}] == schemas(path)
    kind = "fieldgroups" if seen == 4 else "schemas"
    posts = path.emulator.requests("POST", f"/tenant/{kind}")
    assert sorted(post["status"] for post in posts) == [201, 400, 400, 400], "it was no race"


def test_a_race_for_a_dataset(path: Platform, workers: Workers) -> None:
    """Catalog lets all win; all agree on the oldest, and the others are gone."""
    order: dict[str, Any] = {"kind": "dataflows.CreateDatasetOperator", "schema_id": path.schema()}
    started = [
        workers.start(path.emulator.url, pause=("after", 2), run_id=f"run_{number}", **order)
        for number in range(4)
    ]
    for worker in started:
        worker.wait_stopped()
    for worker in started:
        worker.go_on()
    returned = {answer(worker) for worker in started}
    assert len(path.emulator.requests("POST", "/dataSets")) == 4, "it was no race"
    assert list(returned) == datasets(path)
