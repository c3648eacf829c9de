"""The records that a batch rejected, as Data Access shows them: calls, lists of files, and lines of files.

Follows Adobe's guides on error diagnostics and on failed batches, and the OpenAPI of Data Access. A failed
batch can have other files (``/failed``) than a batch with error diagnostics (``/meta?path=row_errors``). The
links of Adobe's samples have a port, and can name another host. Only their queries are used, so that the
access token is sent to no other host.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_aep.flow_service.collections import Paging, started_at
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.requests import PAGE_SIZE, Call, Query
from airflow_provider_aep.flow_service.run_errors import clip, without_values
from airflow_provider_aep.flow_service.validation import check_id, is_id

DATA_ACCESS = "/data/foundation/export"
ROW_ERRORS = "row_errors"
CORRUPT = "_corrupt_record"
"""The column with the text of a row that could not be read."""

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of one line. A longer line is not kept in memory."""

_ABOUT = ("_errors", "_validationErrors", "_filename")
"""Keys that AEP adds to a record."""

_LONGEST_MESSAGE = 300
_LONGEST_READ = 1000
"""Characters that are read of a message. A message can repeat a whole record."""
_BATCH_OF_LINK = re.compile(r"/batches/([^/?]+)/meta(?:\?|$)")


def row_errors_call(batch_id: object) -> Call:
    """``GET /batches/{id}/meta?path=row_errors``: the files of a batch with error diagnostics."""
    return _call(batch_id, "meta", [("path", ROW_ERRORS)])


def failed_call(batch_id: object) -> Call:
    """``GET /batches/{id}/failed``: the files of a batch that failed as a whole."""
    return _call(batch_id, "failed", [])


def _call(batch_id: object, end: str, query: Query) -> Call:
    path = f"/batches/{check_id(batch_id, 'batch_id')}/{end}"
    return Call("GET", path, [*query, ("start", "0"), ("limit", str(PAGE_SIZE))])


def _read_files(document: object, what: str) -> list[dict[str, Any]]:
    items = document.get("data") if isinstance(document, Mapping) else None
    if isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in items
    ):
        return items
    raise AepReplyError.with_advice(f"{what} was answered without a list of files.")


def _next_files(call: Call, document: Any, items: list[dict[str, Any]], _origin: str) -> Query | None:
    """Return the query of the next page. Of the link to it only ``start`` is used."""
    start = dict(_query_of(_link(document, "next"))).get("start")
    if start is not None:
        return started_at(call, start)
    query = dict(call.query)
    full = len(items) >= int(query["limit"])
    return started_at(call, str(int(query["start"]) + len(items))) if full else None


FILES = Paging(_read_files, _next_files, id_key="name")


def content_call(listed: Call, item: Mapping[str, Any]) -> Call | None:
    """Return the call that reads a file of a list; None if the file holds no records.

    :param listed: the call of the list
    :param item: ``{"name", "length", "_links": {"self": {"href"}}}``
    """
    name = item["name"]
    if name.startswith(("_", ".")):  # `_SUCCESS`, the mark of a complete folder
        return None
    folder = dict(listed.query).get("path")
    named = f"{folder}/{name}" if folder else name
    path = dict(_query_of(_link(item, "self"))).get("path")
    return Call("GET", listed.path, [("path", path or named)])


def _link(document: object, name: str) -> object:
    links = document.get("_links") if isinstance(document, Mapping) else None
    link = links.get(name) if isinstance(links, Mapping) else None
    return link.get("href") if isinstance(link, Mapping) else link


def _query_of(href: object) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(href).query) if isinstance(href, str) else []
    except ValueError:
        return []


def batches_of(run_item: Mapping[str, Any]) -> list[str]:
    """Return the ids of a run's batches, from its activities and from the links of their manifests."""
    found: dict[str, None] = {}
    for activity in _dicts(run_item.get("activities") or run_item.get("activites")):  # the OpenAPI's spelling
        for target in _dicts(activity.get("targetInfo")):
            reference = _mapping(target.get("reference"))
            ids = reference.get("ids")
            if str(reference.get("type")).lower() == "batch" and isinstance(ids, list):
                found.update((one, None) for one in ids if is_id(one))
        for link in _manifest(activity).values():
            match = _BATCH_OF_LINK.search(link) if isinstance(link, str) else None
            if match and is_id(match[1]):
                found[match[1]] = None
    return list(found)


