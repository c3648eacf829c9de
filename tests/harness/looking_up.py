"""Triggers that do nothing but look up, by the helpers by which this provider's triggers look up.

Whenever one of them is cancelled, it is cancelled in a look-up. A real Airflow imports this module.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import BaseOperator
from airflow.secrets import BaseSecretsBackend
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_aep._compat import aget_connection, amask_secret, apush_xcom, atask_state

SLOW = 0.03
"""Seconds that a look-up of a connection takes at least: there is always one under way."""


class SlowSecrets(BaseSecretsBackend):
    """A secrets backend that knows nothing, and takes its time for it."""

    def get_connection(self, conn_id: str, *_args: Any, **_kwargs: Any) -> None:
        """Go on with the next backend."""
        time.sleep(SLOW)


class LooksUp(BaseEventTrigger):
    """Looks up until it is cancelled. ``number`` makes each another trigger."""

    def __init__(self, number: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.number = number

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class, and what makes the same one again."""
        return "tests.harness.looking_up.LooksUp", {"number": self.number}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Every kind of look-up in turn."""
        turn = 0
        while True:
            turn += 1
            await aget_connection("aep_runs")
            await amask_secret(f"a-secret-of-{self.number}-{turn}")
            if self.task_instance is not None:
                await atask_state(self.task_instance)
            if self.task_instance is not None and turn % 50 == 1:  # SQLite takes one writer at a time
                await apush_xcom(self.task_instance, "turn", str(turn))
        yield


class LookingUp(BaseOperator):
    """Defers to :class:`LooksUp`; another try ends at once."""

    template_fields = ("number",)

    def __init__(self, *, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def execute(self, context: Any) -> None:
        """Wait, or be done."""
        if context["ti"].try_number == 1:
            self.defer(trigger=LooksUp(self.number), method_name="execute")
