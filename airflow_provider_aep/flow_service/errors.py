"""The errors that this provider raises.

::

    AepError                                  E000
    ├── AepConfigError                        E100  a parameter or setting is wrong
    │   ├── ConnectionSettingError            E101  a setting of the Airflow connection of type `aep`
    │   ├── ConnectionMissingError            E102  the Airflow connection does not exist, or cannot be read
    │   └── SourceCredentialsError            E103  the Airflow connection of the source
    ├── AepTransportError                     E200  no usable reply
    │   ├── AepConnectError                   E201  could not connect: name, route, TLS, proxy
    │   │   ├── AepProxyError                 E202  the proxy refused, or is unreachable
    │   │   └── AepCertificateError           E203  the server's certificate is not trusted
    │   ├── AepTimeoutError                   E204  sent, and no complete reply came in time
    │   ├── AepConnectionLostError            E205  sent, and the connection broke
    │   └── AepReplyError                     E206  the reply is not one of Flow Service
    ├── AepStatusError                        E300  Adobe answered with an error
    │   ├── AepRequestError                   E301  400, 422 and other 4xx: the request is wrong
    │   │   └── ChangeUnsupportedError        E302  the source's base connections cannot be changed
    │   ├── AepAuthError                      E303  401, or IMS refused the credential
    │   ├── AepPermissionError                E304  403
    │   ├── AepNotFoundError                  E305  404: deleted, or not visible to the credential
    │   ├── AepVersionError                   E306  412: somebody else changed the entity
    │   ├── AepThrottledError                 E307  429
    │   │   └── RequestBudgetError            E309  not sent: the machine's request budget has no room
    │   └── AepServerError                    E308  5xx
    ├── AepRunError                           E400  a flow run did not end as the task requires
    │   ├── RunFailedError                    E401  the run failed
    │   ├── RunPartialError                   E402  the run ended, and too many records failed
    │   ├── RunTimeoutError                   E403  the run did not end before the deadline
    │   └── DataflowStoppedError              E404  no run began: the dataflow is disabled or deleted
    ├── AepConflictError                      E500  the state in AEP does not let the task continue
    │   ├── EntityExistsError                 E501  an entity of the same name exists
    │   │   └── EntityDiffersError            E510  it exists and differs from the parameters
    │   ├── TitleTakenError                   E502  the Schema Registry has the title already
    │   ├── AmbiguousEntityError              E503  several entities of the same name exist
    │   ├── EntityChangedError                E504  somebody else changed the entity at the same time
    │   ├── EntityStateError                  E505  disabled, a draft, or not enabled in time
    │   ├── EntityInUseError                  E506  another entity uses it
    │   ├── SourceWithdrawnError              E507  the platform does not offer the source
    │   ├── AmbiguousRunError                 E508  a run may have been started; which one is unknown
    │   ├── CredentialsRefusedError           E509  the source does not accept the connection's credentials
    │   ├── EntityMissingError                E511  no entity of the name exists, and none may be created
    │   └── SchemaDriftError                  E512  the source's columns are not those of the dataflow
    ├── WorkerSlotError                       E600  the try used up its sleep budget
    └── TaskStoreError                        E601  Airflow's task state store failed

Each class says in general what happened, why, and what to do. ``docs/errors.md`` is generated from these
texts. A raised error says the same about its own case, and ends with the code of its class, such as
``[AEP-E204]``. A code keeps its meaning: it is never given to another class.

Every error has these attributes:

- ``status``: the HTTP status, or None
- ``code``: Adobe's error code with prefix and suffix. Two catalogues share numbers: ``FLOW-1404-412`` and a
  connector's ``1404`` are different errors
- ``request_id``: the id that Adobe's support asks for
- ``retryable``: whether the same call can succeed later
- ``retry_after``: seconds that the server asked to wait
- ``advice``: the part of the message that says what to do, or an empty text
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
    why: ClassVar[str] = "No other class of this page describes the error."
    todo: ClassVar[str] = "Read the message. If it does not help, report it with the task's log."

    default_retryable = False
    retry_helps: ClassVar[str] = ""
    """If it depends on the case whether a retry helps: the condition in words."""
    may_have_happened = False
    """Whether the request can have had its effect although it failed."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.advice = advice

    @classmethod
    def with_advice(cls: type[Self], happened: str, advice: str = "", **facts: Any) -> Self:
        """Make an error from what happened and what to do. By default the class says why and what to do."""
        advice = advice or f"{cls.why} {cls.todo}"
        return cls(f"{happened} {advice}", advice=advice, **facts)

    @classmethod
    def docs(cls) -> str:
        """Return the path and anchor of this error in the documentation."""
        return f"docs/errors.md#{cls.stable_code.lower()}"

    @property
    def message(self) -> str:
        """Return what happened, why, and what to do, for use in another message."""
        return str(self.args[0])

    @property
    def happened(self) -> str:
        """Return the message without ``advice``."""
        return self.message.replace(f" {self.advice}", "", 1) if self.advice else self.message

    @property
    def brief(self) -> str:
        """Return the error's names, for a log that has the whole message in another place."""
        facts = " ".join(str(fact) for fact in (self.status, self.code) if fact)
        return f"{self.stable_code} {type(self).__name__}{f' ({facts})' if facts else ''}"

    def __str__(self) -> str:
        return f"{self.message} [{self.stable_code}]"


