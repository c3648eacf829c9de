"""Sandbox Management and Access Control: the sandboxes and the permissions of a credential."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks.base import AepHook


class AccessHook(AepHook):
    """Sandbox Management and Access Control of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = "/data/foundation"
    permissions = "the sandbox"

    def list_sandboxes(self) -> dict[str, str]:
        """Return the state of each sandbox that the credential sees, by name (Adobe's Sandbox OpenAPI)."""
        call = Call("GET", "/sandbox-management/")
        items = replies.read_object(self.call(call), str(call)).get("sandboxes")
        if isinstance(items, list) and all(isinstance(item, Mapping) for item in items):
            return {str(item.get("name")): str(item.get("state", "")) for item in items}
        raise AepReplyError.with_advice(f"{call} was answered without a list of sandboxes.")

    def list_permissions(self, names: Iterable[str]) -> set[str]:
        """Return those of the permissions that the credential has in the sandbox.

        By Adobe's guide on effective policies, the reply leaves out the others.

        :param names: such as ``manage-sources``
        :raises AepPermissionError: the credential may not ask this
        """
        call = Call(
            "POST", "/access-control/acl/effective-policies", body=[f"/permissions/{one}" for one in names]
        )
        policies = replies.read_object(self.call(call), str(call)).get("policies")
        if isinstance(policies, Mapping):
            return {str(name).rpartition("/")[2] for name, actions in policies.items() if actions}
        raise AepReplyError.with_advice(f"{call} was answered without policies.")
