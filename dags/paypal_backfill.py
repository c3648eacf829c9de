"""Ingest the rows of past days, one day at a time, by runs on demand of a dataflow without a schedule.

A DAG run that has a data interval ingests the rows of that interval. So if this DAG has a schedule, you can
use `airflow backfill create`. A DAG run triggered by hand ingests the days from `start` to `end`. If you run
the same days twice, their rows are ingested twice.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Param, task

from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator
from airflow_provider_aep.operators.dataflows import RunDataflowOperator
from airflow_provider_aep.task_groups import paypal_ingestion

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
AT_A_TIME = 2

with DAG(
    dag_id="paypal_backfill",
    dag_display_name="paypal_backfill: ingest past days, a day at a time",
    description="Ingest the rows of past days into a dataset, a day at a time",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    tags=["aep", "paypal"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "aep_conn_id": "{{ params.aep_conn_id }}",
        "sandbox": "{{ params.sandbox }}",
    },
    params={
        "start": Param(
            "2024-02-01",
            type="string",
            format="date",
            title="Start",
            description="The first day, in UTC. Used if the DAG run has no data interval.",
        ),
        "end": Param(
            "2024-02-08",
            type="string",
            format="date",
            title="End",
            description="The day after the last one.",
        ),
        "table": Param(
            "PayPal.Catalog_Products",
            type="string",
            minLength=1,
            title="Table",
            description="The table's path.",
        ),
        "dataset": Param(
            "PayPal products of past days",
            type="string",
            minLength=1,
            maxLength=230,
            title="Dataset",
            description="The dataset's name. Another dataflow may ingest other days into the same dataset.",
        ),
        "delta_column": Param(
            "Create_Time",
            type="string",
            minLength=1,
            title="Delta column",
            description="The column whose time shows to which day a row belongs.",
        ),
        "aep_conn_id": Param(
            "aep_default",
            type="string",
            minLength=1,
            title="AEP connection",
            description="The Airflow connection of type Adobe Experience Platform.",
        ),
        "paypal_conn_id": Param(
            "paypal_default",
            type="string",
            minLength=1,
            title="PayPal connection",
            description="The Airflow connection of type PayPal.",
        ),
        "sandbox": Param(
            None,
            type=["null", "string"],
            title="Sandbox",
            description="The AEP sandbox's name. Empty: the one of the AEP connection.",
        ),
    },
):
    create_connection = CreatePayPalConnectionOperator(
        task_id="create_connection", paypal_conn_id="{{ params.paypal_conn_id }}"
    )
    # Only a one-time dataflow can run on demand. Its own run, of the whole table, is put off to 2099.
    dataflow = paypal_ingestion(
        connection_id=create_connection.output,
        table="{{ params.table }}",
        dataset="{{ params.dataset }}",
        dataflow="{{ params.dataset }}, on demand",
        schedule={"frequency": "once", "start": "2099-01-01T00:00:00Z"},
        wait=False,
    )

    @task(retries=0)
    def cut_into_days(
        params: dict,
        data_interval_start: datetime | None = None,
        data_interval_end: datetime | None = None,
    ) -> list[dict[str, str]]:
        """Return the windows of the runs."""
        first, last = data_interval_start, data_interval_end
        if first is None or last is None or first == last:
            first, last = (
                datetime.fromisoformat(params[day]).replace(tzinfo=timezone.utc) for day in ("start", "end")
            )
        if last <= first:
            raise ValueError("`end` must be after the start. Correct the parameters `start` and `end`.")
        cut = []
        while first < last:
            end = min(first + DAY, last)
            cut.append({"window_start": first.isoformat(), "window_end": end.isoformat()})
            first = end
        return cut

    windows = cut_into_days()
    # Airflow counts tasks in the triggerer from 3.3 on. For earlier versions, set `deferrable=False`.
    run_day = RunDataflowOperator.partial(
        task_id="run_day",
        flow_id=dataflow,
        delta_column="{{ params.delta_column }}",
        max_active_tis_per_dag=AT_A_TIME,
    ).expand_kwargs(windows)

    @task
    def report(windows: list[dict[str, str]], results: list[dict]) -> None:
        """Log a table of the records of each day."""
        rows = [
            f"{window['window_start'][:16]} | {run['records_written']:>7} | {run['records_failed']:>6}"
            for window, run in zip(windows, results[:], strict=True)
        ]
        log.info("\n%s\n%s", "from             | written | failed", "\n".join(rows))

    report(windows, run_day.output)
