"""The page in Airflow's UI, on a real API server: who may see it, and what it answers."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from airflow_provider_aep._compat import aep_command
from tests.harness import canary
from tests.harness.browser import SLOWEST, chromium, screenshot
from tests.harness.emulator import Emulator
from tests.harness.figures import KeepFigure
from tests.harness.page_server import HIDDEN, PageServer, page_server
from tests.harness.raw_server import RawServer, drip
from tests.harness.raw_server import reply as well_formed

FLEET = {"flows": 60, "runs": 24, "failed": 6, "partial": 5, "late": 4, "never_ran": 3, "running": 2}
pytestmark = pytest.mark.skipif(
    version("apache-airflow-core") == "3.1.0",
    reason="Airflow 3.1.0 accepts its session for its own pages only",
)

PAGES = (
    "",
    "index.html",
    "page.js",
    "table.js",
    "dataflow.js",
    "text.js",
    "frame.js",
    "page.css",
    "icon.svg",
)
DATA = (
    "connections",
    "sandboxes/aep_default?sandbox=prod",
    "task?made_by=dag.task",
    "fleet/aep_default",
    "runs/some-flow/aep_default?sandbox=prod",
)
UNKNOWN = ("docs", "openapi.json", "nothing/here", "page.js/more")


@pytest.fixture(scope="module")
def server(emulator_process: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """Run an API server with the page, and an emulator with a fleet."""
    emulator_process.reset()
    emulator_process.control("POST", "fleet", {**FLEET, "disabled": 4, "drafts": 1})
    with page_server(tmp_path_factory.mktemp("page"), emulator_process) as server:
        yield server


def test_who_may_not_read_connections_sees_nothing(server: PageServer) -> None:
    """Page, data, assets and unknown paths alike: 401 signed out; 403 without permission or a valid token."""
    forged, expired = server.token("olaf")[:-8] + "AAAAAAAA", server.expired_token("olaf")
    as_airflow_answers = server.send("/api/v2/connections", token=expired).status
    assert as_airflow_answers in (401, 403)
    for path in (*PAGES, *DATA, *UNKNOWN):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert server.send(path, method=method).status == 401, (method, path)
        refused = [
            server.send(path, "victor"),
            server.send(path, "ursula"),
            server.send(path, "victor", method="POST"),
            server.send(path, token=forged),
            server.send(path, token=expired),
        ]
        assert [reply.status for reply in refused] == [403] * 4 + [as_airflow_answers], path
        for reply in refused:
            assert reply.headers["content-security-policy"].startswith(
                "default-src 'none'; script-src 'self';"
            )
            assert b"dataflow" not in reply.body.lower()


def test_who_may_read_connections_sees_it(server: PageServer) -> None:
    """By GET alone, and every reply has the security policy."""
    for user in ("olaf", "anna"):
        for path in (*PAGES, *DATA):
            reply = server.send(path, user)
            assert reply.status == 200, path
            assert "frame-ancestors 'self'" in reply.headers["content-security-policy"]
            assert (reply.headers["cache-control"], reply.headers["x-content-type-options"]) == (
                "no-store",
                "nosniff",
            )
    for path in (*PAGES, *DATA):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
            assert server.send(path, "anna", method=method).status == 405, (method, path)
    assert {server.send(path, "anna").status for path in UNKNOWN} == {404}


def test_a_connection_that_the_user_may_not_read(server: PageServer) -> None:
    """It is not offered, and its data is refused, although another user has read it."""
    assert server.fleet(HIDDEN, "anna")["data"]["rows"]
    assert server.send("connections", "anna").json() == ["aep_default", HIDDEN]
    assert server.send("connections", "olaf").json() == ["aep_default"]
    for path in (f"fleet/{HIDDEN}", f"sandboxes/{HIDDEN}", f"runs/some-flow/{HIDDEN}?sandbox=prod"):
        assert server.send(path, "olaf").status == 403


def test_the_fleet_is_that_of_the_command(server: PageServer) -> None:
    """The same rows with the same keys as `status --output json`, worst first."""
    state = server.fleet()
    assert (state["sandbox"], state["error"]) == ("prod", None)
    assert state["data"]["counts"] == {
        **{name: FLEET[name] for name in ("failed", "partial", "late", "never_ran", "running")},
        "ok": 35,
        "disabled": 5,
    }
    rows = state["data"]["rows"]
    assert [row["health"] for row in rows[:7]] == ["failed"] * 6 + ["partial"]
    assert list(rows[0]) == [
        "id", "name", "state", "health", "source", "dataset", "dataset_id", "schedule", "last_run", "runs",
        "made_by", "url",
    ]  # fmt: skip
    assert server.fleet(sandbox="dev")["data"]["rows"] == []
    same = server.send("fleet/aep_default", "anna", sandbox="prod", have=state["version"]).json()
    assert (same["data"], same["version"]) == (None, state["version"])


def test_the_last_runs_of_a_dataflow(server: PageServer) -> None:
    """The newest twenty, with what was lost and why."""
    row = next(row for row in server.fleet()["data"]["rows"] if row["health"] == "partial")
    path = f"runs/{row['id']}/aep_default"
    state = server.send(path, "olaf", sandbox="prod", wait=1).json()
    runs = state["data"]["runs"]
    assert len(runs) == 20
    assert [run["started_at"] for run in runs] == sorted((run["started_at"] for run in runs), reverse=True)
    assert (runs[0]["id"], runs[0]["outcome"]) == (row["last_run"]["id"], "partial")
    assert runs[0]["records_failed"] == row["last_run"]["records_failed"] > 0
    assert runs[0]["errors"]
    assert runs[0]["seconds"] > 0
    assert runs[0]["url"].startswith("https://experience.adobe.com/")


def test_ten_viewers_cause_one_collection(server: PageServer) -> None:
    """In each sandbox, and while it is kept nobody asks AEP again, button or not."""
    server.store("aep_viewers", server.emulator.url)
    server.emulator.forget_requests()

    def view(n: int) -> Any:
        return server.fleet("aep_viewers", ("olaf", "anna")[n % 2], force=n % 3 == 0)["data"]

    with ThreadPoolExecutor(10) as viewers:
        seen = list(viewers.map(view, range(10)))
    assert all(data["rows"] for data in seen)
    asked = server.emulator.requests("GET", "/flows")
    assert len(asked) == 1


def test_names_are_checked(server: PageServer) -> None:
    """A name of a sandbox or an id that AEP cannot have is refused in words, and nothing is sent."""
    server.emulator.forget_requests()
    for path, query in (
        ("fleet/aep_default", {"sandbox": "../prod"}),
        ("fleet/aep_default", {"sandbox": "x" * 300}),
        ("runs/a%20b/aep_default", {"sandbox": "prod"}),
        ("fleet/missing", {"sandbox": "prod", "wait": 1}),
        ("fleet/missing", {}),
    ):
        error = server.send(path, "olaf", **query).json()["error"]
        assert error["code"].startswith("AEP-E1"), path
    assert server.emulator.requests() == []


def test_another_connections_password_is_not_sent(server: PageServer) -> None:
    """A connection of another type is no connection to AEP, whatever its host says."""
    server.store("postgres", server.emulator.url, conn_type="postgres")
    server.emulator.forget_requests()
    for query in ({}, {"sandbox": "prod"}):
        state = server.send("fleet/postgres", "olaf", wait=1, **query).json()
        assert "not of type `aep`" in state["error"]["text"]
    assert "postgres" not in server.send("connections", "olaf").json()
    assert server.emulator.requests() == []


def test_aep_is_dead(server: PageServer, visit: Any) -> None:
    """Replies come at once, with the old data, its age and the error in words."""
    viewer = visit("olaf")
    server.store("aep_dying", server.emulator.url)
    before = server.fleet("aep_dying")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server.store("aep_dying", f"http://127.0.0.1:{silent.getsockname()[1]}")
        time.sleep(10)  # a viewer may ask again
        reply = server.send("fleet/aep_dying", "olaf", sandbox="prod", force=1)
        state = reply.json()
        assert (state["loading"], state["data"], state["error"]) == (True, before["data"], None)
        assert reply.seconds < 5
        reply = server.send("fleet/aep_dying", "olaf", sandbox="prod", wait=1)
        assert reply.seconds < 10
        state = server.fleet("aep_dying", sandbox="prod", have=before["version"])
    assert state["error"]["code"] == "AEP-E204"
    assert "no whole reply within" in state["error"]["text"]
    assert (state["version"], state["data"]) == (before["version"], None)
    assert state["age"] > 10
    assert server.fleet("aep_default")["error"] is None
    page = viewer.open("aep/?connection=aep_dying&sandbox=prod")
    assert viewer.rows(page).count() == 60
    problem = page.locator("#problem")
    problem.wait_for()
    assert "no whole reply within" in problem.inner_text()
    assert "The page shows the data of" in problem.inner_text()
    screenshot(page, "dead")


def test_aep_drips(server: PageServer, visit: Any) -> None:
    """The page says that it is reading, then what is wrong. It is never blank."""
    with RawServer(drip(well_formed(200, {"items": []}), 1.0)) as dripping:
        server.store("aep_dripping", dripping.url)
        viewer = visit("olaf")
        page = viewer.open("aep/?connection=aep_dripping&sandbox=prod")
        page.get_by_text("Reading AEP").wait_for()
        screenshot(page, "reading")
        page.locator("#problem").wait_for()
    assert "no whole reply within" in page.locator("#problem").inner_text()
    screenshot(page, "dripping")


@pytest.mark.parametrize("seconds", [5, pytest.param(600, marks=pytest.mark.nightly)])
def test_a_dead_aep_does_not_slow_airflow(server: PageServer, seconds: int, figure: KeepFigure) -> None:
    """Twenty viewers of an AEP that is silent and of one that drips get replies in time, and so do others."""

    def health() -> float:
        time.sleep(0.2)
        answer = server.send("/api/v2/monitor/health")
        assert answer.status == 200
        return answer.seconds

    usual = [health() for _ in range(20)]
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        RawServer(drip(well_formed(200, {"items": []}), 1.0)) as dripping,
        ThreadPoolExecutor(20) as viewers,
    ):
        server.store("aep_silent", f"http://127.0.0.1:{silent.getsockname()[1]}")
        server.store("aep_slow", dripping.url)
        end = time.monotonic() + seconds

        def view(n: int) -> float:
            """Ask as the page does, and return the seconds of the longest reply."""
            longest = 0.0
            while (left := end - time.monotonic()) > 0:
                path = f"fleet/{('aep_silent', 'aep_slow')[n % 2]}"
                answer = server.send(path, "olaf", sandbox="prod", wait=1)
                assert answer.status == 200
                longest = max(longest, answer.seconds)
                time.sleep(
                    0.2 if answer.json()["loading"] else max(0.0, min(answer.json()["next"] + 0.5, left))
                )
            return longest

        watched = [viewers.submit(view, n) for n in range(20)]
        times = []
        while time.monotonic() < end:
            times.append(health())
        longest = max(one.result() for one in watched)
        assert server.fleet("aep_default")["data"]["rows"]
    usual += [health() for _ in range(20)]
    ratio = statistics.median(times) / statistics.median(usual)
    figure(
        f"health of Airflow, {seconds} s of a dead AEP under 20 viewers", f"{ratio:.1f} times its usual time"
    )
    figure(f"longest reply of the page in {seconds} s of a dead AEP", f"{longest:.1f} s")
    if seconds > 60:
        assert ratio <= 2
        assert longest <= 10


def test_of_a_dataflow_airflow_knows_the_task(server: PageServer) -> None:
    """Only of a DAG that exists here. Ids of DAGs and tasks can have dots."""
    for dag_id, task_id in (("load_stores", "ingest_33.create_dataflow"), ("load.more", "task")):
        found = server.send("task", "olaf", made_by=f"{dag_id}.{task_id}").json()
        assert found == {"dag_id": dag_id, "task_id": task_id}
    for unknown in ("no_such.task", "load_stores", "load", ".", "." * 50, "x" * 1000):
        assert server.send("task", "olaf", made_by=unknown).json() is None


# In a browser


HIDE = (
    "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    "document.dispatchEvent(new Event('visibilitychange'))"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Run a headless Chromium."""
    with chromium() as browser:
        yield browser


