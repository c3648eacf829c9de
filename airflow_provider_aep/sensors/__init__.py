"""Sensors that wait for runs."""

from __future__ import annotations
