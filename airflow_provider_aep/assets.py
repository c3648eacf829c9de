"""Datasets of AEP as Airflow assets: a DAG runs when new data has landed in one.

Airflow imports this module in every process that uses an asset with a URI, so it imports little.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from airflow.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from openlineage.client.event_v2 import Dataset

__all__ = ["DatasetAddress", "aep_dataset", "new_runs", "read_uri"]

SCHEME = "aep"

OWN_SANDBOX = "-"
"""The sandbox of the Airflow connection, in a URI. No sandbox has this name."""

FORM = f"{SCHEME}://CONNECTION/SANDBOX/DATASET"

EVENT_KEYS = (
    "run_id",
    "flow_id",
    "dataset_id",
    "records_written",
    "records_failed",
    "window_start",
    "window_end",
)
"""The keys of a run in an event. The values are those of the result of a wait."""

_SANDBOX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class DatasetAddress(NamedTuple):
    """A dataset by the names that an asset's URI holds.

    :param aep_conn_id: the Airflow connection
    :param sandbox: the sandbox's name; None for the connection's own
    :param dataset: the dataset's name
    """

    aep_conn_id: str
    sandbox: str | None
    dataset: str


def aep_dataset(
    dataset: str, *, aep_conn_id: str = "aep_default", sandbox: str | None = None, **kwargs: Any
) -> Asset:
    """Return the asset of an AEP dataset, for ``outlets`` and for ``schedule``.

    Two assets are the same if dataset, connection and sandbox are the same texts. Use this function wherever
    a DAG names the dataset: it gives the asset its URI as its name, and Airflow allows one name for a URI.

    :param dataset: the dataset's name
    :param aep_conn_id: the Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None for the connection's own
    :param kwargs: the options of Airflow's ``Asset``, such as ``watchers``
    :raises ValueError: a name is invalid, or is a template: Airflow needs the asset when it parses the DAG
    """
    texts = {"dataset": dataset, "aep_conn_id": aep_conn_id, "sandbox": sandbox}
    for parameter, text in texts.items():
        if isinstance(text, str) and ("{{" in text or "{%" in text):
            raise ValueError(
                f"`{parameter}` of `aep_dataset` is a template. Airflow needs the asset when it parses the "
                "DAG, and renders no template then. Write the name, or use an `AssetAlias` as the outlet."
            )
    return asset_at(DatasetAddress(aep_conn_id, sandbox, dataset), **kwargs)


def asset_at(address: DatasetAddress, **kwargs: Any) -> Asset:
    """Return the asset of a dataset whose name was read from AEP. A name there can resemble a template.

    :raises ValueError: a name is invalid, or too long for Airflow
    """
    uri = f"{SCHEME}://{'/'.join(_segments(address))}"
    return Asset(name=uri, uri=uri, **kwargs)


def read_uri(uri: str) -> DatasetAddress:
    """Return the names that the URI of an AEP dataset holds.

    :param uri: the URI of an asset, as ``aep_dataset`` makes it
    :raises ValueError: it is not such a URI
    """
    parts = urlsplit(uri)
    if parts.scheme != SCHEME:
        raise ValueError(f"The URI of an AEP dataset has the form {FORM}.")
    return _read(parts)


def normalize_uri(parts: SplitResult) -> SplitResult:
    """Return the one form in which a URI of an AEP dataset is stored.

    Airflow calls this for each asset with the scheme ``aep``, when it parses the DAG.

    :raises ValueError: it is not such a URI
    """
    aep_conn_id, *path = _segments(_read(parts))
    return parts._replace(netloc=aep_conn_id, path="/" + "/".join(path))


def _read(parts: SplitResult) -> DatasetAddress:
    # the message does not repeat the URI: someone may have written a secret before the @
    segments = [parts.netloc, *parts.path.split("/")[1:]]
    if len(segments) != 3 or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            f"The URI of an AEP dataset has the form {FORM}, with percent-encoded names and "
            f"{OWN_SANDBOX!r} for the sandbox of the connection. "
            "`airflow_provider_aep.assets.aep_dataset` writes it."
        )
    try:
        if any(map(_BROKEN_ESCAPE.search, segments)):
            raise ValueError
        aep_conn_id, sandbox, dataset = (unquote(segment, errors="strict") for segment in segments)
    except ValueError:
        raise ValueError(
            "The URI of an AEP dataset has an invalid percent-escape. Write % as %25, and use UTF-8."
        ) from None
    return DatasetAddress(aep_conn_id, None if sandbox == OWN_SANDBOX else sandbox, dataset)


def _segments(address: DatasetAddress) -> list[str]:
    """Return the three parts of the URI, percent-encoded.

    :raises ValueError: a name is invalid
    """
    for parameter in ("aep_conn_id", "dataset"):
        name = getattr(address, parameter)
        if not isinstance(name, str) or not name.strip() or name != name.strip():
            raise ValueError(f"`{parameter}` of an AEP dataset must be a text without blanks around it.")
    if "@" in address.aep_conn_id:
        raise ValueError(
            "`aep_conn_id` of an AEP dataset must be the id of an Airflow connection, without @."
        )
    sandbox = address.sandbox
    if sandbox is not None and not (isinstance(sandbox, str) and _SANDBOX.fullmatch(sandbox)):
        raise ValueError(
            "`sandbox` of an AEP dataset must be a sandbox's name: letters, digits, '-' and '_'. Leave it "
            "out for the sandbox of the connection."
        )
    names = (address.aep_conn_id, OWN_SANDBOX if sandbox is None else sandbox, address.dataset)
    return [quote(name, safe="") for name in names]


def event_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the event of an asset says about a run.

    :param result: the result of a wait
    :return: the keys of :data:`EVENT_KEYS`. Unknown values are None
    """
    return {key: result.get(key) for key in EVENT_KEYS}


