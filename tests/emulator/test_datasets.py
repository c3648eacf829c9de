"""Datasets on the real emulator: one of a name, of the schema that was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators.datasets import CreateDatasetOperator
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operators import Store, context, link_of, unwrapped
from tests.harness.platform import Platform, made, target_body

FOREIGN = "Somebody's [airflow:other_dag.create 0123abcd]"


@pytest.fixture(autouse=True)
def right_connection(make_hook: MakeHook, emulator: Emulator, short_pauses: None) -> None:
    """Connect `aep_default` to the emulator."""
    make_hook(emulator.url)


@pytest.fixture
def platform(emulator: Emulator) -> Platform:
    """A client that knows nothing of this project."""
    return Platform(emulator)


@pytest.fixture
def schema(platform: Platform) -> str:
    """A schema's `$id`."""
    return platform.schema()


def operator(schema: str, **arguments: Any) -> CreateDatasetOperator:
    return CreateDatasetOperator(task_id="dataset", **{"name": "Products", "schema_id": schema, **arguments})


def create(schema: str, run: dict[str, Any] | None = None, **arguments: Any) -> str:
    return str(operator(schema, **arguments).execute(run or context()))


def listed(platform: Platform) -> dict[str, Any]:
    return dict(made(platform.catalog("GET", "/dataSets"), 200))


def post(platform: Platform, schema: str, description: str, name: str = "Products") -> str:
    reference = {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"}
    body = {"name": name, "description": description, "schemaRef": reference}
    (text,) = made(platform.catalog("POST", "/dataSets", json=body))
    return str(text).rpartition("/")[2]


def test_a_dataset_of_a_schema(platform: Platform, schema: str) -> None:
    """With its mark, and a link to its page."""
    task = operator(schema, description="From PayPal")
    own = task.execute(context())
    ((found, item),) = listed(platform).items()
    assert (found, item["name"], item["schemaRef"]["id"]) == (own, "Products", schema)
    assert item["description"].startswith("From PayPal [airflow:")
    link = link_of(task)
    assert link.startswith("https://experience.adobe.com/#/")
    assert link.endswith(f"/sname:prod/platform/dataset/browse/{own}")


def test_a_second_run_finds_the_first_ones(platform: Platform, schema: str) -> None:
    """Names are compared exactly: another case is another dataset."""
    first = create(schema)
    assert create(schema, context(run_id="another")) == first
    assert create(schema, name="products") != first
    assert len(listed(platform)) == 2


@pytest.mark.parametrize("if_exists", ["reuse", "update", "fail"])
def test_another_schema_is_an_error_that_names_both(platform: Platform, schema: str, if_exists: str) -> None:
    """Rows of one shape do not belong among those of another."""
    other = platform.schema("Other")
    own = create(other)
    with unwrapped(errors.EntityExistsError, match=own) as caught:
        create(schema, if_exists=if_exists)
    assert schema in str(caught.value)
    assert other in str(caught.value)
    assert list(listed(platform)) == [own]


def test_fail_refuses_an_existing_one(platform: Platform, schema: str) -> None:
    """The task's own dataset is no conflict."""
    own = create(schema, if_exists="fail")
    assert create(schema, if_exists="fail") == own
    with unwrapped(errors.EntityExistsError, match=own):
        create(schema, context(run_id="another"), if_exists="fail")


def test_update_changes_the_description_alone_and_keeps_the_mark(platform: Platform, schema: str) -> None:
    """One PATCH of fields; none where it says so already."""
    own = post(platform, schema, f"Old {FOREIGN.partition(' ')[2]}")
    platform.emulator.fault(method="PATCH", path=own, status=200, body=json.dumps([f"@/dataSets/{own}"]))
    assert create(schema, description="New", if_exists="update") == own
    (patch,) = platform.emulator.requests("PATCH")
    assert patch["body"] == {"description": f"New {FOREIGN.partition(' ')[2]}"}
    platform.emulator.forget_requests()
    assert create(schema, description="Old", if_exists="update") == own
    assert create(schema, if_exists="update") == own


def test_an_unknown_schema_is_refused(platform: Platform, schema: str) -> None:
    """By Catalog, in its own words."""
    with unwrapped(errors.AepRequestError, match="no schema"):
        create(schema[:-2] + "00")
    assert listed(platform) == {}


HEALED = {
    "reply lost": {"when": "after", "drop": True},
    "503 after the effect": {"when": "after", "status": 503},
    "no id": {"when": "after", "status": 201, "body": "[]"},
    "an invalid id": {"when": "after", "status": 201, "body": '["@/dataSets/a b"]'},
    "429": {"status": 429, "headers": {"Retry-After": "1"}},
    "401": {"status": 401, "body": {"error_code": "401013", "message": "Oauth token is not valid"}},
}


@pytest.mark.parametrize("fault", HEALED.values(), ids=HEALED)
def test_a_post_that_fails_is_healed(platform: Platform, schema: str, fault: dict[str, Any]) -> None:
    """In the same try: one dataset exists, and the operator returns its id."""
    platform.emulator.fault(method="POST", path="/dataSets", **fault)
    assert create(schema) == next(iter(listed(platform)))
    assert len(listed(platform)) == 1


def test_a_lost_race_removes_its_own(platform: Platform, schema: str) -> None:
    """The list was read before the rival's POST: both exist, and all agree on the oldest."""
    rival = post(platform, schema, FOREIGN)
    platform.emulator.fault(method="GET", path="/dataSets", status=200, body={})
    assert create(schema) == rival
    assert list(listed(platform)) == [rival]


def test_a_leftover_with_rows_or_a_target_is_kept(platform: Platform, schema: str, logged: Any) -> None:
    """Only what nothing hangs on is removed, by whoever comes later."""
    oldest, used, idle = (post(platform, schema, FOREIGN) for _ in range(3))
    made(platform.api("POST", "/targetConnections", json=target_body(schema, used)))
    assert create(schema) == oldest
    assert set(listed(platform)) == {oldest, used}
    assert idle not in listed(platform)
    assert used in logged()


def test_every_page_is_read(platform: Platform, schema: str) -> None:
    """A name that the server cannot be asked for, on the second page."""
    for number in range(100):
        post(platform, schema, "", f"Other {number}")
    expected = post(platform, schema, "", "Zürich")
    platform.emulator.forget_requests()
    assert create(schema, name="Zürich") == expected
    assert platform.emulator.requests("POST", "/dataSets") == []


def test_a_retry_answers_from_memory(platform: Platform, schema: str) -> None:
    """One GET, no list; a dataset that was deleted since is created again."""
    store = Store()
    own = create(schema, context(store))
    platform.emulator.forget_requests()
    assert create(schema, context(store)) == own
    assert [one["path"].rpartition("/")[2] for one in platform.emulator.requests("GET")] == [own]
    made(platform.catalog("DELETE", f"/dataSets/{own}"), 200)
    assert create(schema, context(store)) != own


BAD = {
    "name": [None, "", "a\nb"],
    "schema_id": [None, "x", "https://evil.example/a/schemas/b"],
    "description": [5],
}


@pytest.mark.parametrize(
    ("parameter", "value"), [(key, value) for key, values in BAD.items() for value in values], ids=repr
)
def test_values_are_checked_before_anything_is_sent(emulator: Emulator, parameter: str, value: Any) -> None:
    """Each complaint names its parameter."""
    good = "https://ns.adobe.com/emulator/schemas/0123"
    with unwrapped(errors.AepConfigError, match=f"`{parameter}`"):
        create(good, **{parameter: value})
    assert emulator.requests() == []
