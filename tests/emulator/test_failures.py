"""`failures` against the emulator: errors, failed records, saving, and what it never shows."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.__main__ import main
from airflow_provider_aep.operations.diagnosis import FailedRecords, diagnosis_of
from airflow_provider_aep.operations.recent_runs import recent_runs
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure
from tests.harness.platform import DAY, Platform, failed_run

VALUE = "Rosebud7431"
"""A value of every failed record of these tests."""
MESSAGES = {
    "1555": f"{VALUE}@example.com has no name.",
    "MAPPER-3700-400": f"The value '{VALUE}@example.com' of email cannot be converted to integer",
    "1401": "Row is corrupted and cannot be read, please fix and resend.",
    "4711": f"{VALUE.lower()}@exa... is odd",
}
KEYS = ["run_id", "flow_id", "status", "errors", "batches", "records_failed", "rows", "saved"]
Said = tuple[int, str, str]
Failures = Callable[..., Said]


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Failures:
    """`failures(run, "--save", folder)`: the exit code, and what is on stdout and on stderr."""

    def run(*words: object) -> Said:
        monkeypatch.setattr("sys.argv", ["airflow_provider_aep", "failures", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return run


def rejected(count: int) -> list[dict[str, Any]]:
    """Return failed records with the codes in turn."""
    codes = list(MESSAGES)
    return [
        {
            "record": {"id": f"{n}", "email": f"{VALUE}@example.com", "name": None},
            "code": codes[n % len(codes)],
            "message": MESSAGES[codes[n % len(codes)]],
        }
        for n in range(count)
    ]


def test_the_json_of_a_run(emulator: Emulator, hook: Any, failures: Failures) -> None:
    """Errors by code with meaning, records and fix; batches; the first failed records without values."""
    run, flow = failed_run(Platform(emulator), rejected(25))
    code, out, _ = failures(run, "--output", "json")
    answer = json.loads(out)
    assert (code, list(answer)) == (0, KEYS)
    assert (answer["run_id"], answer["flow_id"], answer["status"]) == (run, flow, "success")
    assert (answer["records_failed"], answer["saved"]) == (25, None)
    errors = {error["code"]: error for error in answer["errors"]}
    assert [(own, errors[own]["records"]) for own in errors] == [
        ("INGEST-1555-400", 7), ("MAPPER-3700-400", 6), ("INGEST-1401-400", 6), ("INGEST-4711-400", 6),
        ("INGEST-1212-400", None),
    ]  # fmt: skip
    assert all(error["fix"] for own, error in errors.items() if own != "INGEST-4711-400")
    assert errors["INGEST-4711-400"]["fix"] is None
    assert "can repeat values of records" in errors["INGEST-4711-400"]["message"]
    [batch] = answer["batches"]
    assert (batch["records"], batch["complete"], batch["problem"]) == (10, None, None)
    assert len(answer["rows"]) == 10
    assert answer["rows"][1] == {
        "errors": [
            {
                "code": "MAPPER-3700-400",
                "message": "The value *** of email cannot be converted to integer",
                "column": None,
            }
        ],
        "columns": ["id", "email", "name"],
    }


def test_values_are_shown_and_saved_only_if_asked(
    emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No table, JSON, message or log line has a value without `--show-values`. `--save` has a file for it."""
    run, _ = failed_run(Platform(emulator), rejected(8))
    for words in ([], ["--output", "json"], ["--save", tmp_path], ["--save", tmp_path, "-o", "json"]):
        code, out, err = failures(run, *words)
        assert code == 0
        assert "email" in out
        assert VALUE.lower() not in (out + err + caplog.text).lower()
    for words in (["--show-values"], ["--show-values", "-o", "json"]):
        assert VALUE in failures(run, *words)[1]
    rows = json.loads(failures(run, "--show-values", "-o", "json", "--rows", "1")[1])["rows"]
    assert rows[0]["record"] == {"id": "0", "email": f"{VALUE}@example.com", "name": None}
    assert VALUE in (tmp_path / f"{run}.jsonl").read_text()


def test_control_characters_do_not_reach_the_terminal(
    emulator: Emulator, hook: Any, failures: Failures
) -> None:
    """Names, codes, messages and values are texts of other people."""
    odd = "\x1b[2Jodd"
    record = {"record": {odd: odd, "other": "x"}, "code": odd, "message": f"{odd} is a name"}
    run, _ = failed_run(Platform(emulator), [record])
    for words in ([], ["--show-values"]):
        code, out, err = failures(run, *words)
        assert code == 0
        assert "[2Jodd" in out
        assert "\x1b" not in out + err


