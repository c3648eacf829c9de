"""The example DAGs: cheap to parse, with the tasks and parameters that the documents name."""

from __future__ import annotations

import runpy
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.exceptions import ParamValidationError

from airflow_provider_aep._compat import AirflowSkipException
from airflow_provider_aep.flow_service.sources import find_source
from airflow_provider_aep.hooks.connection_line import connection_line

ROW = {"source": "paypal", "source_conn_id": "paypal_default", "name": "PayPal connection"}
FILES = sorted((Path(__file__).parents[2] / "dags").glob("*.py"))
GROUP = (
    "inspect_table",
    "create_schema",
    "create_dataset",
    "create_source_connection",
    "create_target_connection",
    "create_mapping_set",
    "create_dataflow",
)
WAITING = (*GROUP, "wait_for_run")
TASKS = {
    "paypal_connection": {
        "create_connection",
        "test_connection",
        "list_tables",
        "inspect_table",
        "summary",
    },
    "paypal_ingestion": {
        "create_connection",
        "list_tables",
        *(f"paypal_ingestion.{task}" for task in WAITING),
        "report",
    },
    "payments_templates": {
        "create_connection",
        *(f"{group}.{task}" for group in ("products", "plans", "payments") for task in WAITING),
        "report",
    },
    "paypal_backfill": {
        "create_connection",
        *(f"paypal_ingestion.{task}" for task in GROUP),
        "cut_into_days",
        "run_day",
        "report",
    },
    "many_sources": {"list_sources", "create_connection", "test_connection", "summary"},
    "watch_dataflows": {
        "find_trouble",
        "choose",
        "all_is_well",
        "list_runs",
        "save_failed_records",
        "send_message",
        "list_failed",
        "ask.approve",
        "ask.approved",
        "ask.disable",
    },
    "on_data_landed": {"list_runs", "process"},
    "on_foreign_flow": {"list_runs", "process"},
    "payments_to_square": {
        "find_dataflow",
        "map_columns",
        "create_connection",
        "test_connection",
        *(f"square_ingestion.{task}" for task in GROUP),
        "disable_paypal",
        "wait_for_run",
        "report",
    },
}


def parsed(name: str) -> Any:
    """The DAG of a file."""
    from airflow.sdk import DAG, BaseOperator
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    (file,) = (file for file in FILES if file.stem == name)
    for one in runpy.run_path(str(file)).values():
        if isinstance(one, DAG):
            return one
        if isinstance(one, BaseOperator | MappedOperator):
            return one.dag
    raise AssertionError(f"{file} has no DAG")


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_each_file_is_a_dag_of_its_name(name: str) -> None:
    """Each DAG has the tasks that documents and demos name, and parameters with a description."""
    dag = parsed(name)
    assert dag.dag_id == name
    assert set(dag.task_ids) == TASKS[name]
    for param in (dag.params.get_param(key) for key in dag.params):
        assert {"type", "title"} <= set(param.schema)
        assert param.description


def test_airflows_list_says_what_each_is_and_where_to_start() -> None:
    """The list shows names and tags, a description only under the pointer. The page has the same words."""
    dags = [parsed(file.stem) for file in FILES]
    page = (Path(__file__).parents[2] / "docs" / "examples.md").read_text("utf-8")
    for dag in dags:
        name, _, what = dag.dag_display_name.partition(": ")
        assert name == dag.dag_id
        assert len(what) > 10
        assert dag.doc_md
        assert f"| [`{name}`](../dags/{name}.py) | {dag.description} |" in page
    (first,) = [dag for dag in dags if "start-here" in dag.tags]
    assert first.dag_id == "paypal_connection"
    assert first.dag_display_name.endswith("(start here)")


def test_the_ingestion_lists_the_tables_first_and_reports_last() -> None:
    """The order of the tasks is: connection, tables, ingestion, wait, report."""
    dag = parsed("paypal_ingestion")
    assert "list_tables" in dag.get_task("paypal_ingestion.inspect_table").upstream_task_ids
    assert dag.get_task("report").upstream_task_ids == {"paypal_ingestion.wait_for_run"}


@pytest.mark.parametrize("given", [{}, {"schedule": {"frequency": "hour", "interval": 6}}])
def test_the_schedule_stays_a_dict(given: dict[str, Any]) -> None:
    """Jinja would make a text of it, which the operator refuses."""
    schedule = parsed("paypal_ingestion").get_task("paypal_ingestion.create_dataflow").schedule
    context: Any = {"dag_run": SimpleNamespace(conf=given), "params": {}}
    assert schedule.resolve(context) == given.get("schedule", {"frequency": "day", "interval": 1})


def test_the_template_fills_three_datasets() -> None:
    """From three tables, each with its own delta column."""
    dag = parsed("payments_templates")
    flows = [dag.get_task(f"{group}.create_dataflow") for group in ("products", "plans", "payments")]
    sources = [
        dag.get_task(f"{group}.create_source_connection") for group in ("products", "plans", "payments")
    ]
    assert len({flow.name for flow in flows}) == 3
    assert len({source.table for source in sources}) == 3
    assert all(flow.delta_column for flow in flows)


