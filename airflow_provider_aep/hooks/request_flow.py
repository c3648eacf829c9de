"""One request to Adobe, from its token to its reply or typed error, as a generator that does no I/O.

A flow yields steps: send a request, sleep, mask a secret, fetch a token, use files, read a connection. A
driver carries out each step and sends its result, or the :class:`AepError` it met, back in. There are two
drivers: :meth:`.session.AepSession.carry_out` blocks, :meth:`.aio.AsyncFlowService.carry_out` runs on an
event loop.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConfigError,
    AepError,
    AepNotFoundError,
    AepPermissionError,
    AepThrottledError,
    AepTransportError,
    RequestBudgetError,
)
from airflow_provider_aep.flow_service.explanations import FOR_SOURCES
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.flow_service.retry import LONGEST_WAIT, MAX_REQUESTS, decide
from airflow_provider_aep.hooks import ims
from airflow_provider_aep.hooks.connection import (
    FIXED_HEADERS,
    Settings,
    is_journal_host,
    journal_origin,
    read_settings,
    request_headers,
)
from airflow_provider_aep.hooks.request_budget import RequestBudget, find_budget

T = TypeVar("T")
Flow = Generator["Step", Any, T]

TURN_PATIENCE, TURN_PAUSE = 5.0, 0.1
"""Seconds to wait at most while another process fetches the token, and between two reads of its file."""

LOCK_PATIENCE, LOCK_PAUSE = 1.0, 0.003
"""Seconds to wait at most for the file of the request budget, and between two tries. A process locks it for
far less than a millisecond, unless it is stopped."""

TOKEN_WORDS = "The token request to IMS"  # noqa: S105 - words of a message


@dataclass(frozen=True)
class Address:
    """The origin that a request goes to, and the setting of the Airflow connection that names it.

    :param conn_id: the Airflow connection; None if ``setting`` is a parameter of the task or trigger
    """

    origin: str
    setting: str
    conn_id: str | None

    def __str__(self) -> str:
        if self.conn_id is None:
            return f"{self.origin} (`{self.setting}`)"
        return f"{self.origin} (`{self.setting}` of the Airflow connection {self.conn_id!r})"


@dataclass(frozen=True)
class Request:
    """Send this request once and return its :class:`Reply`. Do not follow a redirect.

    :param words: the request in words for messages, without query and secrets
    :param to: the address for messages
    :param timeout: seconds for connecting, and for the whole reply
    :param stream: return the reply to a success before its body has arrived. Only the blocking driver can
    :param hurried: the caller gives up before the ``timeout`` of the Airflow connection
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: str | bytes | None = field(repr=False)
    words: str
    to: Address
    timeout: float
    stream: bool = False
    hurried: bool = False


@dataclass(frozen=True)
class Reply:
    """A whole reply, unzipped. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Sleep:
    """Sleep before a request is sent. Return False, without sleeping, if there is no time left for it.

    :param why: the failure and the next request, for the log; empty logs nothing
    :param counted: whether it uses the sleep budget of a try
    """

    seconds: float
    why: str = ""
    counted: bool = True


@dataclass(frozen=True)
class Mask:
    """Keep a secret out of logs and messages."""

    secret: object = field(repr=False)


@dataclass(frozen=True)
class FetchToken:
    """Carry out a flow and return its result. Flows of the same ``key`` wait for each other."""

    key: str
    flow: Flow[ims.Token]


@dataclass(frozen=True)
class UseFiles:
    """Call a function that reads or writes small files, off the event loop, and return its result."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class FindConnection:
    """Return the Airflow connection to AEP. :raises ConnectionMissingError: it does not exist"""

    conn_id: str
    parameter: str = "aep_conn_id"
    title: str = "Adobe Experience Platform"


Step = Request | Sleep | Mask | FetchToken | UseFiles | FindConnection


