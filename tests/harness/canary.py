"""Canaries: secrets that no other text resembles, and the search for them in every usual spelling."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Collection
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

CORE = "Kanary"
"""Every canary begins with it, so that a search finds a canary whatever was done to the rest."""
SPECIAL = "/+%&=\"'\\<>"
AEP_SECRET = "KanaryAepSecretQ4t7" + SPECIAL
TOKEN = "KanaryAccessTokenW8z3.a-b_c/+="
PAYPAL_ID = "KanaryPayPalIdR5n2" + SPECIAL
PAYPAL_SECRET = "KanaryPayPalSecretX6m9" + SPECIAL
OTHER_ID = "KanaryOtherIdT3v8" + SPECIAL
OTHER_SECRET = "KanaryOtherSecretY7k4" + SPECIAL
PASSWORDS = (AEP_SECRET, TOKEN, PAYPAL_SECRET, OTHER_SECRET)
CANARIES = (AEP_SECRET, TOKEN, PAYPAL_ID, PAYPAL_SECRET, OTHER_ID, OTHER_SECRET)


def made_for(parameter: str) -> str:
    """Return a canary that names the parameter it is given as."""
    return f"{CORE}{parameter}Q4t7{SPECIAL}"


def _in_base64(text: bytes, offset: int, sure: int) -> str:
    """Return the base64 characters of a text at an offset that do not depend on its neighbours."""
    return base64.b64encode(b"\0" * offset + text).decode()[(0, 2, 3)[offset] : sure]


IN_ANY_CASE = (CORE.lower(), CORE.encode().hex())
IN_BASE64 = tuple(_in_base64(CORE.encode(), offset, (offset + len(CORE)) * 8 // 6) for offset in range(3))
_CANARY = re.compile(f"((?i:{'|'.join(IN_ANY_CASE)})|{'|'.join(IN_BASE64)})(\\w{{0,9}})\\S*")


def find_any(text: str) -> list[str]:
    """Find canaries in any spelling: return for each form what precedes it and how it begins, not the secret.

    Quick, for much text: every spelling of a canary keeps the core's letters, and no other text has them.
    """
    lowered = text.lower()
    found = {lowered.find(form): form for form in IN_ANY_CASE}
    found |= {text.find(form): form for form in IN_BASE64}
    return [
        "".join(c if c.isprintable() else " " for c in shortened(text[max(0, at - 60) : at + len(form) + 9]))
        for at, form in found.items()
        if at >= 0
    ]


def shortened(text: str) -> str:
    """Cut each canary in a text to the letters that identify it."""
    return _CANARY.sub(r"\1\2...", text)


def usual_spellings(secret: str) -> list[str]:
    """Return a secret as it is, escaped for URLs, JSON or Python, and in base64, as servers write it."""
    plain = base64.b64encode(secret.encode()).decode()
    url_safe = base64.urlsafe_b64encode(secret.encode()).decode()
    quoted = [quote(secret, safe=""), quote(secret), quote_plus(secret)]
    return [secret, *quoted, json.dumps(secret)[1:-1], repr(secret)[1:-1], plain, plain.rstrip("="), url_safe]


def spellings(secret: str) -> set[str]:
    """Return all searched spellings: the usual, escaped twice or for HTML, and base64 at any offset."""
    twice = {quote(quote(secret, safe=""), safe=""), json.dumps(json.dumps(secret))[1:-1], escape(secret)}
    core = re.match(r"[A-Za-z0-9]{13,}", secret)
    encoded = {_in_base64(secret.encode(), offset, -4) for offset in range(3)}
    url_safe = {form.replace("+", "-").replace("/", "_") for form in encoded}
    return {*usual_spellings(secret), *twice, *encoded, *url_safe, *([core.group()] if core else [])}


def find(text: str | bytes, secrets: tuple[str, ...] = CANARIES) -> list[str]:
    """Return which of the secrets a text holds, and in which spelling."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return [f"{secret} as {form}" for secret in secrets for form in spellings(secret) if form in text]


def without_mask_messages(log: str) -> str:
    """Leave out the lines in which `dags test` itself prints at DEBUG what it is told to mask."""
    return "\n".join(line for line in log.splitlines() if "MaskSecret(" not in line)


