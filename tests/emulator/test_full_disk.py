"""The platform's disk is full in the middle of a create: an honest error, and nothing half kept."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure
from tests.harness.workers import Workers, existing, wait_until

FULL = 4096
"""Bytes. A limit on the size of files is as good as a full disk, and needs no privilege. Less than SQLite's
journal of one page, so that no change can be kept; more than the emulator prints."""


def fill_disk(emulator: Emulator, *, full: bool) -> None:
    """The soft limit alone: whoever lowers the hard one cannot raise it again."""
    _, most = resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE, (FULL if full else most, most))


def answers(emulator: Emulator) -> list[int]:
    """The statuses of all POSTs that were answered."""
    return [post["status"] for post in emulator.requests("POST", "/connections") if post["status"]]


@pytest.mark.nightly
def test_a_create_on_a_full_disk(workers: Workers, tmp_path: Path, figure: KeepFigure) -> None:
    """The try ends in a typed error that a retry may help; with space again the retry ends with one."""
    state = str(tmp_path / "state")
    emulator = Emulator("--state", state)
    kept = workers.start(emulator.url, name="Kept").returned()
    worker = workers.start(emulator.url, pause=("before", 3))
    worker.wait_stopped()
    emulator.forget_requests()
    fill_disk(emulator, full=True)
    worker.go_on()
    refused = worker.result()["error"]
    assert "AepServerError" in refused["kinds"], refused
    assert (refused["status"], refused["retryable"]) == (503, True)
    assert set(answers(emulator)) == {503}
    refusals = len(answers(emulator))
    assert emulator.state()["connections"] == 1
    assert f"cannot write the state file {state}: " in emulator.output()

    fill_disk(emulator, full=False)
    made = workers.start(emulator.url).returned()
    assert existing(emulator) == [kept, made]
    emulator.kill()
    with Emulator("--state", state) as again:
        assert existing(again) == [kept, made]
    told = f"{refusals} POSTs refused with 503, 1 connection after the retry and after a restart"
    figure("disk full for the state file in a create", told)


@pytest.mark.nightly
def test_space_again_within_the_try(workers: Workers, tmp_path: Path) -> None:
    """Patience: a disk that is full for a short time costs no try; a restart shows what was acknowledged."""
    state = str(tmp_path / "state")
    emulator = Emulator("--state", state)
    worker = workers.start(emulator.url, pause=("before", 3))
    worker.wait_stopped()
    fill_disk(emulator, full=True)
    worker.go_on()
    wait_until(lambda: answers(emulator), "the refusal")
    assert emulator.state()["connections"] == 0
    fill_disk(emulator, full=False)
    made = worker.returned()
    assert answers(emulator) == [503, 201]
    emulator.kill()
    with Emulator("--state", state) as again:
        assert existing(again) == [made]


def test_the_output_goes_on(tmp_path: Path) -> None:
    """What is printed lies on the full disk, too: a line is lost, and those after it are not."""
    with Emulator("--state", str(tmp_path / "state")) as emulator:
        api = emulator.api()
        _, most = resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(emulator.process.pid, resource.RLIMIT_FSIZE, (0, most))
        assert api.create().status_code == 503
        fill_disk(emulator, full=False)
        assert api.create().status_code == 201
    assert emulator.output().endswith("POST /data/foundation/flowservice/connections 201\n")
