"""A file source's folders: like `/customers.csv` and `/orders/`, where a file comes when a table gains a row.

Files are written and read as such, so a wrong delimiter spoils the columns as it would anywhere.
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
CHUNK = 100  # rows of a file in the folder that was there from the start
NEW_CHUNK = 5
AGE_SECONDS = 86400  # of those files


class UnreadableError(ValueError):
    """A file is not what it was said to be; the text says why."""


@dataclass(frozen=True)
class Form:
    """How a file is written, or how somebody wants it read."""

    file_type: str
    delimiter: str = ","
    compression: str | None = None

    def shown(self) -> dict[str, str]:
        """As `/explore` shows it in `properties`."""
        shown = {"fileType": self.file_type}
        if self.compression:
            shown["compressionType"] = self.compression
        return {**shown, "columnDelimiter": self.delimiter} if self.file_type == "delimited" else shown


def form_of(data: Mapping[str, Any]) -> Form:
    """How a source connection's `data` wants its files read; both places Adobe has for a delimiter count."""
    properties = {**data, **data.get("properties", {})}
    delimiter, compression = properties.get("columnDelimiter", ","), properties.get("compressionType")
    if not isinstance(delimiter, str) or len(delimiter.replace("\\t", "\t")) != 1:
        raise flow_error("1331-400")
    if compression not in (None, *COMPRESSIONS):
        raise flow_error("1312-400", value=str(compression), param="compressionType")
    return Form(str(data["format"]).removesuffix("_xdm"), delimiter.replace("\\t", "\t"), compression)


@dataclass(frozen=True)
class File:
    """Its rows, and when they were written."""

    path: str
    form: Form
    table: Table
    modified: float


def root(source: Source) -> str:
    """Where the source's paths begin; a landing zone's begin with its container."""
    return "dlz-user-container/" if source.id == LANDING_ZONE else "/"


def tree(source: Source, born: float, at: float) -> dict[str, File]:
    """All files by path, as they are at a moment."""
    first, *_, last = library.tables(source).values()
    place, old = root(source), born - AGE_SECONDS
    files = [
        File(f"{place}{first.name}.csv", Form("delimited"), first, old),
        File(f"{place}{first.name}.json", Form("json"), first, old),
        File(f"{place}{first.name}.parquet", Form("parquet"), first, old),
        File(f"{place}archive/{first.name}.csv.gz", Form("delimited", "~", "gzip"), first, old),
    ]
    folder = f"{place}{last.name}/"
    for n in range(0, len(last.rows), CHUNK):
        part = replace(last, rows=last.rows[n : n + CHUNK])
        files += [File(f"{folder}{n // CHUNK + 1:03}.csv", Form("delimited"), part, old)]
    for n, moment in enumerate(growth_times(born, at)):
        files += [File(f"{folder}new-{n:05}.csv", Form("delimited"), _new(last, n, moment), moment)]
    return {file.path: file for file in files}


@lru_cache(maxsize=20_000)  # as with rows: each of the runs of a leap in time looks at all of them
def _new(table: Table, n: int, moment: float) -> Table:
    numbers = range(n * NEW_CHUNK, (n + 1) * NEW_CHUNK)
    return replace(table, rows=tuple(new_row(table, number, moment) for number in numbers))


def children(paths: Sequence[str], folder: str) -> tuple[list[str], list[str]]:
    """The files and the folders right below a folder, whose path ends with a slash."""
    below = [path.removeprefix(folder) for path in paths if path.startswith(folder)]
    folders = dict.fromkeys(folder + rest.split("/")[0] + "/" for rest in below if "/" in rest)
    return [folder + rest for rest in below if "/" not in rest], list(folders)


def matching(paths: Sequence[str], wanted: str, *, recursive: bool) -> list[str]:
    """The files that a source connection's path means: one, those of a folder, or those of a pattern."""
    if wanted in paths:
        return [wanted]
    pattern = wanted if "*" in wanted else wanted.rstrip("/") + "/*"
    found = [path for path in paths if fnmatchcase(path, pattern)]
    return found if recursive else [path for path in found if path.count("/") == pattern.count("/")]


def read(file: File, form: Form) -> Table:
    """What comes of reading a file so; delimited files know no types."""
    if form.compression != file.form.compression:
        raise UnreadableError(f"{file.path} is compressed with {file.form.compression or 'nothing'}")
    if form.file_type != file.form.file_type:
        raise UnreadableError(f"{file.path} is no {form.file_type} file")
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
