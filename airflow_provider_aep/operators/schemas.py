"""Create or delete the XDM schema of a dataset."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDatasetsLink
from airflow_provider_aep.operators.base import CreateOperator, DeleteOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity, Entity
    from airflow_provider_aep.exactly_once.forecast import Forecast, MissingInput
    from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
    from airflow_provider_aep.operators._registry_services import RegistryService
    from airflow_provider_aep.operators._services import EntityService

PROFILE = "https://ns.adobe.com/xdm/context/profile"


class CreateSchemaOperator(CreateOperator):
    """Create exactly one XDM schema of this name, and return its ``$id``.

    Its identity is organization, sandbox and title. A title is unique across schemas, field groups, classes
    and data types. If two tasks create the same schema, the second uses the schema of the first. An existing
    schema of this title with another class is an error.

    With ``columns`` the schema has a field group ``{name} fields`` in the tenant's namespace, with a field
    for each column under ``_{tenant}``. The task creates the field group first, also exactly once. An
    existing schema is reused unchanged: missing fields are a difference, and ``if_exists="update"`` adds
    them. The task does not remove fields and cannot change types.

    Adobe: "Create a schema using the Schema Registry API".

    :param name: the schema's title
    :param columns: the columns as ``InspectTableOperator`` returns them, or a list of such lists
    :param class_id: the class's ``$id``, or ``record`` (XDM Individual Profile), or ``time-series`` (XDM
        ExperienceEvent, whose records need an ``_id`` and a ``timestamp``)
    :param field_groups: the ``$id`` of further field groups, standard or your own
    :param description: a free text; the task adds its ownership mark at the end
    :param if_exists: if the schema exists already: ``reuse`` it, ``update`` description, field groups and
        fields, or ``fail``
    :return: the schema's ``$id``
    """

    template_fields: Sequence[str] = (
        "name",
        "columns",
        "class_id",
        "field_groups",
        "description",
        "aep_conn_id",
        "sandbox",
    )
    operator_extra_links = (AepDatasetsLink(),)
    link_key = AepDatasetsLink.xcom_key
    kind = "schema"

    def __init__(
        self,
        *,
        name: str,
        columns: Any = None,
        class_id: str = PROFILE,
        field_groups: Sequence[str] = (),
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.columns = columns
        self.class_id = class_id
        self.field_groups = field_groups
        self.description = description

    def act(self, context: Any) -> str:
        """Check all parameters, then create the field group, then the schema."""
        desired, class_id, groups, fields = self._checked(context)
        service = self._schema(desired, class_id, groups, fields)
        existing = service.list_existing()
        self._refuse(desired, existing)
        if fields and (not existing or self.if_exists == "update"):
            group, group_service = self._group(context, desired, class_id, fields)
            by_mark = group.mark is not None  # titles are unique, so a retry finds no other field group
            groups.append(self.ensure(context, group, group_service, keep=not by_mark).id)
            service = self._schema(desired, class_id, groups, fields)
        outcome = self.ensure(context, desired, service)
        self.keep_link(self.link_key, service.link(outcome.id))
        return outcome.id

    def foresee(self, context: Any, missing: Mapping[str, MissingInput]) -> Forecast:
        """Foresee the schema. A change of its field group is a change of the schema."""
        from airflow_provider_aep.exactly_once import create_once
        from airflow_provider_aep.exactly_once.forecast import Action, foresee

        if missing:
            return super().foresee(context, missing)
        desired, class_id, groups, fields = self._checked(context)
        service = self._schema(desired, class_id, groups, fields)
        existing, extended = service.list_existing(), False
        if fields and existing and self.if_exists == "update":
            group, group_service = self._group(context, desired, class_id, fields)
            forecast = foresee(group, create_once(group), group_service)
            if forecast.fails:
                return replace(forecast, id=existing[0].id)
            extended = forecast.action is not Action.REUSE
            groups += [forecast.id] if forecast.id else []
            service = self._schema(desired, class_id, groups, fields)
        forecast = foresee(desired, create_once(desired), service)
        if extended and not forecast.fails:
            return replace(forecast, action=Action.UPDATE)
        return forecast

    def identify(
        self, context: Any, missing: Mapping[str, MissingInput]
    ) -> tuple[DesiredEntity, EntityService[Any]]:
        """Return the schema by its title."""
        from airflow_provider_aep.flow_service import xdm
        from airflow_provider_aep.flow_service.validation import check_name
        from airflow_provider_aep.operators._services import known_by

        desired = self.desired(context, kind=self.kind, name=check_name(self.name), identity={})
        return desired, known_by(self._registry, xdm.resources(xdm.SCHEMAS), desired.name, missing)

    def _checked(self, context: Any) -> tuple[DesiredEntity, str, list[str], dict[str, Any]]:
        """Check all parameters. Return the desired schema, the class, the field groups and the fields."""
        from airflow_provider_aep.flow_service import xdm
        from airflow_provider_aep.flow_service.validation import check_name, check_text

        name = check_name(self.name)
        check_text(none_if_blank(self.description), "description")
        desired = self.desired(context, kind=self.kind, name=name, identity={})
        given = none_if_blank(self.columns)
        fields = {} if given is None else xdm.fields_of(xdm.merge_columns(given))
        if fields:
            check_name(_group_title(name), "name")
        groups = none_if_blank(self.field_groups)
        return desired, xdm.check_class(self.class_id), xdm.check_groups(groups or []), fields

    def _refuse(self, desired: DesiredEntity, existing: Sequence[Entity]) -> None:
        """Raise the error of ``if_exists="fail"`` before the field group is created.

        :raises EntityExistsError: somebody else's schema of this title exists
        """
        from airflow_provider_aep.flow_service.errors import EntityExistsError

        foreign = [one for one in existing if one.mark is None or one.mark != desired.mark]
        if desired.if_exists == "fail" and foreign:
            raise EntityExistsError(
                f"{desired.title} exists already: {foreign[0].id}, {foreign[0].created_by}, and `if_exists` "
                "is 'fail'. Choose another `name`, or set `if_exists` to 'reuse' or 'update'."
            )

    def _schema(
        self, desired: DesiredEntity, class_id: str, groups: list[str], fields: dict[str, Any]
    ) -> RegistryService:
        """Return the service that creates the schema and compares it with an existing one."""
        from airflow_provider_aep.flow_service import xdm
        from airflow_provider_aep.operators._registry_services import RegistryService
        from airflow_provider_aep.operators._services import EntityDefinition

        collection = xdm.resources(xdm.SCHEMAS)
        definition = EntityDefinition(
            collection=collection,
            body=xdm.schema_body(
                title=desired.name,
                description=none_if_blank(self.description),
                class_id=class_id,
                groups=groups,
            ),
            mark=desired.mark,
            dependants=lambda own: self._registry.dependants_of(xdm.SCHEMAS, own),
            check_same_entity=lambda item: xdm.check_same_class(item, collection, desired.name, class_id),
            operations=lambda item, _changed: xdm.added_references(item, groups),
            desired_fields={"field_groups": dict.fromkeys(groups, "used"), "columns": xdm.types_of(fields)},
            existing_fields=lambda item: {
                "field_groups": dict.fromkeys(xdm.references(item), "used"),
                "columns": self._columns_of(item) if fields else {},
            },
            fixed=xdm.why_fixed,
        )
        return RegistryService(self._registry, definition)

    def _columns_of(self, item: Mapping[str, Any]) -> dict[str, str]:
        """Return the types of a schema's fields in the tenant's namespace, from all field groups."""
        from airflow_provider_aep.flow_service import xdm

        own = f"{xdm.namespace(self._registry.tenant_id)}."
        found = self._registry.schema_fields(str(item["$id"]))
        return xdm.types_of(
            {name.removeprefix(own): one for name, one in found.items() if name.startswith(own)}
        )

    def _group(
        self, context: Any, desired: DesiredEntity, class_id: str, fields: dict[str, Any]
    ) -> tuple[DesiredEntity, RegistryService]:
        """Return the desired field group of the columns, and its service."""
        from airflow_provider_aep.flow_service import xdm
        from airflow_provider_aep.operators._registry_services import RegistryService
        from airflow_provider_aep.operators._services import EntityDefinition

        title, tenant = _group_title(desired.name), self._registry.tenant_id
        collection = xdm.resources(xdm.FIELD_GROUPS)
        definition = EntityDefinition(
            collection=collection,
            body=xdm.group_body(title=title, class_id=class_id, tenant=tenant, fields=fields),
            mark=desired.mark,
            dependants=lambda own: self._registry.dependants_of(xdm.FIELD_GROUPS, own),
            check_same_entity=lambda item: xdm.check_same_class(item, collection, title, class_id),
            operations=lambda item, _changed: xdm.added_fields(item, tenant, fields),
            desired_fields={"columns": xdm.types_of(fields)},
            existing_fields=lambda item: {"columns": xdm.types_of(xdm.own_fields(item, tenant))},
            fixed=xdm.why_fixed,
        )
        group = self.desired(context, kind="field group", name=title, identity={})
        return group, RegistryService(self._registry, definition)

    @cached_property
    def _registry(self) -> SchemaRegistryHook:
        from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

        return self.hook.to(SchemaRegistryHook)


class DeleteSchemaOperator(DeleteOperator):
    """Delete a schema, unless a dataset uses it. Its field groups are kept: other schemas can use them.

    Adobe: "Delete a schema" of the Schema Registry guide.

    :param schema_id: the schema's ``$id``
    :param missing_ok: whether the task succeeds if the schema does not exist
    """

    template_fields: Sequence[str] = ("schema_id", "aep_conn_id", "sandbox")

    def __init__(self, *, schema_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema_id = schema_id

    def act(self, context: Any) -> None:
        """Delete the schema. No document says whether the registry refuses to, so its datasets are listed."""
        from airflow_provider_aep.flow_service import xdm
        from airflow_provider_aep.flow_service.validation import check_schema_id
        from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

        own, registry = check_schema_id(self.schema_id), self.hook.to(SchemaRegistryHook)
        self.delete_unused(
            f"schema {own}",
            find=lambda: registry.get_resource(xdm.SCHEMAS, own),
            users=lambda: [f"dataset {one}" for one in registry.dependants_of(xdm.SCHEMAS, own)],
            delete=lambda: registry.delete_resource(xdm.SCHEMAS, own),
            todo="Delete the dataset with DeleteDatasetOperator first.",
        )


def _group_title(name: str) -> str:
    return f"{name} fields"
