"""A wait names the errors of its run: codes, records, meaning, and the command that shows more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep._compat import aep_command
from airflow_provider_aep.flow_service.errors import AepError, AepRunError, RunFailedError, RunPartialError
from airflow_provider_aep.operators.dataflows import RunDataflowOperator
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.operations import PreparedPlatform
from tests.harness.operators import Logged, Store, context, unwrapped
from tests.harness.platform import Platform, decide
from tests.harness.waits import deferred, resumed, sensor

DIAGNOSTICS = {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 50}
ADA = {"record": {"name": "Ada"}, "code": "1555", "message": "name of 'Ada' is missing"}
CORRUPT = {"record": {"name": "Bob"}, "code": "1401", "message": "Bob"}
UNKNOWN = {"record": {"name": "Cyd"}, "code": "4711", "message": "Cyd is odd"}
TOLD = (
    r"INGEST-1555-400 \(records: 2\): A required field .*INGEST-1401-400 \(records: 1\): The row is corrupt"
)


@pytest.fixture
def platform(emulator: Emulator, hook: Any) -> PreparedPlatform:
    """Return the services of the emulator."""
    return PreparedPlatform(emulator)


@pytest.fixture
def run_of(platform: PreparedPlatform) -> Callable[..., tuple[str, str]]:
    """Return ids of a dataflow and of its run, which ended as a test decides."""

    def run_of(options: Any = DIAGNOSTICS, **decision: Any) -> tuple[str, str]:
        flow = platform.flow(platform.once(options=options))
        platform.advance(60)
        (run,) = platform.runs(flow)
        platform.emulator.control("POST", f"runs/{run['id']}", decision)
        return flow, run["id"]

    return run_of


def check(error: AepRunError, run_id: str) -> None:
    """Check that an error names codes, records, meaning and command, and no value of a record."""
    text = str(error)
    assert re.search(TOLD, text)
    assert f"`{aep_command('failures', run_id)}` shows its errors and failed records. https://" in text
    assert "Ada" not in text
    assert "Bob" not in text
    assert "Cyd" not in text


def test_a_sensor_names_the_errors(run_of: Callable[..., tuple[str, str]], logged: Logged) -> None:
    """No record's value is in the error or in the log, also if the code is unknown."""
    flow, run_id = run_of(failed_records=[ADA, ADA, CORRUPT, UNKNOWN])
    with unwrapped(RunPartialError) as caught:
        sensor(flow_id=flow, run_id=run_id).execute(context())
    check(caught.value, run_id)
    assert "4711" in str(caught.value)
    assert not re.search("Ada|Bob|Cyd", logged())


def test_a_deferred_wait_names_the_same_errors(
    platform: PreparedPlatform, run_of: Callable[..., tuple[str, str]]
) -> None:
    """Also a wait of `RunDataflowOperator`."""
    flow, order = platform.once_flow(), {"window_start": 1_700_000_000, "window_end": "2027-01-01"}
    options = [{"op": "add", "path": "/options", "value": DIAGNOSTICS}]
    etag = platform.get("flows", flow)["etag"]
    assert platform.api("PATCH", f"/flows/{flow}", json=options, headers={"If-Match": etag}).ok
    order |= {"task_id": "run", "flow_id": flow, "delta_column": "Create_Time"}
    store = context(Store())
    left = deferred(RunDataflowOperator(**order), store)
    run_id = left.kwargs["wait"]["run_id"]
    platform.emulator.control("POST", f"runs/{run_id}", {"failed_records": [ADA, ADA, CORRUPT]})
    platform.advance(600)
    with unwrapped(RunPartialError) as caught:
        resumed(RunDataflowOperator(**order), left, {"status": "ended", "run_id": run_id}, store)
    check(caught.value, run_id)


def test_a_run_within_the_thresholds_tells_its_losses(
    run_of: Callable[..., tuple[str, str]], logged: Logged
) -> None:
    """As one warning. A run without losses has none."""
    flow, run_id = run_of(failed_records=[ADA, ADA, CORRUPT])
    logged()
    result = sensor(flow_id=flow, run_id=run_id, max_failed_records=3).execute(context())
    assert (result["status"], result["records_failed"]) == ("success", 3)
    [line] = [line for line in logged().splitlines() if "within the thresholds" in line]
    assert "warning" in line.lower()
    assert re.search(TOLD, line)
    assert "Ada" not in line
    flow, run_id = run_of(status="success")
    sensor(flow_id=flow, run_id=run_id, max_failed_records=3).execute(context())
    assert "within the thresholds" not in logged()


def test_without_error_diagnostics_the_number_by_code_is_unknown(
    run_of: Callable[..., tuple[str, str]],
) -> None:
    """The error says how to switch them on, and not that 0 records failed."""
    flow, run_id = run_of({"partialIngestionPercent": 50}, failed_records=[ADA])
    with unwrapped(RunPartialError, match=r"INGEST-1211-400 \(records: unknown\): .*error_diagnostics=True"):
        sensor(flow_id=flow, run_id=run_id).execute(context())


def test_the_command_names_connection_and_sandbox(emulator: Emulator, make_hook: MakeHook) -> None:
    """If they are not the default ones: the command must find the run."""
    make_hook(emulator.url, conn_id="aep_other")
    for sandbox, options in (("dev", "--conn-id aep_other --sandbox dev"), ("prod", "--conn-id aep_other")):
        platform = Platform(emulator, sandbox)
        flow = platform.flow(platform.once())
        platform.advance(60)
        (run,) = platform.runs(flow)
        decide(platform, run["id"], status="failed")
        wait = sensor(flow_id=flow, run_id=run["id"], aep_conn_id="aep_other", sandbox=sandbox)
        with unwrapped(RunFailedError, match=f"`{aep_command('failures', run['id'])} {options}` shows"):
            wait.execute(context())


def test_naming_the_errors_needs_no_further_request(
    emulator: Emulator, run_of: Callable[..., tuple[str, str]]
) -> None:
    """They are in the run that the wait has read."""
    flow, run_id = run_of(failed_records=[ADA])
    before = len(emulator.requests())
    with unwrapped(AepError):
        sensor(flow_id=flow, run_id=run_id).execute(context())
    paths = [one["path"].rpartition("/data/foundation/")[2] for one in emulator.requests()[before:]]
    assert [path.partition("/")[2] for path in paths if "token" not in path].count(f"runs/{run_id}") == 1
    assert not [path for path in paths if "export" in path or "batches" in path]
