"""Secrets that can be told from anything else, and the search for them in every usual spelling."""

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
"""What every canary begins with, so that it is found whatever is done to the rest."""
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
    """A secret that names the parameter it is given as."""
    return f"{CORE}{parameter}Q4t7{SPECIAL}"


def _in_base64(word: str, offset: int) -> str:
    """How a word looks that begins so many bytes after a multiple of three, whatever stands around it."""
    text = base64.b64encode(b"\0" * offset + word.encode()).decode()
    sure = (offset + len(word)) * 8 // 6  # the next character may hold bits of what follows
    return text[(0, 2, 3)[offset] : sure]


IN_ANY_CASE = (CORE.lower(), CORE.encode().hex())
IN_BASE64 = tuple(_in_base64(CORE, offset) for offset in range(3))
_VEIL = re.compile(f"((?i:{'|'.join(IN_ANY_CASE)})|{'|'.join(IN_BASE64)})(\\w{{0,9}})\\S*")


def sightings(text: str) -> list[str]:
    """Where a canary stands in a text, in any spelling: what stands before it, and how it begins.

    Quick, and so made for much text: no other text has the core's letters by chance, and these are spelled
    alike whatever the rest is escaped for. The whole secret is not repeated: this goes into a report.
    """
    lowered = text.lower()
    places = {lowered.find(form): form for form in IN_ANY_CASE}
    places |= {text.find(form): form for form in IN_BASE64}
    return [
        "".join(c if c.isprintable() else " " for c in veiled(text[max(0, at - 60) : at + len(form) + 9]))
        for at, form in places.items()
        if at >= 0
    ]


def veiled(text: str) -> str:
    """The text with no more of each canary than one needs to know it by."""
    return _VEIL.sub(r"\1\2...", text)


def usual_spellings(secret: str) -> list[str]:
    """As servers and libraries write it: as it is, escaped for URLs, JSON or Python, in base64."""
    plain = base64.b64encode(secret.encode()).decode()
    url_safe = base64.urlsafe_b64encode(secret.encode()).decode()
    quoted = [quote(secret, safe=""), quote(secret), quote_plus(secret)]
    return [secret, *quoted, json.dumps(secret)[1:-1], repr(secret)[1:-1], plain, plain.rstrip("="), url_safe]


def spellings(secret: str) -> set[str]:
    """What is searched for: the usual, what is escaped twice or for HTML, and base64 at any offset."""
    raw = secret.encode()
    found = {
        *usual_spellings(secret),
        quote(quote(secret, safe=""), safe=""),
        json.dumps(json.dumps(secret))[1:-1],
        escape(secret),
    }
    core = re.match(r"[A-Za-z0-9]+", secret)
    if core and len(core.group()) > 12:
        found.add(core.group())  # whatever is done to the rest
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * offset + raw).decode()
            # What the neighbours share of the first and the last characters is left out.
            found.add(text[(0, 2, 3)[offset] : len(text) - 4])
    return found


def find(text: str | bytes, secrets: tuple[str, ...] = CANARIES) -> list[str]:
    """Which secrets a text holds, and as what."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return [f"{secret} as {form}" for secret in secrets for form in spellings(secret) if form in text]


def without_mask_orders(log: str) -> str:
    """A log without the lines in which `dags test` itself prints at DEBUG what it is told to mask."""
    return "\n".join(line for line in log.splitlines() if "MaskSecret(" not in line)


def dump(database: Path, hidden: Collection[str] = ()) -> str:
    """A SQLite file as text: in the file itself a value may be split over pages.

    Of the table `connection` the columns in `hidden` are left out.
    """
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0.1) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        parts = []
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            found = connection.execute(f'SELECT * FROM "{table}"')
            shown = [
                number
                for number, column in enumerate(found.description)
                if table != "connection" or column[0] not in hidden
            ]
            for row in found:
                parts.append(f"{table}: {[_plain(row[number]) for number in shown]}")
    connection.close()
    return "\n".join(parts)


def leaks(directory: Path) -> dict[str, list[str]]:
    """The files under a directory that hold a password, and as what; a database's rows are read too."""
    found = {}
    for path in directory.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8", "replace") + (dump(path) if path.suffix == ".db" else "")
            if held := find(text, PASSWORDS):
                found[str(path)] = held
    return found


def _plain(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def rows(database: Path, table: str) -> str:
    """One table of a SQLite file as text."""
    return "\n".join(line for line in dump(database).splitlines() if line.startswith(f"{table}: "))


def _canary_lines(count: int, width: int = 64) -> str:
    """The body of a key: each line begins with a canary."""
    lines = (f"{CORE}{number:02}" + "aB3/dE6+" * width for number in range(count))
    return "\n".join(line[:width] for line in lines)


PEM = f"-----BEGIN PRIVATE KEY-----\n{_canary_lines(5)}\n-----END PRIVATE KEY-----\n"
KEY_FILE = {
    "type": "service_account",
    "project_id": "harmless",
    "private_key_id": "KanaryKeyIdZ7q2x",
    "private_key": PEM,
    "token_uri": "https://oauth2.example.com/token",
}
WITHIN_LARGER: dict[str, tuple[str, tuple[str, ...]]] = {
    "a key file": (json.dumps(KEY_FILE, indent=2), (PEM, "KanaryKeyIdZ7q2x")),
    "a PEM": (PEM, (PEM, *_canary_lines(5).split("\n"))),
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
    """How a server may repeat a text: whole, with other line ends, in lines, and in other spellings."""
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
