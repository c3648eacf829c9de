"""The files of a file source, like `/customers.csv`, and its folder `/orders/`, which gets new files.

Files are really written and read, so that a wrong delimiter has its usual effect on the columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.tables import library
from airflow_provider_aep.emulator.tables.table import Row, Table, growth_times, new_row

TYPES = ("delimited", "json", "parquet")
COMPRESSIONS = ("bzip2", "gzip", "deflate", "zipDeflate", "tarGzip", "tar")
LANDING_ZONE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"
CHUNK = 100  # rows of each file that the folder has from the start
NEW_CHUNK = 5
AGE_SECONDS = 86400  # the age of those files at the start


class UnreadableError(ValueError):
    """A file does not have the given format; the text says why."""


@dataclass(frozen=True)
class Form:
    """The format in which a file is written or read."""

    file_type: str
    delimiter: str = ","
    compression: str | None = None

    def shown(self) -> dict[str, str]:
        """Return the format as `/explore` shows it in `properties`."""
        shown = {"fileType": self.file_type}
        if self.compression:
            shown["compressionType"] = self.compression
        return {**shown, "columnDelimiter": self.delimiter} if self.file_type == "delimited" else shown


def form_of(data: Mapping[str, Any]) -> Form:
    """Return the format in a source connection's `data`; Adobe documents two fields for the delimiter."""
    properties = {**data, **data.get("properties", {})}
    delimiter, compression = properties.get("columnDelimiter", ","), properties.get("compressionType")
    if not isinstance(delimiter, str) or len(delimiter.replace("\\t", "\t")) != 1:
        raise flow_error("1331-400")
    if compression not in (None, *COMPRESSIONS):
        raise flow_error("1312-400", value=str(compression), param="compressionType")
    return Form(str(data["format"]).removesuffix("_xdm"), delimiter.replace("\\t", "\t"), compression)


@dataclass(frozen=True)
class File:
    """A file: its format, its rows, and its time of modification."""

    path: str
    form: Form
    table: Table
    modified: float


def root(source: Source) -> str:
    """Return the root of the source's paths; a landing zone's is its container."""
    return "dlz-user-container/" if source.id == LANDING_ZONE else "/"


def tree(source: Source, started_at: float, at: float) -> dict[str, File]:
    """Return all files by path, as they are at a time."""
    first, *_, last = library.tables(source).values()
    top, old = root(source), started_at - AGE_SECONDS
    files = [
        File(f"{top}{first.name}.csv", Form("delimited"), first, old),
        File(f"{top}{first.name}.json", Form("json"), first, old),
        File(f"{top}{first.name}.parquet", Form("parquet"), first, old),
        File(f"{top}archive/{first.name}.csv.gz", Form("delimited", "~", "gzip"), first, old),
    ]
    folder = f"{top}{last.name}/"
    for n in range(0, len(last.rows), CHUNK):
        part = replace(last, rows=last.rows[n : n + CHUNK])
        files += [File(f"{folder}{n // CHUNK + 1:03}.csv", Form("delimited"), part, old)]
    for n, time in enumerate(growth_times(started_at, at)):
        files += [File(f"{folder}new-{n:05}.csv", Form("delimited"), _new(last, n, time), time)]
    return {file.path: file for file in files}


@lru_cache(maxsize=20_000)  # after a leap of the clock each run reads all of them
def _new(table: Table, n: int, at: float) -> Table:
    numbers = range(n * NEW_CHUNK, (n + 1) * NEW_CHUNK)
    return replace(table, rows=tuple(new_row(table, number, at) for number in numbers))


def children(paths: Sequence[str], folder: str) -> tuple[list[str], list[str]]:
    """Return the files and the folders directly in a folder, whose path ends with a slash."""
    below = [path.removeprefix(folder) for path in paths if path.startswith(folder)]
    folders = dict.fromkeys(folder + rest.split("/")[0] + "/" for rest in below if "/" in rest)
    return [folder + rest for rest in below if "/" not in rest], list(folders)


def matching(paths: Sequence[str], requested: str, *, recursive: bool) -> list[str]:
    """Return the paths that a source connection's path selects: a file, a folder or a pattern."""
    if requested in paths:
        return [requested]
    pattern = requested if "*" in requested else requested.rstrip("/") + "/*"
    found = [path for path in paths if fnmatchcase(path, pattern)]
    return found if recursive else [path for path in found if path.count("/") == pattern.count("/")]


def read(file: File, form: Form) -> Table:
    """Read a file in a format; columns of a delimited file are strings."""
    if form.compression != file.form.compression:
        raise UnreadableError(f"{file.path} is compressed with {file.form.compression or 'nothing'}")
    if form.file_type != file.form.file_type:
        raise UnreadableError(f"{file.path} is not a {form.file_type} file")
    if form.file_type != "delimited":
        return file.table
    try:
        lines = csv.DictReader(io.StringIO(_written(file)), delimiter=form.delimiter)
    except (TypeError, ValueError):
        raise UnreadableError(f"{form.delimiter!r} cannot be a delimiter") from None
    rows: list[Row] = [{name: value for name, value in line.items() if name is not None} for line in lines]
    return replace(file.table, kinds=dict.fromkeys(lines.fieldnames or (), "string"), rows=tuple(rows))


def _written(file: File) -> str:
    text = io.StringIO()
    lines = csv.DictWriter(text, file.table.kinds, delimiter=file.form.delimiter)
    lines.writeheader()
    for row in file.table.rows:
        lines.writerow({name: str(v).lower() if isinstance(v, bool) else v for name, v in row.items()})
    return text.getvalue()
