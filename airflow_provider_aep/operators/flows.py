"""Create, enable, disable or delete a dataflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepDataflowLink
from airflow_provider_aep.operators.base import AepOperator, CreateOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity
    from airflow_provider_aep.exactly_once.forecast import MissingInput
    from airflow_provider_aep.flow_service.schedules import Schedule
    from airflow_provider_aep.operators._services import EntityDefinition, EntityService, TaskMemory


class CreateDataflowOperator(CreateOperator):
    """Create exactly one dataflow of this name from a source connection to a target connection.

    Its identity is organization, sandbox, flow spec and exact name. An existing dataflow of this name between
    other connections is an error. A dataflow begins to ingest when it is created, so a second dataflow would
    duplicate records. If the flow spec supports drafts, the task creates a draft, deletes duplicates of it,
    and publishes only the one that is kept. Without drafts, or with ``mark=False``, the default start is some
    seconds in the future, so that duplicates are deleted before it.

    Adobe: collect tutorials of the sources.

    :param name: the dataflow's name
    :param source_connection_id: the id of the source connection
    :param target_connection_id: the id of the target connection
    :param mapping_set: the result of ``CreateMappingSetOperator``, ``{"id", "version"}``, or its id
    :param schedule: ``{"frequency", "interval", "start", "backfill"}``; must be left out for a streaming
        source. ``frequency`` is ``once`` (the default), ``minute`` (``interval`` at least 15), ``hour``,
        ``day`` or ``week``. ``start`` is a datetime, an ISO 8601 text or epoch seconds, by default now. It
        must not have passed when the dataflow is created
    :param delta_column: the column that distinguishes new rows of a table from old, by name or as ``{"name",
        "dateFormat", "timezone"}``. A recurring schedule requires it, and ``once`` refuses it. For files and
        resources their time distinguishes new from old
    :param description: a free text
    :param error_diagnostics: whether AEP keeps the records that a run rejects, for 30 days; by default AEP
        decides. Only for sources that ingest in batches
    :param partial_ingestion_percent: how many per cent of a run's records may fail before the whole run
        fails, above 0 and at most 100; by default AEP decides. It includes error diagnostics unless
        ``error_diagnostics`` is False. Only for sources that ingest in batches
    :param accept_disabled: use an existing dataflow that is disabled or a draft, and leave it so; by default
        such a dataflow is an error. A dataflow that the task creates is enabled
    :param if_exists: ``update`` changes the schedule's frequency and interval, the mapping, the delta column,
        the description, ``error_diagnostics`` and ``partial_ingestion_percent`` of an existing dataflow. AEP
        changes ``start`` and ``backfill`` only before the start, and cannot change ``once`` into a recurring
        schedule or back. Such a difference is an error
    :return: the dataflow's id
    """

    template_fields: Sequence[str] = (
        "name",
        "source_connection_id",
        "target_connection_id",
        "mapping_set",
        "schedule",
        "delta_column",
        "description",
        "error_diagnostics",
        "partial_ingestion_percent",
        "aep_conn_id",
        "sandbox",
    )
    operator_extra_links = (AepDataflowLink(),)
    link_key = AepDataflowLink.xcom_key
    kind = "dataflow"

    def __init__(
        self,
        *,
        name: str,
        source_connection_id: str,
        target_connection_id: str,
        mapping_set: str | dict[str, Any] | None = None,
        schedule: dict[str, Any] | None = None,
        delta_column: str | dict[str, str] | None = None,
        description: str | None = None,
        error_diagnostics: bool | None = None,
        partial_ingestion_percent: float | None = None,
        accept_disabled: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.source_connection_id = source_connection_id
        self.target_connection_id = target_connection_id
        self.mapping_set = mapping_set
        self.schedule = schedule
        self.delta_column = delta_column
        self.description = description
        self.error_diagnostics = error_diagnostics
        self.partial_ingestion_percent = partial_ingestion_percent
        self.accept_disabled = accept_disabled

    def plan(self, context: Any) -> tuple[DesiredEntity, EntityService[Any]]:
        """Check all parameters, then find the flow spec of the source."""
        import time

        from airflow_provider_aep.flow_service import bodies, requests
        from airflow_provider_aep.flow_service.schedules import read_schedule
        from airflow_provider_aep.flow_service.validation import (
            check_description,
            check_flag,
            check_id,
            check_name,
        )
        from airflow_provider_aep.operators._services import EntityService

        name = check_name(self.name)
        any_state = check_flag(self.accept_disabled, "accept_disabled")
        source_id = check_id(self.source_connection_id, "source_connection_id")
        target_id = check_id(self.target_connection_id, "target_connection_id")
        given = none_if_blank(self.schedule)
        schedule: Schedule | None = read_schedule(given or {}, time.time())
        mapping_set = bodies.read_mapping_set(none_if_blank(self.mapping_set))
        description = check_description(none_if_blank(self.description))
        options = bodies.read_options(
            none_if_blank(self.error_diagnostics), none_if_blank(self.partial_ingestion_percent)
        )
        if schedule and (warning := schedule.warning()):
            self.log.warning("%s", warning)
        source, spec = self._source_and_spec(source_id, mapped=mapping_set is not None)
        if requests.streams(spec):
            bodies.check_no_schedule(given)
            bodies.check_no_options(options)
            schedule = None
        delta = bodies.read_delta_column(
            none_if_blank(self.delta_column), schedule, tabular=bodies.is_tabular(source)
        )
        mapping = self._check_agreement(source, target_id, mapping_set, delta)
        drafts = self.mark and bool((spec.get("attributes") or {}).get("isDraftModeSupported"))
        desired = self.desired(
            context,
            kind=self.kind,
            name=name,
            identity={"spec": str(spec["id"])},
            drafts=drafts,
            any_state=any_state,
        )
        body = bodies.flow(
            name=name,
            description=description,
            flow_spec=spec,
            source_connection_id=source_id,
            target_connection_id=target_id,
            mapping_set=mapping_set,
            schedule=schedule,
            delta_column=delta,
            options=options,
        )
        definition = self._definition(body, self._said(body, given, mapping), desired, schedule)
        return desired, EntityService(self.hook, definition)

    def identify(
        self, context: Any, missing: Mapping[str, MissingInput]
    ) -> tuple[DesiredEntity, EntityService[Any]]:
        """Return the dataflow by its name, and by its flow spec if the source is known.

        Without the flow spec it is unknown whether an existing dataflow of the name is the same.
        """
        from airflow_provider_aep.flow_service import differences
        from airflow_provider_aep.flow_service.collections import FLOWS
        from airflow_provider_aep.flow_service.validation import check_flag, check_id, check_name
        from airflow_provider_aep.operators._services import known_by

        name = check_name(self.name)
        any_state = check_flag(self.accept_disabled, "accept_disabled")
        desired = self.desired(context, kind=self.kind, name=name, identity={}, any_state=any_state)
        mapped = "mapping_set" in missing or none_if_blank(self.mapping_set) is not None
        if (source := missing.get("source_connection_id")) is None:
            source_id = check_id(self.source_connection_id, "source_connection_id")
            _, spec = self._source_and_spec(source_id, mapped=mapped)
        elif source.spec_id is not None:
            spec = self.hook.find_flow_spec(source.spec_id, mapped=mapped)
        else:
            return desired, known_by(self.hook, FLOWS, name, missing)
        filters = [("flowSpec.id", str(spec["id"]))]
        references = differences.ends_of
        return desired, known_by(self.hook, FLOWS, name, missing, filters=filters, references=references)

    def _source_and_spec(self, source_id: str, *, mapped: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the source connection and the flow spec that ingests its source."""
        source = self.hook.get_source_connection(source_id)
        spec_id = str((source.get("connectionSpec") or {}).get("id"))
        return source, self.hook.find_flow_spec(spec_id, mapped=mapped)

    def _definition(
        self, body: dict[str, Any], said: dict[str, Any], desired: DesiredEntity, schedule: Schedule | None
    ) -> EntityDefinition:
        """Return how to create the dataflow, and how to compare it with an existing one."""
        import time

        from airflow_provider_aep.flow_service import differences
        from airflow_provider_aep.flow_service.collections import FLOWS
        from airflow_provider_aep.operators._services import EntityDefinition

        return EntityDefinition(
            collection=FLOWS,
            filters=[("flowSpec.id", str(body["flowSpec"]["id"]))],
            body=body,
            mark=desired.mark,
            check_same_entity=lambda item: _same_ends(item, body),
            check=lambda: schedule.check_start(time.time()) if schedule else None,
            draft=desired.drafts,
            desired_fields=said,
            existing_fields=lambda item: {
                **differences.flow_fields(item),
                "mapping": self._mapped_by(item, body, said),
            },
            fixed=lambda item, field, _value: differences.why_fixed(item, body, field, time.time()),
            operations=lambda item, changed: differences.flow_operations(item, body, changed),
            whole=("mapping",),
        )

    def _said(self, body: Mapping[str, Any], schedule: Any, mapping: dict[str, str]) -> dict[str, Any]:
        """Return the fields to compare. A default, such as the default start, is not compared."""
        from airflow_provider_aep.flow_service import differences

        given = {name for name, value in (schedule or {}).items() if value not in (None, "")}
        fields = differences.flow_fields(body)
        said = {name: value for name, value in fields["schedule"].items() if name in given}
        if none_if_blank(self.error_diagnostics) is None:
            fields["error_diagnostics"] = None  # partial ingestion sets it
        return {**fields, "schedule": said, "mapping": mapping}

    def _mapped_by(
        self, item: Mapping[str, Any], body: Mapping[str, Any], said: Mapping[str, Any]
    ) -> Mapping[str, str]:
        """Return the mapping of an existing dataflow. Read it only if its mapping set is another one."""
        from airflow_provider_aep.flow_service import differences, mappings
        from airflow_provider_aep.flow_service.errors import AepNotFoundError
        from airflow_provider_aep.hooks.data_prep import DataPrepHook

        used, desired = differences.used_mapping_set(item), differences.used_mapping_set(body)
        by_id_alone = used is not None and used["id"] == self.mapping_set  # an id alone has no version
        if desired is None or used == desired or by_id_alone:
            return said["mapping"]  # type: ignore[no-any-return]
        if used is None:
            return {}
        try:
            return mappings.fields_of(self.hook.to(DataPrepHook).get_mapping_set(used["id"], used["version"]))
        except AepNotFoundError:
            return {}

    def _check_agreement(
        self, source: Any, target_id: str, mapping_set: dict[str, Any] | None, delta: dict[str, str] | None
    ) -> dict[str, str]:
        """Check that source, target and mapping set fit each other.

        Flow Service accepts entities that do not fit, and the runs of the dataflow then fail.

        :return: the mapping, ``{column: field}``
        """
        from airflow_provider_aep.flow_service import bodies, mappings
        from airflow_provider_aep.hooks.data_prep import DataPrepHook

        if delta is not None:
            bodies.check_delta_column(delta["name"], bodies.columns_of(source))
        target = self.hook.get_target_connection(target_id)
        if mapping_set is None:
            return {}
        found = getattr(self.mapping_set, "content", None)  # of a mapping set that a forecast has planned
        if found is None:
            found = self.hook.to(DataPrepHook).get_mapping_set(mapping_set["id"], mapping_set["version"])
        bodies.check_mapping_set(found, target)
        return mappings.fields_of(found)