class WorkerSlotError(AepError):
    """The try used up its sleep budget in the worker slot. The retry continues."""

    stable_code = "AEP-E600"
    what = "The try ended, because it would have slept for more than a minute in a worker slot."
    why = "Adobe's services asked to wait, or an entity took long to be set up. Other tasks need the slot."
    todo = (
        "Let Airflow retry: the next try continues where this one stopped. If the retries run out, give the "
        "task more `retries`, and put tasks that run at the same time into a pool."
    )
    default_retryable = True


class TaskStoreError(AepError):
    """Airflow's task state store could not be read or written, and the task depends on it."""

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
    """A parameter or a connection's setting is invalid. ``parameter`` names it as the user wrote it.

    :param correct: what the message tells the user to correct, if it is not the parameter
    """

    stable_code = "AEP-E100"
    what = "A parameter of the task is invalid."
    why = "It is missing, has a wrong type or form, or does not fit what exists in AEP."
    todo = "Correct the parameter that the message names. If it is a template, check what it rendered to."

    def __init__(
        self, message: str, *, parameter: str | None = None, correct: str | None = None, **facts: object
    ) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]
        self.parameter = parameter
        self._correct = f"Correct {correct or (f'`{parameter}`' if parameter else 'it')} and try again."
        self.advice = self.advice or self._correct

    def __str__(self) -> str:
        return f"{self.message} {self._correct} [{self.stable_code}]"


class ConnectionSettingError(AepConfigError):
    """A setting of an Airflow connection of type ``aep`` is missing or invalid."""

    stable_code = "AEP-E101"
    what = "The Airflow connection to Adobe Experience Platform cannot be used."
    why = "A setting is missing or malformed. The message names it as Airflow stores it."
    todo = "Correct the setting in the Airflow connection of type `aep`, then press *Test*."


class ConnectionMissingError(AepConfigError):
    """No Airflow connection has this id, or Airflow cannot read it."""

    stable_code = "AEP-E102"
    what = "An Airflow connection was not found."
    why = (
        "No connection has this id, or Airflow's database or secrets backend did not answer. Airflow reports "
        "both in the same way, so the task is retried."
    )
    todo = "Add the connection, or set the parameter that the message names to the id of an existing one."
    default_retryable = True


class SourceCredentialsError(AepConfigError):
    """The source's Airflow connection fits no authentication type of the source, or several."""

    stable_code = "AEP-E103"
    what = "The source's credentials were not sent to AEP."
    why = (
        "The source's Airflow connection is incomplete or malformed, or it fits no authentication type of "
        "the source, or several."
    )
    todo = (
        "Complete that Airflow connection, or choose the authentication type with `auth_spec`. "
        "`python -m airflow_provider_aep sources NAME` shows what a source needs."
    )


