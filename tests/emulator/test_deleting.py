"""Schemas and datasets are deleted if nothing uses them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError, AepNotFoundError, EntityInUseError
from airflow_provider_aep.operators.dataflows import DeleteDatasetOperator, DeleteSchemaOperator
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operators import Logged, context, unwrapped
from tests.harness.platform import Platform, made


@pytest.fixture(params=["not-found", "empty"])
def platform(request: pytest.FixtureRequest, make_hook: MakeHook) -> Iterator[Platform]:
    """Return the services of an emulator, for each answer to a DELETE of a missing dataset."""
    with Emulator("--delete-missing-dataset", request.param) as emulator:
        make_hook(emulator.url)
        yield Platform(emulator)


def delete_dataset(dataset_id: str, *, missing_ok: bool = True) -> None:
    task = DeleteDatasetOperator(task_id="delete", dataset_id=dataset_id, missing_ok=missing_ok)
    task.execute(context())


def delete_schema(schema_id: str, *, missing_ok: bool = True) -> None:
    task = DeleteSchemaOperator(task_id="delete", schema_id=schema_id, missing_ok=missing_ok)
    task.execute(context())


def test_a_dataset(platform: Platform, logged: Logged) -> None:
    """A missing one is fine, unless `missing_ok` is False, however AEP answers its DELETE."""
    own = platform.dataset(platform.schema())
    delete_dataset(own)
    assert platform.emulator.state()["datasets"] == 0
    assert f"Deleted dataset {own}." in logged()
    delete_dataset(own)
    assert f"The dataset {own} does not exist." in logged()
    with unwrapped(AepNotFoundError):
        delete_dataset(own, missing_ok=False)


def test_a_dataset_that_a_dataflow_fills(platform: Platform) -> None:
    """The error names the target connection. Nothing is deleted."""
    body = platform.once()
    platform.flow(body)
    (target,) = body["targetConnectionIds"]
    with unwrapped(EntityInUseError, match=rf"target connection {target} \(Target\).*with_connections=True"):
        delete_dataset(platform.dataset_id)
    assert platform.emulator.state()["datasets"] == 1


def test_a_schema(platform: Platform, logged: Logged) -> None:
    """The schema is found by its `$id`; its field group is kept."""
    own = platform.schema()
    delete_schema(own)
    titles = [
        made(platform.registry("GET", f"/tenant/{kind}", headers=LIST), 200)["results"] for kind in KINDS
    ]
    assert [len(found) for found in titles] == [0, 1]
    assert f"Deleted schema {own}." in logged()
    delete_schema(own)
    assert f"The schema {own} does not exist." in logged()
    with unwrapped(AepNotFoundError):
        delete_schema(own, missing_ok=False)


KINDS = ("schemas", "fieldgroups")
LIST = {"Accept": "application/vnd.adobe.xed+json"}


def test_a_schema_of_a_dataset(platform: Platform) -> None:
    """The error names the dataset. The schema can be deleted after the dataset."""
    schema = platform.schema()
    dataset = platform.dataset(schema)
    with unwrapped(
        EntityInUseError, match=f"schema {schema} is in use.*: dataset {dataset}. Delete the dataset"
    ):
        delete_schema(schema)
    delete_dataset(dataset)
    delete_schema(schema, missing_ok=False)


def test_ids_are_checked_before_anything_is_sent(platform: Platform) -> None:
    """The error names the operator's parameter."""
    platform.emulator.forget_requests()
    with unwrapped(AepConfigError, match="`dataset_id`"):
        delete_dataset("../x")
    for schema in ("_emulator.schemas.0", "https://ns.adobe.com/emulator/mixins/0"):
        with unwrapped(AepConfigError, match="`schema_id`"):
            delete_schema(schema)
    assert platform.emulator.requests() == []
