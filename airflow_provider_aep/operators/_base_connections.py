"""A base connection as the recipe of creation sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.exactly_once import Entity, Wanted, find_mark, with_mark
from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.sources import PLAIN_PARAMETERS, Source, source_of
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.sources import auth_params
from airflow_provider_aep.links import connection_url
from airflow_provider_aep.operators._entities import read_entity


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
            read_entity(item)
            for item in self._hook.list_connections(name=self._request.name, connection_spec_id=spec_id)
        ]

    def get(self, id: str) -> Entity:
        return read_entity(self._hook.read_connection(id))

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

    def publish(self, id: str) -> None:
        """Base connections are made as such, never as drafts."""
        raise NotImplementedError

    def delete(self, id: str) -> None:
        self._hook.delete_connection(id)

    def dependants(self, id: str) -> Sequence[str]:
        return [str(item.get("id")) for item in self._hook.list_source_connections(id)]

    def link(self, id: str) -> str:
        settings = self._hook.settings
        return connection_url(
            org_id=settings.org_id, tenant=settings.tenant, sandbox=self._hook.sandbox, connection_id=id
        )


class Rotation(BaseConnections):
    """One base connection that stands and gets new credentials, all of ``auth.params`` at a time.

    :param item: the base connection as it was read
    :param source_conn_id: the Airflow connection with the new credentials
    """

    def __init__(self, hook: FlowServiceHook, item: Mapping[str, Any], source_conn_id: str) -> None:
        source = _source_of(item)
        request = ConnectionRequest(
            source=source,
            name=str(item.get("name")),
            description=None,
            mark=None,
            auth_params=auth_params(source, source_conn_id),
        )
        super().__init__(hook, request)
        self.entity = read_entity(item)
        self.wanted = Wanted(
            kind=f"{source.title} base connection",
            name=request.name,
            identity={},
            if_exists="update",
            mark=None,
        )

    def moved(self) -> list[str]:
        """Plain parameters that change with the credentials, such as another ``host``."""
        _, shown = replies.auth_of(self.entity.shown)
        new = self._request.auth_params
        return sorted(key for key in PLAIN_PARAMETERS & shown.keys() & new.keys() if shown[key] != new[key])


def _source_of(item: Mapping[str, Any]) -> Source:
    """The source that a base connection is of. :raises AepConfigError: it is of none that is known here"""
    spec = item.get("connectionSpec")
    spec_id = spec.get("id") if isinstance(spec, Mapping) else None
    auth_spec, _ = replies.auth_of(item)
    if source := source_of(spec_id, auth_spec):
        return source
    raise AepConfigError(
        f"`connection_id`: base connection {item.get('id')} is of a source (connection spec {spec_id!r}, "
        f"{auth_spec!r}) that this provider has no credentials for.",
        parameter="connection_id",
    )
