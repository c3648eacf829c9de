"""The recipe of every create.

1. *Remember*: on Airflow 3.3 the task's own memory may hold what an earlier try made.
2. *Look*: what stands already is reused, updated or refused; leftovers of ours are removed.
3. *Post* once. After a lost reply look, with patience, before any further post.
4. *Look once more*: two tasks may have raced. All agree on the oldest; who made another removes it.
5. *Keep* the id, only now that the survivor is chosen.

Flow Service has no idempotency key, so its lists decide, and the promise has a bound. Tasks that create the
same entity at the same time end with one if AEP lists each new entity

- within ``settle`` seconds after its creation, or
- within ``settle`` + 8 seconds, and entities in the order of their creation.

Beyond the bound two tasks can end with two entities. A list that lags more than ``settle`` draws a warning
that names the bound. ``docs/reliability.md`` tells users the same.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from airflow_provider_aep.exactly_once.adoption import (
    Vanished,
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
    Entity,
    Get,
    Keep,
    Look,
    Outcome,
    Post,
    Recall,
    Recipe,
    Sleep,
    Step,
    Wanted,
)
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConnectError,
    AepError,
    AepNotFoundError,
    AepThrottledError,
    AmbiguousEntityError,
    EntityStateError,
)
from airflow_provider_aep.flow_service.replies import Readiness
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT, is_refused_token, wait_for

MOST_POSTS = 3
PATIENCE = (0.25, 0.5, 1.0, 1.5, 2.5, 4.25)
"""Seconds between the looks for an effect whose reply was lost: 10 in all."""
SETTLING = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Seconds between the looks at several entities (a race may be settling), or for an own one that is missing:
8 in all."""


def create_once(wanted: Wanted) -> Recipe:
    """Steps 1 to 5. A survivor that vanishes under our hands sends us back to step 2, once."""
    outcome = yield from _remember(wanted)
    for _ in range(0 if outcome else 2):
        try:
            outcome = yield from _look_and_post(wanted)
            break
        except Vanished:
            yield Decided(f"{wanted.title} was deleted while this task used it. Listing what exists again")
    if outcome is None:
        raise EntityStateError(
            f"{wanted.title} was deleted twice while this task worked on it. "
            "See who else deletes it, then run the task again.",
            retryable=True,
        )
    yield Keep(outcome.id)
    return outcome


def _remember(wanted: Wanted) -> Generator[Step, Any, Outcome | None]:
    known: str | None = yield Recall()
    if known is None:
        return None
    try:
        entity = yield Get(known)
        if entity.readiness not in (Readiness.READY, Readiness.COMING):
            return None
        entity = yield from until_ready(wanted, entity)
    except (AepNotFoundError, Vanished):
        return None
    yield Decided(f"Reused {wanted.named}, which an earlier try of this task created", entity.id)
    return Outcome(entity.id, created=False)


def _look_and_post(wanted: Wanted) -> Recipe:
    failure: AepError | None = None
    posts = 0
    while True:
        standing = yield from _look_after(wanted, failure)
        own = _own(wanted, standing) if failure is not None else None
        if own is not None:
            return (yield from _settle_own(wanted, own.id, healed=True))
        entity = yield from _choose(wanted, standing)
        if entity is not None:
            return (yield from adopt(wanted, entity, "Found an existing one:"))
        if failure is not None and (posts == MOST_POSTS or not may_repeat(failure, posts)):
            break
        try:
            created = yield Post()
        except AepError as error:
            failure = error
            yield Decided(f"The create failed with {error.brief}. Listing what exists")
            if not (may_repeat(error, posts) or error.may_have_happened):
                break
            posts += 1
        else:
            return (yield from _settle_own(wanted, created, healed=False))
    assert failure is not None
    raise failure


def may_repeat(error: AepError, posts: int) -> bool:
    """Whether another post can succeed. A refused token is renewed once."""
    if isinstance(error, AepAuthError):
        return is_refused_token(error) and posts <= 1
    return error.retryable and wait_for(error, 1, 0.5).wait <= LONGEST_WAIT


