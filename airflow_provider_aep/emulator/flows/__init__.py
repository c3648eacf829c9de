"""Dataflows: the two sides they join, their schedules, their runs, and the rows these move."""

from __future__ import annotations