def test_the_template_tells_who_waits_for_its_data() -> None:
    """A wait of `payments_templates` starts `on_data_landed`, and shows it the runs."""
    template, consumer = parsed("payments_templates"), parsed("on_data_landed")
    waits = [template.get_task(f"{group}.wait_for_run") for group in ("products", "plans", "payments")]
    filled = {outlet.uri for wait in waits for outlet in wait.outlets}
    named = {asset.uri for asset in consumer.schedule.objects}
    assert len(filled) == 3
    assert named < filled
    extra = {"run_id": "run-1", "records_written": 3}
    event = SimpleNamespace(timestamp=pendulum.now(), extra=extra)
    (run,) = consumer.get_task("list_runs").python_callable({"PayPal catalogue": [event]})
    assert (run["run_id"], run["records_written"], run["window_start"]) == ("run-1", 3, None)


class TestBackfill:
    """`paypal_backfill`."""

    def windows(self, **given: Any) -> list[tuple[str, str]]:
        """Return the windows that the DAG would run, as days."""
        cut = parsed("paypal_backfill").get_task("cut_into_days").python_callable
        return [
            (one["window_start"], one["window_end"])
            for one in cut({"start": "2026-02-27", "end": "2026-03-02"}, **given)
        ]

    def test_by_hand_the_parameters_count(self) -> None:
        """A window a day, each beginning where the last one ended; the end is not in it."""
        midnight = "T00:00:00+00:00"
        days = [f"{day}{midnight}" for day in ("2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02")]
        assert self.windows() == list(pairwise(days))

    def test_a_zero_length_interval_is_ignored(self) -> None:
        """Airflow gives a manual run of a DAG without schedule a zero-length data interval."""
        now = pendulum.datetime(2026, 5, 1)
        assert len(self.windows(data_interval_start=now, data_interval_end=now)) == 3

    def test_the_data_interval_goes_first(self) -> None:
        """So `airflow backfill create` works; what is left of the last day is a window too."""
        start = pendulum.datetime(2026, 5, 1, 6)  # what Airflow gives
        windows = self.windows(data_interval_start=start, data_interval_end=start.add(hours=30))
        assert windows == [
            ("2026-05-01T06:00:00+00:00", "2026-05-02T06:00:00+00:00"),
            ("2026-05-02T06:00:00+00:00", "2026-05-02T12:00:00+00:00"),
        ]

    def test_days_the_wrong_way_round_are_refused(self) -> None:
        """Without windows the run would do nothing and succeed."""
        cut = parsed("paypal_backfill").get_task("cut_into_days").python_callable
        with pytest.raises(ValueError, match="after the start"):
            cut({"start": "2026-03-02", "end": "2026-03-02"})

    def test_few_at_a_time_of_a_dataflow_that_runs_no_other_way(self) -> None:
        """Its own run would ingest the whole table, and the windows would ingest the same rows again."""
        dag = parsed("paypal_backfill")
        assert dag.get_task("run_day").partial_kwargs["max_active_tis_per_dag"] == 2
        flow = dag.get_task("paypal_ingestion.create_dataflow")
        assert flow.schedule == {"frequency": "once", "start": "2099-01-01T00:00:00Z"}
        assert flow.name != dag.get_task("paypal_ingestion.create_dataset").name


class TestManySources:
    """`many_sources`."""

    def test_its_doc_has_the_connections_that_it_needs(self) -> None:
        """To the letter as `sources NAME` prints them, under the ids that its list names."""
        dag = parsed("many_sources")
        for row in dag.params["sources"]:
            source = find_source(row["source"])
            line = connection_line(source, source.auth[0])
            assert line in dag.doc_md.splitlines()
            assert f" {row['source_conn_id']} " in line

    @pytest.mark.parametrize(
        "wrong",
        [[], [{"source": "paypal", "name": "P"}], [{**ROW, "password": "p"}], [{**ROW, "name": ""}]],
        ids=["empty", "without a connection", "with something else", "without a name"],
    )
    def test_the_form_refuses_what_is_no_list_of_sources(self, wrong: list[dict[str, str]]) -> None:
        """Before a run begins: a secret must not be stored among its parameters."""
        param = parsed("many_sources").params.get_param("sources")
        assert param.resolve([ROW]) == [ROW]
        with pytest.raises(ParamValidationError):
            param.resolve(wrong)

    def test_one_failure_stops_no_other(self) -> None:
        """Each created connection is tested, and each test is reported, however the other tasks end."""
        dag = parsed("many_sources")
        assert dag.get_task("test_connection").partial_kwargs["trigger_rule"] == "all_done"
        assert dag.get_task("summary").trigger_rule == "all_done"

    def test_the_summary_says_which_got_which(self, caplog: pytest.LogCaptureFixture) -> None:
        """Tests are numbered by the connections that there are, not by the list; a failure fails the run."""
        returned = {
            "create_connection": {0: "id-a", 2: "id-c", 3: "id-d"},
            "test_connection": {0: True, 2: True},
        }

        def xcom_pull(task_ids: str, map_indexes: range) -> list[Any]:
            return [returned[task_ids].get(index) for index in map_indexes]

        summary = parsed("many_sources").get_task("summary").python_callable
        params = {"sources": [{**ROW, "source": name} for name in "abcd"]}
        with caplog.at_level("INFO"), pytest.raises(RuntimeError, match="2 of 4"):
            summary(params, SimpleNamespace(xcom_pull=xcom_pull))
        rows = [[cell.strip() for cell in line.split("|")][:3] for line in caplog.text.splitlines()]
        assert rows[-4:] == [
            ["a", "id-a", "works"],
            ["b", "", "not made"],
            ["c", "id-c", "does not work"],
            ["d", "id-d", "works"],
        ]


