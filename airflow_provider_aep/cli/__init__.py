"""Commands: ``airflow aep ...`` from Airflow 3.2 on, ``python -m airflow_provider_aep ...`` everywhere."""

from __future__ import annotations

from argparse import REMAINDER, ArgumentParser
from keyword import iskeyword
from typing import Any

Argument = tuple[tuple[str, ...], dict[str, Any]]
"""The flags of an argument and their argparse keywords, for both command lines."""

CONNECTION: tuple[Argument, ...] = (
    (
        ("--conn-id", "--aep-conn-id"),
        {"default": "aep_default", "metavar": "ID", "help": "Airflow connection of type aep (aep_default)"},
    ),
    (
        ("--sandbox",),
        {"default": None, "metavar": "NAME", "help": "sandbox; the connection's own if left out"},
    ),
)
"""The arguments of a command that asks AEP."""

OUTPUT: Argument = (
    ("-o", "--output"),
    {"choices": ("table", "json"), "default": "table", "help": "table, or one JSON document on stdout"},
)

COMMANDS: dict[str, tuple[str, tuple[Argument, ...]]] = {
    "status": (
        "show every dataflow and how it is, worst first",
        (
            (
                ("--since",),
                {"default": "24h", "metavar": "TIME", "help": "count the runs of this time (24h)"},
            ),
            (
                ("--health",),
                {"default": None, "metavar": "H,H", "help": "only these: failed, partial, late, never_ran, "
                 "running, ok, disabled, unknown"},
            ),
            (
                ("--check",),
                {"action": "store_true", "help": "exit with 1 if a dataflow is failed, partial or late"},
            ),
            *CONNECTION,
            OUTPUT,
        ),
    ),
    "failures": (
        "show why a flow run failed or lost records, and which records",
        (
            (
                ("id",),
                {"metavar": "ID", "help": "a flow run, or a dataflow: its newest run that failed or lost "
                 "records"},
            ),
            (
                ("--rows",),
                {"type": int, "default": 10, "metavar": "N", "help": "show this many failed records (10)"},
            ),
            (
                ("--save",),
                {"default": None, "metavar": "DIR", "help": "write every failed record with its values to "
                 "DIR/RUN_ID.jsonl"},
            ),
            (
                ("--show-values",),
                {"action": "store_true", "help": "show the values of the records: they are personal data"},
            ),
            *CONNECTION,
            OUTPUT,
        ),
    ),
    "orphans": (
        "list connections and mapping sets that nothing uses, or delete them",
        (
            (
                ("--older-than",),
                {"default": "1d", "metavar": "TIME",
                 "help": "omit what was created or changed in this time (1d)"},
            ),
            (
                ("--delete",),
                {"action": "store_true", "help": "ask, then delete those that this provider made"},
            ),
            (
                ("--yes",),
                {"action": "store_true", "help": "delete without asking"},
            ),
            *CONNECTION,
            OUTPUT,
        ),
    ),
    "doctor": (
        "find every reason why the provider may not work here, with the fix",
        (
            (
                ("--source",),
                {"action": "append", "default": [], "metavar": "NAME", "help": "a source that AEP must "
                 "offer, besides those of this Airflow's DAGs; repeatable"},
            ),
            *CONNECTION,
            OUTPUT,
        ),
    ),
    "plan": (
        "show what a run of a DAG would create, without creating anything",
        (
            (("dag_id",), {"metavar": "DAG_ID", "help": "the DAG"}),
            (
                ("--conf",),
                {"default": None, "metavar": "JSON", "help": "the run's configuration, as for a trigger"},
            ),
            (
                ("--check",),
                {"action": "store_true", "help": "exit with 1 if a run would do anything but reuse"},
            ),
            OUTPUT,
        ),
    ),
    "import": (
        "write a DAG file for each dataflow that exists, whoever made it",
        (
            (("ids",), {"nargs": "*", "metavar": "ID", "help": "the id of a dataflow"}),
            (("--all",), {"action": "store_true", "help": "import every dataflow of the sandbox"}),
            (("--out",), {"default": ".", "metavar": "DIR", "help": "directory for the files (.)"}),
            (("--force",), {"action": "store_true", "help": "overwrite files that exist"}),
            *CONNECTION,
            OUTPUT,
        ),
    ),
    "cost": (
        "show what a number of dataflows costs AEP and Airflow, and which limit it meets first",
        (
            (
                ("--dataflows",),
                {"type": int, "default": 50, "metavar": "N", "help": "number of dataflows (50)"},
            ),
            (
                ("--interval",),
                {"default": "1h", "metavar": "TIME", "help": "time between two runs of a dataflow (1h)"},
            ),
            (("--run-length",), {"default": "10m", "metavar": "TIME", "help": "time that a run takes (10m)"}),
            (
                ("--poll-interval",),
                {"default": None, "metavar": "TIME", "help": "`poll_interval` of the waits; 5 s to 5 min, by "
                 "the run's age, if left out"},
            ),
            (
                ("--retries",),
                {"type": float, "default": 0.0, "metavar": "X", "help": "further tries of a wait, on "
                 "average (0)"},
            ),
            (
                ("--reuses",),
                {"type": float, "default": 0.0, "metavar": "X", "help": "create tasks in each DAG run, which "
                 "find what exists (0)"},
            ),
            (
                ("--triggerers",),
                {"type": int, "default": 1, "metavar": "N", "help": "processes of `airflow triggerer` (1)"},
            ),
            (
                ("--capacity",),
                {"type": int, "default": 1000, "metavar": "N", "help": "`[triggerer] capacity` (1000)"},
            ),
            (("--slots",), {"type": int, "default": 32, "metavar": "N", "help": "worker slots (32)"}),
            (
                ("--latency",),
                {"type": float, "default": 300.0, "metavar": "MS", "help": "milliseconds until AEP has "
                 "answered a request (300)"},
            ),
            OUTPUT,
        ),
    ),
    "sources": (
        "list the sources this provider knows, or show one with a DAG for it",
        (
            (
                ("name",),
                {"nargs": "?", "help": "a source, such as paypal or 'Amazon S3'; all sources if left out"},
            ),
            (
                ("--live",),
                {
                    "action": "store_true",
                    "help": "compare with AEP, by --conn-id: new, gone and changed sources",
                },
            ),
            *CONNECTION,
            OUTPUT,
        ),
    ),
    "errors": (
        "list the errors of this provider by code, or show one with its cause and what to do",
        (
            (
                ("code",),
                {
                    "nargs": "?",
                    "help": "a code or class, such as AEP-E303 or AepAuthError, or Adobe's FLOW-1418-400",
                },
            ),
            OUTPUT,
        ),
    ),
    "emulator": (
        "run a local AEP; `emulator --help` shows its own options",
        ((("arguments",), {"nargs": REMAINDER, "metavar": "...", "help": "options of the emulator"}),),
    ),
}  # fmt: skip
"""Help and arguments of each command. The command is the function ``run`` in the module of its name."""


def add_argument(parser: ArgumentParser, flags: tuple[str, ...], keywords: dict[str, Any]) -> None:
    """Add an argument to the parser of a command."""
    if keywords.get("nargs") == REMAINDER:
        parser.prefix_chars = ""  # otherwise the parser would read `--help`, and refuse what it does not know
    parser.add_argument(*flags, **keywords)


def module_of(name: str) -> str:
    """Return the module of a command. The name of a keyword gets a ``_``."""
    return f"airflow_provider_aep.cli.{name}{'_' * iskeyword(name)}"
