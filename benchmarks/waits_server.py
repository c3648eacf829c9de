"""The tests' server of runs, which also answers what two peers' triggers ask: a job that goes on."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from tests.harness import run_server

_AIRBYTE = {
    "jobId": 1,
    "jobType": "sync",
    "status": "running",
    "startTime": "2026-01-01T00:00:00Z",
    "connectionId": "24151d58-ffa7-4960-951d-58ffa7396097",
}
_DATABRICKS = {"run_id": 1, "state": {"life_cycle_state": "RUNNING", "state_message": "", "result_state": ""}}


class WaitsServer(run_server.RunServer):
    """`/jobs/{id}` is Airbyte's, `/api/2.2/jobs/runs/get` Databricks's."""

    def _answer(self, target: str, body: bytes) -> tuple[int, Any]:
        path = urlsplit(target).path
        if path.endswith("/jobs/runs/get"):
            self.log.append(target)
            return 200, _DATABRICKS
        if "/jobs/" in path:
            self.log.append(target)
            return 200, _AIRBYTE
        return super()._answer(target, body)


if __name__ == "__main__":
    run_server.main(*sys.argv[1:], kind=WaitsServer)
