"""The cluster of `compose.yaml` as processes of this machine, each with a home of its own.

Commands, replicas and settings are those of `compose.yaml`. Only hosts, ports and secrets are replaced.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.exc import OperationalError

from scripts.local_airflow import LocalAirflow
from scripts.processes import LocalError, Service, free_ports, stop
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, ORG_ID, PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.postgres import Postgres, found
from tests.harness.real_airflow import revive, select, talking_to
from tests.harness.workers import wait_until

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose.yaml"
AIRFLOW = str(Path(sys.executable).with_name("airflow"))
"""The script, rather than `python -m airflow`: that one would import the checkout before PYTHONPATH."""
DAGS = Path(__file__).with_name("data") / "cluster_dags"
LONG = 3600.0
SERVERS = {"postgresql": "initdb", "redis-server": "redis-server"}
"""A program of each package."""
LOG_SERVERS = ("scheduler", "triggerer", "worker")


def compose() -> dict[str, Any]:
    """Return `compose.yaml`."""
    return dict(yaml.safe_load(COMPOSE.read_text("utf-8")))


def require_servers() -> None:
    """Skip the test if a server is missing; in CI, fail it."""
    missing = [package for package, program in SERVERS.items() if not found(program)]
    if missing:
        text = f"This test needs servers. Install them, for example with `apt install {' '.join(missing)}`."
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)


class Redis:
    """The broker, on a free loopback port, with its data in a directory."""

    def __init__(self, directory: Path, command: str) -> None:
        self._directory = directory
        [self.port] = free_ports(1)
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(directory)]
        self._command = [*command.split(), *place]
        self._server: Service | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        import redis

        self._directory.mkdir(parents=True, exist_ok=True)
        log = self._directory.with_suffix(".log")
        self._server = server = Service("redis", self._command, env=os.environ, log=log)

        def answers() -> bool:
            server.check()
            try:
                with redis.Redis(port=self.port) as client:
                    return bool(client.ping())
            except redis.RedisError:  # it does not listen yet, or it loads its data
                return False

        wait_until(answers, "Redis to answer")

    def stop(self) -> None:
        """End it as systemd does. Its data stay."""
        assert self._server
        stop([self._server])

    def kill(self) -> None:
        """Kill it, and delete its data."""
        assert self._server
        os.kill(self._server.pid, signal.SIGKILL)
        stop([self._server])
        shutil.rmtree(self._directory)

    def __enter__(self) -> Redis:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


class Cluster(LocalAirflow):
    """`with Cluster(directory) as cluster: cluster.start_all(aep_cluster=emulator.url)`.

    :param settings: settings that differ from those of `compose.yaml`
    :param installed: a directory with another version of the provider, which all components use at first
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        installed: Path | None = None,
    ) -> None:
        require_servers()
        services = compose()["services"]
        self.commands = dict(_components(services))
        self.installed = installed
        self.database = Postgres()
        self.broker = Redis(directory / "redis", services["redis"]["command"])
        super().__init__(directory, dags=DAGS, components=tuple(self.commands))
        places = {
            "postgres:5432": f"127.0.0.1:{self.database.port}",
            "redis:6379": f"127.0.0.1:{self.broker.port}",
            "http://api-server:8080": self.api.url,
        }
        self.environment |= {**_settings(services["api-server"]["environment"], places), **(settings or {})}
        self._started: Counter[str] = Counter()
        self._stack = ExitStack()

    def __enter__(self) -> Cluster:
        super().__enter__()
        with ExitStack() as stack:  # of which nothing is left if a server does not start
            stack.enter_context(self.database)
            stack.enter_context(self.broker)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: Any) -> None:
        with self._stack:
            super().__exit__(*exc)

    def start_all(self, **urls: str) -> None:
        """Start all components, and store the connection to each server of AEP's API by its id."""
        self.migrate()
        self.start_airflow()
        paypal = {"conn_type": "paypal", "login": PAYPAL_ID, "password": PAYPAL_SECRET}
        aep = {
            conn_id: {
                "conn_type": "aep",
                "host": url,
                "login": CLIENT_ID,
                "password": CLIENT_SECRET,
                "extra": {"org_id": ORG_ID, "ims_host": url},
            }
            for conn_id, url in urls.items()
        }
        self.api.store_connections({**aep, "paypal_cluster": paypal})

    def run(self, dag_id: str, **conf: Any) -> DagRun:
        """Start a run of a DAG."""
        return DagRun(self, dag_id, conf)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Return the first true answer. Meanwhile start each component again that ends, as systemd does.

        A condition that cannot be checked is not true yet: API server and database may be away.
        """

        def answer() -> Any:
            time.sleep(0.5)
            revive(self)
            with suppress(LocalError, OSError, OperationalError):
                return condition()

        return wait_until(answer, what, LONG)

    def start_component(self, component: str, name: str | None = None) -> Service:
        """Start a component in its home, with its log beside those of its earlier starts."""
        command = [AIRFLOW, *self.commands[component]]
        if component.startswith("worker"):
            command += ["--celery-hostname", component]  # on its own machine, the machine's name
        env = {**self.environment, "AIRFLOW_HOME": str(self.machine(component))}
        if self.installed:
            env["PYTHONPATH"] = str(self.installed)
        self._started[component] += 1
        log = self.logs / f"{component}.{self._started[component]}.log"
        service = Service(component, command, env=env, log=log)
        self.services.append(service)
        return service

    def machine(self, component: str) -> Path:
        """Return the home of a component."""
        return self.directory / component

    def service(self, component: str) -> Service:
        """Return the running process of a component."""
        [service] = [one for one in self.services if one.name == component]
        return service

    def said(self, kind: str) -> str:
        """Return the logs of all components of a kind."""
        return "".join(log.read_text("utf-8", "replace") for log in self.logs.glob(f"{kind}-*.log"))

    def send(self, component: str, number: signal.Signals) -> None:
        """Send a signal to a component and to all that it started."""
        for process in self.service(component).members():
            process.send_signal(number)

    def kill(self, component: str) -> None:
        """Kill a component and all that it started, its tasks too."""
        service = self.service(component)
        self.send(component, signal.SIGKILL)
        stop([service])
        self.services.remove(service)

    def worker_talking_to(self, url: str) -> str:
        """Return a worker one of whose tasks holds a connection to a server on this machine."""
        workers = (service for service in self.services if service.name.startswith("worker"))
        return next(worker.name for worker in workers if any(talking_to(worker, url)))

    def waits_by_triggerer(self) -> dict[int, int]:
        """Return how many waits each triggerer has, by its id; nothing while one has no triggerer."""
        query = "SELECT triggerer_id, count(*) FROM trigger WHERE classpath LIKE :kind GROUP BY triggerer_id"
        waits = dict(select(self, query, kind="%.FlowRunTrigger"))
        return {} if None in waits else waits

    def restart(self, component: str) -> None:
        """End a component as an upgrade does: a worker ends its tasks first. Then start it."""
        service = self.service(component)
        os.kill(service.pid, signal.SIGTERM)
        wait_until(lambda: service.exit_code is not None, f"the end of {component}", LONG)
        revive(self)


def _components(services: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the command of each process of Airflow's."""
    for name, service in services.items():
        if "build" not in service or name == "migrate":
            continue
        command = service["command"].split()
        if name in LOG_SERVERS:  # all would serve their logs on one port of this machine
            command.append("--skip-serve-logs")
        replicas = service.get("deploy", {}).get("replicas", 1)
        for number in range(1, replicas + 1):
            yield (name if replicas == 1 else f"{name}-{number}"), command


