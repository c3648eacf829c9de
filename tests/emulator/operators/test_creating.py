"""The creating operators, run on a real emulator: what a DAG author may rely on."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.operators.connections import (
    CreateBaseConnectionOperator,
    CreatePayPalConnectionOperator,
)
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
from tests.harness.connections import MakeHook
from tests.harness.emulator import ORG_ID, PAYPAL_SECRET, PAYPAL_SPEC, Emulator
from tests.harness.operators import Logged, Store, context, link_of, unwrapped

MARK = re.compile(r"\[airflow:(?P<dag>[^\[\]\s]+)\.(?P<task>\S+) (?P<h>[0-9a-f]{8})\]\Z")


@pytest.fixture(autouse=True)
def right_connections(make_hook: MakeHook, emulator: Emulator, paypal: str, monkeypatch: Any) -> None:
    """`aep_default` and `paypal_default`, and no wait for races that cannot be."""
    make_hook(emulator.url)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")


@pytest.mark.parametrize("name", ["source_conn_id", "source"])
def test_the_parameters_of_other_sources_are_refused_by_name(name: str) -> None:
    """`CreateBaseConnectionOperator` calls the same thing otherwise; Python's own error tells nobody so."""
    from airflow_provider_aep.flow_service.errors import AepConfigError

    with pytest.raises(AepConfigError, match=f"no `{name}`.*`paypal_conn_id`") as caught:
        operator(**{name: "my_paypal"})
    assert caught.value.parameter == name


def operator(**arguments: Any) -> CreatePayPalConnectionOperator:
    return CreatePayPalConnectionOperator(task_id="create", **arguments)


def existing(emulator: Emulator, sandbox: str = "prod") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = emulator.api(sandbox=sandbox)("GET", "/connections").json()["items"]
    return found


def test_it_returns_the_id_and_keeps_the_link(emulator: Emulator) -> None:
    """The id is the XCom. Airflow asks for the link when the task ends, and pushes it."""
    task, run = operator(), context()
    made = task.execute(run)
    (item,) = existing(emulator)
    assert (item["id"], item["name"], item["connectionSpec"]["id"]) == (
        made,
        "PayPal connection",
        PAYPAL_SPEC,
    )
    assert run["ti"].pushed == {}
    link = link_of(task)
    assert link.startswith("https://experience.adobe.com/")
    assert made in link
    assert "prod" in link
    assert ORG_ID in link


def test_the_link_names_the_tenant_where_one_is_set(make_hook: MakeHook, emulator: Emulator) -> None:
    """AEP's own addresses do."""
    make_hook(emulator.url, extra={"tenant": "acme", "sandbox": "dev"})
    task = operator()
    task.execute(context())
    assert "/#/@acme/sname:dev/" in link_of(task)


@pytest.mark.parametrize("description", [None, "Payments of the shop", "", "None"])
def test_what_is_made_carries_a_mark(emulator: Emulator, description: str | None) -> None:
    """An AEP admin sees which task made it; a later try knows its own."""
    operator(description=description).execute(context(run_id="manual__1", map_index=3))
    (item,) = existing(emulator)
    mark = MARK.search(item["description"])
    assert mark is not None
    assert mark["task"] == "create"
    assert mark["h"] == hashlib.sha256(b"manual__1\n3").hexdigest()[:8]
    assert item["description"].startswith("Payments") is (description == "Payments of the shop")


@pytest.mark.parametrize("description", [None, "Payments"])
def test_mark_false_leaves_no_mark(emulator: Emulator, description: str | None) -> None:
    """The description is the user's, to the letter."""
    operator(description=description, mark=False).execute(context())
    assert existing(emulator)[0].get("description") == description


