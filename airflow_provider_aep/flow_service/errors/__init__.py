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

from airflow_provider_aep.flow_service.errors.base import AepError, TaskStoreError, WorkerSlotError
from airflow_provider_aep.flow_service.errors.config import (
    AepConfigError,
    ConnectionMissingError,
    ConnectionSettingError,
    SourceCredentialsError,
)
from airflow_provider_aep.flow_service.errors.conflicts import (
    AepConflictError,
    AmbiguousEntityError,
    AmbiguousRunError,
    CredentialsRefusedError,
    EntityChangedError,
    EntityDiffersError,
    EntityExistsError,
    EntityInUseError,
    EntityStateError,
    SourceWithdrawnError,
    TitleTakenError,
)
from airflow_provider_aep.flow_service.errors.runs import (
    AepRunError,
    DataflowStoppedError,
    RunFailedError,
    RunPartialError,
    RunTimeoutError,
)
from airflow_provider_aep.flow_service.errors.status import (
    AepAuthError,
    AepNotFoundError,
    AepPermissionError,
    AepRequestError,
    AepServerError,
    AepStatusError,
    AepThrottledError,
    AepVersionError,
    ChangeUnsupportedError,
)
from airflow_provider_aep.flow_service.errors.transport import (
    AepCertificateError,
    AepConnectError,
    AepConnectionLostError,
    AepProxyError,
    AepReplyError,
    AepTimeoutError,
    AepTransportError,
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
        if kind.__module__.startswith(f"{__name__}."):
            found.append(kind)
    return sorted(found, key=lambda kind: kind.stable_code)
