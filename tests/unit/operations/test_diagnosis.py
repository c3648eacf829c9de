"""Why a run failed, and which records: several batches, and parts that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConnectError,
    AepError,
    AepNotFoundError,
    AepPermissionError,
    AepServerError,
    AepThrottledError,
)
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.operations.diagnosis import FailedRecords, diagnosis_of

NO_DIAGNOSTICS = {"code": "INGEST-1211-400", "message": "Please resend"}
MANIFEST = {"failedRecords": "https://host/data/foundation/export/batches/B1/meta?path=row_errors"}


def run(
    *batches: str, failed: int | None = None, status: str = "success", errors: Any = (), manifest: Any = None
) -> dict[str, Any]:
    """Return a run as AEP shows it."""
    extensions = {"errors": list(errors), **({"manifest": manifest} if manifest else {})}
    counts = {"inputRecordCount": 9, **({} if failed is None else {"failedRecordCount": failed})}
    return {
        "id": "R1",
        "flowId": "F1",
        "metrics": {
            "statusSummary": {"status": status},
            "recordSummary": {"failedRecordCount": -1} if failed is None else counts,
        },
        "activities": [
            {
                "statusSummary": {"extensions": extensions},
                "targetInfo": [{"reference": {"type": "Batch", "ids": list(batches)}}],
            }
        ],
    }


class Files:
    """A hook whose files are lines, or the error of reading them."""

    def __init__(self, files: Mapping[str, Any], failed: Mapping[str, Any] | None = None) -> None:
        self._files, self._failed = files, failed or {}

    def to(self, _kind: object) -> Files:
        return self

    def row_error_files(self, batch_id: str) -> Iterator[Call]:
        return self._calls(self._files, batch_id)

    def failed_files(self, batch_id: str) -> Iterator[Call]:
        return self._calls(self._failed, batch_id)

    def _calls(self, files: Mapping[str, Any], batch_id: str) -> Iterator[Call]:
        found = files.get(batch_id, AepNotFoundError("none", status=404))
        if isinstance(found, AepError):
            raise found
        for lines in found:
            yield Call("GET", batch_id, body=lines)

    def lines(self, file: Call) -> Iterator[bytes | None]:
        for line in file.body:
            if isinstance(line, AepError):
                raise line
            yield line


def record(code: str) -> bytes:
    """Return the line of a failed record."""
    return b'{"_errors": [{"code": "%s", "message": "x"}]}' % code.encode()


def read(files: Files, item: dict[str, Any], **options: Any) -> tuple[list[str], FailedRecords]:
    """Return the codes of the failed records, and what was counted."""
    records = FailedRecords(files, diagnosis_of(item), **options)  # type: ignore[arg-type]
    return [one.codes[0] for one in records], records


def test_one_batch_does_not_fail_the_others() -> None:
    """It is said which one cannot be read and why, and the result is not complete."""
    files = {
        "B1": AepPermissionError("No."),
        "B2": [[record("1"), AepServerError("Down."), record("7")], [record("2"), b"{", None]],
        "B4": [[record("1")]],
    }
    codes, records = read(Files(files), run("B1", "B2", "B3", "B4", failed=9))
    assert codes == ["1", "2", "1"]
    assert records.by_code == {"1": 2, "2": 1}
    assert [(one.id, one.records, one.complete) for one in records.batches] == [
        ("B1", 0, False), ("B2", 2, False), ("B3", 0, False), ("B4", 1, True),
    ]  # fmt: skip
    assert not records.complete
    assert records.problems[:2] == ["Batch B1: No. [AEP-E304]", "Batch B2: Down. [AEP-E308]"]
    assert records.problems[2].startswith("Batch B3: AEP has no file")
    assert records.problems[3].startswith("2 lines")
    assert isinstance(records.failure, AepServerError)


@pytest.mark.parametrize("error", [AepAuthError("x"), AepConnectError("x"), AepThrottledError("x")])
def test_an_error_of_all_batches_is_raised(error: AepError) -> None:
    """The next request would meet it too."""
    for files in ({"B1": error}, {"B1": [[error]]}):
        with pytest.raises(type(error)):
            read(Files(files), run("B1", "B2"))


def test_all_files_are_read_and_records_are_missing() -> None:
    """AEP counted more. An unknown count says nothing, and neither do more records than AEP counted."""
    files = Files({"B1": [[record("1")]]})
    for failed, complete in ((1, True), (None, True), (0, True), (2, False)):
        _, records = read(files, run("B1", failed=failed))
        assert records.complete is complete, failed
    assert records.problems == ["AEP counted 2 failed records, and its files hold 1."]


def test_a_batch_without_files() -> None:
    """It is complete if AEP counted no failed record, and else not."""
    for files in (Files({}), Files({"B1": []}, {"B1": []})):
        assert read(files, run("B1", failed=0))[1].complete
        assert not read(files, run("B1", failed=1))[1].complete
    assert read(Files({}), run(failed=0))[1].complete
    assert not read(Files({}), run(failed=3, status="failed"))[1].complete
    assert not read(Files({}), run("B1"))[1].complete


def test_a_failed_batch_has_other_files() -> None:
    """They are read only if there are none with error diagnostics, so that no record is there twice."""
    failed = {"B1": [[record("2")]]}
    assert read(Files({"B1": [[record("1")]]}, failed), run("B1", failed=1))[0] == ["1"]
    for first in ({}, {"B1": []}):
        codes, records = read(Files(first, failed), run("B1", failed=1))
        assert (codes, records.complete) == (["2"], True)


def test_a_run_that_has_not_ended() -> None:
    """More records can fail."""
    codes, records = read(Files({"B1": [[record("1")]]}), run("B1", failed=1, status="inProgress"))
    assert (codes, records.complete, records.problems) == (["1"], False, ["Run R1 has not ended."])


def test_the_largest_number_of_records() -> None:
    """Whether there are more is known, and so is whether a batch was read to its end."""
    files = Files({"B1": [[record("1")]], "B2": [[record("2"), record("3")]]})
    for most, codes, complete in ((0, [], False), (2, ["1", "2"], False), (3, ["1", "2", "3"], True)):
        found, records = read(files, run("B1", "B2", failed=3), most=most)
        assert (found, records.complete) == (codes, complete)
    assert [batch.complete for batch in read(files, run("B1", "B2"), most=2)[1].batches] == [True, None]


def test_error_diagnostics() -> None:
    """Known from the run: its errors, or the address of its failed records. Else they are unknown."""
    assert diagnosis_of(run("B1", failed=3)).diagnostics is None
    assert diagnosis_of(run("B1", failed=3, manifest=MANIFEST)).diagnostics is True
    without = diagnosis_of(run("B1", failed=3, errors=[NO_DIAGNOSTICS]))
    assert without.diagnostics is False
    assert "PATCH /flows/F1" in str(without.advice)
    _, records = read(Files({}), run("B1", "B2", failed=3, errors=[NO_DIAGNOSTICS]))
    assert records.problems == [without.advice]
