"""Read the Airflow connection of a source: mask its secrets, and map its fields to the source's parameters.

:func:`read_credentials` masks the secrets, and :class:`Credentials` holds them.
:func:`airflow_provider_aep.hooks.auth_selection.select_auth` composes parameters from them, such as a
connection string. The hook masks the composed values before it sends them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airflow_provider_aep.flow_service.auth_parameters import check_plain
from airflow_provider_aep.flow_service.errors import SourceCredentialsError
from airflow_provider_aep.flow_service.secret_rules import is_secret, secrets_of_connection
from airflow_provider_aep.flow_service.sources import AuthSpec, Source
from airflow_provider_aep.hooks.connection import find_connection
from airflow_provider_aep.hooks.credential_map import (
    ParameterValue,
    as_object,
    connection_types,
    excluding_fields,
    fields_in,
    lookup,
    render,
    required_fields,
    templates_of,
    without_exclusions,
)
from airflow_provider_aep.hooks.paypal import PAYPAL_FIELDS, read_paypal
from airflow_provider_aep.hooks.scrub import Secrets

OWN_FIELDS = ("login", "password", "host", "port", "schema")


def read_credentials(
    source: Source,
    conn_id: str,
    secrets: Secrets,
    auth_params: object = None,
    *,
    parameter: str = "source_conn_id",
) -> Credentials:
    """Read an Airflow connection as the credentials of a source, and mask its secrets.

    :param secrets: the secrets of the hook that will send the credentials
    :param auth_params: parameters from the task. None of them may be a secret
    :param parameter: the operator's parameter that holds ``conn_id``, for errors
    :raises AepConfigError: the connection is missing or invalid, or ``auth_params`` is invalid
    """
    documented = {name for auth in source.auth for name in auth.parameters}
    plain = check_plain(auth_params, conn_id, documented, str(source))
    connection = find_connection(conn_id, parameter, connection_types(source.key)[0])
    conn_type = str(connection.conn_type or "generic").replace("-", "_")
    own = {name: value for name in OWN_FIELDS if (value := getattr(connection, name))}
    extra = _read_extra(connection, conn_type)
    secrets.register(secrets_of_connection(own, extra, plain, documented))

    paypal = read_paypal(connection) if source.key == conn_type == "paypal" else {}
    mapped = _mapped_keys(source, conn_type)
    given = {
        **_from_extra({name: value for name, value in extra.items() if name not in mapped}),
        **{name: ParameterValue(value, frozenset({PAYPAL_FIELDS[name]})) for name, value in paypal.items()},
        **_from_extra(plain),  # they count as keys of the extra
    }
    return Credentials(source, conn_id, conn_type, given, own, extra, parameter, tuple(plain))


def _read_extra(connection: Any, conn_type: str) -> dict[str, Any]:
    """Return the keys of the extra that have a value, without the prefix that Airflow 2 gave them."""
    try:
        extra = json.loads(connection.extra or "{}")
    except (ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise SourceCredentialsError(
            f"Connection {connection.conn_id!r}: `extra` is not a JSON object with the source's parameters.",
            parameter="extra",
        )
    prefix = f"extra__{conn_type}__"
    given = {key: value for key, value in extra.items() if value not in (None, "")}
    prefixed = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    return {**prefixed, **{key: value for key, value in given.items() if not key.startswith(prefix)}}


def _mapped_keys(source: Source, conn_type: str) -> set[str]:
    """Return the keys of an extra that the connection type defines, so they are not Adobe's parameters."""
    own, _ = templates_of(source.key, conn_type)
    keys = {name for templates in own.values() for template in templates for name in fields_in(template)}
    return keys - set(OWN_FIELDS)


def _from_extra(params: Mapping[str, Any]) -> dict[str, ParameterValue]:
    return {name: ParameterValue(value, frozenset({f"extra.{name}"})) for name, value in params.items()}


