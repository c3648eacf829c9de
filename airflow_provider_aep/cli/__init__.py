"""Commands: ``airflow aep ...`` from Airflow 3.2 on, ``python -m airflow_provider_aep ...`` everywhere."""

from __future__ import annotations

from typing import Any

SOURCES_HELP = "list the sources this provider knows, or show one with a DAG for it"

SOURCES_ARGUMENTS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("name",), {"nargs": "?", "help": "a source, such as paypal or 'Amazon S3'; all if none is named"}),
    (
        ("--live",),
        {
            "action": "store_true",
            "help": "compare with the platform behind --aep-conn-id: new, gone, changed",
        },
    ),
    (("--aep-conn-id",), {"default": "aep_default", "help": "an Airflow connection of type aep, for --live"}),
    (
        ("--sandbox",),
        {"default": None, "help": "a sandbox's name, for --live; the connection's own if not given"},
    ),
)
"""Flags and argparse's keywords, for both command lines."""
