"""Wait for a flow run: the common base of :class:`FlowRunSensor` and ``RunDataflowOperator(wait=True)``.

The result is the same in every mode. A wait in a worker slot, a deferred wait and a resumed wait all end in
:meth:`WaitsForRun.finish`, which evaluates the run.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import AssetAlias

from airflow_provider_aep.assets import DatasetAddress, asset_at, event_of, is_aep_dataset
from airflow_provider_aep.flow_runs import schedule
from airflow_provider_aep.flow_runs.conditions import Conditions
from airflow_provider_aep.flow_runs.schedule import Deadline, interval
from airflow_provider_aep.flow_runs.spec import ERROR, TIMEOUT, WaitSpec, format_time, read_event
from airflow_provider_aep.links import AepDataflowLink, AepDatasetLink, AepRunLink
from airflow_provider_aep.operators.base import AepOperator, none_if_blank, push_link

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow.sdk import Asset

    from airflow_provider_aep.flow_service.errors import AepError
    from airflow_provider_aep.flow_service.run_evaluation import FailureThresholds
    from airflow_provider_aep.flow_service.runs import Dataflow, Run
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook
    from airflow_provider_aep.lineage import Lineage

RESULT_KEY = "aep_run"
"""The key of the XCom with the result of a wait that failed."""

LONGEST_PAUSE = 60.0
"""Seconds: the longest pause in a worker slot before a wait that failed in the triggerer defers again."""

DEFAULT_TIMEOUT = 150 * 60.0
"""Seconds, as long as the threshold of Adobe's own alert *Sources Flow Run Delay*."""


