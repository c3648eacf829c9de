"""The processes of one user on one machine share an access token, and never a bad one."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_aep.flow_service.errors import AepAuthError
from airflow_provider_aep.hooks import ims, request_flow, shared_files
from airflow_provider_aep.hooks.aio import AsyncFlowService
from airflow_provider_aep.hooks.ims import SharedToken, Token, Turn
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook
from tests.harness.emulator import CLIENT_SECRET, Emulator
from tests.harness.figures import KeepFigure
from tests.harness.raw_server import RawServer, reply, token_reply
from tests.harness.shared_token import SharedTokens
from tests.harness.workers import Workers

EMPTY = reply(200, {"items": []})
EXPIRED = reply(401, {"error_code": "401013", "message": "Oauth token is not valid"})
KEY = "AIRFLOW__CORE__FERNET_KEY"


def requested(emulator: Emulator) -> int:
    """Return how many tokens were requested."""
    return len(emulator.requests("POST", "/ims/token/v3"))


@pytest.fixture
def listing(make_hook: MakeHook, emulator: Emulator, shared_tokens: SharedTokens) -> Callable[[], Any]:
    """List as another process does, and return its hook."""

    def as_another() -> Any:
        shared_tokens.as_another_process()
        hook = make_hook(emulator.url)
        assert hook.list_connections() == []
        return hook

    return as_another


def test_the_next_process_requests_no_token(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens
) -> None:
    """It finds an encrypted file that only its user can read, and masks the token."""
    first = listing().scrub
    [token] = ims.TOKENS._tokens.values()
    hook = listing()
    assert requested(emulator) == 1
    [again] = ims.TOKENS._tokens.values()
    assert again.value == token.value
    assert again.renew_at == pytest.approx(token.renew_at, abs=5)
    assert first(token.value) == hook.scrub(token.value) == "***"
    assert stat.S_IMODE(shared_tokens.file.stat().st_mode) == 0o600
    for file in shared_tokens.directory.iterdir():
        for secret in (token.value, CLIENT_SECRET):
            assert secret.encode() not in file.read_bytes()
            assert secret not in file.name


@pytest.mark.parametrize("key", ["", "{FERNET_KEY}", "not a key", "AAAA"])
def test_without_a_key_there_is_no_file(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens, key: str
) -> None:
    """A token is never stored in clear."""
    shared_tokens.set(KEY, key)
    listing()
    listing()
    assert requested(emulator) == 2
    assert not shared_tokens.directory.exists()


@pytest.mark.parametrize("command", ["false", "/missing/command"])
def test_a_key_that_cannot_be_read_breaks_no_task(
    listing: Callable[[], Any],
    emulator: Emulator,
    shared_tokens: SharedTokens,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """Airflow can get the key from a command or a secrets backend, and either can fail at any time."""
    monkeypatch.delenv(KEY)
    monkeypatch.setenv(f"{KEY}_CMD", command)
    listing()
    listing()
    assert requested(emulator) == 2
    assert not shared_tokens.directory.exists()


@pytest.mark.parametrize("value", ["False", "0", "off", "maybe"])
def test_it_can_be_switched_off(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens, value: str
) -> None:
    """An unclear value switches it off too."""
    shared_tokens.set("AIRFLOW__AEP__TOKEN_CACHE", value)
    listing()
    listing()
    assert requested(emulator) == 2
    assert not shared_tokens.directory.exists()


def test_a_new_key_means_a_new_token(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens
) -> None:
    """The first of several keys counts. A process that has only the old key continues with its own file."""
    old, new = shared_tokens.settings[KEY], Fernet.generate_key().decode()
    listing()
    shared_tokens.set(KEY, f"{new},{old}")
    listing()
    listing()
    assert requested(emulator) == 2
    shared_tokens.set(KEY, old)
    listing()
    assert requested(emulator) == 2


@pytest.mark.parametrize(
    "other",
    [{"password": "another"}, {"login": "another"}, {"extra": {"org_id": "another@AdobeOrg"}},
     {"extra": {"scopes": "openid"}}, {"ims_host": "another"}],
    ids=["secret", "client", "org", "scopes", "ims_host"],
)  # fmt: skip
def test_another_credential_has_another_file(
    make_hook: MakeHook, shared_tokens: SharedTokens, other: dict[str, Any]
) -> None:
    """A changed secret never finds the old token."""
    with RawServer(EMPTY) as server, RawServer(EMPTY) as another:
        if "ims_host" in other:
            other = {"extra": {"ims_host": another.url}}
        make_hook(server.url).list_connections()
        make_hook(server.url, conn_id="aep_other", **other).list_connections()
        assert len(server.tokens) + len(another.tokens) == 2
    assert len(shared_tokens.files) == 2


def test_the_file_of_another_credential_is_not_taken(
    make_hook: MakeHook, shared_tokens: SharedTokens
) -> None:
    """Not even under the right name, and encrypted with the right key."""
    with RawServer(EMPTY) as server:
        make_hook(server.url).list_connections()
        first = shared_tokens.file
        make_hook(server.url, conn_id="aep_other", login="another").list_connections()
        [second] = {*shared_tokens.files} - {first}
        second.replace(first)
        shared_tokens.as_another_process()
        make_hook(server.url).list_connections()
        assert len(server.tokens) == 3


def corrupt(file: Path) -> None:
    file.write_bytes(b"\x00\xff")


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def too_large(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n" * shared_files.LARGEST)


def open_to_others(file: Path) -> None:
    file.chmod(0o644)


def symlinked(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir(0o700)


@pytest.mark.parametrize(
    "spoil", [corrupt, truncate, empty, too_large, open_to_others, symlinked, a_fifo, a_directory]
)
def test_a_file_that_cannot_be_used_costs_one_request(
    listing: Callable[[], Any],
    emulator: Emulator,
    shared_tokens: SharedTokens,
    spoil: Callable[[Path], None],
) -> None:
    """It is replaced, unless it is a directory: then each process requests its own."""
    listing()
    spoil(shared_tokens.file)
    listing()
    listing()
    assert requested(emulator) == (3 if spoil is a_directory else 2)


@pytest.mark.parametrize("spoil", ["directory", "symlink", "nowhere", "lock"])
def test_without_the_directory_each_process_requests_its_own(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens, spoil: str
) -> None:
    """Other users have access, it is a symlink, it cannot be made, or a lock is not safe."""
    listing()
    if spoil == "directory":
        shared_tokens.directory.chmod(0o755)
    elif spoil == "symlink":
        real = shared_tokens.directory.rename(shared_tokens.directory.with_name("real"))
        shared_tokens.directory.symlink_to(real)
    elif spoil == "nowhere":
        shared_tokens.set("AIRFLOW__AEP__SHARED_DIR", "/proc/airflow")
    else:
        file = shared_tokens.file
        file.unlink()
        file.with_name(f"{file.name}.lock").chmod(0o644)
        file.mkdir(0o700)
    listing()
    listing()
    assert requested(emulator) == 3


def test_a_refused_token_is_dropped_for_all(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens
) -> None:
    """The process that meets the 401 requests one new token, and the next process uses it."""
    listing()
    emulator.advance(100_000)
    listing()
    listing()
    assert requested(emulator) == 2


def test_a_token_that_is_always_refused_is_no_loop(make_hook: MakeHook, shared_tokens: SharedTokens) -> None:
    """Two requests for a token at most, as without the file, and none is kept."""
    with RawServer(EXPIRED) as server:
        for count in (2, 4):
            shared_tokens.as_another_process()
            with pytest.raises(AepAuthError):
                make_hook(server.url).list_connections()
            assert len(server.tokens) == count
    assert shared_tokens.files == []


def test_a_process_that_was_slower_drops_nothing_new(
    make_hook: MakeHook, shared_tokens: SharedTokens
) -> None:
    """Another one has replaced the refused token already."""
    shared = SharedToken(make_hook("https://a.example").settings)
    shared.save(Token("new", time.monotonic() + 1000))
    shared.drop("old")
    assert shared_tokens.files
    shared.drop("new")
    assert not shared_tokens.files


@pytest.mark.parametrize(
    ("later", "life", "usable"),
    [(0, 1000, True), (999, 1000, True), (1000, 1000, False), (-1, 1000, False), (-3600, 86_000, False)],
    ids=["at once", "shortly before", "due for renewal", "clock set back", "clock set back by an hour"],
)
def test_a_token_is_used_while_it_is_fresh(
    make_hook: MakeHook,
    shared_tokens: SharedTokens,
    monkeypatch: pytest.MonkeyPatch,
    later: float,
    life: float,
    usable: bool,
) -> None:
    """Its life is known by the wall clock: a file from the future says that the clock was set back."""
    clock = SimpleNamespace(time=lambda: 1e9, monotonic=lambda: 500.0)
    monkeypatch.setattr(ims, "time", clock)
    shared = SharedToken(make_hook("https://a.example").settings)
    shared.save(Token("a", 500.0 + life))
    clock.time = lambda: 1e9 + later
    clock.monotonic = lambda: 40.0  # the machine was started anew
    found = shared.load_or_turn()
    if usable:
        assert found == Token("a", pytest.approx(40.0 + life - later))
    else:
        assert isinstance(found, Turn)
        found.end()


def test_processes_at_once_request_one_token(
    workers: Workers, emulator: Emulator, shared_tokens: SharedTokens, figure: KeepFigure
) -> None:
    """Real ones. IMS is slow, so all of them want a token before the first has it."""
    emulator.fault(method="POST", path="/ims/token/v3", delay=1.5)
    started = [
        workers.start(emulator.url, name=f"n{number}", settle=0, settings=shared_tokens.settings)
        for number in range(24)
    ]
    assert len({worker.returned() for worker in started}) == 24
    assert requested(emulator) == 1
    figure("token requests of 24 tasks on one machine", str(requested(emulator)))


@pytest.mark.nightly
def test_two_hundred_tasks_request_one_token(
    workers: Workers, emulator: Emulator, shared_tokens: SharedTokens, figure: KeepFigure
) -> None:
    """Each in a process of its own, twenty at a time."""
    returned = set()
    for batch in range(10):
        started = [
            workers.start(emulator.url, name=f"n{batch}-{one}", settle=0, settings=shared_tokens.settings)
            for one in range(20)
        ]
        returned |= {worker.returned() for worker in started}
    assert len(returned) == 200
    assert requested(emulator) == 1
    figure("token requests of 200 tasks on one machine", str(requested(emulator)))


def test_the_turn_of_a_killed_process_is_over(
    workers: Workers, emulator: Emulator, shared_tokens: SharedTokens
) -> None:
    """Killed before and after its token request: the next process does not wait for it."""
    for point in (("before", 1), ("after", 1)):
        assert workers.start(emulator.url, kill=point, settings=shared_tokens.settings).was_killed
        assert shared_tokens.files == []
    workers.start(emulator.url, settings=shared_tokens.settings).returned()
    workers.start(emulator.url, settings=shared_tokens.settings).returned()
    assert requested(emulator) == 2  # the second one's died with it


def test_nobody_waits_for_long_for_a_stopped_process(
    workers: Workers,
    listing: Callable[[], Any],
    emulator: Emulator,
    shared_tokens: SharedTokens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has its turn and does not go on. After a while the others request a token without a turn."""
    stopped = workers.start(emulator.url, pause=("before", 1), settings=shared_tokens.settings)
    stopped.wait_stopped()
    stopped.send(signal.SIGSTOP)
    monkeypatch.setattr(request_flow, "TURN_PATIENCE", 0.3)
    listing()
    listing()
    assert requested(emulator) == 1
    stopped.kill()


