"""Mapping sets on the real emulator: checked before they are made, found again by their content."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators.mappings import CreateMappingSetOperator
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operators import Store, context, link_of, unwrapped
from tests.harness.platform import COLUMNS as PRODUCT_COLUMNS
from tests.harness.platform import Platform, made

COLUMNS = [{"name": name, "type": "string"} for name in ("product_id", "Product_Name", "Colour")]
MAPPING = {"product_id": "_id", "Product_Name": "_emulator.Product_Name"}


@pytest.fixture(autouse=True)
def right_connection(make_hook: MakeHook, emulator: Emulator) -> None:
    """`aep_default`."""
    make_hook(emulator.url)


@pytest.fixture
def platform(emulator: Emulator) -> Platform:
    """A client that knows nothing of this project."""
    return Platform(emulator)


@pytest.fixture
def schema(platform: Platform) -> str:
    """A schema's `$id`."""
    return platform.schema()


def operator(schema: str, **arguments: Any) -> CreateMappingSetOperator:
    return CreateMappingSetOperator(task_id="mapping", schema_id=schema, **arguments)


def create(schema: str, run: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    return dict(operator(schema, **arguments).execute(run or context()))


def pairs(platform: Platform, mapping_set: dict[str, Any]) -> dict[str, str]:
    reply = made(platform.conversion("GET", f"/mappingSets/{mapping_set['id']}/mappings"), 200)
    return {one["source"]: one["destination"] for one in reply}


def test_made_by_name(platform: Platform, schema: str, logged: Any) -> None:
    """A warning lists the columns that are not mapped."""
    task = operator(schema, columns=COLUMNS)
    own = task.execute(context())
    assert own["version"] == 0
    assert pairs(platform, own) == {
        "product_id": "_emulator.Product_Id",
        "Product_Name": "_emulator.Product_Name",
    }
    text = logged()
    assert "'Colour'" in text
    assert "warning" in text.lower()
    link = link_of(task)
    assert link.startswith("https://experience.adobe.com/#/")
    assert own["id"] in link
    assert "sname:prod/" in link


@pytest.mark.parametrize("columns", [COLUMNS, None, "None"])
def test_given(platform: Platform, schema: str, columns: Any, logged: Any) -> None:
    """A given mapping is sent as it is; with `columns` the operator logs what it leaves out."""
    assert pairs(platform, create(schema, mapping=MAPPING, columns=columns)) == MAPPING
    assert ("'Colour'" in logged()) is (columns is COLUMNS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mapping": {**MAPPING, "Colour": "_emulator.Colour"}, "columns": COLUMNS}, "'_emulator.Colour'"),
        ({"mapping": {**MAPPING, "Size": "personID"}, "columns": COLUMNS}, "'Size'"),
        ({"mapping": {"a": "personID", "b": "personID"}}, "'personID'"),
        ({"columns": [{"name": "Colour"}, {"name": "Size"}]}, "'Colour', 'Size'"),
        ({}, "`columns`"),
        ({"mapping": {}}, "dict"),
        ({"columns": "a, b"}, "`columns`"),
    ],
    ids=["field", "column", "twice", "nothing maps", "nothing given", "empty", "no columns"],
)
def test_a_wrong_one_is_refused_before_it_is_made(
    platform: Platform, schema: str, arguments: dict[str, Any], said: str
) -> None:
    """Naming what is wrong."""
    with unwrapped(errors.AepConfigError) as caught:
        create(schema, **arguments)
    assert said in str(caught.value)
    assert platform.emulator.requests("POST", "/mappingSets") == []


def test_an_unknown_schema_is_named(platform: Platform, schema: str) -> None:
    """404, with what to check."""
    with unwrapped(errors.AepNotFoundError, match="View Schemas") as caught:
        create(schema[:-2] + ("01" if schema.endswith("00") else "00"), columns=COLUMNS)
    assert caught.value.code == "XDM-1010-404"


@pytest.mark.parametrize("memory", [True, False], ids=["with the state store", "without"])
def test_equal_content_is_found_again(platform: Platform, schema: str, memory: bool) -> None:
    """By a retry and by a later run, whatever the order of columns; other content is another mapping set."""
    store = Store() if memory else None
    own = create(schema, context(store), columns=COLUMNS)
    assert create(schema, context(store), columns=COLUMNS[::-1]) == own
    assert create(schema, context(run_id="next"), columns=COLUMNS) == own
    assert platform.emulator.state()["mappingSets"] == 1
    assert create(schema, context(store), columns=COLUMNS[:1]) != own
    assert platform.emulator.state()["mappingSets"] == 2


