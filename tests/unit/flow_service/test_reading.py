"""What is read off the replies of Catalog, Schema Registry and Flow Service, entity by entity."""

from __future__ import annotations

import math
from typing import Any

import pytest

from airflow_provider_aep.flow_service import (
    connection_specs,
    datasets,
    mappings,
    replies,
    requests,
    runs,
    source_objects,
    xdm,
)
from airflow_provider_aep.flow_service.auth_parameters import check_plain
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
)
from airflow_provider_aep.flow_service.sources import AuthSpec

GROUP = "https://ns.adobe.com/acme/mixins/0123abcd"


def test_entities_by_their_ids() -> None:
    """Catalog's way; the key has priority over an id inside."""
    document = {"a": {"name": "x"}, "b": {"id": "other"}}
    assert datasets.read_by_id(document, "GET") == [{"name": "x", "id": "a"}, {"id": "b"}]
    assert datasets.read_by_id({}, "GET") == []
    for odd in (None, [], {"a": 1}, {"a": {}, "b": None}):
        with pytest.raises(AepReplyError, match=r"^GET /x was answered without entities"):
            datasets.read_by_id(odd, "GET /x")


@pytest.mark.parametrize(
    ("item", "schema"),
    [
        ({}, None),
        ({"schemaRef": None}, None),
        ({"schemaRef": {"id": 5}}, None),
        ({"schemaRef": {"id": "s"}}, "s"),
    ],
)
def test_the_schema_of_a_dataset(item: dict[str, Any], schema: str | None) -> None:
    """None where it is not told: then nothing is compared with it."""
    assert datasets.schema_of(item) == schema


def test_a_datasets_id_is_missed_by_name() -> None:
    """The error says which request was answered so."""
    with pytest.raises(AepReplyError, match=r"^POST /dataSets was answered without a dataset's id"):
        datasets.read_created([], "POST /dataSets")


def test_results_of_the_registry() -> None:
    """A page of resources, or a typed error."""
    assert xdm.read_results({"results": [{"$id": GROUP}]}, "GET") == [{"$id": GROUP}]
    with pytest.raises(AepReplyError, match=r"^GET /x was answered without a resource's \$id"):
        xdm.read_results({"results": [{"a": 1}]}, "GET /x")
    with pytest.raises(AepReplyError, match=r"^GET /x was answered with a JSON list"):
        xdm.read_results([], "GET /x")
    for odd in ({}, {"results": None}, {"results": [1]}, {"results": {}}):
        with pytest.raises(AepReplyError, match=r"^GET /x was answered without a list of results"):
            xdm.read_results(odd, "GET /x")


@pytest.mark.parametrize(
    ("created", "at"), [(5, 5.0), (1.5, 1.5), (True, math.inf), ("5", math.inf), (None, math.inf)]
)
def test_when_a_resource_was_made(created: object, at: float) -> None:
    """What does not say it counts as the youngest: the oldest is kept."""
    assert xdm.resources("schemas").created_at({"meta:registryMetadata": {"repo:createdDate": created}}) == at
    assert xdm.resources("schemas").created_at({"meta:registryMetadata": None}) == math.inf


def test_a_resources_id() -> None:
    """Of a POST's reply or of a list's entry."""
    assert xdm.read_resource_id({"$id": GROUP}, "POST") == GROUP
    with pytest.raises(AepReplyError, match=r"^POST /x was answered without a resource's \$id"):
        xdm.read_resource_id({"$id": f"{GROUP}?x"}, "POST /x")


def test_field_groups_and_namespaces() -> None:
    """By their ids, which name the tenant."""
    assert xdm.check_groups((GROUP,)) == [GROUP]
    for odd in ("x", None, [GROUP, "x"], {GROUP: 1}):
        with pytest.raises(AepConfigError, match=r"^`field_groups`") as caught:
            xdm.check_groups(odd)
        assert caught.value.parameter == "field_groups"
    assert xdm.namespace_of("https://ns.adobe.com/acme/schemas/0123") == "_acme"


@pytest.mark.parametrize(
    ("state", "on"),
    [
        *((state, True) for state in ("enabled", "ENABLING", "initializing", "updating")),
        *((state, False) for state in ("disabled", "draft", None)),
    ],
)
def test_a_dataflow_that_is_on(state: object, on: bool) -> None:
    """Or about to be: to enable it then is refused."""
    assert requests.is_on({"state": state}) is on


@pytest.mark.parametrize(
    ("state", "off"), [("disabled", True), ("DISABLING", True), ("enabled", False), (None, False)]
)
def test_a_dataflow_that_is_off(state: object, off: bool) -> None:
    """In whatever spelling."""
    assert requests.is_off({"state": state}) is off


