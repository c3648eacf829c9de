"""Read connection specs of the platform, and compare them with the catalogue of sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.sources import (
    AuthSpec,
    Source,
    same_name,
    sources_of_spec,
)


@dataclass(frozen=True)
class ConnectionSpec:
    """A source as the platform defines it now, with its authentication types."""

    id: str
    name: str
    auth: tuple[AuthSpec, ...]


def is_source(item: Mapping[str, Any]) -> bool:
    """Return whether a spec is a source's. The list has specs of destinations and of the data lake, too."""
    attributes = item.get("attributes")
    return "sourceSpec" in item or (isinstance(attributes, Mapping) and attributes.get("isSource") is True)


def read_connection_spec(item: Mapping[str, Any]) -> ConnectionSpec:
    """Read a spec from a reply. Skip an authentication type without a name."""
    entries = item.get("authSpec")
    auth = [
        AuthSpec(entry["name"], entry["spec"] if isinstance(entry.get("spec"), Mapping) else {})
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
    ]
    return ConnectionSpec(str(item.get("id") or ""), str(item.get("name") or ""), tuple(auth))


def differences_from_catalogue(source: Source, spec: ConnectionSpec) -> list[str]:
    """Describe how the platform's spec differs from the catalogue."""
    found = []
    for known in source.auth:
        now = _find_same(known, spec.auth)
        if now is None:
            found.append(f"it has no authentication type {known.name!r}")
            continue
        if now.name != known.name:
            found.append(f"the authentication type {known.name!r} is spelled {now.name!r}")
        found += [f"{now.name!r} {change}" for change in _changes(known, now)]
    new = [auth.name for auth in spec.auth if _find_same(auth, source.auth) is None]
    return found + [f"it has another authentication type {name!r}" for name in new]


def _find_same(auth: AuthSpec, others: Iterable[AuthSpec]) -> AuthSpec | None:
    return next((other for other in others if same_name(auth.name, other.name)), None)


def _changes(known: AuthSpec, now: AuthSpec) -> Iterable[str]:
    """Describe how the parameters of an authentication type differ from the catalogue."""
    changes = {
        "has no": set(known.parameters) - set(now.parameters),
        "takes": set(now.parameters) - set(known.parameters) - set(now.required),
        "needs": set(now.required) - set(known.required),
        "does not require": set(known.required) & set(now.parameters) - set(now.required),
    }
    for verb, names in changes.items():
        if names:
            yield f"{verb} {', '.join(f'`{name}`' for name in sorted(names))}"


def check_owner(source: Source, spec: ConnectionSpec) -> None:
    """Check that the connection spec is the source's. Some documents print one id for several sources.

    :raises AepConfigError: the platform says that it is another source's
    """
    for other in sources_of_spec(spec.id):
        if other.key != source.key and same_name(other.title, spec.name):
            raise AepConfigError(
                f"Adobe's documents print the connection spec {spec.id} for {source}. On this platform it is "
                f"{other.title}'s. Run `python -m airflow_provider_aep sources --live` for names and "
                "ids, then set `connection_spec_id` to the right id.",
                parameter="source",
            )