class Viewer:
    """A browser of a user, and what went wrong in it."""

    def __init__(self, server: PageServer, browser: Any, user: str | None, **options: Any) -> None:
        self.server = server
        theme = options.pop("theme", "light")
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.context.set_default_timeout(SLOWEST)
        self.context.route(
            "https://experience.adobe.com/**", lambda route: route.fulfill(body="AEP's own page")
        )
        self.context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        if user is not None:
            cookie = {"name": "_token", "value": server.token(user), "url": f"{server.url}/"}
            self.context.add_cookies([cookie])
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda one: self.problems.append(one.text) if one.type == "error" else None)

    def open(self, path: str = "aep/") -> Any:
        """Open a path and return the page, or the frame that Airflow shows it in."""
        self.page.goto(f"{self.server.url}/{path}")
        return self.page.frame_locator("iframe") if path.startswith("plugin/") else self.page

    def rows(self, place: Any) -> Any:
        """Wait for the table, and return its rows."""
        rows = place.locator("#table tbody tr")
        rows.first.wait_for()
        return rows


@pytest.fixture
def visit(server: PageServer, browser: Any) -> Iterator[Any]:
    """`visit("olaf", theme="dark")`: return a viewer. At the end nothing has gone wrong in its browser."""
    viewers: list[Viewer] = []

    def new(user: str | None, **options: Any) -> Viewer:
        viewers.append(Viewer(server, browser, user, **options))
        return viewers[-1]

    yield new
    for viewer in viewers:
        viewer.context.close()
        assert viewer.problems == []


