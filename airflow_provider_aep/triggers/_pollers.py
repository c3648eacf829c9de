"""One poller for all waits of a triggerer on the same connection and sandbox: how they find each other.

The first wait to come starts it. The waits watch it: one that died or hangs is replaced by the first that
notices, and said so in the log.
"""

from __future__ import annotations

import asyncio
import logging
import weakref

from airflow_provider_aep.triggers._poller import Poller, Pollers
from airflow_provider_aep.triggers._wait import DIED, Wait

log = logging.getLogger(__name__)

POLLERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pollers] = weakref.WeakKeyDictionary()


async def wait_with_others(aep_conn_id: str, sandbox: str | None, wait: Wait) -> str:
    """Wait until the run ended, the deadline passed, or nothing can be found out. Says which."""
    poller: Poller | None = None
    wait.watch_the_deadline()
    try:
        while True:
            if not wait.answer.done():
                poller = find_poller(aep_conn_id, sandbox)
                poller.join(wait)
            answer = await wait.answer
            if answer != DIED:
                return answer
            wait.renew()
    finally:
        if wait.timer is not None:
            wait.timer.cancel()
        if poller is not None:
            poller.leave(wait)


def find_poller(aep_conn_id: str, sandbox: str | None) -> Poller:
    """The loop's poller for a connection and sandbox; a new one where there is none that lives."""
    pollers = POLLERS.setdefault(asyncio.get_running_loop(), {})
    key = (aep_conn_id, sandbox or "")
    poller = pollers.get(key)
    if poller is not None and (problem := poller.problem()) is None:
        return poller
    new = Poller(aep_conn_id, sandbox)
    if poller is not None:
        log.warning(
            "The poller of %s %s; a new one goes on with its %d waits.", key, problem, len(poller.waits)
        )
        new.take_over(poller)
    pollers[key] = new
    new.start(pollers, key)
    return new