@pytest.mark.parametrize(
    ("item", "source"),
    [
        ({"sourceSpec": {}}, True),
        ({"attributes": {"isSource": True}}, True),
        ({"attributes": {"isSource": "false"}}, False),
        ({"attributes": {"isSource": False}}, False),
        ({"attributes": None}, False),
        ({}, False),
    ],
)
def test_a_spec_of_a_source(item: dict[str, Any], source: bool) -> None:
    """Destinations and the data lake are listed as well."""
    assert connection_specs.is_source(item) is source


def test_how_a_connection_authenticates() -> None:
    """As far as it is shown, which is seldom all."""
    shown = {"auth": {"specName": "Basic", "params": {"host": "h"}}}
    assert replies.auth_of(shown) == ("Basic", {"host": "h"})
    for odd in ({}, {"auth": None}, {"auth": []}, {"auth": {"specName": 5, "params": "x"}}):
        assert replies.auth_of(odd) == (None, {})


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (AepNotFoundError("x", status=404), True),
        (AepNotFoundError("x", status=404, code="FLOW-1412-404"), True),
        (AepNotFoundError("x", status=404, code="FLOW-2100-404"), False),
        (AepRequestError("x", status=400, code="FLOW-1413-400"), True),
        (AepRequestError("x", status=400, code="1413-400"), True),
        (AepRequestError("x", status=400, code="FLOW-1400-400"), False),
        (AepRequestError("Please Provide a valid spec ID", status=400), True),
        (AepRequestError("x", status=400), False),
    ],
)
def test_a_spec_that_is_not_offered(error: Any, missing: bool) -> None:
    """In all the ways it is said; a sandbox that is not there says nothing of the spec."""
    assert replies.is_missing_spec(error) is missing


def test_entries_of_a_source() -> None:
    """A name or a path is enough for an entry, and is used for the other. The type is that of a table."""
    assert source_objects.read_tables(
        [{"name": "n", "path": "p", "type": "FILE", "canPreview": 1, "canFetchSchema": True}, {"name": "a"},
         {"path": "b", "type": None}, {"type": "table"}]
    ) == [
        {"name": "n", "path": "p", "type": "file", "can_preview": True, "can_fetch_schema": True},
        {"name": "a", "path": "a", "type": "table", "can_preview": False, "can_fetch_schema": False},
        {"name": "b", "path": "b", "type": "table", "can_preview": False, "can_fetch_schema": False},
    ]  # fmt: skip


def test_what_is_no_table_no_column_and_no_row_is_named() -> None:
    """By the parameter, or by the object that was explored."""
    with pytest.raises(AepConfigError, match=r"^`table` is neither") as caught:
        source_objects.table_path({})
    assert caught.value.parameter == "table"
    with pytest.raises(AepConfigError, match=r"^`columns` is not a list") as caught:
        source_objects.check_columns([{"name": "a"}, {}])
    assert caught.value.parameter == "columns"
    with pytest.raises(AepReplyError, match=r"^Exploring 'T' was answered without its columns"):
        source_objects.read_columns({}, "T")
    with pytest.raises(AepReplyError, match=r"^Previewing 'T' was answered without rows"):
        source_objects.read_rows({}, "T")


def test_a_table_by_its_entry() -> None:
    """Its path, or its name if the path is missing."""
    assert source_objects.table_path({"path": "p", "name": "n"}) == "p"
    assert source_objects.table_path({"name": "n"}) == "n"
    assert source_objects.table_path("T") == "T"
    with pytest.raises(AepConfigError):
        source_objects.table_path("None")


def test_columns_and_rows() -> None:
    """As they came, each with all three keys."""
    column = {"name": "a", "type": "int", "xdm": {"type": "integer"}}
    assert source_objects.read_columns({"schema": {"columns": [{**column, "more": 1}]}}, "T") == [column]
    assert source_objects.read_columns({"schema": [{"name": "b"}]}, "T") == [
        {"name": "b", "type": None, "xdm": None}
    ]
    assert source_objects.check_columns((column,)) == [column]
    assert source_objects.read_rows({"data": [{"a": 1}]}, "T") == [{"a": 1}]
    for odd in ({"data": None}, {"data": [1]}, [{"a": 1}]):
        with pytest.raises(AepReplyError):
            source_objects.read_rows(odd, "T")


