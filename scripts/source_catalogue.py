"""Make the catalogue of sources: `python -m scripts.source_catalogue source_specs.json`.

The input is a list with one row for each documented source and authentication type. A row has `source`,
`category`, `connection_spec_id`, `auth_spec_name`, `params`, `optional_params`, `doc_path`, `commit`,
`deprecated`, `confidence`, `note` and `in_flowspec`. The result is checked in, one source a line.

`note` and `deprecated` are fragments of research. `docs/source-notes.json` has the sentences for users: by
the fragment, or by the source if its note is empty. An empty text drops the fragment.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from airflow_provider_aep.flow_service.secret_rules import is_secret
from airflow_provider_aep.hooks.paypal import DEFAULT_HOST

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "airflow_provider_aep" / "flow_service" / "data" / "sources.json"
NOTES: dict[str, str] = json.loads((ROOT / "docs" / "source-notes.json").read_text("utf-8"))
DEFAULTS = {("PayPal", "host"): DEFAULT_HOST}
"""The documented defaults of parameters that the samples send. Such a parameter is optional."""


def catalogue(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sources in the order of the input, each with its authentication types."""
    words = Counter(word for title in {row["source"] for row in rows} for word in _words(title))
    sources: dict[str, dict[str, Any]] = {}
    for row in rows:
        source = sources.setdefault(row["source"], _source(row, words))
        if row["auth_spec_name"]:
            source["auth"].append(_auth(row))
    return list(sources.values())


def _source(row: dict[str, Any], words: Counter[str]) -> dict[str, Any]:
    flow_spec = re.match(r"\w+ToAEP", row["in_flowspec"])
    return {
        "key": "-".join(_words(row["source"])),
        "title": row["source"],
        "alias": _alias(row, words),
        "category": row["category"],
        "connection_spec_id": row["connection_spec_id"],
        "flow_spec": flow_spec.group() if flow_spec else None,
        **({} if row["auth_spec_name"] else _evidence(row)),
        "auth": [],
    }


def _alias(row: dict[str, Any], words: Counter[str]) -> str | None:
    """Return the file name of Adobe's tutorial as a short name, unless another source has that word too."""
    stem = Path(row["doc_path"]).stem
    return stem if "/create/" in row["doc_path"] and words[stem] <= 1 else None


def _auth(row: dict[str, Any]) -> dict[str, Any]:
    defaults = {name: value for (source, name), value in DEFAULTS.items() if source == row["source"]}
    names = [*row["params"], *row["optional_params"]]
    return {
        "name": row["auth_spec_name"],
        "required": [name for name in row["params"] if name not in defaults],
        "optional": [*defaults, *row["optional_params"]],
        "secret": [name for name in names if is_secret(name)],
        "defaults": defaults,
        **_evidence(row),
    }


def _evidence(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "confidence": row["confidence"],
        "deprecated": NOTES[row["deprecated"]] if row["deprecated"] else None,
        "retired": (row["deprecated"] or "").startswith("retired"),
        "note": NOTES[row["note"]] if row["note"] else NOTES.get(row["source"], ""),
        "document": f"{row['doc_path']}@{row['commit'][:12]}",
    }


def _words(title: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", title.lower())


def rendered(rows: list[dict[str, Any]]) -> str:
    """Return the content of the file."""
    lines = [json.dumps(source, ensure_ascii=False) for source in catalogue(rows)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(json.loads(Path(sys.argv[1]).read_text("utf-8"))), "utf-8")