def _look_after(wanted: Wanted, failure: AepError | None) -> Generator[Step, Any, list[Entity]]:
    """Look; after a failed post for as long as its effect may take to show."""
    if failure is None or isinstance(failure, AepAuthError):
        return (yield from _look(wanted))
    if isinstance(failure, AepThrottledError | AepConnectError):
        wait = wait_for(failure, 1, 0.5).wait
        if wait <= LONGEST_WAIT:
            yield Sleep(wait)
        return (yield from _look(wanted))
    standing: list[Entity] = []
    for pause in PATIENCE:
        yield Sleep(pause)
        standing = yield from _look(wanted)
        if standing and (wanted.mark is None or _own(wanted, standing) is not None):
            break  # somebody else's proves nothing about ours, which may still be on its way
    rest = wait_for(failure, 1, 0.5).wait - sum(PATIENCE)
    if not standing and 0 < rest <= LONGEST_WAIT:
        yield Sleep(rest)
    return standing


def _each_once(listed: Sequence[Entity]) -> list[Entity]:
    """Pages that overlap list an entity twice; it is one all the same."""
    return list({entity.id: entity for entity in listed}.values())


def _look(wanted: Wanted, own: str | None = None) -> Generator[Step, Any, list[Entity]]:
    """What stands, oldest first. What is just leaving, our own apart, is looked at again."""
    waited = 0.0
    while True:
        listed = _each_once((yield Look()))
        leaving = [entity for entity in listed if entity.readiness is Readiness.LEAVING and entity.id != own]
        if not leaving:
            return sorted(listed, key=lambda entity: entity.age_key)
        if waited >= wanted.wait_timeout:
            raise state_error(wanted, leaving[0], f"for more than {wanted.wait_timeout:g} s")
        pause = min(5.0, 0.5 + waited)
        yield from wait_longer(wanted, leaving[0], pause, waited)
        waited += pause


def _own(wanted: Wanted, standing: list[Entity]) -> Entity | None:
    """The one entity that carries exactly this task instance's mark."""
    own = [entity for entity in standing if wanted.mark is not None and entity.mark == wanted.mark]
    return own[0] if len(own) == 1 else None


def _choose(wanted: Wanted, standing: list[Entity]) -> Generator[Step, Any, Entity | None]:
    """The one entity to go on with, None where none stands."""
    if wanted.alike:
        return standing[0] if standing else None
    for pause in SETTLING:
        _refuse_unusable(wanted, standing)
        if len(standing) <= 1:
            break
        yield Sleep(pause)
        standing = yield from _look(wanted)
    _refuse_unusable(wanted, standing)
    if len(standing) <= 1:
        return standing[0] if standing else None
    return (yield from _remove_leftovers(wanted, standing))


def _refuse_unusable(wanted: Wanted, standing: list[Entity]) -> None:
    for entity in standing:
        leftover = entity.mark is not None and entity is not standing[0]  # a younger one of ours is removed
        if entity.readiness is Readiness.REFUSED and not (leftover or is_leftover_draft(wanted, entity)):
            raise state_error(wanted, entity)


def _remove_leftovers(wanted: Wanted, standing: list[Entity]) -> Generator[Step, Any, Entity]:
    """Keep the oldest; a younger one goes only if this provider made it and nothing hangs on it."""
    oldest, *younger = standing
    left = list(younger)
    for entity in (yield from _removable(younger)):
        if (yield from _delete(entity.id)):
            left.remove(entity)
            text = f"Deleted {entity.id}, a duplicate {entity.maker}, and kept {wanted.named}"
            yield Decided(text, oldest.id)
    if not left:
        return oldest
    ids = ", ".join(entity.id for entity in standing if entity is oldest or entity in left)
    if oldest.mark is None:
        raise AmbiguousEntityError(
            f"Several entities exist as {wanted.named}: {ids}. This task may not delete any of them and does "
            "not know which one is meant. Delete or rename all but one, or choose another `name`."
        )
    yield Decided(f"Several entities exist as {wanted.named}: {ids}. The oldest is used", oldest.id, True)
    return oldest


