"""`/export`: the files of batches, good and failed. Follows Adobe's Data Access OpenAPI and its guides."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.errors import plain_error, plain_not_found
from airflow_provider_aep.emulator.flows import diagnostics
from airflow_provider_aep.emulator.payloads import InvalidInputError, number_param
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity

BASE = "/data/foundation/export"
LIMIT = 100  # files of one call, by default and at most
PREVIEW_ROWS = 100
SAMPLE_FILES = ("row_error_samples.json", "row_errors_sample.json")  # the guides' name, the OpenAPI's
BYTES = re.compile(r"bytes=(?P<first>\d{1,12})-(?P<last>\d{0,12})", re.ASCII)
Item = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


class DataAccess:
    """Serve the files of one emulator's batches. All of them are JSON Lines."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/batches/{id}/files", self.list_files, methods=["GET"]),
            Route("/batches/{id}/failed", self.failed, methods=["GET"]),
            Route("/batches/{id}/meta", self.meta, methods=["GET"]),
            Route("/files/{id}", self.file, methods=["GET", "HEAD"]),
            Route("/datasets/{id}/preview", self.preview, methods=["GET"]),
        ]

    async def list_files(self, request: Request) -> Response:
        """Return the files with a batch's records; a failed batch has none."""
        batch = self._find(request, request.path_params["id"])
        return self._listed(request, [self._dataset_file(request, batch)] if _is_good(batch) else [])

    def _dataset_file(self, request: Request, batch: Entity) -> Item:
        dataset = self._platform.store.get("datasets", batch.sandbox, batch.hidden["dataset"])
        created = str(batch.item["created"])
        return {
            "dataSetFileId": _file_id(batch),
            "dataSetViewId": dataset.item["viewId"] if dataset else "",
            "version": "1.0.0",
            "created": created,
            "updated": created,
            "records": str(batch.item["recordCount"]),
            "size": str(batch.item["size"]),
            "isValid": True,
            "_links": {"self": {"href": f"{self._service(request)}/files/{_file_id(batch)}"}},
        }

    async def failed(self, request: Request) -> Response:
        """Return a failed batch's files, or the content of the one that `path` names."""
        batch = self._find(request, request.path_params["id"])
        files, path = self._failed_files(batch), request.query_params.get("path")
        return self._files_reply(request, files) if path is None else _download(files, path)

    def _failed_files(self, batch: Entity) -> dict[str, Rows]:
        streamed = bool(batch.hidden.get("streamed"))  # error diagnostics are for batch sources only
        always = streamed or self._platform.settings.failed_batch_files == "always"
        records = batch.hidden.get("failed", [])
        if batch.item["status"] != "failed" or not records or self._is_expired(batch):
            return {}
        if not (always or batch.hidden.get("diagnostics")):
            return {}
        return {"_SUCCESS": [], _part(batch): diagnostics.failed_rows(records, streamed=streamed)}

    async def meta(self, request: Request) -> Response:
        """Return the names of a batch's meta files, or the content of the one that `path` names."""
        batch = self._find(request, request.path_params["id"])
        path = request.query_params.get("path", "").strip("/")
        folders = {} if self._is_expired(batch) else self._folders(batch)
        if not path:
            names = [*folders, *(SAMPLE_FILES[:1] if "row_errors" in folders else ())]
            return self._listed(request, [self._entry(request, name, 0) for name in names])
        if path in folders:
            return self._files_reply(request, folders[path], path + "/")
        if path in SAMPLE_FILES and "row_errors" in folders:
            return _download({path: diagnostics.samples(batch.hidden.get("failed", []))}, path)
        folder, _, name = path.rpartition("/")
        return _download(folders.get(folder, {}), name)

    def _folders(self, batch: Entity) -> dict[str, dict[str, Rows]]:
        """Return the folders with their files; failed records only with error diagnostics."""
        folders: dict[str, dict[str, Rows]] = {"input_files": {"fileMetaData1.json": [{"path": "F1.json"}]}}
        if batch.hidden.get("diagnostics"):
            size = self._platform.settings.error_file_records
            folders["row_errors"] = dict(diagnostics.error_files(batch.hidden.get("failed", []), size))
        return folders

    async def file(self, request: Request) -> Response:
        """Return the parts of a file, or with `path` the content of one; `Range` selects bytes: 206."""
        file_id = request.path_params["id"]
        batch = self._find(request, file_id.removesuffix("-1"))
        if file_id != _file_id(batch) or not _is_good(batch):
            raise plain_not_found(f"There is no file {file_id}")
        files, path = {_part(batch): batch.hidden["rows"]}, request.query_params.get("path")
        if path is not None:
            return _ranged(request, _download(files, path))
        if request.method == "HEAD":
            raise InvalidInputError("path is required")
        return self._files_reply(request, files)

    async def preview(self, request: Request) -> Response:
        """Return the first 100 records of a dataset."""
        sandbox, dataset_id = request.scope["state"]["sandbox"], request.path_params["id"]
        if self._platform.store.get("datasets", sandbox, dataset_id) is None:
            raise plain_not_found(f"There is no dataset {dataset_id}")
        batches = self._platform.store.all("batches", sandbox)
        own = (batch for batch in batches if batch.hidden["dataset"] == dataset_id)
        rows = [row for batch in own for row in batch.hidden["rows"]]
        return payloads.reply({"data": rows[:PREVIEW_ROWS]})

    def _find(self, request: Request, batch_id: str) -> Entity:
        batch = self._platform.store.get("batches", request.scope["state"]["sandbox"], batch_id)
        if batch is None:
            raise plain_not_found(f"There is no batch {batch_id}")
        return batch

    def _is_expired(self, batch: Entity) -> bool:
        age = self._platform.clock.now() - batch.item["completed"] / 1000
        return bool(age > diagnostics.KEPT_SECONDS)

    def _service(self, request: Request) -> str:
        return self._platform.file_origin(request) + BASE

    def _own_url(self, request: Request) -> str:
        path: str = request.scope["path"]
        return self._service(request) + path.rpartition(BASE)[2]

    def _entry(self, request: Request, path: str, length: int) -> Item:
        href = f"{self._own_url(request)}?path={quote(path, safe='')}"
        return {
            "name": path.rpartition("/")[2],
            "length": str(length),
            "_links": {"self": {"href": href}},
        }

    def _files_reply(self, request: Request, files: Mapping[str, Rows], folder: str = "") -> Response:
        sizes = {folder + name: len(diagnostics.lines(rows)) for name, rows in files.items()}
        return self._listed(request, [self._entry(request, path, size) for path, size in sizes.items()])

    def _listed(self, request: Request, entries: Sequence[Item]) -> Response:
        """Return a page: at most 100 files, and `next` if more follow."""
        params = request.query_params
        start, limit = number_param(params, "start", "0"), number_param(params, "limit", str(LIMIT))
        if limit < 1:
            raise InvalidInputError("limit must be a whole number greater than 0")
        limit = min(limit, LIMIT)
        page = entries[start : start + limit]
        reply: Item = {"data": list(page), "_page": {"limit": limit, "count": len(page)}}
        if start + limit < len(entries):
            path = f"path={quote(params['path'], safe='')}&" if "path" in params else ""
            url = f"{self._own_url(request)}?{path}"
            reply["_links"] = {
                "next": {"href": f"{url}start={start + limit}&limit={limit}"},
                "page": {"href": f"{url}start={{start}}&limit={{limit}}", "templated": True},
            }
        return payloads.reply(reply)


