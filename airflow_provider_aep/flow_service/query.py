"""The list grammar: ``property=<path>==<value>``, ``limit``, and the way from page to page.

Adobe's "Sort and filter" guide: several ``property`` parameters mean *and*, a comma means *or*, and the
next page is a relative link whose ``continuationToken`` alone goes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_aep.flow_service.errors import AepReplyError

PAGE_SIZE = 100
"""The largest page that any document of Adobe's allows."""

MAX_PAGES = 10_000

Query = list[tuple[str, str]]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9 _.-]+")


def equals(path: str, value: str) -> tuple[str, str]:
    """One filter. The value is sent bare, so it must hold no operator, comma or quote."""
    return ("property", f"{path}=={value}")


def can_filter_by(name: str) -> bool:
    """Whether the grammar is known to take this name. Its quoting is not documented beyond that."""
    return _PLAIN_NAME.fullmatch(name) is not None


def connections_query(name: str | None, connection_spec_id: str | None) -> Query:
    """The first page of connections of a spec, narrowed by name where the grammar is safe."""
    query: Query = []
    if connection_spec_id is not None:
        query.append(equals("connectionSpec.id", connection_spec_id))
    if name is not None and can_filter_by(name):
        query.append(equals("name", name))
    return [*query, ("limit", str(PAGE_SIZE))]


def next_page(body: Mapping[str, object], origin: str) -> Query | None:
    """The query of the next page, or None on the last one.

    A link to another origin is refused: following it would hand the token to a stranger.
    """
    links = body.get("_links")
    link = links.get("next") if isinstance(links, Mapping) else None
    href = link.get("href") if isinstance(link, Mapping) else link
    if not href:
        return None
    if not isinstance(href, str):
        raise AepReplyError.with_advice("A list's next-page link is not a text.")
    parts = _split(href)
    if (parts.scheme or parts.netloc) and f"{parts.scheme}://{parts.netloc}".lower() != origin.lower():
        raise AepReplyError(
            "A list's next page lies at another host than the list itself. The link was not followed, "
            "so that the access token stays home. If a gateway rewrites links, set `host` of the AEP "
            "connection to the gateway's own address.",
            retryable=False,
        )
    query = parse_qsl(parts.query)
    if not query:
        raise AepReplyError.with_advice("A list's next-page link has no query.")
    return query


def _split(href: str):  # type: ignore[no-untyped-def]
    try:
        return urlsplit(href)
    except ValueError:
        raise AepReplyError.with_advice("A list's next-page link is no URL.") from None