class TestWatchDataflows:
    """`watch_dataflows`."""

    TROUBLE = (
        {"id": "f1", "name": "Orders", "health": "failed", "url": "https://x/1",
         "last_run": {"id": "r1", "records_failed": None}},
        {"id": "f2", "name": None, "health": "failed", "url": "https://x/2", "last_run": None},
        {"id": "f3", "name": "Clicks", "health": "partial", "url": "https://x/3",
         "last_run": {"id": "r3", "records_failed": 7}},
    )  # fmt: skip

    def call(self, task: str, *given: Any) -> Any:
        """Call the function of a task."""
        return parsed("watch_dataflows").get_task(task).python_callable(*given)

    def test_the_branch_is_chosen_by_the_trouble(self) -> None:
        """Without trouble, one task says so."""
        assert self.call("choose", []) == "all_is_well"
        assert set(self.call("choose", self.TROUBLE)) == {"list_runs", "list_failed", "send_message"}

    def test_each_run_has_its_file(self) -> None:
        """A dataflow without a run has nothing to save."""
        files = self.call("list_runs", self.TROUBLE, {"folder": "s3://bucket/failed/"})
        assert files == [{"run_id": own, "path": f"s3://bucket/failed/{own}.jsonl"} for own in ("r1", "r3")]

    def test_only_what_failed_may_be_disabled(self) -> None:
        """A question names its dataflow."""
        questions = self.call("list_failed", self.TROUBLE)
        assert [one["flow_id"] for one in questions] == ["f1", "f2"]
        assert ["Orders" in questions[0]["subject"], "f2" in questions[1]["subject"]] == [True, True]

    def test_nothing_is_disabled_without_an_approval(self) -> None:
        """Also if the answer is empty."""
        assert self.call("ask.approved", {"chosen_options": ["Approve"]}, "f1") == "f1"
        for chosen in (["Reject"], []):
            with pytest.raises(AirflowSkipException):
                self.call("ask.approved", {"chosen_options": chosen}, "f1")
        disable = parsed("watch_dataflows").get_task("ask.disable")
        assert (disable.upstream_task_ids, disable.trigger_rule) == ({"ask.approved"}, "all_success")

    @pytest.mark.parametrize("saved", [None, [{"run_id": "r3", "records": 6, "path": "s3://b/r3.jsonl"}]])
    def test_the_message_says_what_is_known(self, caplog: pytest.LogCaptureFixture, saved: Any) -> None:
        """An unknown number is not 0. A file that could not be saved is not named."""
        with caplog.at_level("WARNING"):
            message = parsed("watch_dataflows").get_task("send_message")
            message.python_callable.__globals__["get_current_context"] = dict
            message.python_callable(list(self.TROUBLE), saved)
            message.python_callable(None, None)
        file = ", 6 are in s3://b/r3.jsonl" if saved else ""
        assert f"- Clicks (partial): 7 records failed{file}. https://x/3" in caplog.text
        assert "- Orders (failed): an unknown number of records failed. https://x/1" in caplog.text
        assert "The dataflows could not be read." in caplog.text


class TestPaymentsToSquare:
    """`payments_to_square`."""

    def test_paypal_stops_when_square_is_ready_and_not_before(self) -> None:
        """If Square's tasks fail, PayPal's dataflow keeps running. The two never run at the same time."""
        dag = parsed("payments_to_square")
        before = dag.get_task("disable_paypal").get_flat_relative_ids(upstream=True)
        assert before == set(dag.task_ids) - {
            "disable_paypal", "square_ingestion.create_dataflow", "wait_for_run", "report",
        }  # fmt: skip
        assert "disable_paypal" in dag.get_task("square_ingestion.create_dataflow").upstream_task_ids

    def test_the_dataset_stays(self) -> None:
        """Square's dataflow has a name of its own; all that it fills has PayPal's."""
        dag = parsed("payments_to_square")
        paypal = parsed("payments_templates").get_task("payments.create_dataset").name
        assert dag.params["dataset"] == dag.params["paypal_dataflow"] == paypal
        names = {name: getattr(dag.get_task(f"square_ingestion.{name}"), "name", None) for name in GROUP}
        assert names.pop("create_dataflow") == "{{ params.dataset }}, from Square"
        assert set(names.values()) == {"{{ params.dataset }}", None}
