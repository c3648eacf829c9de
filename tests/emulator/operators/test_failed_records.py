"""`FetchFailedRecordsOperator`: local files and object stores, retries, and what it never shows."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConfigError,
    AepNotFoundError,
    AepServerError,
)
from airflow_provider_aep.links import AepRunLink
from airflow_provider_aep.operators.diagnostics import FetchFailedRecordsOperator
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.platform import DAY, Platform, failed_run

VALUE = "Rosebud7431"
RECORDS = [
    {"record": {"email": f"{VALUE}{n}"}, "code": code, "message": f"{VALUE}{n} is odd"}
    for n, code in enumerate(["1555", "1401", "1555", "1555"])
]


class Store(MemoryFileSystem):
    """A file system in memory that notes its calls, and fails in one of them."""

    store: dict[str, Any] = {}  # noqa: RUF012 - as in the base class
    pseudo_dirs = [""]  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[str] = []
        self.fails = ""

    def _note(self, name: str, path: str) -> None:
        self.calls.append(f"{name} {path.rpartition('/')[2]}")
        if name == self.fails:
            raise OSError("the store is full")

    def put_file(self, lpath: str, rpath: str, **options: Any) -> None:
        if self.fails == "put":
            self.pipe_file(rpath, b'{"half')
        self._note("put", rpath)
        super().put_file(lpath, rpath, **options)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        self._note("mv", path2)
        super().mv(path1, path2, **options)

    def rm_file(self, path: str) -> None:
        self._note("rm", path)
        super().rm_file(path)


@pytest.fixture
def attached() -> Iterator[Callable[[str], Store]]:
    """`attached("s3")`: the file system of `s3://own@bucket/key`."""
    from airflow.sdk.io import store as stores

    before = dict(stores._STORE_CACHE)

    def attach(protocol: str) -> Store:
        fs = Store(skip_instance_cache=True)
        fs.store.clear()
        stores.attach(protocol=protocol, conn_id="own", fs=fs)
        return fs

    yield attach
    stores._STORE_CACHE.clear()
    stores._STORE_CACHE.update(before)


def fetch(run: Any, path: Any, ti: Any = None, **options: Any) -> dict[str, Any]:
    """Run the operator and return its result."""
    task = FetchFailedRecordsOperator(task_id="fetch", run_id=run, path=path, **options)
    result = task.execute(ti or context())
    assert isinstance(result, dict)
    return result


def saved(path: Path) -> list[str]:
    """Return the values of a file."""
    return [json.loads(line)["record"]["email"] for line in path.read_text().splitlines()]


def test_a_local_file(emulator: Emulator, hook: Any, tmp_path: Path, logged: Callable[[], str]) -> None:
    """All records are in the file, counts by code in the result, and no value in log, XCom or link."""
    run, flow = failed_run(Platform(emulator), RECORDS)
    path, task_context = tmp_path / "new" / "failed.jsonl", context()
    logged()
    result = fetch({"run_id": run, "status": "success"}, f"file://{path}", task_context)
    assert result == {
        "run_id": run,
        "path": f"file://{path}",
        "records": 4,
        "by_code": {"1555": 3, "1401": 1},
        "complete": True,
    }
    assert sorted(saved(path)) == [f"{VALUE}{n}" for n in range(4)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"/{flow}/activity/{run}" in task_context["ti"].pushed[AepRunLink.xcom_key]
    log = logged()
    assert f"4 failed records are in file://{path}" in log
    assert VALUE not in log + str(task_context["ti"].pushed) + str(result)
    fetch(run, f"file://{path}")
    assert len(saved(path)) == 4
    assert len(list(path.parent.iterdir())) == 1


def test_an_object_storage_path(emulator: Emulator, hook: Any, tmp_path: Path) -> None:
    """Airflow's own type of path, and the templates of all parameters."""
    from airflow.sdk import ObjectStoragePath

    run, _ = failed_run(Platform(emulator), RECORDS)
    path = ObjectStoragePath(f"file://{tmp_path}/failed.jsonl")
    assert fetch(run, path, limit="2")["records"] == 2
    assert fetch(run, f"{tmp_path}/without-a-scheme.jsonl")["records"] == 4
    assert len(saved(tmp_path / "without-a-scheme.jsonl")) == 4
    assert {"run_id", "path", "limit", "aep_conn_id", "sandbox"} == set(
        FetchFailedRecordsOperator.template_fields
    )


@pytest.mark.parametrize(
    ("limit", "count", "complete"), [(0, 0, False), (3, 3, False), (4, 4, True), (9, 4, True)]
)
def test_a_limit(
    emulator: Emulator, hook: Any, tmp_path: Path, limit: int, count: int, complete: bool
) -> None:
    """The result is complete only if no record is left out."""
    run, _ = failed_run(Platform(emulator), RECORDS)
    result = fetch(run, f"file://{tmp_path}/failed.jsonl", limit=limit)
    assert (result["records"], result["complete"]) == (count, complete)
    assert sum(result["by_code"].values()) == count


@pytest.mark.parametrize("scheme", ["odd", "ftp"])
def test_a_storage_that_is_not_installed(emulator: Emulator, hook: Any, scheme: str) -> None:
    """A retry cannot help, and AEP is not asked, whether the scheme is known or not."""
    with unwrapped(AepConfigError) as caught:
        fetch("a-run", f"{scheme}://bucket/failed.jsonl")
    assert "no file system for its scheme" in str(caught.value)
    assert not emulator.requests()