class AepTransportError(AepError):
    """A request got no usable reply."""

    stable_code = "AEP-E200"
    what = "A request got no usable reply."
    why = "The network, a proxy or Adobe's service failed."
    todo = "Let Airflow retry. If it fails again, check the network from the worker to `host` and `ims_host`."

    default_retryable = True
    may_have_happened = True


class AepConnectError(AepTransportError):
    """The request was not sent. ``culprit`` is ``host``, ``proxy`` or ``certificate``."""

    stable_code = "AEP-E201"
    what = "Could not connect to the server. Nothing was sent."
    why = "The server's name is unknown, nothing listens at its port, or a firewall is in between."
    todo = (
        "Check the setting that the message names, `host` or `ims_host` of the AEP connection, with scheme "
        "and port. Then check DNS, proxy and firewall of the worker."
    )

    may_have_happened = False
    culprit: ClassVar[str] = "host"


class AepProxyError(AepConnectError):
    """The request was not sent: the proxy refused it, is unreachable, or its address is invalid."""

    stable_code = "AEP-E202"
    what = "The environment's proxy did not let a request through. Nothing was sent."
    why = "The proxy refused it, is unreachable, or its address is invalid."
    todo = (
        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of workers and triggerer, and that "
        "the proxy lets `host` and `ims_host` pass."
    )
    culprit = "proxy"


class AepCertificateError(AepConnectError):
    """The request was not sent: the server's certificate is not trusted."""

    stable_code = "AEP-E203"
    what = "The server's certificate is not trusted. Nothing was sent."
    why = "A company proxy intercepts TLS, the CA bundle is old, or the server is not the one it should be."
    todo = (
        "If a company proxy intercepts TLS, set `verify` of the AEP connection to the path of its CA bundle. "
        "Else check `host` and `ims_host`. Certificate checks cannot be switched off."
    )
    culprit = "certificate"
    default_retryable = False


class AepTimeoutError(AepTransportError):
    """The request was sent, and no complete reply came within ``timeout``."""

    stable_code = "AEP-E204"
    what = "A request was sent, and no complete reply came within `timeout`."
    why = "The service is overloaded, or the network is slow. Whether the request had its effect is unknown."
    todo = (
        "Let Airflow retry: a create finds what an earlier try made. If it fails again, raise `timeout` of "
        "the AEP connection."
    )


class AepConnectionLostError(AepTransportError):
    """The request was sent, and the connection broke before the reply was complete."""

    stable_code = "AEP-E205"
    what = "A request was sent, and the connection broke before the reply was complete."
    why = "A server, proxy or load balancer closed it. Whether the request had its effect is unknown."
    todo = "Let Airflow retry: a create finds what an earlier try made."


class AepReplyError(AepTransportError):
    """The reply is not one of Flow Service: HTML, broken JSON, a redirect, or too long."""

    stable_code = "AEP-E206"
    what = "A reply differs from what Adobe documents."
    why = "A proxy or gateway may have answered in Adobe's place, or the reply is incomplete."
    todo = "Check `host` of the AEP connection and the proxy settings, or try again later."


class AepStatusError(AepError):
    """Adobe answered with an error status."""

    stable_code = "AEP-E300"
    what = "Adobe answered a request with an error."
    why = "The message has the status, the code and the words of the reply."
    todo = "Follow the advice in the message. If it does not help, give Adobe's support the request id."


class AepRequestError(AepStatusError):
    """Adobe refused the request as invalid (400, 422 and other 4xx)."""

    stable_code = "AEP-E301"
    what = "Adobe refused a request as invalid (400, 422 and other 4xx)."
    why = "A value is not allowed, or does not fit what exists in AEP."
    todo = "Correct the value that the message names. The same request will be refused again."


