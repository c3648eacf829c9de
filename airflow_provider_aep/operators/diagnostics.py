"""Fetch the failed records of a flow run into object storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepRunLink
from airflow_provider_aep.operators.base import AepOperator, none_if_blank, push_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_aep.operations.diagnosis import FailedRecords


class FetchFailedRecordsOperator(AepOperator):
    """Write the failed records of a flow run as JSON Lines to object storage.

    The file is written whole or not at all, and a retry writes it once more. Each line is ``{"errors":
    [{"code", "message", "column"}], "record": {...}, "batch_id", "file"}``. **The records are personal
    data.** They are in the file only: not in the log and not in XCom. A local file has the mode 0600.

    Without a failed record the task succeeds, and there is no file: a file of an earlier try or run under
    the same path is deleted. AEP shows failed records for 30 days, and only if the dataflow has error
    diagnostics (``error_diagnostics=True``). If a part cannot be read, ``complete`` is False and the log says
    why. If a retry can help, the task fails for a retry first, and writes the rest at its last try. If no
    record can be read, an existing file stays.

    Adobe: guide on error diagnostics, Data Access OpenAPI.

    :param run_id: the run's id, or a dict that has it as ``run_id``, such as the result of a wait
    :param path: a path of any file system that Airflow knows: ``file://``, ``s3://``, ``gs://``, ``abfs://``,
        with the Airflow connection before ``@``: ``s3://aws_default@bucket/key.jsonl``
    :param limit: the largest number of records; None for all
    :return: ``{"run_id", "path", "records", "by_code", "complete"}``. ``by_code`` counts the records by error
        code. A record with several codes counts for each
    """

    template_fields: Sequence[str] = ("run_id", "path", "limit", "aep_conn_id", "sandbox")
    operator_extra_links = (AepRunLink(),)

    def __init__(
        self,
        *,
        run_id: str | dict[str, Any],
        path: str | ObjectStoragePath,
        limit: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.path = path
        self.limit = limit

    def act(self, context: Any) -> dict[str, Any]:
        """Read the records one after the other, and publish the file at the end."""
        from airflow_provider_aep.flow_service.validation import check_count, check_id
        from airflow_provider_aep.operations.diagnosis import FailedRecords, diagnosis_of
        from airflow_provider_aep.operations.saving import save_to

        given = self.run_id.get("run_id") if isinstance(self.run_id, dict) else self.run_id
        run_id, path = check_id(given, "run_id"), self._target()
        limit = none_if_blank(self.limit)
        most = None if limit is None else check_count(limit, "limit")
        diagnosis = diagnosis_of(self.hook.get_run(run_id), self.hook.scrub)
        if diagnosis.run.flow_id:
            push_link(
                self, context, AepRunLink.xcom_key, self.hook.link("run", run_id, diagnosis.run.flow_id)
            )
        records = FailedRecords(self.hook, diagnosis, most=most)
        count = save_to(self._retried(records, context), path)
        if not count and records.complete and path.exists():
            path.unlink()
            self.log.info("No record failed. Deleted the older file %s.", path)
        self.log.info("Run %s: %d failed records are in %s.", run_id, count, path if count else "no file")
        for problem in records.problems:
            self.log.warning("%s", problem)
        return {
            "run_id": run_id,
            "path": str(self.path),
            "records": count,
            "by_code": dict(records.by_code.most_common()),
            "complete": records.complete,
        }

    def _target(self) -> ObjectStoragePath:
        """Return the path.

        :raises AepConfigError: it is invalid or names a folder, or its file system is not installed
        """
        from airflow.sdk import ObjectStoragePath

        from airflow_provider_aep.flow_service.errors import AepConfigError

        text = str(self.path).strip()
        if text in ("", "None") or text.endswith("/"):
            raise AepConfigError(
                f"`path` is {text!r:.200}. Give the path of a file, such as s3://bucket/failed.jsonl.",
                parameter="path",
            )
        try:
            path = self.path if isinstance(self.path, ObjectStoragePath) else ObjectStoragePath(text)
            path.fs  # noqa: B018 - the property imports the file system
        except (ValueError, ImportError):
            raise AepConfigError(
                f"`path` is {text!r:.200}, and Airflow has no file system for its scheme here. Install the "
                "provider of this storage on the workers, with its extra for object storage, such as "
                "apache-airflow-providers-amazon[s3fs].",
                parameter="path",
            ) from None
        return path

    def _retried(self, records: FailedRecords, context: Any) -> Any:
        """Yield the records. At the end, fail for a retry if it can read what could not be read."""
        yield from records
        ti = context.get("ti")
        tries, most = getattr(ti, "try_number", None), getattr(ti, "max_tries", None)
        if records.failure is not None and isinstance(tries, int) and isinstance(most, int) and tries <= most:
            raise records.failure
