"""Makes the emulator's list of sources from the table of Adobe's documented ones.

    python -m scripts.emulator_sources source_specs.json

The table has one row a source and way to authenticate. The emulator has one entry a connection spec, as the
platform has; what Adobe's tutorials say of a source beyond the table stands here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "airflow_provider_aep" / "emulator" / "data" / "sources.json"
Row = dict[str, Any]

# Flow specs by name. A table source's is in the table, a self-serve source's is RestStorageToAEP.
TABLES, FILES, REST = "CRMToAEP", "CloudStorageToAEP", "RestStorageToAEP"
# Adobe's words
MAPPED, OPTIONAL = "Steam data with transformation", "Stream data with optional transformation"
STREAMS = {
    "Amazon Kinesis": [OPTIONAL],
    "Azure Event Hubs": [OPTIONAL],
    "Capillary Streaming Events": [REST],
    "Google PubSub": [OPTIONAL],
    "HTTP API (streaming)": [MAPPED, OPTIONAL, "Stream data without transformation"],
    "LAVA": ["GenericStreamingAEP"],
    "Snowflake Streaming": [MAPPED],
}
# Where the address is shown that others send rows to. The other streams are fetched by the platform.
INLETS = {"Capillary Streaming Events": "flows", "HTTP API (streaming)": "connections", "LAVA": "flows"}
NO_BASE_CONNECTION = {"Data Landing Zone": FILES}
DEFAULTS = {
    ("HTTP API (streaming)", "authenticationRequired"): False,
    ("PayPal", "host"): "api.sandbox.paypal.com",
    ("Snowflake Streaming", "role"): "public",
}


def entries(rows: list[Row]) -> list[Row]:
    """One for each connection spec, in the table's order."""
    ids = dict.fromkeys(row["connection_spec_id"] for row in rows)
    return [_entry([row for row in rows if row["connection_spec_id"] == spec_id]) for spec_id in ids]


def _entry(rows: list[Row]) -> Row:
    """Several sources may be printed with one id: a confirmed one is its owner, else the first."""
    owner = min(rows, key=lambda row: row["confidence"] != "confirmed")
    name = owner["source"]
    family, flow_specs = _ingestion(owner)
    entry: Row = {"id": owner["connection_spec_id"], "name": name, "category": owner["category"]}
    entry |= {"family": family, "flowSpecs": flow_specs}
    if name in INLETS:
        entry["inlet"] = INLETS[name]
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
    """JSON with a line a source, so that a change shows what it changes."""
    return "[\n" + ",\n".join(json.dumps(entry) for entry in entries(rows)) + "\n]\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(json.loads(Path(sys.argv[1]).read_text("utf-8"))), "utf-8")
