"""Every error this provider raises on purpose.

::

    AepError                                  E000
    ├── AepConfigError                        E100  a parameter or setting is wrong
    │   ├── ConnectionSettingError            E101  a setting of an Airflow connection of type `aep`
    │   ├── ConnectionMissingError            E102  no such Airflow connection, or it cannot be looked up
    │   └── SourceCredentialsError            E103  the Airflow connection of the source, or what it fits
    ├── AepTransportError                     E200  no usable reply
    │   ├── AepConnectError                   E201  the request never left: name, route, TLS, proxy
    │   │   ├── AepProxyError                 E202  it was the proxy
    │   │   └── AepCertificateError           E203  it was the server's certificate
    │   ├── AepTimeoutError                   E204  it left, and no whole reply came in time
    │   ├── AepConnectionLostError            E205  it left, and the connection broke
    │   └── AepReplyError                     E206  something came back that is not Flow Service's language
    ├── AepStatusError                        E300  Adobe answered, and said no
    │   ├── AepRequestError                   E301  400, 422 and other 4xx: the request is wrong
    │   │   └── ChangeUnsupportedError        E302  this source's connections cannot be changed
    │   ├── AepAuthError                      E303  401, or IMS refused the credential
    │   ├── AepPermissionError                E304  403
    │   ├── AepNotFoundError                  E305  404: gone, or not yours to see
    │   ├── AepVersionError                   E306  412: somebody changed it meanwhile
    │   ├── AepThrottledError                 E307  429
    │   └── AepServerError                    E308  5xx
    ├── AepRunError                           E400  a run was waited for, and did not end as wanted
    │   ├── RunFailedError                    E401  it failed
    │   ├── RunPartialError                   E402  it ended, and left more records behind than allowed
    │   ├── RunTimeoutError                   E403  it did not end before the deadline
    │   └── DataflowStoppedError              E404  none began, and the dataflow is disabled or deleted
    ├── AepConflictError                      E500  the entity is not in a state this task can go on from
    │   ├── EntityExistsError                 E501  ``if_exists="fail"`` and it does, or it is another thing
    │   │   └── EntityDiffersError            E510  it exists and differs from what is wanted
    │   ├── TitleTakenError                   E502  the Schema Registry has the title already
    │   ├── AmbiguousEntityError              E503  several stand, and which is meant cannot be told
    │   ├── EntityChangedError                E504  somebody else changed what this task was about to change
    │   ├── EntityStateError                  E505  disabled, a draft, or not enabled in time
    │   ├── EntityInUseError                  E506  something hangs on it
    │   ├── SourceWithdrawnError              E507  the platform does not offer the source, or not any more
    │   ├── AmbiguousRunError                 E508  a run may have been started, and it cannot be told
    │   └── CredentialsRefusedError           E509  the source does not accept the connection's credentials
    ├── WorkerSlotError                       E600  this try has slept enough in a worker's slot
    └── TaskStoreError                        E601  Airflow's task state store failed where it decides

Each class says in general what happened, why, and what to do, and ``docs/errors.md`` is made of that; a
raised error says it of the case at hand, and ends with its class's code, such as ``[AEP-E204]``. A code keeps
its meaning: it is never given to another class.

``status`` is the HTTP status or None; ``code`` Adobe's error code with prefix and suffix (two catalogues
share numbers, so ``FLOW-1404-412`` and a connector's ``1404`` are different things); ``request_id`` what
Adobe's support asks for; ``retryable`` whether the same call may succeed later; ``retry_after`` the
server's wish in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from airflow_provider_aep.flow_service.differences import Difference

Self = TypeVar("Self", bound="AepError")


class AepError(Exception):
    """Base of all errors: what happened, why, and what to do, in one message without secrets."""

    stable_code: ClassVar[str] = "AEP-E000"
    """This provider's own code of the class; ``code`` is Adobe's."""
    what: ClassVar[str] = "Something failed between Airflow and Adobe Experience Platform."
    why: ClassVar[str] = "It is none of the kinds below."
    todo: ClassVar[str] = "Read the message; where it does not help, report it with the task's log."

    default_retryable = False
    retry_helps: ClassVar[str] = ""
    """In words when a retry helps, where that depends on the case."""
    may_have_happened = False
    """Whether the effect of what was asked can stand although it failed."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after

    @classmethod
    def with_advice(cls: type[Self], happened: str, **facts: Any) -> Self:
        """An error of which nothing is known but what happened: why and what to do are those of its kind."""
        return cls(f"{happened} {cls.why} {cls.todo}", **facts)

    @classmethod
    def docs(cls) -> str:
        """Return the place of this error in the documentation."""
        return f"docs/errors.md#{cls.stable_code.lower()}"

    @property
    def message(self) -> str:
        """Return what happened, why, and what to do, for use in another message."""
        return str(self.args[0])

    @property
    def brief(self) -> str:
        """Return the error's names, for a log that has the whole message in another place."""
        facts = " ".join(str(fact) for fact in (self.status, self.code) if fact)
        return f"{self.stable_code} {type(self).__name__}{f' ({facts})' if facts else ''}"

    def __str__(self) -> str:
        return f"{self.message} [{self.stable_code}]"


