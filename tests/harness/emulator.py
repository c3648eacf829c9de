"""A real emulator process for tests: started on a free port, steered over its control plane.

All its secrets are canaries (:mod:`tests.harness.canary_emulator`), and the watch is told where it prints,
logs and keeps what.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from tests.harness import canary, canary_watch
from tests.harness.canary_watch import WATCH, Growing

LAUNCHER = Path(__file__).with_name("canary_emulator.py")
FLOW_SERVICE = "/data/foundation/flowservice"
CLIENT_ID = "emulator-client-id"
CLIENT_SECRET = canary.AEP_SECRET
ORG_ID = "0123456789ABCDEF01234567@AdobeOrg"
PAYPAL_ID = canary.PAYPAL_ID
PAYPAL_SECRET = canary.PAYPAL_SECRET
PAYPAL_SPEC = "221c7626-58f6-4eec-8ee2-042b0226f03b"
PAYPAL_AUTH = "Client-Id-Secret Based Authentication"
CANARIES = {
    "CLIENT_SECRET": CLIENT_SECRET,
    "PAYPAL_ID": PAYPAL_ID,
    "PAYPAL_SECRET": PAYPAL_SECRET,
    "TOKEN": canary.CORE + "EmulatorToken",
}
SCOPES = "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext"


class Emulator:
    """`with Emulator("--state", file) as emulator: ...`.

    The environment's EMULATOR_PYTHON, if set, runs it: so its tests try it with other versions. `clock` is a
    file of :mod:`tests.harness.wrong_clock`.
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
        wrong_clock = ["-m", "tests.harness.wrong_clock", str(clock), "tests.harness.canary_emulator"]
        self.process = subprocess.Popen(
            [python, *(wrong_clock if clock else [str(LAUNCHER)]), "--port", "0", *args],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, "EMULATOR_CANARIES": json.dumps({**CANARIES, "notes": self._notes.name})},
        )
        self._show(args)
        self.url = self._read_ready_line(start_timeout)
        # Its own session, without proxies of the environment: the control plane is always on this machine.
        self.http = requests.Session()
        self.http.trust_env = False

    def _read_ready_line(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for line in self.output().splitlines(keepends=True):
                if line.startswith("listening on ") and line.endswith("\n"):
                    return line.removeprefix("listening on ").strip()
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.process.kill()
        self.process.wait()
        raise RuntimeError(f"the emulator did not start:\n{self.output()}")

    # What it leaves behind

    def _show(self, args: Sequence[str]) -> None:
        """Tell the watch of every place; each is looked at once more when the process is gone."""
        new_notes, new_output = Growing(self._notes.name), Growing(self._output.name)
        state = Path(args[args.index("--state") + 1]) if "--state" in args else None

        def read() -> Iterator[tuple[str, str]]:
            yield canary_watch.OUTPUT, new_output()
            yield canary_watch.REQUESTS, self._new_requests()
            for line in new_notes().splitlines():
                if "airflow-provider-aep/" in line:  # what else is sent here is the test's own
                    yield canary_watch.URLS, line
            if state:
                yield from canary_watch.state(state)

        WATCH.place(read, lambda: self.process.poll() is not None)

    def _new_requests(self) -> str:
        """What the request log shows of those that were not looked at yet, if it still answers."""
        if self.process.poll() is not None:
            return ""
        try:
            items = self.requests()
        except requests.RequestException:  # it ends or stands still
            return ""
        new, self._seen = items[self._seen :], len(items)
        return json.dumps(new)

    def _look_before(self) -> None:
        """The log is about to be forgotten."""
        if WATCH.active:
            WATCH.text(canary_watch.REQUESTS, self._new_requests())
        self._seen = 0

    def output(self) -> str:
        """Everything printed so far, standard error included."""
        return Path(self._output.name).read_text("utf-8", "replace")

    def printed(self, since: int = 0) -> bytes:
        """That from an offset on, a line for each request that was answered: cheap to ask again and again."""
        with Path(self._output.name).open("rb") as output:
            output.seek(since)
            return output.read()

    @property
    def host(self) -> str:
        """`HOST:PORT`."""
        return self.url.removeprefix("http://")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    # The control plane

    def control(self, method: str, path: str, json: Any = None) -> Any:
        """One call to `/_emulator`; raises if it is refused."""
        response = self.http.request(method, f"{self.url}/_emulator/{path}", json=json, timeout=10)
        response.raise_for_status()
        return response.json() if response.content else None

    def fault(self, **fault: Any) -> None:
        """`fault(method="POST", path="/connections", status=503, times=2)`."""
        self.control("POST", "faults", fault)

    def clear_faults(self) -> None:
        """No more faults."""
        self.control("DELETE", "faults")

    def requests(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """The log, oldest first; `path` is compared with the path's end."""
        return [
            entry
            for entry in self.control("GET", "requests")["items"]
            if method in (None, entry["method"]) and entry["path"].endswith(path or "")
        ]

    def forget_requests(self) -> None:
        """Empty the log."""
        self._look_before()
        self.control("DELETE", "requests")

    def wait_for_request(self, method: str, path: str, timeout: float = 10.0) -> dict[str, Any]:
        """The first such request, as soon as it has arrived: it may still be held by a fault's delay."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if found := self.requests(method, path):
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no {method} {path} within {timeout} s")

    def state(self) -> dict[str, int]:
        """Counts of what there is."""
        counts: dict[str, int] = self.control("GET", "state")
        return counts

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock."""
        self.control("POST", "clock", {"advance": seconds})

    def reset(self) -> None:
        """Everything as at the start."""
        self._look_before()
        self.control("POST", "reset")

    # The platform, as a client that knows nothing of this project would use it

    def token(self) -> str:
        """A fresh access token."""
        form = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "grant_type": "client_credentials",
            "scope": SCOPES,
        }
        response = self.http.post(f"{self.url}/ims/token/v3", data=form, timeout=10)
        response.raise_for_status()
        return str(response.json()["access_token"])

    def api(self, token: str | None = None, sandbox: str = "prod") -> Api:
        """A session with all headers set."""
        return Api(self.url, token or self.token(), sandbox)

    # The process

    def stop(self) -> None:
        """SIGTERM; it must end by itself, with exit code 0."""
        self._look_before()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=15)
        self.http.close()
        assert code == 0, f"the emulator ended with {code}:\n{self.output()}"

    def kill(self) -> None:
        """SIGKILL, as in a power cut."""
        self._look_before()
        self.process.kill()
        self.process.wait(timeout=15)
        self.http.close()

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()


