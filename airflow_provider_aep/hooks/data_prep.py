"""Data Prep: mapping sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service import explanations, mappings
from airflow_provider_aep.flow_service.errors import AepError, AepReplyError
from airflow_provider_aep.hooks.base import AepHook
from airflow_provider_aep.hooks.line import repeatedly


class DataPrepHook(AepHook):
    """Data Prep of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = mappings.DATA_PREP
    permissions = explanations.FOR_MAPPINGS

    def create_mapping_set(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create a mapping set. A POST that fails is repeated as a GET would be: one left over is harmless.

        :return: ``{"id", "version"}``
        """
        failure, made, _ = repeatedly("GET", lambda: self._create_once(body), self.slot, log=self.log)
        if made is None:
            raise failure or AepReplyError.with_advice("POST /mappingSets was not answered.")
        return made

    def _create_once(self, body: Mapping[str, Any]) -> tuple[AepError | None, dict[str, Any] | None]:
        try:
            document = self.call(mappings.create_mapping_set(body))
            return None, mappings.read_created(document, "POST /mappingSets")
        except AepError as error:
            return error, None

    def get_mapping_set(self, mapping_set_id: str) -> dict[str, Any]:
        """One mapping set. :raises AepNotFoundError: gone, or not yours to see"""
        call = mappings.get_mapping_set(mapping_set_id)
        document: Any = self.call(call)
        if isinstance(document, dict) and document.get("id") == mapping_set_id:
            return document
        raise AepReplyError.with_advice(f"{call.method} {call.path} was answered without the mapping set.")
