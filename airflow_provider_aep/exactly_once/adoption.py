"""Use an entity that exists: refuse, wait for, update or rotate it, or switch it by an action."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

from airflow_provider_aep.exactly_once.steps import (
    Compare,
    Decided,
    DesiredEntity,
    Entity,
    Get,
    Outcome,
    Publish,
    Reconciliation,
    Sleep,
    Step,
    Update,
)
from airflow_provider_aep.flow_service.differences import Difference, listed
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AepNotFoundError,
    AepThrottledError,
    AepVersionError,
    EntityChangedError,
    EntityDiffersError,
    EntityExistsError,
    EntityStateError,
    WorkerSlotError,
)
from airflow_provider_aep.flow_service.replies import Readiness
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT, is_refused_token

MOST_UPDATES = 10
_POLL = (0.5, 1.0, 2.0, 3.0, 5.0)


class EntityDeleted(Exception):  # noqa: N818 - the reconciliation starts again, it is not an error
    """The chosen entity was deleted while this task used it."""


def adopt(desired: DesiredEntity, entity: Entity, prefix: str) -> Reconciliation:
    """Use an entity that exists, as ``if_exists`` says.

    :param prefix: the begin of the log line: whole sentences, or words before a colon
    """
    mine = desired.interchangeable or (desired.mark is not None and entity.mark == desired.mark)
    if desired.if_exists == "fail" and not mine:
        raise EntityExistsError(
            f"{desired.title} exists already: {entity.id}, {entity.created_by}, and `if_exists` is "
            "'fail'. Choose another `name`, or set `if_exists` to 'reuse' or 'update'.",
            entity_id=entity.id,
        )
    yield from compared(desired, entity)
    if desired.may_use(entity):
        yield Decided(f"{desired.title} is {entity.state!r}, and stays so", entity.id, warning=True)
    else:
        entity = yield from until_ready(desired, (yield from published(desired, entity)))
    changed = False
    if desired.if_exists == "update":
        try:
            changed = yield from update(entity)
        except AepNotFoundError:
            raise EntityDeleted from None
    done = "updated" if changed else "reused"
    if prefix.endswith("."):
        done = done.capitalize()
    creator = "" if desired.interchangeable else f", {entity.created_by}"
    foreign = entity.mark is None and not desired.interchangeable
    yield Decided(f"{prefix} {done} {desired.named}{creator}", entity.id, foreign)
    return Outcome(entity.id, created=False)


def compared(desired: DesiredEntity, entity: Entity) -> Generator[Step, Any, None]:
    """Refuse an entity that differs, or warn of it; ``update`` changes what it can change."""
    found: Sequence[Difference] = (yield Compare(entity)) or ()
    update = desired.if_exists == "update"
    if update:
        found = [one for one in found if one.fixed]
    if not found:
        return
    differs = (
        f"{desired.title} exists and differs from this task's parameters ({entity.id}). {listed(found)}."
    )
    if update:
        ways = " ".join(dict.fromkeys(one.fixed for one in found))
        raise EntityDiffersError(
            f"{differs} Nothing was changed. {ways}", differences=found, entity_id=entity.id
        )
    ways = "Set `if_exists` to 'update' to change what AEP can change, or correct the task's parameters."
    if desired.on_difference == "fail":
        raise EntityDiffersError(
            f"{differs} Nothing was changed, since `on_difference` is 'fail'. {ways}",
            differences=found,
            entity_id=entity.id,
        )
    yield Decided(f"{differs} It is used as it is. {ways}", entity.id, warning=True)


def is_leftover_draft(desired: DesiredEntity, entity: Entity) -> bool:
    """Return whether this is a draft of this provider: its task died, or has not published it yet."""
    return desired.drafts and entity.is_draft and entity.mark is not None


def published(desired: DesiredEntity, entity: Entity, *, own: bool = False) -> Generator[Step, Any, Entity]:
    """Publish an entity that is still a draft of this provider, unless another task publishes it first."""
    if not (is_leftover_draft(desired, entity) or (own and desired.drafts and entity.is_draft)):
        return entity
    failure: AepError | None = None
    for _ in range(2):  # a refused token is renewed once
        try:
            yield Publish(entity.id)
        except AepError as error:
            failure = error
        else:
            failure = None
        try:
            entity = yield Get(entity.id)
        except AepNotFoundError:
            raise EntityDeleted from None
        if failure is None or not entity.is_draft:
            return entity
        if not is_refused_token(failure):
            break
    assert failure is not None
    raise failure


def update(
    entity: Entity,
    *,
    conflicts: int = MOST_UPDATES,
    guard: Callable[[Entity, Entity], None] | None = None,
) -> Generator[Step, Any, bool]:
    """PATCH with ``If-Match``. After a 412 or a lost reply, read again and send the same again.

    Return whether anything was changed.

    :param conflicts: how many 412 are allowed
    :param guard: gets the entity as it was read and as it is after a 412; raises if sending again would undo
        somebody else's change. It is not called after a lost reply: the change may be our own. A 429 is a
        refusal, so it is called after a 429
    """
    failure: AepError | None = None
    lost = sent_before = False
    for number in range(MOST_UPDATES):
        if entity.etag is None or failure is not None:
            fresh = yield Get(entity.id)
            if guard is not None and isinstance(failure, AepVersionError) and not lost:
                guard(entity, fresh)
            entity = fresh
        try:
            changed = yield Update(entity)
        except AepVersionError as error:
            failure, conflicts = error, conflicts - 1
            sent_before = sent_before or error.may_have_happened  # the transport sent it again, after a 429
            if conflicts < 0:
                raise
        except AepError as error:
            if not (error.may_have_happened and error.retryable) or isinstance(error, AepThrottledError):
                raise  # the transport has waited after a 429 already, as long as it may
            failure, lost, sent_before = error, True, True
        else:
            return changed is not False or sent_before
        yield Sleep(min(5.0, 0.1 * 2**number), jitter=True)
    assert failure is not None
    raise failure


def until_ready(desired: DesiredEntity, entity: Entity) -> Generator[Step, Any, Entity]:
    """Poll an entity that is still being set up, such as ``initializing`` if creation is asynchronous."""
    waited, polls = 0.0, 0
    if entity.readiness is Readiness.COMING:
        yield Decided(f"{desired.title} is {entity.state!r}; waiting for it", entity.id)
    while entity.readiness is not Readiness.READY:
        if entity.readiness is Readiness.REFUSED:
            raise state_error(desired, entity)
        if waited >= desired.wait_timeout:
            raise state_error(desired, entity, f"after {desired.wait_timeout:g} s")
        pause = min(_POLL[min(polls, len(_POLL) - 1)], desired.wait_timeout - waited)
        yield from wait_longer(desired, entity, pause, waited)
        waited, polls = waited + pause, polls + 1
        try:
            entity = yield Get(entity.id)
        except AepNotFoundError:
            raise EntityDeleted from None
    return entity


def wait_longer(
    desired: DesiredEntity, entity: Entity, pause: float, waited: float
) -> Generator[Step, Any, None]:
    """Sleep while an entity is set up or removed. If the sleep budget is used up, fail for a retry."""
    try:
        yield Sleep(pause)
    except WorkerSlotError:
        since = f"after {waited:g} s, and the sleep budget of a try in a worker slot is used up"
        later = min(desired.wait_timeout - waited, LONGEST_WAIT)
        raise state_error(desired, entity, since, retry_after=later) from None


def state_error(
    desired: DesiredEntity, entity: Entity, since: str = "", retry_after: float | None = None
) -> EntityStateError:
    """Return the error of a state in which the entity cannot be used, with what to do."""
    coming = entity.readiness is not Readiness.REFUSED
    what = (
        "Run the task again later: it continues to wait"
        if coming
        else "Enable, publish or delete it in AEP, or choose another `name`"
    )
    return EntityStateError(
        f"{desired.title} is {entity.state!r}{' ' + since if since else ''}: {entity.id}, "
        f"{entity.created_by}. {what}.",
        retryable=coming,
        retry_after=retry_after,
    )


_STAMPS = frozenset({"etag", "version", "updatedAt", "updatedBy", "updatedClient"})
"""Fields that every change of a connection changes."""


def replace_credentials(desired: DesiredEntity, entity: Entity) -> Reconciliation:
    """PATCH with ``If-Match``; after a 412 once more, if the credentials are still those that were read.

    A disabled connection is accepted: wrong credentials may be the reason.
    """
    if entity.readiness is Readiness.COMING:  # a PATCH is refused until it is set up (1417-400)
        try:
            entity = yield from until_ready(desired, entity)
        except EntityDeleted:
            raise EntityStateError(
                f"{desired.title} was deleted meanwhile: {entity.id}. Its credentials were not "
                "replaced. See who deleted it, then create it again."
            ) from None
    yield from update(entity, conflicts=1, guard=partial(_check_untouched, desired))
    yield Decided(f"Replaced the credentials of {desired.named}, {entity.created_by}", entity.id)
    return Outcome(entity.id, created=False)


def _check_untouched(desired: DesiredEntity, before: Entity, now: Entity) -> None:
    """Refuse if somebody else may have changed the credentials meanwhile.

    GET shows no secrets, only "a partial view". Credentials count as untouched if the shown part of ``auth``
    is the same and the new etag has a visible reason, such as another name, description or state. If the etag
    changed and nothing visible did, something hidden did. No client of this API can detect a change of name
    and secret at once.
    """
    same = before.shown.get("auth") == now.shown.get("auth")
    explained = before.etag == now.etag or _rest(before.shown) != _rest(now.shown)
    if not (same and explained):
        raise EntityChangedError(
            f"Somebody else changed {desired.named} meanwhile, probably its credentials: {now.id}. "
            "Nothing was overwritten. Find out in AEP who changed it and which credentials are right. To set "
            "those of this task, clear it."
        )


def _rest(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shown.items() if key not in _STAMPS and key != "auth"}


def switch_once(is_so: Callable[[], bool], act: Callable[[], object]) -> bool:
    """Act unless the state is right; after a failure read it again. Return whether this call acted.

    A refused token is renewed once. After any other failure the task's next try acts again.
    """
    if is_so():
        return False
    failure: AepError | None = None
    for _ in range(2):
        try:
            act()
        except AepError as error:
            failure = error
        else:
            return True
        if is_so():
            return True
        if not is_refused_token(failure):
            break
    assert failure is not None
    raise failure
