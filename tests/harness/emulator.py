"""A real emulator process for tests: started on a free port, controlled over its control plane.

All its secrets are canaries (:mod:`tests.harness.emulator_launcher`), and the search reads its output, log
and state.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from tests.harness import canary, secret_search
from tests.harness.secret_search import SEARCH

LAUNCHER = Path(__file__).with_name("emulator_launcher.py")
FLOW_SERVICE = "/data/foundation/flowservice"
CLIENT_ID = "emulator-client-id"
CLIENT_SECRET = canary.AEP_SECRET
ORG_ID = "0123456789ABCDEF01234567@AdobeOrg"
JOURNAL = "/events/organizations/100001/integrations/200002/6f0d4f3e-5b1c-4a8e-9d27-3c1f5e8a7b40"
PAYPAL_ID = canary.PAYPAL_ID
PAYPAL_SECRET = canary.PAYPAL_SECRET
PAYPAL_SPEC = "221c7626-58f6-4eec-8ee2-042b0226f03b"
PAYPAL_AUTH = "Client-Id-Secret Based Authentication"
PRODUCTS = "PayPal.Catalog_Products"
CANARIES = {
    "CLIENT_SECRET": CLIENT_SECRET,
    "PAYPAL_ID": PAYPAL_ID,
    "PAYPAL_SECRET": PAYPAL_SECRET,
    "TOKEN": canary.CORE + "EmulatorToken",
}
SCOPES = "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext"


class Emulator:
    """`with Emulator("--state", file) as emulator: ...`.

    If the environment sets EMULATOR_PYTHON, that interpreter runs it: so its tests try other versions.

    :param clock: a file of :mod:`tests.harness.wrong_clock`
    """

    def __init__(
        self,
        *args: str,
        start_timeout: float = 120.0,
        directory: Path = Path(__file__).parents[2],
        clock: Path | None = None,
    ) -> None:
        # Output goes to a file: nobody has to drain a pipe, and a test can read all of it at any time.
        self._output = tempfile.NamedTemporaryFile("w+b", suffix=".emulator.log")  # noqa: SIM115 - lives as long
        self._notes = tempfile.NamedTemporaryFile("rb", suffix=".emulator.notes")  # noqa: SIM115 - likewise
        self._seen = 0
        python = os.environ.get("EMULATOR_PYTHON", sys.executable)
        wrong_clock = ["-m", "tests.harness.wrong_clock", str(clock), "tests.harness.emulator_launcher"]
        self.process = subprocess.Popen(
            [python, *(wrong_clock if clock else [str(LAUNCHER)]), "--port", "0", *args],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, "EMULATOR_CANARIES": json.dumps({**CANARIES, "notes": self._notes.name})},
        )
        self._read_new = [secret_search.growth(Path(file.name)) for file in (self._output, self._notes)]
        self._state = Path(args[args.index("--state") + 1]) if "--state" in args else None
        SEARCH.add(self._read, lambda: self.process.poll() is not None)
        self.url = self._read_ready_line(start_timeout)
        # Its own session, without proxies of the environment: the control plane is always on this machine.
        self.http = requests.Session()
        self.http.trust_env = False

    def _read_ready_line(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.process.poll() is None:
            if ready := re.search(r"^listening on (.*)\n", self.output(), re.MULTILINE):
                return ready[1]
            time.sleep(0.01)
        self.process.kill()
        self.process.wait()
        raise RuntimeError(f"the emulator did not start:\n{self.output()}")

    # What it leaves behind

    def _read(self) -> Iterator[tuple[str, str]]:
        """Yield what is new, for the search; once more when the process has ended."""
        new_output, new_notes = (read() for read in self._read_new)
        yield secret_search.OUTPUT, new_output
        yield secret_search.REQUESTS, self._new_requests()
        for line in new_notes.splitlines():
            if "airflow-provider-aep/" in line:  # other clients are the tests' own
                yield secret_search.URLS, line
        if self._state:
            with suppress(OSError, sqlite3.Error):  # while the emulator runs nobody else can read the rows
                yield from secret_search.database(self._state, secret_search.STATE)

    def _new_requests(self) -> str:
        """Return the new part of the request log, if the emulator still answers."""
        if self.process.poll() is not None:
            return ""
        try:
            items = self.requests()
        except requests.RequestException:  # it is ending, or it is stopped
            return ""
        new, self._seen = items[self._seen :], len(items)
        return json.dumps(new)

    def _search_log(self) -> None:
        """Keep the request log for the search before it is lost."""
        if SEARCH.active:
            SEARCH.add_text(secret_search.REQUESTS, self._new_requests())
        self._seen = 0

    def output(self) -> str:
        """Return everything printed so far, standard error included."""
        return Path(self._output.name).read_text("utf-8", "replace")

    def printed(self, since: int = 0) -> bytes:
        """Return what was printed after an offset, a line for each answered request: cheap to poll."""
        with Path(self._output.name).open("rb") as output:
            output.seek(since)
            return output.read()

    @property
    def host(self) -> str:
        """`HOST:PORT`."""
        return self.url.removeprefix("http://")

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    # The control plane

    def control(self, method: str, path: str, json: Any = None) -> Any:
        """Call `/_emulator`; raise if it refuses."""
        response = self.http.request(method, f"{self.url}/_emulator/{path}", json=json, timeout=10)
        response.raise_for_status()
        return response.json() if response.content else None

    def fault(self, **fault: Any) -> None:
        """`fault(method="POST", path="/connections", status=503, times=2)`."""
        self.control("POST", "faults", fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.control("DELETE", "faults")

    def requests(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the request log, oldest first; `path` is compared with the path's end."""
        return [
            entry
            for entry in self.control("GET", "requests")["items"]
            if method in (None, entry["method"]) and entry["path"].endswith(path or "")
        ]

    def forget_requests(self) -> None:
        """Empty the log."""
        self._search_log()
        self.control("DELETE", "requests")

    def wait_for_request(self, method: str, path: str, timeout: float = 10.0) -> dict[str, Any]:
        """Return the first such request as soon as it has arrived, though a fault may still hold it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if found := self.requests(method, path):
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no {method} {path} within {timeout} s")

    def state(self) -> dict[str, int]:
        """Return how many entities of each kind exist."""
        counts: dict[str, int] = self.control("GET", "state")
        return counts

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock."""
        self.control("POST", "clock", {"advance": seconds})

    def reset(self) -> None:
        """Restore the state as at the start."""
        self._search_log()
        self.control("POST", "reset")

    # The platform, as a client that knows nothing of this project would use it

    def token(self) -> str:
        """Return a fresh access token."""
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        form |= {"grant_type": "client_credentials", "scope": SCOPES}
        response = self.http.post(f"{self.url}/ims/token/v3", data=form, timeout=10)
        response.raise_for_status()
        return str(response.json()["access_token"])

    def api(self, token: str | None = None, sandbox: str = "prod") -> Api:
        """Return a client with all headers set."""
        return Api(self.url, token or self.token(), sandbox)

    # The process

    def stop(self) -> None:
        """Send SIGTERM: the process must end with exit code 0."""
        self._search_log()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=15)
        self.http.close()
        assert code == 0, f"the emulator ended with {code}:\n{self.output()}"

    def kill(self) -> None:
        """Send SIGKILL, as in a power cut."""
        self._search_log()
        self.process.kill()
        self.process.wait(timeout=15)
        self.http.close()

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process.poll() is None:
            self.stop()