def _removable(entities: list[Entity]) -> Generator[Step, Any, list[Entity]]:
    """Those that this provider made and nothing hangs on; none at all if that cannot be told."""
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


def _delete_own(wanted: Wanted, own: str) -> Generator[Step, Any, bool]:
    """Delete what this try made; what is still being set up may refuse until it stands."""
    if (yield from _delete(own)):
        return True
    try:
        yield from until_ready(wanted, Entity(own, state="initializing"))
    except Vanished:
        return True
    except AepError:
        pass
    return (yield from _delete(own))


def _settle_own(wanted: Wanted, own: str, *, healed: bool) -> Recipe:
    """Step 4: among all that stand the oldest survives; if that is not ours, ours goes."""
    if wanted.alike:
        yield Decided(f"Created {wanted.named}", own)
        return Outcome(own, created=True)
    if wanted.settle > 0:
        yield Sleep(wanted.settle)
    standing = yield from _standing_with_own(wanted, own)
    survivor = min(standing, key=lambda entity: entity.age_key)
    if survivor.id == own:
        survivor = yield from until_ready(wanted, (yield from published(wanted, survivor, own=True)))
        how = ". The create had failed or its reply was lost, but it took effect" if healed else ""
        yield Decided(f"Created {wanted.named}{how}", own)
        return Outcome(own, created=True)
    if not (yield from _delete_own(wanted, own)):
        yield Decided(
            f"Another task created {wanted.named} first, and {own} of this task could not be deleted. A "
            "later run deletes it",
            own,
            True,
        )
        if survivor.mark is None:
            raise AmbiguousEntityError(
                f"Two entities exist as {wanted.named}: {survivor.id} and {own}. This task created {own} and "
                f"could not delete it. Delete {own}, then run the task again.",
                retryable=True,
            )
    return (yield from adopt(wanted, survivor, f"Another task was first; {own} of this task was deleted;"))


def _counts(wanted: Wanted, entity: Entity) -> bool:
    ready = entity.readiness in (Readiness.READY, Readiness.COMING)
    return ready or is_leftover_draft(wanted, entity)


def _standing_with_own(wanted: Wanted, own: str) -> Generator[Step, Any, list[Entity]]:
    """What stands, with our own counted in even where the list lags behind, which is told."""
    standing: list[Entity] = []
    waited = wanted.settle
    for pause in (0.0, *SETTLING):
        if pause:
            yield Sleep(pause)
            waited += pause
        listed = yield from _look(wanted, own)
        standing = [entity for entity in listed if _counts(wanted, entity) or entity.id == own]
        if any(entity.id == own for entity in standing):
            if pause:
                yield _late(wanted, own, f"only about {waited:g} s after this task created it")
            return standing
    try:
        standing.append((yield Get(own)))
    except AepNotFoundError:
        if standing:
            return standing  # a rival has deleted ours
        standing.append(Entity(own, state="draft" if wanted.drafts else ""))  # a read can lag as well
    yield _late(
        wanted, own, f"not within {waited:g} s after this task created it. Look in AEP for a second one"
    )
    return standing


def _late(wanted: Wanted, own: str, when: str) -> Decided:
    """A list that lags beyond ``settle`` comes near the bound of this module's docstring, or is beyond it."""
    bound = wanted.settle + sum(SETTLING)
    return Decided(
        f"AEP listed {wanted.named} {when}. Tasks that create the same one at the same time end with one as "
        f"long as AEP lists a new one within {bound:g} s. Set `[aep] settle` in Airflow's configuration, now "
        f"{wanted.settle:g}, to more seconds than AEP's list lags",
        own,
        True,
    )
