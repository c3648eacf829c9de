"""Make the emulator's list of sources: `python -m scripts.emulator_sources source_specs.json`.

The input has one row for each documented source and authentication type. The emulator has one entry for
each connection spec, as the platform does. Facts that the input lacks are constants of this module.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "airflow_provider_aep" / "emulator" / "data" / "sources.json"
Row = dict[str, Any]

# Names of flow specs.
TABLES, FILES, REST = "CRMToAEP", "CloudStorageToAEP", "RestStorageToAEP"
MAPPED = "Steam data with transformation"  # Adobe's spelling
OPTIONAL = "Stream data with optional transformation"
STREAMS = {
    "Amazon Kinesis": [OPTIONAL],
    "Azure Event Hubs": [OPTIONAL],
    "Capillary Streaming Events": [REST],
    "Google PubSub": [OPTIONAL],
    "HTTP API (streaming)": [MAPPED, OPTIONAL, "Stream data without transformation"],
    "LAVA": ["GenericStreamingAEP"],
    "Snowflake Streaming": [MAPPED],
}
# The entity that shows the streaming endpoint. The platform fetches the other streams.
ENDPOINTS = {"Capillary Streaming Events": "flows", "HTTP API (streaming)": "connections", "LAVA": "flows"}
NO_BASE_CONNECTION = {"Data Landing Zone": FILES}
DEFAULTS = {
    ("HTTP API (streaming)", "authenticationRequired"): False,
    ("PayPal", "host"): "api.sandbox.paypal.com",
    ("Snowflake Streaming", "role"): "public",
}


def entries(rows: list[Row]) -> list[Row]:
    """Return one entry for each connection spec, in the order of the rows."""
    ids = dict.fromkeys(row["connection_spec_id"] for row in rows)
    return [_entry([row for row in rows if row["connection_spec_id"] == spec_id]) for spec_id in ids]


def _entry(rows: list[Row]) -> Row:
    """Make the entry of rows with the same id. It belongs to a confirmed source, or else to the first."""
    owner = min(rows, key=lambda row: row["confidence"] != "confirmed")
    name = owner["source"]
    family, flow_specs = _ingestion(owner)
    entry: Row = {"id": owner["connection_spec_id"], "name": name, "category": owner["category"]}
    entry |= {"family": family, "flowSpecs": flow_specs}
    if name in ENDPOINTS:
        entry["inlet"] = ENDPOINTS[name]  # codespell:ignore inlet
    entry["auth"] = [_auth(row) for row in rows if row["source"] == name and row["auth_spec_name"]]
    return entry


def _ingestion(row: Row) -> tuple[str, list[str]]:
    name, listed = row["source"], row["in_flowspec"]
    if listed.startswith(TABLES):
        return "table", [TABLES]
    if listed == FILES or name in NO_BASE_CONNECTION:
        return "file", [FILES]
    return ("stream", STREAMS[name]) if name in STREAMS else ("rest", [REST])


def _auth(row: Row) -> Row:
    auth = {"name": row["auth_spec_name"], "required": row["params"], "optional": row["optional_params"]}
    names = (*row["params"], *row["optional_params"])
    defaults = {name: DEFAULTS[row["source"], name] for name in names if (row["source"], name) in DEFAULTS}
    return {**auth, "defaults": defaults} if defaults else auth


def rendered(rows: list[Row]) -> str:
    """Return JSON with one source a line."""
    return "[\n" + ",\n".join(json.dumps(entry) for entry in entries(rows)) + "\n]\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(json.loads(Path(sys.argv[1]).read_text("utf-8"))), "utf-8")
