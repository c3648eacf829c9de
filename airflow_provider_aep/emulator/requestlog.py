"""`GET /_emulator/requests`: what arrived, redacted, in order of arrival."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from airflow_provider_aep.emulator import redact

Entry = dict[str, Any]


class RequestLog:
    """An entry is there from the moment a request has arrived; its status follows with the answer."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, request: Request, body: bytes, connection: int) -> Entry:
        """Note an arrival. The secrets are gone before anything is kept."""
        path = request.scope["path"]
        entry = {
            "method": request.method,
            "path": path,
            "query": redact.query(path, request.scope["query_string"].decode("latin-1")),
            "headers": redact.headers(request.headers.items()),
            "body": redact.body(path, request.headers.get("content-type", ""), body),
            "status": None,
            "connection": connection,
        }
        self.entries.append(entry)
        return entry
