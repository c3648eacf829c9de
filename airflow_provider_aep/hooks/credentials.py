"""Read the Airflow connection of a source: mask its secrets, and map its fields to the source's parameters.

A secret takes one path. :func:`read_credentials` reads and masks it, and :class:`Credentials` holds it.
:func:`airflow_provider_aep.hooks.auth_selection.select_auth` puts it into an ``Auth``, which a hook sends.
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
from airflow_provider_aep.flow_service.secret_rules import is_secret, secrets_in, secrets_of_params
from airflow_provider_aep.flow_service.sources import AuthSpec, Source
from airflow_provider_aep.hooks.connection import find_connection
from airflow_provider_aep.hooks.credential_map import (
    Filled,
    as_object,
    connection_types,
    excluding_fields,
    fields_in,
    fill,
    lookup,
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
    :raises AepConfigError: the connection is missing or invalid, or ``auth_params`` is
    """
    documented = {name for auth in source.auth for name in auth.parameters}
    plain = check_plain(auth_params, conn_id, documented, str(source))
    connection = find_connection(conn_id, parameter, connection_types(source.key)[0])
    conn_type = str(connection.conn_type or "generic").replace("-", "_")
    own = {name: value for name in OWN_FIELDS if (value := getattr(connection, name))}
    extra = _read_extra(connection, conn_type)
    secrets.add(_secrets_of(own, extra, plain, documented))

    paypal = read_paypal(connection) if source.key == conn_type == "paypal" else {}
    mapped = _mapped_keys(source, conn_type)
    named = {
        **_from_extra({name: value for name, value in extra.items() if name not in mapped}),
        **{name: Filled(value, frozenset({PAYPAL_FIELDS[name]})) for name, value in paypal.items()},
        **_from_extra(plain),  # they count as keys of the extra
    }
    return Credentials(source, conn_id, conn_type, named, own, extra, parameter, tuple(plain))


def _secrets_of(
    own: Mapping[str, Any],
    extra: Mapping[str, Any],
    plain: Mapping[str, Any],
    documented: Collection[str],
) -> Iterator[str]:
    """Yield every secret of an Airflow connection, and secrets inside the task's plain parameters.

    Login, password and documented parameters are secret by their names. Other keys of the extra are secret if
    their names and values suggest it.
    """
    login = {name: str(own[name]) for name in ("login", "password") if name in own}
    yield from secrets_of_params(login)
    yield from secrets_of_params({name: value.strip() for name, value in login.items()})
    params = {name: value for name, value in extra.items() if name in documented}
    yield from secrets_of_params(
        {name: value for name, value in params.items() if isinstance(value, str | int | float)}
    )
    yield from secrets_in([own, extra, plain])


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


def _from_extra(params: Mapping[str, Any]) -> dict[str, Filled]:
    return {name: Filled(value, frozenset({f"extra.{name}"})) for name, value in params.items()}


@dataclass(frozen=True)
class Credentials:
    """Hold what an Airflow connection and a task's ``auth_params`` say about a source. ``repr`` hides values.

    :param named: the parameters that are given under their documented names
    :param own: the connection's own fields that have a value, such as ``login``
    :param extra: the connection's extra
    :param parameter: the operator's parameter that holds ``conn_id``, for errors
    :param from_task: the names of the task's ``auth_params``
    """

    source: Source
    conn_id: str
    conn_type: str
    named: Mapping[str, Filled] = field(repr=False)
    own: Mapping[str, Any] = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)
    parameter: str = "source_conn_id"
    from_task: tuple[str, ...] = ()

    def parameters(self, auth_type: AuthSpec) -> dict[str, Filled]:
        """Return the parameters of an authentication type that the connection holds.

        :raises SourceCredentialsError: one is invalid
        """
        if not auth_type.parameters:  # an unknown authentication type takes every parameter
            return dict(self.named)
        found = {name: self._parameter(name, name in auth_type.required) for name in auth_type.parameters}
        return {name: filled for name, filled in found.items() if filled is not None}

    def plain_parameters(
        self, auth_type_name: str | None, auth_types: Sequence[AuthSpec] = ()
    ) -> dict[str, Any]:
        """Return the parameters that are not secret. Return ``{}`` if a parameter is invalid.

        :param auth_types: the platform's authentication types. Their schemas can make a parameter secret
        """
        auth_type = None if auth_type_name is None else self.source.documented(auth_type_name)
        try:
            found = self.parameters(auth_type or AuthSpec(auth_type_name or ""))
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

    def _parameter(self, name: str, required: bool) -> Filled | None:
        if name in self.named:
            return self.named[name]
        filled = (fill(template, self._fields) for template in self._templates(name, required))
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
    def _url(self) -> Filled | None:
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
        return Filled(f"{scheme}://{authority}{slash}{path}", frozenset(used))

    # For messages

    def unused(self, used: Iterable[str]) -> list[str]:
        """Return the fields that no parameter is made of, such as ``port`` or ``extra.role``."""
        used_places = {place for name in used for place in self._places(name)}
        own = [name for name in self.own if name not in used_places]
        return [*own, *_unused_keys("extra", self.extra, used_places)]

    def _places(self, name: str) -> Collection[str]:
        """Return where the connection holds a field of a template."""
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

        :return: by the field that excludes them: the parameters, each with the fields it would be made of
        """
        found: dict[str, dict[str, list[str]]] = {}
        for name in sorted(names):
            for template in self._templates(name, True):
                with suppress(SourceCredentialsError):
                    if fill(without_exclusions(template), self._fields) is None:
                        continue
                    for excluding in excluding_fields(template):
                        if lookup(self._fields, excluding) is not None:
                            found.setdefault(excluding, {}).setdefault(name, fields_in(template))
        return found


def _unused_keys(place: str, values: Mapping[str, Any], used_places: Collection[str]) -> Iterator[str]:
    """Yield the keys that are not used. If some members of an object are used, yield its other members."""
    for key, value in values.items():
        name = f"{place}.{key}"
        if name in used_places:
            continue
        if any(used.startswith(f"{name}.") for used in used_places):
            yield from _unused_keys(name, as_object(value), used_places)
        else:
            yield name
