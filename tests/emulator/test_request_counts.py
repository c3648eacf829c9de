"""How many requests and TCP connections a create may cost."""

from __future__ import annotations

import pytest

from tests.harness.emulator import PAYPAL_SPEC, Emulator
from tests.harness.workers import Workers, existing


@pytest.mark.parametrize(
    ("validation", "asked"), [("live", [("GET", PAYPAL_SPEC)]), ("offline", [])], ids=["live", "offline"]
)
def test_a_cold_create_sends_four_requests(
    emulator: Emulator, workers: Workers, validation: str, asked: list[tuple[str, str]]
) -> None:
    """Token, list, POST, list, and one for the source's spec: every task would pay for more."""
    made = workers.start(emulator.url, validation=validation).returned()
    sent = [(entry["method"], entry["path"].rsplit("/", 1)[1]) for entry in emulator.requests()]
    assert sent == [
        ("POST", "v3"), ("GET", "connections"), *asked, ("POST", "connections"), ("GET", "connections"),
    ]  # fmt: skip
    assert existing(emulator) == [made]


def test_ten_thousand_other_connections_add_no_request(emulator: Emulator, workers: Workers) -> None:
    """AEP filters the list by source and name: a create and a reuse read one page, as in an empty sandbox."""
    counts = []
    for others in (0, 10_000):
        emulator.reset()
        for _ in range(4):
            emulator.control("POST", "fleet", {"flows": 0, "runs": 0, "connections": others // 4})
        assert emulator.state()["connections"] == others
        for run_id in ("first", "another"):
            emulator.forget_requests()
            workers.start(emulator.url, run_id=run_id).returned()
            counts.append([(entry["method"], entry["path"]) for entry in emulator.requests()])
    assert counts[:2] == counts[2:]
    assert [len(count) for count in counts] == [5, 2, 5, 2]


def test_a_reuse_sends_two_requests(emulator: Emulator, workers: Workers) -> None:
    """Token and list: most runs of a scheduled DAG find an existing entity."""
    made = workers.start(emulator.url).returned()
    emulator.forget_requests()
    assert workers.start(emulator.url, run_id="another").returned() == made
    sent = [(entry["method"], entry["path"].rsplit("/", 1)[1]) for entry in emulator.requests()]
    assert sent == [("POST", "v3"), ("GET", "connections")]


def test_a_hook_opens_one_tcp_connection(emulator: Emulator, workers: Workers) -> None:
    """A new connection a request is a TLS handshake a request, at Adobe's distance."""
    workers.start(emulator.url).returned()
    numbers = {entry["connection"] for entry in emulator.requests()}
    assert len(emulator.requests()) == 5
    assert len(numbers) == 1