def _is_good(batch: Entity) -> bool:
    return bool(batch.item["status"] == "success" and batch.item["recordCount"])


def _file_id(batch: Entity) -> str:
    return f"{batch.id}-1"


def _part(batch: Entity) -> str:
    """Return the name of a batch's only part, as in the guide on failed batches."""
    return f"part-00000-{uuid.uuid5(uuid.NAMESPACE_OID, batch.id)}-c000.json"


def _download(files: Mapping[str, Rows], name: str) -> Response:
    if name not in files:
        raise plain_not_found(f"There is no file {name}")
    return Response(diagnostics.lines(files[name]), media_type="application/octet-stream")


def _ranged(request: Request, whole: Response) -> Response:
    """Return the bytes that `Range` names, or the whole file."""
    content = bytes(whole.body)
    whole.headers["accept-ranges"] = "bytes"
    span = BYTES.fullmatch(request.headers.get("range", ""))
    if request.method == "HEAD" or span is None:
        return whole
    first, last = int(span["first"]), min(int(span["last"] or len(content)), len(content) - 1)
    if first > last:
        raise plain_error(416, "RangeNotSatisfiable", "The range is not in the file")
    headers = {"accept-ranges": "bytes", "content-range": f"bytes {first}-{last}/{len(content)}"}
    return Response(content[first : last + 1], 206, headers, media_type="application/octet-stream")
