"""The base classes of the operators: connection, sandbox, errors, and the creation of one entity."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_aep._compat import HAS_RETRY_POLICY, AirflowFailException, BaseOperator
from airflow_provider_aep.retry import AepRetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity, Outcome, Service
    from airflow_provider_aep.exactly_once.forecast import Forecast, MissingInput
    from airflow_provider_aep.flow_service.errors import AepError
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook
    from airflow_provider_aep.operators._services import EntityService


LONGEST_NAME = 250
"""The longest name of a mapped task instance that Airflow's database can store, in characters."""


class AepOperator(BaseOperator):
    """Base of the operators. Subclasses write ``act``.

    :param aep_conn_id: the Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    :param retry_policy: Airflow's retry policy, from 3.3 on; :class:`AepRetryPolicy` by default
    """

    template_fields: Sequence[str] = ("aep_conn_id", "sandbox")
    reads: Sequence[str] = ()
    """The parameters on which the result of an operator that only reads depends. Others have none."""
    ui_color = "#fbe9e7"
    link_urls: Mapping[str, str] = {}

    def __init__(
        self,
        *,
        aep_conn_id: str = "aep_default",
        sandbox: str | None = None,
        retry_policy: Any = None,
        **kwargs: Any,
    ) -> None:
        if HAS_RETRY_POLICY:
            kwargs["retry_policy"] = retry_policy or AepRetryPolicy()
        super().__init__(**kwargs)
        self.aep_conn_id = aep_conn_id
        self.sandbox = sandbox

    def execute(self, context: Any) -> Any:
        """Run :meth:`act`. Permanent errors fail without a retry.

        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        :raises AirflowFailException: a permanent error, before Airflow 3.3; its cause is the ``AepError``
        """
        from airflow_provider_aep.flow_service.errors import AepError

        self.__dict__.pop("hook", None)  # if this object runs twice, its rendered parameters can differ
        try:
            return self.act(context)
        except AepError as error:
            self.raise_for_airflow(error)
        finally:
            self.__dict__.pop("hook", None)  # Airflow copies the DAG, and locks cannot be copied

    def raise_for_airflow(self, error: AepError) -> NoReturn:
        """Raise an error in the form that Airflow needs: a permanent error must not be retried."""
        if error.retryable or HAS_RETRY_POLICY:
            raise error
        raise AirflowFailException(str(error)) from error

    def act(self, context: Any) -> Any:
        """Do the operator's own work."""
        raise NotImplementedError

    def keep_link(self, key: str, url: str) -> None:
        """Keep a link's URL. Airflow asks for it when the try ends, and pushes it then."""
        self.link_urls = {**self.link_urls, key: url}

    def read(self, context: Any) -> Any:
        """Return the result of an operator that only reads. Only the parameters in ``reads`` are needed."""
        return self.act(context)

    @cached_property
    def hook(self) -> FlowServiceHook:
        """Return the hook. Make it at the first use, when the templates are rendered.

        All requests of a try go through this hook, so it holds the try's sleep budget.
        """
        from airflow_provider_aep.flow_service.retry import LONGEST_WAIT
        from airflow_provider_aep.hooks.flow_service import FlowServiceHook

        hook = FlowServiceHook(self.aep_conn_id, self.sandbox)
        hook.sleep_at_most(LONGEST_WAIT)
        return hook


