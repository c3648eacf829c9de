"""Run the emulator from the command line."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from dataclasses import fields

from airflow_provider_aep import __version__
from airflow_provider_aep.emulator import sources
from airflow_provider_aep.emulator.app import build
from airflow_provider_aep.emulator.output import Output
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.server import serve
from airflow_provider_aep.emulator.settings import Settings
from airflow_provider_aep.emulator.store import MemoryStore, StateFileError, Store

SWITCHES = {
    "cloud": (("azure", "aws"), "aws: creation is asynchronous, etags are UUIDs"),
    "validate_on_create": (("off", "sync", "async"), "how POST checks source credentials"),
    "failed_test": (("result", "error"), 'a failing /test: 200 {"result": false}, or 400'),
    "delete_in_use": (("refuse", "allow"), "DELETE of a connection that has source connections"),
    "shown_secrets": (("omit", "mask"), "what GET shows of secret parameters"),
    "drafts": (("on", "off"), "whether `?mode=draft` is offered"),
    "flow_states": (
        ("immediate", "gradual"),
        "gradual: a flow is `initializing`, `updating` and so on first",
    ),
    "get_several_datasets": (("omit", "refuse"), "GET of several datasets of which one is missing"),
    "run_reply": (("both", "items", "bare"), "POST /runs: with `items`, without, or so that either is found"),
    "partial_diagnostics": (
        ("separate", "forced"),
        "forced: `partialIngestionPercent` alone enables error diagnostics",
    ),
    "failed_batch_files": (
        ("diagnostics", "always"),
        "files of a failed batch: with error diagnostics only, or always",
    ),
    "file_links": (("own", "foreign"), "host in links to files: the emulator's, or another one with a port"),
    "failed_run_end": (("shown", "omitted"), "whether a failed run has `completedAtUTC`"),
    "delete_missing_dataset": (
        ("not-found", "empty"),
        "DELETE of a dataset that does not exist: 404, or 200 with an empty array",
    ),
    "journal_envelope": (
        ("plain", "messages", "alerts"),
        "form and codes of the journal's events",
    ),
    "journal_delivery": (
        ("exact", "shuffled"),
        "shuffled: some of the journal's events come twice, or out of order",
    ),
    "journal_sandboxes": (
        ("all", "production"),
        "production: the journal leaves out other sandboxes than `prod`",
    ),
    "effective_policies": (
        ("answer", "refuse"),
        "refuse: a credential without an administrator cannot ask for its permissions",
    ),
}


def parser() -> argparse.ArgumentParser:
    """Return the parser, with one option a switch; `docs/emulator.md` explains each."""
    command = argparse.ArgumentParser(
        prog="python -m airflow_provider_aep.emulator",
        description="A local Adobe Experience Platform.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.add_argument("--version", action="version", version=__version__)
    command.add_argument("--host", default="127.0.0.1", help="address to listen on")
    command.add_argument("--port", type=int, default=8787, help="port to listen on; 0 takes a free one")
    command.add_argument("--state", metavar="FILE", help="keep the state in this file; without it, in memory")
    defaults = {field.name: field.default for field in fields(Settings)}
    for name, (choices, text) in SWITCHES.items():
        option = "--" + name.replace("_", "-")
        command.add_argument(option, choices=choices, default=defaults[name], help=text)
    command.add_argument(
        "--withdrawn",
        metavar="NAMES",
        action="append",
        default=[],
        help="sources that the platform no longer offers, such as paypal,stripe",
    )
    command.add_argument(
        "--list-lag",
        metavar="SECONDS",
        type=_seconds,
        default=defaults["list_lag"],
        help="how long after its creation an entity is missing in lists, by the emulator's clock",
    )
    command.add_argument(
        "--error-file-records",
        metavar="N",
        type=_positive,
        default=defaults["error_file_records"],
        help="failed records in each file of error diagnostics",
    )
    command.add_argument(
        "--paypal",
        choices=("available", "removed"),
        default="available",
        help="removed: another spelling of `--withdrawn paypal`",
    )
    return command


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds >= 0:
        raise argparse.ArgumentTypeError("must be a number of seconds, not negative")
    return seconds


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be a whole number greater than 0")
    return number


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise OSError if the address cannot be used."""
    if not 0 <= port <= 65535:  # getaddrinfo takes a port modulo 65536
        raise OSError("the port is invalid")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code is then 0."""
    options = parser().parse_args(arguments)
    switches = {name: getattr(options, name) for name in SWITCHES}
    names = [*options.withdrawn, "paypal" if options.paypal == "removed" else ""]
    try:
        withdrawn = sources.named(",".join(names))
        settings = Settings(
            **switches,
            withdrawn=withdrawn,
            list_lag=options.list_lag,
            error_file_records=options.error_file_records,
        )
    except ValueError as error:
        return _fail(str(error))
    try:
        sock = listen(options.host, options.port)
    except (OSError, UnicodeError) as error:  # UnicodeError: the host name is invalid
        return _fail(f"cannot listen on {options.host}:{options.port}: {error}")
    try:
        store = Store(options.state) if options.state else MemoryStore()
    except StateFileError as error:
        sock.close()
        return _fail(str(error))
    output = Output()
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{sock.getsockname()[1]}"
    serve(build(Platform(settings, store), output), sock, lambda: output.line(f"listening on {url}"))
    output.close()
    store.close()
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(f"emulator: {sentence}\n")
    return 1
