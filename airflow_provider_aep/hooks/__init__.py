"""The way out: one module a service. Only hooks speak HTTP."""

from __future__ import annotations
