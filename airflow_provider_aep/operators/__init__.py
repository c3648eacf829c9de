"""The operators. An operator checks its parameters, calls a hook, keeps the entity's id, and returns it."""

from __future__ import annotations
