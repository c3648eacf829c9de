"""Stands in for WTForms, which Airflow's server mocks where it is not installed."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """`import wtforms` gives fields that keep what they are given."""

    def field(label: str, **facts: Any) -> SimpleNamespace:
        return SimpleNamespace(label=label, **facts)

    module: Any = ModuleType("wtforms")
    module.IntegerField = module.StringField = module.FloatField = module.DecimalField = field
    module.validators = ModuleType("wtforms.validators")
    module.validators.Optional = SimpleNamespace
    monkeypatch.setitem(sys.modules, "wtforms", module)
    monkeypatch.setitem(sys.modules, "wtforms.validators", module.validators)
