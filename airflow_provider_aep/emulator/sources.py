"""Find the sources of one emulator: Adobe's documented ones, without withdrawn ones, and added ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from airflow_provider_aep.emulator import payloads, spec_bodies
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.settings import ENDPOINT
from airflow_provider_aep.emulator.store import Entity

# Changes by the control plane. Specs do not belong to a sandbox.
ADDED, WITHDRAWN, CHANGED, EVERYWHERE = "connectionSpecs", "withdrawnSpecs", "changedColumns", ""


@dataclass(frozen=True)
class Source:
    """One kind of source.

    `spec` is its connection spec as the platform shows it. `changed` has changed columns by table: their new
    kinds, or None for a removed column.
    """

    id: str
    name: str
    category: str
    family: str
    flow_specs: Sequence[str]
    endpoint_kind: str | None  # `connections` or `flows`, which show the streaming endpoint
    spec: dict[str, Any]
    changed: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)


@cache
def documented(*, drafts: bool) -> dict[str, Source]:
    """Return the documented sources by id, as `scripts/emulator_sources.py` ordered them."""
    entries = payloads.data_file("sources.json")
    return {entry["id"]: _documented(entry, drafts=drafts) for entry in entries}


def _documented(entry: dict[str, Any], *, drafts: bool) -> Source:
    auth_specs = [spec_bodies.auth_spec(auth) for auth in entry["auth"]]
    return Source(
        id=entry["id"],
        name=entry["name"],
        category=entry["category"],
        family=entry["family"],
        flow_specs=tuple(entry["flowSpecs"]),
        endpoint_kind=entry.get(ENDPOINT),
        spec=spec_bodies.connection_spec(entry, auth_specs, drafts=drafts),
    )


def find(platform: Platform, spec_id: str) -> Source | None:
    """Return the source of a connection spec; None if the platform does not offer it."""
    source = _offered(platform, spec_id)
    changed = platform.store.get(CHANGED, EVERYWHERE, spec_id)
    return replace(source, changed=changed.item) if source and changed else source


def _offered(platform: Platform, spec_id: str) -> Source | None:
    added = platform.store.get(ADDED, EVERYWHERE, spec_id)
    if added is not None:
        hidden = dict(added.hidden)
        return Source(spec=added.item, endpoint_kind=hidden.pop(ENDPOINT), **hidden)
    if spec_id in platform.settings.withdrawn or platform.store.get(WITHDRAWN, EVERYWHERE, spec_id):
        return None
    return documented(drafts=platform.settings.drafts == "on").get(spec_id)


def offered(platform: Platform) -> list[Source]:
    """Return all sources that the platform offers."""
    added = [entity.id for entity in platform.store.all(ADDED, EVERYWHERE)]
    ids = dict.fromkeys([*documented(drafts=platform.settings.drafts == "on"), *added])
    return [source for source in (find(platform, spec_id) for spec_id in ids) if source]


def add(platform: Platform, source: Source) -> None:
    """Offer a source that Adobe does not document, or a changed one."""
    shown_elsewhere = ("spec", "endpoint_kind", "changed")
    hidden = {name: value for name, value in vars(source).items() if name not in shown_elsewhere}
    hidden[ENDPOINT] = source.endpoint_kind
    platform.store.put(Entity(ADDED, EVERYWHERE, source.id, source.spec, hidden))


def change_columns(platform: Platform, source: Source, table: str, columns: Mapping[str, str | None]) -> None:
    """Change columns of a table: a new column or type, or None for a column that is removed."""
    changed = {**source.changed, table: {**source.changed.get(table, {}), **columns}}
    platform.store.put(Entity(CHANGED, EVERYWHERE, source.id, changed))


def withdraw(platform: Platform, spec_id: str) -> None:
    """Withdraw a source, as the platform withdrew PayPal."""
    added = platform.store.get(ADDED, EVERYWHERE, spec_id)
    if added is not None:
        platform.store.delete(added)
    platform.store.put(Entity(WITHDRAWN, EVERYWHERE, spec_id, {}))


def named(text: str) -> frozenset[str]:
    """Return the ids of the sources in a text such as `paypal,amazon-s3`; ValueError names an unknown one."""
    known = {_folded(name): s.id for s in documented(drafts=True).values() for name in (s.name, s.id)}
    names = [name for name in text.split(",") if name.strip()]
    unknown = [name.strip() for name in names if _folded(name) not in known]
    if unknown:
        raise ValueError(f"there is no source {unknown[0]!r}; `GET /connectionSpecs` lists their names")
    return frozenset(known[_folded(name)] for name in names)


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
