"""Base connections: create exactly one, test it, rotate its credentials, delete it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.links import AepConnectionLink
from airflow_provider_aep.operators.base import AepOperator, CreateOperator, none_if_blank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aep.exactly_once import DesiredEntity
    from airflow_provider_aep.exactly_once.forecast import Forecast, MissingInput
    from airflow_provider_aep.flow_service.sources import Source
    from airflow_provider_aep.operators._services import EntityService


class CreateBaseConnectionOperator(CreateOperator):
    """Create a base connection, or find the existing base connection of this name. Return its id.

    Its identity is organization, sandbox, source and exact name. If the task is retried, killed, cleared or
    run twice at the same time, there is still one base connection, within the bound of
    ``docs/reliability.md``. The reconciler of ``airflow_provider_aep.exactly_once`` creates it.

    The platform defines the parameters of a source. They are read from AEP once per process, before the first
    create.

    :param source: the source's name, such as ``paypal`` or ``Amazon S3``. ``python -m airflow_provider_aep
        sources`` lists the names
    :param name: the base connection's name, 1 to 255 characters
    :param source_conn_id: the Airflow connection with the source's credentials: of the source's own type,
        such as ``postgres``, or of type ``generic`` with Adobe's parameter names in its extra
    :param description: any text. An ownership mark is added at its end
    :param auth_params: parameters that are not secret, such as ``{"schema": "{{ params.schema }}"}``
    :param auth_spec: the authentication type, by Adobe's name, if the Airflow connection fits several
    :param connection_spec_id: for a source that this provider does not know, or for which its id is wrong. If
        ``source`` is left at its default, the id alone names the source
    :param require_credentials: False reuses an existing base connection even if the Airflow connection is
        missing. To create or update the base connection, the task needs the Airflow connection anyway
    :param validation: ``live`` checks the parameters against the platform's spec, ``offline`` against this
        provider's catalogue
    :param if_exists: what to do if the base connection exists: ``reuse`` it, ``update`` its credentials and
        description, or ``fail``
    :param mark: False adds no ownership mark. Then lost replies cannot be repaired
    :param wait_timeout: seconds to wait for a base connection that is still being set up. One try sleeps for
        a minute at most. Then it fails for a retry, which continues to wait
    :return: the connection's id, as XCom ``return_value``
    """

    template_fields: Sequence[str] = (
        "source",
        "name",
        "source_conn_id",
        "description",
        "auth_params",
        "auth_spec",
        "connection_spec_id",
        "aep_conn_id",
        "sandbox",
    )
    operator_extra_links = (AepConnectionLink(),)
    link_key = AepConnectionLink.xcom_key
    kind = "base connection"
    identified_by = ("name", "source", "connection_spec_id")
    conn_id_parameter = "source_conn_id"
    default_source: str | None = "paypal"

    def __init__(
        self,
        *,
        source: str = "paypal",
        name: str,
        source_conn_id: str,
        description: str | None = None,
        auth_params: dict[str, Any] | None = None,
        auth_spec: str | None = None,
        connection_spec_id: str | None = None,
        require_credentials: bool = True,
        validation: str = "live",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.name = name
        self.source_conn_id = source_conn_id
        self.description = description
        self.auth_params = auth_params
        self.auth_spec = auth_spec
        self.connection_spec_id = connection_spec_id
        self.require_credentials = require_credentials
        self.validation = validation

    def plan(self, context: Any) -> tuple[DesiredEntity, EntityService[Any]]:
        """Check source, name, credentials and options. Return the desired entity and its service."""
        from airflow_provider_aep.flow_service.validation import check_choice, check_description, check_flag
        from airflow_provider_aep.operators._base_connections import (
            BaseConnectionService,
            DesiredConnection,
            find_credentials,
        )

        source = self._source()
        if source.uncertain:
            self.log.warning("%s: %s", source, source.auth[0].note)
        if source.retired:
            self.log.warning("%s: %s", source, source.deprecated)
        desired = self._desired(context, source)
        request = DesiredConnection(
            name=desired.name,
            description=check_description(none_if_blank(self.description)),
            mark=desired.mark,
            source=source,
            credentials=find_credentials(
                source,
                self.source_conn_id,
                self.hook.secrets,
                self.auth_params,
                parameter=self.conn_id_parameter,
                required=check_flag(self.require_credentials, "require_credentials")
                or desired.if_exists == "update",
            ),
            auth_spec=none_if_blank(self.auth_spec),
            offline=check_choice(self.validation, "validation", ("live", "offline")) == "offline",
        )
        return desired, BaseConnectionService(self.hook, request)

    def foresee(self, context: Any, missing: Mapping[str, MissingInput]) -> Forecast:
        """Foresee the base connection. With ``if_exists="update"`` its credentials are always sent."""
        forecast = super().foresee(context, missing)
        if forecast.action.value == "create":
            return replace(forecast, spec_id=self._source().connection_spec_id)
        if forecast.action.value == "update" and not forecast.differences:
            reason = "The task sends the credentials: AEP does not show whether they differ."
            return replace(forecast, reason=f"{reason} {forecast.reason}".rstrip())
        return forecast

    def identify(
        self, context: Any, missing: Mapping[str, MissingInput]
    ) -> tuple[DesiredEntity, EntityService[Any]]:
        """Return the base connection by source and name."""
        from airflow_provider_aep.flow_service.collections import CONNECTIONS
        from airflow_provider_aep.operators._services import known_by

        source = self._source()
        desired = self._desired(context, source)
        filters = [("connectionSpec.id", source.connection_spec_id)]
        return desired, known_by(self.hook, CONNECTIONS, desired.name, missing, filters=filters)

    def _source(self) -> Source:
        from airflow_provider_aep.flow_service.sources import choose_source

        return choose_source(self.source, none_if_blank(self.connection_spec_id), self.default_source)

    def _desired(self, context: Any, source: Source) -> DesiredEntity:
        from airflow_provider_aep.flow_service.validation import check_name

        return self.desired(
            context,
            kind=f"{source.title} base connection",
            name=check_name(self.name),
            identity={"spec": source.connection_spec_id},
        )


class CreatePayPalConnectionOperator(CreateBaseConnectionOperator):
    """Create a base connection to PayPal, as :class:`CreateBaseConnectionOperator` does.

    Adobe announced the deprecation of its PayPal source for June 2025. If the platform no longer offers the
    source, the task fails and names other sources.

    :param name: the base connection's name
    :param paypal_conn_id: an Airflow connection of type ``paypal``
    """

    template_fields: Sequence[str] = (
        "name", "paypal_conn_id", "description", "auth_params", "auth_spec", "connection_spec_id",
        "aep_conn_id", "sandbox",
    )  # fmt: skip
    conn_id_parameter = "paypal_conn_id"
    default_source = None  # the source stays PayPal, also with another `connection_spec_id`

    def __init__(
        self, *, name: str = "PayPal connection", paypal_conn_id: str = "paypal_default", **kwargs: Any
    ) -> None:
        if others := [name for name in ("source_conn_id", "source") if name in kwargs]:
            from airflow_provider_aep.flow_service.errors import AepConfigError

            raise AepConfigError(
                f"CreatePayPalConnectionOperator has no `{others[0]}`. Its source is PayPal, and "
                "`paypal_conn_id` names the Airflow connection. For another source, use "
                "CreateBaseConnectionOperator.",
                parameter=others[0],
            )
        super().__init__(source="paypal", name=name, source_conn_id=paypal_conn_id, **kwargs)
        self.paypal_conn_id = paypal_conn_id

    def plan(self, context: Any) -> tuple[DesiredEntity, EntityService[Any]]:
        """Plan with the rendered ``paypal_conn_id``."""
        self.source_conn_id = self.paypal_conn_id
        return super().plan(context)


class TestConnectionOperator(AepOperator):
    """Let AEP test the base connection's credentials at the source.

    :param connection_id: the base connection's id
    :return: True
    :raises CredentialsRefusedError: the source refuses the credentials, or AEP cannot reach the source
    """

    __test__ = False  # pytest would collect a class of this name
    template_fields: Sequence[str] = ("connection_id", "aep_conn_id", "sandbox")

    def __init__(self, *, connection_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id

    def act(self, context: Any) -> bool:
        """Test the base connection. :raises CredentialsRefusedError: the source refuses the credentials"""
        from airflow_provider_aep.flow_service.errors import CredentialsRefusedError

        if self.hook.test_base_connection(self.connection_id):
            self.log.info("Base connection %s works.", self.connection_id)
            return True
        raise CredentialsRefusedError(
            f"The source refuses the credentials of base connection {self.connection_id}, or AEP cannot "
            "reach the source. Correct the Airflow connection with the credentials, then run the create task "
            "again with `if_exists='update'`."
        )


class RotateCredentialsOperator(AepOperator):
    """Replace the credentials of a base connection, then let AEP test them at the source.

    The base connection keeps its id and its source, so its dataflows continue. If the task runs again, it
    sets the same credentials again. It does not overwrite credentials that somebody else sets while it runs,
    unless the reply to its PATCH is lost: AEP shows no secrets, so the change could be its own, and it sends
    its credentials again.

    :param connection_id: the base connection's id
    :param source_conn_id: the Airflow connection with the new credentials
    :param auth_params: parameters that are not secret, as they were given at the create
    :return: the base connection's id
    :raises CredentialsRefusedError: the source refuses the new credentials, which AEP has stored
    :raises EntityChangedError: somebody else changed the credentials at the same time
    :raises ChangeUnsupportedError: AEP cannot change a base connection of this source
    """

    template_fields: Sequence[str] = (
        "connection_id", "source_conn_id", "auth_params", "aep_conn_id", "sandbox",
    )  # fmt: skip
    operator_extra_links = (AepConnectionLink(),)

    def __init__(
        self,
        *,
        connection_id: str,
        source_conn_id: str,
        auth_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id
        self.source_conn_id = source_conn_id
        self.auth_params = auth_params

    def act(self, context: Any) -> str:
        """Read the base connection, PATCH it, test it.

        :raises AepNotFoundError: the base connection does not exist, or the credential may not see it
        :raises EntityChangedError: somebody else changed the credentials at the same time
        :raises ChangeUnsupportedError: a base connection of this source cannot be changed. The error says
            what to do instead
        :raises CredentialsRefusedError: the source refuses the new credentials
        """
        from airflow_provider_aep.exactly_once import carry_out, replace_credentials
        from airflow_provider_aep.flow_service.errors import CredentialsRefusedError
        from airflow_provider_aep.operators._base_connections import Rotation
        from airflow_provider_aep.operators._services import TaskMemory

        item = self.hook.get_base_connection(self.connection_id)
        rotation = Rotation(self.hook, item, self.source_conn_id, self.auth_params)
        self.keep_link(AepConnectionLink.xcom_key, rotation.link(self.connection_id))
        if moved := rotation.moved():
            self.log.warning(
                "Not only the credentials change. These parameters change, too: %s.", ", ".join(moved)
            )
        reconciliation = replace_credentials(rotation.desired, rotation.entity)
        memory = TaskMemory(context, "aep_rotation", {}, self.log)
        carry_out(reconciliation, rotation, memory, self.log, self.hook.sleep_budget.sleep)
        if self.hook.test_base_connection(self.connection_id):
            return self.connection_id
        raise CredentialsRefusedError(
            f"Base connection {self.connection_id} now has the credentials of {self.source_conn_id!r}, and "
            "the source refuses them, or AEP cannot reach the source. Its dataflows fail until it has other "
            "credentials. Correct this Airflow connection, then run this task again."
        )


class DeleteConnectionOperator(AepOperator):
    """Delete a base connection that no source connection uses.

    :param connection_id: the base connection's id
    :param missing_ok: whether the task succeeds if the base connection does not exist
    :raises EntityInUseError: something uses it. The error names what uses it
    :raises AepNotFoundError: it does not exist, and ``missing_ok`` is False
    """

    template_fields: Sequence[str] = ("connection_id", "aep_conn_id", "sandbox")

    def __init__(self, *, connection_id: str, missing_ok: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id
        self.missing_ok = missing_ok

    def act(self, context: Any) -> None:
        """Delete it. :raises EntityInUseError: source connections use it. The error names them"""
        from airflow_provider_aep.flow_service.errors import (
            AepNotFoundError,
            AepRequestError,
            EntityInUseError,
        )

        used_by = [
            f"source connection {item.get('id')} ({item.get('name')})"
            for item in self.hook.list_source_connections(self.connection_id)
        ]
        reason = "; ".join(used_by)
        if not used_by:
            try:
                self.hook.delete_connection(self.connection_id)
            except AepNotFoundError:
                if not self.missing_ok:
                    raise
                self.log.info("Base connection %s does not exist any more.", self.connection_id)
                return
            except AepRequestError as error:
                if "1418-" not in (error.code or ""):
                    raise
                reason = error.message
            else:
                self.log.info("Deleted base connection %s.", self.connection_id)
                return
        raise EntityInUseError(
            f"Base connection {self.connection_id} is in use and was not deleted: {reason}. Delete the "
            "dataflow first, then its source connection, then the base connection."
        )
