"""`make test-mutation`: whether the tests notice when the pure parts do something else."""

from __future__ import annotations