class WorkerSlotError(AepError):
    """This try has slept as long as a try may sleep in a worker's slot; its retry goes on."""

    stable_code = "AEP-E600"
    what = "The try ended, since it would have slept for more than a minute in a worker's slot."
    why = "Adobe's services asked for patience, or something took long to be set up; others need the slot."
    todo = (
        "Let Airflow retry: the next try goes on where this one stopped. If the retries run out, give the "
        "task more `retries`, and put tasks that run at the same time into a pool."
    )
    default_retryable = True


class TaskStoreError(AepError):
    """Airflow's task state store could not be read or written, and what it holds decides what is safe."""

    stable_code = "AEP-E601"
    what = "Nothing was started or deleted: Airflow's task state store could not be read or written."
    why = (
        "The store tells a retry what an earlier try did. Without it, a second run could start, or the "
        "connections of a deleted dataflow could be left behind."
    )
    todo = (
        "Let Airflow retry. If it fails again, check Airflow's API server and metadata database, and the "
        "backend in `[workers] state_store_backend` if one is set."
    )
    default_retryable = True


class AepConfigError(AepError):
    """A parameter or a connection's setting is wrong. ``parameter`` names it as the user wrote it."""

    stable_code = "AEP-E100"
    what = "A parameter of the task was not taken."
    why = "It is missing, of a wrong type or form, or does not fit what stands on the platform."
    todo = "Correct the parameter that the message names, in the DAG or in what its template rendered to."

    def __init__(self, message: str, *, parameter: str | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]
        self.parameter = parameter

    def __str__(self) -> str:
        which = f"`{self.parameter}`" if self.parameter else "it"
        return f"{self.message} Correct {which} and try again. [{self.stable_code}]"


class ConnectionSettingError(AepConfigError):
    """A setting of an Airflow connection of type ``aep`` is missing or wrong."""

    stable_code = "AEP-E101"
    what = "The Airflow connection to Adobe Experience Platform cannot be used."
    why = "A setting of it is missing or malformed; the message names it as it is stored."
    todo = "Correct the setting in Airflow's connection of type `aep`, then press *Test* there."


class ConnectionMissingError(AepConfigError):
    """There is no Airflow connection of this id, or Airflow cannot look it up."""

    stable_code = "AEP-E102"
    what = "An Airflow connection was not found."
    why = "There is none of this id, or Airflow's database or secrets backend could not be asked."
    todo = "Add the connection, or pass the id of one that there is, in the parameter that the message names."


class SourceCredentialsError(AepConfigError):
    """What the source's Airflow connection holds fits no way to authenticate, or several."""

    stable_code = "AEP-E103"
    what = "The source's credentials were not sent to the platform."
    why = (
        "What the source's Airflow connection holds is incomplete, malformed, or fits none or several of the "
        "ways in which the source authenticates."
    )
    todo = (
        "Complete that Airflow connection, or say the way by `auth_spec`. `python -m airflow_provider_aep "
        "sources NAME` shows what a source needs."
    )


class AepTransportError(AepError):
    """No usable reply."""

    stable_code = "AEP-E200"
    what = "A request was not answered in a way that can be used."
    why = "The network, a proxy or Adobe's service failed."
    todo = "Let Airflow retry; if it stays, look at the way from the worker to `host` and `ims_host`."

    default_retryable = True
    may_have_happened = True


class AepConnectError(AepTransportError):
    """The request never left. ``culprit`` is ``host``, or what the kinds below name."""

    stable_code = "AEP-E201"
    what = "Could not connect to the server. Nothing was sent."
    why = "The server's name is unknown, nothing listens at its port, or a firewall is in between."
    todo = (
        "Check the setting that the message names, `host` or `ims_host` of the AEP connection, scheme and "
        "port included. Then check DNS, proxy and firewall of the worker."
    )

    may_have_happened = False
    culprit: ClassVar[str] = "host"


class AepProxyError(AepConnectError):
    """The request never left: the proxy refused it, is not there, or its address is none."""

    stable_code = "AEP-E202"
    what = "The environment's proxy did not let a request through. Nothing was sent."
    why = "The proxy refused it, is not reachable, or its address is invalid."
    todo = (
        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of workers and triggerer, and that "
        "the proxy lets `host` and `ims_host` pass."
    )
    culprit = "proxy"