@pytest.mark.parametrize(
    ("duration", "status", "snapshot"),
    [
        ({"startedAtUTC": 2_000, "completedAtUTC": 5_000}, "success", (True, 2_000.0, 3_000.0)),
        ({"startedAtUTC": 2_000, "completedAtUTC": 5_000}, "inProgress", (False, 2_000.0, None)),
        ({"startedAtUTC": 2_000}, "failed", (True, 2_000.0, None)),
        ({"completedAtUTC": 5_000}, "failed", (True, None, None)),
        ({}, "pending", (False, None, None)),
    ],
)
def test_a_snapshot(duration: dict[str, Any], status: str, snapshot: tuple[Any, ...]) -> None:
    """The little a poller keeps: ended, since when, how long."""
    item = {"metrics": {"durationSummary": duration, "statusSummary": {"status": status}}}
    assert runs.read_snapshot(item) == (*snapshot, None)


def test_a_mapping_sets_id() -> None:
    """With its version, the first where none is told."""
    assert mappings.read_created({"id": "a-1", "version": 2, "x": 1}, "POST") == {"id": "a-1", "version": 2}
    assert mappings.read_created({"id": "a"}, "POST") == {"id": "a", "version": 0}
    with pytest.raises(AepReplyError, match=r"^POST /mappingSets was answered without a mapping set's id"):
        mappings.read_created({}, "POST /mappingSets")


def test_columns_left_out_are_told_whole() -> None:
    """Each with its reason."""
    assert mappings.told({"a": "x", "b": "y"}) == "'a' (x); 'b' (y)"


def test_parameters_of_a_dag() -> None:
    """Plain ones, and of those what a template made something of."""
    given = {"host": "h", "port": 0, "server": "", "domain": None, "schema": "None"}
    assert check_plain(given, "c") == {"host": "h", "port": 0}
    assert check_plain(None, "c") == {}


def test_parameters_of_a_dag_hold_no_secret() -> None:
    """Named without its value, and told where it belongs."""
    with pytest.raises(
        AepConfigError, match=r"^`auth_params` holds `clientSecret`, `user`, .*'my_conn'"
    ) as caught:
        check_plain({"clientSecret": "s3cret", "host": "h", "user": "u"}, "my_conn")
    assert caught.value.parameter == "auth_params"
    assert "s3cret" not in str(caught.value)
    with pytest.raises(AepConfigError, match=r"^`auth_params`") as caught:
        check_plain("x", "c")
    assert caught.value.parameter == "auth_params"


def test_a_connection_spec() -> None:
    """Id, name and every authentication type. An invalid type is skipped."""
    ways = [{"name": "Basic", "spec": {"required": ["a"]}}, "odd", {"spec": {}}, {"name": "Bare"}]
    read = connection_specs.read_connection_spec
    spec = read({"id": "i", "name": "n", "authSpec": ways})
    assert (spec.id, spec.name) == ("i", "n")
    assert spec.auth == (AuthSpec("Basic", {"required": ["a"]}), AuthSpec("Bare", {}))
    assert read({}) == connection_specs.ConnectionSpec("", "", ())


def test_where_a_list_of_the_registry_goes_on() -> None:
    """The page's own word goes before the link; what is no text is no place."""
    link = {"_links": {"next": {"href": "?start=b"}}}
    assert xdm.next_start({"_page": {"next": "a"}, **link}) == "a"
    assert xdm.next_start({"_links": {"next": {"href": "?limit=3"}}}) is None
    assert xdm.next_start({"_page": {"next": 5}}) is None
    assert xdm.find_resource_id("nothing of the kind") is None


def test_a_run_is_read_where_a_document_puts_it() -> None:
    """Bytes read where none were written, the OpenAPI's spelling, a count left out, and no guesses."""
    metrics = {"recordSummary": {"inputRecordCount": "0"}, "sizeSummary": {"inputBytes": 9}}
    window = {"durationSummary": {"extensions": {"windowStart": 0, "windowEnd": 60}}}
    item = {"id": "r", "flowId": 5, "createdAt": 2_000_000_000_000, "metrics": metrics, "activites": [window]}
    run = runs.read_run(item)
    assert (run.flow_id, run.created_at, run.bytes, run.window) == (None, 2e9, 9, (0.0, 60.0))
    assert (run.records_read, run.records_failed, run.records_skipped) == (0, 0, 0)
    assert runs.read_run({}).id == ""
    half = {"durationSummary": {"extensions": {"windowStart": 5}}}
    assert (
        runs.read_run({"activities": [half, {"durationSummary": {"extensions": {"windowEnd": 5}}}]}).window
        is None
    )
    odd = {"metrics": {"statusSummary": {"errors": [{"code": None}, {}, {"code": "c"}]}}}
    assert [problem.code for problem in runs.read_run(odd).problems] == ["c"]
    assert runs.epoch_seconds(1) == 1.0
    assert runs.epoch_seconds(1e11) == 1e8
