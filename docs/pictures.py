"""Take the pictures of the site: `make docs-pictures`.

A real Airflow with the example DAGs runs against the emulator with sixty dataflows. Chromium opens its UI,
and the commands run in a terminal. The command needs Chromium. `ARGS="status doctor"` takes only these. Check
each picture before you commit it.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import StringIO
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from scripts.demos import INGESTION, PARSE_SECONDS, ROOT, RUN_SECONDS, seed
from scripts.local_airflow import LocalAirflow, until
from scripts.processes import end_by_signal, tell
from tests.harness.browser import SLOWEST, chromium

IMAGES = ROOT / "docs" / "images"
WINDOW = {"width": 1280, "height": 800}
COLUMNS = 120
WAIT = f"{INGESTION}.wait_for_run"
DIALOG = "[role=dialog][data-state=open]"
SETTLE = 1500.0
"""Milliseconds for what moves into its place."""
SEEN = "".join(
    f"localStorage.setItem('{key}', '{value}');"
    for key, value in {
        "theme": "light",
        "timezone": '"UTC"',
        "log_wrap": "true",
        "log_show_timestamp": "false",
        "react-resizable-panels:grid-ltr": (
            '{"details-panel,main-panel": {"expandToSizes": {}, "layout": [30, 70]}}'
        ),
        f"{INGESTION}/open-groups": f'["{INGESTION}"]',
    }.items()
)
"""What Airflow's UI remembers of its user."""


@dataclass(frozen=True)
class Stage:
    """A running Airflow, a browser's page, and two runs of a DAG, which the pictures show.

    :param ended: the path of a run that has succeeded
    :param waiting: the path of a run whose last task is deferred
    """

    airflow: LocalAirflow
    page: Any
    ended: str
    waiting: str

    def open(self, path: str, **window: int) -> Any:
        """Open a path of the UI in a window of the usual size, or of another one."""
        self.page.set_viewport_size({**WINDOW, **window})
        self.page.goto(f"{self.airflow.api.url}/{path}")
        return self.page


def main(names: list[str]) -> None:
    """Prepare the stage, and take the pictures."""
    end_by_signal()
    state = ROOT / "build" / "pictures"
    shutil.rmtree(state, ignore_errors=True)
    with LocalAirflow(state, dags=ROOT / "dags") as airflow, chromium() as browser:
        airflow.start()
        seed(airflow)
        ended, waiting = runs(airflow)
        context = browser.new_context(viewport=WINDOW, color_scheme="light", reduced_motion="reduce")
        context.set_default_timeout(SLOWEST)
        context.add_init_script(SEEN)
        stage = Stage(airflow, context.new_page(), ended, waiting)
        for name in names or PICTURES:
            tell(f"Taking {name}")
            save(name, PICTURES[name](stage), stage.page)


def runs(airflow: LocalAirflow) -> tuple[str, str]:
    """Run the DAG to its end, and again until it waits. Return the paths of both runs in the UI."""
    airflow.api.wait_for_dag(INGESTION, "", seconds=PARSE_SECONDS, watch=airflow.check)
    ended = airflow.api.trigger(INGESTION)
    airflow.api.wait_for_run(INGESTION, ended, seconds=RUN_SECONDS, watch=airflow.check)
    tomorrow = (datetime.now(timezone.utc) + timedelta(days=1)).isoformat(timespec="seconds")
    schedule = {"frequency": "day", "interval": 1, "start": tomorrow}
    waiting = airflow.api.trigger(INGESTION, {"dataset": "PayPal products of EMEA", "schedule": schedule})

    def deferred() -> bool:
        tasks = airflow.api.tasks(INGESTION, waiting)
        return any(task["task_id"] == WAIT and task["state"] == "deferred" for task in tasks)

    until(deferred, airflow, "The task is not deferred")
    path = f"dags/{INGESTION}/runs"
    return f"{path}/{quote(ended)}", f"{path}/{quote(waiting)}"


def trigger_form(stage: Stage) -> Any:
    """The form of a DAG that is triggered by hand."""
    page = stage.open("dags/paypal_connection", height=1200)
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("The AEP sandbox's name").wait_for()
    return page.locator(DIALOG)


def connection_form(stage: Stage) -> Any:
    """The usual fields of a connection of type Adobe Experience Platform."""
    form = _connection_form(stage)
    form.locator("[name=connection_id]").fill("aep_default")
    form.get_by_role("button", name="Standard Fields").click()
    form.locator("[name=login]").fill("CLIENT_ID")
    return form


def connection_form_extra(stage: Stage) -> Any:
    """The fields that only this type of connection has."""
    return _connection_form(stage)


def _connection_form(stage: Stage) -> Any:
    page = stage.open("connections", width=1000, height=1500)
    page.get_by_role("button", name="Add Connection").click()
    form = page.locator(DIALOG)
    form.get_by_role("combobox").click()
    page.get_by_role("option", name="Adobe Experience Platform").click()
    form.get_by_role("button", name="Extra Fields", exact=False).first.click()
    form.locator("[name=element_org_id]").fill("YOUR_ORG@AdobeOrg")
    return form