def names(rows: Any) -> list[str]:
    return [text.strip() for text in rows.locator("th a").all_inner_texts()]


def test_a_viewer_finds_the_page_in_airflow(server: PageServer, visit: Any) -> None:
    """From the navigation to a dataflow, its runs, and back. The address bar and a reload show the same."""
    viewer = visit("olaf")
    viewer.page.goto(server.url)
    viewer.page.get_by_role("button", name="Browse").click()
    viewer.page.get_by_text("AEP", exact=True).click()
    frame = viewer.page.frame_locator("iframe")
    rows = viewer.rows(frame)
    assert rows.count() == 60
    assert "connection=aep_default&sandbox=prod" in viewer.page.url
    screenshot(viewer.page, "list")
    frame.get_by_role("button", name="5 Partial").click()
    assert viewer.rows(frame).count() == 5
    chosen = names(rows)[2]
    rows.nth(2).click()
    frame.locator("figure svg g").first.wait_for()
    assert frame.locator("figure svg g").count() == 20
    assert frame.get_by_role("heading", name=chosen).is_visible()
    assert frame.locator("#dataflow tbody").count() == 20
    screenshot(viewer.page, "dataflow")
    address = viewer.page.url
    assert "health=partial" in address
    flow_id = parse_qs(urlsplit(address).query)["flow"][0]
    assert frame.locator("code").inner_text() == aep_command("failures", flow_id, sandbox="prod")
    again = visit("olaf")
    again.page.goto(address)
    again.page.frame_locator("iframe").get_by_role("heading", name=chosen).wait_for()
    viewer.page.go_back()
    assert names(viewer.rows(frame)) == names(rows)
    assert "flow=" not in viewer.page.url
    assert frame.get_by_role("button", name="5 Partial").get_attribute("aria-pressed") == "true"