def test_the_newest_run_with_losses(emulator: Emulator, hook: Any, failures: Failures) -> None:
    """The id of a dataflow names its newest run that failed or lost records."""
    platform = Platform(emulator)
    older, flow = failed_run(platform, rejected(1))
    platform.advance(DAY)
    newer = platform.runs(flow)[-1]["id"]
    assert json.loads(failures(flow, "-o", "json")[1])["run_id"] == older
    emulator.control("POST", f"runs/{newer}", {"status": "success", "failed_records": rejected(2)})
    answer = json.loads(failures(flow, "-o", "json")[1])
    assert (answer["run_id"], answer["records_failed"], len(answer["rows"])) == (newer, 2, 2)


def test_a_long_history_without_losses_is_read_in_part(
    emulator: Emulator, hook: Any, failures: Failures
) -> None:
    """The newest 1,000 runs are ten pages; a year of runs each 15 minutes would be 350."""
    emulator.control("POST", "fleet", {"flows": 1, "runs": 1200})
    (flow,) = (item["id"] for page in hook.source_flow_pages() for item in page)
    before = len(emulator.requests())
    assert json.loads(failures(flow, "-o", "json")[1])["run_id"] is None
    pages = [sent for sent in emulator.requests()[before:] if sent["path"].endswith("/runs")]
    assert len(pages) == 10


def test_a_dataflow_without_losses_and_an_unknown_id(
    emulator: Emulator, hook: Any, failures: Failures
) -> None:
    """The first is an answer with the same keys, the second a wrong argument."""
    platform = Platform(emulator)
    flow = platform.flow(platform.prepared())
    emulator.advance(10)
    code, out, _ = failures(flow, "-o", "json")
    answer = json.loads(out)
    assert (code, set(answer), answer["flow_id"], answer["run_id"]) == (0, set(KEYS), flow, None)
    assert "None of the newest 1000 runs" in failures(flow)[1]
    for wrong in ("no-such-run", "../x"):
        code, out, err = failures(wrong)
        assert (code, out) == (2, "")
        assert "AEP-E100" in err
    assert failures(flow, "--rows", "-1")[0] == 2
    code, _, err = failures(flow, "--sandbox", "unknown")
    assert (code, "FLOW-2100-404" in err) == (3, True)
    emulator.fault(method="GET", path=f"/runs/{flow}", status=403)
    assert failures(flow)[0] == 3


def test_a_run_without_error_diagnostics(
    emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path
) -> None:
    """It says so, and how to switch them on. Saving nothing of 3 records is incomplete."""
    run, flow = failed_run(Platform(emulator), rejected(3), options={})
    code, out, err = failures(run, "--output", "json")
    assert (code, json.loads(out)["rows"], json.loads(out)["records_failed"]) == (0, [], 3)
    assert "no error diagnostics" in err
    assert "error_diagnostics=True" in err
    assert f"PATCH /flows/{flow}" in err
    assert failures(run, "--rows", "0")[2] == err
    code, out, _ = failures(run, "--save", tmp_path, "-o", "json")
    assert (code, json.loads(out)["saved"], list(tmp_path.iterdir())) == (1, None, [])


def test_a_run_that_failed_as_a_whole(emulator: Emulator, hook: Any, failures: Failures) -> None:
    """If a source refuses the credentials, no record exists, and the answer is complete."""
    platform = Platform(emulator)
    flow = platform.flow(platform.prepared())
    emulator.advance(10)
    run = platform.runs(flow)[0]["id"]
    emulator.control("POST", f"runs/{run}", {"status": "failed", "errors": [
        {"code": "CONNECTOR-1001-500", "message": "The source refused the credentials"}]})  # fmt: skip
    code, out, _ = failures(run, "-o", "json")
    answer = json.loads(out)
    assert (code, answer["status"], answer["rows"]) == (0, "failed", [])
    assert answer["errors"][0]["code"] == "CONNECTOR-1001-500"
    assert "The source could not be read" in answer["errors"][0]["message"]


