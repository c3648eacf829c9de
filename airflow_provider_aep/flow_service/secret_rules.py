"""Decide what a secret is. No other module does.

Three questions, each with its function:

- Is a parameter of ``auth.params`` secret? :func:`is_secret`: yes, unless it is listed as plain.
- May a field that no document names be secret, such as a key of a connection's extra? :func:`may_be_secret`.
- Which secrets are inside a text? :func:`secrets_inside_text`: PEM, JSON, pairs, URLs and base64.

:func:`secrets_of_params`, :func:`secrets_in` and :func:`secrets_of_connection` answer them for an object.
:class:`airflow_provider_aep.hooks.scrub.Secrets` masks the secrets that they find.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

_ADDRESSES = """account accountsUrl accessTokenUrl apiVersion bucketName catalog clusterId database domain
    endpoint environmentUrl eventHubName folderPath host httpPath instanceUrl largeResultsDataSetId name
    namespace port project projectId region role schema server serviceUri serviceUrl sourceId subdomain
    subscriptionName tenant tokenEndpoint topicName warehouse"""
_OPTIONS = """authenticationRequired authenticationType dataType disableChunking enableSsl environmentType
    expirationDate includeDeletedObjects maxConcurrentConnections"""

PLAIN_PARAMETERS = frozenset((*_ADDRESSES.split(), *_OPTIONS.split()))
"""The address of a source and options of its protocol.

User names, client ids, and URLs that can hold a key are not plain.
"""

_FLAGS = ("true", "false", "yes", "no", "on", "off", "none", "null")
_USERS = """admin administrator airflow anonymous api client default emulator guest oracle postgres public
    root sa service system test user username"""
_COMMON_USERS = frozenset(_USERS.split())
_MIN_NUMBER = 4  # a shorter number is part of error codes, and no secret
_MIN_PART = 4
_MIN_PEM_LINE = 8
_MAX_DEPTH = 5

_USER_NAME = re.compile(r"^(login|uid|user|user_?(id|name))$", re.IGNORECASE)
_SECRET_NAME = re.compile(
    r"secret|token|pass|pwd|phrase|credential|key|string|sas|sig$|signature|jwt|bearer|auth", re.IGNORECASE
)
_SURE_NAME = re.compile(
    r"(secret|token|password|passwd|pwd|passphrase|pass_phrase|credentials?|signature|jwt|sas|authorization)$"
    r"|(^|_)(pass|sig|bearer)$|connection_?string$|sas_?uri$"
    r"|(api|access|account|app|auth|client|consumer|encryption|hmac|master|principal|private|sas|secret|service"
    r"|shared|signing|storage|subscription)_?key(_id|_content)?$"
)
_PASSWORD_NAME = re.compile(r"(secret|token|pass|password|passwd|pwd|phrase)$", re.IGNORECASE)
_FILE_NAME = re.compile(r"(file|path|file_?name|dir|directory)$", re.IGNORECASE)
_URL_NAME = re.compile(r"(ur[il]|endpoint|host|server)$", re.IGNORECASE)

_PATH = re.compile(r"(~|[.]{1,2}|[A-Za-z]:)?[\\/][\w .\\/-]*[.][\w .\\/-]*")
_URL = re.compile(r"https?://[^@?#\s]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z _-]{0,23}|.{1,5}|[\d.,:+ -]+", re.DOTALL)


# Parameters of `auth.params`


def is_secret(name: str, schema: object = None) -> bool:
    """Return whether a parameter of ``auth.params`` is secret: masked, and refused in a DAG.

    :param schema: the parameter's JSON Schema, if it is known
    """
    is_password = isinstance(schema, Mapping) and schema.get("format") == "password"
    return is_password or name not in PLAIN_PARAMETERS


def secrets_of_params(params: Mapping[str, Any], schemas: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield every secret of ``auth.params``: the secret parameters, and secrets inside the plain ones.

    A plain ``serviceUrl`` can hold a signature in its query.

    :param schemas: the JSON Schema of each parameter, if they are known
    """
    for name, value in params.items():
        if not is_secret(name, (schemas or {}).get(name)):
            yield from secrets_in(value)
        elif not (isinstance(value, str) and is_common(name, value)):
            yield from strings_in_secret(value)


