"""The service of the reconciler for a base connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, find_mark, with_mark, without_mark
from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.collections import CONNECTIONS
from airflow_provider_aep.flow_service.differences import Difference, compare
from airflow_provider_aep.flow_service.errors import (
    AepRequestError,
    ConnectionMissingError,
    SourceCredentialsError,
)
from airflow_provider_aep.flow_service.secret_rules import is_secret, secrets_of_params
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, same_name, source_of, withdrawn
from airflow_provider_aep.flow_service.validation import check_id
from airflow_provider_aep.hooks.auth_selection import (
    Auth,
    known_auth_types,
    read_auth_types,
    select_auth,
)
from airflow_provider_aep.hooks.credentials import Credentials, read_credentials
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.scrub import Secrets
from airflow_provider_aep.operators._services import EntityDefinition, EntityService, read_entity


@dataclass(frozen=True)
class DesiredConnection:
    """The desired base connection.

    :param credentials: the error if the Airflow connection is missing
    :param auth_spec: the name of the authentication type, if the author of the DAG chose it
    :param offline: check the parameters against the catalogue, without asking the platform
    """

    name: str
    description: str | None
    mark: str | None
    source: Source
    credentials: Credentials | ConnectionMissingError
    auth_spec: str | None = None
    offline: bool = False


def find_credentials(
    source: Source, conn_id: str, secrets: Secrets, auth_params: object, *, parameter: str, required: bool
) -> Credentials | ConnectionMissingError:
    """Do as ``read_credentials``, but return the error if the Airflow connection is missing.

    :param required: raise the error instead
    """
    try:
        return read_credentials(source, conn_id, secrets, auth_params, parameter=parameter)
    except ConnectionMissingError as error:
        if required:
            raise
        return error


class BaseConnectionService(EntityService[FlowServiceHook]):
    """The service of one desired base connection. Its credentials are sent, and never compared."""

    def __init__(self, hook: FlowServiceHook, request: DesiredConnection) -> None:
        described = {"description": request.description} if request.description is not None else {}
        super().__init__(
            hook,
            EntityDefinition(
                collection=CONNECTIONS,
                body={"name": request.name, **described},
                mark=request.mark,
                dependants=lambda own: [str(item.get("id")) for item in hook.list_source_connections(own)],
            ),
        )
        self._request = request
        self._source = request.source

    @property
    def _credentials(self) -> Credentials:
        """Return the credentials. :raises ConnectionMissingError: the Airflow connection is missing"""
        if isinstance(self._request.credentials, ConnectionMissingError):
            raise self._request.credentials
        return self._request.credentials

    @cached_property
    def auth(self) -> Auth:
        """Select the authentication type, and make its parameters.

        Read this only before a POST or PATCH: selecting can fail. Reusing a connection sends no credentials.
        """
        request = self._request
        auth = select_auth(self._auth_types, self._credentials, request.auth_spec)
        self._hook.secrets.register(secrets_of_params(auth.params, auth.schemas))
        if auth.unused:
            self._hook.log.warning(
                "The Airflow connection %r also holds %s. %s (%r) does not use them, so they are not sent.",
                self._credentials.conn_id,
                ", ".join(auth.unused),
                self._source,
                auth.auth_spec,
            )
        documented = self._source.documented(auth.auth_spec)
        if documented is not None and documented.uncertain and not self._source.uncertain:
            self._hook.log.warning("%s of %s: %s", documented, self._source, documented.note)
        return auth

    @cached_property
    def _auth_types(self) -> Sequence[AuthSpec]:
        return self._source.auth if self._request.offline else read_auth_types(self._hook, self._source)

    def list_existing(self) -> Sequence[Entity]:
        spec_id = self._source.connection_spec_id
        found = self._hook.list_base_connections(name=self._request.name, connection_spec_id=spec_id)
        return [self._read(item) for item in found]

    def get(self, id: str) -> Entity:
        return self._read(self._hook.get_base_connection(id))

    def check_create(self) -> None:
        """:raises SourceCredentialsError: the credentials are incomplete, or the source needs others"""
        _ = self.auth

    def post(self) -> str:
        auth = self.auth
        try:
            return self._hook.create_connection(
                name=self._request.name,
                connection_spec_id=self._source.connection_spec_id,
                auth_spec_name=auth.auth_spec,
                auth_params=auth.params,
                description=with_mark(self._request.description, self._request.mark),
            )
        except AepRequestError as error:
            if replies.is_missing_spec(error):
                raise withdrawn(self._source, self._hook.sandbox) from error
            raise

    def _compare(self, entity: Entity) -> Sequence[Difference]:
        """Compare the description, and the parameters that are not secret and that AEP shows."""
        spec_name, shown = replies.auth_of(entity.shown)
        given = self._plain_parameters(spec_name)
        desired, existing = (
            {name: self._scrub(params[name]) for name in given if name in shown} for params in (given, shown)
        )
        return compare(
            {"description": self._request.description, "auth_params": desired},
            {"description": without_mark(entity.description), "auth_params": existing},
        )

    def _plain_parameters(self, spec_name: str | None) -> dict[str, Any]:
        """Return the parameters that are not secret; none if the Airflow connection is missing."""
        credentials = self._request.credentials
        if isinstance(credentials, ConnectionMissingError):
            self._hook.log.warning(
                "The existing base connection is used, although its credentials are missing: %s", credentials
            )
            return {}
        return credentials.plain_parameters(spec_name, known_auth_types(self._hook, self._source))

    def _scrub(self, value: Any) -> Any:
        """Scrub a plain value: it can contain a secret, such as the signature of a URL."""
        return self._hook.scrub(value) if isinstance(value, str) else value

    def changes(self, entity: Entity) -> bool:
        """Return True: AEP does not show secrets, so they may have changed.

        :raises SourceCredentialsError: the existing connection has another authentication type
        """
        item = entity.shown if "auth" in entity.shown else self._hook.get_base_connection(entity.id)
        existing, _ = replies.auth_of(item)
        if existing is not None and not same_name(existing, self.auth.auth_spec):
            raise self._another_type(entity.id, existing, self.auth.auth_spec)
        return True

    def update(self, entity: Entity) -> bool:
        """Replace the credentials, and the description if the task has one. Keep the ownership mark.

        :raises SourceCredentialsError: the existing connection has another authentication type
        """
        changed = self.changes(entity)
        operations: list[dict[str, Any]] = [
            {"op": "replace", "path": "/auth/params", "value": self.auth.params}
        ]
        if self._request.description is not None:
            description = with_mark(self._request.description, find_mark(entity.description))
            operations.append({"op": "replace", "path": "/description", "value": description})
        self._hook.patch_connection(entity.id, entity.etag or "", operations)
        return changed

    def _another_type(self, id: str, existing: str, given: str) -> SourceCredentialsError:
        credentials = self._credentials
        return SourceCredentialsError(
            f"Base connection {id} has the authentication type {existing!r}, and the Airflow connection "
            f"{credentials.conn_id!r} holds credentials for {given!r}. The type of an existing connection "
            f"cannot be changed, so nothing was sent. Use an Airflow connection with credentials for "
            f"{existing!r}, or create a base connection with another `name`.",
            parameter=credentials.parameter,
        )


class Rotation(BaseConnectionService):
    """An existing base connection that gets new credentials: all of ``auth.params`` are replaced.

    :param item: the base connection as AEP shows it
    :param source_conn_id: the Airflow connection with the new credentials
    :param auth_params: parameters that are not secret
    """

    def __init__(
        self, hook: FlowServiceHook, item: Mapping[str, Any], source_conn_id: str, auth_params: object = None
    ) -> None:
        auth_spec, self._shown = replies.auth_of(item)
        source = source_of(_checked_spec_id(item), auth_spec)
        request = DesiredConnection(
            name=str(item.get("name")),
            description=None,
            mark=None,
            source=source,
            credentials=read_credentials(source, source_conn_id, hook.secrets, auth_params),
            auth_spec=auth_spec,  # it cannot be changed
            offline=source.knows(auth_spec),
        )
        super().__init__(hook, request)
        self.entity = read_entity(CONNECTIONS, item)
        self.desired = DesiredEntity(
            kind=f"{source.title} base connection",
            name=request.name,
            identity={},
            if_exists="update",
            mark=None,
        )

    @cached_property
    def auth(self) -> Auth:
        """Make the parameters of the authentication type that the connection has.

        :raises SourceCredentialsError: a parameter is missing, or the credentials are of another type
        """
        try:
            return super().auth
        except SourceCredentialsError as error:
            existing, problem = self._request.auth_spec, error
        with suppress(SourceCredentialsError):
            given = select_auth(self._auth_types, self._credentials).auth_spec
            if existing is not None and not same_name(existing, given):
                problem = self._another_type(self.entity.id, existing, given)
        raise problem

    def moved(self) -> list[str]:
        """Return the plain parameters that change with the credentials, such as ``host``."""
        shown, new = self._shown, self.auth.params
        return sorted(
            key for key in shown.keys() & new.keys() if not is_secret(key) and shown[key] != new[key]
        )


def _checked_spec_id(item: Mapping[str, Any]) -> str:
    """Return the id of a base connection's connection spec. :raises AepConfigError: it is missing"""
    spec = item.get("connectionSpec")
    return check_id(spec.get("id") if isinstance(spec, Mapping) else None, "connectionSpec.id")
