"""`CheckSourceSchemaOperator`: a source that gains, loses and changes columns."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators.dataflows import CheckSourceSchemaOperator
from airflow_provider_aep.operators.explore import InspectTableOperator
from tests.harness.connections import MakeHook
from tests.harness.documented_sources import base_of
from tests.harness.emulator import PAYPAL_SPEC, PRODUCTS, Emulator
from tests.harness.operators import Logged, context, unwrapped
from tests.harness.platform import COLUMNS, Platform

NO_DRIFT: dict[str, Any] = {"added": [], "removed": [], "changed": []}
CHANGED = {"Weight": "double", "Colour": "string", "Description": None, "Create_Time": "string"}
DRIFT = {
    "added": ["Colour", "Weight"],
    "removed": ["Description"],
    "changed": [{"name": "Create_Time", "was": "string (date-time)", "is": "string"}],
}
NAME = "Products to the lake"
S3 = "CloudStorageToAEP"


@pytest.fixture
def platform(emulator: Emulator, make_hook: MakeHook) -> Platform:
    """A client of its own; `aep_default` leads to the same emulator."""
    make_hook(emulator.url)
    return Platform(emulator)


@pytest.fixture
def base(platform: Platform) -> str:
    """A base connection to PayPal."""
    return platform.base()


def check(**order: Any) -> Any:
    """Run the operator."""
    return CheckSourceSchemaOperator(task_id="check", **order).execute(context())


def dataflow(platform: Platform, base: str, table: str = PRODUCTS, **changes: Any) -> str:
    """Create a dataflow that stores the columns of a table, without an operator."""
    columns = InspectTableOperator(task_id="t", connection_id=base, table=table).execute(context())
    body = platform.once()
    source = platform.source(base, table, columns=columns)
    return platform.flow({**body, "sourceConnectionIds": [source], **changes})


def change(emulator: Emulator, columns: dict[str, str | None], table: str = PRODUCTS) -> None:
    """Let the source change the columns of a table."""
    order = {"table": table, "columns": columns}
    emulator.control("POST", f"connectionSpecs/{PAYPAL_SPEC}/columns", order)


def test_a_source_without_drift(emulator: Emulator, platform: Platform, base: str, logged: Logged) -> None:
    """By name or id, the dataflow has the columns of the source. The check sends only GETs."""
    flow = dataflow(platform, base)
    emulator.forget_requests()
    for name in (NAME, flow):
        assert check(connection_id=base, table=PRODUCTS, dataflow=name) == NO_DRIFT
        assert f"The columns of the dataflow {name!r} are those of the source" in logged()
    sent = {one["method"] for one in emulator.requests() if not one["path"].startswith("/ims/")}
    assert sent == {"GET"}


def test_drift_is_warned_of(emulator: Emulator, platform: Platform, base: str, logged: Logged) -> None:
    """By default one warning names every column, and the task returns them."""
    dataflow(platform, base)
    change(emulator, CHANGED)
    assert check(connection_id=base, table=PRODUCTS, dataflow=NAME) == DRIFT
    (line,) = [line for line in logged().splitlines() if "AEP-E512" in line]
    assert "warning" in line.lower()
    assert all(repr(name) in line for name in CHANGED)


def test_drift_fails_the_task(emulator: Emulator, platform: Platform, base: str) -> None:
    """With a typed error that says what drift means and what to do. It shows no value of the source."""
    dataflow(platform, base)
    change(emulator, CHANGED)
    with unwrapped(errors.SchemaDriftError, match="E512") as caught:
        check(connection_id=base, table=PRODUCTS, dataflow=NAME, on_drift="fail")
    assert caught.value.drift == DRIFT
    assert not caught.value.retryable
    words = str(caught.value)
    assert all(repr(name) in words for name in CHANGED)
    assert "ignores added columns" in words
    assert all(hint in words for hint in ("DeleteDataflowOperator", "`on_drift`", "`check_schema`"))


def test_given_columns_are_not_read_again(emulator: Emulator, platform: Platform, base: str) -> None:
    """A task before may have read them."""
    dataflow(platform, base)
    emulator.forget_requests()
    columns = [{"name": name, **xdm} for name, xdm in COLUMNS.items() if name != "Description"]
    found = check(connection_id=base, table=PRODUCTS, dataflow=NAME, columns=columns)
    assert found == {**NO_DRIFT, "removed": ["Description"]}
    assert not emulator.requests("GET", "/explore")


def test_a_dataflow_that_does_not_exist_has_no_drift(
    emulator: Emulator, platform: Platform, base: str, logged: Logged
) -> None:
    """A first run continues, also with `fail`, and the log says why. An unknown id is an error."""
    before = emulator.state()
    order = {"connection_id": base, "table": PRODUCTS, "on_drift": "fail"}
    assert check(**order, dataflow=NAME) == NO_DRIFT
    assert "No dataflow 'Products to the lake' exists yet" in logged()
    with unwrapped(errors.AepNotFoundError):
        check(**order, dataflow="24151d58-ffa7-4960-951d-58ffa7396097")
    assert emulator.state() == before


def test_a_dataflow_of_another_table_is_not_compared(platform: Platform, base: str) -> None:
    """Every column would differ. The error names both tables."""
    dataflow(platform, base)
    with unwrapped(errors.AepConfigError, match="Billing_Plans") as caught:
        check(connection_id=base, table="PayPal.Billing_Plans", dataflow=NAME)
    assert caught.value.parameter == "dataflow"
    assert PRODUCTS in str(caught.value)


def test_several_dataflows_of_one_name(platform: Platform, base: str) -> None:
    """The one that ingests the table counts. If several do, the error names them, and an id decides."""
    plans = "PayPal.Billing_Plans"
    order = {"connection_id": base, "dataflow": NAME}
    dataflow(platform, base, plans)
    own = [dataflow(platform, base)]
    assert check(**order, table=PRODUCTS) == NO_DRIFT
    own.append(dataflow(platform, base))
    with unwrapped(errors.AmbiguousEntityError) as caught:
        check(**order, table=PRODUCTS)
    assert all(one in str(caught.value) for one in own)
    assert check(**{**order, "dataflow": own[1]}, table=PRODUCTS) == NO_DRIFT


def test_a_source_connection_without_columns(
    emulator: Emulator, platform: Platform, base: str, logged: Logged
) -> None:
    """The mapping shows what is removed. What is added or changed is unknown, and no error."""
    body = platform.once()
    platform.flow({**body, "sourceConnectionIds": [platform.source(base)]})
    change(emulator, CHANGED)
    found = check(connection_id=base, table=PRODUCTS, dataflow=NAME)
    assert found == {"added": None, "removed": ["Description"], "changed": None}
    change(emulator, {"Description": "string"})
    logged()
    order = {"connection_id": base, "table": PRODUCTS, "dataflow": NAME, "on_drift": "fail"}
    assert check(**order) == {"added": None, "removed": [], "changed": None}
    log = logged()
    assert "Unknown whether columns were added or changed: the source connection stores no" in log
    assert "are those of the source" not in log
    platform.flow({**body, "name": "Unmapped", "transformations": []})
    assert check(**{**order, "dataflow": "Unmapped"}) == dict.fromkeys(NO_DRIFT)


@pytest.mark.parametrize("shown", [{"schema": {}}, {"schema": {"columns": []}}, {}], ids=str)
def test_a_source_without_schema(
    emulator: Emulator, platform: Platform, base: str, logged: Logged, shown: dict[str, Any]
) -> None:
    """No column counts as removed."""
    dataflow(platform, base)
    emulator.fault(method="GET", path="/explore", status=200, body=shown)
    order = {"connection_id": base, "table": PRODUCTS, "dataflow": NAME, "on_drift": "fail"}
    assert check(**order) == dict.fromkeys(NO_DRIFT)
    assert "added or removed or changed: the source shows no columns" in logged()


def test_the_files_of_a_folder(emulator: Emulator, platform: Platform) -> None:
    """The source connection of files stores no columns: the mapping shows what is removed."""
    s3 = base_of(platform, "Amazon S3")
    columns = {"order_id": {"type": "string"}, "status": {"type": "string"}}
    spec = platform.get("connections", s3)["connectionSpec"]
    body = {
        "name": "Orders source",
        "baseConnectionId": s3,
        "connectionSpec": spec,
        "data": {"format": "delimited"},
        "params": {"path": "/orders/", "type": "folder"},
    }
    source = platform.api("POST", "/sourceConnections", json=body).json()["id"]
    (flow_spec,) = [
        one["id"] for one in platform.api("GET", "/flowSpecs").json()["items"] if one["name"] == S3
    ]
    schedule = {"startTime": platform.now(), "frequency": "once"}
    platform.flow(platform.joined(source, flow_spec, columns, name="Orders", scheduleParams=schedule))
    order = {"connection_id": s3, "file": "/orders/", "dataflow": "Orders"}
    assert check(**order) == {"added": None, "removed": [], "changed": None}
    order_columns = {"table": "orders", "columns": {"status": None}}
    emulator.control("POST", f"connectionSpecs/{spec['id']}/columns", order_columns)
    assert check(**order)["removed"] == ["status"]
