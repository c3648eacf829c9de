"""Follow the tutorial as a new user: its commands in one folder, its files, and its outputs compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_airflow import AirflowApi, clean_environment
from scripts.processes import Service, free_ports, stop
from tests.harness.documents import Block, blocks
from tests.harness.workers import wait_until

BLOCKS = blocks("docs/tutorial/*.md")
LONG = 600.0

NOT_RUN = {
    "mkdir aep-tutorial": "this environment has everything; `make release-check` makes a new one",
    "PYTHON=": "needs a network; `make release-check` installs the same",
}
"""Why a block is not run, by how it begins."""

SERVERS = {"airflow aep emulator": "emulator", "airflow standalone": "airflow"}
"""Blocks that start a server, by a line. They run in a terminal of their own."""

STATES = r"airflow tasks states-for-dag-run (\w+) (\w+)"
"""The reader repeats this command until the DAG run has ended."""

VARIES = {
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.+]*(?: UTC)?": "TIME",
    r"[0-9a-f]{8}-[0-9a-f-]{27}": "ID",
    r"\b\d+[smh] ago": "AGO",
    r"[=+]{3,}": "===",
    r"[ ]+": " ",
}
"""Parts of an output that differ from run to run."""


def lines_of(text: str) -> list[str]:
    """Return the lines of an output that are not empty, without their varying parts."""
    for pattern, word in VARIES.items():
        text = re.sub(pattern, word, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


class Reader:
    """Somebody who follows the tutorial in a folder, on other ports than the page's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services: list[Service] = []
        [emulator, api, worker_logs, trigger_logs] = free_ports(4)
        self.ports = {"8787": str(emulator), "8080": str(api)}
        url = f"http://127.0.0.1:{api}"
        self.api = AirflowApi(url)
        self.environment = {
            **clean_environment(os.environ),
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        }
        (folder / ".venv").symlink_to(sys.prefix)

    def on_other_ports(self, text: str) -> str:
        """Return the text with the ports of this run."""
        for port, own in self.ports.items():
            text = text.replace(port, own)
        return text

    def follow(self, block: Block, output: str | None) -> None:
        """Do what the block says, and compare its output with the next block."""
        if block.language == "python":
            (self.folder / "airflow" / "dags" / "orders.py").write_text(block.code)
        elif block.language == "bash" and not block.code.startswith(tuple(NOT_RUN)):
            [server, *_] = [*(name for line, name in SERVERS.items() if line in block.code), None]
            if server:
                self.start(server, block)
            else:
                self.run(block, lines_of(self.on_other_ports(output or "")))

    def start(self, name: str, block: Block) -> None:
        """Start a server, and wait until it is ready."""
        command = ["bash", "-ec", f"cd {shlex.quote(str(self.folder))}\n{self.on_other_ports(block.code)}"]
        log = self.folder / f"{name}.log"
        service = Service(name, command, env=self.environment, log=log)
        self.services.append(service)
        if name == "airflow":
            wait_until(self.api.answers, "Airflow's API server", LONG, pause=0.5)
        else:
            wait_until(lambda: "listening on" in log.read_text(), "the emulator", LONG, pause=0.1)

    def run(self, block: Block, expected: list[str]) -> None:
        """Run the commands. Each line of the output on the page must appear."""
        if asked := re.match(STATES, block.code):
            self.api.wait_for_run(*asked.groups(), seconds=LONG, watch=self.check)
        script = f"[ ! -e settings.sh ] || . ./settings.sh\n{self.on_other_ports(block.code)}"
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.name}\n{done.stdout}"
        printed = lines_of(done.stdout)
        assert [line for line in expected if line not in printed] == [], f"{block.name}\n{done.stdout}"

    def check(self) -> None:
        """Raise `LocalError` if a server has ended by itself."""
        for service in self.services:
            service.check()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Yield a reader in a new folder, and end what the reader started."""
    reader = Reader(tmp_path)
    yield reader
    stop(reader.services)


def test_the_tutorial_works_as_printed(reader: Reader) -> None:
    """Every command ends with exit code 0, and every output on the page appears."""
    for block, after in zip(BLOCKS, [*BLOCKS[1:], None], strict=True):
        reader.follow(block, after.code if after and after.language == "text" else None)
    assert {block.language for block in BLOCKS} == {"python", "bash", "text"}
    code = [block.code for block in BLOCKS]
    assert [begin for begin in NOT_RUN if not any(one.startswith(begin) for one in code)] == []
