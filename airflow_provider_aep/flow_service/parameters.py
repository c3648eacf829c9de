"""Which of ``auth.params`` may be shown. Whatever is not named here counts as a secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Any

from airflow_provider_aep.flow_service.checks import check_object
from airflow_provider_aep.flow_service.errors import AepConfigError

_PLACES = """account accountsUrl accessTokenUrl apiVersion bucketName catalog clusterId database domain
    endpoint environmentUrl eventHubName folderPath host httpPath instanceUrl largeResultsDataSetId name
    namespace port project projectId region role schema server serviceUri serviceUrl sourceId subdomain
    subscriptionName tenant tokenEndpoint topicName warehouse"""
_SWITCHES = """authenticationRequired authenticationType dataType disableChunking enableSsl environmentType
    expirationDate includeDeletedObjects maxConcurrentConnections"""

PLAIN_PARAMETERS = frozenset((*_PLACES.split(), *_SWITCHES.split()))
"""Where a source is and how it is spoken to. Not user names and client ids, nor URLs that can carry a key."""


def is_secret(name: str) -> bool:
    """Whether a parameter's value is masked, and has no business in a DAG."""
    return name not in PLAIN_PARAMETERS


_SECRET_NAME = re.compile(r"secret|token|key|password|pass_?phrase|credential|string|sas", re.IGNORECASE)


def sounds_secret(name: str) -> bool:
    """Whether a field's name is that of a secret, if nothing else is known of it."""
    return _SECRET_NAME.search(name) is not None


def check_plain(
    given: object, conn_id: str, known: Collection[str] = (), source: str = "the source"
) -> dict[str, Any]:
    """``auth_params`` of a DAG, without secrets. Templates render None and empty texts for nothing.

    :param known: the source's parameters, as far as the catalogue has them
    :raises AepConfigError: naming those that are unknown, or are or may be secret, without their values
    """
    params = check_object({} if given is None else given, "auth_params")
    if known and (unknown := [name for name in params if is_secret(name) and name not in known]):
        raise AepConfigError(
            f"`auth_params` holds {_unknown(unknown, known)} {source} has no such parameter that this "
            "provider knows. If the platform asks for it all the same, put it into the extra of the Airflow "
            f"connection {conn_id!r}.",
            parameter="auth_params",
        )
    if secret := [name for name in params if is_secret(name)]:
        named = ", ".join(f"`{name}`" for name in secret)
        raise AepConfigError(
            f"`auth_params` holds {named}, which is or may be a secret: a DAG's code and rendered fields are "
            f"read by many. Put it into the extra of the Airflow connection {conn_id!r}, under this name.",
            parameter="auth_params",
        )
    return {name: value for name, value in params.items() if value not in (None, "", "None")}


def _unknown(names: Collection[str], known: Collection[str]) -> str:
    """Unknown names, and what was perhaps meant."""
    spelt = {name.lower(): name for name in known}
    words = ", ".join(f"`{name}`" for name in names)
    near = {name: difflib.get_close_matches(name.replace("_", "").lower(), spelt, n=1) for name in names}
    meant = [f"`{spelt[found[0]]}`" for found in near.values() if found]
    return f"{words}." + (f" Did you mean {', '.join(meant)}?" if meant else "")
