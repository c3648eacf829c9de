"""`make test-matrix`: the tests on every Airflow and Python that this provider claims."""

from __future__ import annotations