def strings_in_secret(value: object) -> Iterator[str]:
    """Yield every text of a secret value, however deep it is. Numbers count, since an API can echo them."""
    if isinstance(value, str):
        if value and not is_flag(value):
            yield value
    elif isinstance(value, Mapping):
        yield from strings_in_secret(list(value.values()))
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from strings_in_secret(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) >= _MIN_NUMBER:
        yield str(value)


# Values that are not masked as a whole, since they would be missing in every log


def is_flag(text: str) -> bool:
    """Return whether a text is a flag such as ``true`` or ``off``."""
    return text.strip().lower() in _FLAGS


def is_common(name: str, value: str) -> bool:
    """Return whether a value is a flag, or a user name that many systems have, such as ``root``."""
    return is_flag(value) or (_is_user_name(name) and value.lower() in _COMMON_USERS)


def _is_user_name(name: str) -> bool:
    return _USER_NAME.search(name) is not None


# Fields that no document names


def sounds_secret(name: str) -> bool:
    """Return whether the name of a field suggests a secret."""
    return _SECRET_NAME.search(name) is not None


def may_be_secret(name: str, value: str) -> bool:
    """Return whether a text in a field that no document names may be a secret.

    Flags, file paths, plain URLs, numbers and words are not secret, unless the name leaves no doubt.
    """
    text = value.strip()
    if not sounds_secret(name) or is_flag(text) or not text:
        return False
    if "-----" in text or text.startswith("{"):
        return True
    if _FILE_NAME.search(name) or (_URL_NAME.search(name) and _URL.fullmatch(text)):
        return False
    if _PATH.fullmatch(text) and not _PASSWORD_NAME.search(name):
        return False
    snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return _SURE_NAME.search(snake_case) is not None or _WORD.fullmatch(text) is None


