"""A real API server of Airflow with the page, users of several roles, and connections to the emulator."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from scripts.local_airflow import LocalAirflow, call
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, Emulator

SIGNING_KEY = "the-signing-key-of-the-tests-which-is-long-enough-for-HS512-0123456789"
USERS = {"anna": "admin", "olaf": "op", "ursula": "user", "victor": "viewer"}
HIDDEN = "aep_hidden"
AUTH_MANAGER = f'''
"""SimpleAuthManager, except that a connection is hidden from everybody but admins."""
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

class PickyAuthManager(SimpleAuthManager):
    def is_authorized_connection(self, *, method, user, details=None):
        if details is not None and details.conn_id == "{HIDDEN}" and user.role != "admin":
            return False
        return super().is_authorized_connection(method=method, user=user, details=details)
'''
DAGS = """
from airflow.sdk import DAG, task, task_group

for dag_id in ("load_stores", "load.more"):
    with DAG(dag_id, schedule=None):
        @task_group
        def ingest_33():
            @task
            def create_dataflow(): ...
            create_dataflow()
        ingest_33()
"""
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Reply:
    """A reply of Airflow. The names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes
    seconds: float

    @property
    def body(self) -> bytes:
        """The body, unzipped."""
        zipped = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.raw) if zipped else self.raw

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class PageServer:
    """The API server of a running Airflow, and the emulator that its connections lead to."""

    def __init__(self, airflow: LocalAirflow, emulator: Emulator) -> None:
        self.airflow = airflow
        self.emulator = emulator
        self.url = airflow.api.url
        self._tokens: dict[str, str] = {}

    def token(self, user: str) -> str:
        """Sign in, once."""
        if user not in self._tokens:
            credentials = {"username": user, "password": user}
            self._tokens[user] = call("POST", f"{self.url}/auth/token", credentials)["access_token"]
        return self._tokens[user]

    def expired_token(self, user: str) -> str:
        """Return a token that was right a minute ago."""
        header = jwt.get_unverified_header(self.token(user))
        claims = jwt.decode(self.token(user), options={"verify_signature": False})
        past = time.time() - 60
        claims |= {"exp": past, "iat": past - 600, "nbf": past - 600}
        return jwt.encode(claims, SIGNING_KEY, algorithm=header["alg"], headers=header)

    def send(
        self,
        path: str,
        user: str | None = None,
        *,
        method: str = "GET",
        token: str | None = None,
        **query: Any,
    ) -> Reply:
        """Send a request as a user, with a token, or without.

        :param path: below the page's; one that begins with a slash is below Airflow's
        """
        url = self.url + (path if path.startswith("/") else f"/aep/{path}")
        url += f"?{urlencode(query)}" if query else ""
        request = urllib.request.Request(url, method=method, headers={"accept-encoding": "gzip"})
        if token or user:
            request.add_header("cookie", f"_token={token or self.token(str(user))}")
        started = time.monotonic()
        try:
            with _opener.open(request, timeout=60) as reply:
                status, headers, raw = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            status, headers, raw = error.code, error.headers, error.read()
        lowered = {name.lower(): value for name, value in headers.items()}
        return Reply(status, lowered, raw, time.monotonic() - started)

    def fleet(self, connection: str = "aep_default", user: str = "olaf", **query: Any) -> Any:
        """Return the JSON of all dataflows, as soon as AEP was read."""
        for _ in range(20):
            state = self.send(f"fleet/{quote(connection, safe='')}", user, wait=1, **query).json()
            if not state["loading"]:
                return state
        raise AssertionError("The dataflows were not read.")

    def store(self, conn_id: str, url: str, *, conn_type: str = "aep", **extra: Any) -> None:
        """Store an Airflow connection to a server."""
        host, _, port = url.rpartition(":")
        values = {
            "conn_type": conn_type,
            "login": CLIENT_ID,
            "password": CLIENT_SECRET,
            "host": host,
            "port": int(port),
            "extra": {"org_id": ORG_ID, "ims_host": url, **extra},
        }
        self.airflow.api.store_connections({conn_id: values})


@contextmanager
def page_server(
    directory: Path, emulator: Emulator, *, path: str = "", environment: dict[str, str] | None = None
) -> Iterator[PageServer]:
    """Run Airflow's API server.

    :param path: the path of ``base_url``
    """
    modules, passwords = directory / "modules", directory / "passwords.json"
    modules.mkdir(parents=True)
    (modules / "picky_auth.py").write_text(AUTH_MANAGER)
    passwords.write_text(json.dumps({name: name for name in USERS}))
    settings = {
        "PYTHONPATH": str(modules),
        "AIRFLOW__CORE__AUTH_MANAGER": "picky_auth.PickyAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in USERS.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": SIGNING_KEY,
        **(environment or {}),
    }
    dags = directory / "dags"
    dags.mkdir()
    (dags / "load.py").write_text(DAGS)
    components = ("api-server",)
    with LocalAirflow(directory, dags=dags, components=components, environment=settings) as airflow:
        airflow.environment["AIRFLOW__API__BASE_URL"] += path
        airflow.api.url += path
        airflow.migrate()
        command = [sys.executable, "-m", "airflow", "dags", "reserialize"]
        with subprocess.Popen(command, env=airflow.environment, stdout=subprocess.DEVNULL) as parsing:
            airflow.start_airflow()
        assert parsing.returncode == 0
        server = PageServer(airflow, emulator)
        airflow.api._token = server.token("anna")
        for conn_id in ("aep_default", HIDDEN):
            server.store(conn_id, emulator.url)
        yield server
