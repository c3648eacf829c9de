"""What every hook to Adobe Experience Platform shares: settings, token, headers, retries, errors.

It stands on the http provider's ``HttpHook`` and replaces what would harm here: there a connection's extras
leave as request headers, each ``run`` opens a new session, and an error loses status and body.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_aep import __version__
from airflow_provider_aep._compat import AirflowNotFoundException
from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.calls import Call
from airflow_provider_aep.flow_service.checks import check_sandbox
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConfigError,
    AepError,
    AepNotFoundError,
    AepReplyError,
)
from airflow_provider_aep.flow_service.retry import decide
from airflow_provider_aep.hooks import ims
from airflow_provider_aep.hooks.scrub import Secrets
from airflow_provider_aep.hooks.settings import Settings, read_settings
from airflow_provider_aep.hooks.transport import Transport

_FIXED_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"airflow-provider-aep/{__version__}",
}


class _Line:
    """One connection's settings, session and secrets: what hooks for several sandboxes share."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id
        self.secrets = Secrets()

    @cached_property
    def settings(self) -> Settings:
        try:
            connection = HttpHook.get_connection(self.conn_id)
        except AirflowNotFoundException:
            connection = None
        if connection is None:
            raise AepConfigError(
                f"There is no Airflow connection {self.conn_id!r}. Add one of type *Adobe Experience "
                "Platform* under this id, or pass another `aep_conn_id`.",
                parameter="aep_conn_id",
            )
        self.secrets.add([connection.password])
        settings = read_settings(connection)
        self.secrets.add([settings.client_secret])
        return settings

    @cached_property
    def transport(self) -> Transport:
        return Transport(self.settings.timeout, self.settings.verify)

    @cached_property
    def token_key(self) -> str:
        return ims.cache_key(self.settings)


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

    def __init__(self, aep_conn_id: str = default_conn_name, sandbox: str | None = None) -> None:
        super().__init__(method="GET", http_conn_id=aep_conn_id, tcp_keep_alive=False)
        self.aep_conn_id = aep_conn_id
        self._sandbox = sandbox
        self._line = _Line(aep_conn_id)

    def for_sandbox(self, name: str | None) -> Any:
        """A sibling for another sandbox, on the same session and token."""
        sibling = type(self)(self.aep_conn_id, name)
        sibling._line = self._line
        return sibling

    @property
    def settings(self) -> Settings:
        """The connection, checked. :raises AepConfigError: naming the setting that is wrong"""
        return self._line.settings

    @cached_property
    def sandbox(self) -> str:
        """The sandbox that every call of this hook names."""
        own = self._sandbox
        if own is None or (isinstance(own, str) and own.strip() in {"", "None"}):
            return self.settings.sandbox
        return check_sandbox(own)

    @cached_property
    def _headers(self) -> dict[str, str]:
        settings = self.settings
        return {
            **_FIXED_HEADERS,
            "x-api-key": settings.client_id,
            "x-gw-ims-org-id": settings.org_id,
            "x-sandbox-name": self.sandbox,
        }

    @cached_property
    def _root(self) -> str:
        return self.settings.base_url + self.service_path

    # What HttpHook offers, made safe

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> requests.Session:
        """The hook's one pooled session. It carries no credentials: :meth:`run` adds them a call."""
        return self._line.transport.session

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
        :param headers: additional headers; they cannot replace the token, the organization or the sandbox
        :param extra_options: ``check_response: False`` hands error replies back, ``timeout`` in seconds
            bounds the reply; nothing else is taken
        :param method: the HTTP method, ``self.method`` (GET) if not given
        :param request_kwargs: ``params`` and ``json`` as ``requests`` takes them
        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        verb = (method or self.method).upper()
        if verb == "GET" and data is not None:
            request_kwargs.setdefault("params", data)
            data = None
        body = request_kwargs.pop("json", data if isinstance(data, dict) else None)
        if body is not None:
            data = encode(body)
        request = requests.PreparedRequest()
        request.prepare(method=verb, url=self._url(endpoint), data=data, **request_kwargs)
        request.headers.update(headers or {})
        return self._send(request, **_options(extra_options))

    def check_response(self, response: requests.Response) -> None:
        """Raise the typed error of an error reply; its message holds nothing of what was sent.

        :raises AepStatusError: for 4xx and 5xx
        """
        if response.status_code < 400:
            return
        kind = response.headers.get("content-type", "")
        what = self._words(response.request)
        if response.status_code == 404 and "html" in kind.lower():
            raise AepReplyError(
                f"{what} was answered with an HTML page and 404: this is not Adobe Experience Platform. "
                "Check `host` of the AEP connection and the proxy settings.",
                status=404,
                retryable=False,
            )
        raise replies.error_from_reply(
            what=what,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.content,
            sandbox=self.sandbox,
            now=time.time(),
            scrub=self._line.secrets.scrub,
        )

    # The one way out

    def call(self, call: Call) -> Any:
        """Carry out a call and return its JSON, None where there is no content.

        :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
        """
        request = requests.PreparedRequest()
        data = None if call.body is None else encode(call.body)
        request.prepare(method=call.method, url=self._root + call.path, params=call.query, data=data)
        request.headers.update(call.headers)
        response = self._send(request)
        if response.status_code == 204 or (call.method == "DELETE" and not response.content):
            return None
        return replies.read_json(
            response.content, response.headers.get("content-type", ""), self._words(request)
        )

    def _send(
        self, request: requests.PreparedRequest, *, check: bool = True, timeout: float | None = None
    ) -> requests.Response:
        method, what = str(request.method), self._words(request)
        attempt, refreshed = 1, False
        while True:
            failure, response = self._send_once(request, what, timeout)
            if failure is None:
                return response  # type: ignore[return-value]
            if method == "DELETE" and attempt > 1 and isinstance(failure, AepNotFoundError):
                return response  # type: ignore[return-value]  # the first one did it, its reply was lost
            again = decide(method, failure, attempt=attempt, refreshed=refreshed, jitter=random.random())  # noqa: S311
            if again is None:
                if response is not None and not check:
                    return response
                raise failure
            self.log.info("%s Trying again in %.1f s (attempt %d).", failure, again.wait, attempt + 1)
            time.sleep(again.wait)
            attempt, refreshed = attempt + (not again.fresh_token), refreshed or again.fresh_token

    def _send_once(
        self, request: requests.PreparedRequest, what: str, timeout: float | None
    ) -> tuple[AepError | None, requests.Response | None]:
        token = self._token()
        request.headers.update(self._headers)
        request.headers["Authorization"] = f"Bearer {token}"
        if request.body is not None:
            request.headers["Content-Type"] = "application/json"
        response = None
        try:
            response = self._line.transport.send(request, what, timeout)
            self.check_response(response)
        except AepAuthError as error:
            ims.TOKENS.drop(self._line.token_key, token)
            return error, response
        except AepError as error:
            return error, response
        return None, response

    def renew_token(self) -> None:
        """Fetch a new token, whatever is in hand. :raises AepError: IMS refuses or is not reachable"""
        ims.TOKENS.put(self._line.token_key, self._fetch_token())

    def _token(self) -> str:
        return ims.TOKENS.get(self._line.token_key, self._fetch_token).value

    def _fetch_token(self) -> ims.Token:
        """Ask IMS. A token request makes nothing, so it is retried as a GET would be."""
        settings, attempt = self.settings, 1
        request = requests.PreparedRequest()
        request.prepare(
            method="POST",
            url=settings.ims_url + ims.TOKEN_PATH,
            data=ims.form_of(settings),
            headers={**_FIXED_HEADERS, "Content-Type": "application/x-www-form-urlencoded"},
        )
        what = "The token request to IMS"
        while True:
            try:
                response = self._line.transport.send(request, what)
                self.check_response(response)
                kind = response.headers.get("content-type", "")
                document = replies.read_object(replies.read_json(response.content, kind, what), what)
                token = ims.read_token(document, time.monotonic())
            except AepError as error:
                failure = error
            else:
                self._line.secrets.add([token.value])
                return token
            again = decide("GET", failure, attempt=attempt, refreshed=True, jitter=random.random())  # noqa: S311
            if again is None:
                raise failure
            time.sleep(again.wait)
            attempt += 1

    def _url(self, endpoint: str | None) -> str:
        """The address of an endpoint; a foreign one is refused, since the token would go there."""
        text = endpoint or ""
        if "://" not in text and not text.startswith("//"):
            return f"{self._root}/{text.lstrip('/')}" if text else self._root
        parts = urlsplit(text)
        if f"{parts.scheme}://{parts.netloc}".lower() != self.settings.base_url.lower():
            raise AepConfigError(
                "`endpoint` lies at another host than the AEP connection's: the token is not sent there.",
                parameter="endpoint",
            )
        return text

    def _words(self, request: requests.PreparedRequest) -> str:
        """A request in words: method and path, without host, query and body."""
        path = urlsplit(str(request.url)).path
        if path == ims.TOKEN_PATH:
            return "The token request to IMS"
        return f"{request.method} {path.removeprefix(self.service_path) or '/'}"


def encode(body: Any) -> bytes:
    """A JSON body. :raises AepConfigError: what is no JSON, without repeating it"""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        pass
    raise AepConfigError("The request's body cannot be written as JSON: check the types of its values.")


def _options(extra_options: Mapping[str, Any] | None) -> dict[str, Any]:
    options = dict(extra_options or {})
    taken = {"check": bool(options.pop("check_response", True)), "timeout": options.pop("timeout", None)}
    if options:
        raise AepConfigError(
            f"`extra_options` {', '.join(sorted(options))} cannot be set a call: TLS, proxies and redirects "
            "are settled by the AEP connection and the environment.",
            parameter="extra_options",
        )
    return taken
