"""Fixtures for all tests. Nothing here imports Airflow before a test needs it."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.harness.figures", "tests.harness.connections", "tests.harness.shared_token"]

# Before anything imports Airflow: it makes its home and reads its configuration at once.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
# Tests count requests, and the emulators of two tests can have one address. Only tests of the cache use it.
os.environ["AIRFLOW__AEP__TOKEN_CACHE"] = "False"

# No property depends on speed. `make test` tries the same few examples each time, `make test-nightly` more.
NO_HURRY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("few", derandomize=True, **NO_HURRY)
settings.register_profile("many", max_examples=2000, print_blob=True, **NO_HURRY)
settings.load_profile("few")
