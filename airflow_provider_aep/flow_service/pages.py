"""Addresses of an entity's page in AEP's UI. The patterns are those of Adobe's own alert messages."""

from __future__ import annotations

_PAGES = {
    "base connection": "source/accounts/{id}/activity",
    "dataflow": "source/dataflows/{id}/activity",
    "dataset": "dataset/browse/{id}",
    # No document of Adobe's shows a page of these. The list of datasets is the nearest page.
    "source connection": "dataset/browse?sourceConnectionId={id}",
    "target connection": "dataset/browse?targetConnectionId={id}",
    "schema": "dataset/browse?schemaId={id}",
    "field group": "dataset/browse?fieldGroupId={id}",
    "mapping set": "dataset/browse?mappingSetId={id}",
}
_PAGES_WITHIN = {
    "run": "source/dataflows/{of}/activity/{id}",
    "source connection": "source/accounts/{of}/activity?sourceConnectionId={id}",
    "target connection": "dataset/browse/{of}?targetConnectionId={id}",
}


def page_url(
    kind: str, id: str, of: str | None = None, *, org_id: str, tenant: str | None, sandbox: str
) -> str:
    """Return the address of an entity's page, or of the nearest page, with the id in its query.

    :param kind: of the entity, such as ``dataflow``
    :param of: the id of the entity whose page shows it: of a run its dataflow, of a source connection its
        base connection, of a target connection its dataset
    """
    page = (_PAGES_WITHIN if of else _PAGES)[kind].format(id=id, of=of)
    return f"https://experience.adobe.com/#/@{tenant or org_id}/sname:{sandbox}/platform/{page}"
