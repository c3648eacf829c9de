"""One TLS context a process for each CA bundle: read once, and as strict as one of its own."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks import tls
from airflow_provider_aep.hooks.aio import AsyncFlowService
from tests.harness.connections import MakeHook
from tests.harness.raw_server import Authority, Peer, RawServer, make_authority, reply

EMPTY = reply(200, {"items": []})


def tunnel(port: int) -> Callable[[Peer], None]:
    """Carry bytes to a port of this machine and back, as a proxy does after CONNECT."""

    def carry(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port), 30) as far:
            others = {peer.sock: far, far: peer.sock}
            while not peer.stopped.is_set():
                for end in select.select(list(others), [], [], 0.2)[0]:
                    data = end.recv(1 << 16)
                    while getattr(end, "pending", int)():
                        data += end.recv(1 << 16)
                    if not data:
                        peer.close()
                        return
                    others[end].sendall(data)

    return carry


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another one."""
    return make_authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def server(authority: Authority) -> Iterator[RawServer]:
    """With a certificate of the authority's."""
    with RawServer(EMPTY, tls=authority.server) as server:
        yield server


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bundles that are read from here on, by whomever."""
    monkeypatch.setattr(tls, "_CONTEXTS", {})
    paths: list[str] = []
    load = ssl.SSLContext.load_verify_locations

    def note(self: Any, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        paths.append(str(cafile or capath))
        load(self, cafile, capath, cadata)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", note)
    return paths


def refused(hook: Any) -> None:
    """The certificate is not trusted."""
    with pytest.raises(errors.AepConnectError) as caught:
        hook.list_connections()
    assert caught.value.culprit == "certificate"


@pytest.mark.parametrize("proxied", [False, True])
def test_a_bundle_is_read_once(
    make_hook: MakeHook,
    server: RawServer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    read: list[str],
    proxied: bool,
) -> None:
    """By many hooks, each with a connection of its own, and by the triggers' side."""

    async def ask() -> Any:
        async with AsyncFlowService("aep_default") as service:
            return await service.call(Call("GET", "/runs"))

    with RawServer(tunnel(server.port)) as proxy:
        for _ in range(3):
            hook = make_hook(server.url, extra={"verify": str(authority.bundle)})
            if proxied:
                monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            assert hook.list_connections() == []
        assert asyncio.run(asyncio.wait_for(ask(), 60)) == {"items": []}
        assert proxy.connections == (4 if proxied else 0)
    assert server.connections == 4
    assert read == [str(authority.bundle)]


def test_bundles_stay_apart(make_hook: MakeHook, server: RawServer, authority: Authority) -> None:
    """Another connection of the same process does not trust the bundle of the first."""
    trusting = {"verify": str(authority.bundle)}
    refused(make_hook(server.url))
    assert make_hook(server.url, extra=trusting).list_connections() == []
    refused(make_hook(server.url))


def test_a_new_bundle_is_taken_up(
    make_hook: MakeHook, server: RawServer, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """Certificates are renewed while workers and triggerer run."""
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(authority.bundle.read_bytes())
    trusting = {"verify": str(bundle)}
    assert make_hook(server.url, extra=trusting).list_connections() == []
    bundle.write_bytes(stranger.bundle.read_bytes())
    os.utime(bundle, ns=(1, 1))
    refused(make_hook(server.url, extra=trusting))
    bundle.write_bytes(b"")
    with pytest.raises(errors.AepConfigError) as caught:
        make_hook(server.url, extra=trusting).list_connections()
    assert caught.value.parameter == "verify"
    bundle.write_bytes(authority.bundle.read_bytes())
    assert make_hook(server.url, extra=trusting).list_connections() == []


def test_a_directory_of_certificates(
    make_hook: MakeHook, server: RawServer, authority: Authority, tmp_path: Path
) -> None:
    """The directory has them by the hash of their names, as OpenSSL does."""
    trusting = {"verify": str(tmp_path)}
    refused(make_hook(server.url, extra=trusting))
    command = ["openssl", "x509", "-noout", "-hash", "-in", str(authority.bundle)]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / f"{name}.0").write_bytes(authority.bundle.read_bytes())
    assert make_hook(server.url, extra=trusting).list_connections() == []


def test_another_name_is_refused_after_the_right_one(
    make_hook: MakeHook, server: RawServer, authority: Authority
) -> None:
    """The same context checks each name for itself."""
    trusting = {"verify": str(authority.bundle)}
    assert make_hook(server.url, extra=trusting).list_connections() == []
    other = f"https://localhost:{server.port}"
    refused(make_hook(other, extra={**trusting, "ims_host": other}))


def test_nobody_turns_it_off(make_hook: MakeHook, server: RawServer, authority: Authority) -> None:
    """Not for itself, and not for those that share the context."""
    hook = make_hook(server.url)
    hook.get_conn().verify = False
    refused(hook)
    hook = make_hook(server.url, extra={"verify": str(authority.bundle)})
    hook.get_conn().verify = False
    refused(hook)
    context = tls.context_for(str(authority.bundle))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("proxy_tls", [False, True], ids=["http proxy", "https proxy"])
@pytest.mark.parametrize("trusted", [True, False])
def test_through_a_proxy(
    make_hook: MakeHook,
    server: RawServer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    waits: Any,
    proxy_tls: bool,
    trusted: bool,
) -> None:
    """The server's certificate is checked at the far end, a proxy's own at the near one."""
    with RawServer(tunnel(server.port), tls=authority.server if proxy_tls else None) as proxy:
        hook = make_hook(server.url, extra={"verify": str(authority.bundle)} if trusted else {})
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        if trusted:
            assert hook.list_connections() == []
        else:
            with pytest.raises(errors.AepConnectError) as caught:
                hook.list_connections()
            assert caught.value.culprit in ("certificate", "proxy")
        reached = trusted or not proxy_tls
        assert [one.method for one in proxy.requests] == (["CONNECT"] if reached else [])
    assert server.connections == int(reached)


def test_threads_share_it(
    make_hook: MakeHook, server: RawServer, authority: Authority, read: list[str]
) -> None:
    """Many connections begin at a time."""
    hooks = [make_hook(server.url, extra={"verify": str(authority.bundle)}) for _ in range(20)]
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda hook=hook: answers.append(hook.list_connections())) for hook in hooks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [[]] * 20


FORKING = """
import os
from airflow_provider_aep.hooks.flow_service import FlowServiceHook

assert FlowServiceHook().list_connections() == []
child = os.fork()
assert FlowServiceHook().list_connections() == []
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_fork_goes_on_with_it(
    make_hook: MakeHook, server: RawServer, authority: Authority, tmp_path: Path
) -> None:
    """Airflow's workers fork a process for each task."""
    make_hook(server.url, extra={"verify": str(authority.bundle)})
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FORKING], env=environment, check=True, timeout=120)
    assert server.connections == 3