def is_aep_dataset(outlet: Any) -> bool:
    """Return whether an outlet is the asset of an AEP dataset, or a reference to one by name or URI."""
    named = getattr(outlet, "uri", None) or getattr(outlet, "name", None)
    return not isinstance(outlet, AssetAlias) and str(named).startswith(f"{SCHEME}://")


def new_runs(triggering_asset_events: Mapping[Any, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return the flow runs that started a DAG run, each once.

    Airflow starts one DAG run for several events, and an event can come twice. A DAG that must process each
    run once also keeps the ``run_id`` of those that it has processed: two DAG runs can show the same run.

    :param triggering_asset_events: the value of this name in the task's context
    :return: for each run ``{"run_id", "flow_id", "dataset_id", "records_written", "records_failed",
        "window_start", "window_end"}``, in the order of the events. Times are in ISO 8601 in UTC. Unknown
        values are None. Empty if a user triggered the DAG run, or if a user created the event in Airflow
    """
    events = [event for of_asset in triggering_asset_events.values() for event in of_asset]
    found: dict[str, dict[str, Any]] = {}
    for event in sorted(events, key=lambda event: event.timestamp):
        for run in _runs_of(event.extra):
            found.setdefault(run["run_id"], event_of(run))
    return list(found.values())


def _runs_of(extra: Any) -> Iterable[Mapping[str, Any]]:
    """Yield the runs of an event: a wait has one, a watcher a list. Other events have none."""
    if not isinstance(extra, Mapping) or extra.get("from_rest_api"):  # a user's event can claim any run
        return
    payload = extra.get("payload")
    runs = payload.get("runs") if isinstance(payload, Mapping) else [extra]
    for run in runs if isinstance(runs, Collection) else ():
        if isinstance(run, Mapping) and run.get("run_id") and isinstance(run["run_id"], str):
            yield run


def asset_to_dataset(asset: Any, lineage_context: Any = None) -> Dataset:  # noqa: ARG001 - Airflow passes it
    """Return the OpenLineage dataset of an asset such as ``aep://aep_default/prod/Orders``.

    Only the name of the dataset is known here. The event of a wait names it as an alias of the dataset.
    """
    from openlineage.client.event_v2 import Dataset

    address = read_uri(asset.uri)
    name = f"{address.sandbox or OWN_SANDBOX}.{address.dataset}"
    return Dataset(namespace_of_assets(address.aep_conn_id), name)


def namespace_of_assets(conn_id: str) -> str:
    """Return OpenLineage's namespace of assets. Two Airflows can have connections of one name."""
    from airflow.providers.openlineage import conf

    return f"aep://{conf.namespace()}/{conn_id}"
