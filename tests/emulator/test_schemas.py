"""Schemas on the real emulator: one field group, one schema, whatever happens on the way."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators.schemas import CreateSchemaOperator
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operators import Logged, Store, context, link_of, unwrapped
from tests.harness.platform import FULL, PROFILE, Platform

COLUMNS: list[dict[str, Any]] = [
    {"name": "Product_Id", "type": "string", "xdm": {"type": "string"}},
    {"name": "Create Time", "type": "datetime", "xdm": {"type": "string", "format": "date-time"}},
]
MORE = [*COLUMNS, {"name": "Price", "type": "decimal", "xdm": None}]
NOTHING = {"status": 200, "body": {"results": [], "_page": {"count": 0}, "_links": {}}}
FOREIGN = "Somebody's [airflow:other_dag.create 0123abcd]"


@pytest.fixture(autouse=True)
def right_connection(make_hook: MakeHook, emulator: Emulator, short_pauses: None) -> None:
    """Connect `aep_default` to the emulator."""
    make_hook(emulator.url)


@pytest.fixture
def platform(emulator: Emulator) -> Platform:
    """A client that knows nothing of this project."""
    return Platform(emulator)


def operator(**arguments: Any) -> CreateSchemaOperator:
    return CreateSchemaOperator(task_id="schema", **{"name": "Products", "columns": COLUMNS, **arguments})


def create(run: dict[str, Any] | None = None, **arguments: Any) -> str:
    return str(operator(**arguments).execute(run or context()))


def listed(platform: Platform, kind: str) -> list[dict[str, Any]]:
    reply = platform.registry("GET", f"/tenant/{kind}", headers={"Accept": "application/vnd.adobe.xed+json"})
    return list(reply.json()["results"])


def fields(platform: Platform, schema: str) -> dict[str, Any]:
    """Return the fields under the tenant's namespace."""
    alt_id = "_emulator.schemas." + schema.rpartition("/")[2]
    whole = platform.registry("GET", f"/tenant/schemas/{alt_id}", headers=FULL).json()
    return dict(whole["properties"]["_emulator"]["properties"])


def test_a_schema_of_columns(platform: Platform, emulator: Emulator) -> None:
    """Each column is a field of its type under the tenant's namespace; group and schema carry the mark."""
    task = operator(description="From PayPal", field_groups=[f"{PROFILE}-person-details"])
    made = task.execute(context())
    (schema,), (group,) = listed(platform, "schemas"), listed(platform, "fieldgroups")
    assert (schema["$id"], schema["title"], schema["meta:class"]) == (made, "Products", PROFILE)
    assert [part["$ref"] for part in schema["allOf"]] == [PROFILE, f"{PROFILE}-person-details", group["$id"]]
    assert (group["title"], group["meta:intendedToExtend"]) == ("Products fields", [PROFILE])
    own = fields(platform, made)
    assert {name: (field["title"], field["type"], field.get("format")) for name, field in own.items()} == {
        "Product_Id": ("Product_Id", "string", None),
        "Create_Time": ("Create Time", "string", "date-time"),
    }
    assert schema["description"].startswith("From PayPal [airflow:")
    assert group["description"].startswith("[airflow:")
    link = link_of(task)
    assert link.startswith("https://experience.adobe.com/#/")
    assert "sname:prod/" in link
    assert made in link


def test_every_call_says_what_it_accepts(emulator: Emulator) -> None:
    """Schema Registry answers a GET of resources by that header only; no call sends an If-Match."""
    create()
    create(columns=MORE)
    accepted = {one["headers"]["accept"] for one in emulator.requests("GET") if "/tenant/" in one["path"]}
    assert accepted == {
        "application/vnd.adobe.xed+json",
        "application/vnd.adobe.xed-full+json; version=1",
    }
    assert not [one for one in emulator.requests() if "if-match" in one["headers"]]
    assert len({one["connection"] for one in emulator.requests()}) == 2, "one a hook"


@pytest.mark.parametrize("if_exists", ["reuse", "update"])
def test_a_second_run_finds_the_first_ones(platform: Platform, if_exists: str) -> None:
    """An update without anything new changes nothing."""
    first = create(if_exists=if_exists)
    assert create(context(run_id="another"), if_exists=if_exists) == first
    assert (len(listed(platform, "schemas")), len(listed(platform, "fieldgroups"))) == (1, 1)
    assert platform.emulator.requests("PATCH") == []


