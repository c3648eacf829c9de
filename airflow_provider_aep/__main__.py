"""``python -m airflow_provider_aep COMMAND``: the same as ``airflow aep``, on every version of Airflow."""

from __future__ import annotations

import argparse
import importlib

from airflow_provider_aep.cli import COMMANDS, add_argument, module_of


def parser() -> argparse.ArgumentParser:
    """Return the parser, with a sub-parser for each command."""
    command = argparse.ArgumentParser(
        prog="python -m airflow_provider_aep", description="Adobe Experience Platform."
    )
    commands = command.add_subparsers(dest="command", required=True)
    for name, (text, arguments) in COMMANDS.items():
        own = commands.add_parser(name, help=text, description=text)
        for flags, keywords in arguments:
            add_argument(own, flags, keywords)
    return command


def main() -> None:
    """Run the command that the arguments name."""
    options = parser().parse_args()
    importlib.import_module(module_of(options.command)).run(options)


if __name__ == "__main__":
    main()
