"""Create an entity exactly once, in five steps.

1. *Recall*, in a retry: on Airflow 3.3 the task state store may hold the id that an earlier try created.
2. *List*: an existing entity is reused, updated or refused; leftovers of this provider are cleaned up.
3. *Post*. After a failed POST, list. POST again only if no entity appears, at most 3 times.
4. *List again*: two tasks may have raced. All agree on the oldest; a task deletes its own if it is younger.
5. *Keep* the id if this try created the entity and a retry may follow, only now that the survivor is chosen.

Each read and write of the store is a request to Airflow's API server. So a first try does not read it, and a
try that reuses an entity does not write it: a retry finds this entity in the list again. After the last try,
Airflow runs the task again only if it is cleared or its scheduler is lost. That try lists what exists, too.

Flow Service has no idempotency key, so its lists decide, and the promise has a bound. Tasks that create the
same entity at the same time end with one if AEP lists each new entity within ``settle`` + 8 seconds after its
creation, and entities in the order of their creation.

Without the order, two tasks still end with one if AEP lists each new entity within ``settle`` seconds and no
try is killed. But a third task, or a retry, can list only the younger entity, and return its id before the
task that created it deletes it.

Beyond the bound, two tasks can end with two entities. If a list lags more than ``settle``, a warning names
the bound. ``docs/reliability.md`` says the same to users.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from airflow_provider_aep.exactly_once.adoption import (
    EntityDeleted,
    adopt,
    is_leftover_draft,
    published,
    state_error,
    until_ready,
    wait_longer,
)
from airflow_provider_aep.exactly_once.steps import (
    Decided,
    Delete,
    Dependants,
    DesiredEntity,
    Entity,
    Get,
    Keep,
    ListExisting,
    Outcome,
    Post,
    Recall,
    Reconciliation,
    Sleep,
    Step,
)
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepError,
    AepNotFoundError,
    AepThrottledError,
    AmbiguousEntityError,
    EntityMissingError,
    EntityStateError,
)
from airflow_provider_aep.flow_service.replies import Readiness
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT, is_refused_token, wait_for

MOST_POSTS = 3
MOST_POSTS_REFUSED = 2
"""POSTs if the token is refused each time."""
MOST_ROUNDS = 2
"""Lists and POSTs from the start, if somebody deletes the entity meanwhile."""
PATIENCE = (0.25, 0.5, 1.0, 1.5, 2.5, 4.25)
"""Seconds between the lists after a lost reply: 10 in all."""
SETTLING = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Seconds between the lists while several entities exist (a race may be settling), or while this task's
own entity is missing: 8 in all."""


def create_once(desired: DesiredEntity) -> Reconciliation:
    """Carry out steps 1 to 5. If the survivor is deleted meanwhile, go back to step 2, once."""
    outcome = None if desired.first_try else (yield from _remember(desired))
    if outcome is None:
        outcome = yield from _list_and_post_again(desired)
    if outcome.created and not desired.last_try:
        yield Keep(outcome.id)
    return outcome


def _list_and_post_again(desired: DesiredEntity) -> Reconciliation:
    for _ in range(MOST_ROUNDS):
        try:
            return (yield from _list_and_post(desired))
        except EntityDeleted:  # noqa: PERF203 - at most twice
            yield Decided(f"{desired.title} was deleted while this task used it. Listing what exists again")
    raise EntityStateError(
        f"{desired.title} was deleted twice while this task worked on it. "
        "See who else deletes it, then run the task again.",
        retryable=True,
    )


def _remember(desired: DesiredEntity) -> Generator[Step, Any, Outcome | None]:
    known: str | None = yield Recall()
    if known is None:
        return None
    try:
        entity = yield Get(known)
        if entity.readiness not in (Readiness.READY, Readiness.COMING):
            return None
        entity = yield from until_ready(desired, entity)
    except (AepNotFoundError, EntityDeleted):
        return None
    yield Decided(f"Reused {desired.named}, whose id an earlier try of this task stored", entity.id)
    return Outcome(entity.id, created=False)


def _list_and_post(desired: DesiredEntity) -> Reconciliation:
    failure: AepError | None = None
    posts = 0
    while True:
        existing = yield from _list_after(desired, failure)
        own = _find_own(desired, existing) if failure is not None else None
        if own is not None:
            return (yield from _settle_own(desired, own.id, after_lost_reply=True))
        may_be_early = desired.settle > 0 and not desired.first_try
        if may_be_early and any(_is_own(desired, entity) for entity in existing):
            # An earlier try created it, and may have died before an older one was listed.
            yield Sleep(desired.settle)
            existing = yield from _list(desired)
        entity = yield from _choose(desired, existing)
        if entity is not None:
            return (yield from adopt(desired, entity, "Found an existing one:"))
        if desired.if_missing == "fail":
            raise EntityMissingError(
                f"{desired.title} does not exist, and `if_missing` is 'fail'. Nothing was created. If it was "
                "renamed in AEP, correct the task's `name`. To let the task create it, remove `if_missing`."
            )
        if failure is not None and not may_repeat(failure, posts):
            break
        try:
            created = yield Post()
        except AepError as error:
            failure, posts = error, posts + 1
            listing = _is_passing(error) or error.may_have_happened
            then = "Listing what exists" if listing else "Nothing was created"
            yield Decided(f"The create failed with {error.brief}. {then}")
            if not listing:
                break
        else:
            return (yield from _settle_own(desired, created, after_lost_reply=False))
    assert failure is not None
    raise failure


