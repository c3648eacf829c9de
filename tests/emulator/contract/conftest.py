"""Fixtures of the contract tests; the tests are skipped without Adobe's OpenAPI files."""

from __future__ import annotations

import pytest

from tests.harness.contract import openapi
from tests.harness.contract.recording import hook, path, sent

__all__ = ["hook", "path", "sent"]


@pytest.fixture(autouse=True)
def _openapi_files() -> None:
    if openapi.openapi_dir() is None:
        pytest.skip("AEP_OPENAPI_DIR does not name the folder of Adobe's OpenAPI files")
