"""The evaluation of a run that ended, and its error messages."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError, RunFailedError, RunPartialError
from airflow_provider_aep.flow_service.run_evaluation import (
    FailureThresholds,
    judge,
    loss,
    outcome,
    read_thresholds,
)
from airflow_provider_aep.flow_service.runs import Phase, Problem, Run, read_run
from airflow_provider_aep.hooks.scrub import Secrets

ADVICE = "Repair what the run names. Then run it again with `RetryFlowRunOperator`, or clear its task."


def item(status: str, **parts: Any) -> dict[str, Any]:
    """Return a run that ended, as Flow Service shows it."""
    metrics = {"statusSummary": {"status": status}, **parts}
    return {"id": "run-1", "flowId": "flow-1", "metrics": metrics, "activities": []}


@pytest.mark.parametrize(
    ("status", "failed", "limits", "kind"),
    [
        ("success", 0, FailureThresholds(), None),
        ("success", 1, FailureThresholds(), RunPartialError),
        ("success", 1, FailureThresholds(fail_on_partial=False), None),
        ("success", 1, FailureThresholds(max_failed_records=1), None),
        ("success", 2, FailureThresholds(max_failed_records=1), RunPartialError),
        ("success", 1, FailureThresholds(max_failed_ratio=0.01), None),
        ("success", 2, FailureThresholds(max_failed_ratio=0.01), RunPartialError),
        ("success", 2, FailureThresholds(max_failed_records=5, max_failed_ratio=0.01), RunPartialError),
        ("success", -1, FailureThresholds(max_failed_records=0), None),
        ("partialSuccess", 1, FailureThresholds(), RunPartialError),
        ("partialSuccess", 1, FailureThresholds(max_failed_records=9), None),
        ("partialSuccess", 10, FailureThresholds(max_failed_records=9), RunPartialError),
        ("partialSuccess", 1, FailureThresholds(max_failed_ratio=0.01), None),
        ("partialSuccess", 2, FailureThresholds(max_failed_ratio=0.01), RunPartialError),
        (
            "partialSuccess",
            2,
            FailureThresholds(max_failed_ratio=0.01, fail_on_partial=False),
            RunPartialError,
        ),
        ("partialSuccess", -1, FailureThresholds(max_failed_ratio=0.01), RunPartialError),
        ("partialSuccess", 1, FailureThresholds(fail_on_partial=False), None),
        ("partialFailure", 1, FailureThresholds(1, None, False), None),
        ("partialFailure", 2, FailureThresholds(1, None, False), RunPartialError),
        ("partialSuccess", -1, FailureThresholds(1, None, False), RunPartialError),
        ("failed", 0, FailureThresholds(999, 1.0, False), RunFailedError),
    ],
)
def test_the_verdict(status: str, failed: int, limits: FailureThresholds, kind: type | None) -> None:
    """AEP's success can carry failed records; the limits say how many are fine. A failed run never is."""
    records = {"inputRecordCount": 100, "outputRecordCount": 90, "failedRecordCount": failed}
    error = judge(read_run(item(status, recordSummary=records)), limits)
    assert (error is None) if kind is None else type(error) is kind


@pytest.mark.parametrize(
    ("status", "failed", "thresholds", "reason"),
    [
        (
            "partialSuccess",
            2,
            FailureThresholds(),
            (
                "succeeded only in part. To allow failed records, set `max_failed_records` or "
                "`max_failed_ratio`, or `fail_on_partial=False`."
            ),
        ),
        (
            "success",
            2,
            FailureThresholds(),
            (
                "has the status success, but 2 records failed. To allow failed records, set "
                "`max_failed_records` or `max_failed_ratio`."
            ),
        ),
        (
            "partialSuccess",
            -1,
            FailureThresholds(1),
            "succeeded only in part, and the number of failed records is unknown.",
        ),
        (
            "success",
            2,
            FailureThresholds(1),
            "ended with 2 failed records, more than `max_failed_records`=1.",
        ),
        (
            "success",
            2,
            FailureThresholds(None, 0.005),
            "ended with 2.00% of its records failed, more than `max_failed_ratio`=0.005.",
        ),
    ],
)
def test_a_reason_names_the_threshold(
    status: str, failed: int, thresholds: FailureThresholds, reason: str
) -> None:
    """The error says which parameter decided, or which parameters would allow the failed records."""
    records = {"inputRecordCount": 100, "failedRecordCount": failed}
    error = judge(read_run(item(status, recordSummary=records)), thresholds)
    assert error is not None
    assert error.message.startswith(f"Run run-1 of dataflow flow-1 {reason} ")


def test_a_ratio_without_a_number_of_records_read() -> None:
    """It is taken of what is known."""
    records = {"outputRecordCount": 98, "failedRecordCount": 2}
    error = judge(read_run(item("success", recordSummary=records)), FailureThresholds(max_failed_ratio=0.019))
    assert "2.00%" in str(error)


