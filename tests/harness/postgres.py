"""A PostgreSQL server of one's own, to be crashed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from scripts.processes import Service, free_ports, stop, tail
from tests.harness.workers import wait_until

PLACES = (os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin")))


def found(program: str) -> str | None:
    """Return the path of a program of PostgreSQL; None if no server is installed."""
    return shutil.which(program, path=os.pathsep.join(PLACES))


class Postgres:
    """`with Postgres() as database: ...`: on a free loopback port, its data in a directory of its own."""

    def __init__(self) -> None:
        import psycopg2  # before anything is made; `make test-nightly` installs it

        self._driver = psycopg2
        self._user = "nobody" if os.geteuid() == 0 else None  # the server refuses to run as root
        # Not below pytest's own directory, which nobody else may enter.
        self._home = Path(tempfile.mkdtemp(prefix="metadata-database-"))
        if self._user:
            shutil.chown(self._home, self._user)
        [self.port] = free_ports(1)
        self._log = self._home / "server.log"
        self._server: Service | None = None

    @property
    def settings(self) -> dict[str, str]:
        """Airflow's settings."""
        place = f"://airflow@127.0.0.1:{self.port}/postgres"
        return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2{place}"}

    def start(self) -> None:
        """Start, and wait until it answers; after a crash that is once it has recovered."""
        options = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=")
        command = [str(found("postgres")), "-D", str(self._home / "data")]
        command += [part for option in options for part in ("-c", option)]
        env = {**os.environ, "LC_ALL": "C"}
        self._server = Service("postgres", command, env=env, log=self._log, user=self._user)
        wait_until(self._answers, "the database to answer")

    def crash(self) -> None:
        """Its immediate mode: every connection is cut, and the next start has to recover."""
        assert self._server
        os.kill(self._server.pid, signal.SIGQUIT)
        wait_until(lambda: self._server and self._server.exit_code is not None, "the end of the database")

    def _answers(self) -> bool:
        assert self._server
        self._server.check()
        place = {"host": "127.0.0.1", "port": self.port, "user": "airflow", "dbname": "postgres"}
        try:
            self._driver.connect(**place).close()
        except self._driver.OperationalError:
            return False
        return True

    def close(self) -> None:
        """The server ends without waiting for its clients, and its data go."""
        try:
            if self._server and self._server.exit_code is None:
                os.kill(self._server.pid, signal.SIGINT)
                stop([self._server])
        finally:
            shutil.rmtree(self._home)

    def __enter__(self) -> Postgres:
        command = [str(found("initdb")), "-D", str(self._home / "data"), "-U", "airflow", "--auth=trust"]
        options = ["--no-sync", "--encoding=UTF8", "--no-locale"]
        try:
            subprocess.run([*command, *options], cwd=self._home, user=self._user, check=True)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: object, *_exc: object) -> None:
        if kind:
            print(tail(self._log))
        self.close()
