"""The catalogue beside a platform: which sources are new there, gone, or not as documented."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.table import Table

from airflow_provider_aep.flow_service.connection_specs import ConnectionSpec, differences
from airflow_provider_aep.flow_service.sources import Source, same_name, sources_of_spec


def compare(sources: Sequence[Source], aep_conn_id: str, sandbox: str | None, *, everything: bool) -> Table:
    """One row for each difference; ``everything`` shows as well what the platform has beyond the sources.

    :raises AepError: the platform cannot be asked
    """
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")  # as `airflow connections test`: else Airflow
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook  # looks into no database

    hook = FlowServiceHook(aep_conn_id, sandbox)
    there = {spec.id: spec for spec in hook.list_connection_specs()}
    rows = [row for one in sources if (row := _of_source(one, there.get(one.connection_spec_id)))]
    title = f"sandbox {hook.sandbox}: {len(sources) - len(rows)} of {len(sources)} sources as documented"
    if everything:
        rows += [(spec.name, spec.id, "new", "") for spec in there.values() if not sources_of_spec(spec.id)]
    table = Table(title=title, title_justify="left")
    for heading in ("source", "connection spec", "state", "difference"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _of_source(source: Source, spec: ConnectionSpec | None) -> tuple[str, str, str, str] | None:
    if spec is None:
        return str(source), source.connection_spec_id, "gone", source.deprecated or ""
    owner = next((one for one in sources_of_spec(spec.id) if same_name(one.title, spec.name)), source)
    if owner.key != source.key:
        return str(source), spec.id, "another's", f"the platform calls it {spec.name}"
    found = differences(source, spec)
    return (str(source), spec.id, "changed", "; ".join(found)) if found else None
