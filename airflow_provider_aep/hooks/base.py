"""The base of every hook to Adobe Experience Platform: settings, token, headers, retries, errors.

It stands on the http provider's ``HttpHook`` and replaces what would harm here: there a connection's extras
leave as request headers, each ``run`` opens a new session, and an error loses status and body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from airflow.providers.http.hooks.http import HttpHook
from requests.structures import CaseInsensitiveDict

from airflow_provider_aep.flow_service import explanations, replies
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConfigError,
    AepError,
    AepNotFoundError,
    AepReplyError,
)
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.flow_service.validation import (
    check_header_pair,
    check_method,
    check_object,
)
from airflow_provider_aep.hooks.connection import (
    FIXED_HEADERS,
    LONGEST_TIMEOUT,
    Settings,
    choose_sandbox,
    with_ours,
)
from airflow_provider_aep.hooks.session import AepSession, SleepBudget, repeatedly

Service = TypeVar("Service", bound="AepHook")


class AepHook(HttpHook):
    """Base of the hooks to AEP's services. Nothing is looked up or sent before the first call.

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

    def to(self, service: type[Service]) -> Service:
        """Return a hook to another service of AEP, for the same sandbox, with the same session and token."""
        sibling = service(self.aep_conn_id, self._sandbox)
        sibling._aep_session = self._aep_session
        return sibling

    def aside(self) -> Any:
        """Return a hook for a signal handler: it shares nothing that can be in use."""
        sibling = self.for_sandbox(self._sandbox)
        sibling._aep_session = self._aep_session.aside()
        return sibling

    @property
    def settings(self) -> Settings:
        """The connection, checked. :raises AepConfigError: naming the setting that is wrong"""
        return self._aep_session.settings

    @property
    def sandbox(self) -> str:
        """The sandbox that every call of this hook names, for as long as it lives."""
        return choose_sandbox(self._sandbox, self.settings)

    @property
    def sleep_budget(self) -> SleepBudget:
        """The budget that every wait of this hook and its siblings is taken from."""
        return self._aep_session.sleep_budget

    def sleep_at_most(self, seconds: float) -> None:
        """Set the sleep budget of this hook and its siblings. A longer wait fails for a retry."""
        self._aep_session.sleep_budget = SleepBudget(seconds)

    @cached_property
    def _root(self) -> str:
        return self.settings.base_url + self.service_path

    # What HttpHook offers, made safe

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> requests.Session:
        """The hook's one pooled session. It carries no credentials: :meth:`run` adds them a call."""
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

        :param endpoint: a path below the service's, such as ``connections``
        :param data: query parameters of a GET, the body of anything else
        :param headers: additional headers, ``Accept`` among them; they cannot replace the token, the
            organization or the sandbox
        :param extra_options: ``check_response: False`` hands error replies back, ``timeout`` in seconds
            bounds the reply; nothing else is taken
        :param method: the HTTP method, ``self.method`` (GET) if not given
        :param request_kwargs: ``params`` and ``json`` as ``requests`` takes them
        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        verb = check_method(method or self.method)
        if verb == "GET" and data is not None:
            request_kwargs.setdefault("params", data)
            data = None
        body = request_kwargs.pop("json", data if isinstance(data, dict) else None)
        if body is not None:
            data = encode(body)
        request = _prepared(method=verb, url=self._url(endpoint), data=data, **request_kwargs)
        for name, value in check_object(headers or {}, "headers").items():
            own_name, own_value = check_header_pair(name, value)
            request.headers[own_name] = own_value
        return self._send(request, **_options(extra_options))

    def check_response(self, response: requests.Response) -> None:
        """Raise the typed error of an error reply; its message holds nothing of what was sent.

        :raises AepStatusError: for 4xx and 5xx
        """
        what = self._words(response.request)
        if failure := self._aep_session.refusal(response, what, self.sandbox, self.permissions):
            raise failure

    # The one way out

    def call(self, call: Call) -> Any:
        """Carry out a call and return its JSON, None where there is no content.

        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        data = None if call.body is None else encode(call.body)
        request = _prepared(method=call.method, url=self._root + call.path, params=call.query, data=data)
        request.headers.update(call.headers)
        response = self._send(request)
        if response.status_code == 204 or call.method == "DELETE":
            return None
        return replies.read_json(
            response.content, response.headers.get("content-type", ""), self._words(request)
        )

    def _send(
        self, request: requests.PreparedRequest, *, check: bool = True, timeout: float | None = None
    ) -> requests.Response:
        what = self._words(request)
        failure, response, uncertain = repeatedly(
            str(request.method),
            lambda: self._send_once(request, what, timeout),
            self.sleep_budget,
            log=self.log,
        )
        # a DELETE whose reply was lost has done it when the next one finds nothing
        done = request.method == "DELETE" and uncertain and isinstance(failure, AepNotFoundError)
        if response is not None and (failure is None or done or not check):
            return response
        if failure is not None and uncertain:
            failure.may_have_happened = True  # by an attempt whose reply was lost
        raise failure or AepReplyError.with_advice(f"{what} was not answered.")

    def _send_once(
        self, request: requests.PreparedRequest, what: str, timeout: float | None
    ) -> tuple[AepError | None, requests.Response | None]:
        token = self._aep_session.token()
        headers = with_ours(request.headers, self.settings, self.sandbox, token)
        if request.body is not None:
            headers["content-type"] = "application/json"
        request.headers = CaseInsensitiveDict(headers)
        response = None
        try:
            response = self._aep_session.transport.send(request, what, self._aep_session.address(), timeout)
            self.check_response(response)
        except AepError as error:
            if isinstance(error, AepAuthError):
                self._aep_session.drop_token(token)
            return error, response
        return None, response

    def renew_token(self) -> None:
        """Fetch a new token, whatever is in hand. :raises AepError: IMS refuses or is not reachable"""
        self._aep_session.renew_token()

    def scrub(self, text: str) -> str:
        """The text with every secret that this hook knows replaced by ``***``."""
        return self._aep_session.secrets.scrub(text)

    def knock(self) -> None:
        """Send one request without any credentials. :raises AepTransportError: nobody answers at `host`"""
        request = requests.PreparedRequest()
        request.prepare(method="GET", url=self._root, headers=FIXED_HEADERS)
        self._aep_session.transport.send(request, self._words(request), self._aep_session.address())

    def _url(self, endpoint: str | None) -> str:
        """The address of an endpoint; a foreign one is refused, since the token would go there."""
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
                "`endpoint` lies at another host than the AEP connection's: the token is not sent there.",
                parameter="endpoint",
            )
        return text

    def _words(self, request: requests.PreparedRequest) -> str:
        """A request in words: method and path, without host, query and body."""
        path = urlsplit(str(request.url)).path
        return f"{request.method} {path.removeprefix(self.service_path) or '/'}"


def _prepared(**parts: Any) -> requests.PreparedRequest:
    """A request of ours, or an error of ours: what cannot be written as a URL is a wrong parameter."""
    request = requests.PreparedRequest()
    try:
        request.prepare(**parts)
    except (ValueError, TypeError):
        pass
    else:
        return request
    raise AepConfigError(
        f"A {parts['method']} request cannot be written: its path or a parameter holds broken unicode or is "
        "of a wrong type."
    )


def encode(body: Any) -> bytes:
    """A JSON body. :raises AepConfigError: what is no JSON, without repeating it"""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        pass
    raise AepConfigError("The request's body cannot be written as JSON: check the types of its values.")


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout <= LONGEST_TIMEOUT:
        return float(timeout)
    raise AepConfigError("`timeout` must be a positive number of seconds.", parameter="timeout")


def _options(extra_options: Mapping[str, Any] | None) -> dict[str, Any]:
    options = dict(check_object(extra_options or {}, "extra_options"))
    taken = {
        "check": bool(options.pop("check_response", True)),
        "timeout": _seconds(options.pop("timeout", None)),
    }
    if options:
        raise AepConfigError(
            f"`extra_options` {', '.join(sorted(options))} cannot be set a call: TLS, proxies and redirects "
            "are settled by the AEP connection and the environment.",
            parameter="extra_options",
        )
    return taken
