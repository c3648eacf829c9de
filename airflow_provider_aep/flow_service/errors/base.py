"""The root of the tree, and what belongs to no family."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

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
        """Where the documentation speaks of it."""
        return f"docs/errors.md#{cls.stable_code.lower()}"

    @property
    def message(self) -> str:
        """What happened, why, and what to do: to be put into another message."""
        return str(self.args[0])

    @property
    def brief(self) -> str:
        """Which error it is, for a log that has the whole message in another place."""
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