@dataclass(frozen=True)
class Credentials:
    """Hold what an Airflow connection and a task's ``auth_params`` say about a source. ``repr`` hides values.

    :param given: the extra's other keys, which no template reads, and ``auth_params``
    :param own: the connection's own fields that have a value, such as ``login``
    :param extra: the connection's extra
    :param parameter: the operator's parameter that holds ``conn_id``, for errors
    :param from_task: the names of the task's ``auth_params``
    """

    source: Source
    conn_id: str
    conn_type: str
    given: Mapping[str, ParameterValue] = field(repr=False)
    own: Mapping[str, Any] = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)
    parameter: str = "source_conn_id"
    from_task: tuple[str, ...] = ()

    def parameters(self, auth_type: AuthSpec) -> dict[str, ParameterValue]:
        """Return the parameters of an authentication type that the connection holds.

        :raises SourceCredentialsError: one is invalid
        """
        if not auth_type.parameters:  # an unknown authentication type takes every parameter
            return dict(self.given)
        found = {name: self._parameter(name, name in auth_type.required) for name in auth_type.parameters}
        return {name: filled for name, filled in found.items() if filled is not None}

    def plain_parameters(self, auth_spec: str | None, auth_types: Sequence[AuthSpec] = ()) -> dict[str, Any]:
        """Return the parameters that are not secret. Return ``{}`` if a parameter is invalid.

        :param auth_types: the platform's authentication types. Their schemas can make a parameter secret
        """
        auth_type = None if auth_spec is None else self.source.documented(auth_spec)
        try:
            found = self.parameters(auth_type or AuthSpec(auth_spec or ""))
        except SourceCredentialsError:
            return {}
        by_schema = {
            name for one in (*self.source.auth, *auth_types) for name in found if one.is_secret(name)
        }
        return {
            name: filled.value
            for name, filled in found.items()
            if name not in by_schema and not is_secret(name)
        }

    def _parameter(self, name: str, required: bool) -> ParameterValue | None:
        if name in self.given:
            return self.given[name]
        filled = (render(template, self._fields) for template in self._templates(name, required))
        return next((one for one in filled if one is not None), None)

    def _templates(self, name: str, required: bool) -> Sequence[str]:
        own, common = templates_of(self.source.key, self.conn_type)
        return own.get(name) or (common.get(name, ()) if required else ())

    @cached_property
    def _fields(self) -> Mapping[str, Any]:
        """Return the fields for templates."""
        own = dict(self.own)
        if self.conn_type == "http":
            own.pop("schema", None)  # it is the scheme of the URL, not a database
        return {**self.extra, **own, **({"url": self._url.value} if self._url else {})}

    @cached_property
    def _url(self) -> ParameterValue | None:
        """Return the URL of the connection. Its host can hold the scheme, the port and a path as well."""
        host = str(self.own.get("host", ""))
        if not host:
            return None
        schema = self.own.get("schema") if self.conn_type == "http" else None
        scheme, _, rest = host.rpartition("://")
        scheme = scheme or str(schema or "https")
        authority, slash, path = rest.partition("/")
        port_in_host = re.search(r":(\d+)$", authority)
        if "port" in self.own and port_in_host is None:
            authority += f":{self.own['port']}"
        used = {"host"}
        if "port" in self.own and (port_in_host is None or port_in_host[1] == str(self.own["port"])):
            used.add("port")
        if schema and str(schema) == scheme:
            used.add("schema")
        return ParameterValue(f"{scheme}://{authority}{slash}{path}", frozenset(used))

    # For messages

    def unused(self, used: Iterable[str]) -> list[str]:
        """Return the fields that no parameter is made of, such as ``port`` or ``extra.role``."""
        used_names = {one for name in used for one in self._names_of(name)}
        own = [name for name in self.own if name not in used_names]
        return [*own, *_unused_keys("extra", self.extra, used_names)]

    def _names_of(self, name: str) -> Collection[str]:
        """Return the names that `unused` compares for a field of a template, such as ``extra.role``."""
        if name == "url" and self._url:
            return self._url.used
        return {name if name in self.own or name.startswith("extra.") else f"extra.{name}"}

    def composed(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return those parameters that are composed of several fields, with the fields they require."""
        templates = {name: found[0] for name in sorted(names) if (found := self._templates(name, True))}
        return {
            name: required_fields(template)
            for name, template in templates.items()
            if len(fields_in(template)) > 1
        }

    def excluded(self, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
        """Return those parameters that exist only if another field is empty.

        :return: ``{excluding field: {parameter: its fields}}``
        """
        found: dict[str, dict[str, list[str]]] = {}
        for name in sorted(names):
            for template in self._templates(name, True):
                with suppress(SourceCredentialsError):
                    if render(without_exclusions(template), self._fields) is None:
                        continue
                    for excluding in excluding_fields(template):
                        if lookup(self._fields, excluding) is not None:
                            found.setdefault(excluding, {}).setdefault(name, fields_in(template))
        return found


def _unused_keys(prefix: str, values: Mapping[str, Any], used_names: Collection[str]) -> Iterator[str]:
    """Yield the keys that are not used. If some members of an object are used, yield its other members."""
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if name in used_names:
            continue
        if any(used.startswith(f"{name}.") for used in used_names):
            yield from _unused_keys(name, as_object(value), used_names)
        else:
            yield name
