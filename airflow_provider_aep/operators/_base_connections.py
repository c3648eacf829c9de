"""A base connection as the recipe of creation sees it, and the memory of the task that wants it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep._compat import task_store
from airflow_provider_aep.exactly_once import Entity, find_mark, with_mark
from airflow_provider_aep.flow_service.checks import is_id
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.sources import Source
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.links import connection_url

_STORE_KEY = "aep_base_connection"


@dataclass(frozen=True)
class ConnectionRequest:
    """What is to stand. ``auth_params`` holds secrets and is left out of ``repr``."""

    source: Source
    name: str
    description: str | None
    mark: str | None
    auth_params: Mapping[str, Any] = field(repr=False)


class BaseConnections:
    """The :class:`~airflow_provider_aep.exactly_once.Service` for one wanted base connection."""

    def __init__(self, hook: FlowServiceHook, request: ConnectionRequest) -> None:
        self._hook = hook
        self._request = request
        hook.hide(request.auth_params)

    def look(self) -> Sequence[Entity]:
        spec_id = self._request.source.connection_spec_id
        return [
            _entity(item)
            for item in self._hook.list_connections(name=self._request.name, connection_spec_id=spec_id)
        ]

    def get(self, id: str) -> Entity:
        return _entity(self._hook.get_connection_details(id))

    def post(self) -> str:
        request = self._request
        return self._hook.create_connection(
            name=request.name,
            connection_spec_id=request.source.connection_spec_id,
            auth_spec_name=request.source.auth_spec_name,
            auth_params=request.auth_params,
            description=with_mark(request.description, request.mark),
        )

    def update(self, entity: Entity) -> None:
        """New credentials; a new description keeps the mark of whoever made the connection, or none."""
        operations: list[dict[str, Any]] = [
            {"op": "replace", "path": "/auth/params", "value": dict(self._request.auth_params)}
        ]
        if self._request.description is not None:
            description = with_mark(self._request.description, find_mark(entity.description))
            operations.append({"op": "replace", "path": "/description", "value": description})
        self._hook.patch_connection(entity.id, entity.etag or "", operations)

    def delete(self, id: str) -> None:
        self._hook.delete_connection(id)

    def dependants(self, id: str) -> Sequence[str]:
        return [str(item.get("id")) for item in self._hook.list_source_connections(id)]

    def link(self, id: str) -> str:
        settings = self._hook.settings
        return connection_url(
            org_id=settings.org_id, tenant=settings.tenant, sandbox=self._hook.sandbox, connection_id=id
        )


def _entity(item: Mapping[str, Any]) -> Entity:
    if not is_id(item.get("id")):
        raise AepReplyError("Flow Service listed a base connection without an id.")
    created = item.get("createdAt")
    known = isinstance(created, int | float) and not isinstance(created, bool)
    etag = item.get("etag")
    return Entity(
        id=str(item.get("id")),
        created_at=float(created) if known else math.inf,  # type: ignore[arg-type]
        state=str(item.get("state") or ""),
        etag=etag if isinstance(etag, str) and etag else None,
        description=str(item.get("description") or ""),
    )


class TaskMemory:
    """Airflow 3.3's task state store, as far as there is one.

    A record counts only for the same identity and the same ``max_tries``: that number grows when a task is
    cleared, and a cleared task starts fresh where a retried one goes on.
    """

    def __init__(self, context: Any, identity: Mapping[str, str], log: Any) -> None:
        self._store = task_store(context)
        tries = getattr(context.get("ti"), "max_tries", None)
        self._facts = {**identity, "max_tries": tries if isinstance(tries, int) else None}
        self._log = log

    def recall(self) -> str | None:
        record = self._try("read", lambda store: store.get(_STORE_KEY))
        if not isinstance(record, dict):
            return None
        known = record.pop("id", None)
        return known if isinstance(known, str) and record == self._facts else None

    def keep(self, id: str) -> None:
        self._try("write", lambda store: store.set(_STORE_KEY, {"id": id, **self._facts}))

    def _try(self, verb: str, action: Any) -> Any:
        """The memory is a help, not a condition: without it the look finds what stands."""
        if self._store is None:
            return None
        try:
            return action(self._store)
        except Exception as error:  # noqa: BLE001 - whatever a state backend raises
            self._log.warning("Could not %s the task's state store: %s", verb, type(error).__name__)
            return None
