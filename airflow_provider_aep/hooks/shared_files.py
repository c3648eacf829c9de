"""Small files that the processes of one user on one machine share.

The directory and its files are used only if they belong to this user, if other users have no access, and if
they are not symlinks. Sharing is a help, not a need: after an :class:`OSError`, continue without it.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import logging
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from airflow_provider_aep._compat import config_text

LARGEST = 64 * 1024
"""Bytes of a file at most. A larger file is not read."""

KEPT = 64
"""The newest files are kept. Old credentials, old keys and killed processes leave files."""

_OWN = re.compile(r"(token|requests|new)-[0-9a-f]{16,64}(\.lock)?")
"""The names of these files. Others in the directory are not removed: an admin may have set a used one."""

log = logging.getLogger(__name__)


def directory() -> Path:
    """Return ``[aep] shared_dir``. The default is below the directory for temporary files.

    As a rule, that one is on a local disk, where locks work, and in no backup. It needs no home.

    :raises OSError: there is no directory for temporary files
    """
    own = (config_text("shared_dir") or "").strip()
    if own:
        return Path(own).absolute()
    return Path(tempfile.gettempdir(), f"airflow-provider-aep-{os.geteuid()}")


@contextlib.contextmanager
def opened_directory() -> Iterator[int]:
    """Make the directory if it is missing, and yield its file descriptor.

    :raises OSError: it cannot be made or opened, or is not safe
    """
    path = directory()
    try:
        path.mkdir(0o700, parents=True, exist_ok=True)
        at = _checked(
            os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC), stat.S_ISDIR
        )
    except OSError as error:
        _warn_once(path, error.strerror or str(error))
        raise
    try:
        yield at
    finally:
        os.close(at)


def read(at: int, name: str) -> bytes:
    """Return the content of a file. :raises OSError: it is missing, not safe, or too large"""
    with _opened(at, name, os.O_RDONLY, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(f"{name} is too large")
    return content


def write(at: int, name: str, content: bytes) -> None:
    """Replace a file. A kill in the middle leaves the old one. :raises OSError: it was not replaced"""
    draft = f"new-{secrets.token_hex(8)}"
    try:
        with _opened(at, draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, "wb") as file:
            file.write(content)
        os.replace(draft, name, src_dir_fd=at, dst_dir_fd=at)
    except OSError:
        with contextlib.suppress(OSError):
            remove(at, draft)
        raise
    _remove_old(at)


def remove(at: int, name: str) -> None:
    """Remove a file. :raises OSError: it is missing, or cannot be removed"""
    os.unlink(name, dir_fd=at)


def try_lock(at: int, name: str) -> IO[bytes] | None:
    """Return a file that is locked until :func:`unlock`; None if another process has locked it.

    The kernel unlocks the files of a process that dies.

    :raises OSError: the file is not safe, or its file system has no locks
    """
    file = _opened(at, name, os.O_RDWR | os.O_CREAT, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        file.close()
        raise
    return file


def unlock(file: IO[bytes]) -> None:
    """Unlock a file and close it. To close it is not enough: a forked process has it open too."""
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)
    file.close()


def _opened(at: int, name: str, flags: int, mode: str) -> IO[bytes]:
    """Open a file. A new file is only this user's from its first byte. :raises OSError: it is not safe"""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # not to wait for the other end of a FIFO
    opened = os.open(name, flags, 0o600, dir_fd=at)
    return os.fdopen(_checked(opened, stat.S_ISREG), mode)


def _checked(opened: int, is_kind: Callable[[int], bool]) -> int:
    """Return a file descriptor. Close it if it is not safe. :raises OSError: it is not safe"""
    facts = os.fstat(opened)
    if not is_kind(facts.st_mode):
        problem = "it is of another kind"
    elif facts.st_uid != os.geteuid():
        problem = "it belongs to another user"
    elif facts.st_mode & 0o077:
        problem = "other users have access to it"
    else:
        return opened
    os.close(opened)
    raise PermissionError(problem)


def _remove_old(at: int) -> None:
    """Remove all but the newest files. To remove a lock that is in use costs a token request, no more."""
    with contextlib.suppress(OSError), os.scandir(at) as entries:
        own = [one for one in entries if _OWN.fullmatch(one.name)]
        newest = sorted(own, key=lambda one: one.stat(follow_symlinks=False).st_mtime, reverse=True)
        for one in newest[KEPT:]:
            remove(at, one.name)


@functools.cache
def _warn_once(path: Path, problem: str) -> None:
    log.warning(
        "The directory %s is not used: %s. So this process shares no access token and no request budget with "
        "others. Correct the directory, or set another one in `[aep] shared_dir`.",
        path,
        problem,
    )
