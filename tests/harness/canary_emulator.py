"""Starts the emulator with canaries as its secrets, tokens included, and notes what it is sent.

Its own accounts are published, so they are no secrets. `EMULATOR_CANARIES` says in JSON what stands in their
place, and names a file for targets and headers of all requests as they came: the emulator's own log is
redacted, and would hide a client that puts a secret into a URL. Imports nothing of the tests: it runs where
the emulator is installed.
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

sys.path[0] = ""  # as with `-m`: what stands beside this file is not to be found


def main(canaries: dict[str, str]) -> int:
    """As `python -m airflow_provider_aep.emulator`."""
    from airflow_provider_aep.emulator import settings

    # KNOWN_SECRETS stays: a canary must be redacted for where it stands, not for being known.
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
