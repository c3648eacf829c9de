"""The page about the fault matrix, made from its data."""

from __future__ import annotations

from tests.faults import page


def test_the_page_is_current() -> None:
    """What is checked in is what the data says."""
    assert page.TARGET.read_text("utf-8") == page.page(), "run `python -m tests.faults.page`"
