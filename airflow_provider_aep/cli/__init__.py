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

ERRORS_HELP = "list the errors of this provider by their codes, or show one with its cause and what to do"

ERRORS_ARGUMENTS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("code",),
        {"nargs": "?", "help": "a code or a class, such as AEP-E303, AepAuthError, or Adobe's FLOW-1418-400"},
    ),
)

COMMANDS = {"sources": (SOURCES_HELP, SOURCES_ARGUMENTS), "errors": (ERRORS_HELP, ERRORS_ARGUMENTS)}
"""Each command's help and arguments. What it does is ``run`` in the module of its name."""
