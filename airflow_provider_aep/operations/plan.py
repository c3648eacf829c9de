"""Plan a run of a DAG by reading alone: find out which entities it would create.

A task that creates answers for itself (``CreateOperator.foresee``), with the reconciler that a run uses. This
module renders the parameters as a run would, and hands results from task to task. It calls no function of the
DAG. A value that only a run knows is a :class:`MissingInput`.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import jinja2
from airflow.sdk import XComArg
from airflow.sdk.definitions._internal.expandinput import MappedArgument
from airflow.sdk.definitions._internal.mixins import ResolveMixin
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.definitions.param import process_params
from airflow.sdk.definitions.xcom_arg import PlainXComArg
from airflow.sdk.execution_time.context import ConnectionAccessor, MacrosAccessor, VariableAccessor

from airflow_provider_aep._compat import manual_data_interval, redact
from airflow_provider_aep.exactly_once.forecast import Action, Forecast, MissingInput
from airflow_provider_aep.flow_service.errors import AepAuthError, AepConfigError, AepConnectError, AepError

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator

T = TypeVar("T")

RETURN_VALUE = "return_value"
_CONNECTION = ("aep_conn_id", "sandbox")


@dataclass(frozen=True)
class PlanRow:
    """The forecast for one task instance that creates.

    :param map_index: None for a task that is not mapped, and if only a run knows how many instances there are
    :param name: the entity's name, None if it is unknown or the entity has none
    :param error: the error with which AEP was read for this row, or for a parameter of it
    """

    task: str
    map_index: int | None
    kind: str
    name: str | None
    forecast: Forecast
    error: AepError | None = None

    def redacted(self) -> PlanRow:
        """Return the row without the secrets that Airflow knows, such as the password of ``{{ conn.x }}``."""
        told = self.forecast
        differences = [
            replace(one, existing=redact(one.existing), desired=redact(one.desired))
            for one in told.differences
        ]
        forecast = replace(told, differences=tuple(differences), reason=str(redact(told.reason)))
        return replace(self, name=None if self.name is None else str(redact(self.name)), forecast=forecast)

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        forecast = self.forecast
        return {
            "task": self.task,
            "map_index": self.map_index,
            "kind": self.kind,
            "name": self.name,
            "action": forecast.action.value,
            "id": forecast.id,
            "differences": [
                {"field": one.field, "existing": _plain(one.existing), "wanted": _plain(one.desired)}
                for one in forecast.differences
            ],
            "fails": forecast.fails,
            "reason": forecast.reason or None,
        }


def _plain(value: Any) -> Any:
    """Return a value for JSON: a DAG can set a parameter to anything."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value


def plan_dag(
    dag: DAG, conf: Mapping[str, Any] | None = None, progress: Callable[[str], None] = lambda _: None
) -> list[PlanRow]:
    """Foresee each task of a DAG that creates, as in a run that is triggered now.

    :param conf: the run's configuration, as ``airflow dags trigger --conf`` takes it
    :param progress: gets the task that is planned, in words
    :raises AepConfigError: the configuration does not fit the DAG's params
    """
    return list(_Plan(dag, dict(conf or {})).rows(progress))


