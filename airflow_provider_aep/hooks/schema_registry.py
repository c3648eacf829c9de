"""Schema Registry: the classes, field groups and schemas of XDM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from airflow_provider_aep.flow_service import explanations, replies, xdm
from airflow_provider_aep.flow_service.datasets import schema_of
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.collections import CollectionHook


class SchemaRegistryHook(CollectionHook):
    """Schema Registry of Adobe Experience Platform. ``kind`` is ``schemas`` or ``fieldgroups``.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = xdm.SCHEMA_REGISTRY
    permissions = explanations.FOR_SCHEMAS

    @cached_property
    def tenant_id(self) -> str:
        """The tenant's id, read once by a hook. The tenant's own fields are under ``_{tenant_id}``."""
        document = replies.read_object(self.call(xdm.stats()), "GET /stats")
        tenant = document.get("tenantId")
        if isinstance(tenant, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", tenant):
            return tenant
        raise AepReplyError.with_advice("GET /stats was answered without a tenant's id.")

    def list_resources(self, kind: str, *, title: str | None = None) -> list[dict[str, Any]]:
        """List the tenant's own resources of that exact title, from every page."""
        return self.list_entities(xdm.resources(kind), name=title)

    def get_resource(self, kind: str, resource_id: str) -> dict[str, Any]:
        """Get one resource, which refers to its parts.

        :raises AepNotFoundError: it does not exist, or the credential may not see it
        """
        return self.get_entity(xdm.resources(kind), resource_id)

    def create_resource(self, kind: str, body: Mapping[str, Any]) -> str:
        """Create a resource with one POST and return its ``$id``. Existing resources are not listed before.

        :raises AepRequestError: with code ``XDM-1521-400`` if another resource has the title
        """
        return str(self.create_entity(xdm.resources(kind), body))

    def patch_resource(self, kind: str, resource_id: str, operations: list[dict[str, Any]]) -> None:
        """Change a resource by JSON Patch; its minor version rises."""
        self.patch_entity(xdm.resources(kind), resource_id, operations)

    def delete_resource(self, kind: str, resource_id: str) -> None:
        """Delete a resource. :raises AepNotFoundError: it does not exist"""
        self.delete_entity(xdm.resources(kind), resource_id)

    def schema_fields(self, schema_id: str) -> dict[str, dict[str, Any]]:
        """Return every field of a schema that holds a value, by its dotted path, with inherited fields."""
        call = xdm.get_whole_schema(schema_id)
        properties = replies.read_object(self.call(call), str(call)).get("properties")
        if not isinstance(properties, Mapping):
            raise AepReplyError.with_advice(f"{call} was answered without the schema's fields.")
        return dict(xdm.leaves(properties))

    def dependants_of(self, kind: str, resource_id: str) -> list[str]:
        """Return the ids of the datasets of a schema, or of the schemas that use a field group."""
        if kind == xdm.SCHEMAS:
            found = self.to(CatalogHook).list_datasets()
            return [str(item["id"]) for item in found if schema_of(item) == resource_id]
        schemas = self.list_resources(xdm.SCHEMAS)
        return [str(item["$id"]) for item in schemas if resource_id in xdm.references(item)]