@pytest.mark.parametrize("if_exists", ["reuse", "update"])
def test_a_second_run_finds_the_first_ones(emulator: Emulator, if_exists: str) -> None:
    """One connection, whoever made it, however often it is run."""
    first = operator(if_exists=if_exists).execute(context())
    assert operator(if_exists=if_exists).execute(context(run_id="another")) == first
    assert len(existing(emulator)) == 1
    assert len(emulator.requests("PATCH")) == (if_exists == "update")


@pytest.mark.parametrize(("try_number", "lists"), [(1, 1), (2, 2)])
def test_only_a_retry_settles_again(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, try_number: int, lists: int
) -> None:
    """Its earlier try may have died before AEP listed an older connection. A first try has none."""
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0.02")
    made = operator().execute(context())
    emulator.forget_requests()
    again = context()
    again["ti"].try_number = try_number
    assert operator().execute(again) == made
    assert len(emulator.requests("GET", "/connections")) == lists


def test_reuse_leaves_credentials_alone(emulator: Emulator) -> None:
    """They may have been rotated in AEP."""
    made = emulator.api().create(secret="wrong").json()["id"]
    assert operator().execute(context()) == made
    assert emulator.api()("GET", f"/connections/{made}/test").json() == {"result": False}


def test_update_corrects_credentials_and_keeps_the_mark(emulator: Emulator) -> None:
    """Same id, so that flows upon it go on; the mark is its maker's."""
    made = emulator.api().create(secret="wrong", description="Old [airflow:d.t 01234567]").json()["id"]
    assert operator(if_exists="update", description="New").execute(context()) == made
    assert emulator.api()("GET", f"/connections/{made}/test").json() == {"result": True}
    assert existing(emulator)[0]["description"] == "New [airflow:d.t 01234567]"


def test_fail_refuses_an_existing_one_and_says_whose_it_is(emulator: Emulator) -> None:
    """With its id and a way out."""
    made = emulator.api().create().json()["id"]
    with unwrapped(errors.EntityExistsError, match=made) as caught:
        operator(if_exists="fail").execute(context())
    assert "`if_exists`" in str(caught.value)
    assert "not made by Airflow" in str(caught.value)


def test_fail_knows_its_own(emulator: Emulator) -> None:
    """A retry of the very task instance that made it is no conflict."""
    first = operator(if_exists="fail").execute(context())
    assert operator(if_exists="fail").execute(context()) == first
    with unwrapped(errors.EntityExistsError):
        operator(if_exists="fail").execute(context(run_id="another"))


@pytest.mark.parametrize("sandbox", [None, "", "  ", "None"])
def test_no_sandbox_means_the_connections_own(emulator: Emulator, sandbox: str | None) -> None:
    """A DAG's empty parameter renders to one of these."""
    operator(sandbox=sandbox).execute(context())
    assert (len(existing(emulator)), len(existing(emulator, "dev"))) == (1, 0)


def test_another_sandbox_is_another_connection(emulator: Emulator) -> None:
    """Identity is organization, sandbox, source and exact name."""
    assert operator().execute(context()) != operator(sandbox="dev").execute(context())
    assert operator(name="paypal connection").execute(context())
    assert (len(existing(emulator)), len(existing(emulator, "dev"))) == (2, 1)


BAD = {
    "name": [None, "", " ", "x" * 10_000, "a\nb", "a\ud800", 5, " a"],
    "description": ["x" * 5000, 5, "a\ud800"],
    "if_exists": ["Reuse", "", None, [], 5],
    "wait_timeout": [-1, "abc", None, float("nan"), True],
    "sandbox": ["a b", "*", 5],
    "paypal_conn_id": ["nowhere"],
    "aep_conn_id": ["nowhere"],
}


@pytest.mark.parametrize(
    ("parameter", "value"), [(key, value) for key, values in BAD.items() for value in values], ids=repr
)
def test_values_are_checked_when_run_not_when_parsed(emulator: Emulator, parameter: str, value: Any) -> None:
    """A DAG file must load before its templates are rendered; nothing is sent for a wrong one."""
    task = operator(**{parameter: value})
    with unwrapped(errors.AepConfigError, match=f"`{parameter}`") as caught:
        task.execute(context())
    assert getattr(caught.value, "parameter", parameter) == parameter
    assert emulator.requests() == []