class Api:
    """Plain `requests` against Flow Service; returns responses, raises nothing."""

    def __init__(self, url: str, token: str, sandbox: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers.update(
            {
                "Authorization": f"Bearer {token}",
                "x-api-key": CLIENT_ID,
                "x-gw-ims-org-id": ORG_ID,
                "x-sandbox-name": sandbox,
            }
        )

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """`api("GET", "/connections", params={"limit": 2})`."""
        options.setdefault("timeout", 30)
        return self.http.request(method, self.url + FLOW_SERVICE + path, **options)

    def create(self, name: str = "PayPal connection", **changes: Any) -> requests.Response:
        """POST a PayPal connection; `secret=` makes it a wrong one."""
        return self("POST", "/connections", json=paypal_body(name, **changes))

    def create_source(self, base_id: str, name: str = "Products") -> requests.Response:
        """POST a source connection upon a base connection."""
        body = {
            "name": name,
            "baseConnectionId": base_id,
            "data": {"format": "tabular"},
            "params": {"tableName": "PayPal.Catalog_Products"},
            "connectionSpec": {"id": PAYPAL_SPEC, "version": "1.0"},
        }
        return self("POST", "/sourceConnections", json=body)


def paypal_body(
    name: str = "PayPal connection", *, secret: str = PAYPAL_SECRET, **changes: Any
) -> dict[str, Any]:
    """The body of Adobe's PayPal tutorial."""
    params = {"host": "api.sandbox.paypal.com", "clientId": PAYPAL_ID, "clientSecret": secret}
    body = {
        "name": name,
        "auth": {"specName": PAYPAL_AUTH, "params": params},
        "connectionSpec": {"id": PAYPAL_SPEC, "version": "1.0"},
    }
    return {**body, **changes}