@dataclass(frozen=True)
class Caller:
    """The sender of requests: a connection, a sandbox, and how often one request may be sent.

    :param scrub: replaces the known secrets in a text
    :param permissions: the permissions that the error of a 403 advises
    :param max_requests: 1 repeats no request, except once with a new token after a refused one
    :param urgent: share nothing with other processes, and wait for none: a task or a wait is killed
    """

    conn_id: str
    settings: Settings
    sandbox: str
    scrub: Callable[[str], str]
    permissions: str = FOR_SOURCES
    max_requests: int = MAX_REQUESTS
    urgent: bool = False

    @cached_property
    def host(self) -> Address:
        """The address of requests, for messages."""
        return Address(self.settings.base_url, "host", self.conn_id)

    @cached_property
    def ims_host(self) -> Address:
        """The address of token requests, for messages."""
        return Address(self.settings.ims_url, "ims_host", self.conn_id)

    @cached_property
    def token_key(self) -> str:
        """The key of this credential in the cache of tokens."""
        return ims.cache_key(self.settings)

    @cached_property
    def request_budget(self) -> RequestBudget | None:
        """The request budget of this machine; None without one, and when a task or a wait is killed.

        :raises AepConfigError: its setting is invalid
        """
        return None if self.urgent else find_budget(self.settings.org_id)

    @cached_property
    def shared_token(self) -> ims.SharedToken:
        """The token of this credential that the processes of this machine share."""
        return ims.SharedToken(self.settings)

    def refusal(self, reply: Reply, words: str) -> AepError | None:
        """Return the typed error of an error reply, None for any other reply."""
        if reply.status < 400:
            return None
        return replies.error_from_reply(
            what=words,
            status=reply.status,
            headers=reply.headers,
            body=reply.body,
            sandbox=self.sandbox,
            now=time.time(),
            scrub=self.scrub,
            permissions=self.permissions,
        )


def read_aep_settings(conn_id: str) -> Flow[Settings]:
    """Read and check the Airflow connection to AEP.

    :raises AepConfigError: the connection is missing, or a setting is invalid
    """
    connection = yield FindConnection(conn_id)
    yield Mask(connection.password)  # before an error of the settings can show it
    settings = read_settings(connection)
    yield Mask(settings.client_secret)  # read_settings strips it
    return settings


def call(caller: Caller, request: Call, service_path: str) -> Flow[Any]:
    """Carry out a call and return its JSON, None if the reply has no content.

    :param service_path: the service's path below the host
    :raises AepError: see :mod:`airflow_provider_aep.flow_service.errors`
    """
    words = f"{request.method} {request.path}"
    body = None if request.body is None else encode(request.body)
    url = url_of(caller.settings.base_url + service_path, request)
    reply = yield from send(caller, request.method, url, words, headers=request.headers, body=body)
    if reply.status == 204 or request.method == "DELETE":
        return None
    return replies.read_json(reply.body, reply.headers.get("content-type", ""), words)


def send(
    caller: Caller,
    method: str,
    url: str,
    words: str,
    *,
    headers: Mapping[str, str],
    body: str | bytes | None = None,
    timeout: float | None = None,
    check: bool = True,
    stream: bool = False,
    repeats: Repeats | None = None,
    to: Address | None = None,
) -> Flow[Reply]:
    """Send a request with token and headers, as often as the table of retries allows. Return the reply.

    :param timeout: seconds for the reply; None for the connection's ``timeout``
    :param check: False returns an error reply instead of raising its error
    :param stream: return the reply before its body has arrived. The caller reads it, or repeats the request
    :param repeats: the count of a request that the caller repeats
    :param to: the address, if it is not the connection's ``host``
    :raises AepError: the failure of the last request
    """
    settings = caller.settings
    repeats = repeats or Repeats(caller, method, words)
    while True:
        try:
            token = yield from access_token(caller)
            yield from _await_budget(caller, words)
        except AepError as error:  # this request was not sent
            error.may_have_happened = repeats.uncertain
            raise
        own_headers = request_headers(headers, settings, caller.sandbox, token)
        if body is not None:
            own_headers["content-type"] = "application/json"
        if stream:
            own_headers["accept-encoding"] = "identity"  # a broken body continues at a byte of the file
        seconds = timeout or settings.timeout
        request = Request(method, url, own_headers, body, words, to or caller.host, seconds, stream)
        reply = None
        try:
            reply = yield from _send_once(request)
            failure = caller.refusal(reply, words)
        except AepError as error:
            failure = error
        if reply is not None and failure is None:
            if request.to == caller.host:
                ims.TOKENS.accept(caller.token_key, token)
            return reply
        assert failure is not None
        if isinstance(failure, AepAuthError):
            if request.to != caller.host and ims.TOKENS.is_accepted(caller.token_key, token):
                break  # a service that refuses this credential must not cost a token at each poll
            ims.TOKENS.drop(caller.token_key, token)
            if not caller.urgent:
                yield UseFiles(partial(caller.shared_token.drop, token))
        if isinstance(failure, AepThrottledError) and failure.retry_after and caller.request_budget:
            pause = partial(caller.request_budget.pause, failure.retry_after)
            yield from _call_until_free(pause, LOCK_PATIENCE, LOCK_PAUSE)
        if not (yield from repeats.allow(failure)):
            break
    # If the reply to a DELETE was lost and the next DELETE finds nothing, the first one has succeeded.
    deleted = method == "DELETE" and repeats.uncertain and isinstance(failure, AepNotFoundError)
    if reply is not None and (deleted or not check):
        return reply
    if repeats.uncertain:
        failure.may_have_happened = True  # by an earlier request, whose reply was lost
    raise failure