def may_repeat(error: AepError, posts: int) -> bool:
    """Return whether another POST after so many may be sent. A refused token is renewed once."""
    most = MOST_POSTS_REFUSED if isinstance(error, AepAuthError) else MOST_POSTS
    return posts < most and _is_passing(error)


def _is_passing(error: AepError) -> bool:
    """Return whether a POST can succeed after this failure and a wait."""
    if isinstance(error, AepAuthError):
        return is_refused_token(error)
    return error.retryable and pause_after(error) <= LONGEST_WAIT


def pause_after(error: AepError) -> float:
    """Return the seconds to wait before a POST after this failure: at least ``Retry-After``."""
    return wait_for(error, 1, 0.5).wait


def _list_after(desired: DesiredEntity, failure: AepError | None) -> Generator[Step, Any, list[Entity]]:
    """List existing entities. After a failed POST, poll until its effect would be visible."""
    if failure is None or isinstance(failure, AepAuthError):
        return (yield from _list(desired))
    if isinstance(failure, AepThrottledError) or not failure.may_have_happened:
        wait = pause_after(failure)
        if wait <= LONGEST_WAIT:
            yield Sleep(wait)
        return (yield from _list(desired))
    existing: list[Entity] = []
    for pause in PATIENCE:
        yield Sleep(pause)
        existing = yield from _list(desired)
        if existing and (desired.mark is None or _find_own(desired, existing) is not None):
            break  # another task's entity proves nothing about ours, which may appear later
    rest = pause_after(failure) - sum(PATIENCE)
    if not existing and 0 < rest <= LONGEST_WAIT:
        yield Sleep(rest)
    return existing


def _each_once(listed: Sequence[Entity]) -> list[Entity]:
    """Drop duplicates: pages that overlap list an entity twice."""
    return list({entity.id: entity for entity in listed}.values())


def _list(desired: DesiredEntity, own_id: str | None = None) -> Generator[Step, Any, list[Entity]]:
    """List existing entities, oldest first. Poll while one that is not our own is being removed."""
    waited = 0.0
    while True:
        listed = _each_once((yield ListExisting()))
        leaving = [
            entity for entity in listed if entity.readiness is Readiness.LEAVING and entity.id != own_id
        ]
        if not leaving:
            return sorted(listed, key=lambda entity: entity.age_key)
        if waited >= desired.wait_timeout:
            raise state_error(desired, leaving[0], f"for more than {desired.wait_timeout:g} s")
        pause = min(5.0, 0.5 + waited)
        yield from wait_longer(desired, leaving[0], pause, waited)
        waited += pause


def _is_own(desired: DesiredEntity, entity: Entity) -> bool:
    """Return whether an entity has exactly this task instance's ownership mark."""
    return desired.mark is not None and entity.mark == desired.mark


def _find_own(desired: DesiredEntity, existing: list[Entity]) -> Entity | None:
    """Return the one entity with exactly this task instance's ownership mark."""
    own = [entity for entity in existing if _is_own(desired, entity)]
    return own[0] if len(own) == 1 else None


def _choose(desired: DesiredEntity, existing: list[Entity]) -> Generator[Step, Any, Entity | None]:
    """Return the entity to use, or None if it does not exist."""
    if desired.interchangeable:
        return existing[0] if existing else None
    for pause in SETTLING:
        _refuse_unusable(desired, existing)
        if len(existing) <= 1:
            break
        yield Sleep(pause)
        existing = yield from _list(desired)
    _refuse_unusable(desired, existing)
    if len(existing) <= 1:
        return existing[0] if existing else None
    return (yield from _remove_leftovers(desired, existing))


def _refuse_unusable(desired: DesiredEntity, existing: list[Entity]) -> None:
    for entity in existing:
        leftover = entity.mark is not None and entity is not existing[0]  # a younger one of ours is removed
        usable = leftover or is_leftover_draft(desired, entity) or desired.may_use(entity)
        if entity.readiness is Readiness.REFUSED and not usable:
            raise state_error(desired, entity)


