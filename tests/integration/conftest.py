"""Fixtures of the tests that run the client in processes of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.workers import Workers


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Starts tries of a create in real processes."""
    with Workers(tmp_path_factory.mktemp("workers")) as workers:
        yield workers
