"""The tasks of an imported dataflow, for entities that the emulator does not hold."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service.bodies import DATA_LAKE_SPEC
from airflow_provider_aep.flow_service.errors import AepPermissionError
from airflow_provider_aep.operations import export
from airflow_provider_aep.operations.dag_text import Constant, Task, dag_file
from airflow_provider_aep.operations.export import DagIds
from airflow_provider_aep.operations.export_tasks import DataflowTasks
from airflow_provider_aep.operations.inventory import Inventory

CRM = {"id": "crm", "sourceConnectionSpecIds": ["unknown-spec"], "scheduleSpec": {},
       "transformationSpecs": [{"name": "Mapping"}]}  # fmt: skip
SCHEMA = "https://ns.adobe.com/acme/schemas/abc"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
NOW = 1_800_000_000.0
Tasks = dict[str, Task | Constant]


class Known(Inventory):
    """A sandbox of one dataflow, whose lists are given."""

    def __init__(self) -> None:
        hook: Any = SimpleNamespace(aep_conn_id="aep_default", sandbox="prod", scrub=lambda text: text)
        super().__init__(hook, every_dataflow=True)
        self.item: dict[str, Any] = {
            "flow": {
                "id": "flow", "name": "Orders", "state": "enabled", "flowSpec": {"id": "crm"},
                "sourceConnectionIds": ["source"], "targetConnectionIds": ["target"],
                "scheduleParams": {"startTime": "1700000000", "frequency": "day", "interval": "1"},
                "transformations": [
                    {"name": "Copy", "params": {"deltaColumn": {"name": "at"}}},
                    {"name": "Mapping", "params": {"mappingId": "map", "mappingVersion": 0}},
                ],
            },
            "base": {"id": "base", "name": "Base", "state": "enabled",
                     "connectionSpec": {"id": "unknown-spec"},
                     "auth": {"specName": "Magic", "params": {"host": "h", "inletUrl": "https://x/y"}}},
            "source": {"id": "source", "name": "Source", "state": "enabled", "baseConnectionId": "base",
                       "connectionSpec": {"id": "unknown-spec"}, "data": {"format": "tabular"},
                       "params": {"tableName": "T"}},
            "target": {"id": "target", "name": "Target", "state": "enabled", "params": {"dataSetId": "set"},
                       "connectionSpec": {"id": DATA_LAKE_SPEC},
                       "data": {"schema": {"id": SCHEMA, "version": "application/x+json;version=1"}}},
            "dataset": {"id": "set", "name": "Set", "schemaRef": {"id": SCHEMA}},
            "schema": {"$id": SCHEMA, "title": "Schema", "meta:class": PROFILE, "allOf": [{"$ref": PROFILE}]},
            "mapping": {"id": "map", "version": 0, "outputSchema": {"schemaRef": {"id": SCHEMA}},
                        "mappings": [{"sourceType": "ATTRIBUTE", "source": "a", "destination": "_acme.a"}]},
        }  # fmt: skip
        self.more: dict[str, list[dict[str, Any]]] = {}
        self.broken: set[str] = set()

    def _list(self, kind: str, key: str = "id") -> dict[str, Any]:
        if kind in self.broken:
            raise AepPermissionError("no", status=403)
        return {one[key]: one for one in (self.item[kind], *self.more.get(kind, []))}

    flows = property(lambda self: self._list("flow"))
    base_connections = property(lambda self: self._list("base"))
    source_connections = property(lambda self: self._list("source"))
    target_connections = property(lambda self: self._list("target"))
    datasets = property(lambda self: self._list("dataset"))
    schemas = property(lambda self: self._list("schema", "$id"))
    flow_specs = property(lambda self: [CRM])

    def fields(self, schema_id: str) -> list[str]:
        return ["_acme.a", "_acme.b"]

    def mapping_set(self, used: Any) -> Any:
        return self._list("mapping")[used["id"]]

    def export(self) -> tuple[Tasks, DataflowTasks]:
        """Return the tasks by id, and where they come from."""
        made = DataflowTasks(self, self.item["flow"], NOW)
        made.add_all()
        compile(dag_file([], {"dag_id": "x"}, made.tasks, made.last_comments), "x", "exec")
        return {task.task_id if isinstance(task, Task) else task.name: task for task in made.tasks}, made


@pytest.fixture
def known() -> Known:
    """A sandbox with one complete dataflow of a source that the catalogue lacks."""
    return Known()


def fields(made: DataflowTasks) -> list[str]:
    """Return the fields that are not imported."""
    return [one.partition(":")[0] for one in made.not_imported]


def test_an_unknown_source_is_named_by_its_spec(known: Known) -> None:
    """Its authentication type is not known, so the command has the parameters that AEP shows."""
    tasks, made = known.export()
    create = tasks["create_connection"]
    assert isinstance(create, Task)
    assert create.arguments["connection_spec_id"] == "unknown-spec"
    assert create.arguments["auth_spec"] == "Magic"
    assert fields(made) == ["base connection.auth"]
    (command,) = made.connections
    assert "--conn-type generic" in command
    assert "inletUrl" not in command


def test_unknown_parts_of_a_dataflow_are_named(known: Known) -> None:
    """A transformation, a key of the schedule, a filter, a field of the mapping: each has a line."""
    item = known.item
    item["flow"]["transformations"][1]["params"]["onError"] = "skip"
    item["flow"]["transformations"].append({"name": "Shake", "params": {}})
    item["flow"]["scheduleParams"]["timeZone"] = "UTC"
    item["flow"]["notification"] = {"mail": "x"}
    item["source"]["params"]["filters"] = {"type": "PQL"}
    item["source"]["params"]["columns"] = [{"name": "at", "type": "string", "meta:xdmType": "date-time"}]
    item["target"]["data"]["schema"]["version"] = "application/x+json;version=2"
    item["mapping"]["mappings"][0]["identity"] = True
    item["schema"]["meta:immutableTags"] = ["union"]
    _, made = known.export()
    assert set(fields(made)) == {
        "base connection.auth", "source connection.params.filters",
        "source connection.params.columns.meta", "schema.meta", "mapping._acme.a.identity",
        "dataflow.scheduleParams.timeZone", "dataflow.notification", "dataflow.transformations.Shake",
        "dataflow.transformations.Mapping.onError",
        "target connection.data.schema.version",
    }  # fmt: skip
    text = dag_file([], {"dag_id": "x"}, made.tasks, [])
    assert all(f"# not imported: {one}\n" in text for one in made.not_imported)


@pytest.mark.parametrize(
    "schedule",
    [
        {"frequency": "month", "interval": "1"},
        {"frequency": "minute", "interval": "5"},
        {"frequency": "day"},
        {"frequency": "once", "interval": "1"},
    ],
)
def test_a_schedule_that_the_operator_refuses_is_named(known: Known, schedule: dict[str, str]) -> None:
    """The operator then compares no schedule, and finds the dataflow all the same."""
    known.item["flow"]["scheduleParams"] = schedule
    tasks, made = known.export()
    flow = tasks["create_dataflow"]
    assert isinstance(flow, Task)
    assert "schedule" not in flow.arguments
    assert "dataflow.scheduleParams" in fields(made)


@pytest.mark.parametrize("kind", ["base", "source", "target", "dataset", "schema", "mapping"])
def test_a_part_that_cannot_be_read_does_not_fail_the_import(known: Known, kind: str) -> None:
    """An id replaces what the part would show, with the reason."""
    known.broken = {kind}
    tasks, made = known.export()
    by_id = kind in ("source", "target")
    assert ("dataflow" in tasks) == by_id
    text = dag_file([], {"dag_id": "x"}, made.tasks, [])
    assert "cannot be read" in text
    assert any("cannot be read" in one for one in made.not_imported)


def test_a_second_transformation_of_a_kind_is_named(known: Known) -> None:
    """The operator writes one of each kind."""
    given = known.item["flow"]["transformations"]
    given.append({"name": "Mapping", "params": {"mappingId": "other", "mappingVersion": 0}})
    _, made = known.export()
    assert "dataflow.transformations.Mapping" in fields(made)


def test_a_source_connection_of_a_deleted_base_connection_is_an_id(known: Known) -> None:
    """A task of the source connection would read the base connection, and fail."""
    known.item["source"]["baseConnectionId"] = "deleted"
    tasks, made = known.export()
    flow = tasks["create_dataflow"]
    assert isinstance(flow, Task)
    assert flow.arguments["source_connection_id"] == "source"
    assert not tasks.keys() & {"create_connection", "create_source_connection"}
    assert "base connection" in fields(made)


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [("base", "connection_id"), ("dataset", "dataset_id"), ("schema", "schema_id"),
     ("source", "source_connection_id"), ("target", "target_connection_id")],
)  # fmt: skip
def test_an_entity_of_a_name_that_exists_twice_is_an_id(known: Known, kind: str, parameter: str) -> None:
    """A comment says why. A create operator could delete or choose the wrong one of two."""
    twin = {**copy.deepcopy(known.item[kind]), "id": "twin", "$id": f"{SCHEMA}2"}
    known.more[kind] = [twin]
    tasks, _ = known.export()
    comments = [text for task in tasks.values() for text in task.comments]
    assert any(text.startswith(f"{parameter} is an id: 2 ") for text in comments)


def test_a_secret_in_the_parameters_of_a_source_is_left_out(known: Known) -> None:
    """Its name is told, its value is not."""
    known.item["source"] |= {"data": {"format": "json"}, "params": {"resourcePath": "r", "apiKey": "k3y/9-x"}}
    known.item["flow"]["transformations"].pop(0)
    tasks, made = known.export()
    source = tasks["create_source_connection"]
    assert isinstance(source, Task)
    assert source.arguments["resource"] == {"resourcePath": "r"}
    assert "source connection.params.apiKey" in fields(made)
    assert "k3y" not in dag_file([], {"dag_id": "x"}, made.tasks, [])


def places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in an object, except ids."""
    for key in node if isinstance(node, dict) else range(len(node)):
        if key not in ("id", "$id"):
            yield (*above, key)
            if isinstance(node[key], dict | list):
                yield from places(node[key], (*above, key))


