"""The operators that use a connection: test, explore, delete; and what all operators have in common."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators import connections, explore
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped

TABLE = "PayPal.Catalog_Products"
OPERATORS: dict[str, Any] = {
    "create": (
        connections.CreateBaseConnectionOperator,
        {"name": "n", "source_conn_id": "c"},
        {"source", "name", "source_conn_id", "description", "aep_conn_id", "sandbox"}
        | {"auth_params", "auth_spec", "connection_spec_id"},
    ),
    "create paypal": (
        connections.CreatePayPalConnectionOperator,
        {},
        {"name", "paypal_conn_id", "description", "auth_params", "aep_conn_id", "sandbox"}
        | {"auth_spec", "connection_spec_id"},
    ),
    "test": (
        connections.TestConnectionOperator,
        {"connection_id": "a"},
        {"connection_id", "aep_conn_id", "sandbox"},
    ),
    "delete": (
        connections.DeleteConnectionOperator,
        {"connection_id": "a"},
        {"connection_id", "aep_conn_id", "sandbox"},
    ),
    "rotate": (
        connections.RotateCredentialsOperator,
        {"connection_id": "a", "source_conn_id": "c"},
        {"connection_id", "source_conn_id", "auth_params", "aep_conn_id", "sandbox"},
    ),
    "list": (explore.ListTablesOperator, {"connection_id": "a"}, {"connection_id", "aep_conn_id", "sandbox"}),
    "list files": (
        explore.ListFilesOperator,
        {"source": "s", "folder": "/"},
        {"connection_id", "source", "folder", "aep_conn_id", "sandbox"},
    ),
    "inspect": (
        explore.InspectTableOperator,
        {"connection_id": "a", "table": "t"},
        {"connection_id", "source", "table", "file", "resource", "aep_conn_id", "sandbox"},
    ),
    "preview": (
        explore.PreviewTableOperator,
        {"connection_id": "a", "table": "t"},
        {"connection_id", "source", "table", "file", "resource", "limit", "aep_conn_id", "sandbox"},
    ),
}


def use(kind: Any, **arguments: Any) -> Any:
    return kind(task_id="use", **arguments).execute(context())


@pytest.fixture
def made(make_hook: MakeHook, emulator: Emulator) -> str:
    """A working connection's id; `aep_default` leads to the emulator."""
    make_hook(emulator.url)
    return str(emulator.api().create().json()["id"])


@pytest.mark.parametrize(("kind", "arguments", "fields"), OPERATORS.values(), ids=OPERATORS.keys())
def test_template_fields_are_what_users_template(kind: Any, arguments: Any, fields: set[str]) -> None:
    """Names, descriptions, ids, tables, sandbox and connection ids; no secret, which the UI would show."""
    assert set(kind.template_fields) == fields
    task = kind(task_id="t", **arguments)
    assert all(hasattr(task, name) for name in fields)


@pytest.mark.parametrize(("kind", "arguments", "fields"), OPERATORS.values(), ids=OPERATORS.keys())
def test_an_operator_is_made_without_reading_anything(kind: Any, arguments: Any, fields: Any) -> None:
    """DAG files are parsed without connections, and before templates are rendered."""
    wrong = {**arguments, "sandbox": "{{ params.sandbox }}", "aep_conn_id": "{{ params.conn }}"}
    task = kind(task_id="t", **wrong)
    assert (task.sandbox, task.aep_conn_id) == ("{{ params.sandbox }}", "{{ params.conn }}")


@pytest.mark.parametrize(("kind", "arguments", "fields"), OPERATORS.values(), ids=OPERATORS.keys())
def test_an_unknown_argument_is_refused(kind: Any, arguments: Any, fields: Any) -> None:
    """A typo is an error when the file is parsed."""
    with pytest.raises(TypeError):
        kind(task_id="t", nonsense=1, **arguments)