def test_reuse_takes_a_schema_as_it_is_and_says_what_it_lacks(platform: Platform, logged: Logged) -> None:
    """No field group is made that nothing would use."""
    made = platform.schema()
    assert create(columns=MORE) == made
    assert "`columns.Price`: existing none, desired 'number'" in logged()
    assert [group["title"] for group in listed(platform, "fieldgroups")] == ["Products fields"]
    platform.emulator.forget_requests()
    assert create(name="Products", columns=COLUMNS[:1]) == made
    assert "differs" not in logged()
    assert [
        one for one in platform.emulator.requests() if one["method"] != "GET" and "/ims/" not in one["path"]
    ] == []


def test_update_adds_what_is_missing_and_keeps_the_mark(platform: Platform) -> None:
    """Fields, field groups, description are added; everything else stays."""
    made = create()
    before = listed(platform, "schemas")[0]["description"]
    details = f"{PROFILE}-person-details"
    run = context(run_id="another")
    assert (
        create(run, columns=MORE[1:], field_groups=[details], description="New", if_exists="update") == made
    )
    assert set(fields(platform, made)) == {"Product_Id", "Create_Time", "Price"}
    (schema,) = listed(platform, "schemas")
    assert schema["description"] == f"New {before}"
    assert details in [part["$ref"] for part in schema["allOf"]]


def test_a_fields_type_cannot_be_updated(platform: Platform) -> None:
    """A typed error that says so, before anything is changed."""
    create()
    with unwrapped(errors.EntityDiffersError, match=r"`columns\.Product_Id`: existing 'string'") as caught:
        create(columns=[{"name": "Product_Id", "type": "int"}], if_exists="update")
    assert "cannot be changed" in str(caught.value)
    assert platform.emulator.requests("PATCH") == []


@pytest.mark.parametrize("if_exists", ["reuse", "update", "fail"])
def test_another_class_is_an_error_that_names_both(platform: Platform, if_exists: str) -> None:
    """Events are no profiles; and no field group is left behind."""
    made = platform.schema()
    groups = len(listed(platform, "fieldgroups"))
    with unwrapped(errors.EntityExistsError, match=made) as caught:
        create(class_id="time-series", if_exists=if_exists)
    assert PROFILE in str(caught.value)
    assert "experienceevent" in str(caught.value)
    assert len(listed(platform, "fieldgroups")) == groups


def test_fail_refuses_an_existing_one(platform: Platform) -> None:
    """A retry of the task instance that created the schema is no conflict."""
    made = create(if_exists="fail")
    assert create(if_exists="fail") == made
    with unwrapped(errors.EntityExistsError, match=made):
        create(context(run_id="another"), if_exists="fail")


def test_fail_leaves_no_field_group(platform: Platform) -> None:
    """It says no before it makes one for nothing."""
    rival(platform, "by hand")
    with unwrapped(errors.EntityExistsError, match="not made by Airflow"):
        create(if_exists="fail")
    assert listed(platform, "fieldgroups") == []


def rival(platform: Platform, description: str = FOREIGN) -> str:
    body = {"type": "object", "title": "Products", "description": description, "allOf": [{"$ref": PROFILE}]}
    return str(platform.registry("POST", "/tenant/schemas", json=body).json()["$id"])


def test_a_title_taken_meanwhile_is_the_rivals(platform: Platform) -> None:
    """The list has none, the POST is refused: the registry decided the race, and the next list shows it."""
    other = rival(platform)
    platform.emulator.fault(method="GET", path="/tenant/schemas", times=2, **NOTHING)
    assert create(columns=None) == other
    assert len(platform.emulator.requests("POST", "/tenant/schemas")) == 2, "the rival's, and the refused one"


def test_a_title_taken_is_found_though_the_list_lags(platform: Platform) -> None:
    """The refusal names the id."""
    other = rival(platform)
    platform.emulator.fault(method="GET", path="/tenant/schemas", times=10_000, **NOTHING)
    assert create(columns=None) == other


def test_a_title_taken_meanwhile_under_fail(platform: Platform) -> None:
    """The rival's schema exists, so the task fails."""
    other = rival(platform)
    platform.emulator.fault(method="GET", path="/tenant/schemas", times=2, **NOTHING)
    with unwrapped(errors.EntityExistsError, match=other):
        create(columns=None, if_exists="fail")


