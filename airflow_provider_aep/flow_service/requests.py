"""Requests as data: method, path, query, body. Each follows Adobe's OpenAPI and tutorials.

Requests that every collection takes are in :mod:`airflow_provider_aep.flow_service.collections`.
By Adobe's "Sort and filter" guide, a list takes ``property=<path>==<value>`` and ``limit``. Several
``property`` parameters mean *and*, a comma means *or*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.validation import can_be_sent, check_id

PAGE_SIZE = 100
"""The largest page that any document of Adobe's allows."""

Query = list[tuple[str, str]]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9 _.-]+")


def equals(path: str, value: str) -> tuple[str, str]:
    """Return one filter. The value is sent without quotes, so it must hold no operator, comma or quote."""
    return ("property", f"{path}=={value}")


def can_filter_by(name: str) -> bool:
    """Return whether the grammar is known to take this name. Quoting is not documented."""
    return _PLAIN_NAME.fullmatch(name) is not None


FLOW_SERVICE = "/data/foundation/flowservice"

OBJECT_TYPES = ("root", "table", "folder", "file", "rest")


@dataclass(frozen=True)
class Call:
    """One request without its host. ``repr`` omits the body, which may hold credentials."""

    method: str
    path: str
    query: Query = field(default_factory=list)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return method and path, as messages name a request."""
        return f"{self.method} {self.path}"


def test_connection(connection_id: object) -> Call:
    """``GET /connections/{id}/test``."""
    return Call("GET", f"/connections/{check_id(connection_id, 'connection_id')}/test")


test_connection.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test


def explore(
    connection_id: object,
    object_type: object,
    object: object,
    preview: bool,
    *,
    connection_spec_id: object = None,
    options: Mapping[str, str] | None = None,
) -> Call:
    """``GET /connections/{id}/explore``; lower-case types and ``preview`` as the tutorials send them.

    A source without a base connection is explored by its spec (Adobe's Data Landing Zone tutorial).
    """
    kind = str(object_type).lower()
    if kind not in OBJECT_TYPES:
        raise AepConfigError(
            f"`object_type` is {object_type!r}; Flow Service knows {', '.join(OBJECT_TYPES)}.",
            parameter="object_type",
        )
    query: Query = [("objectType", kind)]
    if kind != "root":
        if not isinstance(object, str) or not object.strip() or not can_be_sent(object):
            raise AepConfigError(
                f"`object` is empty or not a text: objectType {kind} needs the path of the object.",
                parameter="object",
            )
        query.append(("object", object))
    if preview:
        query.append(("preview", "true"))
    query += (options or {}).items()
    if connection_id is None and connection_spec_id is not None:
        path = f"/connectionSpecs/{check_id(connection_spec_id, 'connection_spec_id')}/explore"
    else:
        path = f"/connections/{check_id(connection_id, 'connection_id')}/explore"
    return Call("GET", path, query)


def streams(flow_spec: Mapping[str, Any]) -> bool:
    """Return whether the source streams: such a dataflow has no schedule and no runs on demand."""
    return "scheduleSpec" not in flow_spec


def maps(flow_spec: Mapping[str, Any]) -> bool:
    """Return whether a flow spec takes a mapping set. Some tutorials print the key without its s."""
    known = flow_spec.get("transformationSpecs") or flow_spec.get("transformationSpec") or []
    return any(isinstance(one, Mapping) and one.get("name") == "Mapping" for one in known)


def choose_flow_spec(
    specs: Sequence[Mapping[str, Any]], connection_spec_id: str, *, mapped: bool
) -> Mapping[str, Any] | None:
    """Return the flow spec for a source, None if no flow spec takes it.

    :param mapped: whether the dataflow has a mapping set: some streams have two flow specs
    """
    own = [spec for spec in specs if connection_spec_id in (spec.get("sourceConnectionSpecIds") or [])]
    return next((spec for spec in own if maps(spec) == mapped), own[0] if own else None)


def is_on(flow: Mapping[str, Any]) -> bool:
    """Return whether a dataflow is enabled or being enabled."""
    return str(flow.get("state")).lower() in ("enabled", "enabling", "initializing", "updating")


def is_off(flow: Mapping[str, Any]) -> bool:
    """Return whether a dataflow is disabled or being disabled."""
    return str(flow.get("state")).lower() in ("disabled", "disabling")


IDS_A_CALL = PAGE_SIZE
"""The largest number of ids in one filter: one page holds their entities, and the URL has about 4 KB."""


def list_runs(run_ids: Sequence[str]) -> Call:
    """``GET /runs?property=id==a,b,c``: a comma means *or* (Adobe's "Sort and filter" guide)."""
    ids = ",".join(check_id(one, "run_id") for one in run_ids)
    return Call("GET", "/runs", [equals("id", ids), ("limit", str(PAGE_SIZE))])


def list_runs_of(flow_ids: Sequence[str], started_from: float | None = None) -> Call:
    """``GET /runs?property=flowId==…``, the first page.

    :param started_from: epoch seconds; only runs that started then or later, by the guide's own filter on
        ``metrics.durationSummary.startedAtUTC`` (milliseconds)
    """
    query: Query = [_of_flows(flow_ids)]
    if started_from is not None and started_from > 0:
        query.append(_started_from(started_from))
    return Call("GET", "/runs", [*query, ("limit", str(PAGE_SIZE))])


def list_runs_from(started_from: float) -> Call:
    """``GET /runs``: the runs of all dataflows that started at ``started_from`` (epoch seconds) or later."""
    return Call("GET", "/runs", [_started_from(started_from), ("limit", str(PAGE_SIZE))])


def list_newest_runs_of(flow_ids: Sequence[str]) -> Call:
    """``GET /runs?property=flowId==…&orderby=-createdAt``: the newest runs of some dataflows first."""
    return Call("GET", "/runs", [_of_flows(flow_ids), ("orderby", "-createdAt"), ("limit", str(PAGE_SIZE))])


def list_changed_runs_of(flow_ids: Sequence[str]) -> Call:
    """``GET /runs?property=flowId==…&orderby=-updatedAt``: the runs that changed last first.

    A run changes when it ends, however long ago it started.
    """
    return Call("GET", "/runs", [_of_flows(flow_ids), ("orderby", "-updatedAt"), ("limit", str(PAGE_SIZE))])


def _of_flows(flow_ids: Sequence[str]) -> tuple[str, str]:
    return equals("flowId", ",".join(check_id(one, "flow_id") for one in flow_ids))


def _started_from(epoch: float) -> tuple[str, str]:
    return ("property", f"metrics.durationSummary.startedAtUTC>{int(epoch * 1000) - 1}")