def access_token(caller: Caller) -> Flow[str]:
    """Return the access token of this credential: the process's, the machine's, or else a new one from IMS.

    :raises AepError: IMS refuses the credential or cannot be reached
    """
    token = ims.TOKENS.peek(caller.token_key)
    if token is None:
        token = yield FetchToken(caller.token_key, _fetch_missing_token(caller))
    yield Mask(token.value)
    return str(token.value)


def renew_token(caller: Caller) -> Flow[ims.Token]:
    """Fetch a new token, even if there is one. :raises AepError: IMS refuses or cannot be reached"""
    token = yield from _fetch_token(caller)
    yield Mask(token.value)
    ims.TOKENS.put(caller.token_key, token)
    if not caller.urgent:
        yield UseFiles(partial(caller.shared_token.save, token))
    return token


def read_journal(caller: Caller, url: str) -> Flow[Reply]:
    """Read a page of an Adobe I/O journal. It takes the organization in a header of its own.

    :raises AepError: any reply but 200, 204 and 410, or the URL is on a host that must not get the token
    """
    origin = journal_origin(url)
    if origin != caller.settings.base_url and not is_journal_host(origin):
        raise AepConfigError(
            "`journal` is on another host than *.adobe.io and `host` of the AEP connection. Copy the URL of "
            "the journal from the Developer Console.",
            parameter="journal",
        )
    headers, to = {"x-ims-org-id": caller.settings.org_id}, Address(origin, "journal", None)
    words = "The request for the journal"
    reply = yield from send(caller, "GET", url, words, headers=headers, check=False, to=to)
    if reply.status in (403, 404):
        raise (AepPermissionError if reply.status == 403 else AepNotFoundError).with_advice(
            f"{words} was refused: {reply.status}.",
            "Copy its URL from the Developer Console to `journal`, and add the *I/O Management API* to the "
            "project of the AEP connection's credential.",
            status=reply.status,
        )
    failure = None if reply.status == 410 else caller.refusal(reply, words)
    if failure is not None:
        raise failure
    return reply


def ping(caller: Caller, url: str, words: str) -> Flow[Reply]:
    """Send one GET without credentials. :raises AepTransportError: no reply, a redirect, or an HTML page"""
    settings = caller.settings
    reply = yield from _send_once(
        Request("GET", url, FIXED_HEADERS, None, words, caller.host, settings.timeout)
    )
    failure = caller.refusal(reply, words)
    if isinstance(failure, AepTransportError):
        raise failure
    if failure is None:
        replies.read_json(reply.body, reply.headers.get("content-type", ""), words)
    return reply


def encode(body: Any) -> bytes:
    """Return the JSON of a body. :raises AepConfigError: it cannot be written; no value is shown"""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        pass
    raise AepConfigError("The request's body cannot be written as JSON: check the types of its values.")


def not_writable(method: str) -> AepConfigError:
    """Return the error of a request whose URL or body cannot be written."""
    return AepConfigError(
        f"A {method} request cannot be written: its path or a parameter holds broken unicode or is of a "
        "wrong type."
    )


def _fetch_missing_token(caller: Caller) -> Flow[ims.Token]:
    """Fetch a token unless another flow or process has fetched it while this one waited for its turn."""
    token = ims.TOKENS.peek(caller.token_key)
    if token is not None:
        return token
    found = ims.Turn() if caller.urgent else (yield from _await_turn(caller))
    if isinstance(found, ims.Token):
        yield Mask(found.value)
        ims.TOKENS.put(caller.token_key, found)
        return found
    try:
        return (yield from renew_token(caller))
    finally:
        found.end()


