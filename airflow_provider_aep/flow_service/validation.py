"""Check values before they go into a URL, a header or a body. Each error names the parameter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from airflow_provider_aep.flow_service.errors import AepConfigError

MAX_NAME = 255
LONGEST_TEXT = 4000
LONGEST_MARK = 600

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_DIGITS = re.compile(r"[0-9]{1,18}")
_SANDBOX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,255}")


def is_id(value: object) -> bool:
    """Return whether a value is allowed as an id in a path."""
    return isinstance(value, str) and value != "None" and _ID.fullmatch(value) is not None


def check_id(value: object, parameter: str) -> str:
    """Check an id before it is used in a path: only letters, digits, ``-`` and ``_``."""
    if isinstance(value, str) and is_id(value):
        return value
    shown = repr(value) if isinstance(value, str) and len(value) <= 80 else f"a {type(value).__name__}"
    raise AepConfigError(
        f"`{parameter}` is not an ID of Flow Service: got {shown}. "
        "An ID has only letters, digits, '-' and '_', such as 24151d58-ffa7-4960-951d-58ffa7396097. "
        "Take it from the XCom of the task that created the entity.",
        parameter=parameter,
    )


def check_name(value: object, parameter: str = "name") -> str:
    """Check a name. AEP stores a valid name unchanged, so a list by name finds it again."""
    problem = _name_problem(value)
    if problem is None:
        assert isinstance(value, str)
        return value
    raise AepConfigError(
        f"`{parameter}` {problem}. Give a text of 1 to {MAX_NAME} characters.", parameter=parameter
    )


def _name_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return f"must be a text, not a {type(value).__name__}"
    if not value.strip():
        return "is empty"
    if value == "None":
        return "is 'None', the text that a template renders for a missing value"
    if len(value) > MAX_NAME:
        return f"has {len(value)} characters"
    if value != value.strip():
        return "begins or ends with blanks, so it could not be found again"
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in value):
        return "has control characters or broken unicode"
    return None


def can_be_sent(text: str) -> bool:
    """Return whether a text can be written as UTF-8: lone surrogates cannot."""
    return not any(unicodedata.category(c) == "Cs" for c in text)


def check_description(value: object) -> str | None:
    """Check a description. It must leave room for an ownership mark."""
    return check_text(value, "description", longest=LONGEST_TEXT - LONGEST_MARK)


def check_text(value: object, parameter: str, *, longest: int = LONGEST_TEXT) -> str | None:
    """Check a free text such as a description, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise AepConfigError(
            f"`{parameter}` must be a text, not a {type(value).__name__}.", parameter=parameter
        )
    if len(value) > longest:
        raise AepConfigError(
            f"`{parameter}` has {len(value)} characters, more than {longest}.", parameter=parameter
        )
    if not can_be_sent(value):
        raise AepConfigError(f"`{parameter}` has broken unicode.", parameter=parameter)
    return value


def check_header_pair(name: object, value: object) -> tuple[str, str]:
    """Check a caller's own header: an allowed name, and a printable value on one line."""
    known = isinstance(name, str) and _HEADER_NAME.fullmatch(name)
    if known and isinstance(value, str) and all(" " <= c <= "~" or c == "\t" for c in value):
        return str(name), value
    raise AepConfigError(
        "`headers` has an invalid name or value. Both must be texts, printable and on one line.",
        parameter="headers",
    )


def check_header(value: object, parameter: str) -> str:
    """Check a value before it is used in a header: printable ASCII, no blank, no line break, not empty.

    The error does not show the value: it could be a secret in the wrong field.
    """
    if isinstance(value, str) and value and all(" " < c <= "~" for c in value):
        return value
    raise AepConfigError(
        f"`{parameter}` is empty or has blanks, line breaks or other characters that are not allowed "
        "in a header. Paste it again without anything around it.",
        parameter=parameter,
    )


def check_sandbox(value: object, parameter: str = "sandbox") -> str:
    """Check a sandbox's name (not its title): letters, digits, ``-`` and ``_``."""
    if isinstance(value, str) and _SANDBOX.fullmatch(value):
        return value
    shown = repr(value) if isinstance(value, str) and len(value) <= 80 else f"a {type(value).__name__}"
    raise AepConfigError(
        f"`{parameter}` is not the name of a sandbox: got {shown}. "
        "Use its name, such as 'prod', not its title or id.",
        parameter=parameter,
    )


def check_choice(value: object, parameter: str, choices: tuple[str, ...]) -> str:
    """Check that a value is one of the choices."""
    if value in choices:
        return str(value)
    raise AepConfigError(
        f"`{parameter}` is {value!r}; it must be one of {', '.join(map(repr, choices))}.", parameter=parameter
    )


def check_method(value: object) -> str:
    """Check an HTTP method, and return it in capitals."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z]{1,20}", value):
        return value.upper()
    raise AepConfigError("`method` must be an HTTP method such as 'GET'.", parameter="method")


def check_object(value: object, parameter: str) -> Mapping[str, object]:
    """Check that a value is a dict with texts as keys."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return value
    raise AepConfigError(
        f"`{parameter}` must be a dict with texts as keys, not a {type(value).__name__}.", parameter=parameter
    )


def check_flag(value: object, parameter: str) -> bool:
    """Check that a value is True or False. A text such as ``"True"`` is invalid."""
    if isinstance(value, bool):
        return value
    raise AepConfigError(f"`{parameter}` must be True or False, not {value!r:.40}.", parameter=parameter)


def check_boolean(value: object, parameter: str) -> bool:
    """Check that a value is True or False, or such a text, because templates render to text."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return check_flag(value, parameter)


def check_seconds(value: object, parameter: str) -> float:
    """Check a number of seconds, zero or more."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    raise AepConfigError(f"`{parameter}` must be a number of seconds, zero or more.", parameter=parameter)


def whole_number(value: object) -> int | None:
    """Return a whole number, also from a text, because templates render to text; else None."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def check_count(value: object, parameter: str) -> int:
    """Check a whole number, zero or more."""
    number = whole_number(value)
    if number is not None and number >= 0:
        return number
    raise AepConfigError(f"`{parameter}` must be a whole number, zero or more.", parameter=parameter)


_SCHEMA_ID = re.compile(r"https://ns\.adobe\.com/[A-Za-z0-9_]+/schemas/[A-Za-z0-9]+")


def check_schema_id(value: object, parameter: str = "schema_id") -> str:
    """Check a schema's ``$id``, a URL: ``https://ns.adobe.com/{tenant}/schemas/{hex}``."""
    if isinstance(value, str) and _SCHEMA_ID.fullmatch(value):
        return value
    raise AepConfigError(
        f"`{parameter}` is not a schema's $id, such as https://ns.adobe.com/TENANT/schemas/…. "
        "CreateSchemaOperator returns it.",
        parameter=parameter,
    )