def _settings(environment: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with places of this machine, and with generated secrets."""
    made: dict[str, str] = {}

    def secret(match: re.Match[str]) -> str:
        return made.setdefault(match[1], base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    text = {name: re.sub(r"\$\{(\w+)[^}]*\}", secret, value) for name, value in environment.items()}
    for place, own in places.items():
        text = {name: value.replace(place, own) for name, value in text.items()}
    return text


class DagRun:
    """A run of one of the DAGs in `data/cluster_dags`, as Airflow's database shows it."""

    def __init__(self, cluster: Cluster, dag_id: str, conf: dict[str, Any]) -> None:
        self._cluster, self._dag_id = cluster, dag_id
        cluster.until(lambda: cluster.api("GET", f"/dags/{dag_id}"), f"the DAG {dag_id}")
        self.run_id = cluster.api.trigger(dag_id, conf)

    def _select(
        self, columns: str, task_id: str, table: str = "task_instance", rest: str = ""
    ) -> list[tuple[Any, ...]]:
        query = (
            f"SELECT {columns} FROM {table} WHERE run_id = :run AND dag_id = :dag AND task_id = :task {rest}"
        )
        return select(self._cluster, query, run=self.run_id, dag=self._dag_id, task=task_id)

    def states(self, task_id: str) -> Counter[str]:
        """Return how many instances of a task are in which state."""
        return Counter(dict(self._select("state, count(*)", task_id, rest="GROUP BY state")))

    def tries(self, task_id: str) -> Counter[int]:
        """Return how many instances of a task are in which try."""
        return Counter(dict(self._select("try_number, count(*)", task_id, rest="GROUP BY try_number")))

    def results(self, task_id: str) -> dict[int, Any]:
        """Return what each instance of a task returned, by its map index."""
        return dict(self._select("map_index, value", task_id, "xcom", "AND key = 'return_value'"))

    def logs(self, task_id: str) -> Iterator[tuple[str, Path]]:
        """Yield the log of each try of a task, with the worker whose home has it."""
        for worker in ("worker-1", "worker-2"):
            logs = self._cluster.machine(worker) / "logs" / f"dag_id={self._dag_id}" / f"run_id={self.run_id}"
            for log in logs.glob(f"task_id={task_id}/**/attempt=*.log"):
                yield worker, log

    def all_deferred(self, task_id: str, count: int) -> None:
        """Wait until that many instances of a task are deferred."""

        def deferred() -> bool:
            states = self.states(task_id)
            assert not states["failed"], states
            return states["deferred"] == count

        self._cluster.until(deferred, f"{count} waits to be deferred")

    def state(self) -> str:
        """Return the state of the run."""
        query = "SELECT state FROM dag_run WHERE run_id = :run AND dag_id = :dag"
        [(state,)] = select(self._cluster, query, run=self.run_id, dag=self._dag_id)
        return str(state)

    def finish(self) -> None:
        """Wait until the run has succeeded."""
        self._cluster.until(lambda: self.state() in ("success", "failed"), f"the end of {self._dag_id}")
        assert self.state() == "success"


def assert_one_each(creates: DagRun, emulator: Emulator, names: Sequence[str]) -> None:
    """Each name has one connection, and each task returned the id of its name's.

    :param names: the name of each mapped task
    """
    listed = emulator.api()("GET", "/connections", params={"limit": 100}).json()["items"]
    made = [one for one in listed if one["name"] in names]
    assert sorted(one["name"] for one in made) == sorted(set(names))
    ids = {one["name"]: one["id"] for one in made}
    assert creates.results("create") == {index: ids[name] for index, name in enumerate(names)}
