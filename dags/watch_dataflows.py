"""Watch all dataflows of a sandbox every morning: save failed records, send a message, disable on approval.

1. Find the dataflows whose last run failed or lost records. AEP is asked for all dataflows together.
2. Save the failed records of each run to object storage. **They are personal data**: choose a private folder.
3. Send one message about all of them, with any notifier of Airflow. This one writes to the task's log.
   Return your own from `notifier`, such as `SlackNotifier` or `SmtpNotifier`.
4. Ask for each failed dataflow whether to disable it. *Approve* or *Reject* under *Required Actions* in
   Airflow's UI. Without an answer the dataflow stays enabled, and the DAG run ends after 23 hours.

AEP shows failed records only of dataflows with error diagnostics: `error_diagnostics=True`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, BaseNotifier, Param, get_current_context, task, task_group

try:
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowSkipException

from airflow_provider_aep.operators.dataflows import DisableDataflowOperator
from airflow_provider_aep.operators.diagnostics import FetchFailedRecordsOperator

log = logging.getLogger(__name__)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()


class LogNotifier(BaseNotifier):
    """Write a message to the task's log."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        """Write the message."""
        log.warning("%s", self.text)


def notifier(text: str) -> BaseNotifier:
    """Return the notifier of the message. Return your own, such as `SlackNotifier(text=text, ...)`."""
    return LogNotifier(text)


def lines(trouble: list[dict[str, Any]], files: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each dataflow: its health, how many records failed, and their file."""
    for row in trouble:
        run = row["last_run"] or {}
        failed = run.get("records_failed")
        file = files.get(run.get("id"), {})
        saved = f", {file['records']} are in {file['path']}" if file.get("records") else ""
        counted = "an unknown number of" if failed is None else failed
        yield f"- {row['name']} ({row['health']}): {counted} records failed{saved}. {row['url']}"


with DAG(
    dag_id="watch_dataflows",
    dag_display_name="watch_dataflows: report and disable what fails",
    description="Find the dataflows that failed or lost records, save the records, and disable on approval",
    doc_md=__doc__,
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    dagrun_timeout=timedelta(hours=23),
    tags=["aep"],
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "aep_conn_id": "{{ params.aep_conn_id }}",
        "sandbox": "{{ params.sandbox }}",
    },
    params={
        "folder": Param(
            f"file://{HOME}/failed_records",
            type="string",
            minLength=1,
            title="Folder",
            description="Where failed records are saved: a path of object storage, such as "
            "s3://aws_default@bucket/failed_records. The records are personal data.",
        ),
        "aep_conn_id": Param(
            "aep_default",
            type="string",
            minLength=1,
            title="AEP connection",
            description="The Airflow connection of type Adobe Experience Platform.",
        ),
        "sandbox": Param(
            None,
            type=["null", "string"],
            title="Sandbox",
            description="The AEP sandbox's name. Empty: the one of the AEP connection.",
        ),
    },
):

    @task
    def find_trouble(params: dict) -> list[dict[str, Any]]:
        """Return the dataflows whose last run that ended failed or lost records, worst first."""
        from airflow_provider_aep.hooks.flow_service import FlowServiceHook
        from airflow_provider_aep.operations.fleet import collect

        fleet = collect(FlowServiceHook(params["aep_conn_id"], params["sandbox"]))
        for note in fleet.notes:
            log.warning("%s", note)
        rows = [row.as_dict() for row in fleet.rows]
        return [row for row in rows if row["health"] in ("failed", "partial")]

    @task.branch
    def choose(trouble: list[dict[str, Any]]) -> list[str] | str:
        """Go on only if there is trouble."""
        return ["list_runs", "list_failed", "send_message"] if trouble else "all_is_well"

    @task
    def all_is_well() -> None:
        """Say so in the log."""
        log.info("No dataflow failed or lost records.")

    @task
    def list_runs(trouble: list[dict[str, Any]], params: dict) -> list[dict[str, str]]:
        """Return the runs whose records are saved, and the file of each."""
        ids = [row["last_run"]["id"] for row in trouble if row["last_run"]]
        return [{"run_id": own, "path": f"{params['folder'].rstrip('/')}/{own}.jsonl"} for own in ids]

    @task
    def list_failed(trouble: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Return a question for each dataflow that failed. One that lost records is not disabled."""
        return [
            {
                "flow_id": row["id"],
                "subject": f"Disable the dataflow {row['name'] or row['id']}?",
                "body": f"Its last run failed. See {row['url']}",
            }
            for row in trouble
            if row["health"] == "failed"
        ]

    @task(trigger_rule="all_done")
    def send_message(trouble: list[dict[str, Any]] | None, saved: Any) -> None:
        """Send one message about all dataflows, also if a file could not be saved."""
        if trouble is None:
            text = "The dataflows could not be read. See the log of the task find_trouble."
        else:
            files = {one["run_id"]: one for one in saved or []}
            text = "\n".join([f"{len(trouble)} dataflows failed or lost records:", *lines(trouble, files)])
        notifier(text).notify(get_current_context())

    @task
    def approved(answer: dict[str, Any], flow_id: str) -> str:
        """Return the dataflow's id, or skip the task and the next one.

        `ApprovalOperator` skips the next task itself, but not inside a mapped task group of Airflow 3.3.
        """
        if answer["chosen_options"] != [ApprovalOperator.APPROVE]:
            raise AirflowSkipException("The dataflow stays enabled.")
        return flow_id

    @task_group
    def ask(flow_id: str, subject: str, body: str) -> None:
        """Disable a dataflow if somebody approves."""
        approve: Any = ApprovalOperator(task_id="approve", subject=subject, body=body)
        DisableDataflowOperator(task_id="disable", flow_id=approved(approve.output, flow_id))

    trouble = find_trouble()
    runs, failed = list_runs(trouble), list_failed(trouble)
    save = FetchFailedRecordsOperator.partial(
        task_id="save_failed_records", max_active_tis_per_dag=4
    ).expand_kwargs(runs)
    choose(trouble) >> [runs, failed, all_is_well(), send_message(trouble, save.output)]
    ask.expand_kwargs(failed)
