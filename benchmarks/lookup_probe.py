"""Measure the seconds that the first search of the catalogue of sources takes, which loads it."""

from __future__ import annotations

import time

from airflow_provider_aep.flow_service.sources import find_source
from benchmarks import process

if __name__ == "__main__":
    start = time.perf_counter()
    find_source("Salesforce Marketing Cloud")
    process.answer(time.perf_counter() - start)
