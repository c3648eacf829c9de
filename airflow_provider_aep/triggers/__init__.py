"""Triggers that wait in the triggerer. All waits on one connection and sandbox share one poller."""

from __future__ import annotations