_NAMES = ("name", "key", "header")


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """Yield the texts of an object whose names suggest a secret, and the secrets inside its other texts.

    A text with the key ``value`` has the name next to it, as in ``{"name": "X-Api-Key", "value": ...}``, else
    the name of the object.
    """
    if isinstance(value, Mapping):
        named = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), name)
        for key, inner in value.items():
            yield from secrets_in(inner, named if key == "value" else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_in(inner, name)
    elif isinstance(value, str):
        if may_be_secret(name, value):
            yield value
        else:
            yield from secrets_inside_text(value)


def secrets_of_connection(
    own: Mapping[str, Any],
    extra: Mapping[str, Any],
    plain: Mapping[str, Any],
    documented: Collection[str],
) -> Iterator[str]:
    """Yield every secret of a source's Airflow connection, and secrets inside the task's plain parameters.

    Login, password and documented parameters are secret by their names. Other keys of the extra are secret if
    their names and values suggest it.

    :param own: the connection's own fields
    :param documented: the names of the source's parameters
    """
    login = {name: str(own[name]) for name in ("login", "password") if name in own}
    yield from secrets_of_params(login)
    yield from secrets_of_params({name: value.strip() for name, value in login.items()})
    params = {name: value for name, value in extra.items() if name in documented}
    yield from secrets_of_params(
        {name: value for name, value in params.items() if isinstance(value, str | int | float)}
    )
    yield from secrets_in([own, extra, plain])


# Secrets inside a text

_PEM_FRAME = re.compile(r"-----[^-]+-----")
_LINE_BREAK = re.compile(r"\s+|\\r|\\n")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def _pair(ends: str) -> re.Pattern[str]:
    """Return the pattern of a name and a value. In a quoted value, a doubled quote is a part of the value.

    :param ends: the characters that end a value
    """
    return re.compile(
        rf"""(?:^|[;?&])\s*(?P<name>[\w .-]{{1,40}}?)\s*=\s*
            (?P<value>(?:\{{(?:[^}}]|\}}\}})*\}}|"(?:[^"]|"")*"|'(?:[^']|'')*'|\[.*?\])(?=\s*(?:[{ends}]|$))
            |[^{ends}]*)""",
        re.VERBOSE,
    )


_QUERY_PAIR = _pair(";&#")
_STRING_PAIR = _pair(";")  # in a connection string, `&` ends no value
_CLOSING = {"{": "}", '"': '"', "'": "'"}
_HEADER = re.compile(
    r"(?:^[ \t]*(?P<name>[A-Za-z][\w-]{0,40})[ \t]*:[ \t]*([A-Za-z]+[ \t]+)?|\b(bearer|basic)[ \t]+)"
    r"(?P<value>[^\s,;'\"]{8,})(?=[ \t]*$|[,;'\"])",
    re.IGNORECASE | re.MULTILINE,
)
_USER_INFO = re.compile(r"://(?P<user>[^/:@\s]*)(?::(?P<password>[^/@\s]*))?@")


def secrets_inside_text(text: str, depth: int = 0) -> Iterator[str]:
    """Yield the secrets inside a text, without the text itself."""
    if depth == _MAX_DEPTH:
        return
    for find in (_in_pem, _in_json, _in_pairs, _in_user_info, _in_headers, _in_base64):
        for part in find(text):
            if part != text and len(part) >= _MIN_PART:
                yield part
                yield from secrets_inside_text(part, depth + 1)


def _in_pem(text: str) -> Iterator[str]:
    """Yield each line of a PEM, whatever its line ends are, and the joined lines."""
    if "-----BEGIN" not in text:
        return
    words = _LINE_BREAK.split(_PEM_FRAME.sub("\n", text))
    lines = [word for word in words if re.fullmatch(r"[A-Za-z0-9+/=]+", word)]
    yield from (line for line in lines if len(line) >= _MIN_PEM_LINE)
    yield "".join(lines)
    yield text.strip()


def _in_json(text: str) -> Iterator[str]:
    """Yield the secret members of a JSON object or array."""
    yield from secrets_in(_parse(text))


def _parse(text: str) -> Any:
    """Return the JSON object or array that a text encodes, else None."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _in_pairs(text: str) -> Iterator[str]:
    """Yield the secret values of a connection string or a query: as they are, unquoted and URL-decoded."""
    if "=" not in text or not any(mark in text for mark in ";?&"):
        return
    for match in (_STRING_PAIR if ";" in text else _QUERY_PAIR).finditer(text):
        name, value = match["name"].replace(" ", ""), match["value"].strip()
        if value[:1] == "[" and (array := _parse(value)) is not None:
            yield from secrets_in(array)
        elif may_be_secret(name, value) or (_is_user_name(name) and not is_common(name, value)):
            yield value
            yield value.strip("{}\"'")
            if value[:1] == "[":
                yield value.split(";")[0]  # the bracket may be a part of the password
            if (closing := _CLOSING.get(value[:1])) and value[1:].endswith(closing):
                yield value[1:-1].replace(closing * 2, closing)
            yield unquote(value)


def _in_user_info(text: str) -> Iterator[str]:
    """Yield user name and password of a URL: as they are and URL-decoded."""
    for match in _USER_INFO.finditer(text):
        for value in match.groups(""):
            if not is_common("user", value):
                yield value
                yield unquote(value)


def _in_headers(text: str) -> Iterator[str]:
    """Yield the secrets of HTTP headers. A value without a digit is a word, as in ``token: expired``."""
    for match in _HEADER.finditer(text):
        name, value = match["name"] or "authorization", match["value"]
        if re.search(r"\d", value) and may_be_secret(name, value):
            yield value


def _in_base64(text: str) -> Iterator[str]:
    """Yield the PEM or JSON that a text in base64 encodes."""
    packed = _LINE_BREAK.sub("", text)
    if not _BASE64.fullmatch(packed):
        return
    try:
        raw = base64.b64decode(packed.replace("-", "+").replace("_", "/") + "=" * (-len(packed) % 4))
        decoded = raw.decode()
    except (ValueError, binascii.Error):
        return
    if decoded.lstrip().startswith(("-----BEGIN", "{", "[")):
        yield decoded