class CreateOperator(AepOperator):
    """Base of the operators that create exactly one entity. Subclasses write ``plan``.

    Tasks that run at the same time end with one entity under two conditions: AEP lists a new entity within
    ``[aep] settle`` + 8 seconds (9 by default), and lists entities in the order of their creation. See
    ``docs/reliability.md``.

    :param if_exists: if the entity exists already: ``reuse`` it, ``update`` it, or ``fail``
    :param if_missing: if the entity does not exist: ``create`` it or ``fail``
    :param on_difference: if ``if_exists`` is ``reuse`` and the existing entity differs from the parameters:
        ``warn`` or ``fail``. Both list each field with its existing and its desired value. With
        ``if_exists="update"`` the task changes the fields that AEP can change. Any other difference is an
        error
    :param mark: write an ownership mark into the description. A later try recognizes the entity by the mark.
        Without it, a lost reply is not recovered
    :param wait_timeout: seconds to wait for an entity that is still being set up. A try sleeps for at most a
        minute of them. Then it fails for a retry, and the retry continues to wait
    :return: the entity's id, as XCom ``return_value``
    :raises EntityExistsError: ``if_exists`` is ``fail``, or the entity differs in a field that cannot change
    :raises EntityMissingError: ``if_missing`` is ``fail``, and the entity does not exist
    :raises AmbiguousEntityError: several entities of the same name exist, and none can be chosen safely
    """

    link_key = ""
    kind = ""
    """The kind of the entity, in words."""
    identified_by: Sequence[str] = ("name",)
    """The parameters without which an existing entity cannot be found."""
    parents: Sequence[str] = ()
    """The parameters with the id of an entity that the identity includes. If it is new, so is this entity."""

    def __init__(
        self,
        *,
        if_exists: str = "reuse",
        if_missing: str = "create",
        on_difference: str = "warn",
        mark: bool = True,
        wait_timeout: float = 120,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.if_exists = if_exists
        self.if_missing = if_missing
        self.on_difference = on_difference
        self.mark = mark
        self.wait_timeout = wait_timeout

    def act(self, context: Any) -> str:
        """Create the entity or find it."""
        desired, service = self.plan(context)
        outcome = self.ensure(context, desired, service)
        self.keep_link(self.link_key, service.link(outcome.id))
        return outcome.id

    def ensure(self, context: Any, desired: DesiredEntity, service: Service, *, keep: bool = True) -> Outcome:
        """Reconcile one entity, with the id that an earlier try stored.

        :param keep: False if a retry recognizes the entity without the task state store
        """
        from airflow_provider_aep.exactly_once import carry_out, create_once
        from airflow_provider_aep.operators._services import TaskMemory

        key = "aep_" + re.sub(r"[^A-Za-z0-9]+", "_", desired.kind)  # the key becomes part of a path
        memory = TaskMemory(context if keep else {}, key, desired.identity, self.log)
        return carry_out(create_once(desired), service, memory, self.log, self.hook.sleep_budget.sleep)

    def plan(self, context: Any) -> tuple[DesiredEntity, EntityService[Any]]:
        """Check all parameters, and return the desired entity and its service. Create nothing."""
        raise NotImplementedError

    def foresee(self, context: Any, missing: Mapping[str, MissingInput]) -> Forecast:
        """Return what the task would do, by reading alone.

        :param missing: the parameters that only a run knows. The other parameters are rendered
        :raises AepError: AEP could not be read, or a parameter is invalid
        """
        from airflow_provider_aep.exactly_once import create_once
        from airflow_provider_aep.exactly_once.forecast import Action, Forecast, foresee

        doubt = because(missing, pending=False)
        if new := [str(missing[name]) for name in self.parents if name in missing and missing[name].new]:
            names = [str(getattr(self, name, None)) for name in self.identified_by]
            identity = None if missing.keys() & set(self.identified_by) else (self.kind, *names, *new)
            fails = True if self.if_missing == "fail" else None if doubt else False
            return Forecast(Action.CREATE, fails=fails, reason=doubt, identity=identity)
        if missing.keys() & {"aep_conn_id", "sandbox", *self.identified_by, *self.parents}:
            return Forecast(Action.UNKNOWN, fails=None, reason=because(missing))
        if not missing:
            desired, service = self.plan(context)
            return foresee(desired, create_once(desired), service)
        desired, service = self.identify(context, missing)
        forecast = foresee(desired, create_once(desired), service, because(missing))
        if forecast.action is Action.CREATE and doubt and not forecast.fails:
            return replace(forecast, fails=None, reason=doubt)
        return forecast

    def identify(
        self, context: Any, missing: Mapping[str, MissingInput]
    ) -> tuple[DesiredEntity, EntityService[Any]]:
        """Return the desired entity by its identity alone, and a service that can find it."""
        raise NotImplementedError

    def desired(
        self,
        context: Any,
        *,
        kind: str,
        name: str,
        identity: dict[str, str],
        drafts: bool = False,
        interchangeable: bool = False,
        any_state: bool = False,
    ) -> DesiredEntity:
        """Return the desired entity. Add organization, sandbox and name to its ``identity``."""
        from airflow_provider_aep._compat import config_number
        from airflow_provider_aep.exactly_once import IF_EXISTS, IF_MISSING, ON_DIFFERENCE, DesiredEntity
        from airflow_provider_aep.flow_service.validation import check_choice, check_seconds

        name_instance(context, name)
        number, most = (getattr(context.get("ti"), fact, None) for fact in ("try_number", "max_tries"))
        return DesiredEntity(
            kind=kind,
            name=name,
            identity={
                "org": self.hook.settings.org_id,
                "sandbox": self.hook.sandbox,
                **identity,
                "name": name,
            },
            if_exists=check_choice(self.if_exists, "if_exists", IF_EXISTS),
            if_missing=check_choice(self.if_missing, "if_missing", IF_MISSING),
            on_difference=check_choice(self.on_difference, "on_difference", ON_DIFFERENCE),
            mark=None if interchangeable else self.own_mark(context),
            drafts=drafts,
            interchangeable=interchangeable,
            any_state=any_state,
            wait_timeout=check_seconds(self.wait_timeout, "wait_timeout"),
            settle=check_seconds(config_number("settle", 1.0), "[aep] settle"),
            first_try=number == 1,
            last_try=isinstance(number, int) and isinstance(most, int) and number > most,
        )

    def own_mark(self, context: Any) -> str | None:
        """Return this task instance's ownership mark, made of DAG, task, run and map index."""
        from airflow_provider_aep.exactly_once import make_mark
        from airflow_provider_aep.flow_service.validation import check_flag

        if not check_flag(self.mark, "mark"):
            return None
        ti = context.get("ti")
        run_id = context.get("run_id") or getattr(ti, "run_id", "") or ""
        map_index = getattr(ti, "map_index", -1)
        return make_mark(self.dag_id, self.task_id, str(run_id), -1 if map_index is None else map_index)


def name_instance(context: Any, text: str) -> None:
    """Show a mapped task instance in Airflow's grid under this text instead of its map index.

    A ``map_index_template`` in the DAG has priority. An operator's class or ``__init__`` cannot set a
    default: Airflow reads the template from the context when the task has ended.
    """
    map_index = getattr(context.get("ti"), "map_index", -1)
    if map_index is not None and map_index >= 0 and context.get("map_index_template") is None:
        context["aep_name"] = text[:LONGEST_NAME]
        context["map_index_template"] = "{{ aep_name }}"


def because(missing: Mapping[str, MissingInput], *, pending: bool = True) -> str:
    """Return in words which parameters only a run knows.

    :param pending: name those, too, that are known as soon as a run has created another entity
    """
    told = (name for name, value in missing.items() if pending or not value.pending)
    return " ".join(f"`{name}` is unknown: {missing[name]}." for name in told)


def push_link(operator: AepOperator, context: Any, key: str, url: str) -> None:
    """Push a link now, for a task that continues for long. It costs a request to Airflow's API server."""
    operator.keep_link(key, url)
    if (ti := context.get("ti")) is not None:
        ti.xcom_push(key=key, value=url)


class DeleteOperator(AepOperator):
    """Base of the operators that delete an entity that nothing uses.

    :param missing_ok: whether the task succeeds if the entity does not exist
    :raises EntityInUseError: something uses the entity. The error names what uses it
    :raises AepNotFoundError: the entity does not exist, and ``missing_ok`` is False
    """

    def __init__(self, *, missing_ok: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.missing_ok = missing_ok

    def delete_unused(
        self,
        what: str,
        *,
        find: Callable[[], object],
        users: Callable[[], Sequence[str]],
        delete: Callable[[], None],
        todo: str,
    ) -> None:
        """Delete an entity, unless something uses it.

        :param what: the entity, for messages
        :param find: reads the entity
        :param users: returns what uses it
        :param todo: the end of the error's message
        :raises EntityInUseError: it is in use. The error names what uses it
        :raises AepNotFoundError: it does not exist, and ``missing_ok`` is False
        """
        from airflow_provider_aep.flow_service.errors import AepNotFoundError, EntityInUseError

        try:
            find()
        except AepNotFoundError:
            if not self.missing_ok:
                raise
            self.log.info("The %s does not exist.", what)
            return
        if used_by := users():
            named = "; ".join(used_by)
            raise EntityInUseError(f"The {what} is in use and was not deleted: {named}. {todo}")
        try:
            delete()
        except AepNotFoundError:
            if not self.missing_ok:
                raise
        self.log.info("Deleted %s.", what)


def none_if_blank(text: Any) -> Any:
    """Return None for an empty text and for ``None``, the text that Jinja renders for a missing value."""
    return None if isinstance(text, str) and text.strip() in {"", "None"} else text
