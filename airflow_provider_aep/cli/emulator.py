"""``emulator``: run the emulator, a local AEP, with its own options."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

from airflow_provider_aep.cli.command import USAGE, say
from airflow_provider_aep.flow_service.errors import AepConfigError

PROGRAM = "airflow_provider_aep.emulator"
NEEDED = ("starlette", "uvicorn")


def run(options: argparse.Namespace) -> None:
    """Replace this process by the emulator, which is a program of its own: it shares no code with Airflow.

    So signals, the exit code and the process id are those of the emulator.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        say(
            f"emulator: {' and '.join(missing)} cannot be imported. Install this provider with its extra "
            f"`[emulator]`. [{AepConfigError.stable_code}]"
        )
        sys.exit(USAGE)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", PROGRAM, *options.arguments])  # noqa: S606 - no shell is right