class _Plan:
    """The results of the tasks so far, by task id and map index. One that only a run knows is missing."""

    def __init__(self, dag: DAG, conf: dict[str, Any]) -> None:
        self.dag = dag
        self.run = _run(dag, conf)
        self._results: dict[str, dict[int | None, Any]] = {}
        self._created: dict[Hashable, PlanRow] = {}
        self._hooks: dict[tuple[Any, Any], Any] = {}
        self._unreachable: dict[tuple[Any, Any], AepError] = {}

    def rows(self, progress: Callable[[str], None]) -> Iterator[PlanRow]:
        self._check_params()
        for task in self.dag.topological_sort():  # type: ignore[no-untyped-call]
            kind = getattr(task, "operator_class", type(task))
            creates = hasattr(kind, "foresee")
            if not creates and not _only_reads(kind):
                continue
            progress(f"Planning {task.task_id}")
            results = self._results.setdefault(task.task_id, {})
            for instance in self._instances(task):
                if creates:
                    row, results[instance.map_index] = self._settled(_row(instance, kind))
                    yield row.redacted()
                else:
                    results[instance.map_index] = _read(instance)

    def _settled(self, row: PlanRow) -> tuple[PlanRow, Any]:
        """Return a row and the task's result. What an earlier task of the run creates is reused."""
        identity = row.forecast.identity
        if identity is None:
            return row, _result(row)
        first = self._created.setdefault(identity, row)
        if first is row:
            return row, _result(row)
        reason = f"Task {first.task!r} of the same run creates it."
        return replace(row, forecast=Forecast(Action.REUSE, fails=None, reason=reason)), _result(first)

    def ask(self, operator: Any, question: Callable[[], T]) -> T:
        """Let an operator ask AEP with the hook of the tasks before it: one session, one budget for waits.

        :raises AepError: also if AEP could not be reached for a task before it. Asking again takes minutes
        """
        key = (operator.aep_conn_id, operator.sandbox)
        if key in self._unreachable:
            raise self._unreachable[key]
        operator.hook = self._hooks.setdefault(key, operator.hook)
        try:
            return question()
        except (AepConnectError, AepAuthError) as error:
            self._unreachable[key] = error
            raise

    def _check_params(self) -> None:
        """:raises AepConfigError: the run's configuration does not fit the DAG's params"""
        try:
            self.params_of(SimpleNamespace(params={}))
        except Exception as error:
            problem = " ".join(str(error).split())
            raise AepConfigError(
                f"DAG {self.dag.dag_id!r} cannot run with these params: {problem}. Give valid values "
                "with `--conf`.",
                parameter="--conf",
            ) from error

    def params_of(self, task: Any) -> dict[str, Any]:
        """Return the params of a task in this run. Airflow changes them, so it gets copies."""
        dag: Any = SimpleNamespace(params=copy.deepcopy(self.dag.params))
        own: Any = SimpleNamespace(params=copy.deepcopy(task.params))
        return process_params(dag, own, self.run.conf, suppress_exception=False)

    def _instances(self, task: Any) -> Iterator[_Instance]:
        """Yield the instances of a task: one, or one for each map index."""
        group = task.get_closest_mapped_task_group()
        mapped: Any = task.expand_input if isinstance(task, MappedOperator) else None
        expand_input = mapped or getattr(group, "_expand_input", None)
        if expand_input is None:
            yield _Instance(self, task, None)
            return
        try:
            expansions = self._expansions(expand_input)
        except MissingInput as missing:
            yield _Instance(self, task, None, unmappable=missing)
            return
        for index, arguments in enumerate(expansions):
            yield _Instance(self, task, index, arguments)

    def _expansions(self, expand_input: Any) -> list[dict[str, _Mapped]]:
        """Return the mapped arguments of each instance."""
        value = expand_input.value
        if isinstance(value, Mapping):  # expand(a=[...], b=[...]): the last argument varies fastest
            columns = [
                [(name, _Mapped(item, isinstance(values, XComArg))) for item in self._each(values)]
                for name, values in value.items()
            ]
            return [dict(row) for row in itertools.product(*columns)]
        found = []
        for item in self._each(value):
            from_run = isinstance(value, XComArg) or isinstance(item, XComArg)
            given = self.pull(item)
            if isinstance(given, MissingInput):
                raise given
            if not isinstance(given, Mapping):
                raise MissingInput("its mapped arguments are not a list of dicts")
            found.append({name: _Mapped(one, from_run) for name, one in given.items()})
        return found

    def _each(self, value: Any) -> list[Any]:
        """Return the items of a mapped argument. Of a mapped task's results, each can be missing alone."""
        if isinstance(value, PlainXComArg) and value.key == RETURN_VALUE:
            results = self._results.get(value.operator.task_id, {})
            if results and None not in results:
                return list(results.values())
        return _items(self.pull(value))

    def pull(self, value: Any, at: _Instance | None = None) -> Any:
        """Return the value that a reference to another task has; any other value as it is.

        :param at: the instance that refers to it
        """
        if not isinstance(value, XComArg):
            return value
        if not isinstance(value, PlainXComArg):  # such as `.map(function)`
            named = ", ".join(repr(operator.task_id) for operator, _ in value.iter_references())
            raise MissingInput(f"only a run computes it from the results of {named}")
        operator = value.operator
        if value.key != RETURN_VALUE:
            raise MissingInput(f"only a run knows what task {operator.task_id!r} returns as {value.key!r}")
        group = operator.get_closest_mapped_task_group()
        if at is not None and group is not None and group is at.task.get_closest_mapped_task_group():
            return self.result(operator.task_id, at.map_index)
        return self.result(operator.task_id)

    def result(self, task_id: str, map_index: int | None = None) -> Any:
        """Return the result of a task; of a mapped task those of all instances, unless one is chosen."""
        results = self._results.get(task_id)
        if results is None:
            raise MissingInput(f"only a run knows the result of task {task_id!r}")
        found = [results[key] for key in results if map_index in (None, key)]
        if missing := next((one for one in found if isinstance(one, MissingInput)), None):
            raise missing
        return found[0] if None in results or map_index is not None else found


