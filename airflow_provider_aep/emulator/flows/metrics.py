"""Build a run's metrics, in the shape of the monitoring tutorial."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator.flows import diagnostics
from airflow_provider_aep.emulator.flows.ingest import Outcome

SUCCESS = frozenset(("success", "completed", "partialsuccess"))
FAILURE = frozenset(("failed", "failure", "partialfailure"))
EXPORT = "/data/foundation/export"
Item = dict[str, Any]


def folded(status: str) -> str:
    """Return a status in one spelling: `PARTIAL_SUCCESS` equals `partialSuccess`."""
    return status.lower().replace("_", "").replace(" ", "").replace("-", "")


def pending(status: str, started: int | None = None) -> Item:
    """Build the metrics of a run that has not ended."""
    duration = {} if started is None else {"startedAtUTC": started}
    return {"durationSummary": duration, "statusSummary": {"status": status}}


def finished(status: str, times: tuple[int, int], outcome: Outcome, *, end: bool = True) -> Item:
    """Build the metrics of a run that has ended, from its real counts; `end`: a failed one says when."""
    failed = folded(status) in FAILURE
    completed = {"completedAtUTC": times[1]} if end or not failed else {}
    summary: Item = {"status": status, "activityRefs": ["promotionActivity"]}
    if outcome.error:
        code, message = outcome.error
        summary["errors"] = [{"code": code, "message": message}]
        refs = ["copyActivity"] if code.startswith("CONNECTOR-1001") else ["promotionActivity"]
        summary["activityRefs"] = refs
    return {
        "durationSummary": {"startedAtUTC": times[0], **completed},
        "sizeSummary": _size(outcome, failed=failed),
        "recordSummary": _records(outcome),
        "fileSummary": {
            "inputFileCount": 1 if outcome.read else 0,
            "outputFileCount": 1 if outcome.written else 0,
            "activityRefs": ["promotionActivity"],
        },
        "statusSummary": summary,
    }


def _size(outcome: Outcome, *, failed: bool) -> Item:
    """Return the sizes; -1 is unknown, as in the samples of failed runs."""
    if failed:
        return {"inputBytes": outcome.input_bytes or -1, "outputBytes": -1}
    return {"inputBytes": outcome.input_bytes, "outputBytes": outcome.output_bytes}


def _records(outcome: Outcome) -> Item:
    return {
        "inputRecordCount": outcome.read,
        "outputRecordCount": outcome.written,
        "createdRecordCount": outcome.written,
        "skippedRecordCount": outcome.skipped,
        "failedRecordCount": outcome.failed,
    }


def activities(run: Item, status: str, times: tuple[int, int | None], outcome: Outcome | None) -> list[Item]:
    """Return the activities: copying, and after its success promoting."""
    started, completed = times
    start, end = run["window"]
    window = {"windowStart": int((start or 0) * 1000), "windowEnd": int((end or started / 1000) * 1000)}
    copy: Item = {
        "id": "copyActivity",
        "updatedAtUTC": completed or started,
        "durationSummary": {"startedAtUTC": started, "extensions": window},
        "sizeSummary": {"inputBytes": -1, "outputBytes": -1},
        "recordSummary": {},
        "fileSummary": {"inputFileCount": 0, "outputFileCount": 0},
        "statusSummary": {"status": status, "extensions": {"type": "one-time"} if run["once"] else {}},
        "sourceInfo": [_info(run["source"], "SourceConnection", "AdfRunId", run["ref"])],
    }
    if completed is None or outcome is None:
        return [copy]
    middle = (started + completed) // 2
    copy["durationSummary"]["completedAtUTC"] = middle
    if outcome.error and outcome.error[0].startswith("CONNECTOR-1001"):
        copy["statusSummary"] |= {"status": "failed", "errors": [_error(outcome)]}
        copy["statusSummary"]["extensions"] |= {"errorDetail": outcome.detail, "errors": [{"code": "2200"}]}
        return [copy]
    copy["sizeSummary"] = {"inputBytes": outcome.input_bytes, "outputBytes": outcome.input_bytes}
    copy["fileSummary"] = {"inputFileCount": 1, "outputFileCount": 1}
    copy["statusSummary"]["status"] = "success"
    promotion: Item = {
        "id": "promotionActivity",
        "updatedAtUTC": completed,
        "durationSummary": {"startedAtUTC": middle, "completedAtUTC": completed},
        "sizeSummary": _size(outcome, failed=folded(status) in FAILURE),
        "recordSummary": _records(outcome),
        "fileSummary": {
            "inputFileCount": 1,
            "outputFileCount": 1 if outcome.written else 0,
            "extensions": {"manifest": {"fileInfo": _meta(run, "input_files")}},
        },
        "statusSummary": {"status": status, "extensions": _extensions(run, outcome)},
        "targetInfo": [_info(run["target"], "TargetConnection", "Batch", run["batch"])],
    }
    if outcome.error:
        promotion["statusSummary"]["errors"] = [_error(outcome)]
    return [copy, promotion]


def _extensions(run: Item, outcome: Outcome) -> Item:
    """Return the errors, and with diagnostics where the failed records are."""
    enabled = run.get("diagnostics", False)
    found = diagnostics.errors(outcome.rejected, outcome.failed, outcome.written, diagnostics=enabled)
    found = [*outcome.files, *found]
    if not enabled or not outcome.failed:
        return {"errors": found} if found else {}
    manifest = {
        "failedRecords": _meta(run, "row_errors"),
        "sampleErrors": _meta(run, "row_error_samples.json"),
    }
    return {"manifest": manifest, "errors": found}


def _meta(run: Item, path: str) -> str:
    """Return the address of a batch's meta files, which `shown` completes."""
    return f"{EXPORT}/batches/{run['batch']}/meta?path={path}"


def shown(run: Item, origin: str) -> Item:
    """Return a run with complete addresses in its manifests."""
    return {**run, "activities": complete(run["activities"], origin)}


def complete(node: Any, origin: str, name: str = "") -> Any:
    """Return a value with complete addresses in all manifests that it holds."""
    if isinstance(node, dict):
        return {key: complete(part, origin, key) for key, part in node.items()}
    if isinstance(node, list):
        return [complete(part, origin) for part in node]
    manifest = name in ("fileInfo", "failedRecords", "sampleErrors")
    return origin + node if manifest and isinstance(node, str) and node.startswith(EXPORT) else node


def _error(outcome: Outcome) -> Item:
    assert outcome.error is not None
    return {"code": outcome.error[0], "message": outcome.error[1]}


def _info(connection: str, kind: str, reference: str, ids: str) -> Item:
    return {"id": connection, "type": kind, "reference": {"type": reference, "ids": [ids]}}
