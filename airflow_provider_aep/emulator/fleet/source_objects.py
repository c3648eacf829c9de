"""The source objects that a fleet ingests: tables, files and REST resources of well-known sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.emulator import sources
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.tables import library
from airflow_provider_aep.emulator.tables.table import Table

SOURCES = (
    "PayPal",
    "Salesforce",
    "Amazon S3",
    "MySQL",
    "Stripe",
    "Snowflake",
    "SFTP",
    "Microsoft Dynamics",
    "Zendesk",
    "PostgreSQL",
    "Azure Blob Storage",
    "Shopify",
    "Google Ads",
    "ServiceNow",
    "HubSpot",
    "Google Cloud Storage",
)
TYPES = {
    "epoch": {"type": "integer"},
    "double": {"type": "number"},
    "date-time": {"type": "string", "format": "date-time"},
}
Item = dict[str, Any]


@dataclass(frozen=True)
class SourceObject:
    """What a source connection reads, and the columns of its records."""

    source: Source
    table: Table
    data: Item
    params: Item
    prefix: str = ""  # of the columns in a record

    @property
    def title(self) -> str:
        """Return a short name, such as `Salesforce Contact`."""
        return f"{self.source.name} {self.table.name.rpartition('.')[2].replace('_', ' ')}"

    @property
    def delta_column(self) -> str | None:
        """Return the delta column of a table; files and resources have none."""
        return self.table.time if self.source.family == "table" else None

    def fields(self) -> Item:
        """Return the fields of the records' schema."""
        return {name: TYPES.get(kind, {"type": kind}) for name, kind in self.table.kinds.items()}


def offered(platform: Platform) -> list[SourceObject]:
    """Return the source objects that the platform offers; neighbours have different sources."""
    known = {source.name: source for source in sources.offered(platform)}
    found = [list(_of(known[name])) for name in SOURCES if name in known]
    return [objects[n] for n in range(3) for objects in found if n < len(objects)]


def _of(source: Source) -> Iterator[SourceObject]:
    tables = [table for table in library.tables(source).values() if table.time]
    if source.family == "table":
        for table in tables:
            yield SourceObject(source, table, {"format": "tabular"}, {"tableName": table.name})
    elif source.family == "rest":
        wrapper = library.WRAPPERS.get(source.name)
        for table in tables:
            prefix = f"{wrapper}." if wrapper else ""
            yield SourceObject(source, table, {"format": "json"}, {"resourcePath": table.name}, prefix)
    else:  # the files of a folder, which gets new ones
        params: Item = {"path": f"/{tables[-1].name}/", "recursive": True}
        form: Item = {"format": "delimited", "properties": {"columnDelimiter": ","}}
        yield SourceObject(source, tables[-1], form, params)