def test_links_leave_the_frame(server: PageServer, visit: Any) -> None:
    """Airflow's frame blocks new windows, so the page opens them from outside of it."""
    viewer = visit("olaf")
    frame = viewer.open("plugin/aep")
    viewer.rows(frame).first.click()
    with viewer.context.expect_page() as opened:
        frame.get_by_text("Dataflow in AEP").click()
    opened.value.wait_for_url("https://experience.adobe.com/**")
    assert "/sname:prod/platform/source/dataflows/" in opened.value.url
    frame.get_by_text("All dataflows").click()
    frame.get_by_label("Search dataflows by name").fill("")
    by_a_dag = frame.locator("#table tbody tr", has_text="load_stores.ingest_").first
    by_a_dag.locator("a").click()
    frame.get_by_role("link", name="load_stores", exact=True).click()
    viewer.page.wait_for_url("**/dags/load_stores**")
    assert viewer.page.locator("iframe").count() == 0


def test_filters_search_and_sorting(visit: Any) -> None:
    """Each of them alone and together. What is unknown is last in both directions."""
    viewer = visit("anna")
    page = viewer.open("aep/?connection=aep_default&sandbox=prod")
    every = names(viewer.rows(page))
    page.get_by_label("Search dataflows by name").fill("  pAyPaL ")
    found = names(viewer.rows(page))
    assert found == [name for name in every if "paypal" in name.lower()]
    assert page.locator("#shown").inner_text() == f"{len(found)} of 60 dataflows"
    page.get_by_label("Search dataflows by name").fill("")
    heading = page.get_by_role("columnheader", name="Name")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert names(viewer.rows(page)) == sorted(every, key=str.lower)
    heading.get_by_role("button").click()
    assert names(viewer.rows(page)) == sorted(every, key=str.lower, reverse=True)
    heading.get_by_role("button").click()
    assert names(viewer.rows(page)) == every
    written = page.get_by_role("columnheader", name="Written")
    for _ in range(2):
        written.get_by_role("button").click()
        cells = page.locator("#table tbody tr td:nth-child(4)").all_inner_texts()
        known = [int(text.replace(",", "")) for text in cells if text not in ("", "?")]
        assert all(text in ("", "?") for text in cells[len(known) :])
        assert known == sorted(known, reverse=written.get_attribute("aria-sort") == "descending")
    page.get_by_label("Sandbox").focus()
    page.locator("#sandboxes option[value=dev]").wait_for(state="attached")
    page.get_by_label("Sandbox").fill("dev")
    page.get_by_label("Sandbox").press("Enter")
    page.wait_for_url("**sandbox=dev*")
    page.get_by_text("0 dataflows", exact=True).wait_for()


