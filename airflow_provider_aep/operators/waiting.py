"""Waiting for a run: what :class:`FlowRunSensor` and ``RunDataflowOperator(wait=True)`` share.

One result in every mode: a wait that sits in a worker's slot, one that is deferred, and one that is resumed
all end in :meth:`WaitsForRun.finish`, which reads the run itself and judges it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_aep._compat import HAS_RETRY_POLICY, AirflowFailException
from airflow_provider_aep.flow_runs.schedule import Deadline, interval
from airflow_provider_aep.flow_runs.spec import Told, WaitSpec, find_dataflow, find_run, read_event, shown
from airflow_provider_aep.links import AepDataflowLink, AepDatasetLink, AepRunLink, dataflow_url, dataset_url
from airflow_provider_aep.operators.base import AepOperator, push_link

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow_provider_aep.flow_service.errors import AepError
    from airflow_provider_aep.flow_service.run_evaluation import FailureThresholds
    from airflow_provider_aep.flow_service.runs import Dataflow, Run
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

RESULT_KEY = "aep_run"
"""The XCom that holds the result of a wait that failed."""

DEFAULT_TIMEOUT = 150 * 60.0
"""Seconds: when Adobe's own alert *Sources Flow Run Delay* fires."""


class WaitsForRun(AepOperator):
    """Base of what waits. Call :meth:`wait_for_run` in ``act``; resuming comes by itself.

    :param deferrable: wait in the triggerer, not in a worker's slot
    :param poll_interval: seconds between two polls; None for 5 s to 5 min, depending on the run's age
    :param max_failed_records: how many records may fail, of a success and of a partial success; by default
        none, since AEP's success can carry some
    :param max_failed_ratio: which share of the records read may fail, 0 to 1, likewise
    :param fail_on_partial: whether a partial success fails the task if neither limit is set
    :param disable_on_kill: disable the dataflow when the task is killed, since its run cannot be cancelled.
        Of a deferred task only marking it failed or success counts, and only from Airflow 3.3 on: a cleared
        one starts again and needs its dataflow, and before, a triggerer is not told why a task went
    """

    template_fields: Sequence[str] = (
        "max_failed_records",
        "max_failed_ratio",
        *AepOperator.template_fields,
    )
    operator_extra_links = (AepDataflowLink(), AepRunLink(), AepDatasetLink())
    waits_for: WaitSpec | None = None
    _last_hook: FlowServiceHook | None = None
    _dataflow: Dataflow | None = None
    _last: Run | None = None

    def __init__(
        self,
        *,
        deferrable: bool = True,
        poll_interval: timedelta | float | None = None,
        max_failed_records: int | None = None,
        max_failed_ratio: float | None = None,
        fail_on_partial: bool = True,
        disable_on_kill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.max_failed_records = max_failed_records
        self.max_failed_ratio = max_failed_ratio
        self.fail_on_partial = fail_on_partial
        self.disable_on_kill = disable_on_kill

    def thresholds(self) -> FailureThresholds:
        """Return the failure thresholds after rendering. :raises AepConfigError: a threshold is invalid"""
        from airflow_provider_aep.flow_service.run_evaluation import read_thresholds

        return read_thresholds(self.max_failed_records, self.max_failed_ratio, self.fail_on_partial)

    def poll_seconds(self) -> float | None:
        """``poll_interval``, checked; a timedelta too. :raises AepConfigError: it is no time"""
        from airflow_provider_aep.flow_service.validation import check_seconds

        given: Any = self.poll_interval
        seconds = getattr(given, "total_seconds", lambda: given)()
        return None if seconds is None else max(1.0, check_seconds(seconds, "poll_interval"))

    def wait_for_run(self, context: Any, wait: WaitSpec) -> dict[str, Any]:
        """Wait until the run ended, in the triggerer if ``self.deferrable``, else here.

        :return: ``{"run_id", "status", "records_read", "records_written", "records_failed",
            "records_skipped", "bytes", "seconds", "flow_id", "dataflow", "dataset_id", "started_at",
            "ended_at", "window_start", "window_end"}``; times in ISO 8601 in UTC, unknown is None
        :raises AepRunError: it ended otherwise than :meth:`thresholds` allow, or not before the deadline; its
            ``result`` is that dict, and the XCom ``aep_run``
        :raises AepNotFoundError: there is no such run
        """
        until = Deadline(wait.deadline)
        with self.result_kept(context):
            while True:
                wait, run = self.poll_run(context, wait)
                if run is not None and run.ended:
                    return self.finish(run)
                left = until.left
                if left <= 0:
                    self._too_late(wait, run)
                if self.deferrable:
                    self._defer(wait)
                time.sleep(min(left, self._pause(wait, run)))

    @contextmanager
    def result_kept(self, context: Any) -> Iterator[None]:
        """If the wait fails, push what is known of the run as XCom ``aep_run``."""
        from airflow_provider_aep.flow_service.errors import AepError

        self._last = self._dataflow = None
        self.__dict__.pop("_told", None)
        try:
            yield
        except AepError:
            if self.known is not None and (ti := context.get("ti")) is not None:
                ti.xcom_push(key=RESULT_KEY, value=self.known)
            raise

    @property
    def known(self) -> dict[str, Any] | None:
        """What is known of the run so far, in the shape of the result; None before the first poll."""
        return None if self._last is None else self._last.result()

    def execute_complete(
        self, context: Any, event: Any = None, wait: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Resume after a deferral. The event only says when to poll: the run is read again."""
        from airflow_provider_aep.flow_service.errors import AepError

        self.__dict__.pop("hook", None)
        try:
            with self.result_kept(context):
                return self._resume(context, event, wait)
        except AepError as error:
            self.leave(error)
        finally:
            self.__dict__.pop("hook", None)

    def leave(self, error: AepError) -> NoReturn:
        """How an error leaves: as from :meth:`AepOperator.execute`."""
        if error.retryable or HAS_RETRY_POLICY:
            raise error
        raise AirflowFailException(str(error)) from error

    def poll_run(self, context: Any, wait: WaitSpec) -> tuple[WaitSpec, Run | None]:
        """Return the run as it is now, None if there is none yet or the service fails for now.

        The wait that comes back knows the run's id, if it is known. Pushes the links.

        :raises DataflowStoppedError: there is no run, and the dataflow starts none
        """
        from airflow_provider_aep.flow_service.errors import AepError, AepNotFoundError

        self._now_waits_for(wait)
        run, by, missing = None, "", None
        try:
            run, by = find_run(self.hook, wait)
        except AepNotFoundError as error:
            missing = error
        except AepError as error:
            if not error.retryable:
                raise
            self._tell_once("failure", f"{error} The wait goes on.")
            self._push_links(context, wait)
            self._last = self._last or self._unknown_run(wait)
            return wait, None
        self._tell_once("failure", None)
        if run is not None:
            wait = replace(wait, run_id=run.id, flow_id=wait.flow_id or run.flow_id)
        self.waits_for = wait
        self._read_dataflow(wait, again=run is None)
        self._push_links(context, wait)
        if by:
            self.log.info("Run %s of %s is meant, found by %s.", wait.run_id, self._dataflow, by)
        self._last = self._unknown_run(wait) if run is None else self._completed(run)
        if run is None and wait.run_id is None:
            self._check_dataflow()
        if missing is not None and time.time() > wait.since + wait.grace:
            raise missing
        return wait, None if run is None else self._last

    def _read_dataflow(self, wait: WaitSpec, *, again: bool) -> None:
        """Read the dataflow, unless it is known and ``again`` is not asked for."""
        known = self._dataflow
        if known is not None and known.id != wait.flow_id:
            known = None
        if wait.flow_id and (again or known is None or known.name is None):
            self._dataflow = find_dataflow(self.hook, wait.flow_id, known)

    def _check_dataflow(self) -> None:
        """There is no run, and one that is disabled or deleted starts none."""
        from airflow_provider_aep.flow_service.errors import DataflowStoppedError

        if (found := self._dataflow) is not None and found.stopped:
            raise DataflowStoppedError(
                f"{found.no_run} Enable the dataflow or create it again, then clear the task. {self.link}",
                result=self.known,
            )

    def _completed(self, run: Run) -> Run:
        """With what its dataflow tells. Says what is odd about it."""
        from airflow_provider_aep.flow_service.runs import unknown_status

        self._tell_once("status", run.unknown and unknown_status(run.id, run.unknown))
        dataflow = self._dataflow
        if dataflow is None:
            return run
        self._tell_once("stopped", None if run.ended else dataflow.run_goes_on)
        return replace(run, flow_id=dataflow.id, dataflow=dataflow.name, dataset_id=dataflow.dataset_id)

    def _tell_once(self, what: str, text: str | None) -> None:
        """Warn when ``what`` begins; None when it does not go on."""
        if self.__dict__.setdefault("_told", Told()).is_news(what, text):
            self.log.warning("%s", text)

    def _unknown_run(self, wait: WaitSpec) -> Run:
        """The run of which no reply tells anything."""
        from airflow_provider_aep.flow_service.runs import Phase, Run

        run = Run(wait.run_id or "", wait.flow_id, "", Phase.RUNNING)
        known = self._dataflow
        return replace(run, dataflow=known.name, dataset_id=known.dataset_id) if known else run

    def finish(self, run: Run) -> dict[str, Any]:
        """The result of a run that ended. :raises AepRunError: it is not as :meth:`thresholds` want it"""
        from airflow_provider_aep.flow_service.run_evaluation import judge

        scrub = self.hook.scrub
        error = judge(run, self.thresholds(), link=self.link, scrub=scrub)
        if error is not None:
            raise error
        result = run.result()
        self.log.info("Run %s ended: %s", run.id, result)
        if run.problems:
            named = ", ".join(scrub(problem.code)[:60] for problem in run.problems)
            self.log.warning("It ended well enough, and names errors: %s. %s", named, self.link)
        return result

    def on_kill(self) -> None:
        """Disable the dataflow if ``disable_on_kill`` says so. The run goes on.

        Airflow calls this in a signal handler, in the middle of whatever the task does, and some seconds
        later ends the process. So this waits for nothing that the interrupted code may hold, not even for
        the log: that comes last.
        """
        if (wait := self.waits_for) is None:
            return
        try:
            if disabled := self.disable_on_kill and wait.flow_id:
                self._disable(disabled)
        finally:
            dataflow = self._dataflow or f"dataflow {wait.flow_id}"
            self.log.warning(
                "Run %s of %s goes on in Adobe's platform: Flow Service cannot cancel a run.",
                wait.run_id or "(not known yet)",
                dataflow,
            )
        if disabled:
            self.log.warning("Disabled %s (`disable_on_kill`).", dataflow)

    def _now_waits_for(self, wait: WaitSpec) -> None:
        """Make ready for :meth:`on_kill`, which cannot read a connection any more."""
        self.waits_for = wait
        if self.disable_on_kill:
            self._last_hook = self.hook.aside()

    def _disable(self, flow_id: str) -> None:
        from airflow_provider_aep.exactly_once import switch_once
        from airflow_provider_aep.flow_service.requests import is_off

        hook = self._last_hook or self.hook.aside()
        switch_once(lambda: is_off(hook.get_flow(flow_id)), lambda: hook.act_on_flow(flow_id, "disable"))

    def _resume(self, context: Any, event: Any, wait: dict[str, Any] | None) -> dict[str, Any]:
        if wait is None:  # `dag.test()` resumes with the event alone
            wait = {"flow_id": getattr(self, "flow_id", None), "run_id": None}
            wait["deadline"] = time.time() + DEFAULT_TIMEOUT
        kept = WaitSpec(**wait)
        self.sandbox = kept.sandbox or self.sandbox
        status, run_id = read_event(event, kept)
        kept = replace(kept, run_id=kept.run_id or run_id)
        kept, run = self.poll_run(context, kept)
        if run is not None and run.ended:
            return self.finish(run)
        if status == "timeout" or time.time() >= kept.deadline:
            self._too_late(kept, run)
        self.log.info("Run %s goes on (the trigger said: %s).", kept.run_id or "(none yet)", status)
        return self._defer(kept)

    def _defer(self, wait: WaitSpec) -> NoReturn:
        from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

        kept = replace(wait, sandbox=self.hook.sandbox).stored()
        trigger = FlowRunTrigger(
            aep_conn_id=self.aep_conn_id, wait=kept, disable_on_kill=self.disable_on_kill
        )
        words, until = wait.words(self._dataflow), shown(wait.deadline)
        self.log.info("Waiting for %s in the triggerer, until %s.", words, until)
        self.defer(trigger=trigger, method_name="execute_complete", kwargs={"wait": kept})
        raise AssertionError("defer does not return")

    def _pause(self, wait: WaitSpec, run: Run | None) -> float:
        if wait.poll_interval:
            return wait.poll_interval
        began = run.started_at if run is not None else None
        return interval(max(0.0, time.time() - (began or wait.since or time.time())), None, 0.5)

    def _too_late(self, wait: WaitSpec, run: Run | None) -> NoReturn:
        from airflow_provider_aep.flow_service.errors import RunTimeoutError

        what, until = wait.words(self._dataflow), shown(wait.deadline)
        link = f" {self.link}" if self.link else ""
        if wait.run_id is None:
            raise RunTimeoutError(
                f"There was no {what} until {until}: `timeout` is over. See when the dataflow's schedule "
                f"starts it.{link}",
                result=self.known,
            )
        status = f" Its status is {run.status!r}." if run is not None else ""
        raise RunTimeoutError(
            f"{what} did not end until {until}: `timeout` is over.{status} It goes on in Adobe Experience "
            f"Platform: Flow Service cannot cancel a run. Look at it there; raise `timeout` "
            f"where one may take that long.{link}",
            run_id=wait.run_id,
            result=self.known,
        )

    @property
    def link(self) -> str:
        """Return the link to the run's page, or to the dataflow's while there is no run."""
        return self.link_urls.get(AepRunLink.xcom_key) or self.link_urls.get(AepDataflowLink.xcom_key) or ""

    def _push_links(self, context: Any, wait: WaitSpec) -> None:
        """To dataflow, run and dataset, each as soon as it is known, and once."""
        if not wait.flow_id:
            return
        if self._dataflow is None or self._dataflow.id != wait.flow_id:
            self._read_dataflow(wait, again=False)
        settings = self.hook.settings
        where: dict[str, Any] = {
            "org_id": settings.org_id,
            "tenant": settings.tenant,
            "sandbox": self.hook.sandbox,
        }
        flow = {**where, "flow_id": wait.flow_id}
        urls = {AepDataflowLink.xcom_key: dataflow_url(**flow)}
        if wait.run_id:
            urls[AepRunLink.xcom_key] = dataflow_url(**flow, run_id=wait.run_id)
        if self._dataflow is not None and self._dataflow.dataset_id:
            urls[AepDatasetLink.xcom_key] = dataset_url(**where, dataset_id=self._dataflow.dataset_id)
        for key, url in urls.items():
            if self.link_urls.get(key) != url:
                push_link(self, context, key, url)