def test_a_deleted_one_is_listed_again(platform: Platform, schema: str) -> None:
    """A memory is a help, no proof."""
    store = Store()
    own = create(schema, context(store), columns=COLUMNS)
    (key,) = store.kept
    store.kept[key] = {**store.kept[key], "id": "0" * 32}
    assert create(schema, context(store), columns=COLUMNS) == own
    assert platform.emulator.state()["mappingSets"] == 1


def test_the_dataflow_s_own_comes_first(platform: Platform) -> None:
    """The dataflow's set is used at the dataflow's version, whoever created it."""
    body = platform.prepared(name="Products")
    target = platform.get("targetConnections", body["targetConnectionIds"][0])
    schema = target["data"]["schema"]["id"]
    platform.flow(body)
    theirs = body["transformations"][1]["params"]["mappingId"]
    columns = [{"name": name} for name in PRODUCT_COLUMNS]
    assert create(schema, columns=columns, dataflow="Products") == {"id": theirs, "version": 0}
    assert platform.emulator.state()["mappingSets"] == 1
    for options in ({"dataflow": "Another"}, {}, {"dataflow": "None"}):
        assert create(schema, columns=columns, **options)["id"] != theirs
        assert platform.emulator.state()["mappingSets"] == 2


def test_a_content_that_somebody_changed_is_no_match(platform: Platform, schema: str) -> None:
    """The name alone is no proof either."""
    own = create(schema, mapping=MAPPING)
    mapping = {"sourceType": "ATTRIBUTE", "source": "Colour", "destination": "_id"}
    reference = {"schemaRef": {"id": schema}}
    item = made(platform.conversion("GET", f"/mappingSets/{own['id']}"), 200)
    changed = {"name": item["name"], "outputSchema": reference, "mappings": [mapping]}
    made(platform.conversion("PUT", f"/mappingSets/{own['id']}", json=changed), 200)
    assert create(schema, mapping=MAPPING)["id"] != own["id"]


def test_of_several_the_oldest_is_used(platform: Platform, schema: str) -> None:
    """A race may leave two: nothing is deleted."""
    own = create(schema, mapping=MAPPING)
    item = made(platform.conversion("GET", f"/mappingSets/{own['id']}"), 200)
    body = {name: item[name] for name in ("name", "outputSchema", "mappings")}
    made(platform.conversion("POST", "/mappingSets", json=body), 200)
    assert create(schema, mapping=MAPPING) == own
    assert platform.emulator.state()["mappingSets"] == 2


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ({"when": "after", "drop": True}, 1),
        ({"when": "after", "status": 200, "body": {}}, 1),
        ({"status": 503}, 1),
        ({"status": 429, "headers": {"Retry-After": "0"}}, 1),
        ({"status": 401, "body": {"error_code": "401013", "message": "Oauth token is not valid"}}, 1),
    ],
    ids=["reply lost", "no id", "503", "429", "401"],
)
def test_a_post_that_fails_is_followed_by_a_list(
    platform: Platform, schema: str, fault: dict[str, Any], left: int, waits: Any
) -> None:
    """The POST is repeated if it had no effect."""
    platform.emulator.fault(method="POST", path="/mappingSets", **fault)
    own = create(schema, columns=COLUMNS)
    assert pairs(platform, own)
    assert platform.emulator.state()["mappingSets"] == left


def test_a_post_that_is_refused_is_not(platform: Platform, schema: str) -> None:
    """A retry could not help."""
    platform.emulator.fault(method="POST", path="/mappingSets", status=403, body={})
    with unwrapped(errors.AepPermissionError):
        create(schema, columns=COLUMNS)
    assert len(platform.emulator.requests("POST", "/mappingSets")) == 1


UPPER = {"_emulator.Product_Name": "upper(Product_Name)"}


@pytest.mark.parametrize(
    "arguments",
    [{"mapping": {"product_id": "_id"}}, {"columns": COLUMNS}, {}],
    ids=["mapping", "columns", "alone"],
)
def test_expressions_are_created_once(
    emulator: Emulator, platform: Platform, schema: str, arguments: dict[str, Any]
) -> None:
    """A field that an expression calculates is not mapped by name. The same content is found again."""
    own = create(schema, expressions=UPPER, **arguments)
    assert pairs(platform, own)["upper(Product_Name)"] == "_emulator.Product_Name"
    assert "Product_Name" not in pairs(platform, own)
    assert create(schema, expressions=UPPER, **arguments) == own
    assert emulator.state()["mappingSets"] == 1


def test_expressions_that_fit_no_field_are_refused(emulator: Emulator, schema: str) -> None:
    """Nothing is created."""
    with unwrapped(errors.AepConfigError, match="`expressions`"):
        create(schema, mapping=MAPPING, expressions={"_emulator.Colour": "upper(Colour)"})
    assert emulator.state()["mappingSets"] == 0