def test_an_unknown_source_is_named(emulator: Emulator) -> None:
    """With what is meant, perhaps."""
    task = CreateBaseConnectionOperator(task_id="t", source="paypall", name="n", source_conn_id="x")
    with unwrapped(errors.AepConfigError, match="'paypal'"):
        task.execute(context())
    assert emulator.requests() == []


def test_the_general_operator_makes_the_same(emulator: Emulator) -> None:
    """`CreatePayPalConnectionOperator` is its first face."""
    task = CreateBaseConnectionOperator(
        task_id="t", source="PayPal", name="n", source_conn_id="paypal_default"
    )
    made = task.execute(context())
    assert emulator.api()("GET", f"/connections/{made}/test").json() == {"result": True}


def test_paypal_with_another_spec_id_is_still_paypal() -> None:
    """The catalogue's id may be wrong: the fields of the Airflow connection are read all the same."""
    task = operator(connection_spec_id="abc", validation="offline")
    desired, service = task.plan(context())
    assert (desired.kind, desired.identity["spec"]) == ("PayPal base connection", "abc")
    assert {"clientId", "clientSecret"} <= set(service.auth.params)


def test_a_wrong_source_secret_is_not_repeated(emulator: Emulator, paypal: str) -> None:
    """The secret is neither in the error nor in an XCom."""
    emulator.fault(method="POST", path="/connections", status=400, body={"message": f"bad {PAYPAL_SECRET}"})
    run = context()
    with unwrapped(errors.AepRequestError) as caught:
        operator().execute(run)
    assert PAYPAL_SECRET not in str(caught.value)
    assert run["ti"].pushed == {}


def identity(made: str, **changes: Any) -> dict[str, Any]:
    facts = {
        "org": ORG_ID,
        "sandbox": "prod",
        "spec": PAYPAL_SPEC,
        "name": "PayPal connection",
        "max_tries": 2,
    }
    return {"id": made, **facts, **changes}


def test_a_retry_answers_from_memory(emulator: Emulator) -> None:
    """The same identity and `max_tries` need one GET, no list."""
    store = Store()
    made = operator().execute(context(store))
    assert list(store.kept.values()) == [identity(made)]
    emulator.forget_requests()
    task = operator()
    assert task.execute(context(store)) == made
    assert [(one["method"], one["path"].rsplit("/", 1)[1]) for one in emulator.requests()] == [("GET", made)]
    assert made in link_of(task)  # XComs are cleared at every try
    assert store.asked == ["set", "get"]


def test_a_reuse_asks_the_store_nothing(emulator: Emulator) -> None:
    """There is nothing to remember before the first try, and a retry finds the connection in the list."""
    made, store = operator().execute(context()), Store()
    assert operator().execute(context(store)) == made
    assert store.asked == []
    assert operator().execute(context(store)) == made
    assert store.asked == ["get"]


@pytest.mark.parametrize(
    ("number", "most", "asked"),
    [(1, 1, ["set"]), (1, 0, []), (2, 2, ["get", "set"]), (3, 2, ["get"]), (1, None, ["set"])],
)
def test_only_a_retry_needs_the_store(
    emulator: Emulator, number: int, most: int | None, asked: list[str]
) -> None:
    """Airflow retries a try whose number is at most `max_tries`. If that is unknown, the id is stored."""
    store = Store()
    run = context(store)
    run["ti"].try_number, run["ti"].max_tries = number, most
    operator().execute(run)
    assert store.asked == asked


