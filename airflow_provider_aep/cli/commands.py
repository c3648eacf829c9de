"""What ``airflow`` adds to its commands. Each of them loads it, so it imports nothing of ours but texts."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

from airflow_provider_aep.cli import COMMANDS


def get_commands() -> list[CLICommand]:
    """The group ``airflow aep``."""
    commands = [
        ActionCommand(
            name=name,
            help=text,
            func=lazy_load_command(f"airflow_provider_aep.cli.{name}.run"),
            args=[Arg(flags, **keywords) for flags, keywords in arguments],  # type: ignore[no-untyped-call]
        )
        for name, (text, arguments) in COMMANDS.items()
    ]
    return [GroupCommand(name="aep", help="Adobe Experience Platform", subcommands=commands)]
