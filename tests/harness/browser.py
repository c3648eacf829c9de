"""A headless Chromium of this machine. No browser is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)
SLOWEST = 60_000.0
"""Milliseconds that a test waits for an element."""
SCREENSHOTS = os.environ.get("AEP_SCREENSHOTS")
"""The folder in which tests save screenshots, if it is set."""


def find_chromium() -> str:
    """Return the path of Chromium. Without it, tests fail in CI and are skipped elsewhere."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    missing = "This test needs Chromium. Install it, for example with `apt install chromium`."
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def chromium() -> Iterator[Any]:
    """Run the browser."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS))
        yield browser
        browser.close()


def screenshot(page: Any, name: str) -> None:
    """Save what the browser shows, if a folder for it is set."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")
