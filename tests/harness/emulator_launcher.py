"""Starts the emulator with canaries as its secrets, tokens included, and notes what it is sent.

Its published accounts are not secret, so `EMULATOR_CANARIES` (JSON) replaces them. It also names a file for
targets and headers of all requests as they came: the emulator's own log is redacted, and would hide a
client that puts a secret into a URL. This file imports nothing of the tests: it runs where only the
emulator is installed.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path[0] = ""  # as with `-m`: the files next to this one must not be importable


def main(canaries: dict[str, str]) -> int:
    """Run as `python -m airflow_provider_aep.emulator` does."""
    from airflow_provider_aep.emulator import settings

    # KNOWN_SECRETS stays: a canary must be redacted for its place in a request, not for being known.
    for name in ("CLIENT_SECRET", "PAYPAL_ID", "PAYPAL_SECRET"):
        setattr(settings, name, canaries[name])

    from airflow_provider_aep.emulator import cli, platform, request_log

    platform.secrets = SimpleNamespace(  # type: ignore[assignment]
        token_hex=secrets.token_hex,
        token_urlsafe=lambda size: canaries["TOKEN"] + secrets.token_urlsafe(size),
    )
    add = request_log.RequestLog.add
    notes = Path(canaries["notes"]).open("ab", buffering=0)  # noqa: SIM115 - for as long as the process

    def noting(log: request_log.RequestLog, request: Any, *rest: Any) -> Any:
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
        with suppress(OSError):  # a test may have filled the disk
            notes.write(json.dumps([target.decode("latin-1"), headers]).encode() + b"\n")
        return add(log, request, *rest)

    request_log.RequestLog.add = noting  # type: ignore[method-assign]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main(json.loads(os.environ.pop("EMULATOR_CANARIES"))))
