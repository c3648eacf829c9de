"""A worker's slot is for work: how long one try may sleep in it, all its waits together.

Whatever waits on a worker sleeps here, but a wait for a run that its author wants in the slot
(``deferrable=False``).
"""

from __future__ import annotations

import math
import time

from airflow_provider_aep.flow_service.errors import WorkerSlotError


class Slot:
    """The seconds that may still be slept through.

    :param seconds: without end where no operator works, such as in a script of one's own
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = self.left = seconds

    def sleep(self, seconds: float) -> None:
        """Sleep. :raises WorkerSlotError: there is not that much left; nothing was slept"""
        if seconds > self.left:
            raise WorkerSlotError(
                f"This try would have to wait for {seconds:.1f} s more, and has slept for "
                f"{self._seconds - self.left:.0f} of the {self._seconds:.0f} s that a try may sleep in a "
                "worker's slot. Let Airflow retry: the next try goes on where this one stopped.",
                retry_after=seconds,
            )
        self.left -= seconds
        time.sleep(seconds)
