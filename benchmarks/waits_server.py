"""The tests' server of runs, which also answers what peers' triggers ask: a job that goes on."""

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

_PEERS = {
    "/jobs/runs/get": (200, _DATABRICKS),  # /api/2.2/jobs/runs/get
    "/jobs/": (200, _AIRBYTE),  # /jobs/{id}
    "/accounts/": (200, {"data": {"id": 1, "status": 3}}),  # dbt Cloud: /api/v2/accounts/{id}/runs/{id}/
    "/http/": (404, {}),  # HttpSensor's trigger waits while it is not found
}


class WaitsServer(run_server.RunServer):
    """A part of the path tells whose job it is."""

    def _answer(self, target: str, body: bytes) -> tuple[int, Any]:
        path = urlsplit(target).path
        for part, answer in _PEERS.items():
            if part in path:
                self.log.append(target)
                return answer
        return super()._answer(target, body)


if __name__ == "__main__":
    run_server.main(*sys.argv[1:], kind=WaitsServer)
