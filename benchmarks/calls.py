"""CPU that one call costs, beside a bare `requests.Session` and the http provider's hook."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import process
from benchmarks.certificate import make_certificate
from benchmarks.report import Block, Row
from benchmarks.server import ITEM_ID, SIZE, serving
from benchmarks.timing import Calls, compare

ROUNDS, CALLS, FRESH = 9, 200, 20
MOST = 1.15
PATH = f"/data/foundation/flowservice/connections/{ITEM_ID}"

TITLE = "CPU per call (bare session = 1)"
METHOD = f"""
Turns of {CALLS} calls ({FRESH} where each call makes a hook), median of {ROUNDS}, each set against the bare
requests.Session of its own round. A keep-alive server in its own process answers {SIZE} bytes of JSON,
which every side decodes. Over https every side checks a certificate made for this run; its authority is
appended to the usual bundle, as a company's is. The environment sets no proxy and no bundle; a bare session
reads the environment at each call all the same, unless its trust_env is off.
"""


def measure() -> Block:
    """One fresh process for http, one for https."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        ca, certificate, key = make_certificate(Path(folder))
        with serving() as url:
            rows += _rows("http", process.run(__name__, url, **process.airflow_connections(url)))
        with serving(certificate, key) as url:
            rows += _rows("https", process.run(__name__, url, ca, **process.airflow_connections(url, ca)))
    return Block(TITLE, METHOD, rows)


def _rows(scheme: str, costs: dict[str, Any]) -> list[Row]:
    ratio = {name: cost["cpu_ratio"] for name, cost in costs.items()}
    bare = f"bare {costs['bare']['cpu'] * 1e6:.0f} us\nbare, trust_env off {ratio['untrusting']:.2f}"
    figures = {name: f"{ratio[name]:.2f} ({costs[name]['cpu'] * 1e6:.0f} us)" for name in costs}
    return [
        Row(
            f"{scheme}: run(), a hook kept",
            figures["run"],
            f"at most {MOST}",
            f"HttpHook kept {ratio['http_hook_kept']:.2f}\n{bare}",
            ratio["run"] <= MOST,
        ),
        Row(
            f"{scheme}: get_connection_details()",
            figures["details"],
            f"at most {MOST}",
            "",
            ratio["details"] <= MOST,
        ),
        Row(
            f"{scheme}: run(), a new hook each",
            figures["new_hook"],
            "",
            f"a new HttpHook each {ratio['new_http_hook']:.2f}",
            None,
        ),
    ]


# In the measured process


def main(url: str, ca: str | None = None) -> None:
    """All sides, in turns."""
    import requests
    from airflow.providers.http.hooks.http import HttpHook

    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    session, untrusting = requests.Session(), requests.Session()
    untrusting.trust_env = False
    hook, http_hook = FlowServiceHook(), HttpHook("GET")
    headers = {
        "Authorization": "Bearer t",
        "x-api-key": "emulator-client-id",
        "x-gw-ims-org-id": "0123456789ABCDEF01234567@AdobeOrg",
        "x-sandbox-name": "prod",
    }
    options: dict[str, Any] = {"headers": headers, "timeout": 30}
    if ca:
        options["verify"] = ca  # with the call: the environment would win over the session's own
    endpoint = f"connections/{ITEM_ID}"
    sides: dict[str, Callable[[], Calls]] = {
        "bare": _times(CALLS, lambda: session.get(url + PATH, **options).json()),
        "untrusting": _times(CALLS, lambda: untrusting.get(url + PATH, **options).json()),
        "run": _times(CALLS, lambda: hook.run(endpoint).json()),
        "details": _times(CALLS, lambda: hook.get_connection_details(ITEM_ID)),
        "http_hook_kept": _times(CALLS, lambda: http_hook.run(PATH, headers=headers).json()),
        "new_hook": _times(FRESH, lambda: FlowServiceHook().run(endpoint).json()),
        "new_http_hook": _times(FRESH, lambda: HttpHook("GET").run(PATH, headers=headers).json()),
    }
    costs = compare(sides, base="bare", rounds=ROUNDS)
    process.answer({name: asdict(cost) for name, cost in costs.items()})


def _times(number: int, call: Callable[[], object]) -> Callable[[], Calls]:
    return lambda: [call] * number


if __name__ == "__main__":
    main(*sys.argv[1:])