def dump(database: Path, hidden: Collection[str] = ()) -> str:
    """Return a SQLite file's rows as text: the file itself may split a value over pages.

    :param hidden: columns of the table `connection` to leave out
    """
    lines = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0.1) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            found = connection.execute(f'SELECT * FROM "{table}"')
            left_out = [table == "connection" and column[0] in hidden for column in found.description]
            for row in found:
                shown = [value for value, left in zip(row, left_out, strict=True) if not left]
                texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in shown]
                lines.append(f"{table}: {texts}")
    connection.close()
    return "\n".join(lines)


def leaks(directory: Path) -> dict[str, list[str]]:
    """Return the files that hold a password, and in which spelling; of databases also the rows."""
    found = {}
    for path in directory.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8", "replace") + (dump(path) if path.suffix == ".db" else "")
            if held := find(text, PASSWORDS):
                found[str(path)] = held
    return found


_KEY_LINES = [(f"{CORE}{number:02}" + "aB3/dE6+" * 8)[:64] for number in range(5)]
"""The body of a key: each line begins with a canary."""
PEM = "\n".join(["-----BEGIN PRIVATE KEY-----", *_KEY_LINES, "-----END PRIVATE KEY-----", ""])
KEY_FILE = {
    "type": "service_account",
    "project_id": "harmless",
    "private_key_id": "KanaryKeyIdZ7q2x",
    "private_key": PEM,
    "token_uri": "https://oauth2.example.com/token",
}
WITHIN_LARGER: dict[str, tuple[str, tuple[str, ...]]] = {
    "a key file": (json.dumps(KEY_FILE, indent=2), (PEM, "KanaryKeyIdZ7q2x")),
    "a PEM": (PEM, (PEM, *_KEY_LINES)),
    "a PEM with other line ends": (PEM.replace("\n", "\r\n"), (PEM,)),
    "a PEM in one line": (PEM.replace("\n", "\\n"), (PEM,)),
    "a PEM in base64": (base64.b64encode(PEM.encode()).decode(), (PEM,)),
    "a connection string": (
        "Server=db.example.com;Port=3306;UID=KanaryUserF3;PWD=KanaryPwdG8s2/+;Encrypt=True",
        ("KanaryUserF3", "KanaryPwdG8s2/+"),
    ),
    "a quoted password": ("Server=db;Password={KanaryPw;=H5};", ("KanaryPw;=H5",)),
    "a storage account": (
        "DefaultEndpointsProtocol=https;AccountName=harmless;AccountKey=KanaryKeyJ2m9n4==",
        ("KanaryKeyJ2m9n4==",),
    ),
    "accounts in a list": (
        'Server=db;AuthMech=1;CredString=[{"user": "u", "pass": "KanaryPassK4"}];',
        ("KanaryPassK4",),
    ),
    "a SAS URI": (
        "https://a.blob.core.windows.net/c?sv=2022&sp=rl&sig=KanarySigL6%2Bb%3D",
        ("KanarySigL6%2Bb%3D", "KanarySigL6+b="),
    ),
    "a SAS token": ("sv=2022&sig=KanarySigM7%3D", ("KanarySigM7=",)),
    "a JDBC address": ("jdbc:x://h/?user=root&password=KanaryPwN8%26&db=d", ("KanaryPwN8&",)),
    "an address with a login": ("https://KanaryUserP2:KanaryPwQ9%40@h/x", ("KanaryPwQ9@", "KanaryUserP2")),
}
"""Larger secrets, and the secrets inside them that a server may name alone."""


def echoes(text: str) -> list[str]:
    """Return how a server may echo a text: whole, with other line ends, in lines, and in other spellings."""
    wholes = [
        text,
        text.strip(),
        text.replace("\r\n", "\n"),
        text.replace("\n", "\r\n"),
        text.replace("\n", " "),
    ]
    found = [*wholes, *text.splitlines()]
    for one in [*wholes, *text.splitlines()]:
        raw = one.encode()
        in_json = json.dumps({"auth": one})
        found += [quote(one, safe=""), quote(one), quote(quote(one, safe=""), safe=""), in_json, repr(one)]
        found += [json.dumps(in_json), escape(one), raw.hex()]
        found += [base64.b64encode(b"x" * offset + raw).decode() for offset in range(3)]
        found += [base64.urlsafe_b64encode(raw).decode(), base64.b64encode(in_json.encode()).decode()]
    return found
