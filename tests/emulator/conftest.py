"""Fixtures of the tests that run the client in processes of its own, and the search at each test's end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.canary_plugin import (
    _what_is_read_is_searched,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_unconfigure,
)
from tests.harness.workers import Workers

__all__ = [
    "_what_is_read_is_searched",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_unconfigure",
]


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Starts tries of a create in real processes."""
    with Workers(tmp_path_factory.mktemp("workers")) as workers:
        yield workers
