"""Every error this provider raises on purpose.

::

    AepError
    ├── AepConfigError            a parameter or setting is wrong; nothing was sent
    ├── AepTransportError         no usable reply
    │   ├── AepConnectError       the request never left: name, route, TLS, proxy
    │   ├── AepTimeoutError       it left, and no whole reply came in time
    │   ├── AepConnectionLostError  it left, and the connection broke
    │   └── AepReplyError         something came back that is not Flow Service's language
    ├── AepStatusError            Adobe answered, and said no
    │   ├── AepRequestError       400, 422 and other 4xx: the request is wrong
    │   │   └── ChangeUnsupportedError  this source's connections cannot be changed
    │   ├── AepAuthError          401, or IMS refused the credential
    │   ├── AepPermissionError    403
    │   ├── AepNotFoundError      404: gone, or not yours to see
    │   ├── AepVersionError       412: somebody changed it meanwhile
    │   ├── AepThrottledError     429
    │   └── AepServerError        5xx
    ├── AepRunError               a run was waited for, and did not end as wanted
    │   ├── RunFailedError        it failed
    │   ├── RunPartialError       it ended, and left more records behind than allowed
    │   └── RunTimeoutError       it did not end before the deadline
    └── AepConflictError          the entity is not in a state this task can go on from
        ├── EntityExistsError     ``if_exists="fail"`` and it does, or what does is another thing
        ├── TitleTakenError       the Schema Registry has the title already
        ├── AmbiguousEntityError  several stand, and which is meant cannot be told
        ├── EntityChangedError    somebody else changed what this task was about to change
        ├── EntityStateError      disabled, a draft, or not enabled in time
        ├── EntityInUseError      something hangs on it
        ├── SourceWithdrawnError  the platform does not offer the source, or not any more
        ├── AmbiguousRunError     a run may have been started, and it cannot be told
        └── CredentialsRefusedError  the source does not accept the connection's credentials

``status`` is the HTTP status or None; ``code`` Adobe's error code with prefix and suffix (two catalogues
share numbers, so ``FLOW-1404-412`` and a connector's ``1404`` are different things); ``request_id`` what
Adobe's support asks for; ``retryable`` whether the same call may succeed later; ``retry_after`` the
server's wish in seconds.
"""

from __future__ import annotations


class AepError(Exception):
    """Base of all errors: what happened, why, and what to do, in one message without secrets."""

    default_retryable = False
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


class AepConfigError(AepError):
    """A parameter or a connection's setting is wrong. ``parameter`` names it as the user wrote it."""

    def __init__(self, message: str, *, parameter: str | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]
        self.parameter = parameter


class AepTransportError(AepError):
    """No usable reply."""

    default_retryable = True
    may_have_happened = True


class AepConnectError(AepTransportError):
    """The request never left. ``culprit`` is ``host``, ``certificate`` or ``proxy``."""

    may_have_happened = False

    def __init__(self, message: str, *, culprit: str = "host", retryable: bool | None = None) -> None:
        super().__init__(message, retryable=retryable)
        self.culprit = culprit


class AepTimeoutError(AepTransportError):
    """The request left, and no whole reply came within ``timeout``."""


class AepConnectionLostError(AepTransportError):
    """The request left, and the connection broke before the reply was whole."""


class AepReplyError(AepTransportError):
    """The reply is not what Flow Service speaks: HTML, broken JSON, a redirect, or without end."""


class AepStatusError(AepError):
    """Adobe answered with an error status."""


class AepRequestError(AepStatusError):
    """The request is wrong as it stands (400, 422 and the like)."""


class ChangeUnsupportedError(AepRequestError):
    """The source's connector does not let a base connection be changed (1300-400, 1445-400)."""


class AepAuthError(AepStatusError):
    """The credential or its token was refused (401, or an error of IMS)."""


class AepPermissionError(AepStatusError):
    """The credential may not do this here (403)."""


class AepNotFoundError(AepStatusError):
    """There is no such thing, or the credential may not see it (404)."""


class AepVersionError(AepStatusError):
    """The etag sent is not the current one (412)."""


class AepThrottledError(AepStatusError):
    """Too many requests (429)."""

    default_retryable = True
    may_have_happened = True


class AepServerError(AepStatusError):
    """The service failed (5xx)."""

    default_retryable = True
    may_have_happened = True


class AepRunError(AepError):
    """A run did not end as wanted. ``run_id`` names it, where it is known; ``result`` is the wait's result.

    Waiting once more finds the same run in the same state, so a retry of a mere wait cannot help.
    """

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


class RunPartialError(AepRunError):
    """The run ended, but not with every record: see ``max_failed_records`` and its siblings."""


class RunTimeoutError(AepRunError):
    """The run did not end, or none began, before the deadline."""


class AepConflictError(AepError):
    """What stands on the platform keeps this task from going on."""


class EntityExistsError(AepConflictError):
    """``if_exists="fail"``, and an entity of this identity stands already."""


class TitleTakenError(AepConflictError):
    """The Schema Registry refused a title that it has already: a task that raced may just have made it."""

    may_have_happened = True


class AmbiguousEntityError(AepConflictError):
    """Several entities share the identity and none may be chosen or removed safely."""


class EntityChangedError(AepConflictError):
    """Somebody else changed what this task was about to change; nothing of theirs was overwritten."""


class EntityStateError(AepConflictError):
    """The entity is in a state this task cannot use."""


class EntityInUseError(AepConflictError):
    """The entity cannot be deleted: something hangs on it."""


class CredentialsRefusedError(AepConflictError):
    """AEP tried the connection, and the source does not accept its credentials."""


class SourceWithdrawnError(AepConflictError):
    """The platform does not offer the source's connection spec, or not to this credential."""


class AmbiguousRunError(AepConflictError):
    """A run may have been started and none is to be seen: starting another could move rows twice."""
