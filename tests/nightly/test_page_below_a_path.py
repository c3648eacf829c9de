"""The page of an Airflow whose `base_url` has a path, as behind a proxy that serves other things too."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.harness.browser import SLOWEST, chromium
from tests.harness.emulator import Emulator
from tests.harness.page_server import page_server

pytestmark = pytest.mark.nightly


def test_everything_is_below_the_path(emulator: Emulator, tmp_path: Path) -> None:
    """In the frame: page, assets, data, icon, address bar, and the link to a DAG's task."""
    emulator.control("POST", "fleet", {"flows": 60, "runs": 3, "failed": 3})
    with page_server(tmp_path / "airflow", emulator, path="/data/airflow") as server, chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(SLOWEST)
        context.add_cookies([{"name": "_token", "value": server.token("olaf"), "url": f"{server.url}/"}])
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        page.goto(f"{server.url}/plugin/aep")
        frame = page.frame_locator("iframe")
        frame.locator("#table tbody tr").nth(59).wait_for()
        assert "/data/airflow/aep/fleet/aep_default" in asked
        assert all(path.startswith("/data/airflow/") for path in asked if "aep" in path)
        address = page.url
        assert "/data/airflow/plugin/aep" in address
        assert "connection=aep_default&sandbox=prod" in address
        page.goto(f"{address}&health=failed")
        frame.locator("#table tbody tr").nth(2).wait_for()
        assert frame.locator("#table tbody tr").count() == 3
        context.close()