@pytest.mark.parametrize("parameter", ["name", "description", "paypal_conn_id", "aep_conn_id", "sandbox"])
def test_a_task_renders_its_fields(parameter: str) -> None:
    """`{{ params.x }}` becomes the value."""
    task = connections.CreatePayPalConnectionOperator(task_id="t", **{parameter: "{{ x }}"})
    task.render_template_fields({"x": "rendered"})
    assert getattr(task, parameter) == "rendered"


def test_a_working_connection_tests_true(made: str) -> None:
    """It returns True. A refused connection raises."""
    assert use(connections.TestConnectionOperator, connection_id=made) is True


def test_a_connection_that_does_not_work_fails_the_task(made: str, emulator: Emulator) -> None:
    """With the id and what to do; a retry cannot help."""
    wrong = emulator.api().create(secret="wrong").json()["id"]
    with unwrapped(errors.CredentialsRefusedError, match=wrong) as caught:
        use(connections.TestConnectionOperator, connection_id=wrong)
    assert "`if_exists='update'`" in str(caught.value)
    assert not caught.value.retryable


def test_tables_are_listed_as_promised(made: str) -> None:
    """Made for `.expand(table=...)`."""
    tables = use(explore.ListTablesOperator, connection_id=made)
    assert tables
    assert all(list(table) == ["name", "path", "type", "can_preview", "can_fetch_schema"] for table in tables)
    assert all(table["can_preview"] is True for table in tables)
    assert TABLE in [table["path"] for table in tables]


@pytest.mark.parametrize("table", [TABLE, {"path": TABLE, "name": "x"}, {"name": TABLE}], ids=str)
def test_a_table_is_given_by_its_path_or_as_listed(made: str, table: Any) -> None:
    """So that a list of tables expands into one task each."""
    columns = use(explore.InspectTableOperator, connection_id=made, table=table)
    assert all(list(column) == ["name", "type", "xdm"] for column in columns)
    assert {"Product_Id", "Create_Time"} <= {column["name"] for column in columns}
    rows = use(explore.PreviewTableOperator, connection_id=made, table=table)
    assert 0 < len(rows) <= 10
    assert set(rows[0]) <= {column["name"] for column in columns}


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (0, 0), ("2", 2), (10**6, None)])
def test_a_preview_is_no_longer_than_asked(made: str, limit: Any, count: int | None) -> None:
    """It lands in XCom. A template renders to text."""
    rows = use(explore.PreviewTableOperator, connection_id=made, table=TABLE, limit=limit)
    assert count is None or len(rows) == count


