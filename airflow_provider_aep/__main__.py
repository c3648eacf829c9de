"""``python -m airflow_provider_aep sources [NAME]``: as ``airflow aep``, on every version of Airflow."""

from __future__ import annotations

import argparse

from airflow_provider_aep.cli import SOURCES_ARGUMENTS, SOURCES_HELP


def parser() -> argparse.ArgumentParser:
    """One command a sub-parser."""
    command = argparse.ArgumentParser(
        prog="python -m airflow_provider_aep", description="Adobe Experience Platform."
    )
    commands = command.add_subparsers(dest="command", required=True)
    sources = commands.add_parser("sources", help=SOURCES_HELP, description=SOURCES_HELP)
    for flags, keywords in SOURCES_ARGUMENTS:
        sources.add_argument(*flags, **keywords)
    return command


def main() -> None:
    """Run the command that is named."""
    from airflow_provider_aep.cli.sources import run

    run(parser().parse_args())


if __name__ == "__main__":
    main()