def _remove_leftovers(desired: DesiredEntity, existing: list[Entity]) -> Generator[Step, Any, Entity]:
    """Keep the oldest; delete a younger one only if this provider created it and nothing depends on it."""
    oldest, *younger = existing
    left = list(younger)
    for entity in (yield from _removable(younger)):
        if (yield from _delete(entity.id)):
            left.remove(entity)
            text = f"Deleted {entity.id}, a duplicate {entity.created_by}, and kept {desired.named}"
            yield Decided(text, oldest.id)
    if not left:
        return oldest
    ids = ", ".join(entity.id for entity in existing if entity is oldest or entity in left)
    if oldest.mark is None:
        raise AmbiguousEntityError(
            f"Several entities exist as {desired.named}: {ids}. This task may not delete any of them and "
            "does not know which one is meant. Delete or rename all but one, or choose another `name`."
        )
    yield Decided(f"Several entities exist as {desired.named}: {ids}. The oldest is used", oldest.id, True)
    return oldest


def _removable(entities: list[Entity]) -> Generator[Step, Any, list[Entity]]:
    """Return those that this provider created and nothing depends on; an empty list if that is unknown."""
    removable = []
    try:
        for entity in entities:
            if entity.mark is not None and not (yield Dependants(entity.id)):
                removable.append(entity)  # noqa: PERF401 - a comprehension cannot yield
    except AepError:
        return []
    return removable


def _delete(id: str) -> Generator[Step, Any, bool]:
    try:
        yield Delete(id)
    except AepNotFoundError:
        return True
    except AepError:
        return False
    return True


def _delete_own(desired: DesiredEntity, own_id: str) -> Generator[Step, Any, bool]:
    """Delete what this try created; an entity that is still being set up may refuse at first."""
    if (yield from _delete(own_id)):
        return True
    try:
        yield from until_ready(desired, Entity(own_id, state="initializing"))
    except EntityDeleted:
        return True
    except AepError:
        pass
    return (yield from _delete(own_id))


def _settle_own(desired: DesiredEntity, own_id: str, *, after_lost_reply: bool) -> Reconciliation:
    """Step 4: the oldest of all survives; if that is not ours, delete ours."""
    if desired.interchangeable:
        yield Decided(f"Created {desired.named}", own_id)
        return Outcome(own_id, created=True)
    if desired.settle > 0:
        yield Sleep(desired.settle)
    existing = yield from _existing_with_own(desired, own_id)
    survivor = min(existing, key=lambda entity: entity.age_key)
    if survivor.id == own_id:
        survivor = yield from until_ready(desired, (yield from published(desired, survivor, own=True)))
        how = ". The create had failed or its reply was lost, but it took effect" if after_lost_reply else ""
        yield Decided(f"Created {desired.named}{how}", own_id)
        return Outcome(own_id, created=True)
    prefix = "Another task was first."
    if (yield from _delete_own(desired, own_id)):
        prefix += f" {own_id} of this task was deleted."
    else:
        yield Decided(
            f"Another task created {desired.named} first, and {own_id} of this task could not be deleted. A "
            "later run deletes it if nothing depends on it",
            own_id,
            True,
        )
        if survivor.mark is None:
            raise AmbiguousEntityError(
                f"Two entities exist as {desired.named}: {survivor.id} and {own_id}. This task created "
                f"{own_id} and could not delete it. Delete {own_id}, then run the task again.",
                retryable=True,
            )
    return (yield from adopt(desired, survivor, prefix))


def _counts(desired: DesiredEntity, entity: Entity) -> bool:
    ready = entity.readiness in (Readiness.READY, Readiness.COMING)
    return ready or is_leftover_draft(desired, entity)


def _existing_with_own(desired: DesiredEntity, own_id: str) -> Generator[Step, Any, list[Entity]]:
    """List existing entities, our own included even if the list lags, which is logged."""
    existing: list[Entity] = []
    waited = desired.settle
    for pause in (0.0, *SETTLING):
        if pause:
            yield Sleep(pause)
            waited += pause
        listed = yield from _list(desired, own_id)
        existing = [entity for entity in listed if _counts(desired, entity) or entity.id == own_id]
        if any(entity.id == own_id for entity in existing):
            if pause:
                yield _late(desired, own_id, f"only about {waited:g} s after this task created it")
            return existing
    try:
        existing.append((yield Get(own_id)))
    except AepNotFoundError:
        if existing:
            return existing  # a rival has deleted ours
        existing.append(Entity(own_id, state="draft" if desired.drafts else ""))  # a read can lag as well
    yield _late(
        desired, own_id, f"not within {waited:g} s after this task created it. Check in AEP for a second one"
    )
    return existing


def _late(desired: DesiredEntity, own_id: str, when: str) -> Decided:
    """Warn that the list lags more than ``settle``, and name the bound of this module's docstring."""
    bound = desired.settle + sum(SETTLING)
    return Decided(
        f"AEP listed {desired.named} {when}. Tasks that create the same entity at the same time end with one "
        f"as long as AEP lists a new one within {bound:g} s, and entities in the order of their "
        f"creation. Set `[aep] settle` in Airflow's configuration, now {desired.settle:g}, to more seconds "
        "than AEP's list lags",
        own_id,
        True,
    )