class AepCertificateError(AepConnectError):
    """The request never left: the server's certificate is not trusted."""

    stable_code = "AEP-E203"
    what = "The server's certificate is not trusted. Nothing was sent."
    why = "A company proxy intercepts TLS, the CA bundle is old, or the server is not the one it should be."
    todo = (
        "If a company proxy intercepts TLS, set `verify` of the AEP connection to the path of its CA bundle. "
        "Else check `host` and `ims_host`. The check cannot be switched off."
    )
    culprit = "certificate"
    default_retryable = False


class AepTimeoutError(AepTransportError):
    """The request left, and no whole reply came within ``timeout``."""

    stable_code = "AEP-E204"
    what = "A request left, and no whole reply came within `timeout`."
    why = "The service is overloaded, or the network is slow; whether the effect stands is not known."
    todo = (
        "Let Airflow retry: a create finds what an earlier try made. If it stays, raise `timeout` of the AEP "
        "connection."
    )


class AepConnectionLostError(AepTransportError):
    """The request left, and the connection broke before the reply was whole."""

    stable_code = "AEP-E205"
    what = "A request left, and the connection broke before the whole reply was here."
    why = "The server, a proxy or a load balancer closed it; whether the effect stands is not known."
    todo = "Let Airflow retry: a create finds what an earlier try made."


class AepReplyError(AepTransportError):
    """The reply is not what Flow Service speaks: HTML, broken JSON, a redirect, or without end."""

    stable_code = "AEP-E206"
    what = "A reply came that is not what Adobe documents."
    why = "A proxy or gateway may have answered in Adobe's place, or the reply broke off."
    todo = "Check `host` of the AEP connection and the proxy settings, or try again later."


class AepStatusError(AepError):
    """Adobe answered with an error status."""

    stable_code = "AEP-E300"
    what = "Adobe answered a request with an error."
    why = "The reply's status, code and words are in the message."
    todo = "Do what the message says to Adobe's code; give Adobe's support the request id."


class AepRequestError(AepStatusError):
    """The request is wrong as it stands (400, 422 and the like)."""

    stable_code = "AEP-E301"
    what = "Adobe refused a request as wrong (400, 422 and the like)."
    why = "A value in it is not what the platform takes, or does not fit what stands there."
    todo = "Correct what the message names. The same request will be refused again."


class ChangeUnsupportedError(AepRequestError):
    """The source's connector does not let a base connection be changed (1300-400, 1445-400)."""

    stable_code = "AEP-E302"
    what = "The base connection was not changed."
    why = "The source's connector does not let a base connection be changed."
    todo = (
        "Create another base connection with the new credentials, under another `name`, and upon it source "
        "connection, target connection and dataflow anew; disable the old dataflow first."
    )


class AepAuthError(AepStatusError):
    """The credential or its token was refused (401, or an error of IMS)."""

    stable_code = "AEP-E303"
    what = "The credential of the AEP connection was refused, by IMS or by the service (401)."
    why = "Client ID, client secret or `scopes` are wrong, or the credential was deleted or never entitled."
    todo = (
        "Compare `login`, `password`, `org_id` and `scopes` of the AEP connection with the OAuth "
        "Server-to-Server credential in the Developer Console."
    )


class AepPermissionError(AepStatusError):
    """The credential may not do this here (403)."""

    stable_code = "AEP-E304"
    what = "Adobe knows the credential, and does not let it do this (403)."
    why = "No role that holds the credential has the permission in this sandbox."
    todo = "In AEP's Permissions, add what the message names to a role that holds the credential."


class AepNotFoundError(AepStatusError):
    """There is no such thing, or the credential may not see it (404)."""

    stable_code = "AEP-E305"
    what = "Adobe does not find what the request is about (404)."
    why = "It was deleted, stands in another sandbox or organization, or the credential may not see it."
    todo = "Check the id and `sandbox`, then the credential's permissions."


class AepVersionError(AepStatusError):
    """The etag sent is not the current one (412)."""

    stable_code = "AEP-E306"
    what = "A change was refused, since it was made from an older version (412)."
    why = "Somebody else changed the entity meanwhile, again and again."
    todo = "See in AEP who else changes it, then run the task again."


class AepThrottledError(AepStatusError):
    """Too many requests (429)."""

    stable_code = "AEP-E307"
    what = "Adobe refused a request, since there were too many (429)."
    why = "The organization's rate is used up, by this DAG or by others."
    todo = "Let Airflow retry, after the time that Adobe asked for. Put tasks that run at a time into a pool."

    default_retryable = True
    may_have_happened = True