def _await_turn(caller: Caller) -> Flow[ims.Token | ims.Turn]:
    """Return the token of another process of this machine, or the turn to fetch it.

    A process that has its turn for too long may be stopped, or IMS may be slow: then fetch without a turn.
    """
    found = yield from _call_until_free(caller.shared_token.load_or_turn, TURN_PATIENCE, TURN_PAUSE)
    return ims.Turn() if found is None else found


def _await_budget(caller: Caller, words: str) -> Flow[None]:
    """Sleep until the budget of this machine has room for a request.

    :raises RequestBudgetError: it has none within a minute, or within the time that is left
    """
    budget = caller.request_budget
    if budget is None:
        return
    seconds = yield from _call_until_free(budget.reserve, LOCK_PATIENCE, LOCK_PAUSE)
    if seconds is None:
        seconds = budget.reserve_alone()
    if seconds > LONGEST_WAIT or not (yield Sleep(seconds, counted=False)):
        raise RequestBudgetError.with_advice(
            f"{words} was not sent: the request budget of this machine has no room for {seconds:.0f} s.",
            retry_after=seconds,
        )


def _call_until_free(function: Callable[[], Any], patience: float, pause: float) -> Flow[Any]:
    """Call a function of files until no other process is in its way, and return its result.

    :param function: returns None if another process is in its way
    :param patience: seconds to wait at most; then return None
    """
    waited = 0.0
    while True:
        found = yield UseFiles(function)
        if found is not None or waited >= patience or not (yield Sleep(pause, counted=False)):
            return found
        waited += pause


def _fetch_token(caller: Caller) -> Flow[ims.Token]:
    """Ask IMS for a token. A token request creates nothing, so it is repeated as a GET is."""
    settings = caller.settings
    headers = {**FIXED_HEADERS, "content-type": "application/x-www-form-urlencoded"}
    url, form = settings.ims_url + ims.TOKEN_PATH, ims.form_of(settings)
    request = Request("POST", url, headers, form, TOKEN_WORDS, caller.ims_host, settings.timeout)
    repeats = Repeats(caller, "GET", TOKEN_WORDS, refreshed=True)
    while True:
        try:
            reply = yield from _send_once(request)
            failure = caller.refusal(reply, TOKEN_WORDS)
            if failure is None:
                document = replies.read_json(reply.body, reply.headers.get("content-type", ""), TOKEN_WORDS)
                return ims.read_token(replies.read_object(document, TOKEN_WORDS), time.monotonic())
        except AepError as error:
            failure = error
        if not (yield from repeats.allow(failure)):
            break
    raise failure


def _send_once(request: Request) -> Flow[Reply]:
    """Send, and refuse a redirect: following it could hand the token to a stranger."""
    reply: Reply = yield request
    if 300 <= reply.status < 400:
        raise replies.redirected(request.words, reply.status)
    return reply


class Repeats:
    """Count the requests and the sleep of one call, and apply the table of retries to its failures.

    :param refreshed: True if a refused token cannot be renewed
    """

    def __init__(self, caller: Caller, method: str, words: str, *, refreshed: bool = False) -> None:
        self.uncertain = False
        """Whether a request whose reply was lost may have had its effect."""
        self._most, self._method, self._words, self._refreshed = caller.max_requests, method, words, refreshed
        self._sent, self._slept = 1, 0.0

    def allow(self, failure: AepError) -> Flow[bool]:
        """Sleep before the next request and return True; return False if the failure is final."""
        again = decide(
            self._method,
            failure,
            sent=self._sent,
            most=self._most,
            refreshed=self._refreshed,
            waited=self._slept,
            jitter=random.random(),  # noqa: S311 - spreads waits, keeps no secret
        )
        if again is None:
            return False
        number = "with a new token" if again.fresh_token else f"request {self._sent + 1} of {self._most}"
        why = f"{self._words} failed: {failure.brief}. Sending it again in {again.wait:.1f} s ({number})."
        if not (yield Sleep(again.wait, why)):
            return False
        self._slept += again.wait
        self._sent += not again.fresh_token
        self._refreshed = self._refreshed or again.fresh_token
        self.uncertain = self.uncertain or failure.may_have_happened
        return True


def url_of(root: str, request: Call) -> str:
    """Return the URL of a call. :raises AepConfigError: it cannot be written"""
    try:
        query = urlencode(request.query, safe=",")
    except (ValueError, TypeError):
        pass
    else:
        return f"{root}{request.path}?{query}" if query else root + request.path
    raise not_writable(request.method)