def shows_failed_records(run_item: Mapping[str, Any]) -> bool:
    """Return whether a run names the files of its failed records."""
    activities = _dicts(run_item.get("activities") or run_item.get("activites"))
    return any(_manifest(activity).get("failedRecords") for activity in activities)


def _manifest(activity: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = _mapping(_mapping(activity.get("statusSummary")).get("extensions"))
    return _mapping(extensions.get("manifest"))


@dataclass(frozen=True)
class RecordError:
    """Why AEP rejected a record. What AEP does not say is None.

    :param message: AEP's message, which can quote a value of the record
    :param column: the column of the source, or the path of the field
    """

    code: str | None
    message: str
    column: str | None


@dataclass(frozen=True)
class FailedRecord:
    """A record that AEP rejected.

    :param record: the columns of the source with their values; a corrupt row has ``_corrupt_record``
    :param file: the file that AEP names for the record (``_filename``), or None
    """

    errors: tuple[RecordError, ...]
    record: Mapping[str, Any]
    batch_id: str
    file: str | None

    @property
    def codes(self) -> list[str]:
        """Return the codes of the errors, each once, ``unknown`` for an error without a code."""
        return list(dict.fromkeys(error.code or "unknown" for error in self.errors)) or ["unknown"]

    @property
    def columns(self) -> list[str]:
        """Return the names of the record's columns."""
        return [name for name in self.record if name != CORRUPT]

    def as_dict(self, *, values: bool) -> dict[str, Any]:
        """Return the record as JSON shows it.

        :param values: with the values of the record: they are personal data. Without, the messages have
            ``***`` for what they repeat of the record
        """
        hidden = None if values else _Values(self.record)
        errors = [
            {
                "code": error.code,
                "message": error.message if hidden is None else hidden.removed_from(error.message),
                "column": error.column,
            }
            for error in self.errors
        ]
        shown = {"errors": errors, "columns": self.columns}
        return {**shown, "record": self.record} if values else shown

    def line(self) -> bytes:
        """Return the record with its values as a line of JSON."""
        errors = [vars(error) for error in self.errors]
        saved = {"errors": errors, "record": self.record, "batch_id": self.batch_id, "file": self.file}
        return json.dumps(saved).encode() + b"\n"


def read_failed_record(line: bytes, batch_id: str) -> FailedRecord | None:
    """Read a line of a file; None if it is not a JSON object. A byte that is no UTF-8 becomes U+FFFD."""
    try:
        row = json.loads(line.decode("utf-8-sig", "replace"), parse_constant=str, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    file = row.get("_filename")
    return FailedRecord(
        errors=tuple(_errors_of(row)),
        record={name: value for name, value in row.items() if name not in _ABOUT},
        batch_id=batch_id,
        file=file if isinstance(file, str) else None,
    )


def _finite(text: str) -> float | str:
    """Return a number. One that a float cannot hold stays a text: JSON has no infinity."""
    number = float(text)
    return number if math.isfinite(number) else text


def _errors_of(row: Mapping[str, Any]) -> Iterator[RecordError]:
    """Yield the errors of a row, in the shapes of error diagnostics, of streams and of failed batches."""
    errors = row.get("_errors")
    streamed = _mapping(errors).get("_streamingValidation")
    for error in (*_dicts(errors), *_dicts(streamed), *_dicts(row.get("_validationErrors"))):
        inner = _dicts(error.get("causingExceptions"))
        yield from map(_read_error, inner or [error])


def _read_error(error: Mapping[str, Any]) -> RecordError:
    code, message, column = error.get("code"), error.get("message"), error.get("column")
    if code is None:
        code = error.get("keyword")
    pointer = error.get("pointerToViolation")
    if not isinstance(column, str) and isinstance(pointer, str):
        column = pointer.strip("#/").replace("/", ".")
    return RecordError(
        code=clip(str(code), 60) if isinstance(code, str | int) and str(code).strip() else None,
        message=message if isinstance(message, str) else "",
        column=clip(column, 250) if isinstance(column, str) and column.strip() else None,
    )


class _Values:
    """The values of a record, to remove them from a message."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        names, values = _names_and_values(record)
        texts = [text for text in {one for value in values for one in (value, _plain(value))} if text.strip()]
        self._all = "\n".join(texts).casefold()
        self._words = set(re.findall(r"\w+", self._all))
        self._known = {
            word.casefold() for name in names for word in (name, *re.findall(r"\w+", name))
        } | _PLAIN
        self._hidden = sorted(
            (text for text in texts if text.casefold() not in self._known), key=len, reverse=True
        )

    def removed_from(self, message: str) -> str:
        """Return the message with ``***`` for values, for parts of values, and for what it quotes."""
        shown = _QUOTED_NAME.sub(self._unquoted, message[:_LONGEST_READ])
        folded = shown.casefold()
        if present := [text for text in self._hidden if text.casefold() in folded]:
            pattern = rf"\w*(?:{'|'.join(map(_value_pattern, present))})\w*"
            shown = re.sub(pattern, "***", shown, flags=re.IGNORECASE)
        shown = without_values(shown)
        return clip(re.sub(r"\w+", self._word, shown), _LONGEST_MESSAGE)

    def _unquoted(self, match: re.Match[str]) -> str:
        """Keep the name of a column, which is no value, without the quotes around it."""
        return match[1] if match[1].casefold() in self._known else match[0]

    def _word(self, match: re.Match[str]) -> str:
        word = match[0].casefold()
        if word in self._known:
            return match[0]
        part = len(word) >= 3 and word in self._all
        return "***" if part or (len(word) >= 2 and word in self._words) else match[0]


_NAME = re.compile(r"[A-Za-z_][\w:-]*")
_QUOTED_NAME = re.compile(r"[\"'`\[]([\w .-]{1,250})[\"'`\]]")
_PLAIN = frozenset(
    re.findall(
        r"\w+",
        """a an and are array as at be been boolean by can cannot character characters column columns convert
    converted corrupted data date decimal default does double element empty error expected extraneous failed
    field file first fix float for format found from has have in input integer into invalid is it key length
    long missing more must no not null number object of on or permitted please property read record required
    resend row schema string than that the this to too transform type valid value values was with""",
    )
)
"""Words of AEP's own messages. They say nothing about a record that has them too."""


def _plain(text: str) -> str:
    """Return a text in one line, as a service may show it."""
    return clip(text, len(text))


def _value_pattern(text: str) -> str:
    """Return the pattern of a value. A short value would be a part of every word."""
    return re.escape(text) if len(text) > 3 else rf"(?<!\w){re.escape(text)}(?!\w)"


def _names_and_values(record: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Return the names of a record's columns and fields, and its values as texts.

    A key of an inner object that is no name, such as an address in an identity map, is a value. This does not
    recurse: JSON can be deeper than Python's stack.
    """
    names = set(record)
    values: set[str] = set()
    waiting: list[object] = list(record.values())
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            for key in one:
                (names if _NAME.fullmatch(key) else values).add(key)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            values.add(one)
        elif one is not None and not isinstance(one, bool):
            values |= {str(one), repr(one)}
    return names, values


def split_lines(parts: Iterable[bytes], longest: int = LONGEST_LINE) -> Iterator[bytes | None]:
    """Yield the lines of a file without blank ones; None for a line that is too long and was not kept.

    :param parts: the content of the file, cut anywhere
    """
    rest, skipping = b"", False
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if skipping or len(line) > longest:
                yield None
            elif line.strip():
                yield line
            skipping = False
        if len(rest) > longest:
            rest, skipping = b"", True
    if skipping or len(rest) > longest:
        yield None
    elif rest.strip():
        yield rest


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
