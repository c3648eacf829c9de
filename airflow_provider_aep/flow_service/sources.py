"""The catalogue of sources: what a base connection to each needs.

One source so far; the documented rest joins here as data. A source is found by its name in any spelling.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from airflow_provider_aep.flow_service.errors import AepConfigError

PLAIN_PARAMETERS = frozenset({"host", "port", "database", "schema", "region", "server"})
"""Parameters of ``auth.params`` that are no secrets, whatever the source. All others are."""


@dataclass(frozen=True)
class Source:
    """A documented source. Spec id and auth spec name must match the platform's to the letter."""

    key: str
    title: str
    connection_spec_id: str
    auth_spec_name: str


PAYPAL = Source(
    key="paypal",
    title="PayPal",
    connection_spec_id="221c7626-58f6-4eec-8ee2-042b0226f03b",
    auth_spec_name="Client-Id-Secret Based Authentication",
)

SOURCES: dict[str, Source] = {source.key: source for source in (PAYPAL,)}


def find_source(name: object) -> Source:
    """The source of that name, whatever its case and separators; a typo gets a suggestion."""
    key = re.sub(r"[\s_-]+", "-", name.strip().lower()) if isinstance(name, str) else ""
    if key in SOURCES:
        return SOURCES[key]
    near = difflib.get_close_matches(key, SOURCES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise AepConfigError(
        f"`source` is {name!r}, which this provider does not know.{hint} It knows: {', '.join(SOURCES)}.",
        parameter="source",
    )


def source_of(connection_spec_id: object, auth_spec_name: object) -> Source | None:
    """The source that a base connection is of; by its way to authenticate too, where that is shown."""
    for source in SOURCES.values():
        shown = auth_spec_name is None or source.auth_spec_name == auth_spec_name
        if shown and source.connection_spec_id == connection_spec_id:
            return source
    return None