def test_a_keyboard_is_enough(visit: Any) -> None:
    """To search, to sort, to open a dataflow and to come back to it."""
    viewer = visit("olaf")
    page = viewer.open()
    viewer.rows(page)

    def tab_to(condition: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(f"(() => {{ const e = document.activeElement; return {condition}; }})()"):
                return
        raise AssertionError(f"The keyboard does not reach {condition}.")

    tab_to("e.id === 'connection'")
    tab_to("e.id === 'sandbox'")
    tab_to("e.id === 'refresh'")
    tab_to("e.dataset.health === 'failed'")
    page.keyboard.press("Enter")
    expect(viewer.rows(page)).to_have_count(6)
    assert page.evaluate("document.activeElement.dataset.health") == "failed"
    page.keyboard.press("Space")
    expect(viewer.rows(page)).to_have_count(60)
    tab_to("e.id === 'search'")
    page.keyboard.type("paypal")
    tab_to("e.textContent === 'Name'")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    tab_to("Boolean(e.dataset.flow)")
    name = page.evaluate("document.activeElement.textContent")
    held: list[Any] = []
    page.route("**/runs/**", lambda route: held.append(route), times=1)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=name).wait_for()
    tab_to("e.className === 'back'")
    for route in held:
        route.continue_()
    page.locator("figure").wait_for()
    assert page.evaluate("document.activeElement.className") == "back"
    page.keyboard.press("Enter")
    viewer.rows(page)
    assert page.evaluate("document.activeElement.textContent") == name