def test_a_try_after_the_last_one_creates_nothing(emulator: Emulator) -> None:
    """Airflow resets the running tasks of a lost scheduler. Their number grows, and `max_tries` does not."""
    store, made = Store(), set()
    for number in (1, 2, 3):
        run = context(store)
        run["ti"].try_number, run["ti"].max_tries = number, 0
        made.add(operator().execute(run))
    assert len(made) == len(emulator.requests("POST", "/connections")) == 1


def test_an_unknown_try_reads_the_store(emulator: Emulator) -> None:
    """Only try 1 has certainly no earlier try."""
    store = Store()
    made, run = operator().execute(context(store)), context(store)
    del run["ti"].try_number
    emulator.forget_requests()
    assert operator().execute(run) == made
    assert emulator.requests("GET", "/connections") == []


@pytest.mark.parametrize(
    "changes",
    [{"max_tries": 1}, {"org": "another@AdobeOrg"}, {"sandbox": "dev"}, {"spec": "x"}, {"name": "another"},
     {"id": None}, {"id": 5}, {"extra": 1}],
    ids=str,
)  # fmt: skip
def test_another_ones_memory_does_not_count(emulator: Emulator, changes: dict[str, Any]) -> None:
    """A cleared task has another `max_tries`, so it lists again."""
    store = Store()
    made = operator().execute(context(store))
    store.kept = dict.fromkeys(store.kept, identity(made, **changes))
    emulator.forget_requests()
    assert operator().execute(context(store)) == made
    assert emulator.requests("GET", "/connections")


def test_what_is_gone_since_is_made_again(emulator: Emulator) -> None:
    """After a 404 for the remembered id the task lists."""
    store = Store()
    first = operator().execute(context(store))
    assert emulator.api()("DELETE", f"/connections/{first}").status_code == 204
    second = operator().execute(context(store))
    assert second != first
    assert next(iter(store.kept.values()))["id"] == second


@pytest.mark.parametrize(
    "broken", [{"fail": True}, {"kept": {"*": "nonsense"}}, {"kept": {"*": None}}], ids=str
)
def test_a_broken_memory_is_a_help_missing_not_an_error(emulator: Emulator, broken: dict[str, Any]) -> None:
    """The list finds the existing connection."""
    made = operator().execute(context())
    assert operator().execute(context(Store(**broken))) == made


def test_it_works_without_a_task_instance(emulator: Emulator) -> None:
    """An operator also works in a notebook or a test, without a task instance."""
    assert operator().execute({}) == existing(emulator)[0]["id"]


@pytest.mark.parametrize("parameter", ["aep_conn_id", "paypal_conn_id"])
def test_a_missing_airflow_connection_is_retried(emulator: Emulator, parameter: str) -> None:
    """Airflow says that a connection is missing also while its database is away. A wait is not deferred."""
    tasks: list[Any] = [operator(**{parameter: "nowhere"})]
    if parameter == "aep_conn_id":
        tasks.append(FlowRunSensor(task_id="wait", flow_id="flow-1", aep_conn_id="nowhere"))
    for task in tasks:
        with pytest.raises(errors.ConnectionMissingError, match="nowhere") as caught:
            task.execute(context())
        assert caught.value.retryable
    assert emulator.requests("POST", "/connections") == []


def test_require_credentials_false_reuses_without_an_airflow_connection(
    emulator: Emulator, logged: Logged
) -> None:
    """A base connection that exists is reused. To create or update one is an error before the POST."""
    order = {"paypal_conn_id": "nowhere", "require_credentials": False}
    with unwrapped(errors.ConnectionMissingError, match="nowhere"):
        operator(**order).execute(context())
    with unwrapped(errors.ConnectionMissingError, match="nowhere"):
        operator(**order, if_exists="update").execute(context())
    assert emulator.requests("POST", "/connections") == []
    made = emulator.api().create().json()["id"]
    emulator.forget_requests()
    logged()
    assert operator(**order).execute(context()) == made
    assert "nowhere" in logged()
    assert {sent["method"] for sent in emulator.requests() if "/ims/" not in sent["path"]} == {"GET"}
