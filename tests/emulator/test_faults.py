"""One connection or a typed error, never two: whatever fails on the way to Flow Service."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from airflow_provider_aep.flow_service import errors
from tests.harness.emulator import Emulator
from tests.harness.fault_table import FINE, TABLE, Row, delete, look, post
from tests.harness.stories import FOREIGN_MARK, NOTHING_STANDS
from tests.harness.workers import NAME, Workers, standing

ROWS = [
    pytest.param(row, id=row.name.replace(" ", "_"), marks=pytest.mark.nightly if row.whole else ())
    for row in TABLE
]
PAGED = "Zürich"  # a name that the server cannot be asked for: every page has to be read


@pytest.mark.parametrize("row", ROWS)
def test_a_fault(emulator: Emulator, workers: Workers, row: Row) -> None:
    """This try says what the table says, leaves what it says, and the next one ends with one."""
    rival = None
    if row.stands:
        rival = emulator.api().create(NAME, description=f"Somebody's {FOREIGN_MARK}").json()["id"]
    emulator.forget_requests()
    for fault in row.faults:
        emulator.fault(**fault)
    worker = workers.start(emulator.url, **row.options)
    if row.meanwhile:
        row.meanwhile(emulator, worker)
    if row.error == "SIGTERM":
        assert worker.wait().code == -15, worker.said()
    elif row.error:
        error = worker.result()["error"]
        assert row.error in error["kinds"], error
        assert "AepError" in error["kinds"] or not row.error.startswith("Aep")
        assert error["retry_after"] == row.retry_after
        if row.error.startswith("Aep"):
            assert error["text"].endswith(f" [{getattr(errors, error['kinds'][0]).stable_code}]")
    else:
        made = worker.returned()
        assert standing(emulator) == [made]
    assert emulator.state()["connections"] == row.left
    assert len(emulator.requests("POST", "/connections")) == row.posts
    left = standing(emulator)
    options = {name: row.options[name] for name in ("name", "if_exists") if name in row.options}
    made = workers.start(emulator.url, **options).returned()
    assert standing(emulator) == [made]
    assert made == rival or not rival
    assert left in ([], [made])


@pytest.mark.parametrize("refused", ["host", "ims_host"])
def test_connection_refused(emulator: Emulator, workers: Workers, refused: str) -> None:
    """Nothing listens there: a typed error that a retry may help, and nothing made."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        closed = f"http://127.0.0.1:{silent.getsockname()[1]}"
        urls = {"host": emulator.url, "ims_host": emulator.url, refused: closed}
        error = workers.start(urls["host"], ims_url=urls["ims_host"]).result()["error"]
    assert "AepConnectError" in error["kinds"]
    assert error["retryable"]
    assert standing(emulator) == []
    made = workers.start(emulator.url).returned()
    assert standing(emulator) == [made]


@pytest.mark.parametrize("moment", [("after", 3), ("after", 4)], ids=["before the POST", "after the POST"])
def test_the_service_goes_away_midway(workers: Workers, tmp_path: Path, moment: tuple[str, int]) -> None:
    """Connection refused in the middle, and for good: a typed error; the retry finds what stands."""
    state = str(tmp_path / "state")
    with Emulator("--state", state) as emulator:
        worker = workers.start(emulator.url, pause=moment)
        worker.wait_stopped()
        left = emulator.state()["connections"]
        emulator.stop()
    worker.go_on()
    error = worker.result()["error"]
    assert "AepConnectError" in error["kinds"], error
    with Emulator("--state", state) as emulator:
        before = standing(emulator)
        made = workers.start(emulator.url).returned()
        assert standing(emulator) == [made]
    assert before == [made][:left]


def _seed_a_page(emulator: Emulator) -> str:
    """A hundred others, then the one that is wanted: it stands on the second page."""
    api = emulator.api()
    for number in range(100):
        api.create(f"Other {number}").raise_for_status()
    return str(api.create(PAGED).json()["id"])


def test_the_second_page_fails_once(emulator: Emulator, workers: Workers) -> None:
    """A page left out would be a connection overlooked, and made again."""
    wanted = _seed_a_page(emulator)
    emulator.forget_requests()
    emulator.fault(**FINE)
    emulator.fault(**look(status=500))
    assert workers.start(emulator.url, name=PAGED).returned() == wanted
    assert emulator.requests("POST", "/connections") == []


def test_the_second_page_fails_always(emulator: Emulator, workers: Workers) -> None:
    """Half a list proves nothing: no POST upon it."""
    wanted = _seed_a_page(emulator)
    emulator.forget_requests()
    emulator.fault(**FINE)
    emulator.fault(**look(status=500, times=100))
    error = workers.start(emulator.url, name=PAGED).result()["error"]
    assert "AepServerError" in error["kinds"]
    assert emulator.requests("POST", "/connections") == []
    emulator.clear_faults()
    assert workers.start(emulator.url, name=PAGED).returned() == wanted


def test_the_effect_of_a_lost_reply_is_found_on_the_second_page(emulator: Emulator, workers: Workers) -> None:
    """Healing reads every page, too."""
    api = emulator.api()
    for number in range(100):
        api.create(f"Other {number}").raise_for_status()
    emulator.forget_requests()
    emulator.fault(**post(when="after", drop=True))
    workers.start(emulator.url, name=PAGED).returned()
    assert emulator.state()["connections"] == 101
    assert len(emulator.requests("POST", "/connections")) == 1


@pytest.mark.nightly
def test_a_delete_that_is_refused(emulator: Emulator, workers: Workers) -> None:
    """A loser that may not delete says so and agrees on the oldest; a later run that may cleans up."""
    rival = emulator.api().create(NAME, description=f"Somebody's {FOREIGN_MARK}").json()["id"]
    emulator.fault(**look(**NOTHING_STANDS))
    emulator.fault(**delete(status=403, body={}, times=100))
    loser = workers.start(emulator.url)
    assert loser.returned() == rival
    (own,) = set(standing(emulator)) - {rival}
    assert "warning" in loser.said()
    assert own in loser.said()
    assert workers.start(emulator.url, run_id="later").returned() == rival
    assert standing(emulator) == [rival]