class AepServerError(AepStatusError):
    """The service failed (5xx)."""

    stable_code = "AEP-E308"
    what = "Adobe's service failed (5xx)."
    why = "It is overloaded or out of order; whether the effect stands is not known."
    todo = "Let Airflow retry. If it stays, look at status.adobe.com and give Adobe's support the request id."

    default_retryable = True
    may_have_happened = True


class AepRunError(AepError):
    """A run did not end as wanted. ``run_id`` names it, where it is known; ``result`` is the wait's result.

    Waiting once more finds the same run in the same state, so a retry of a mere wait cannot help.
    """

    stable_code = "AEP-E400"
    what = "A run of a dataflow did not end as the task wants it."
    why = "The run says it itself; the message repeats it."
    todo = "Look at the run by the task's link, then start another one."

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        result: dict[str, object] | None = None,
        retryable: bool | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, code=code, retryable=retryable)
        self.run_id = run_id
        self.result = result


class RunFailedError(AepRunError):
    """The run failed. ``code`` is the connector's, such as ``CONNECTOR-1001-500``."""

    stable_code = "AEP-E401"
    what = "The run failed on the platform."
    why = "The source could not be read, or its rows could not be brought in; the message has the codes."
    todo = "Mend what the run names, then start it again, by `RetryFlowRunOperator` or by clearing the task."


class RunPartialError(AepRunError):
    """The run ended, but not with every record: see ``max_failed_records`` and its siblings."""

    stable_code = "AEP-E402"
    what = "The run ended, and more records failed than the task allows."
    why = "Rows did not fit the schema or the mapping."
    todo = (
        "Look at the failed records by the task's link, and mend source or mapping; or allow them by "
        "`max_failed_records`, `max_failed_ratio` or `fail_on_partial=False`."
    )


class RunTimeoutError(AepRunError):
    """The run did not end, or none began, before the deadline."""

    stable_code = "AEP-E403"
    what = "The run did not end, or none began, before `timeout`."
    why = "It takes longer than usual, or the dataflow's schedule is another."
    todo = (
        "Look at the dataflow by the task's link. Raise `timeout` if a run may take that long. A "
        "`FlowRunSensor` raises Airflow's `AirflowSensorTimeout` in its place, with this error as the cause."
    )


class DataflowStoppedError(AepRunError):
    """The dataflow is disabled or deleted, so the run that is waited for will not begin."""

    stable_code = "AEP-E404"
    what = "The wait ended before a run began: the dataflow starts none."
    why = "The dataflow is disabled or deleted. AEP disables a dataflow that failed for 30 days running."
    todo = (
        "Enable the dataflow, in AEP or by `EnableDataflowOperator`, or create it again; then clear the task."
    )


class AepConflictError(AepError):
    """What stands on the platform keeps this task from going on."""

    stable_code = "AEP-E500"
    what = "The task stopped before it would have done harm."
    why = "What stands on the platform is not what the task can go on from."
    todo = "Look at the entities that the message names in AEP."


class EntityExistsError(AepConflictError):
    """``if_exists="fail"``, and an entity of this identity exists already."""

    stable_code = "AEP-E501"
    what = "Nothing was created: an entity of this name exists already."
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
    todo = "Delete the dataflow first, then its source connection, then the base connection."


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


__all__ = [
    "AepAuthError",
    "AepCertificateError",
    "AepConfigError",
    "AepConflictError",
    "AepConnectError",
    "AepConnectionLostError",
    "AepError",
    "AepNotFoundError",
    "AepPermissionError",
    "AepProxyError",
    "AepReplyError",
    "AepRequestError",
    "AepRunError",
    "AepServerError",
    "AepStatusError",
    "AepThrottledError",
    "AepTimeoutError",
    "AepTransportError",
    "AepVersionError",
    "AmbiguousEntityError",
    "AmbiguousRunError",
    "ChangeUnsupportedError",
    "ConnectionMissingError",
    "ConnectionSettingError",
    "CredentialsRefusedError",
    "DataflowStoppedError",
    "EntityChangedError",
    "EntityDiffersError",
    "EntityExistsError",
    "EntityInUseError",
    "EntityStateError",
    "RunFailedError",
    "RunPartialError",
    "RunTimeoutError",
    "SourceCredentialsError",
    "SourceWithdrawnError",
    "TaskStoreError",
    "TitleTakenError",
    "WorkerSlotError",
    "every_kind",
]


def every_kind() -> list[type[AepError]]:
    """Every class of the tree, by its code."""
    found, left = [], [AepError]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        if kind.__module__ == __name__:
            found.append(kind)
    return sorted(found, key=lambda kind: kind.stable_code)
