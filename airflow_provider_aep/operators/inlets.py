"""Read the streaming endpoint of a dataflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDataflowLink
from airflow_provider_aep.operators.base import AepOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class GetInletOperator(AepOperator):
    """Read the streaming endpoint of a dataflow: the URL that accepts its records.

    Sources such as HTTP API, LAVA and Capillary have a streaming endpoint. Everybody who knows the URL can
    send records, unless the base connection requires a token.

    Adobe: tutorials of the streaming sources, field ``inletUrl``.

    :param flow_id: the dataflow's id
    :return: the URL; None for a stream that AEP reads itself, such as Event Hubs
    """

    template_fields: Sequence[str] = ("flow_id", "aep_conn_id", "sandbox")
    operator_extra_links = (AepDataflowLink(),)

    def __init__(self, *, flow_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flow_id = flow_id

    def act(self, context: Any) -> str | None:
        """Read the endpoint from the dataflow, else from the base connection."""
        endpoint = self.hook.find_streaming_endpoint(self.flow_id)
        self.keep_link(AepDataflowLink.xcom_key, self.hook.link("dataflow", self.flow_id))
        if endpoint is None:
            self.log.info("Dataflow %s has no streaming endpoint: AEP reads the stream itself.", self.flow_id)
        return endpoint
