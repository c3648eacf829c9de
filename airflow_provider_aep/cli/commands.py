"""The commands that Airflow adds to its own.

Every ``airflow`` command loads this module, so it imports only texts of this package.
"""

from __future__ import annotations

from argparse import ArgumentParser

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

from airflow_provider_aep.cli import COMMANDS, add_argument, module_of


class _Argument(Arg):
    def add_to_parser(self, parser: ArgumentParser) -> None:
        add_argument(parser, self.flags, self.kwargs)


def get_commands() -> list[CLICommand]:
    """Return the command group ``airflow aep``."""
    commands = [
        ActionCommand(
            name=name,
            help=text,
            func=lazy_load_command(f"{module_of(name)}.run"),
            args=[_Argument(flags, **keywords) for flags, keywords in arguments],  # type: ignore[no-untyped-call]
        )
        for name, (text, arguments) in COMMANDS.items()
    ]
    return [GroupCommand(name="aep", help="Adobe Experience Platform", subcommands=commands)]