class Api:
    """Plain `requests` against Flow Service; returns responses, raises nothing."""

    def __init__(self, url: str, token: str, sandbox: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        own = {"x-api-key": CLIENT_ID, "x-gw-ims-org-id": ORG_ID, "x-sandbox-name": sandbox}
        self.http.headers.update({"Authorization": f"Bearer {token}", **own})

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """`api("GET", "/connections", params={"limit": 2})`."""
        options.setdefault("timeout", 30)
        return self.http.request(method, self.url + FLOW_SERVICE + path, **options)

    def create(self, name: str = "PayPal connection", **changes: Any) -> requests.Response:
        """POST a PayPal connection; `secret=` makes it a wrong one."""
        return self("POST", "/connections", json=paypal_body(name, **changes))

    def create_source(self, base_id: str, name: str = "Products") -> requests.Response:
        """POST a source connection upon a base connection."""
        return self("POST", "/sourceConnections", json=source_body(base_id, name))


def source_body(base_id: str, name: str = "Products", table: str = PRODUCTS, **params: Any) -> dict[str, Any]:
    """Return the body of a source connection of a table."""
    return {
        "name": name,
        "baseConnectionId": base_id,
        "data": {"format": "tabular"},
        "params": {"tableName": table, **params},
        "connectionSpec": {"id": PAYPAL_SPEC, "version": "1.0"},
    }


def paypal_body(
    name: str = "PayPal connection", *, secret: str = PAYPAL_SECRET, **changes: Any
) -> dict[str, Any]:
    """Return the body of Adobe's PayPal tutorial."""
    params = {"host": "api.sandbox.paypal.com", "clientId": PAYPAL_ID, "clientSecret": secret}
    body = {
        "name": name,
        "auth": {"specName": PAYPAL_AUTH, "params": params},
        "connectionSpec": {"id": PAYPAL_SPEC, "version": "1.0"},
    }
    return {**body, **changes}
