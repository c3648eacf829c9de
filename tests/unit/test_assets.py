"""Datasets as assets: their URIs, which Airflow normalizes, and the flow runs in their events."""

from __future__ import annotations

import string
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.sdk import DAG, Asset, AssetAlias
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_aep.assets import (
    EVENT_KEYS,
    DatasetAddress,
    aep_dataset,
    event_of,
    is_aep_dataset,
    new_runs,
    normalize_uri,
    read_uri,
)
from airflow_provider_aep.flow_service.runs import Phase, Run
from airflow_provider_aep.flow_service.validation import check_sandbox
from airflow_provider_aep.operators.dataflows import RetryFlowRunOperator, RunDataflowOperator
from airflow_provider_aep.operators.waiting import WaitsForRun
from airflow_provider_aep.task_groups import paypal_ingestion, source_ingestion

ORDERS = aep_dataset("Orders")
NAMES = (
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)
    .filter(lambda text: text == text.strip() != "")
    .filter(lambda text: "{{" not in text and "{%" not in text)
)
CONNECTIONS = st.text(string.ascii_letters + string.digits + "_-#!().:/\\é", min_size=1, max_size=60)
SANDBOXES = st.none() | st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,40}\Z")


class TestUris:
    """`aep_dataset`, and Airflow's way to read a URI."""

    def test_a_dataset_has_one_uri(self) -> None:
        """The form is fixed: stored events and schedules depend on it."""
        assert ORDERS.uri == ORDERS.name == "aep://aep_default/-/Orders"
        there = aep_dataset("PayPal / orders 100%", aep_conn_id="aep_eu", sandbox="dev-1")
        assert there.uri == there.name == "aep://aep_eu/dev-1/PayPal%20%2F%20orders%20100%25"

    @given(NAMES, CONNECTIONS, SANDBOXES)
    @example("..", "a", None)
    @example("a/../b?c=d&a=b#e", "a:b", "prod")
    @example("\u0430pple 🍏 \x00\n\u202e!", "http://x", "-".join("ab"))
    def test_names_survive(self, dataset: str, aep_conn_id: str, sandbox: str | None) -> None:
        """Every name comes back from the URI. Airflow's normalization changes nothing."""
        asset = aep_dataset(dataset, aep_conn_id=aep_conn_id, sandbox=sandbox)
        assert asset.uri == asset.name
        assert asset.uri.isascii()
        assert asset.uri.isprintable()
        assert read_uri(asset.uri) == DatasetAddress(aep_conn_id, sandbox, dataset)
        assert Asset(uri=asset.uri).uri == Asset(uri=asset.uri).normalized_uri == asset.uri
        if sandbox is not None:
            assert check_sandbox(sandbox) == sandbox

    @pytest.mark.parametrize(
        "uri",
        [
            "AEP://aep_default/-/PayPal products",
            "aep://aep_default/-/PayPal%20products/",
            "aep://aep%5fdefault/%2d/Pay%50al%20products#now",
        ],
    )
    def test_other_spellings_are_the_same_asset(self, uri: str) -> None:
        """Airflow calls the handler of the scheme when a DAG is parsed."""
        assert Asset("mine", uri).uri == aep_dataset("PayPal products").uri

    @pytest.mark.parametrize(
        "uri",
        [
            "aep://aep_default",
            "aep://aep_default/Orders",
            "aep://aep_default/-/",
            "aep://aep_default//Orders",
            "aep://aep_default/-/Orders/2026",
            "aep:///-/Orders",
            "aep:/aep_default/-/Orders",
            "aep:Orders",
            "aep://aep_default/two words/Orders",
            "aep://aep_default/-/%20",
            "aep://aep_default/-/Orders?since=1",
            "aep://aep_default/-/100%",
            "aep://aep_default/-/%FF",
            "aep://some%40body/-/Orders",
        ],
    )
    def test_an_invalid_uri_is_refused_at_parse(self, uri: str) -> None:
        """The error does not repeat the URI: someone may have written a secret before the @."""
        with pytest.raises(ValueError, match="AEP dataset") as caught:
            Asset("mine", uri)
        assert "somebody" not in str(caught.value)

    def test_an_asset_has_no_user_information(self) -> None:
        """Airflow drops it with a password, and 3.1.0 drops it always. What Airflow leaves is refused."""
        with pytest.warns(UserWarning, match="dropped"):
            assert Asset("mine", "aep://somebody:word@aep_default/-/Orders").uri == ORDERS.uri
        with pytest.raises(ValueError, match="AEP dataset") as caught:
            normalize_uri(urlsplit("aep://somebody@aep_default/-/Orders"))
        assert "somebody" not in str(caught.value)

    @pytest.mark.parametrize(
        ("given", "parameter"),
        [
            ({"dataset": ""}, "dataset"),
            ({"dataset": " Orders"}, "dataset"),
            ({"dataset": None}, "dataset"),
            ({"dataset": "{{ params.dataset }}"}, "dataset"),
            ({"dataset": "\ud800"}, "surrogates"),
            ({"sandbox": "-"}, "sandbox"),
            ({"sandbox": ""}, "sandbox"),
            ({"sandbox": "a/b"}, "sandbox"),
            ({"sandbox": "{{ params.sandbox }}"}, "sandbox"),
            ({"aep_conn_id": ""}, "aep_conn_id"),
            ({"aep_conn_id": "a@b"}, "aep_conn_id"),
            ({"aep_conn_id": "{% if a %}"}, "aep_conn_id"),
        ],
    )
    def test_an_invalid_name_is_refused(self, given: dict[str, Any], parameter: str) -> None:
        """The error names the parameter."""
        with pytest.raises(ValueError, match=parameter):
            aep_dataset(**{"dataset": "Orders", **given})

    @pytest.mark.parametrize("uri", ["Orders", "s3://aep_default/-/Orders"])
    def test_other_uris_are_not_read(self, uri: str) -> None:
        """A lineage converter gets only its own scheme; anything else is a mistake."""
        with pytest.raises(ValueError, match="aep://"):
            read_uri(uri)

    def test_options_of_airflow_stay(self) -> None:
        """Watchers, a group and an extra are Airflow's. Its collector of lineage calls with `extra=None`."""
        assert aep_dataset("Orders", group="lake", extra={"a": 1}).extra == {"a": 1}
        assert aep_dataset("Orders", extra=None) == ORDERS


