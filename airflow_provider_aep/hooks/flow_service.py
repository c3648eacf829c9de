"""Flow Service: base connections and what can be asked of them; `_dataflows` has what comes after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service import replies, requests
from airflow_provider_aep.flow_service.auth_parameters import is_secret, secret_values
from airflow_provider_aep.flow_service.connection_specs import (
    LIST_CONNECTION_SPECS,
    ConnectionSpec,
    get_connection_spec,
    is_source,
    read_connection_spec,
)
from airflow_provider_aep.flow_service.errors import AepNotFoundError, AepReplyError, AepRequestError
from airflow_provider_aep.flow_service.validation import check_header, check_name, check_object, check_text
from airflow_provider_aep.hooks._dataflows import Dataflows
from airflow_provider_aep.hooks.diagnosis import diagnose
from airflow_provider_aep.hooks.forms import form_behaviour, form_widgets
from airflow_provider_aep.hooks.secret_parts import secrets_in


class FlowServiceHook(Dataflows):
    """Flow Service of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    # Airflow 3.1 looks for these two in this very class, not in a base of it.

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's extra fields, for Airflow 3.1; later versions read the provider info themselves."""
        return form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's labels and placeholders, for Airflow 3.1."""
        return form_behaviour(cls.conn_type)

    def create_connection(
        self,
        *,
        name: str,
        connection_spec_id: str,
        auth_spec_name: str,
        auth_params: Mapping[str, Any],
        description: str | None = None,
        connection_spec_version: str = "1.0",
    ) -> str:
        """Create a base connection with one POST and return its id.

        Nothing is looked up and nothing repeated: called twice, it makes two.
        ``CreateBaseConnectionOperator`` makes one.

        :raises AepError: where ``may_have_happened`` is set on it, the connection can stand all the same
        """
        self.hide(check_object(auth_params, "auth_params"))
        call = requests.create_connection(
            name=check_name(name),
            connection_spec_id=connection_spec_id,
            auth_spec_name=auth_spec_name,
            auth_params=auth_params,
            description=check_text(description, "description"),
            connection_spec_version=check_header(connection_spec_version, "connection_spec_version"),
        )
        return replies.read_created_id(self.call(call), "POST /connections")

    def get_connection_details(self, connection_id: str) -> dict[str, Any]:
        """The base connection: id, name, state, connectionSpec, etag and so on, without ``auth``."""
        return replies.without_secrets(self.read_connection(connection_id))

    def read_connection(self, connection_id: str) -> dict[str, Any]:
        """The base connection with what Adobe shows of its ``auth``: for no log and no XCom."""
        call = requests.get_connection(connection_id)
        item = replies.read_item(self.call(call), f"{call.method} {call.path}")
        self.hide(replies.auth_of(item)[1])
        return item

    def list_connections(
        self, *, name: str | None = None, connection_spec_id: str | None = None
    ) -> list[dict[str, Any]]:
        """All base connections of that exact name and spec, from every page, without ``auth``."""
        found = self.read_connections(name=name, connection_spec_id=connection_spec_id)
        return [replies.without_secrets(item) for item in found]

    def read_connections(
        self, *, name: str | None = None, connection_spec_id: str | None = None
    ) -> list[dict[str, Any]]:
        """The same with what Adobe shows of their ``auth``: for no log and no XCom."""
        found = self.every_page(requests.list_connections(check_text(name, "name"), connection_spec_id))
        for item in found:
            self.hide(replies.auth_of(item)[1])
        return [
            item
            for item in found
            if (name is None or item.get("name", name) == name)
            and (connection_spec_id is None or _spec_id(item) in (None, connection_spec_id))
        ]

    def patch_connection(self, connection_id: str, etag: str, operations: list[dict[str, Any]]) -> None:
        """Change a base connection as of ``etag``.

        :raises AepVersionError: somebody changed it meanwhile
        """
        self.hide(
            [operation.get("value") for operation in operations if "auth" in str(operation.get("path"))]
        )
        self.call(requests.patch_connection(connection_id, etag, operations))

    def delete_connection(self, connection_id: str) -> None:
        """Delete a base connection.

        :raises AepNotFoundError: there is none of this id
        :raises AepRequestError: with code ``…1418-400`` while something hangs on it
        """
        self.call(requests.delete_connection(connection_id))

    def test_base_connection(self, connection_id: str) -> bool:
        """Whether the source accepts the connection's credentials, as AEP finds out by trying them."""
        call = requests.test_connection(connection_id)
        what = f"{call.method} {call.path}"
        try:
            result = replies.read_object(self.call(call), what).get("result")
        except AepRequestError as error:
            if "1308-" not in (error.code or ""):
                raise
            return False  # no document says whether a failing test is a 200 or the source's refusal
        if not isinstance(result, bool):
            raise AepReplyError.with_advice(f"{what} was answered without a result.")
        return result

    def find_connection_spec(self, connection_spec_id: str) -> ConnectionSpec | None:
        """A source as the platform has it now, None where it does not offer it, or not to this credential."""
        call = get_connection_spec(connection_spec_id)
        try:
            document = self.call(call)
        except (AepNotFoundError, AepRequestError) as error:
            if replies.is_missing_spec(error):
                return None
            raise
        if isinstance(document, dict) and document.get("items") == []:
            return None
        return read_connection_spec(replies.read_item(document, f"{call.method} {call.path}"))

    def list_connection_specs(self) -> list[ConnectionSpec]:
        """All sources that the platform offers, from every page; destinations have specs, too."""
        return [
            read_connection_spec(item) for item in self.every_page(LIST_CONNECTION_SPECS) if is_source(item)
        ]

    def explore(
        self,
        connection_id: str | None = None,
        *,
        object_type: str = "root",
        object: str | None = None,
        preview: bool = False,
        connection_spec_id: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Any:
        """What the source offers.

        :param object_type: ``root`` or ``folder`` for a list of ``{"name", "path", "type", "canPreview",
            "canFetchSchema"}``; ``table``, ``file`` or ``rest`` for ``{"format", "schema"}`` of one
        :param object: the path of the table, folder or file
        :param preview: adds ``data``, the first rows
        :param connection_spec_id: the source itself, if it has no base connection
        :param options: what else the query says, as Adobe names it: ``fileType``, ``sourceParams`` and so on
        """
        call = requests.explore(
            connection_id,
            object_type,
            object,
            preview,
            connection_spec_id=connection_spec_id,
            options=options,
        )
        document = self.call(call)
        if str(object_type).lower() in ("root", "folder"):
            return replies.read_items(document, f"{call.method} {call.path}")
        return document

    def test_connection(self) -> tuple[bool, str]:
        """Whether this Airflow connection works; if not, which of its settings is wrong. Never raises."""
        return diagnose(self)

    def hide(self, auth_params: object) -> None:
        """Register credentials of a source as secrets, all but what is plain by its name.

        Out of that, only what is a secret within it, such as the signature of a URL.
        """
        if isinstance(auth_params, Mapping):
            plain = [value for key, value in auth_params.items() if not is_secret(str(key))]
            auth_params = [*secret_values(auth_params), *secrets_in(plain)]
        elif isinstance(auth_params, list):
            for one in auth_params:
                self.hide(one)
            return
        self._line.secrets.add([auth_params])


def _spec_id(item: Mapping[str, Any]) -> object:
    spec = item.get("connectionSpec")
    return spec.get("id") if isinstance(spec, Mapping) else None
