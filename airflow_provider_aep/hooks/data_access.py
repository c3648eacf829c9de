"""Data Access: the files of a batch with the records that it rejected, read as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from airflow_provider_aep.flow_service import explanations, failed_records
from airflow_provider_aep.flow_service.errors import AepNotFoundError, AepReplyError, AepTransportError
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks import request_flow
from airflow_provider_aep.hooks.collections import CollectionHook
from airflow_provider_aep.hooks.transport import StreamedReply

LARGEST_FILE = 16 * 1024**3
"""Bytes of one file. A reply that does not end is not read further."""

_NO_BATCH = "0" * 26
"""An id that no batch has."""

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)


class DataAccessHook(CollectionHook):
    """Data Access of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = failed_records.DATA_ACCESS
    permissions = explanations.FOR_DATASETS

    def check_answers(self) -> None:
        """Ask for the files of a batch that does not exist, to find out whether the service answers.

        Data Access has no list that can be read without the id of a batch or of a dataset.
        """
        with suppress(AepNotFoundError):
            self.call(Call("GET", f"/batches/{_NO_BATCH}/files", [("limit", "1")]))

    def row_error_files(self, batch_id: str) -> Iterator[Call]:
        """Yield the calls of the files with the records that a batch rejected, from every page.

        :raises AepNotFoundError: there are none: the dataflow has no error diagnostics, no record failed, or
            30 days have passed
        """
        return self._files(failed_records.row_errors_call(batch_id))

    def failed_files(self, batch_id: str) -> Iterator[Call]:
        """Yield the calls of the files of a batch that failed as a whole, from every page."""
        return self._files(failed_records.failed_call(batch_id))

    def lines(self, file: Call) -> Iterator[bytes | None]:
        """Yield the lines of a file, without keeping the file in memory; None for a line that is too long.

        :raises AepError: the file cannot be read to its end. A broken transfer is continued, as often as the
            table of retries allows
        """
        return failed_records.split_lines(self._content(file))

    def _files(self, listed: Call) -> Iterator[Call]:
        known: set[str] = set()
        for page in self.pages(listed, failed_records.FILES):
            new = {item["name"]: item for item in page if item["name"] not in known}
            if page and not new:  # `start` has no effect
                return
            known.update(new)
            for item in new.values():
                if (call := failed_records.content_call(listed, item)) is not None:
                    yield call

    def _content(self, file: Call) -> Iterator[bytes]:
        """Yield the content of a file, each byte once, however often the transfer breaks."""
        words = f"{file} (a file of failed records)"
        repeats = request_flow.Repeats(self._caller, file.method, words)
        offset = 0
        while True:
            reply = self._open(file, offset, words, repeats)
            (at, total), before = _span(reply, offset, words), offset
            try:
                for part in reply.parts():
                    new = part[max(0, offset - at) :]
                    at += len(part)
                    if at > LARGEST_FILE:
                        raise _endless(words)
                    if new:
                        offset = at
                        yield new
            except AepTransportError as error:
                if not self._aep_session.carry_out(repeats.allow(error), self.log):
                    raise
            else:
                if total is None or offset >= total:
                    return
                if offset == before:
                    raise AepReplyError.with_advice(f"{words} was answered with an empty part of the file.")

    def _open(self, file: Call, offset: int, words: str, repeats: Any) -> StreamedReply:
        headers = {"accept": "*/*", **({"range": f"bytes={offset}-"} if offset else {})}
        url = request_flow.url_of(self._root, file)
        flow = request_flow.send(
            self._caller, file.method, url, words, headers=headers, stream=True, repeats=repeats
        )
        reply = self._aep_session.carry_out(flow, self.log)
        if isinstance(reply, StreamedReply):
            return reply
        raise AepReplyError.with_advice(f"{words} was answered with {reply.status}.")


def _span(reply: StreamedReply, offset: int, words: str) -> tuple[int, int | None]:
    """Return the position of the first byte, and the size of the file if the reply is a part of it.

    :param offset: the first byte that is missing
    :raises AepReplyError: the part begins later
    """
    if reply.status != 206:
        return 0, None
    match = _RANGE.fullmatch(reply.headers.get("content-range", "").strip())
    if match is None or int(match[1]) > offset:
        raise AepReplyError.with_advice(f"{words} was answered with another part of the file.")
    return int(match[1]), None if match[3] == "*" else int(match[3])


def _endless(words: str) -> AepReplyError:
    return AepReplyError(
        f"{words}: the file is larger than {LARGEST_FILE // 1024**3} GiB and was not read further. Something "
        "else than Adobe may answer: check `host` of the AEP connection.",
        retryable=False,
    )