def test_an_event_has_part_of_the_result_of_a_wait() -> None:
    """So consumer, watcher and XCom agree in names and forms."""
    result = Run("run-1", "flow-1", "success", Phase.GOOD).result()
    assert list(event_of(result)) == list(EVENT_KEYS)
    assert event_of(result) == {key: result[key] for key in EVENT_KEYS}


@pytest.mark.parametrize(
    ("outlet", "is_one"),
    [
        (ORDERS, True),
        (Asset.ref(name=ORDERS.name), True),
        (Asset.ref(uri=ORDERS.uri), True),
        (Asset("Orders"), False),
        (Asset("aep", "s3://aep/orders"), False),
        (Asset.ref(name="Orders"), False),
        (AssetAlias("aep://a/-/b"), False),
    ],
)
def test_aep_datasets_are_told_from_other_outlets(outlet: Any, is_one: bool) -> None:
    """Events of other assets stay as they are."""
    assert is_aep_dataset(outlet) is is_one


NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def event(minute: int, extra: Any) -> Any:
    return SimpleNamespace(timestamp=NOON + timedelta(minutes=minute), extra=extra)


def run(number: int, **more: Any) -> dict[str, Any]:
    return {**dict.fromkeys(EVENT_KEYS), "run_id": f"run-{number}", **more}


