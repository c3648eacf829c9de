"""Where a stream's rows are to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDataflowLink
from airflow_provider_aep.operators.base import AepOperator, push_link

if TYPE_CHECKING:
    from collections.abc import Sequence


class GetInletOperator(AepOperator):
    """Look up the URL that takes the rows of a streaming dataflow (HTTP API, LAVA, Capillary).

    Whoever knows it can send rows, unless the base connection asks for a token.

    :param flow_id: the dataflow's id
    :return: the URL; None for a stream that the platform fetches itself, such as Event Hubs
    """

    template_fields: Sequence[str] = ("flow_id", "aep_conn_id", "sandbox")
    operator_extra_links = (AepDataflowLink(),)

    def __init__(self, *, flow_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flow_id = flow_id

    def act(self, context: Any) -> str | None:
        """Read it off the dataflow, or the base connection."""
        from airflow_provider_aep.operators.flows import flow_link

        inlet = self.hook.find_inlet(self.flow_id)
        push_link(self, context, AepDataflowLink.xcom_key, flow_link(self, self.flow_id))
        if inlet is None:
            self.log.info("Dataflow %s has no inlet: the platform fetches its rows.", self.flow_id)
        return inlet
