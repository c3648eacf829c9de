"""Runs asked for and decided about, and what the sample table holds."""

from __future__ import annotations

from typing import Any

import requests

from tests.harness.emulator_path import Path

DAY = 86400
BASE_ROWS = 320  # of PayPal.Catalog_Products
NEW_ROWS = 3  # a day


def on_demand(path: Path, flow: str, **params: Any) -> requests.Response:
    """POST a run for a window, by default for all time."""
    window = {"startTime": path.now(), "windowStartTime": 0, "windowEndTime": path.now()}
    body = {"flowId": flow, "params": {**window, "deltaColumn": {"name": "Create_Time"}, **params}}
    body["params"] = {name: value for name, value in body["params"].items() if value is not None}
    return path.api("POST", "/runs", json=body)


def retrigger(path: Path, run: str, op: str = "re-trigger") -> requests.Response:
    """POST to the run's `/action`."""
    return path.api("POST", f"/runs/{run}/action", params={"op": op})


def decide(path: Path, run: str, **order: Any) -> dict[str, Any]:
    """How it ends."""
    return dict(path.emulator.control("POST", f"runs/{run}", order))


def ids(rows: list[dict[str, Any]]) -> list[str]:
    """The products' ids."""
    return [row["_emulator"]["Product_Id"] for row in rows]
