"""What stands on the platform keeps a task from going on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.flow_service.errors.base import AepError


class AepConflictError(AepError):
    """What stands on the platform keeps this task from going on."""

    stable_code = "AEP-E500"
    what = "The task stopped before it would have done harm."
    why = "What stands on the platform is not what the task can go on from."
    todo = "Look at the entities that the message names in AEP."


class EntityExistsError(AepConflictError):
    """``if_exists="fail"``, and an entity of this identity stands already."""

    stable_code = "AEP-E501"
    what = "Nothing was created: an entity of this name stands already."
    why = "`if_exists` is 'fail', or what stands differs in something that cannot be changed."
    todo = "Choose another `name`, or set `if_exists` to 'reuse' or 'update' where the message offers it."


class EntityDiffersError(EntityExistsError):
    """An entity of this identity exists, and is not what the task wants in the fields of ``differences``."""

    stable_code = "AEP-E510"
    what = "Nothing was created or changed: an entity of this name exists and differs from what is wanted."
    why = (
        "A parameter was changed after the entity was made, or somebody changed the entity in AEP. The "
        "message lists each field with its existing and its wanted value. Under `if_exists='reuse'` that is "
        "an error only with `on_difference='fail'`, under `if_exists='update'` only for what AEP does not "
        "let one change."
    )
    todo = (
        "Set `if_exists` to 'update' to change the entity, correct the parameters, or take the way round "
        "that the message names."
    )

    def __init__(self, message: str, *, differences: Sequence[Difference] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.differences = tuple(differences)


class TitleTakenError(AepConflictError):
    """The Schema Registry refused a title that it has already: a task that raced may just have made it."""

    stable_code = "AEP-E502"
    what = "Nothing was created: the Schema Registry has the title already."
    why = "Titles are unique over schemas, field groups, classes and data types (Adobe's `XDM-1521-400`)."
    todo = "Choose another `name`."

    may_have_happened = True


class AmbiguousEntityError(AepConflictError):
    """Several entities share the identity and none may be chosen or removed safely."""

    stable_code = "AEP-E503"
    what = "Several entities of the same name stand, and which is meant cannot be told."
    why = "Names are not unique on the platform, and not all of these were made by this provider."
    todo = "Delete or rename all but one, or choose another `name`; the message has their ids."


class EntityChangedError(AepConflictError):
    """Somebody else changed what this task was about to change; nothing of theirs was overwritten."""

    stable_code = "AEP-E504"
    what = "The credentials were not replaced."
    why = "Somebody else changed the connection while this task was about to."
    todo = "See in AEP who it was and which credentials are right; to set those of the task, clear it."


class EntityStateError(AepConflictError):
    """The entity is in a state this task cannot use."""

    stable_code = "AEP-E505"
    what = "The entity exists and cannot be used."
    why = "It is disabled, a draft, was deleted meanwhile, or is still being set up."
    todo = (
        "If it is still being set up, let Airflow retry: the next try goes on waiting. Else enable, publish "
        "or delete it in AEP, or choose another `name`."
    )
    retry_helps = "helps if the entity is still being set up or was deleted meanwhile, and in no other case"


class EntityInUseError(AepConflictError):
    """The entity cannot be deleted: something hangs on it."""

    stable_code = "AEP-E506"
    what = "Nothing was deleted: something hangs on the entity."
    why = "A source connection or a dataflow uses it (Adobe's `1418-400`); the message names them."
    todo = "Delete the dataflow first, then its source connection, then this."


class SourceWithdrawnError(AepConflictError):
    """The platform does not offer the source's connection spec, or not to this credential."""

    stable_code = "AEP-E507"
    what = "Nothing was created: the platform does not offer the source."
    why = "Adobe has withdrawn it (`1413-400`, or 404), or the organization is not entitled to it."
    todo = "Use the source that the message names, or ask Adobe; `sources --live` lists what there is."


class AmbiguousRunError(AepConflictError):
    """A run may have been started, and which one is unknown: starting another could move rows twice."""

    stable_code = "AEP-E508"
    what = "It is unknown which run this task has started, and none was started again."
    why = (
        "A reply was lost, and no new run shows this task's window, or several do. A second run would move "
        "the same rows twice."
    )
    todo = "Look at the dataflow's runs in AEP. Clear the task to start a new one."


class CredentialsRefusedError(AepConflictError):
    """AEP tried the connection, and the source does not accept its credentials."""

    stable_code = "AEP-E509"
    what = "AEP tried the base connection, and the source did not let it in."
    why = "The credentials are wrong, or the source does not let Adobe's addresses in."
    todo = (
        "Correct the Airflow connection that holds them, then create the connection again with "
        "`if_exists='update'`, or rotate its credentials."
    )
