"""Schema Registry: the classes, field groups and schemas of XDM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from airflow_provider_aep.flow_service import explanations, replies, xdm
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.replies import endless
from airflow_provider_aep.flow_service.requests import MAX_PAGES
from airflow_provider_aep.hooks.base import AepHook


class SchemaRegistryHook(AepHook):
    """Schema Registry of Adobe Experience Platform. ``kind`` is ``schemas`` or ``fieldgroups``.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = xdm.SCHEMA_REGISTRY
    permissions = explanations.FOR_SCHEMAS

    @cached_property
    def tenant_id(self) -> str:
        """The tenant's id, asked for once a hook. Own fields stand under ``_{tenant_id}``."""
        document = replies.read_object(self.call(xdm.stats()), "GET /stats")
        tenant = document.get("tenantId")
        if isinstance(tenant, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", tenant):
            return tenant
        raise AepReplyError.with_advice("GET /stats was answered without a tenant's id.")

    def list_resources(self, kind: str, *, title: str | None = None) -> list[dict[str, Any]]:
        """The tenant's own resources of that exact title, from every page."""
        found: dict[str, dict[str, Any]] = {}
        start, seen = None, set()
        for _ in range(MAX_PAGES):
            call = xdm.list_resources(kind, title, start)
            what = f"{call.method} {call.path}"
            document = replies.read_object(self.call(call), what)
            for item in xdm.read_results(document, what):
                found[xdm.read_resource_id(item, what)] = item
            start = xdm.next_start(document)
            if start is None:
                return [item for item in found.values() if title is None or item.get("title") == title]
            if start in seen:
                break
            seen.add(start)
        raise endless(f"GET /tenant/{kind}")

    def get_resource(self, kind: str, resource_id: str) -> dict[str, Any]:
        """One resource, made of references. :raises AepNotFoundError: gone, or not yours to see"""
        call = xdm.get_resource(kind, resource_id, "resource_id")
        return replies.read_object(self.call(call), f"{call.method} {call.path}")

    def create_resource(self, kind: str, body: Mapping[str, Any]) -> str:
        """Create with one POST and return the ``$id``. Nothing is looked up and nothing repeated.

        :raises AepRequestError: with code ``XDM-1521-400`` where the title is taken
        """
        return xdm.read_resource_id(self.call(xdm.create_resource(kind, body)), f"POST /tenant/{kind}")

    def patch_resource(self, kind: str, resource_id: str, operations: list[dict[str, Any]]) -> None:
        """Change a resource by JSON Patch; its minor version rises."""
        self.call(xdm.patch_resource(kind, resource_id, "resource_id", operations))

    def delete_resource(self, kind: str, resource_id: str) -> None:
        """Delete a resource. :raises AepNotFoundError: there is none of this id"""
        self.call(xdm.delete_resource(kind, resource_id, "resource_id"))

    def schema_fields(self, schema_id: str) -> dict[str, dict[str, Any]]:
        """Every field of a schema that holds a value, by its dotted path; those it inherits included."""
        call = xdm.get_resource(xdm.SCHEMAS, schema_id, "schema_id", accept=xdm.FULL)
        document = replies.read_object(self.call(call), f"{call.method} {call.path}")
        properties = document.get("properties")
        if not isinstance(properties, Mapping):
            raise AepReplyError.with_advice(
                f"{call.method} {call.path} was answered without the schema's fields."
            )
        return dict(xdm.leaves(properties))
