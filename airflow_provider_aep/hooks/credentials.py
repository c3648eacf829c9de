"""The Airflow connection of a source: what it holds, as parameters of the source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    fields_of,
    fill,
    forbidden_in,
    lookup,
    names_in,
    object_in,
    types_of,
    without_rules,
)
from airflow_provider_aep.hooks.paypal import PAYPAL_FIELDS, read_paypal
from airflow_provider_aep.hooks.scrub import Secrets

OWN_FIELDS = ("login", "password", "host", "port", "schema")


@dataclass(frozen=True)
class Credentials:
    """The parameters of one source, from an Airflow connection and a task's plain ``auth_params``.

    :param explicit: parameters under their documented names
    :param own: the connection's own fields, as far as they are filled in
    :param extra: its extra
    :param url: its address, made of the own fields that are named beside it
    :param origins: the own fields that explicit parameters come from, by parameter
    """

    source: Source
    conn_id: str
    conn_type: str
    explicit: Mapping[str, Any] = field(repr=False)
    own: Mapping[str, Any] = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False)
    url: tuple[str | None, frozenset[str]] = field(repr=False)
    origins: Mapping[str, str] = field(default_factory=dict)
    parameter: str = "source_conn_id"

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """Return the fields for the credential map's lines. An ``http`` connection's schema is a scheme."""
        own = {
            name: value for name, value in self.own.items() if (self.conn_type, name) != ("http", "schema")
        }
        return {**self.extra, **own, **({"url": self.url[0]} if self.url[0] else {})}

    def parameters(self, auth: AuthSpec) -> dict[str, Filled]:
        """Return the parameters that exist of an authentication type.

        :raises SourceCredentialsError: one is invalid
        """
        if not auth.parameters:  # nothing is known of this way, so whatever is named goes
            return {name: self._explicit(name) for name in self.explicit}
        found = {name: self._parameter(name, name in auth.required) for name in auth.parameters}
        return {name: filled for name, filled in found.items() if filled is not None}

    def plain_parameters(self, spec_name: str | None) -> dict[str, Any]:
        """Return the plain parameters, by the catalogue's names; skip those that are invalid."""
        auth = None if spec_name is None else self.source.documented(spec_name)
        try:
            found = self.parameters(auth or AuthSpec(spec_name or ""))
        except SourceCredentialsError:
            return {}
        return {name: one.value for name, one in found.items() if not is_secret(name)}

    def _parameter(self, name: str, required: bool) -> Filled | None:
        if name in self.explicit:
            return self._explicit(name)
        filled = (fill(line, self.facts) for line in self._lines(name, required))
        return next((one for one in filled if one is not None), None)

    def _explicit(self, name: str) -> Filled:
        return Filled(self.explicit[name], frozenset({self.origins.get(name, f"extra.{name}")}))

    def _lines(self, name: str, required: bool) -> Sequence[str]:
        own, common = fields_of(self.source.key, self.conn_type)
        return own.get(name) or (common.get(name, ()) if required else ())

    def made_of(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the parameters that this type of connection composes, with the fields of the first line."""
        fields = {name: names_in(lines[0]) for name in sorted(names) if (lines := self._lines(name, True))}
        return {name: some for name, some in fields.items() if len(some) > 1}

    def ruled_out(self, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
        """By a field that is filled in: the parameters that are not made for it, and of which fields."""
        found: dict[str, dict[str, list[str]]] = {}
        for name in sorted(names):
            for line in self._lines(name, True):
                with suppress(SourceCredentialsError):
                    if fill(without_rules(line), self.facts) is not None:
                        for rule in forbidden_in(line):
                            if lookup(self.facts, rule) is not None:
                                found.setdefault(rule, {}).setdefault(name, names_in(line))
        return found

    def unused(self, used: Iterable[str]) -> list[str]:
        """The fields that nothing was made of, by their places: ``port``, ``extra.role``."""
        places: set[str] = set()
        for name in used:
            own = self.url[1] if name == "url" else {name} if name in self.own else set()
            places |= own or {name if name.startswith("extra.") else f"extra.{name}"}
        return [*(name for name in self.own if name not in places), *_leaves("extra", self.extra, places)]

    def secrets(self) -> Iterator[str]:
        """Yield every secret that the connection holds."""
        documented = {name for auth in self.source.auth for name in auth.parameters}
        params = {name: value for name, value in self.explicit.items() if name in documented}
        scalars = {name: value for name, value in params.items() if isinstance(value, str | int | float)}
        login = {name: value for name, value in self.own.items() if name in ("login", "password")}
        yield from secrets_of_params({**scalars, **login})
        yield from secrets_in([self.own, self.extra, self.explicit])


def read_credentials(
    source: Source,
    conn_id: str,
    secrets: Secrets,
    auth_params: object = None,
    *,
    parameter: str = "source_conn_id",
) -> Credentials:
    """An Airflow connection as a source's credentials, its secrets masked from here on.

    :param secrets: the hook's, to which the secrets are added
    :param auth_params: parameters of a task, none of them a secret
    :param parameter: what the connection's id is called where it is given
    :raises AepConfigError: there is no such connection, it is malformed, or a secret is where none may be
    """
    known = {name for auth in source.auth for name in auth.parameters}
    plain = check_plain(auth_params, conn_id, known, str(source))
    connection = find_connection(conn_id, parameter, types_of(source.key)[0])
    conn_type = str(connection.conn_type or "generic").replace("-", "_")
    extra = _extra(connection, conn_type)
    explicit = read_paypal(connection) if source.key == conn_type == "paypal" else {}
    origins = {name: PAYPAL_FIELDS[name] for name in explicit.keys() - plain.keys()}
    for name, value in extra.items():
        if name not in _fields_of_type(source, conn_type):
            explicit.setdefault(name, value)
    own = {name: getattr(connection, name) for name in OWN_FIELDS if getattr(connection, name)}
    credentials = Credentials(
        source,
        conn_id,
        conn_type,
        {**explicit, **plain},
        own,
        extra,
        _url(own, conn_type),
        origins,
        parameter,
    )
    secrets.add(credentials.secrets())
    return credentials


def _extra(connection: Any, conn_type: str) -> dict[str, Any]:
    """The extra without the prefix that Airflow 2 gave its keys."""
    try:
        extra = json.loads(connection.extra or "{}")
    except (ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise SourceCredentialsError(
            f"Connection {connection.conn_id!r}: `extra` is no JSON object with the source's parameters.",
            parameter="extra",
        )
    prefix = f"extra__{conn_type}__"
    given = {key: value for key, value in extra.items() if value not in (None, "")}
    older = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    return {**older, **{key: value for key, value in given.items() if not key.startswith(prefix)}}


def _url(own: Mapping[str, Any], conn_type: str) -> tuple[str | None, frozenset[str]]:
    """The address, and the own fields it is made of. A host may name its scheme, its port and a path."""
    if not (host := str(own.get("host", ""))):
        return None, frozenset()
    schema = own.get("schema") if conn_type == "http" else None
    scheme, _, rest = host.rpartition("://")
    scheme = scheme or str(schema or "https")
    authority, slash, path = rest.partition("/")
    port = re.search(r":(\d+)$", authority)
    if "port" in own and port is None:
        authority += f":{own['port']}"
    same_port = port is None or port[1] == str(own.get("port"))
    used = {"host": True, "port": same_port, "schema": str(schema) == scheme}
    fields = frozenset(name for name, said in used.items() if said and name in own)
    return f"{scheme}://{authority}{slash}{path}", fields


def _leaves(place: str, values: Mapping[str, Any], places: set[str]) -> Iterator[str]:
    """Return values that are not in places; of an object, its members if some of them are."""
    for key, value in values.items():
        name = f"{place}.{key}"
        if name in places:
            continue
        if any(one.startswith(f"{name}.") for one in places):
            yield from _leaves(name, object_in(value), places)
        else:
            yield name


def _fields_of_type(source: Source, conn_type: str) -> set[str]:
    """The keys of an extra that mean what the connection's type means by them."""
    own, _ = fields_of(source.key, conn_type)
    return {name for lines in own.values() for line in lines for name in names_in(line)} - set(OWN_FIELDS)
