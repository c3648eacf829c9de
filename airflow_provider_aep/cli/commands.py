"""What ``airflow`` adds to its commands. Each of them loads it, so it imports nothing of ours but texts."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

from airflow_provider_aep.cli import SOURCES_ARGUMENTS, SOURCES_HELP


def get_commands() -> list[CLICommand]:
    """The group ``airflow aep``."""
    sources = ActionCommand(
        name="sources",
        help=SOURCES_HELP,
        func=lazy_load_command("airflow_provider_aep.cli.sources.run"),
        args=[Arg(flags, **keywords) for flags, keywords in SOURCES_ARGUMENTS],  # type: ignore[no-untyped-call]
    )
    return [GroupCommand(name="aep", help="Adobe Experience Platform", subcommands=[sources])]