@pytest.mark.parametrize(
    ("records", "share"),
    [
        ({"outputRecordCount": 60, "skippedRecordCount": 30, "failedRecordCount": 10}, "10.00%"),
        ({"skippedRecordCount": 30, "failedRecordCount": 10}, "25.00%"),
        ({"failedRecordCount": 1}, "100.00%"),
        ({"inputRecordCount": 2, "failedRecordCount": 5}, "100.00%"),
        ({"inputRecordCount": 2, "failedRecordCount": 1}, "50.00%"),
        ({"inputRecordCount": 0, "failedRecordCount": 0}, None),
    ],
)
def test_the_share_of_what_failed(records: dict[str, int], share: str | None) -> None:
    """The share of the records read, else of all known records. It is at most 1, and 0 without records."""
    error = judge(read_run(item("success", recordSummary=records)), FailureThresholds(max_failed_ratio=0.0))
    assert (share in str(error)) if share else error is None


def test_a_quoted_connection_string_is_scrubbed() -> None:
    """A task that waits does not know the source's secrets, and the connector quotes them."""
    one = item("failed")
    message = "Login failed: Server=h;UID=kanary-user;Password=kanary-pass"
    one["metrics"]["statusSummary"]["errors"] = [{"code": "CONNECTOR-1001-500", "message": message}]
    error = judge(read_run(one), FailureThresholds(), scrub=Secrets().scrub)
    assert "Login failed: Server=h;UID=***;Password=***" in str(error)


def test_the_sentence_of_a_failed_run() -> None:
    """Connector's error, inner code, ErrorCode, counts, command and link. No retry can help."""
    one = item("failed", recordSummary={"inputRecordCount": 5, "failedRecordCount": 5})
    one["metrics"]["statusSummary"]["errors"] = [
        {"code": "CONNECTOR-1001-500", "message": "Error in copying\nthe data from hunter2"}
    ]
    extensions = {
        "errors": [{"code": "2200"}, {"code": "2200"}],
        "errorDetail": "ErrorCode=SftpNetworkIssue,'Type=Microsoft.DataTransfer.Common",
    }
    one["activities"] = [{"statusSummary": {"extensions": extensions}}]
    error = judge(
        read_run(one),
        FailureThresholds(),
        more="`airflow aep failures run-1` shows more. https://experience.adobe.com/x",
        scrub=lambda t: t.replace("hunter2", "***"),
    )
    assert isinstance(error, RunFailedError)
    assert str(error) == (
        "Run run-1 of dataflow flow-1 failed. CONNECTOR-1001-500 (records: unknown): The source could not be "
        "read: Error in copying the data from ***. Check its credentials, that it is reachable and that the "
        "source object still exists. 2200 (records: unknown). ErrorCode=SftpNetworkIssue. "
        "Records: 5 read, unknown written, 5 failed, 0 skipped. "
        "`airflow aep failures run-1` shows more. https://experience.adobe.com/x [AEP-E401]"
    )
    assert (error.code, error.run_id, error.retryable) == ("CONNECTOR-1001-500", "run-1", False)
    assert error.result is not None
    assert error.result["status"] == "failed"


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ((-1, None, True), "max_failed_records"),
        (("many", None, True), "max_failed_records"),
        ((None, 1.5, True), "max_failed_ratio"),
        ((None, True, True), "max_failed_ratio"),
        ((None, float("nan"), True), "max_failed_ratio"),
        ((None, "x", True), "max_failed_ratio"),
        ((None, -0.1, True), "max_failed_ratio"),
        ((None, None, "perhaps"), "fail_on_partial"),
    ],
)
def test_limits_that_are_none(given: tuple[object, object, object], parameter: str) -> None:
    """Refused by name before anything is sent."""
    with pytest.raises(AepConfigError, match=rf"^`{parameter}` must be") as caught:
        read_thresholds(*given)
    assert caught.value.parameter == parameter


def test_limits_as_jinja_renders_them() -> None:
    """Everything arrives as text."""
    assert read_thresholds("3", "0.5", "False") == FailureThresholds(3, 0.5, False)
    assert read_thresholds("None", "", True) == FailureThresholds()
    assert read_thresholds(" None ", None, " TRUE ") == FailureThresholds()
    assert read_thresholds(0, 0, False) == FailureThresholds(0, 0.0, False)
    assert read_thresholds(None, "1", True) == FailureThresholds(None, 1.0, True)


def test_an_error_behind_the_connectors_is_named_where_there_is_no_other() -> None:
    """A foreign code is truncated."""
    one = item("failed", recordSummary={"inputRecordCount": 1})
    one["activities"] = [{"statusSummary": {"extensions": {"errors": [{"code": "c" * 70}]}}}]
    error = judge(read_run(one), FailureThresholds())
    assert error is not None
    assert error.code == "c" * 60
    assert f"failed. {'c' * 60} (records: unknown). {ADVICE} " in error.message
    assert error.retryable is False