PLACES = [place for place in places(Known().item) if len(place) > 1]
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.builds(dict) | st.builds(list)


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_any_reply_becomes_a_dag(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Whatever AEP shows in any field, the result is valid Python or says why it is missing."""
    known = Known()
    for (*above, last), value in changes:
        node: Any = known.item
        with suppress(LookupError, TypeError):  # an earlier change can have removed the place
            for key in above:
                node = node[key]
            node[last] = value
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "Inventory", lambda *_args, **_options: known)
        (made,) = export.export(known.hook, None)
    if made.text is None:
        assert made.not_imported
    else:
        compile(made.text, "made", "exec")


def test_dag_ids_are_valid_unique_and_stable() -> None:
    """The id is made of the name and of the dataflow's id; a name without letters has a word instead."""
    ids = DagIds()
    assert ids.new("5ab3c2d1-1", "Orders, daily") == "orders_daily_5ab3c2d1"
    assert ids.new("5ab3c2d1-2", "Orders daily") == "orders_daily_5ab3c2d1_2"
    assert ids.new("x1", "数据") == "dataflow_x1"
    assert ids.new("x2", "2026") == "dataflow_2026_x2"
    assert ids.new("x3", "../../etc/passwd\n") == "etc_passwd_x3"
    assert len(ids.new("x4", "a" * 300)) < 80
