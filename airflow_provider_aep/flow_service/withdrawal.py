"""A source that the platform does not offer, or not any more: what is known of it, and the way on."""

from __future__ import annotations

import re

from airflow_provider_aep.flow_service.errors import SourceWithdrawnError
from airflow_provider_aep.flow_service.sources import Source, catalogue

_MOST = 5
_REFERENCE = re.compile(r"\s*\([^()]*@[^()]*\)")


def withdrawn(source: Source, sandbox: str) -> SourceWithdrawnError:
    """That the platform does not offer the source: what is known, and where to go from here."""
    return SourceWithdrawnError(
        f"The platform does not offer the source {source} (connection spec {source.connection_spec_id}) in "
        f"sandbox {sandbox!r}, or not to this credential.{_end(source)}{_way_on(source)}"
    )


def _end(source: Source) -> str:
    """What Adobe's documents say of its end, without the places where they say it."""
    if not source.deprecated:
        return ""
    said = _REFERENCE.sub("", source.deprecated)
    return f" Adobe's documents on its end: {said if source.retired else said.partition(';')[0]}."


def _way_on(source: Source) -> str:
    offered = " `python -m airflow_provider_aep sources --live` lists what the platform offers."
    others = living_of_category(source)
    if not others:
        return f"{offered} Use another source."
    named = ", ".join(f"{one.title} (`source={one.key!r}`)" for one in others[:_MOST])
    more = f" and {len(others) - _MOST} more" if len(others) > _MOST else ""
    return (
        f" Other sources of its category, {source.category}: {named}{more}. Their data and its schema "
        f"differ from those of {source.title}: check the dataset's schema and write a mapping. In the DAG, "
        f"write one of them in a CreateBaseConnectionOperator in place of {source.key!r}, and let "
        f"`source_conn_id` name an Airflow connection with its credentials.{offered}"
    )


def living_of_category(source: Source) -> list[Source]:
    """The other sources of its category that are certain and not known to end, in the catalogue's order.

    How alike their parameters are says nothing of their data, and so is not looked at.
    """
    return [
        one
        for one in catalogue().values()
        if one.category == source.category
        and one.auth
        and not (one.deprecated or one.uncertain)
        and one.connection_spec_id != source.connection_spec_id
    ]