@dataclass(frozen=True)
class _Mapped:
    """A mapped argument of one instance.

    :param from_run: whether it comes from another task: Airflow renders no template in it
    """

    value: Any
    from_run: bool


@dataclass(frozen=True)
class _Instance:
    """A task instance of the planned run.

    :param mapped: its mapped arguments
    :param unmappable: why only a run knows its mapped arguments, and how many instances there are
    """

    plan: _Plan
    task: Any
    map_index: int | None
    mapped: Mapping[str, _Mapped] = field(default_factory=dict)
    unmappable: MissingInput | None = None

    def rendered(self) -> tuple[Any, dict[str, Any], dict[str, MissingInput]]:
        """Return the operator with rendered parameters, its context, and the parameters without a value."""
        operator, literal = self._operator()
        context = self._context(operator)
        environment = operator.get_template_env()
        missing = {
            name: one.value for name, one in self.mapped.items() if isinstance(one.value, MissingInput)
        }
        for name in operator.template_fields:
            if name in literal:
                continue
            try:
                value = self._value(getattr(operator, name), operator, context, environment)
            except MissingInput as unknown:
                missing[name] = unknown
            except Exception as error:  # noqa: BLE001 - a template can raise anything
                missing[name] = MissingInput(f"its template failed with {_shown(error)}")
            else:
                setattr(operator, name, value)
        return operator, context, missing

    def _operator(self) -> tuple[Any, set[str]]:
        """Return a copy of the operator, and the names of its parameters that are not templates."""
        if not isinstance(self.task, MappedOperator):
            return self.task.prepare_for_execution(), set()
        unmapped = self.task.unmap({name: one.value for name, one in self.mapped.items()})
        return unmapped.prepare_for_execution(), {name for name, one in self.mapped.items() if one.from_run}

    def _value(self, value: Any, operator: BaseOperator, context: Any, environment: Any) -> Any:
        """Return a parameter as the task would get it.

        :raises MissingInput: only a run knows it
        """
        if isinstance(value, XComArg):
            return self.plan.pull(value, self)
        if isinstance(value, MappedArgument):
            mapped = self.mapped[value._key].value
            if isinstance(mapped, MissingInput):
                raise mapped
            return self.plan.pull(mapped, self)
        if isinstance(value, str):
            return operator.render_template(value, context, environment)
        if isinstance(value, Mapping):
            return {key: self._value(one, operator, context, environment) for key, one in value.items()}
        if isinstance(value, list | tuple | set):
            return type(value)(self._value(one, operator, context, environment) for one in value)
        if isinstance(value, ResolveMixin):
            return value.resolve(context)
        if callable(value):
            raise MissingInput("a function of the DAG computes it")
        return value

    def _context(self, operator: BaseOperator) -> dict[str, Any]:
        """Return what the templates of a run can use."""
        plan, run = self.plan, self.plan.run
        ti = SimpleNamespace(
            task=operator,
            task_id=operator.task_id,
            dag_id=plan.dag.dag_id,
            run_id=run.run_id,
            map_index=-1 if self.map_index is None else self.map_index,
            try_number=1,
            max_tries=operator.retries,
            xcom_pull=self._xcom_pull,
        )
        date: datetime = run.logical_date
        return {
            "conn": ConnectionAccessor(),
            "dag": plan.dag,
            "dag_run": run,
            "data_interval_end": run.data_interval_end,
            "data_interval_start": run.data_interval_start,
            "ds": date.strftime("%Y-%m-%d"),
            "ds_nodash": date.strftime("%Y%m%d"),
            "logical_date": date,
            "macros": MacrosAccessor(),
            "params": plan.params_of(operator),
            "run_id": run.run_id,
            "task": operator,
            "task_instance": ti,
            "ti": ti,
            "ts": date.isoformat(),
            "ts_nodash": date.strftime("%Y%m%dT%H%M%S"),
            "ts_nodash_with_tz": date.isoformat().replace("-", "").replace(":", ""),
            "var": {
                "json": VariableAccessor(deserialize_json=True),
                "value": VariableAccessor(deserialize_json=False),
            },
        }

    def _xcom_pull(
        self,
        task_ids: str | Sequence[str] | None = None,
        dag_id: str | None = None,
        key: str = RETURN_VALUE,
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """Pull the result of one task, as a template does. :raises MissingInput: for anything else"""
        if not isinstance(task_ids, str) or dag_id not in (None, self.plan.dag.dag_id) or run_id:
            raise MissingInput("only a run knows the results of other runs or of several tasks")
        if key != RETURN_VALUE:
            raise MissingInput(f"only a run knows what task {task_ids!r} returns as {key!r}")
        found = self.plan.result(task_ids, map_indexes if isinstance(map_indexes, int) else None)
        if hasattr(found, "content"):
            raise MissingInput(f"the id of what task {task_ids!r} creates or changes", new=True)
        return found


def _row(instance: _Instance, kind: Any) -> PlanRow:
    """Foresee one task instance. An error of this task is not the error of the others."""
    name: str | None = None
    error: AepError | None = None
    try:
        if instance.unmappable is not None:
            raise instance.unmappable
        if not (_is_ours(kind.act) and _is_ours(kind.execute)):
            reason = f"Class {kind.__name__} of the DAG decides what the task does."
            return PlanRow(
                instance.task.task_id,
                instance.map_index,
                kind.kind,
                None,
                Forecast(Action.UNKNOWN, fails=None, reason=reason),
            )
        operator, context, missing = instance.rendered()
        error = next((one.error for one in missing.values() if one.error is not None), None)
        given = getattr(operator, "name", None)
        name = given if "name" not in missing and isinstance(given, str) else None
        if missing.keys() & set(_CONNECTION):
            forecast = operator.foresee(context, missing)
        else:
            forecast = instance.plan.ask(operator, lambda: operator.foresee(context, missing))
    except MissingInput as missing_input:
        reason = f"The number of its instances is unknown: {missing_input}."
        forecast = Forecast(Action.UNKNOWN, fails=None, reason=reason)
    except AepError as failure:
        error = failure
        wrong = isinstance(failure, AepConfigError)
        forecast = Forecast(Action.UNKNOWN, fails=wrong or None, reason=str(failure))
    except Exception as failure:  # noqa: BLE001 - a DAG can raise anything
        forecast = Forecast(Action.UNKNOWN, fails=None, reason=f"It cannot be planned: {_shown(failure)}.")
    return PlanRow(instance.task.task_id, instance.map_index, kind.kind, name, forecast, error)


def _result(row: PlanRow) -> Any:
    """Return what the task would return, or why only a run knows it."""
    forecast = row.forecast
    known = forecast.id if forecast.result is None else forecast.result
    if known is not None:
        return known
    if forecast.action is Action.CREATE:
        return MissingInput(f"the id of what task {row.task!r} creates", new=True, spec_id=forecast.spec_id)
    return MissingInput(f"the result of task {row.task!r}, whose action is {forecast.action.value}")


def _only_reads(kind: Any) -> bool:
    """Return whether an operator only reads. A DAG's own subclass can do anything."""
    return bool(getattr(kind, "reads", ())) and _is_ours(kind.act)


def _is_ours(method: Any) -> bool:
    """Return whether a method is of this provider, and not of a subclass in a DAG."""
    return bool(inspect.unwrap(method).__module__.partition(".")[0] == __name__.partition(".")[0])


def _read(instance: _Instance) -> Any:
    """Return the result of a task that only reads, or why only a run knows it."""
    task_id = instance.task.task_id
    if instance.unmappable is not None:
        return instance.unmappable
    try:
        operator, context, missing = instance.rendered()
        if lacking := [missing[name] for name in (*operator.reads, *_CONNECTION) if name in missing]:
            reason = f"the result of task {task_id!r}, which needs {lacking[0]}"
            return MissingInput(reason, pending=all(one.pending for one in lacking))
        work = operator.read if missing else operator.act
        return instance.plan.ask(operator, lambda: work(context))
    except AepError as error:
        return MissingInput(f"task {task_id!r} fails: {error}", error=error)
    except Exception as error:  # noqa: BLE001 - a DAG can raise anything
        return MissingInput(f"task {task_id!r} fails with {_shown(error)}")


def _shown(error: Exception) -> str:
    """Return an error of a DAG for the plan. Only Jinja's own message is sure to hold no value."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, jinja2.TemplateError) else name


def _items(value: Any) -> list[Any]:
    """Return the items over which an argument is mapped."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    raise MissingInput("a mapped argument is not a list or dict")


def _run(dag: DAG, conf: dict[str, Any]) -> SimpleNamespace:
    """Return the DAG run that would be triggered now."""
    now = datetime.now(timezone.utc)
    start, end = manual_data_interval(dag, now)
    return SimpleNamespace(
        conf=conf,
        dag_id=dag.dag_id,
        data_interval_end=end,
        data_interval_start=start,
        logical_date=now,
        run_after=now,
        run_id=f"manual__{now.isoformat()}",
        run_type="manual",
        start_date=now,
    )
