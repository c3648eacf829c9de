"""What `make demo` and `make ui` start has to end with them, however it was started and whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scripts.local_airflow import LocalAirflow, clean_environment, connections
from scripts.processes import BELOW_EPHEMERAL, LocalError, Service, free_ports, stop
from tests.harness.connections import SetConnection

ROOT = Path(__file__).resolve().parents[3]

# Like a worker of Airflow: in a process group of its own, its parent gone, deaf to SIGTERM.
STUBBORN = """
import os, signal, sys, time
if os.fork() == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("pid", os.getpid(), flush=True)
    if os.fork():
        os._exit(0)
    print("pid", os.getpid(), flush=True)
time.sleep(600)
"""


def until(probe: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_stop_ends_orphans_that_ignore_it(tmp_path: Path) -> None:
    """A grandchild without a parent, in another process group and deaf to SIGTERM, is ended too."""
    log = tmp_path / "log"
    service = Service("stubborn", [sys.executable, "-c", STUBBORN], env=os.environ, log=log)
    until(lambda: log.read_text().count("pid") == 2)
    orphan = int(log.read_text().split()[-1])
    assert alive(orphan)
    stop([service], patience=0.5)
    assert not service.members()
    assert not alive(orphan)


def test_a_service_that_ends_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    """The message shows the end of the log, so that nobody has to find the log first."""
    command = [sys.executable, "-c", "import sys; sys.exit('no such table')"]
    service = Service("scheduler", command, env=os.environ, log=tmp_path / "log")
    until(lambda: not service.members())
    with pytest.raises(LocalError, match=r"scheduler ended with exit code 1[\s\S]*no such table"):
        service.check()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_services_end_when_their_starter_is_killed(tmp_path: Path) -> None:
    """Even `kill -9` of the demo leaves nothing behind."""
    code = (
        "import os, sys, time; from pathlib import Path; from scripts.processes import Service\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "print(Service('sleeper', command, env=os.environ, log=Path(sys.argv[1])).pid, flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout
        child = int(starter.stdout.readline())
        assert alive(child)
        starter.send_signal(signal.SIGKILL)
    until(lambda: not alive(child))


def test_another_airflows_settings_stay_out() -> None:
    """Connections, settings and proxies of the caller do not reach the Airflow that is started here."""
    environment = clean_environment(
        {
            "AIRFLOW_HOME": "/elsewhere",
            "AIRFLOW__CORE__FERNET_KEY": "key",
            "AIRFLOW_CONN_AEP_DEFAULT": "{}",
            "PYTHONPATH": "/elsewhere",
            "NO_PROXY": "intranet",
            "HTTPS_PROXY": "http://proxy:3128",
            "PATH": "/bin",
        }
    )
    assert not [name for name in environment if name.startswith("AIRFLOW") or name == "PYTHONPATH"]
    assert environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert environment["no_proxy"] == environment["NO_PROXY"]
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert environment["PATH"] == "/bin"


def test_one_run_at_a_time_in_a_directory(tmp_path: Path) -> None:
    """Two Airflows on one SQLite file would spoil it; the second says so, and the first is not disturbed."""
    with LocalAirflow(tmp_path, dags=tmp_path):
        second = LocalAirflow(tmp_path, dags=tmp_path)
        with pytest.raises(LocalError, match="Another run is using"):
            second.__enter__()
    with LocalAirflow(tmp_path, dags=tmp_path):
        pass


def test_free_ports_differ_and_the_preferred_one_may_be_taken() -> None:
    """A port that is in use is passed over without a word."""
    [taken] = free_ports(1)
    assert free_ports(2, prefer=taken)[0] == taken
    assert len(set(free_ports(20))) == 20


def test_a_free_port_is_given_to_nobody_else() -> None:
    """Whoever asks the system for any port gets another one, however long ours stays unbound."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        assert other.getsockname()[1] not in BELOW_EPHEMERAL
    assert set(free_ports(50)) < set(BELOW_EPHEMERAL)


@pytest.mark.parametrize(
    ("answer", "message"),
    [("3.9 /old/python", "is Python 3.9; this project needs Python 3.10 to 3.13"), ("", "does not run")],
)
def test_a_python_that_does_not_fit_is_refused_in_a_sentence(
    tmp_path: Path, answer: str, message: str
) -> None:
    """Before anything is made, and with the way out."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{f'echo {answer}' if answer else 'exit 1'}\n")
    python.chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts" / "venv", tmp_path / "venv", "nothing"],
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "make PYTHON=" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_stored_connections_can_be_tested_in_the_ui() -> None:
    """Airflow 3.3 compares the port that the UI sends, 0 for none, with the stored one, and answers 400."""
    stored = connections("http://127.0.0.1:8787")
    testable = [fields for fields in stored.values() if fields["conn_type"] in ("aep", "paypal")]
    assert len(testable) == 2
    assert all(isinstance(fields["port"], int) for fields in testable)


def test_paypals_stored_connection_tests_green(set_connection: SetConnection) -> None:
    """With its port, which the form hides."""
    from airflow_provider_aep.hooks.paypal import PayPalHook

    set_connection("paypal_default", **connections("http://127.0.0.1:8787")["paypal_default"])
    assert PayPalHook().test_connection()[0]
