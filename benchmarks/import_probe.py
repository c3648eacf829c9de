"""Imports one module and says what that took.

Alone in its process: the other benchmarks import `requests`, which would then cost nobody anything.
"""

from __future__ import annotations

import importlib
import json
import sys
import time


def main(module: str) -> None:
    """First what a DAG file has anyway, then the module."""
    from airflow.sdk import DAG, BaseOperator, task  # noqa: F401 - Airflow imports each when it is asked for

    before = set(sys.modules)
    missing = False
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # it is there, and lacks something
        missing = True
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    added = sorted(set(sys.modules) - before)
    print(json.dumps({"cpu": cpu, "wall": wall, "added": added, "missing": missing}))


if __name__ == "__main__":
    main(sys.argv[1])
