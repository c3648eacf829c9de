"""The base of every hook to Adobe Experience Platform, on the http provider's ``HttpHook``.

``HttpHook`` would send a connection's extras as request headers, open a new session for each ``run``, and
lose the status and body of an error. This base replaces those parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_aep.flow_service import explanations
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.flow_service.validation import (
    check_header_pair,
    check_method,
    check_object,
)
from airflow_provider_aep.hooks import request_flow
from airflow_provider_aep.hooks.connection import LONGEST_TIMEOUT, Settings, choose_sandbox
from airflow_provider_aep.hooks.request_flow import Caller
from airflow_provider_aep.hooks.session import AepSession, SleepBudget
from airflow_provider_aep.hooks.transport import ResponseReply, as_reply

Sibling = TypeVar("Sibling", bound="AepHook")


class AepHook(HttpHook):
    """Base of the hooks to AEP's services. The first call reads the connection; nothing is sent before.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    conn_name_attr = "aep_conn_id"
    default_conn_name = "aep_default"
    conn_type = "aep"
    hook_name = "Adobe Experience Platform"
    service_path = ""
    permissions = explanations.FOR_SOURCES

    def __init__(self, aep_conn_id: str = default_conn_name, sandbox: str | None = None) -> None:
        super().__init__(method="GET", http_conn_id=aep_conn_id, tcp_keep_alive=False)
        self.aep_conn_id = aep_conn_id
        self._sandbox = sandbox
        self._aep_session = AepSession(aep_conn_id)

    def for_sandbox(self, name: str | None) -> Any:
        """Return a hook for another sandbox, with the same session and token."""
        sibling = type(self)(self.aep_conn_id, name)
        sibling._aep_session = self._aep_session
        return sibling

    def to(self, service: type[Sibling]) -> Sibling:
        """Return a hook to another service of AEP, for the same sandbox, with the same session and token."""
        sibling = service(self.aep_conn_id, self._sandbox)
        sibling._aep_session = self._aep_session
        return sibling

    def aside(self) -> Any:
        """Return a hook for a signal handler. It shares nothing that the interrupted code may be using."""
        sibling = self.for_sandbox(self._sandbox)
        sibling._aep_session = self._aep_session.aside()
        return sibling

    @property
    def settings(self) -> Settings:
        """The checked connection. :raises AepConfigError: names the setting that is invalid"""
        return self._aep_session.settings

    @property
    def sandbox(self) -> str:
        """The sandbox that every call of this hook names. It never changes."""
        return choose_sandbox(self._sandbox, self.settings)

    @property
    def sleep_budget(self) -> SleepBudget:
        """The budget of every wait of this hook and its siblings."""
        return self._aep_session.sleep_budget

    def sleep_at_most(self, seconds: float) -> None:
        """Set the sleep budget of this hook and its siblings. A longer wait fails for a retry."""
        self._aep_session.sleep_budget = SleepBudget(seconds)

    def give_up_after(self, *, call: float, total: float) -> None:
        """Limit the seconds of each call with its repeats, and of all calls of this hook and its siblings.

        By default each reply has the connection's ``timeout``, and a call is repeated up to three times.
        """
        self._aep_session.give_up_after(call=call, total=total)

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> requests.Session:
        """Return the hook's one pooled session. It holds no credentials: each request brings its own."""
        return self._aep_session.transport.session

    def run(
        self,
        endpoint: str | None = None,
        data: dict[str, Any] | str | bytes | None = None,
        headers: dict[str, Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        *,
        method: str | None = None,
        **request_kwargs: Any,
    ) -> requests.Response:
        """Send one request to this hook's service, with token and headers, by the table of retries.

        :param endpoint: a path below the service's path, such as ``connections``
        :param data: query parameters of a GET, the body of any other request
        :param headers: additional headers, such as ``Accept``; token, organization and sandbox cannot be
            replaced
        :param extra_options: ``check_response: False`` returns error replies, ``timeout`` in seconds limits
            the reply; other options are refused
        :param method: the HTTP method, by default ``self.method`` (GET)
        :param request_kwargs: ``params`` and ``json`` as ``requests`` takes them
        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        verb = check_method(method or self.method)
        if verb == "GET" and data is not None:
            request_kwargs.setdefault("params", data)
            data = None
        body = request_kwargs.pop("json", data if isinstance(data, dict) else None)
        if body is not None:
            data = request_flow.encode(body)
        prepared = _prepare(method=verb, url=self._url(endpoint), data=data, **request_kwargs)
        for name, value in check_object(headers or {}, "headers").items():
            own_name, own_value = check_header_pair(name, value)
            prepared.headers[own_name] = own_value
        flow = request_flow.send(
            self._caller,
            verb,
            str(prepared.url),
            self._words(prepared),
            headers=prepared.headers,
            body=prepared.body,
            **_read_options(extra_options),
        )
        reply = self._aep_session.carry_out(flow, self.log)
        assert isinstance(reply, ResponseReply)
        return reply.response

    def check_response(self, response: requests.Response) -> None:
        """Raise the typed error of an error reply. Its message shows nothing that was sent.

        :raises AepStatusError: for 4xx and 5xx
        """
        if failure := self._caller.refusal(as_reply(response), self._words(response.request)):
            raise failure

    def call(self, call: Call) -> Any:
        """Carry out a call and return its JSON, None if the reply has no content.

        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        flow = request_flow.call(self._caller, call, self.service_path)
        return self._aep_session.carry_out(flow, self.log)

    def renew_token(self) -> None:
        """Fetch a new token, even if there is one. :raises AepError: IMS refuses or cannot be reached"""
        self._aep_session.carry_out(request_flow.renew_token(self._caller), self.log)

    def ping(self) -> request_flow.Reply:
        """Send one request without credentials. AEP refuses it.

        :raises AepTransportError: `host` does not answer, or something else than AEP answers
        """
        flow = request_flow.ping(self._caller, self._root, "GET /")
        return self._aep_session.carry_out(flow, self.log)

    def scrub(self, text: str) -> str:
        """Return the text with every secret that this hook knows replaced by ``***``."""
        return self._aep_session.secrets.scrub(text)

    @cached_property
    def _root(self) -> str:
        return self.settings.base_url + self.service_path

    @cached_property
    def _caller(self) -> Caller:
        scrub = self._aep_session.secrets.scrub
        return Caller(
            self.aep_conn_id,
            self.settings,
            self.sandbox,
            scrub,
            self.permissions,
            urgent=self._aep_session.urgent,
        )

    def _url(self, endpoint: str | None) -> str:
        """Return the URL of an endpoint. :raises AepConfigError: it is at another host"""
        text = "" if endpoint is None else endpoint
        if not isinstance(text, str):
            raise AepConfigError(
                f"`endpoint` must be a path, not a {type(text).__name__}.", parameter="endpoint"
            )
        if "://" not in text and not text.startswith("//"):
            return f"{self._root}/{text.lstrip('/')}" if text else self._root
        try:
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(text))
        except ValueError:
            origin = ""
        if origin.lower() != self.settings.base_url.lower():
            raise AepConfigError(
                "`endpoint` is at another host than the AEP connection: the token is not sent there.",
                parameter="endpoint",
            )
        return text

    def _words(self, request: requests.PreparedRequest) -> str:
        """Return method and path, without host, query and body."""
        path = urlsplit(str(request.url)).path
        return f"{request.method} {path.removeprefix(self.service_path) or '/'}"


def _prepare(**parts: Any) -> requests.PreparedRequest:
    """Prepare a request as ``requests`` does. :raises AepConfigError: its URL or body cannot be written"""
    request = requests.PreparedRequest()
    try:
        request.prepare(**parts)
    except (ValueError, TypeError):
        pass
    else:
        return request
    raise request_flow.not_writable(parts["method"])


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout <= LONGEST_TIMEOUT:
        return float(timeout)
    raise AepConfigError("`timeout` must be a positive number of seconds.", parameter="timeout")


def _read_options(extra_options: Mapping[str, Any] | None) -> dict[str, Any]:
    options = dict(check_object(extra_options or {}, "extra_options"))
    taken = {
        "check": bool(options.pop("check_response", True)),
        "timeout": _seconds(options.pop("timeout", None)),
    }
    if options:
        raise AepConfigError(
            f"`extra_options` {', '.join(sorted(options))} cannot be set for a call: the AEP connection and "
            "the environment decide on TLS, proxies and redirects.",
            parameter="extra_options",
        )
    return taken