def test_a_failed_batch_shows_its_own_files(make_hook: MakeHook, failures: Failures) -> None:
    """Without error diagnostics AEP can still keep the files of a batch that failed as a whole."""
    with Emulator("--failed-batch-files", "always") as emulator:
        hook = make_hook(emulator.url)
        run, _ = failed_run(Platform(emulator), rejected(3), options={}, status="failed")
        records = FailedRecords(hook, diagnosis_of(hook.get_run(run)))
        assert [record.codes for record in records] == [["format"], ["type"], ["format"]]
        assert records.complete


def test_links_to_another_host_are_not_followed(make_hook: MakeHook) -> None:
    """The token goes to the configured host only, whatever host and port a link names."""
    with Emulator("--file-links", "foreign", "--error-file-records", "1") as emulator:
        hook = make_hook(emulator.url)
        run, _ = failed_run(Platform(emulator), rejected(120))
        records = FailedRecords(hook, diagnosis_of(hook.get_run(run)))
        assert len({record.record["id"] for record in records}) == 120
        assert records.complete
        assert "platform.adobe.io:443" in json.dumps(hook.get_run(run))


def test_expired_records(emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path) -> None:
    """After 30 days the errors are known, the records are gone, and the answer says so."""
    run, _ = failed_run(Platform(emulator), rejected(4))
    emulator.advance(31 * DAY)
    code, out, err = failures(run, "--save", tmp_path, "-o", "json")
    answer = json.loads(out)
    assert (code, answer["rows"], answer["records_failed"], answer["saved"]) == (1, [], 4, None)
    assert answer["batches"][0]["complete"] is False
    assert "no file with its failed records" in err
    diagnosis = diagnosis_of(hook.get_run(run))
    records = FailedRecords(hook, diagnosis, clock=lambda: time.time() + 32 * DAY)
    assert not list(records)
    assert "30 days" in records.problems[0]


def test_a_file_that_cannot_be_read_does_not_hide_the_others(
    emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path, waits: list[float]
) -> None:
    """It is said, and the exit code is 1. The second file is read, though the first one cannot be read."""
    run, _ = failed_run(Platform(emulator), rejected(8))
    emulator.fault(path="/meta", headers={})
    emulator.fault(path="/meta", status=403, body={"error_code": "403", "message": "No"})
    code, out, err = failures(run, "--save", tmp_path, "-o", "json")
    answer = json.loads(out)
    assert (code, answer["batches"][0]["records"]) == (1, 2)
    assert "403" in answer["batches"][0]["problem"]
    assert "403" in err
    assert len(Path(answer["saved"]).read_text().splitlines()) == 2


def test_a_credential_that_is_refused_is_no_incomplete_file(
    emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path
) -> None:
    """Every other file would be refused too: exit code 3, and no file."""
    run, _ = failed_run(Platform(emulator), rejected(8))
    emulator.fault(path="/meta", headers={})
    emulator.fault(path="/meta", status=401, times=9)
    code, _, err = failures(run, "--save", tmp_path)
    assert (code, list(tmp_path.iterdir())) == (3, [])
    assert "AEP-E303" in err


def test_lines_that_are_no_records_are_counted(
    emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path
) -> None:
    """They are left out, and the answer is incomplete."""
    run, _ = failed_run(Platform(emulator), rejected(3))
    emulator.fault(path="/meta", headers={})
    emulator.fault(path="/meta", body='{"id": "1", "_errors": []}\n{"id": \n[]\n{"id": "2"')
    code, out, err = failures(run, "--save", tmp_path, "-o", "json")
    assert (code, json.loads(out)["batches"][0]["complete"]) == (1, False)
    assert "3 lines of the files are no JSON objects" in err


def test_a_folder_that_cannot_be_written(
    emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path
) -> None:
    """The error names the option."""
    run, _ = failed_run(Platform(emulator), rejected(1))
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "folder"):
        code, out, err = failures(run, "--save", folder)
        assert (code, out) == (2, "")
        assert "`--save`" in err
    (tmp_path / "folder" / f"{run}.jsonl").mkdir(parents=True)
    assert failures(run, "--save", tmp_path / "folder")[0] == 2
    assert len(list((tmp_path / "folder").iterdir())) == 1


