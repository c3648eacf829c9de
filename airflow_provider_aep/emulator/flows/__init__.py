"""Dataflows, their schedules, their runs, and the ingestion of records."""

from __future__ import annotations