def hold_the_turn(shared_tokens: SharedTokens) -> Any:
    """Take the turn, as another process would."""
    shared_tokens.file.unlink()
    [lock] = shared_tokens.directory.glob("*.lock")
    file = lock.open("r+b")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def test_a_signal_handler_waits_for_nobody(
    listing: Callable[[], Any],
    emulator: Emulator,
    shared_tokens: SharedTokens,
    waits: list[float],
) -> None:
    """It may have interrupted the very process that has the turn, which cannot go on before it returns."""
    hook = listing()
    with hold_the_turn(shared_tokens):
        shared_tokens.as_another_process()
        assert hook.aside().list_connections() == []
    assert (requested(emulator), waits, shared_tokens.files) == (2, [], [])


def test_the_wait_for_a_turn_is_bounded(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens, waits: list[float]
) -> None:
    """Then it requests a token without a turn. It is not part of the sleep of a try."""
    hook = listing()
    with hold_the_turn(shared_tokens):
        shared_tokens.as_another_process()
        hook.sleep_at_most(0)
        assert hook.list_connections() == []
    assert requested(emulator) == 2
    assert sum(waits) == pytest.approx(request_flow.TURN_PATIENCE, abs=0.2)


def test_waits_share_it_too(
    listing: Callable[[], Any],
    emulator: Emulator,
    shared_tokens: SharedTokens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A triggerer takes a task's token, and reads the file in a thread: its event loop goes on."""
    listing()
    shared_tokens.as_another_process()
    threads, load = [], SharedToken.load_or_turn

    def noting(self: SharedToken) -> Any:
        threads.append(threading.current_thread())
        return load(self)

    monkeypatch.setattr(SharedToken, "load_or_turn", noting)

    async def sign_in() -> None:
        async with AsyncFlowService() as service:
            await service.sign_in()

    asyncio.run(sign_in())
    assert requested(emulator) == 1
    assert threads
    assert threading.main_thread() not in threads


def test_a_token_of_a_wait_is_saved(
    listing: Callable[[], Any], make_hook: MakeHook, emulator: Emulator, shared_tokens: SharedTokens
) -> None:
    """For the tasks that follow."""
    make_hook(emulator.url)

    async def sign_in() -> None:
        async with AsyncFlowService() as service:
            await service.sign_in()

    asyncio.run(sign_in())
    listing()
    assert requested(emulator) == 1


def test_a_test_of_the_connection_requests_a_token(
    listing: Callable[[], Any], emulator: Emulator, shared_tokens: SharedTokens
) -> None:
    """It checks the credential, so a stored token does not do."""
    hook = listing()
    shared_tokens.as_another_process()
    assert hook.test_connection()[0]
    assert requested(emulator) == 2


def test_an_invalid_token_in_the_file_is_not_used(make_hook: MakeHook, shared_tokens: SharedTokens) -> None:
    """A line break in it would make a header of its own."""
    with RawServer(EMPTY, token=token_reply(expires_in=1000)) as server:
        hook = make_hook(server.url)
        SharedToken(hook.settings).save(Token("a\r\nx-evil: b", time.monotonic() + 1000))
        hook.list_connections()
        assert [one.headers["authorization"] for one in server.requests] == [f"Bearer {raw.TOKEN}"]
