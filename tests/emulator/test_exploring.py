"""Explore files, resources and the landing zone on the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError
from tests.harness.connections import MakeHook
from tests.harness.documented_sources import LANDING_ZONE, base_of
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.platform import Platform

ZIPPED = "/archive/customers.csv.gz"


@pytest.fixture
def client(emulator: Emulator, make_hook: MakeHook) -> Platform:
    """A client of its own; `aep_default` leads to the same emulator."""
    make_hook(emulator.url)
    return Platform(emulator)


@pytest.fixture
def s3(client: Platform) -> str:
    """A base connection to a file source."""
    return base_of(client, "Amazon S3")


def use(name: str, **order: Any) -> Any:
    """Run one of the exploring operators."""
    from airflow_provider_aep.operators import explore

    return getattr(explore, name)(task_id="t", **order).execute(context())


def names(columns: list[dict[str, Any]]) -> list[str]:
    """The columns' names."""
    return [column["name"] for column in columns]


def test_files_and_folders_are_listed(s3: str) -> None:
    """The root as the tables of other sources, and each folder by what the root said of it."""
    root = use("ListFilesOperator", connection_id=s3)
    assert root == use("ListTablesOperator", connection_id=s3)
    assert {entry["type"] for entry in root} == {"file", "folder"}
    (orders,) = [entry for entry in root if entry["name"] == "orders"]
    inside = use("ListFilesOperator", connection_id=s3, folder=orders)
    assert inside == use("ListFilesOperator", connection_id=s3, folder="/orders/")
    assert inside[0]["path"] == "/orders/001.csv"


@pytest.mark.parametrize(
    "file",
    [
        ZIPPED,
        {"path": ZIPPED, "file_type": "delimited", "column_delimiter": "~", "compression_type": "gzip"},
        {"path": "/customers.csv", "file_type": "Delimited", "encoding": "UTF-8"},
        {"path": "/customers.json", "file_type": "json"},
        "/customers.parquet",
        "/*.csv",
    ],
    ids=str,
)
def test_a_files_columns_and_rows(s3: str, file: Any) -> None:
    """Flow Service detects the format, or the DAG sets it."""
    columns = use("InspectTableOperator", connection_id=s3, file=file)
    rows = use("PreviewTableOperator", connection_id=s3, file=file, limit=2)
    assert len(rows) == 2
    assert names(columns) == list(rows[0])
    assert rows[0]["customer_id"] == "C00000"


def test_what_is_listed_can_be_inspected(s3: str) -> None:
    """A file by either name, so that a list goes straight into `expand`; a folder by its first file."""
    for entry in use("ListTablesOperator", connection_id=s3):
        columns = use("InspectTableOperator", connection_id=s3, table=entry)
        assert columns == use("InspectTableOperator", connection_id=s3, file=entry)
        assert len(columns) > 1


def test_a_delimiter_that_is_not_the_files(s3: str) -> None:
    """The DAG's format wins over the detected one."""
    wrong = {"path": "/customers.csv", "file_type": "delimited", "column_delimiter": ";"}
    assert len(use("InspectTableOperator", connection_id=s3, file=wrong)) == 1


def test_a_folder_with_no_such_file(s3: str) -> None:
    """Its columns are unknown: the error asks to check the path."""
    with unwrapped(AepConfigError) as caught:
        use("InspectTableOperator", connection_id=s3, file="/orders/*.parquet")
    assert caught.value.parameter == "file"


def test_the_landing_zone_has_no_base_connection(client: Platform) -> None:
    """It is explored by its spec."""
    root = use("ListFilesOperator", source=LANDING_ZONE)
    assert root[0]["path"] == "dlz-user-container/customers.csv"
    columns = use("InspectTableOperator", source=LANDING_ZONE, file=root[0])
    rows = use("PreviewTableOperator", source=LANDING_ZONE, file=root[0])
    assert names(columns) == list(rows[0])


def test_resources(client: Platform) -> None:
    """Records in JSON: their fields by their paths, as a mapping names them."""
    stripe = base_of(client, "Stripe")
    for resource in ("refunds", {"resourcePath": "refunds"}):
        columns = use("InspectTableOperator", connection_id=stripe, resource=resource)
        (row,) = use("PreviewTableOperator", connection_id=stripe, resource=resource, limit=1)
        assert names(columns) == [f"data.{name}" for name in row["data"]]
        assert row["data"]["id"].startswith("re_")
    (refunds,) = [one for one in use("ListTablesOperator", connection_id=stripe) if one["name"] == "refunds"]
    assert columns == use("InspectTableOperator", connection_id=stripe, table=refunds)
    zendesk = base_of(client, "Zendesk")
    assert use("InspectTableOperator", connection_id=zendesk, resource={})


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({}, "table"),
        ({"table": "t", "file": "/a.csv"}, "file"),
        ({"file": "/a.csv", "resource": "r"}, "resource"),
        ({"file": ""}, "table"),
        ({"file": 5}, "file"),
        ({"file": {"file_type": "json"}}, "file"),
        ({"file": {"path": "/a", "format": "json"}}, "file"),
        ({"file": {"path": "/a", "file_type": "avro"}}, "file"),
        ({"file": {"path": "/a", "column_delimiter": ";"}}, "file"),
        ({"file": {"path": "/a", "recursive": "yes"}}, "file"),
        ({"file": "/a\nb"}, "file"),
        ({"resource": 5}, "resource"),
        ({"table": "t", "source": LANDING_ZONE}, "source"),
        ({"table": "t", "connection_id": None, "source": "Landing Zoo"}, "source"),
        ({"table": "t", "connection_id": None}, "connection_id"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(
    emulator: Emulator, make_hook: MakeHook, wrong: dict[str, Any], parameter: str
) -> None:
    """The error comes before any request."""
    make_hook(emulator.url)
    emulator.forget_requests()
    with unwrapped(AepConfigError) as caught:
        use("InspectTableOperator", **{"connection_id": "0" * 32, **wrong})
    assert caught.value.parameter == parameter
    assert emulator.requests() == []
