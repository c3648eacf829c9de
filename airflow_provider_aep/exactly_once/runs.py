"""How a run is started at most once.

A run has no name, so nothing tells a second one from the first but the moment it came to be. The intent is
kept before the POST: the newest run that stood by then. Whatever is newer afterwards is the run that was
asked for; where none shows, none is started again, since it would move the same rows twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from airflow_provider_aep.exactly_once.recipe import PATIENCE
from airflow_provider_aep.flow_service.errors import AepError, AmbiguousRunError
from airflow_provider_aep.flow_service.retry import is_refused_token
from airflow_provider_aep.flow_service.runs import Run


class Notes(Protocol):
    """What outlives a try."""

    @property
    def lasts(self) -> bool: ...
    def read(self) -> dict[str, Any]: ...
    def write(self, notes: Mapping[str, Any]) -> None: ...
    def forget(self) -> None: ...


def start_once(
    *,
    notes: Notes,
    look: Callable[[], Sequence[Run]],
    post: Callable[[], str],
    window: tuple[float, float] | None,
    log: Any,
    sleep: Callable[[float], None],
) -> str:
    """The id of the one run of this order.

    :param look: every run of the dataflow
    :param post: start one, with one request
    :param window: what the run shall bring in, by which it is known where there is no memory (before 3.3)
    :raises AmbiguousRunError: one may have been started and none is to be seen
    """
    known = notes.read()
    if isinstance(known.get("id"), str):
        log.info("An earlier try of this task started run %s.", known["id"])
        return str(known["id"])
    since, failure = known.get("since"), None
    if not isinstance(since, int | float):
        standing = look()
        if not notes.lasts and window is not None:
            standing = _windows_known(standing, look, sleep)
            if found := _of_window(standing, window):
                log.info("Run %s brings in the same window: it is this task's own.", found.id)
                return found.id
        since = max((run.created_at or 0.0 for run in standing), default=0.0)
        notes.write({"since": since})
        run_id, failure = _post(post, notes, lambda: _newer(look(), since, window))
        if run_id is not None:
            return run_id
    return _find(notes, lambda: _newer(look(), since, window), window, log, sleep, failure)


def _post(
    post: Callable[[], str], notes: Notes, begun: Callable[[], Sequence[Run]], *, renewed: bool = False
) -> tuple[str | None, AepError | None]:
    """The run's id; or None and why, where it may have been started all the same.

    A refused token is renewed once: nothing came through the gate, unless a run shows. The second time it is
    the credential that is refused.
    """
    try:
        run_id = post()
    except AepError as error:
        if error.may_have_happened or (is_refused_token(error) and begun()):
            return None, error
        if is_refused_token(error) and not renewed:
            return _post(post, notes, begun, renewed=True)
        notes.forget()
        raise
    notes.write({"id": run_id})
    return run_id, None


def _find(
    notes: Notes,
    begun: Callable[[], Sequence[Run]],
    window: tuple[float, float] | None,
    log: Any,
    sleep: Callable[[float], None],
    failure: AepError | None,
) -> str:
    """The run whose reply was lost: the only new one."""
    newer: Sequence[Run] = []
    for pause in PATIENCE:
        try:
            sleep(pause)
            newer = begun()
        except AepError:
            if notes.lasts or window is not None:
                raise  # by one of them a retry knows the run for its own
            break
        if len(newer) == 1:
            notes.write({"id": newer[0].id})
            log.info("The reply was lost, its effect stands: run %s.", newer[0].id)
            return newer[0].id
    raise AmbiguousRunError(
        "A run may have been started, and which one it is cannot be told: its reply was lost, and "
        f"{'several' if newer else 'no'} new runs are to be seen. None is started again, since it would move "
        "the same rows twice. Look at the dataflow's runs in AEP; clear the task to start a new one."
    ) from failure


def _newer(runs: Sequence[Run], since: float, window: tuple[float, float] | None) -> list[Run]:
    """What came after the intent; those of exactly this window, if any says so."""
    newer = [run for run in runs if (run.created_at or 0.0) > since]
    exact = [run for run in newer if window is not None and run.window == window]
    return exact or [run for run in newer if run.window is None or window is None]


def _windows_known(
    runs: Sequence[Run], look: Callable[[], Sequence[Run]], sleep: Callable[[float], None]
) -> Sequence[Run]:
    """Without a memory the window alone tells an own run, and one that has not started shows none yet."""
    for pause in (*PATIENCE, None):
        unknown = [run.id for run in runs if run.window is None and not run.ended]
        if not unknown:
            return runs
        if pause is not None:
            sleep(pause)
            runs = look()
    raise AmbiguousRunError(
        f"The dataflow has runs that have not started, {', '.join(unknown)}, and whether one is this task's "
        "own cannot be told yet. Run the task again later; from Airflow 3.3 on it remembers its run.",
        retryable=True,
    )


def _of_window(runs: Sequence[Run], window: tuple[float, float]) -> Run | None:
    found = [run for run in runs if run.window == window]
    return found[-1] if found else None
