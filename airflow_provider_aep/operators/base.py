"""What every operator of this provider shares: the connection, the sandbox, and how errors leave."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_aep._compat import HAS_RETRY_POLICY, AirflowFailException, BaseOperator
from airflow_provider_aep.retry import AepRetryPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity, Outcome, Service
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook


LONGEST_NAME = 250
"""Characters that Airflow's database has room for."""


class AepOperator(BaseOperator):
    """Base of the operators. Subclasses write :meth:`act`.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    :param retry_policy: on Airflow 3.3, who decides about retries; :class:`AepRetryPolicy` if not given
    """

    template_fields: Sequence[str] = ("aep_conn_id", "sandbox")
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
        """Do it. What a retry cannot help fails at once, on Airflow below 3.3 as ``AirflowFailException``.

        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        from airflow_provider_aep.flow_service.errors import AepError

        self.__dict__.pop("hook", None)  # made for what was rendered before, if this object runs twice
        try:
            return self.act(context)
        except AepError as error:
            if error.retryable or HAS_RETRY_POLICY:
                raise
            raise AirflowFailException(str(error)) from error
        finally:
            self.__dict__.pop("hook", None)  # its locks and sockets could not be copied with the DAG

    def act(self, context: Any) -> Any:
        """The operator's own work."""
        raise NotImplementedError

    @cached_property
    def hook(self) -> FlowServiceHook:
        """The hook, made when it is first needed, with what the templates rendered to.

        All that a try does goes by way of it, so it counts what the try sleeps in the worker's slot.
        """
        from airflow_provider_aep.flow_service.retry import LONGEST_WAIT
        from airflow_provider_aep.hooks.flow_service import FlowServiceHook

        hook = FlowServiceHook(self.aep_conn_id, self.sandbox)
        hook.sleep_at_most(LONGEST_WAIT)
        return hook


class CreateOperator(AepOperator):
    """Base of the operators that make sure that exactly one entity stands. Subclasses write :meth:`plan`.

    Tasks that run at the same time end with one entity as long as AEP lists a new one within ``[aep] settle``
    + 8 seconds (9 by default): see ``docs/reliability.md``.

    :param if_exists: what to do where one stands: ``reuse`` it, ``update`` it, or ``fail``
    :param on_difference: what to do under ``reuse`` where one exists that differs from what is given here:
        ``warn``, which lists each field with its existing and its wanted value, or ``fail``. Under ``update``
        what AEP lets one change is changed, and any other difference is an error
    :param mark: whether what this task makes carries its mark, by which a later try knows it; without it a
        lost reply is not healed
    :param wait_timeout: seconds to wait for an entity that is still being set up. A try sleeps through a
        minute of them at most; then it fails for a retry, which goes on waiting
    :return: the entity's id, as XCom ``return_value``
    """

    link_key = ""

    def __init__(
        self,
        *,
        if_exists: str = "reuse",
        on_difference: str = "warn",
        mark: bool = True,
        wait_timeout: float = 120,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.if_exists = if_exists
        self.on_difference = on_difference
        self.mark = mark
        self.wait_timeout = wait_timeout

    def act(self, context: Any) -> str:
        """Create it, or find it, and push the link to it while the task still runs."""
        desired, service = self.plan(context)
        outcome = self.ensure(context, desired, service)
        push_link(self, context, self.link_key, service.link(outcome.id))
        return outcome.id

    def ensure(self, context: Any, desired: DesiredEntity, service: Service) -> Outcome:
        """Reconcile one entity, with what this task remembers of it."""
        from airflow_provider_aep.exactly_once import carry_out, create_once
        from airflow_provider_aep.operators._services import TaskMemory

        key = "aep_" + re.sub(r"[^A-Za-z0-9]+", "_", desired.kind)  # it is part of a path
        memory = TaskMemory(context, key, desired.identity, self.log)
        return carry_out(create_once(desired), service, memory, self.log, self.hook.sleep_budget.sleep)

    def plan(self, context: Any) -> tuple[DesiredEntity, Service]:
        """What is wanted and how it is made; everything is checked here, before anything is created."""
        raise NotImplementedError

    def desired(
        self,
        context: Any,
        *,
        kind: str,
        name: str,
        identity: dict[str, str],
        drafts: bool = False,
        alike: bool = False,
    ) -> DesiredEntity:
        """Return the desired entity; ``identity`` is completed by organization, sandbox and name."""
        from airflow_provider_aep._compat import config_seconds
        from airflow_provider_aep.exactly_once import IF_EXISTS, ON_DIFFERENCE, DesiredEntity
        from airflow_provider_aep.flow_service.validation import check_choice, check_seconds

        name_instance(context, name)
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
            on_difference=check_choice(self.on_difference, "on_difference", ON_DIFFERENCE),
            mark=None if alike else self.own_mark(context),
            drafts=drafts,
            alike=alike,
            wait_timeout=check_seconds(self.wait_timeout, "wait_timeout"),
            settle=check_seconds(config_seconds("settle", 1.0), "[aep] settle"),
        )

    def own_mark(self, context: Any) -> str | None:
        """This task instance's mark: dag, task, run, map index."""
        from airflow_provider_aep.exactly_once import make_mark
        from airflow_provider_aep.flow_service.validation import check_flag

        if not check_flag(self.mark, "mark"):
            return None
        ti = context.get("ti")
        run_id = context.get("run_id") or getattr(ti, "run_id", "") or ""
        map_index = getattr(ti, "map_index", -1)
        return make_mark(self.dag_id, self.task_id, str(run_id), -1 if map_index is None else map_index)


def name_instance(context: Any, text: str) -> None:
    """Show a mapped task instance under this text in Airflow's grid instead of its map index.

    A ``map_index_template`` of the DAG's author goes before. Airflow takes no default from an operator's
    class or ``__init__``: it reads the template from the context, when the task has ended.
    """
    map_index = getattr(context.get("ti"), "map_index", -1)
    if map_index is not None and map_index >= 0 and context.get("map_index_template") is None:
        context["aep_name"] = text[:LONGEST_NAME]
        context["map_index_template"] = "{{ aep_name }}"


def push_link(operator: AepOperator, context: Any, key: str, url: str) -> None:
    """Make a link live now; Airflow itself would push it when the task has ended."""
    operator.link_urls = {**operator.link_urls, key: url}
    if (ti := context.get("ti")) is not None:
        ti.xcom_push(key=key, value=url)


def none_if_blank(text: Any) -> Any:
    """What Jinja makes of None or of an empty parameter is no text."""
    return None if isinstance(text, str) and text.strip() in {"", "None"} else text