class ChangeUnsupportedError(AepRequestError):
    """The source's connector does not support changing a base connection (1300-400, 1445-400)."""

    stable_code = "AEP-E302"
    what = "The base connection was not changed."
    why = "The source's connector does not support changing a base connection."
    todo = (
        "Disable the old dataflow first. Create another base connection with the new credentials, under "
        "another `name`. Then create source connection, target connection and dataflow again."
    )


class AepAuthError(AepStatusError):
    """Adobe refused the credential or its token (401, or an error of IMS)."""

    stable_code = "AEP-E303"
    what = "IMS or the service refused the credential of the AEP connection (401)."
    why = "Client ID, client secret or `scopes` are wrong, or the credential was deleted or is not entitled."
    todo = (
        "Compare `login`, `password`, `org_id` and `scopes` of the AEP connection with the OAuth "
        "Server-to-Server credential in the Developer Console."
    )


class AepPermissionError(AepStatusError):
    """The credential has no permission for this (403)."""

    stable_code = "AEP-E304"
    what = "Adobe knows the credential, and refuses it the permission (403)."
    why = "No role of the credential has the permission in this sandbox."
    todo = "In AEP's *Permissions*, add the permission that the message names to a role of the credential."


class AepNotFoundError(AepStatusError):
    """The entity does not exist, or the credential may not see it (404)."""

    stable_code = "AEP-E305"
    what = "Adobe does not find the entity of a request (404)."
    why = "It was deleted, is in another sandbox or organization, or the credential may not see it."
    todo = "Check the id and `sandbox`, then the credential's permissions."


class AepVersionError(AepStatusError):
    """The entity changed since the task read it: the etag is not the current one (412)."""

    stable_code = "AEP-E306"
    what = "Adobe refused a change, because it was based on an older version of the entity (412)."
    why = "Somebody else changed the entity each time that this task tried to change it."
    todo = "Check in AEP who else changes the entity, then run the task again."


class AepThrottledError(AepStatusError):
    """Adobe refused the request because there were too many (429)."""

    stable_code = "AEP-E307"
    what = "Adobe refused a request, because there were too many (429)."
    why = "This DAG or other clients used up the organization's rate limit."
    todo = "Let Airflow retry after the time that Adobe asked for. Put tasks that run at once into a pool."

    default_retryable = True
    may_have_happened = True


class RequestBudgetError(AepThrottledError):
    """The request was not sent: the request budget of the machine had no room for it."""

    stable_code = "AEP-E309"
    what = "A request was not sent: the request budget of this machine had no room for it within a minute."
    why = (
        "`[aep] requests_per_second` limits the requests of all tasks on this machine, and they also pause "
        "together for as long as AEP asked one of them to wait."
    )
    todo = (
        "Let Airflow retry. If it happens often, set `[aep] requests_per_second` to a larger number, or put "
        "tasks that run at once into a pool."
    )

    may_have_happened = False


class AepServerError(AepStatusError):
    """Adobe's service failed (5xx)."""

    stable_code = "AEP-E308"
    what = "Adobe's service failed (5xx)."
    why = "The service is overloaded or out of order. Whether the request had its effect is unknown."
    todo = "Let Airflow retry. If it fails again, check status.adobe.com and give Adobe the request id."

    default_retryable = True
    may_have_happened = True


class AepRunError(AepError):
    """A flow run did not end as the task requires.

    ``run_id`` is the run's id, or None if it is unknown. ``result`` is the wait's result. A retry of a mere
    wait cannot help: it finds the same run in the same state.
    """

    stable_code = "AEP-E400"
    what = "A run of a dataflow did not end as the task requires."
    why = "The message has the reason that the run gives."
    todo = "Open the task's link and check the run, then start another run."

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
    why = "The source could not be read, or its records could not be ingested. The message has the codes."
    todo = "Repair what the run names. Then run it again with `RetryFlowRunOperator`, or clear its task."


class RunPartialError(AepRunError):
    """The run ended, and more records failed than the failure thresholds allow."""

    stable_code = "AEP-E402"
    what = "The run ended, and more records failed than the task allows."
    why = "Records did not fit the schema or the mapping."
    todo = (
        "Open the task's link, check the failed records, and repair the source or the mapping. Or allow "
        "failed records with `max_failed_records`, `max_failed_ratio` or `fail_on_partial=False`."
    )