def test_dark_and_narrow(visit: Any) -> None:
    """The theme is Airflow's, also when it changes. On a telephone nothing is wider than the screen."""
    viewer = visit("olaf", theme="dark")
    frame = viewer.open("plugin/aep")
    viewer.rows(frame)
    theme = frame.locator("html")
    assert theme.get_attribute("data-theme") == "dark"
    assert (
        viewer.page.evaluate("getComputedStyle(frames[0].document.documentElement).backgroundColor")
        != "rgb(255, 255, 255)"
    )
    screenshot(viewer.page, "dark")
    frame.locator("#table tbody tr", has_text="Partial").first.click()
    frame.locator("figure").wait_for()
    screenshot(viewer.page, "dark_dataflow")
    viewer.page.evaluate("document.documentElement.classList.replace('dark', 'light')")
    frame.locator("html[data-theme=light]").wait_for()
    narrow = visit("olaf", viewport={"width": 360, "height": 740})
    page = narrow.open()
    rows = narrow.rows(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    screenshot(page, "narrow")
    rows.first.click()
    page.locator("figure").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    screenshot(page, "narrow_dataflow")


def test_who_is_not_allowed_reads_why(server: PageServer, browser: Any) -> None:
    """Signed out, Airflow asks to sign in. Without the permission, a sentence names it."""
    viewer = Viewer(server, browser, None)
    viewer.open("plugin/aep")
    viewer.page.wait_for_url("**/auth/login**")
    viewer.open("aep/")
    assert "You are not signed in." in viewer.page.inner_text("body")
    viewer.context.close()
    viewer = Viewer(server, browser, "victor")
    viewer.open("aep/")
    assert "permission to read connections" in viewer.page.inner_text("body")
    screenshot(viewer.page, "no_permission")
    viewer.context.close()


def test_a_session_that_ends_is_said(server: PageServer, browser: Any) -> None:
    """The page keeps what it shows, and says how to go on."""
    viewer = Viewer(server, browser, "olaf")
    page = viewer.open()
    viewer.rows(page)
    viewer.context.clear_cookies()
    page.get_by_role("button", name="Refresh").click()
    page.get_by_text("You are not signed in.").wait_for()
    assert viewer.rows(page).count() == 60
    viewer.context.close()


def test_names_are_text(server: PageServer, visit: Any) -> None:
    """Whoever may name a dataflow in AEP does not get a script into Airflow."""
    script = "<img src=x onerror=\"document.title='run'\"> & <b>bold</b>"
    api = server.emulator.api()
    row = next(row for row in server.fleet()["data"]["rows"] if row["health"] == "ok")
    flow = api("GET", f"/flows/{row['id']}").json()["items"][0]
    operation = [{"op": "replace", "path": "/name", "value": script}]
    changed = api("PATCH", f"/flows/{row['id']}", json=operation, headers={"If-Match": flow["etag"]})
    assert changed.status_code == 200
    server.store("aep_named", server.emulator.url)
    viewer = visit("olaf")
    page = viewer.open(f"aep/?connection=aep_named&flow={row['id']}")
    page.locator("h2", has_text=script).wait_for()
    page.get_by_text("All dataflows").click()
    assert script in names(viewer.rows(page))
    assert page.title() == "AEP dataflows"


def test_a_page_left_open_asks_once_a_minute(server: PageServer, visit: Any) -> None:
    """And not at all while nobody sees it."""
    viewer = visit("olaf")
    asked: list[str] = []
    viewer.page.on("request", lambda request: asked.append(request.url) if "/fleet/" in request.url else None)
    viewer.page.clock.install()
    server.store("aep_open", server.emulator.url)
    page = viewer.open("aep/?connection=aep_open&sandbox=prod")
    viewer.rows(page)
    settled = page.locator("#refresh[aria-disabled=false]")
    settled.wait_for()
    asked.clear()
    for minute in range(1, 4):
        with page.expect_response("**/fleet/**"):
            page.clock.fast_forward(62_000)
        settled.wait_for()
        assert len(asked) == minute
    page.evaluate(HIDE % "true")
    page.clock.fast_forward(600_000)
    assert len(asked) == 3
    with page.expect_response("**/fleet/**"):
        page.evaluate(HIDE % "false")
    assert len(asked) == 4


def test_a_hidden_page_stops_also_while_aep_is_read(visit: Any) -> None:
    """However long that takes. It goes on when its tab is shown."""
    viewer = visit("olaf")
    reading = {"sandbox": "prod", "version": None, "age": None, "loading": True, "next": 60, "error": None}
    viewer.page.route("**/fleet/**", lambda route: route.fulfill(json={**reading, "data": None}))
    page = viewer.open("aep/?connection=aep_default&sandbox=prod")
    page.get_by_text("Reading AEP").wait_for()
    page.evaluate(HIDE % "true")
    page.locator("#refresh[aria-disabled=false]").wait_for()
    with page.expect_response("**/fleet/**"):
        page.evaluate(HIDE % "false")


def test_a_thousand_dataflows_are_painted_at_once(server: PageServer, visit: Any, figure: KeepFigure) -> None:
    """The first rows do not wait for the rest."""
    server.emulator.control("POST", "fleet", {"flows": 1000, "runs": 2, "sandbox": "dev", "failed": 30})
    server.store("aep_large", server.emulator.url)
    state = server.fleet("aep_large", sandbox="dev")
    assert len(state["data"]["rows"]) >= 1000
    reply = server.send("fleet/aep_large", "olaf", sandbox="dev")
    figure("JSON of the page for 1,000 dataflows, zipped", f"{len(reply.raw):,} bytes")
    assert len(reply.raw) < 300_000
    viewer = visit("olaf")
    page = viewer.open("aep/?connection=aep_large&sandbox=dev")
    viewer.rows(page)
    painted = page.evaluate("performance.getEntriesByName('first rows')[0].startTime")
    figure("first rows of 1,000 dataflows painted after", f"{painted:.0f} ms")
    expect(viewer.rows(page)).to_have_count(len(state["data"]["rows"]), timeout=SLOWEST)


# This test changes a run, so it is last.


def test_no_secret_is_shown(server: PageServer) -> None:
    """Neither of a connection, nor of the source, nor a record's value."""
    row = next(row for row in server.fleet()["data"]["rows"] if row["health"] == "partial")
    person = canary.made_for("Person")
    error = {"code": "TEST-1-400", "message": f"The value '{person}' is wrong"}
    decision = {"status": "failed", "metrics": {"statusSummary": {"errors": [error]}}}
    server.emulator.control("POST", f"runs/{row['last_run']['id']}", decision)
    server.store("aep_wrong", server.emulator.url, org_id="00000000@AdobeOrg")
    server.fleet("aep_wrong")
    runs = f"runs/{row['id']}/aep_wrong?sandbox=prod&wait=1"
    server.store("aep_secrets", server.emulator.url)
    shown = server.send(runs.replace("aep_wrong", "aep_secrets"), "anna").json()["data"]["runs"]
    assert [(one["code"], one["message"]) for one in shown[0]["errors"]][:1] == [
        ("TEST-1-400", "The value *** is wrong")
    ]
    for path in (*PAGES, *DATA, runs, runs.replace("aep_wrong", "aep_secrets"), "fleet/aep_wrong"):
        assert not canary.find_any(server.send(path, "anna").body.decode()), path
    log = (server.airflow.logs / "api-server.log").read_text()
    assert not canary.find_any(log)
