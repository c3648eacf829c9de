"""Hold the state of one emulated platform and what all services need of it."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from starlette.requests import Request

from airflow_provider_aep.emulator.clock import Clock
from airflow_provider_aep.emulator.faults import Faults
from airflow_provider_aep.emulator.request_log import RequestLog
from airflow_provider_aep.emulator.settings import SANDBOXES, TOKEN_SECONDS, Settings
from airflow_provider_aep.emulator.store import Entity, Store

# The kinds that `/_emulator/state` counts.
KINDS = (
    "connections",
    "sourceConnections",
    "targetConnections",
    "flows",
    "runs",
    "schemas",
    "datasets",
    "mappingSets",
)


class Platform:
    """The state of one local platform. Its methods never wait, so each request's effect is one step."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.clock = Clock(float(store.noted("clock") or 0))
        self.faults = Faults()
        self.log = RequestLog()
        self.without: frozenset[str] = frozenset()  # permissions that the credential lacks
        self.sandboxes = tuple(SANDBOXES)  # those that the credential sees
        self.started_at = self._note_start()  # the sources' tables grow from this time
        self.resets = 0  # a request that a fault holds during a reset must not act after it

    def reset(self) -> None:
        """Reset everything: entities, tokens, faults, requests and the clock."""
        self.store.clear()
        self.clock.reset()
        self.started_at = self._note_start()
        self.faults.waiting.clear()
        self.log.entries.clear()
        self.without, self.sandboxes = frozenset(), tuple(SANDBOXES)
        self.resets += 1

    def _note_start(self) -> float:
        noted = self.store.noted("born")
        if noted is None:
            noted = repr(self.clock.now())
            self.store.note("born", noted)
        return float(noted)

    def advance(self, seconds: float) -> None:
        """Move the clock ahead, and store its offset."""
        offset = self.clock.offset + seconds
        self.store.note("clock", repr(offset))
        self.clock.offset = offset

    def new_token(self) -> str:
        """Return a new access token. Only its fingerprint is stored."""
        token = secrets.token_urlsafe(48)
        self.store.note(_fingerprint(token), repr(self.clock.now() + TOKEN_SECONDS))
        return token

    def token_is_valid(self, token: str) -> bool:
        """Say whether this platform issued the token and it has not expired."""
        expiry = self.store.noted(_fingerprint(token))
        return expiry is not None and self.clock.now() < float(expiry)

    def file_origin(self, request: Request) -> str:
        """Return the origin of links to files; a sample has a port that the client's own address lacks."""
        if self.settings.file_links == "foreign":
            return "https://platform.adobe.io:443"
        return f"{request.url.scheme}://{request.url.netloc}"

    def created_at(self, sandbox: str) -> int:
        """Return a `createdAt` that is later than every other in the sandbox."""
        return max(self.clock.now_ms(), self.store.newest(sandbox) + 1)

    def listed(self, kind: str, sandbox: str) -> list[Entity]:
        """Return the entities that a list shows, without those younger than `--list-lag`."""
        return self.visible(self.store.all(kind, sandbox))

    def visible(self, entities: list[Entity]) -> list[Entity]:
        """Return those of the entities that a list shows."""
        if not self.settings.list_lag:  # without a lag: `createdAt` can be a little ahead of the clock
            return entities
        newest = self.clock.now_ms() - self.settings.list_lag * 1000
        return [entity for entity in entities if entity.item["createdAt"] <= newest]

    def new_etag(self) -> str:
        """Return an etag with literal quotes: in Cosmos DB's style on Azure, a UUID on AWS."""
        if self.settings.cloud == "aws":
            return f'"{uuid.uuid4()}"'
        return f'"{secrets.token_hex(4)}-0000-0200-0000-{int(self.clock.now()):08x}0000"'


def _fingerprint(token: str) -> str:
    return "token " + hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