def test_no_failed_record(emulator: Emulator, hook: Any, tmp_path: Path) -> None:
    """It is a success without a file. An older file under the path says something else, and is deleted."""
    platform = Platform(emulator)
    flow = platform.flow(platform.prepared())
    emulator.advance(10)
    run, path = platform.runs(flow)[0]["id"], tmp_path / "failed.jsonl"
    nothing = {"run_id": run, "path": f"file://{path}", "records": 0, "by_code": {}, "complete": True}
    assert fetch(run, f"file://{path}") == nothing
    path.write_text("older")
    assert fetch(run, f"file://{path}") == nothing
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("reason", ["expired", "no diagnostics"])
def test_records_that_cannot_be_read(
    emulator: Emulator, hook: Any, tmp_path: Path, logged: Callable[[], str], reason: str
) -> None:
    """The task succeeds, says so, and keeps the file that an earlier run of the task wrote."""
    options = {} if reason == "no diagnostics" else {"errorDiagnosticsEnabled": True}
    run, _ = failed_run(Platform(emulator), RECORDS, options={**options, "partialIngestionPercent": 50})
    path = tmp_path / "failed.jsonl"
    path.write_text("older")
    if reason == "expired":
        emulator.advance(31 * DAY)
    result = fetch(run, f"file://{path}")
    assert (result["records"], result["complete"]) == (0, False)
    assert path.read_text() == "older"
    assert ("PATCH /flows/" in logged()) is (reason == "no diagnostics")


def test_a_failure_in_the_middle(emulator: Emulator, hook: Any, tmp_path: Path, waits: list[float]) -> None:
    """A retry can help, so the task fails. There is no half file, and an older one is as it was."""
    run, _ = failed_run(Platform(emulator), RECORDS)
    path = tmp_path / "failed.jsonl"
    path.write_text("older")
    for status, kind in ((500, AepServerError), (401, AepAuthError)):
        emulator.fault(path="/meta", headers={}, times=2)  # the list and the first file
        emulator.fault(path="/meta", status=status, times=4)
        with unwrapped(kind):
            fetch(run, f"file://{path}")
        emulator.clear_faults()
        assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(path.name, "older")]
    assert fetch(run, f"file://{path}")["complete"]
    assert len(saved(path)) == 4


def test_the_last_try_writes_what_can_be_read(
    emulator: Emulator, hook: Any, tmp_path: Path, waits: list[float], logged: Callable[[], str]
) -> None:
    """One file that stays broken does not hide the others. The result is not complete."""
    run, _ = failed_run(Platform(emulator), RECORDS)
    emulator.fault(path="/meta", headers={}, times=2)
    emulator.fault(path="/meta", status=500, times=4)
    last = context()
    last["ti"].try_number = last["ti"].max_tries + 1
    result = fetch(run, f"file://{tmp_path}/failed.jsonl", last)
    assert (result["records"], result["complete"]) == (3, False)
    assert "500" in logged()


def test_an_object_store(emulator: Emulator, hook: Any, attached: Callable[[str], Store]) -> None:
    """The file is sent at the end with one call, which the store publishes whole."""
    fs = attached("s3")
    run, _ = failed_run(Platform(emulator), RECORDS)
    result = fetch(run, "s3://own@bucket/day/failed.jsonl")
    assert (result["records"], result["path"]) == (4, "s3://own@bucket/day/failed.jsonl")
    assert fs.calls == ["put failed.jsonl"]
    assert len(fs.cat_file("bucket/day/failed.jsonl").splitlines()) == 4
    emulator.fault(path="/meta", headers={})
    emulator.fault(path="/meta", status=401, times=4)
    with unwrapped(AepAuthError):
        fetch(run, "s3://own@bucket/day/other.jsonl")
    assert fs.calls == ["put failed.jsonl"]
    assert not fs.exists("bucket/day/other.jsonl")


def test_another_file_system(emulator: Emulator, hook: Any, attached: Callable[[str], Store]) -> None:
    """It could show half a file, so the file is sent under a hidden name and renamed."""
    fs = attached("sftp")
    run, _ = failed_run(Platform(emulator), RECORDS)
    assert fetch(run, "sftp://own@host/day/failed.jsonl")["records"] == 4
    assert [call.split()[0] for call in fs.calls] == ["put", "mv", "rm"]  # the base class renames by a copy
    assert [Path(name).name for name in fs.find("/")] == ["failed.jsonl"]
    before = fs.cat_file(fs.find("/")[0])
    for broken in ("put", "mv"):
        fs.fails = broken
        with pytest.raises(OSError, match="full"):
            fetch(run, "sftp://own@host/day/failed.jsonl")
        assert [Path(name).name for name in fs.find("/")] == ["failed.jsonl"]
        assert fs.cat_file(fs.find("/")[0]) == before


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [({"run_id": "../x"}, "run_id"), ({"path": " "}, "path"), ({"path": "s3://bucket/folder/"}, "path"),
     ({"limit": -1}, "limit"), ({"path": "None"}, "path")],
)  # fmt: skip
def test_a_wrong_parameter(
    emulator: Emulator, hook: Any, tmp_path: Path, changes: dict[str, Any], parameter: str
) -> None:
    """The error names it, and nothing was sent."""
    given = {"run": "24151d58-ffa7-4960-951d-58ffa7396097", "path": f"file://{tmp_path}/x", **changes}
    given["run"] = given.pop("run_id", given["run"])
    with unwrapped(AepConfigError) as caught:
        fetch(**given)
    assert caught.value.parameter == parameter
    assert not emulator.requests()


def test_a_run_that_does_not_exist(emulator: Emulator, hook: Any, tmp_path: Path) -> None:
    """It is not a run without failed records."""
    with unwrapped(AepNotFoundError):
        fetch("24151d58-ffa7-4960-951d-58ffa7396097", f"file://{tmp_path}/x")