BAD = {
    "limit": (explore.PreviewTableOperator, {"table": TABLE, "limit": -1}),
    "limit, text": (explore.PreviewTableOperator, {"table": TABLE, "limit": "all"}),
    "table": (explore.InspectTableOperator, {"table": ""}),
    "table, dict": (explore.InspectTableOperator, {"table": {"nonsense": 1}}),
    "connection_id": (explore.ListTablesOperator, {"connection_id": "../x"}),
    "connection_id, None": (connections.TestConnectionOperator, {"connection_id": None}),
    "connection_id, empty": (connections.DeleteConnectionOperator, {"connection_id": ""}),
    "connection_id, blank": (
        connections.RotateCredentialsOperator,
        {"connection_id": "a b", "source_conn_id": "c"},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_value_is_named_and_nothing_sent(made: str, emulator: Emulator, case: str) -> None:
    """Before the first request."""
    kind, arguments = BAD[case]
    emulator.forget_requests()
    with unwrapped(errors.AepConfigError, match=f"`{case.split(',')[0]}`"):
        use(kind, **{"connection_id": made, **arguments})
    assert emulator.requests() == []


def test_a_table_that_is_not_there_is_an_error(made: str) -> None:
    """Adobe's words, and which call."""
    with unwrapped(errors.AepStatusError, match="explore"):
        use(explore.InspectTableOperator, connection_id=made, table="PayPal.Nothing")


def test_delete_deletes(made: str, emulator: Emulator) -> None:
    """The operator returns None."""
    assert use(connections.DeleteConnectionOperator, connection_id=made) is None
    assert emulator.state()["connections"] == 0


def test_delete_of_nothing_is_fine_unless_told_otherwise(made: str) -> None:
    """A retry after a lost reply finds it gone."""
    assert use(connections.DeleteConnectionOperator, connection_id="none") is None
    with unwrapped(errors.AepNotFoundError):
        use(connections.DeleteConnectionOperator, connection_id="none", missing_ok=False)


def test_delete_of_what_is_in_use_names_by_what(made: str, emulator: Emulator) -> None:
    """The error has id and name of the entity that uses it. The connection still exists."""
    source = emulator.api().create_source(made, "Products").json()["id"]
    with unwrapped(errors.EntityInUseError, match=source) as caught:
        use(connections.DeleteConnectionOperator, connection_id=made)
    assert "Products" in str(caught.value)
    assert not caught.value.retryable
    assert emulator.state()["connections"] == 1


def test_delete_of_what_came_into_use_meanwhile_is_the_same_error(made: str, emulator: Emulator) -> None:
    """AEP refuses the deletion if the list was read too early."""
    body = {
        "type": "https://ns.adobe.com/aep/errors/FLOW-1418-400",
        "errorMessage": "it is used in flow 4711",
    }
    emulator.fault(method="DELETE", path=made, status=400, body=body)
    with unwrapped(errors.EntityInUseError, match="4711"):
        use(connections.DeleteConnectionOperator, connection_id=made)


def test_another_sandbox_is_asked(made: str) -> None:
    """An id of `prod` is not there in `dev`."""
    with unwrapped(errors.AepNotFoundError):
        use(connections.TestConnectionOperator, connection_id=made, sandbox="dev")


@pytest.mark.parametrize("sandbox", [None, "", "None"])
def test_no_sandbox_means_the_connections_own(made: str, sandbox: str | None) -> None:
    """An empty parameter renders to one of these texts."""
    assert use(connections.TestConnectionOperator, connection_id=made, sandbox=sandbox) is True


@pytest.mark.parametrize(
    ("name", "order", "shown"),
    [
        ("InspectTableOperator", {"table": {"path": "PayPal.Catalog_Products"}}, "PayPal.Catalog_Products"),
        ("PreviewTableOperator", {"table": "PayPal.Catalog_Products"}, "PayPal.Catalog_Products"),
        ("CreatePayPalConnectionOperator", {"name": "My PayPal"}, "My PayPal"),
        ("CreatePayPalConnectionOperator", {"name": "x" * 255}, "x" * 250),
    ],
)
def test_a_mapped_instance_is_shown_by_its_name(
    emulator: Emulator, hook: Any, paypal: str, name: str, order: dict[str, Any], shown: str
) -> None:
    """Airflow shows the table instead of its map index. A template in the DAG has priority."""
    from airflow.sdk import DAG
    from airflow.sdk.execution_time.task_runner import _render_map_index

    kind = getattr(explore, name, None) or getattr(connections, name)
    if kind.__module__ == explore.__name__:
        order = {**order, "connection_id": emulator.api().create().json()["id"]}

    def rendered(map_index: int, template: str | None = None) -> str | None:
        with DAG("d", schedule=None) as dag:
            task = kind(task_id="t", **order)
        task_context = {**context(map_index=map_index), "map_index_template": template}
        task.execute(task_context)
        ti: Any = SimpleNamespace(task=SimpleNamespace(dag=dag))
        log: Any = structlog.get_logger()
        return _render_map_index(task_context, ti=ti, log=log)  # type: ignore[arg-type]

    assert rendered(2) == shown
    assert rendered(-1) is None
    assert rendered(2, template="my {{ run_id }}") == "my run"