class RunTimeoutError(AepRunError):
    """The run did not end, or no run began, before the deadline."""

    stable_code = "AEP-E403"
    what = "The run did not end, or no run began, before `timeout`."
    why = "The run takes longer than usual, or the dataflow has another schedule than expected."
    todo = (
        "Open the task's link and check the dataflow. Raise `timeout` if a run may take that long. A "
        "`FlowRunSensor` raises Airflow's `AirflowSensorTimeout` instead, with this error as the cause."
    )


class DataflowStoppedError(AepRunError):
    """The dataflow is disabled or deleted, so no run will begin."""

    stable_code = "AEP-E404"
    what = "The wait ended before a run began: the dataflow does not start runs."
    why = "The dataflow is disabled or deleted. AEP disables a dataflow that failed for 30 days running."
    todo = "Enable the dataflow (`EnableDataflowOperator` can do it) or create it again. Then clear the task."


class AepConflictError(AepError):
    """The state in AEP does not let the task continue."""

    stable_code = "AEP-E500"
    what = "The task stopped before it changed anything that it should not change."
    why = "The entities in AEP are in a state from which the task cannot continue."
    todo = "Check the entities that the message names in AEP."


class EntityExistsError(AepConflictError):
    """An entity of this identity exists, and ``if_exists`` is ``fail`` or the entity cannot be reused.

    :param differences: the fields in which it differs, as far as they are the reason
    :param entity_id: the id of the existing entity
    """

    stable_code = "AEP-E501"
    what = "Nothing was created: an entity of this name exists already."
    why = "`if_exists` is 'fail', or the existing entity differs in a field that cannot be changed."
    todo = "Choose another `name`. If the message offers it, set `if_exists` to 'reuse' or 'update' instead."

    def __init__(
        self,
        message: str,
        *,
        differences: Sequence[Difference] = (),
        entity_id: str | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.differences = tuple(differences)
        self.entity_id = entity_id


class EntityDiffersError(EntityExistsError):
    """An entity of this identity exists, and differs from the parameters in ``differences``."""

    stable_code = "AEP-E510"
    what = "Nothing was created or changed: an entity of this name exists and differs from the parameters."
    why = (
        "A parameter was changed after the entity was created, or somebody changed the entity in AEP. The "
        "message lists each field with its existing and its desired value. With `if_exists='reuse'` a "
        "difference is an error only if `on_difference='fail'`. With `if_exists='update'` it is an error "
        "only if AEP does not support the change."
    )
    todo = (
        "Set `if_exists` to 'update' to change the entity, correct the parameters, or follow the alternative "
        "that the message names."
    )


class EntityMissingError(AepConflictError):
    """No entity of this identity exists, and ``if_missing`` is ``fail``."""

    stable_code = "AEP-E511"
    what = "Nothing was created: the task may only use an existing entity, and no entity of this name exists."
    why = (
        "`if_missing` is 'fail'. The entity was renamed or deleted in AEP, or the credential may not see it."
    )
    todo = (
        "Correct the task's `name` to the name in AEP. To let the task create the entity, remove "
        "`if_missing`."
    )


class TitleTakenError(AepConflictError):
    """The Schema Registry has the title already, perhaps from a task that ran at the same time."""

    stable_code = "AEP-E502"
    what = "Nothing was created: the Schema Registry has the title already."
    why = "A title is unique across schemas, field groups, classes and data types (Adobe's `XDM-1521-400`)."
    todo = "Choose another `name`."

    may_have_happened = True


class AmbiguousEntityError(AepConflictError):
    """Several entities share the identity, and none of them can be chosen or removed safely."""

    stable_code = "AEP-E503"
    what = "Several entities of the same name exist, and it is unknown which one to use."
    why = "Names are not unique in AEP, and this provider did not create all of these entities."
    todo = "Delete or rename all but one, or choose another `name`. The message has their ids."


class EntityChangedError(AepConflictError):
    """Somebody else changed the entity at the same time. Their change was kept."""

    stable_code = "AEP-E504"
    what = "The credentials were not replaced."
    why = "Somebody else changed the connection at the same time as this task."
    todo = "Check in AEP who changed it and which credentials are right. To set those of the task, clear it."


class EntityStateError(AepConflictError):
    """The task cannot use the entity in its present state."""

    stable_code = "AEP-E505"
    what = "The entity exists, and its state does not let the task use it."
    why = "It is disabled, a draft, still being set up, or was deleted while the task ran."
    todo = (
        "If it is still being set up, let Airflow retry: the next try continues to wait. Else enable, "
        "publish or delete it in AEP, or choose another `name`."
    )
    retry_helps = "helps if the entity is still being set up or was deleted while the task ran, else not"


class EntityInUseError(AepConflictError):
    """The entity cannot be deleted: another entity uses it."""

    stable_code = "AEP-E506"
    what = "Nothing was deleted: another entity uses this one."
    why = "A connection, a dataflow or a dataset uses it. The message names what uses it."
    todo = "Delete what the message names first. Delete a dataflow before its connections."


class SourceWithdrawnError(AepConflictError):
    """The platform does not offer the source's connection spec to this credential."""

    stable_code = "AEP-E507"
    what = "Nothing was created: the platform does not offer the source."
    why = "Adobe has withdrawn it (`1413-400`, or 404), or the organization is not entitled to it."
    todo = "Use the source that the message names, or ask Adobe. `sources --live` lists what is available."


class AmbiguousRunError(AepConflictError):
    """A run may have been started, and which one is unknown. Another run could ingest records twice."""

    stable_code = "AEP-E508"
    what = "It is unknown which run this task has started. No other run was started."
    why = (
        "A reply was lost, and no new run shows this task's window, or several do. A second run would "
        "ingest the same records twice."
    )
    todo = "Check the dataflow's runs in AEP. Clear the task to start a new run."


class CredentialsRefusedError(AepConflictError):
    """AEP tested the connection, and the source refused its credentials."""

    stable_code = "AEP-E509"
    what = "AEP tested the base connection, and the source refused it."
    why = "The credentials are wrong, or the source blocks Adobe's IP addresses."
    todo = (
        "Correct the Airflow connection that holds them, then create the connection again with "
        "`if_exists='update'`, or rotate its credentials."
    )


class SchemaDriftError(AepConflictError):
    """The source gained, lost or changed columns since the dataflow was created.

    :param drift: ``{"added", "removed", "changed"}``
    """

    stable_code = "AEP-E512"
    what = "The columns of the source differ from the columns that the dataflow reads."
    why = (
        "The source gained, lost or changed columns. A dataflow keeps the columns with which it was created: "
        "it ignores added columns. The field of a removed column stays empty, or the run fails. "
        "Values of another type can fail."
    )
    todo = (
        "Restore the columns in the source, or correct `mapping` with `if_exists='update'`. To ingest the "
        "columns as they are now, delete the dataflow with DeleteDataflowOperator(with_connections=True) and "
        "create it again: a new dataflow ingests all rows, unless its schedule has `backfill` False. To "
        "continue without a change, set `on_drift` (of a task group `check_schema`) to 'warn'."
    )

    def __init__(self, message: str, *, drift: dict[str, Any] | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.drift = drift or {}


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
    "EntityMissingError",
    "EntityStateError",
    "RequestBudgetError",
    "RunFailedError",
    "RunPartialError",
    "RunTimeoutError",
    "SchemaDriftError",
    "SourceCredentialsError",
    "SourceWithdrawnError",
    "TaskStoreError",
    "TitleTakenError",
    "WorkerSlotError",
    "every_kind",
]


def every_kind() -> list[type[AepError]]:
    """Return every class of the tree, in the order of the codes."""
    found, left = [], [AepError]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        if kind.__module__ == __name__:
            found.append(kind)
    return sorted(found, key=lambda kind: kind.stable_code)