class WaitsForRun(AepOperator):
    """Base of the operators that wait for a run. Call ``wait_for_run`` in ``act``.

    :param deferrable: wait in the triggerer, not in a worker slot
    :param poll_interval: seconds between two polls; None for 5 s to 5 min, depending on the run's age
    :param max_failed_records: how many records may fail, in a success and in a partial success; 0 if neither
        threshold is set, because AEP's ``success`` can have failed records
    :param max_failed_ratio: the share of the records read that may fail, 0 to 1, in a success and in a
        partial success
    :param fail_on_partial: fail the task after a partial success, or a success with failed records, if
        neither threshold is set
    :param disable_on_kill: disable the dataflow when the task is killed, because its run cannot be cancelled.
        If the task is deferred, this needs Airflow 3.3, and only marking the task failed or success counts:
        a cleared task starts again and needs its dataflow. Before 3.3, a triggerer does not learn why a task
        ended
    :param outlets: Airflow's own parameter. The event of an :func:`~airflow_provider_aep.assets.aep_dataset`
        gets ``run_id``, ``flow_id``, ``dataset_id``, ``records_written``, ``records_failed``,
        ``window_start`` and ``window_end`` of the run. An ``AssetAlias`` gets such an event for the dataset
        that the run filled. Only a wait that ended well has an event
    """

    template_fields: Sequence[str] = (
        "max_failed_records",
        "max_failed_ratio",
        *AepOperator.template_fields,
    )
    operator_extra_links = (AepDataflowLink(), AepRunLink(), AepDatasetLink())
    waits_for: WaitSpec | None = None
    _kill_hook: FlowServiceHook | None = None
    _dataflow: Dataflow | None = None
    _last: Run | None = None
    _lineage: Lineage | None = None
    _retry_after = 0.0

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
        """Return the failure thresholds after rendering.

        :raises AepConfigError: a threshold is invalid
        """
        from airflow_provider_aep.flow_service.run_evaluation import read_thresholds

        return read_thresholds(self.max_failed_records, self.max_failed_ratio, self.fail_on_partial)

    def poll_seconds(self) -> float | None:
        """Return ``poll_interval`` in seconds, at least 1; None for 5 s to 5 min, depending on the run's age.

        :raises AepConfigError: it is neither a timedelta nor a number of seconds
        """
        if self.poll_interval is None:
            return None
        return max(1.0, read_seconds(self.poll_interval, "poll_interval"))

    def default_spec(self, context: Any) -> WaitSpec:
        """Return the wait of a task that resumes without its stored wait, as in ``dag.test()``."""
        raise NotImplementedError

    def wait_for_run(self, context: Any, spec: WaitSpec) -> dict[str, Any]:
        """Wait until the run ended, in the triggerer if ``self.deferrable``, else in the worker slot.

        :return: ``{"run_id", "status", "records_read", "records_written", "records_failed",
            "records_skipped", "bytes", "seconds", "flow_id", "dataflow", "dataset_id", "started_at",
            "ended_at", "window_start", "window_end"}``. Times are in ISO 8601 in UTC. Unknown values are None
        :raises AepRunError: the run failed, has more failed records than :meth:`thresholds` allow, or did not
            end before the deadline. The error's ``result`` and the XCom ``aep_run`` have the same dict
        :raises AepNotFoundError: the run does not exist
        """
        until = Deadline(spec.deadline)
        with self.push_facts_on_error(context):
            while True:
                spec, run = self.poll_run(context, spec)
                if run is not None and run.ended:
                    return self.finish(context, run)
                left = until.left
                if left <= 0:
                    self._too_late(spec, run)
                if self.deferrable:
                    self._defer(spec)
                time.sleep(min(left, self._pause(spec, run)))

    @contextmanager
    def push_facts_on_error(self, context: Any) -> Iterator[None]:
        """Push the known facts of the run as XCom ``aep_run`` if the wait fails."""
        from airflow_provider_aep.flow_service.errors import AepError

        self._last = self._dataflow = self._lineage = None
        self.__dict__.pop("_conditions", None)
        try:
            yield
        except AepError:
            if self.known is not None and (ti := context.get("ti")) is not None:
                ti.xcom_push(key=RESULT_KEY, value=self.known)
            raise

    @property
    def known(self) -> dict[str, Any] | None:
        """Return the known facts of the run in the shape of the result; None before the first poll."""
        return None if self._last is None else self._last.result()

    def execute_complete(
        self, context: Any, event: Any = None, wait: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Resume after a deferral. The event has the status and the run's id; read the run itself again."""
        from airflow_provider_aep.flow_service.errors import AepError

        self.__dict__.pop("hook", None)
        try:
            with self.push_facts_on_error(context):
                return self._resume(context, event, wait)
        except AepError as error:
            self.raise_for_airflow(error)
        finally:
            self.__dict__.pop("hook", None)

    def poll_run(self, context: Any, spec: WaitSpec) -> tuple[WaitSpec, Run | None]:
        """Poll the run once, and push the links.

        :return: the wait, with the run's id once it is known; and the run, or None if it has not started or a
            temporary error occurred
        :raises DataflowStoppedError: there is no run, and the dataflow is disabled or deleted
        """
        from airflow_provider_aep.flow_runs.fetch import find_run
        from airflow_provider_aep.flow_service.errors import (
            AepError,
            AepNotFoundError,
            ConnectionMissingError,
        )

        self._retry_after = 0.0
        self._prepare_for_kill(spec)
        run, by, missing = None, "", None
        try:
            run, by = find_run(self.hook, spec)
        except AepNotFoundError as error:
            missing = error
        except AepError as error:
            if not error.retryable or isinstance(error, ConnectionMissingError):
                raise
            self._warn_once("failure", f"{error} The wait continues.")
            self._retry_after = schedule.requested(error)
            self._push_links(context, spec)
            self._last = self._last or self._unknown_run(spec)
            return spec, None
        self._warn_once("failure", None)
        if run is not None:
            spec = replace(spec, run_id=run.id, flow_id=spec.flow_id or run.flow_id)
        self.waits_for = spec
        self._read_dataflow(spec, again=run is None)
        self._push_links(context, spec)
        if by:
            self.log.info("Run %s of %s is selected: %s.", spec.run_id, self._dataflow, by)
        self._last = self._unknown_run(spec) if run is None else self._completed(run)
        if run is None and spec.run_id is None:
            self._check_dataflow()
        if missing is not None and time.time() > spec.since + spec.grace:
            raise missing
        return spec, None if run is None else self._last

    def _read_dataflow(self, spec: WaitSpec, *, again: bool) -> None:
        """Read the dataflow if it is not known yet, or if ``again`` is set."""
        from airflow_provider_aep.flow_runs.fetch import find_dataflow

        known = self._dataflow
        if known is not None and known.id != spec.flow_id:
            known = None
        if spec.flow_id and (again or known is None or known.name is None):
            self._dataflow = find_dataflow(self.hook, spec.flow_id, known)

    def _check_dataflow(self) -> None:
        """Raise an error if the dataflow is disabled or deleted: it will start no run."""
        from airflow_provider_aep.flow_service.errors import DataflowStoppedError

        if (found := self._dataflow) is not None and found.stopped:
            raise DataflowStoppedError(
                f"{found.no_run} Enable the dataflow or create it again, then clear the task. {self.link}",
                result=self.known,
            )

    def _completed(self, run: Run) -> Run:
        """Return the run with its dataflow's facts. Warn about an unknown status or a stopped dataflow."""
        from airflow_provider_aep.flow_service.runs import unknown_status

        self._warn_once("status", run.unknown and unknown_status(run.id, run.unknown))
        dataflow = self._dataflow
        if dataflow is None:
            return run
        self._warn_once("stopped", None if run.ended else dataflow.run_continues)
        return replace(run, flow_id=dataflow.id, dataflow=dataflow.name, dataset_id=dataflow.dataset_id)

    def _warn_once(self, condition: str, text: str | None) -> None:
        """Warn when a condition begins. Pass None as ``text`` when it is over."""
        if self.__dict__.setdefault("_conditions", Conditions()).update(condition, text):
            self.log.warning("%s", text)

    def _unknown_run(self, spec: WaitSpec) -> Run:
        """Return a placeholder: no reply has shown the run yet."""
        from airflow_provider_aep.flow_service.runs import Phase, Run

        run = Run(spec.run_id or "", spec.flow_id, "", Phase.RUNNING)
        known = self._dataflow
        return replace(run, dataflow=known.name, dataset_id=known.dataset_id) if known else run

    def finish(self, context: Any, run: Run) -> dict[str, Any]:
        """Return the result of a run that ended, and add the run to the events of the outlets.

        :raises AepRunError: the run failed, or more records failed than :meth:`thresholds` allow
        """
        from airflow_provider_aep.flow_service.run_evaluation import judge, loss

        scrub, more = self.hook.scrub, self._more_about(run)
        error = judge(run, self.thresholds(), more=more, scrub=scrub)
        self._keep_lineage(run, error)
        if error is not None:
            raise error
        result = run.result()
        self.log.info("Run %s ended: %s", run.id, result)
        if (text := loss(run, more=more, scrub=scrub)) is not None:
            self.log.warning("%s", text)
        self._add_to_events(context, result)
        return result

    def _add_to_events(self, context: Any, result: dict[str, Any]) -> None:
        """Add the run to the event of each outlet that is an AEP dataset or an alias.

        Airflow stores the events only if the task succeeds.
        """
        for outlet in self.outlets:
            if is_aep_dataset(outlet):
                context["outlet_events"][outlet].extra.update(event_of(result))
            elif isinstance(outlet, AssetAlias) and (asset := self._dataset_of(result)) is not None:
                context["outlet_events"][outlet].add(asset, extra=event_of(result))

    def _dataset_of(self, result: dict[str, Any]) -> Asset | None:
        """Return the asset of the dataset that the run filled. Read the dataset's name from AEP.

        :return: None if the name cannot be in an asset: the run ended well, and a retry would not help
        """
        from airflow_provider_aep.flow_service.errors import AepReplyError
        from airflow_provider_aep.hooks.catalog import CatalogHook

        if (dataset_id := result["dataset_id"]) is None:
            raise AepReplyError(
                f"The dataset of run {result['run_id']} is unknown, so the alias in `outlets` gets no event. "
                "Try again, or use `aep_dataset` instead of the alias."
            )
        name = str(self.hook.to(CatalogHook).get_dataset(dataset_id).get("name") or "").strip()
        try:
            return asset_at(DatasetAddress(self.aep_conn_id, none_if_blank(self.sandbox), name))
        except ValueError as error:
            self.log.warning(
                "The alias in `outlets` gets no event: dataset %s cannot be an asset. %s", dataset_id, error
            )
            return None

    def _more_about(self, run: Run) -> str:
        """Return the command that shows the run's failed records, and the link to its page."""
        from airflow_provider_aep._compat import aep_command

        own = self.hook.settings.sandbox
        sandbox = None if self.hook.sandbox == own else self.hook.sandbox
        command = aep_command("failures", run.id, conn_id=self.aep_conn_id, sandbox=sandbox)
        return f"`{command}` shows its errors and failed records. {self.link}".rstrip()

    def _keep_lineage(self, run: Run, error: AepError | None) -> None:
        """Read what OpenLineage's event shows, if events are emitted. A failure does not fail the task."""
        from airflow_provider_aep.lineage import gather, is_enabled

        try:
            if is_enabled(self):
                self._lineage = gather(self.hook, run, error)
        except Exception as failure:  # noqa: BLE001 - the run has ended, whatever its event shows
            self.log.warning(
                "The OpenLineage event of run %s shows no datasets: %s.", run.id, type(failure).__name__
            )

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of the run for the OpenLineage provider, also if the task failed.

        See :mod:`airflow_provider_aep.lineage`.
        """
        from airflow_provider_aep.lineage import to_openlineage

        return to_openlineage(self._lineage, self.waits_for.run_id if self.waits_for else None)

    def on_kill(self) -> None:
        """Disable the dataflow if ``disable_on_kill`` is set. The run continues.

        Airflow calls this in a signal handler while the task's code is interrupted, and ends the process some
        seconds later. So this must not wait for a lock that the interrupted code may hold. Logging can wait
        for one, so it comes last.
        """
        if (spec := self.waits_for) is None:
            return
        try:
            if disabled := self.disable_on_kill and spec.flow_id:
                self._disable(disabled)
        finally:
            dataflow = self._dataflow or f"dataflow {spec.flow_id}"
            self.log.warning(
                "Run %s of %s continues in AEP: Flow Service cannot cancel a run.",
                spec.run_id or "(id unknown)",
                dataflow,
            )
        if disabled:
            self.log.warning("Disabled %s (`disable_on_kill`).", dataflow)

    def _prepare_for_kill(self, spec: WaitSpec) -> None:
        """Prepare for :meth:`on_kill`, which can no longer read an Airflow connection."""
        self.waits_for = spec
        if self.disable_on_kill:
            self._kill_hook = self.hook.aside()

    def _disable(self, flow_id: str) -> None:
        from airflow_provider_aep.exactly_once import switch_once
        from airflow_provider_aep.flow_service.requests import is_off

        hook = self._kill_hook or self.hook.aside()
        switch_once(lambda: is_off(hook.get_flow(flow_id)), lambda: hook.act_on_flow(flow_id, "disable"))

    def _resume(self, context: Any, event: Any, stored: dict[str, Any] | None) -> dict[str, Any]:
        # `dag.test()` resumes with the event alone
        spec = self.default_spec(context) if stored is None else WaitSpec.restore(stored)
        if spec.sandbox:  # the connection's own may have changed meanwhile
            self.hook = self.hook.for_sandbox(spec.sandbox)
        status, run_id = read_event(event, spec)
        spec, run = self.poll_run(context, replace(spec, run_id=spec.run_id or run_id))
        if run is not None and run.ended:
            return self.finish(context, run)
        left = spec.deadline - time.time()
        if status == TIMEOUT or left <= 0:
            self._too_late(spec, run)
        self.log.info("Run %s has not ended (event: %s).", spec.run_id or "(none yet)", status)
        if status == ERROR:  # the triggerer may fail again at once: do not resume and defer without a pause
            time.sleep(min(left, self._pause(spec, run), LONGEST_PAUSE))
        return self._defer(spec)

    def _defer(self, spec: WaitSpec) -> NoReturn:
        from airflow_provider_aep.triggers.flow_runs import FlowRunTrigger

        stored = replace(spec, sandbox=self.hook.sandbox).stored()
        trigger = FlowRunTrigger(
            aep_conn_id=self.aep_conn_id, wait=stored, disable_on_kill=self.disable_on_kill
        )
        words, until = spec.words(self._dataflow), format_time(spec.deadline)
        self.log.info("Waiting for the %s in the triggerer, until %s.", words, until)
        self.defer(trigger=trigger, method_name="execute_complete", kwargs={"wait": stored})
        raise AssertionError("defer does not return")

    def _pause(self, spec: WaitSpec, run: Run | None) -> float:
        """Return the seconds until the next poll, at least as long as Flow Service asks."""
        if (pause := spec.poll_interval) is None:
            started = run.started_at if run is not None else None
            pause = interval(max(0.0, time.time() - (started or spec.since or time.time())), None, 0.5)
        return max(pause, self._retry_after)

    def _too_late(self, spec: WaitSpec, run: Run | None) -> NoReturn:
        from airflow_provider_aep.flow_service.errors import RunTimeoutError

        words, until = spec.words(self._dataflow), format_time(spec.deadline)
        link = f" {self.link}" if self.link else ""
        if spec.run_id is None:
            raise RunTimeoutError(
                f"Waited for the {words} until {until}, and no run started: `timeout` has passed. Check the "
                f"dataflow's schedule.{link}",
                result=self.known,
            )
        status = f" Its status is {run.status!r}." if run is not None else ""
        raise RunTimeoutError(
            f"The {words} did not end by {until}: `timeout` has passed.{status} The run continues in Adobe "
            "Experience Platform: Flow Service cannot cancel a run. Check it there. Raise `timeout` if a run "
            f"may take that long.{link}",
            run_id=spec.run_id,
            result=self.known,
        )

    @property
    def link(self) -> str:
        """Return the link to the run's page, or to the dataflow's while there is no run."""
        return self.link_urls.get(AepRunLink.xcom_key) or self.link_urls.get(AepDataflowLink.xcom_key) or ""

    def _push_links(self, context: Any, spec: WaitSpec) -> None:
        """Push the links, each once, as soon as its id is known: a wait can take hours."""
        for key, url in self.links_of(spec).items():
            if self.link_urls.get(key) != url:
                push_link(self, context, key, url)

    def links_of(self, spec: WaitSpec) -> dict[str, str]:
        """Return the known links of a wait, to dataflow, run and dataset, by their keys."""
        if not spec.flow_id:
            return {}
        if self._dataflow is None or self._dataflow.id != spec.flow_id:
            self._read_dataflow(spec, again=False)
        urls = {AepDataflowLink.xcom_key: self.hook.link("dataflow", spec.flow_id)}
        if spec.run_id:
            urls[AepRunLink.xcom_key] = self.hook.link("run", spec.run_id, spec.flow_id)
        if self._dataflow is not None and self._dataflow.dataset_id:
            urls[AepDatasetLink.xcom_key] = self.hook.link("dataset", self._dataflow.dataset_id)
        return urls


def read_seconds(given: Any, parameter: str) -> float:
    """Return a timedelta, or a number of seconds, in seconds.

    :raises AepConfigError: it is neither
    """
    from airflow_provider_aep.flow_service.validation import check_seconds

    return check_seconds(getattr(given, "total_seconds", lambda: given)(), parameter)
