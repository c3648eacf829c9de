"""The Airflow connection of a source: what it holds, as parameters of the source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep._compat import mask_secret
from airflow_provider_aep.flow_service.errors import SourceCredentialsError
from airflow_provider_aep.flow_service.parameters import check_plain
from airflow_provider_aep.flow_service.sources import AuthSpec, Source
from airflow_provider_aep.hooks.credential_map import fields_of, types_of
from airflow_provider_aep.hooks.lookup import find_connection
from airflow_provider_aep.hooks.paypal import read_paypal
from airflow_provider_aep.hooks.templates import Filled, fill, names_in

OWN_FIELDS = ("login", "password", "host", "port", "schema")

_SECRET_KEY = re.compile(r"secret|token|key|password|pass_?phrase|credential|string|sas", re.IGNORECASE)


@dataclass(frozen=True)
class Credentials:
    """What one Airflow connection, and the plain ``auth_params`` of a task, give to one source.

    :param explicit: parameters under their documented names
    :param facts: the connection's own fields and its extra, for the lines of the credential map
    """

    source: Source
    conn_id: str
    conn_type: str
    explicit: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    parameter: str = "source_conn_id"

    def parameters(self, auth: AuthSpec) -> dict[str, Filled]:
        """What is there of a way's parameters. :raises SourceCredentialsError: one cannot be written"""
        if not auth.parameters:  # nothing is known of this way, so whatever is named goes
            return {name: Filled(value, frozenset({name})) for name, value in self.explicit.items()}
        found = {name: self._parameter(name, name in auth.required) for name in auth.parameters}
        return {name: filled for name, filled in found.items() if filled is not None}

    def _parameter(self, name: str, required: bool) -> Filled | None:
        if name in self.explicit:
            return Filled(self.explicit[name], frozenset({name}))
        filled = (fill(line, self.facts) for line in self._lines(name, required))
        return next((one for one in filled if one is not None), None)

    def _lines(self, name: str, required: bool) -> Sequence[str]:
        own, common = fields_of(self.source.key, self.conn_type)
        return own.get(name) or (common.get(name, ()) if required else ())

    def made_of(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Those parameters that this type of connection puts together, with the fields of the first line."""
        fields = {name: names_in(lines[0]) for name in sorted(names) if (lines := self._lines(name, True))}
        return {name: some for name, some in fields.items() if len(some) > 1}

    @property
    def secrets(self) -> Iterator[str]:
        """What must be masked before anything is made of it."""
        named = {name for auth in self.source.auth for name in auth.parameters if auth.is_secret(name)}
        yield from (str(self.facts[name]) for name in ("login", "password") if name in self.facts)
        yield from (str(value) for name, value in self.explicit.items() if name in named)
        yield from _secrets_in({**self.facts, **self.explicit})


def read_credentials(
    source: Source, conn_id: str, auth_params: object = None, *, parameter: str = "source_conn_id"
) -> Credentials:
    """An Airflow connection as a source's credentials, its secrets masked from here on.

    :param auth_params: parameters of a task, none of them a secret
    :param parameter: what the connection's id is called where it is given
    :raises AepConfigError: there is no such connection, it is malformed, or a secret is where none may be
    """
    plain = check_plain(auth_params, conn_id)
    connection = find_connection(conn_id, parameter, types_of(source.key)[0])
    conn_type = str(connection.conn_type or "generic").replace("-", "_")
    extra = _extra(connection, conn_type)
    explicit = read_paypal(connection) if source.key == conn_type == "paypal" else {}
    for name, value in extra.items():
        if name not in _fields_of_type(source, conn_type):
            explicit.setdefault(name, value)
    facts = {**extra, **_own_fields(connection, conn_type)}
    credentials = Credentials(source, conn_id, conn_type, {**explicit, **plain}, facts, parameter)
    for secret in credentials.secrets:
        mask_secret(secret)
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


def _own_fields(connection: Any, conn_type: str) -> dict[str, Any]:
    """The connection's own fields, as far as they are filled in. An ``http`` one's schema is a scheme."""
    fields = {name: getattr(connection, name) for name in OWN_FIELDS if getattr(connection, name)}
    scheme = fields.pop("schema", "https") if conn_type == "http" else "https"
    if host := fields.get("host"):
        port = f":{fields['port']}" if "port" in fields else ""
        fields["url"] = host if "://" in host else f"{scheme}://{host}{port}"
    return fields


def _fields_of_type(source: Source, conn_type: str) -> set[str]:
    """The keys of an extra that mean what the connection's type means by them."""
    own, _ = fields_of(source.key, conn_type)
    return {name for lines in own.values() for line in lines for name in names_in(line)} - set(OWN_FIELDS)


def _secrets_in(facts: Mapping[str, Any]) -> Iterator[str]:
    """Texts under names that sound like secrets, however deep."""
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from _secrets_in(value)
        elif isinstance(value, str) and _SECRET_KEY.search(key):
            yield value
