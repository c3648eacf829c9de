"""Write the command that adds the Airflow connection of a source, with placeholders for its credentials."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from airflow_provider_aep.flow_service.secret_rules import sounds_secret
from airflow_provider_aep.flow_service.sources import AuthSpec, Source
from airflow_provider_aep.hooks.credential_map import connection_types, required_fields, templates_of
from airflow_provider_aep.hooks.credentials import OWN_FIELDS


def connection_line(
    source: Source, auth: AuthSpec, conn_id: str | None = None, known: Mapping[str, object] | None = None
) -> str:
    """Return the ``airflow connections add`` command with every required parameter.

    Choose the connection type that needs the fewest secrets in the extra. Airflow hides the password
    everywhere, but an extra only if its key is one that Airflow knows as sensitive.

    :param conn_id: the id of the Airflow connection; by default it is made of the source's name
    :param known: values of parameters that are not secret; the others get placeholders
    """
    begin = f"airflow connections add {conn_id or word_of(source) + '_default'} --conn-type"
    values = {name: str(value) for name, value in (known or {}).items()}
    if source.key == "paypal":
        host = shlex.quote(values.get("host", "api.paypal.com"))
        return f"{begin} paypal --conn-login CLIENT_ID --conn-password CLIENT_SECRET --conn-host {host}"
    filled = [(one, *_filled(source, auth, one, values)) for one in connection_types(source.key)]
    conn_type, own, extra = min(filled, key=lambda one: sum(map(auth.is_secret, one[2])))
    options = [f"--conn-{name} {shlex.quote(own[name])}" for name in OWN_FIELDS if name in own]
    if extra or not own:
        options.append(f"--conn-extra {shlex.quote(json.dumps(extra))}")
    return " ".join([begin, conn_type, *options])


def _filled(
    source: Source, auth: AuthSpec, conn_type: str, values: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields and the extra that a connection of this type needs for the required parameters."""
    lines, common = templates_of(source.key, conn_type)
    own: dict[str, str] = {}
    extra: dict[str, str] = {}
    for name in auth.required:
        found = [parts for line in (*lines.get(name, ()), *common.get(name, ())) if (parts := _parts(line))]
        fields, keys = min(found, key=lambda parts: len(parts[1]), default=([], [name]))
        for one in fields:
            alone = len(fields) == 1 and not keys
            own[one] = values.get(name, f"YOUR_{name}") if alone else f"YOUR_{one.upper()}"
        extra |= {key: values.get(key, f"YOUR_{key}") for key in keys}
    return own, extra


def _parts(line: str) -> tuple[list[str], list[str]] | None:
    """Return the fields and the extra's keys that a line needs; None if a secret would be in the extra."""
    names = ["host" if name == "url" else name for name in required_fields(line)]
    keys = [name for name in names if name not in OWN_FIELDS]
    if not names or any("." in key or sounds_secret(key) for key in keys):
        return None
    return [name for name in names if name in OWN_FIELDS], keys


def word_of(source: Source) -> str:
    """Return the name of a source as part of an id."""
    return source.key.replace("-", "_")
