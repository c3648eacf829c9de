"""Answers about the dataflows of a sandbox, as plain data: for commands, Airflow's UI and operators."""

from __future__ import annotations