def test_the_errors_of_a_run_need_no_request(emulator: Emulator, hook: Any) -> None:
    """From an item of a list of runs, without values of records."""
    run, flow = failed_run(Platform(emulator), rejected(4))
    item = hook.get_run(run)
    emulator.forget_requests()
    words = [str(error) for error in diagnosis_of(item).errors]
    assert not emulator.requests()
    assert [str(error) for error in recent_runs(hook, flow)[0].errors] == words
    assert len(words) == 5
    assert words[0].startswith("INGEST-1555-400 (records: 1): A required field is missing or null.")
    assert VALUE.lower() not in str(words).lower()


def test_ten_thousand_records_of_more_than_a_hundred_files(
    emulator: Emulator, hook: Any, failures: Failures, tmp_path: Path, figure: KeepFigure
) -> None:
    """All files of both pages are saved, each record once, in a file that only its owner may read."""
    run, _ = failed_run(Platform(emulator), rejected(10_050))
    emulator.forget_requests()
    code, out, _ = failures(run, "--save", tmp_path, "-o", "json", "--rows", "3")
    answer = json.loads(out)
    assert (code, len(answer["rows"]), answer["batches"][0]["complete"]) == (0, 3, True)
    [file] = tmp_path.iterdir()
    assert (str(file), stat.S_IMODE(file.stat().st_mode)) == (answer["saved"], 0o600)
    ids = [json.loads(line)["record"]["id"] for line in file.read_text().splitlines()]
    assert sorted(map(int, ids)) == list(range(10_050))
    sent = [one for one in emulator.requests("GET", "/meta") if one["query"]["path"] != "row_errors"]
    assert len(sent) > 100
    figure("failed records saved, over several pages of files", f"{len(ids)} of {len(sent)} files")


PEAK = """
import json, sys, tracemalloc
from pathlib import Path
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operations.diagnosis import FailedRecords, diagnose
from airflow_provider_aep.operations.saving import save
hook = FlowServiceHook()
peaks = []
for run in sys.argv[2:]:
    diagnosis = diagnose(hook, run)
    tracemalloc.start()
    count = save(FailedRecords(hook, diagnosis), Path(sys.argv[1], run))
    peaks.append([count, tracemalloc.get_traced_memory()[1]])
    tracemalloc.stop()
print(json.dumps(peaks))
"""


def test_the_memory_does_not_grow_with_the_records(
    emulator: Emulator, hook: Any, tmp_path: Path, figure: KeepFigure
) -> None:
    """Ten times the records take less than 500 KB more: all records together take about 10 MB."""
    platform = Platform(emulator)
    runs = [failed_run(platform, rejected(count))[0] for count in (10, 1000, 10_000)]
    words = [sys.executable, "-c", PEAK, str(tmp_path), *runs]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    _, (few, before), (many, after) = json.loads(done.stdout.splitlines()[-1])
    assert (few, many) == (1000, 10_000)
    assert after - before < 500_000
    figure("memory for 10,000 failed records beyond that for 1,000", f"{(after - before) / 1024:.0f} KB")


@pytest.fixture
def half_saved(emulator: Emulator, hook: Any, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A run, and a process that has saved the first of its files and waits for the next one."""
    run, _ = failed_run(Platform(emulator), rejected(1000))
    emulator.forget_requests()
    emulator.fault(path="/meta", times=4, headers={})  # the list and three files
    emulator.fault(path="/meta", times=100, delay=600)
    words = [sys.executable, "-m", "airflow_provider_aep", "failures", run, "--save", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while len(emulator.requests("GET", "/meta")) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None
        yield run, process
        process.kill()
    emulator.clear_faults()


def test_a_killed_save_leaves_no_file_under_its_name(
    half_saved: tuple[str, subprocess.Popen[str]], emulator: Emulator, failures: Failures, tmp_path: Path
) -> None:
    """SIGKILL leaves a hidden part that only its owner may read. The next save is whole."""
    run, process = half_saved
    process.kill()
    process.wait(30)
    assert not (tmp_path / f"{run}.jsonl").exists()
    assert {stat.S_IMODE(part.stat().st_mode) for part in tmp_path.iterdir()} <= {0o600}
    emulator.clear_faults()
    assert failures(run, "--save", tmp_path)[0] == 0
    assert len((tmp_path / f"{run}.jsonl").read_text().splitlines()) == 1000


def test_an_interrupted_save_leaves_nothing(
    half_saved: tuple[str, subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Ctrl-C deletes the hidden part too, and leaves an older file as it was."""
    run, process = half_saved
    (tmp_path / f"{run}.jsonl").write_text("older")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(f"{run}.jsonl", "older")]
