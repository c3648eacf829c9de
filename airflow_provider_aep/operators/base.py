"""What every operator of this provider shares: the connection, the sandbox, and how errors leave."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_aep._compat import HAS_RETRY_POLICY, AirflowFailException, BaseOperator
from airflow_provider_aep.retry import AepRetryPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.hooks.flow_service import FlowServiceHook


class AepOperator(BaseOperator):
    """Base of the operators. Subclasses write :meth:`act`.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    :param retry_policy: on Airflow 3.3, who decides about retries; :class:`AepRetryPolicy` if not given
    """

    template_fields: Sequence[str] = ("aep_conn_id", "sandbox")
    ui_color = "#fbe9e7"

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

        try:
            return self.act(context)
        except AepError as error:
            if error.retryable or HAS_RETRY_POLICY:
                raise
            raise AirflowFailException(str(error)) from error

    def act(self, context: Any) -> Any:
        """The operator's own work."""
        raise NotImplementedError

    @cached_property
    def hook(self) -> FlowServiceHook:
        """The hook, made when it is first needed, with what the templates rendered to."""
        from airflow_provider_aep.hooks.flow_service import FlowServiceHook

        return FlowServiceHook(self.aep_conn_id, self.sandbox)
