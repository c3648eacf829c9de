"""Keep the requests for `GET /_emulator/requests`, redacted, in order of arrival."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.payloads import read_multipart
from airflow_provider_aep.emulator.settings import KNOWN_SECRETS

HIDDEN = "***"
SECRET_NAME = re.compile(
    r"secret|passw|passphrase|authorization|cookie|jwt|user-token|access.?token|refresh.?token|security.?token"
    r"|session.?token|developer.?token|api.?secret|credential|connection.?string|private|sas.?uri|sas.?key"
    r"|access.?key|secret.?key|service.?principal.?key|^auth$|^code$",
    re.IGNORECASE,
)
# Paths of patch operations that contain credentials.
SECRET_PATH = re.compile(r"(^|/)auth(/|$)", re.IGNORECASE)
# Fields of a token request that are not secret.
IMS_PLAIN = frozenset(("client_id", "grant_type", "scope"))
# The rest of a secret with a bare `&` is read as the next name, so only these names are shown.
IMS_NAMES = IMS_PLAIN | {"client_secret", "code", "jwt_token", "refresh_token"}
# Fields of a connection's body that are not secret.
CONNECTION_PLAIN = frozenset(("name", "description", "state"))
Entry = dict[str, Any]


def redacted_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers with lower-case names; a repeated one is joined, a secret one is masked."""
    shown: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = raw_name.lower()
        value = HIDDEN if SECRET_NAME.search(name) else _scrub(raw_value)
        shown[name] = f"{shown[name]}, {value}" if name in shown else value
    return shown


def redacted_query(path: str, text: str) -> dict[str, Any]:
    """Return the query as an object; a repeated parameter is a list."""
    return _form(path, parse_qsl(text, keep_blank_values=True, errors="replace"))


def redacted_body(path: str, content_type: str, raw: bytes) -> object:
    """Return JSON and IMS forms as objects with secrets masked; mask any other body."""
    if not raw:
        return None
    ims = _is_ims(path)
    media = content_type.split(";")[0].strip().lower()
    if ims and media == "application/x-www-form-urlencoded":
        return _form(path, parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    if ims and media == "multipart/form-data":
        fields = read_multipart(content_type, raw)
        return HIDDEN if fields is None else _form(path, fields)
    try:
        value = payloads.parse_json(raw)  # JSON under any content type: curl labels everything a form
    except payloads.InvalidJsonError:
        return HIDDEN
    if ims:
        return _blank(value)
    if "/connections" in path.lower():
        return _connection(value)
    return _by_name(value)


def _is_ims(path: str) -> bool:
    return path.lower().startswith("/ims/")


def _form(path: str, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    ims = _is_ims(path)
    shown: dict[str, Any] = {}
    for raw_name, raw_value in pairs:
        secret = raw_name not in IMS_PLAIN if ims else bool(SECRET_NAME.search(raw_name))
        name = HIDDEN if ims and raw_name not in IMS_NAMES else raw_name
        value = HIDDEN if secret else _scrub(raw_value)
        if name not in shown:
            shown[name] = value
        elif isinstance(shown[name], list):
            shown[name].append(value)
        else:
            shown[name] = [shown[name], value]
    return shown


def _connection(value: object) -> object:
    """Redact a connection or patch operations, refused ones too: only fields known to be plain are shown."""
    if isinstance(value, list):
        return [_connection(part) for part in value]
    if not isinstance(value, dict):
        return HIDDEN
    patch_path = value.get("path") if "op" in value else None
    plain_patch = isinstance(patch_path, str) and patch_path.lstrip("/") in CONNECTION_PLAIN
    shown: dict[str, object] = {}
    for key, part in value.items():
        if key in CONNECTION_PLAIN or key in ("op", "path") or (key == "value" and plain_patch):
            shown[key] = _scrub(part) if isinstance(part, str) else _blank(part)
        elif key == "connectionSpec" and isinstance(part, dict):
            shown[key] = {name: _plain_or_hidden(name in ("id", "version"), x) for name, x in part.items()}
        elif key == "auth" and isinstance(part, dict):
            shown[key] = {name: _plain_or_hidden(name == "specName", x) for name, x in part.items()}
        else:
            shown[key] = _blank(part)
    return shown


def _plain_or_hidden(plain: bool, value: object) -> object:
    return _scrub(value) if plain and isinstance(value, str) else _blank(value)


def _blank(value: object) -> object:
    """Keep the names and mask every value except null."""
    if isinstance(value, dict):
        return {key: _blank(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_blank(part) for part in value]
    return None if value is None else HIDDEN


def _by_name(value: object) -> object:
    if isinstance(value, dict):
        patched = value.get("path")
        secret_patch = isinstance(patched, str) and SECRET_PATH.search(patched)
        return {
            k: _blank(v) if SECRET_NAME.search(k) or (k == "value" and secret_patch) else _by_name(v)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [_by_name(part) for part in value]
    return _scrub(value) if isinstance(value, str) else value


def _scrub(text: str) -> str:
    for secret in KNOWN_SECRETS:
        text = text.replace(secret, HIDDEN)
    return text


class RequestLog:
    """Keep an entry from the arrival of a request; its status follows with the reply."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, request: Request, body: bytes, connection: int) -> Entry:
        """Add a request. Secrets are masked before anything is stored."""
        path = request.scope["path"]
        entry = {
            "method": request.method,
            "path": path,
            "query": redacted_query(path, request.scope["query_string"].decode("latin-1")),
            "headers": redacted_headers(request.headers.items()),
            "body": redacted_body(path, request.headers.get("content-type", ""), body),
            "status": None,
            "connection": connection,
        }
        self.entries.append(entry)
        return entry