def test_a_title_that_another_kind_has(platform: Platform) -> None:
    """A field group is no schema: an error that names it, at once."""
    group = platform.field_group("Products")
    with unwrapped(errors.TitleTakenError, match=group) as caught:
        create(columns=None)
    assert caught.value.code == "XDM-1521-400"
    assert not caught.value.retryable
    assert len(platform.emulator.requests("GET", "/tenant/schemas")) == 2, "no patience for what cannot come"


def test_every_page_is_read(platform: Platform) -> None:
    """A title that the server cannot be asked for, on the second page."""
    name = "Zürich, 'a'=1"
    for number in range(301):
        platform.registry("POST", "/tenant/schemas", json={
            "type": "object", "title": f"Other {number:03}", "description": "", "allOf": [{"$ref": PROFILE}]
        })  # fmt: skip
    made = create(name=name, columns=None)
    platform.emulator.forget_requests()
    assert create(name=name, columns=None) == made
    assert len(platform.emulator.requests("GET", "/tenant/schemas")) == 4, "two lists of two pages"


def test_pages_without_end_are_an_error(platform: Platform) -> None:
    """Half a list proves nothing."""
    page = {"results": [], "_page": {"next": "A"}, "_links": {}}
    platform.emulator.fault(method="GET", path="/tenant/schemas", times=100, status=200, body=page)
    with unwrapped(errors.AepReplyError, match="do not come to an end"):
        create()
    assert platform.emulator.requests("POST", "/tenant/fieldgroups") == []


def test_a_retry_answers_from_memory(platform: Platform) -> None:
    """A retry reads the schema that an earlier try created, and lists nothing."""
    store = Store()
    made = create(context(store))
    assert {record["id"] for record in store.kept.values()} >= {made}
    platform.emulator.fault(method="GET", path="/tenant/schemas", times=10_000, **NOTHING)
    assert create(context(store)) == made


BAD = {
    "name": [None, "", "x" * 250, "a\nb"],
    "columns": ["a", [], [{"type": "string"}], [{"name": "a b"}, {"name": "a.b"}]],
    "class_id": [None, "nonsense", "https://evil.example/xdm/a"],
    "field_groups": ["a", ["b"], 5],
    "description": [5, "x" * 5000],
    "if_exists": ["maybe"],
    "sandbox": ["a b"],
}


@pytest.mark.parametrize(
    ("parameter", "value"), [(key, value) for key, values in BAD.items() for value in values], ids=repr
)
def test_values_are_checked_when_run_and_before_anything_is_sent(
    emulator: Emulator, parameter: str, value: Any
) -> None:
    """Each complaint names its parameter."""
    with unwrapped(errors.AepConfigError, match=f"`{parameter}`"):
        create(**{parameter: value})
    assert emulator.requests() == []


def test_what_renders_to_nothing_is_nothing(platform: Platform) -> None:
    """An empty parameter of a DAG gives an empty text."""
    create(columns="None", description="", field_groups="None", sandbox="None")
    assert listed(platform, "fieldgroups") == []


HEALED = {
    "reply lost": {"when": "after", "drop": True},
    "no id": {"when": "after", "status": 201, "body": {}},
    "an invalid id": {"when": "after", "status": 201, "body": {"$id": "https://ns.adobe.com/a b"}},
    "HTML": {"when": "after", "status": 200, "body": "<html>"},
}


@pytest.mark.parametrize("fault", HEALED.values(), ids=HEALED)
@pytest.mark.parametrize("kind", ["fieldgroups", "schemas"])
@pytest.mark.parametrize("mark", [True, False], ids=["marked", "unmarked"])
def test_a_post_that_fails_is_healed(
    platform: Platform, kind: str, fault: dict[str, Any], mark: bool
) -> None:
    """In the same try: one of each exists, and the operator returns its id."""
    platform.emulator.fault(method="POST", path=f"/tenant/{kind}", **fault)
    made = create(mark=mark)
    assert [item["$id"] for item in listed(platform, "schemas")] == [made]
    assert len(listed(platform, "fieldgroups")) == 1
    assert set(fields(platform, made)) == {"Product_Id", "Create_Time"}
