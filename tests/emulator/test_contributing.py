"""The test that CONTRIBUTING.md tells a contributor to copy."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path

import pytest

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_the_test_to_copy_passes(request: pytest.FixtureRequest) -> None:
    """As it is printed, with the fixtures of `tests/conftest.py`."""
    [code] = CONTRIBUTING.read_text("utf-8").split("```python\n")[1:]
    module: dict[str, Callable[..., None]] = {}
    exec(compile(code.partition("```")[0], CONTRIBUTING.name, "exec"), module)
    [test] = [value for name, value in module.items() if name.startswith("test_")]
    test(**{name: request.getfixturevalue(name) for name in signature(test).parameters})