_ENDS = ("source", "target")


class _FlowActionOperator(AepOperator):
    """Base of the operators that change one dataflow.

    :param flow_id: the dataflow's id
    """

    template_fields: Sequence[str] = ("flow_id", "aep_conn_id", "sandbox")
    operator_extra_links = (AepDataflowLink(),)

    def __init__(self, *, flow_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flow_id = flow_id

    def _switch(self, context: Any, op: str, is_done: Callable[[Mapping[str, Any]], bool]) -> str:
        """Enable or disable the dataflow, unless it is so already. So a retry is safe."""
        from airflow_provider_aep.exactly_once import switch_once

        self.keep_link(AepDataflowLink.xcom_key, self.hook.link("dataflow", self.flow_id))
        flow: dict[str, Any] = {}

        def check() -> bool:
            flow.update(self.hook.get_flow(self.flow_id))
            return is_done(flow)

        acted = switch_once(check, lambda: self.hook.act_on_flow(self.flow_id, op))
        self.log.info("Dataflow %s is %s%sd.", _named(flow), "" if acted else "already ", op)
        return self.flow_id


class EnableDataflowOperator(_FlowActionOperator):
    """Enable a dataflow: it runs by its schedule.

    :param flow_id: the dataflow's id
    :return: the dataflow's id
    """

    def act(self, context: Any) -> str:
        """Enable the dataflow with ``POST /flows/{id}/action?op=enable``."""
        from airflow_provider_aep.flow_service.requests import is_on

        return self._switch(context, "enable", is_on)


class DisableDataflowOperator(_FlowActionOperator):
    """Disable a dataflow: it starts no new runs. A run in progress continues: Flow Service cannot cancel it.

    :param flow_id: the dataflow's id
    :return: the dataflow's id
    """

    def act(self, context: Any) -> str:
        """Disable the dataflow with ``POST /flows/{id}/action?op=disable``."""
        from airflow_provider_aep.flow_service.requests import is_off

        return self._switch(context, "disable", is_off)


class DeleteDataflowOperator(_FlowActionOperator):
    """Delete a dataflow and, with ``with_connections``, its connections. The ingested data is kept.

    Flow Service deletes a connection only after its dataflow, and the ids of the connections are lost with
    the dataflow. So the task logs the ids, and keeps them in Airflow's task state store, before it deletes
    the dataflow. If a connection cannot be deleted, a retry continues from there. So does a cleared task.

    Airflow 3.1 and 3.2 have no such store. There, a later try fails if the dataflow is deleted already:
    connections may be left, and the log of the earlier try names them. On Airflow 3.3, a store that cannot be
    read or written fails the task for a retry, before anything is deleted.

    :param flow_id: the dataflow's id
    :param missing_ok: succeed if the dataflow does not exist
    :param with_connections: delete its source and target connection too, unless another dataflow uses them
    :raises TaskStoreError: the task state store could not be read or written; nothing was deleted
    :raises AepConflictError: the dataflow is deleted already, and its connections are unknown
    """

    def __init__(self, *, missing_ok: bool = True, with_connections: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.missing_ok = missing_ok
        self.with_connections = with_connections

    def act(self, context: Any) -> None:
        """Delete the dataflow first, then its connections: Flow Service requires this order."""
        from airflow_provider_aep.operators._services import TaskMemory

        settings = self.hook.settings
        identity = {"org": settings.org_id, "sandbox": self.hook.sandbox, "flow": self.flow_id}
        needed = {"decides": self.with_connections, "for_good": True}
        memory = TaskMemory(context, "aep_deleted_dataflow", identity, self.log, **needed)
        ends = self._delete_flow(memory)
        if self.with_connections:
            if ends is None:
                self._check_nothing_left(context, memory)
            self._delete_ends(ends or [])
        memory.forget()

    def _delete_flow(self, memory: TaskMemory) -> list[list[str]] | None:
        """Delete the dataflow. Return kind and id of its connections, or None if they are unknown."""
        from airflow_provider_aep.flow_service.errors import AepNotFoundError

        known = ends = memory.read().get("ends")  # an earlier try may have deleted the dataflow
        try:
            flow = self.hook.get_flow(self.flow_id)
            ends = [[kind, end] for kind in _ENDS for end in flow.get(f"{kind}ConnectionIds") or []]
            memory.write({"ends": ends})
            self.log.info("Deleting dataflow %s, which uses %s.", _named(flow), _named_ends(ends))
            self.hook.delete_flow(self.flow_id)
            self.log.info("Deleted dataflow %s.", _named(flow))
        except AepNotFoundError:
            if not self.missing_ok and known is None:
                raise
            self.log.info("Dataflow %s is deleted already.", self.flow_id)
        return ends

    def _check_nothing_left(self, context: Any, memory: TaskMemory) -> None:
        """Fail if an earlier try may have left connections. Without a store their ids are unknown.

        :raises AepConflictError: an earlier try may have deleted the dataflow
        """
        from airflow_provider_aep.flow_service.errors import AepConflictError

        number = getattr(context.get("ti"), "try_number", None)
        if memory.lasts or not isinstance(number, int) or number < 2:
            self.log.info("The connections of dataflow %s are unknown. None was deleted.", self.flow_id)
            return
        raise AepConflictError(
            f"Dataflow {self.flow_id} is deleted already. An earlier try of this task may have deleted it "
            "and left its source and target connection: Airflow before 3.3 stores nothing for a later try. "
            "The line 'Deleting dataflow' in the log of the earlier try names them. Delete them in AEP if "
            "they still exist, then mark this task as success."
        )

    def _delete_ends(self, ends: Sequence[Sequence[str]]) -> None:
        from airflow_provider_aep.flow_service.errors import AepError

        left = list(ends)
        try:
            while left:
                self._delete_end(*left[0])
                left.pop(0)
        except AepError:
            self.log.warning("Not deleted yet: %s.", _named_ends(left))
            raise

    def _delete_end(self, kind: str, end: str) -> None:
        from airflow_provider_aep.flow_service.errors import AepNotFoundError

        if users := self.hook.list_flows_using(**{f"{kind}_connection_id": end}):
            named = ", ".join(map(_named, users))
            self.log.warning("Kept %s connection %s: dataflow %s uses it.", kind, end, named)
            return
        try:
            getattr(self.hook, f"delete_{kind}_connection")(end)
        except AepNotFoundError:
            self.log.info("The %s connection %s is deleted already.", kind, end)
        else:
            self.log.info("Deleted %s connection %s.", kind, end)


def _named(flow: Mapping[str, Any]) -> str:
    """Return name and id of a dataflow for a message."""
    return f"{flow.get('name')!r} ({flow.get('id')})"


def _named_ends(ends: Sequence[Sequence[str]]) -> str:
    return ", ".join(f"{kind} connection {end}" for kind, end in ends) or "no connections"


def _same_ends(item: Any, body: Mapping[str, Any]) -> None:
    """Check that an existing dataflow has the same source and target connection.

    :raises EntityExistsError: it has other connections
    """
    from airflow_provider_aep.flow_service.differences import Difference, ends_of
    from airflow_provider_aep.flow_service.errors import EntityExistsError

    existing, desired = ends_of(item), ends_of(body)
    if others := [name for name, own in existing.items() if own not in (desired[name], None)]:
        raise EntityExistsError(
            f"The dataflow {body['name']!r} exists already, between other connections: {item.get('id')}. "
            "Choose another `name`, or delete the existing dataflow first.",
            differences=[Difference(name, existing[name], desired[name]) for name in others],
            entity_id=str(item.get("id")),
        )
