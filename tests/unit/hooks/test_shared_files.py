"""The directory that processes share: nothing unsafe is used, and nothing half-written is seen."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_aep.hooks import shared_files
from airflow_provider_aep.hooks.shared_files import (
    KEPT,
    LARGEST,
    opened_directory,
    read,
    try_lock,
    unlock,
    write,
)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory, which does not exist yet."""
    monkeypatch.setenv("AIRFLOW__AEP__SHARED_DIR", str(tmp_path / "shared"))
    shared_files._warn_once.cache_clear()
    return tmp_path / "shared"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def token_file(number: int) -> str:
    """Return a name as that of a token's file."""
    return f"token-{number:064x}"


def in_a_child(act: Callable[[], None]) -> int:
    """Return the signal that ended a process that did this, or minus its exit code."""
    pid = os.fork()
    if pid == 0:
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_only_this_user_can_read(shared: Path) -> None:
    """Directory, content and lock, whatever the umask."""
    before = os.umask(0)
    try:
        with opened_directory() as at:
            write(at, "one", b"content")
            lock = try_lock(at, "lock")
            assert lock is not None
            lock.close()
            assert read(at, "one") == b"content"
    finally:
        os.umask(before)
    assert mode(shared) == 0o700
    assert {mode(one) for one in shared.iterdir()} == {0o600}


def test_the_default_is_below_the_directory_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the user in its name: the tasks of another user have a directory of their own."""
    monkeypatch.delenv("AIRFLOW__AEP__SHARED_DIR", raising=False)
    monkeypatch.setattr(shared_files.tempfile, "tempdir", str(tmp_path))
    assert shared_files.directory() == tmp_path / f"airflow-provider-aep-{os.geteuid()}"


def no_directory(path: Path) -> None:
    path.write_text("a file")


def symlink(path: Path) -> None:
    path.with_name("real").mkdir(0o700)
    path.symlink_to(path.with_name("real"))


def readable(path: Path) -> None:
    path.mkdir(0o755)


def writable(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


@pytest.mark.parametrize("make", [no_directory, symlink, readable, writable])
def test_an_unsafe_directory_is_not_used(
    shared: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """And one warning of the process names the setting."""
    make(shared)
    for _ in range(2):
        with pytest.raises(OSError), opened_directory():  # noqa: PT011 - any
            pass
    assert caplog.text.count("[aep] shared_dir") == 1


def test_nothing_of_another_user_is_used(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the directory nor a file."""
    with opened_directory() as at:
        write(at, "one", b"content")
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with pytest.raises(PermissionError):
            read(at, "one")
        with pytest.raises(PermissionError):
            try_lock(at, "one")
    with pytest.raises(PermissionError), opened_directory():
        pass


@pytest.mark.parametrize("where", ["a/file/below", "/proc/airflow"], ids=["below a file", "read-only"])
def test_a_directory_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Of the kind that callers expect."""
    (tmp_path / "a").write_text("")
    monkeypatch.setenv("AIRFLOW__AEP__SHARED_DIR", str(tmp_path / where))
    with pytest.raises(OSError), opened_directory():  # noqa: PT011 - any
        pass


def test_an_unsafe_file_is_not_read(shared: Path) -> None:
    """A symlink, a FIFO, a directory, a file that others may read, and one that is too large."""
    with opened_directory() as at:
        write(at, "good", b"content")
        (shared / "symlink").symlink_to("good")
        os.mkfifo(shared / "fifo", 0o600)
        (shared / "directory").mkdir(0o700)
        write(at, "readable", b"content")
        (shared / "readable").chmod(0o640)
        write(at, "large", b"x" * (LARGEST + 1))
        for name in ("symlink", "fifo", "directory", "readable", "large", "missing"):
            with pytest.raises(OSError):  # noqa: PT011 - any
                read(at, name)
        assert read(at, "good") == b"content"


def test_an_unsafe_file_is_replaced(shared: Path) -> None:
    """A symlink itself, not the file that it names."""
    with opened_directory() as at:
        write(at, "good", b"content")
        (shared / "symlink").symlink_to("good")
        write(at, "symlink", b"new")
        assert (read(at, "symlink"), read(at, "good")) == (b"new", b"content")


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its draft is private too, and is removed when there are many newer files."""

    def killed(*_given: object, **_named: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with opened_directory() as at:
        write(at, "one", b"old")

        def write_and_die() -> None:
            monkeypatch.setattr(os, "replace", killed)
            write(at, "one", b"new")

        assert in_a_child(write_and_die) == -signal.SIGKILL
        assert read(at, "one") == b"old"
        assert {mode(one) for one in shared.iterdir()} == {0o600}
        assert len(list(shared.iterdir())) == 2
        for number in range(KEPT):
            write(at, token_file(number), b"")
        assert not list(shared.glob("new-*"))


def test_old_files_are_removed(shared: Path) -> None:
    """The newest remain, so files of old credentials and keys do not add up."""
    with opened_directory() as at:
        for number in range(KEPT):
            write(at, token_file(number), b"")
            os.utime(shared / token_file(number), (number, number))
        for number in range(KEPT, KEPT + 2):
            write(at, token_file(number), b"")
        left = {one.name for one in shared.iterdir()}
    assert left == {token_file(number) for number in range(2, KEPT + 2)}


def test_no_file_of_others_is_removed(shared: Path) -> None:
    """An admin may set a directory that something else uses, such as a home."""
    shared.mkdir(0o700)
    others = {"airflow.cfg", "token-service.json", "new-", ".bashrc"}
    for name in others:
        (shared / name).write_text("")
        os.utime(shared / name, (0, 0))
    with opened_directory() as at:
        for number in range(KEPT + 1):
            write(at, token_file(number), b"")
    left = {one.name for one in shared.iterdir()}
    assert others <= left
    assert len(left - others) == KEPT


def test_a_lock_is_one_process_s(shared: Path) -> None:
    """Until it is closed."""
    with opened_directory() as at:
        lock = try_lock(at, "lock")
        assert lock is not None
        assert try_lock(at, "lock") is None
        lock.close()
        again = try_lock(at, "lock")
        assert again is not None
        again.close()


def test_a_forked_process_keeps_no_lock(shared: Path) -> None:
    """It inherits the open file, and lives on when its parent has unlocked it."""
    with opened_directory() as at:
        lock = try_lock(at, "lock")
        assert lock is not None
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(write_end)
            os.read(read_end, 1)
            os._exit(0)
        unlock(lock)
        again = try_lock(at, "lock")
        os.close(write_end)
        os.close(read_end)
        os.waitpid(pid, 0)
        assert again is not None
        unlock(again)


def test_the_lock_of_a_killed_process_is_free(shared: Path) -> None:
    """The kernel frees it, so nobody has to guess whether its holder lives."""
    with opened_directory() as at:

        def lock_and_die() -> None:
            held = try_lock(at, "lock")
            assert held is not None
            os.kill(os.getpid(), signal.SIGKILL)

        assert in_a_child(lock_and_die) == -signal.SIGKILL
        lock = try_lock(at, "lock")
        assert lock is not None
        lock.close()