class TestNewRuns:
    """`new_runs`: what a consumer reads. On Airflow 3.1 an asset cannot be the key of a dict."""

    def test_each_run_once_and_oldest_first(self) -> None:
        """Several assets, an alias that shows an event again, events of waits and of watchers."""
        wait = event(3, run(3, records_written=7))
        events = {
            "Orders": [wait, event(5, run(4))],
            "tables": [wait],
            "Clicks": [
                event(1, {"from_trigger": True, "payload": {"runs": [run(1), run(2)]}}),
                event(4, {"from_trigger": True, "payload": {"runs": [run(2), run(3), run(5)]}}),
            ],
        }
        found = new_runs(events)
        assert [one["run_id"] for one in found] == ["run-1", "run-2", "run-3", "run-5", "run-4"]
        assert found[2] == run(3, records_written=7)

    def test_every_run_has_every_key_and_no_other(self) -> None:
        """Also of a watcher of another version."""
        (found,) = new_runs({"Orders": [event(0, {"run_id": "run-1", "more": 1})]})
        assert found == run(1)

    @pytest.mark.parametrize(
        "extra",
        [
            {},
            None,
            "run-1",
            ["run-1"],
            {"run_id": None},
            {"run_id": {"a": 1}},
            {"from_rest_api": True, "run_id": "run-2"},
            {"from_rest_api": True, "payload": {"runs": [{"run_id": "run-2"}]}},
            {"payload": "run-1"},
            {"payload": {"runs": None}},
            {"payload": {"runs": 3}},
            {"payload": {"runs": "run-1"}},
            {"payload": {"runs": [None, "run-1", {}, {"run_id": ""}]}},
        ],
    )
    def test_an_event_without_a_run_hides_no_other(self, extra: Any) -> None:
        """Any user who may create events in Airflow can give them any content. Airflow marks them."""
        assert new_runs({"Orders": [event(0, extra), event(1, run(1))]}) == [run(1)]

    def test_by_hand_there_are_none(self) -> None:
        """A DAG run that a user triggered has no events."""
        assert new_runs({}) == []


class TestOutlets:
    """`outlets` of what waits."""

    @pytest.mark.parametrize("group", [source_ingestion, paypal_ingestion])
    def test_the_waiting_task_of_a_group_has_them(self, group: Any) -> None:
        """No other task may: Airflow creates an event when a task with an outlet succeeds."""
        tables, name = AssetAlias("tables"), group.function.__name__
        with DAG(dag_id="outlets", schedule=None) as dag:
            group(connection_id="c", dataset="Orders", outlets=ORDERS)
            group.partial(connection_id="c", outlets=[tables]).expand_kwargs([{"dataset": "a"}])
        have = {task.task_id: task.outlets for task in dag.tasks if task.outlets}
        assert have == {f"{name}.wait_for_run": [ORDERS], f"{name}__1.wait_for_run": [tables]}

    def test_they_cannot_be_mapped(self) -> None:
        """Airflow reads outlets when it parses the DAG."""
        with DAG(dag_id="mapped", schedule=None), pytest.raises(TypeError, match="outlets"):
            source_ingestion.partial(connection_id="c").expand_kwargs([{"dataset": "a", "outlets": ORDERS}])

    @pytest.mark.parametrize("more", [{"wait": False}, {"stream": True, "source": "Lava", "columns": []}])
    def test_a_group_that_does_not_wait_refuses_them(self, more: dict[str, Any]) -> None:
        """An event before the data has landed would start consumers too early."""
        with DAG(dag_id="early", schedule=None), pytest.raises(ValueError, match="outlets"):
            source_ingestion(dataset="Orders", outlets=ORDERS, **more)

    @pytest.mark.parametrize(
        ("kind", "own"),
        [(RunDataflowOperator, {"flow_id": "flow-1"}), (RetryFlowRunOperator, {"run_id": "run-1"})],
    )
    def test_a_task_that_does_not_wait_refuses_them(self, kind: Any, own: dict[str, str]) -> None:
        """Other assets mean what the user wants them to mean."""
        with pytest.raises(ValueError, match="outlets"):
            kind(task_id="run", wait=False, outlets=[ORDERS], **own)
        other = Asset("started")
        assert kind(task_id="run", wait=False, outlets=[other], **own).outlets == [other]
        assert kind(task_id="run", outlets=[ORDERS], **own).outlets == [ORDERS]

    def test_they_are_documented(self) -> None:
        """With each key, once for all classes that wait."""
        _, _, words = str(WaitsForRun.__doc__).partition(":param outlets:")
        assert {key for key in EVENT_KEYS if f"``{key}``" in words} == set(EVENT_KEYS)