def said(run: Run, **options: Any) -> str:
    """The verdict's sentence."""
    error = judge(run, FailureThresholds(), **options)
    assert error is not None
    return error.message


def test_the_sentence_of_a_run_says_what_there_is() -> None:
    """No dataflow, no code, no link: nothing in their place."""
    bare = Run("r", None, "failed", Phase.BAD)
    unknown = "unknown read, unknown written, unknown failed, unknown skipped."
    assert said(bare) == f"Run r failed. {ADVICE} Records: {unknown}"
    detailed = Run("r", None, "failed", Phase.BAD, detail="x ErrorCode=A_b-1.c, y")
    assert said(detailed) == f"Run r failed. ErrorCode=A_b-1.c. {ADVICE} Records: {unknown}"
    partial = Run("r", None, "partialSuccess", Phase.PARTIAL)
    assert said(partial, more="https://x").endswith(f"{unknown} https://x")


def test_a_failed_run_is_that_of_a_named_dataflow() -> None:
    """The dataflow is shown by its name and id if the name is known."""
    run = Run("r", "f", "failed", Phase.BAD, dataflow="Orders")
    assert said(run).startswith("Run r of dataflow 'Orders' (f) failed. ")


def test_the_words_of_a_problem_are_cut() -> None:
    """The error's code is the connector's, wherever the run has it. An empty message is left out."""
    problems = (Problem("i" * 70, "", True), Problem("o", "." + "m" * 320), Problem("j", "", True))
    run = Run("r", "f", "failed", Phase.BAD, problems=problems)
    unknown = "(records: unknown)"
    told = f"failed. {'i' * 60} {unknown}. o {unknown}: .{'m' * 299}. j {unknown}. {ADVICE} Records"
    assert told in said(run)
    assert judge(run, FailureThresholds()).code == "o"  # type: ignore[union-attr]
    for message, shown in (("it broke.", ": it broke"), ("X.X", ": X.X"), ("..", "")):
        text = said(Run("r", "f", "failed", Phase.BAD, problems=(Problem("o", message),)))
        assert f"failed. o {unknown}{shown}. {ADVICE} Records" in text


def test_the_most_frequent_errors_of_a_run() -> None:
    """The sentence names three with their records, and quotes no value of a record."""
    one = item("partialSuccess", recordSummary={"inputRecordCount": 20, "failedRecordCount": 9})
    counted = {"INGEST-1401-400": 2, "INGEST-1555-400": 6, "MAPPER-3700-400": 1, "X-1": 0}
    errors = [{"code": code, "recordCount": n, "message": "'Ada'"} for code, n in counted.items()]
    one["activities"] = [{"statusSummary": {"extensions": {"errors": errors}}}]
    text = said(read_run(one))
    order = [
        "INGEST-1555-400 (records: 6): A",
        "INGEST-1401-400 (records: 2): T",
        "MAPPER-3700-400 (records: 1): T",
    ]
    assert [text.count(code) for code in order] == [1, 1, 1]
    assert sorted(order, key=text.index) == order
    assert "1 other error code. Records: 20 read" in text
    assert "Ada" not in text


@pytest.mark.parametrize(
    ("status", "failed", "problems", "told"),
    [
        ("success", 0, [], None),
        ("success", -1, [], None),
        (
            "success",
            2,
            [],
            "has errors. Records: unknown read, unknown written, 2 failed, 0 skipped. More.",
        ),
        (
            "partialSuccess",
            -1,
            [],
            "has errors. Records: unknown read, unknown written, unknown failed",
        ),
        ("success", 0, [{"code": "106"}], "has errors. 106 (records: unknown): The file is empty."),
    ],
)
def test_a_run_within_the_thresholds_can_lose_records(
    status: str, failed: int, problems: list[dict[str, str]], told: str | None
) -> None:
    """The sentence says so; a run without errors and failed records has none."""
    one = item(status, recordSummary={"failedRecordCount": failed})
    one["metrics"]["statusSummary"]["errors"] = problems
    text = loss(read_run(one), more="More.")
    if told is None:
        assert text is None
    else:
        assert text is not None
        assert f"Run run-1 of dataflow flow-1 is within the thresholds, and {told}" in text


@pytest.mark.parametrize(
    ("status", "failed", "expected"),
    [
        ("success", 0, "success"),
        ("success", 1, "partial"),
        ("success", -1, "success"),
        ("partialSuccess", 0, "partial"),
        ("partialFailure", 0, "partial"),
        ("failed", 0, "failed"),
        ("inProgress", 1, "running"),
        ("unheard of", 1, "running"),
    ],
)
def test_the_outcome_of_a_run_is_the_verdict_of_a_wait(status: str, failed: int, expected: str) -> None:
    """A run that lost records is partial, whatever its status says."""
    assert outcome(read_run(item(status, recordSummary={"failedRecordCount": failed}))) == expected
