"""Replacing the credentials of a base connection, and nobody else's along with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from airflow_provider_aep.exactly_once.adoption import Vanished, until_ready, update
from airflow_provider_aep.exactly_once.steps import Decided, Entity, Outcome, Recipe, Wanted
from airflow_provider_aep.flow_service.errors import EntityChangedError, EntityStateError
from airflow_provider_aep.flow_service.replies import Readiness

_STAMPS = frozenset({"etag", "version", "updatedAt", "updatedBy", "updatedClient"})
"""What every change of a connection moves, whatever else it changes."""


def replace_credentials(wanted: Wanted, entity: Entity) -> Recipe:
    """PATCH as of what was read; at a 412 once more, if the credentials are still those that were read.

    One that is disabled is taken as well: wrong credentials may be why.
    """
    if entity.readiness is Readiness.COMING:  # a PATCH is refused until it stands (1417-400)
        try:
            entity = yield from until_ready(wanted, entity)
        except Vanished:
            raise EntityStateError(
                f"{wanted.title} was deleted meanwhile: {entity.id}. Its credentials were not "
                "replaced. See who deleted it, then create it anew."
            ) from None
    yield from update(entity, conflicts=1, guard=partial(_check_untouched, wanted))
    yield Decided(f"Replaced the credentials of {wanted.named}, {entity.maker}", entity.id)
    return Outcome(entity.id, created=False)


def _check_untouched(wanted: Wanted, before: Entity, now: Entity) -> None:
    """Refuse where the credentials may be somebody else's by now.

    GET shows no secrets, only "a partial view". So they count as untouched if what it shows of ``auth`` is
    the same and the new etag has another reason that is to be seen: a name, a description, a state. An etag
    that moved with nothing to be seen moved for what is not shown. (Who changes name and secret at once goes
    unnoticed; no client of this API could tell.)
    """
    same = before.shown.get("auth") == now.shown.get("auth")
    explained = before.etag == now.etag or _rest(before.shown) != _rest(now.shown)
    if not (same and explained):
        raise EntityChangedError(
            f"Somebody else changed {wanted.named} meanwhile, and its credentials, it seems: {now.id}. "
            "Nothing was overwritten. See in AEP who it was and which credentials are right; to set those of "
            "this task all the same, clear it."
        )


def _rest(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shown.items() if key not in _STAMPS and key != "auth"}
