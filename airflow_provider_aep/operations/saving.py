"""Save failed records as JSON Lines: a file appears whole under its name, or not at all."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_aep.flow_service.failed_records import FailedRecord

PUBLISHES_WHOLE = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "adl", "az"))
"""Object stores that show an upload only when it has ended."""


def save(records: Iterable[FailedRecord], file: Path) -> int:
    """Write records to a local file that only its owner may read, and return how many there were.

    They are written under a hidden name in the same folder. The file gets its name at the end. Without a
    record there is no file, and an existing one is left alone.

    :raises OSError: the file cannot be written
    """
    count = 0
    descriptor, hidden = tempfile.mkstemp(".part", f".{file.name[:100]}.", file.parent)  # its mode is 0600
    try:
        with os.fdopen(descriptor, "wb") as opened:
            for record in records:
                opened.write(record.line())
                count += 1
            opened.flush()
            os.fsync(opened.fileno())
        if count:
            Path(hidden).replace(file)
    finally:
        with suppress(FileNotFoundError):
            Path(hidden).unlink()
    return count


def save_to(records: Iterable[FailedRecord], path: ObjectStoragePath) -> int:
    """Write records to a path of any file system that Airflow knows, and return how many there were.

    The records are first written to a local file. `open()` of a file system would publish half a file if
    reading the records failed: leaving its `with` block publishes what was written.
    """
    fs, target = path.fs, str(path.path)
    if path.protocol in ("", "file", "local"):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        return save(records, Path(target))
    with tempfile.TemporaryDirectory(prefix="aep-") as folder:
        local = Path(folder) / "records"
        if count := save(records, local):
            if path.protocol in PUBLISHES_WHOLE:
                fs.put_file(str(local), target)
            else:
                _put_and_move(fs, local, target)
    return count


def _put_and_move(fs: Any, local: Path, target: str) -> None:
    folder, _, name = target.rpartition("/")
    hidden = f"{folder}/.{name}.{uuid.uuid4().hex}.part"
    fs.makedirs(folder, exist_ok=True)
    try:
        fs.put_file(str(local), hidden)
        fs.mv(hidden, target)
    except BaseException:
        with suppress(Exception):
            fs.rm_file(hidden)
        raise
