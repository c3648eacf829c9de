"""Commands: ``airflow aep ...`` from Airflow 3.2 on, ``python -m airflow_provider_aep ...`` everywhere."""

from __future__ import annotations

from typing import Any

SOURCES_HELP = "list the sources this provider knows, or show one with a DAG for it"

SOURCES_ARGUMENTS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("name",), {"nargs": "?", "help": "a source, such as paypal or 'Amazon S3'; all sources if left out"}),
    (
        ("--live",),
        {
            "action": "store_true",
            "help": "compare with AEP, by --aep-conn-id: new, gone and changed sources",
        },
    ),
    (
        ("--aep-conn-id",),
        {"default": "aep_default", "help": "Airflow connection of type aep, for --live"},
    ),
    (
        ("--sandbox",),
        {"default": None, "help": "the sandbox's name, for --live; the connection's own if left out"},
    ),
)
"""Flags and their argparse keywords, for both command lines."""

ERRORS_HELP = "list the errors of this provider by code, or show one with its cause and what to do"

ERRORS_ARGUMENTS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("code",),
        {
            "nargs": "?",
            "help": "a code or class, such as AEP-E303 or AepAuthError, or Adobe's FLOW-1418-400",
        },
    ),
)

COMMANDS = {"sources": (SOURCES_HELP, SOURCES_ARGUMENTS), "errors": (ERRORS_HELP, ERRORS_ARGUMENTS)}
"""Help and arguments of each command. The command is the function ``run`` in the module of its name."""