def paypal_ingestion(stage: Stage) -> Any:
    """A DAG with a task group, after a run."""
    return _graph(stage, stage.ended)


def payments_templates(stage: Stage) -> Any:
    """A DAG with several task groups."""
    return _graph(stage, "dags/payments_templates")


def _graph(stage: Stage, path: str) -> dict[str, float]:
    """Return the part of the window that the nodes of the graph fill."""
    page = stage.open(path, width=2200)
    page.get_by_role("button", name="Show Graph").click()
    page.locator(".react-flow__node").first.wait_for()
    page.wait_for_timeout(SETTLE)
    boxes = [node.bounding_box() for node in page.locator(".react-flow__node").all()]
    left, top = (min(box[side] for box in boxes) - 10 for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes) + 10
    bottom = max(box["y"] + box["height"] for box in boxes) + 18  # a closed group has a shadow
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def deferred_task(stage: Stage) -> Any:
    """A task that waits for a run of a dataflow, and its links into AEP."""
    page = stage.open(f"{stage.waiting}/tasks/{WAIT}/details")
    page.get_by_role("button", name="Show Grid").click()
    page.get_by_text("Open the dataset in Adobe Experience Platform").wait_for()
    return {"x": 0, "y": 0, "width": WINDOW["width"], "height": 493}  # the name of the machine follows


def task_log(stage: Stage) -> Any:
    """The log of a task that waited."""
    page = stage.open(f"{stage.ended}/tasks/{WAIT}", height=900)
    page.get_by_role("button", name="Show Grid").click()
    page.get_by_text("Post Execute").last.wait_for()
    return page.locator("#details-panel")


def aep_page(stage: Stage) -> Any:
    """All dataflows."""
    page = stage.open("plugin/aep")
    page.frame_locator("iframe").locator("#table tbody tr").first.wait_for()
    return page


def aep_page_dataflow(stage: Stage) -> Any:
    """A dataflow that lost records."""
    frame = aep_page(stage).frame_locator("iframe")
    frame.get_by_role("button", name="Partial").click()
    frame.locator("#table tbody tr").first.locator("a").first.click()
    frame.locator("figure svg g").first.wait_for()
    return stage.page


def status(stage: Stage) -> str:
    """The dataflows that need care."""
    return _typed(stage.airflow, "status", "--health", "failed,partial,late")


def doctor(stage: Stage) -> str:
    """A credential that lacks permissions."""
    stage.airflow.emulator("permissions", "POST", {"without": ["view-schemas", "manage-schemas"]})
    answer = _typed(stage.airflow, "doctor")
    stage.airflow.emulator("permissions", "POST", {})
    return answer


def _typed(airflow: LocalAirflow, *words: str) -> str:
    """Return what a terminal shows of a command, as SVG."""
    ours, theirs = pty.openpty()
    environment = {**airflow.environment, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    line = [sys.executable, "-m", "airflow", "aep", *words]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": theirs, "stderr": subprocess.PIPE}
    shown = b""
    with subprocess.Popen(line, env=environment, **pipes) as child:
        os.close(theirs)
        with suppress(OSError):  # the terminal is closed
            while part := os.read(ours, 4096):
                shown += part
        # Airflow's warnings are on stderr, too.
        said = [one for one in child.communicate()[1].decode().splitlines() if one.startswith(f"{words[0]}:")]
    os.close(ours)
    console = Console(record=True, width=COLUMNS, file=StringIO(), highlight=False, emoji=False)
    console.print(Text(f"$ airflow aep {' '.join(words)}", style="bold"))
    console.print(*said, Text.from_ansi(shown.decode().replace("\r\n", "\n").rstrip()), "", sep="\n")
    drawn = console.export_svg(title="Terminal", theme=SVG_EXPORT_THEME)
    return re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # a page loads no font from another host


PICTURES: dict[str, Callable[[Stage], Any]] = {
    make.__name__: make
    for make in (
        trigger_form, connection_form, connection_form_extra, paypal_ingestion, payments_templates,
        deferred_task, task_log, aep_page, aep_page_dataflow, status, doctor,
    )
}  # fmt: skip
"""A picture is a part of the browser's page, as a locator or a rectangle, or text of an SVG."""


def save(name: str, picture: Any, page: Any) -> None:
    """Write the file of a picture."""
    if isinstance(picture, str):
        (IMAGES / f"{name}.svg").write_text(picture, "utf-8")
        return
    page.wait_for_timeout(SETTLE)
    path = IMAGES / f"{name}.png"
    if isinstance(picture, dict):
        page.screenshot(path=path, clip=picture)
    else:
        picture.screenshot(path=path)


if __name__ == "__main__":
    main(sys.argv[1:])
