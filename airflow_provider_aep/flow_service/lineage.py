"""Where the records of a flow run come from: the name of the source object, and the columns of each field.

Nothing is guessed. A source object gets a name of OpenLineage's rules only if AEP shows its address. An
expression has columns only if all of it is understood (Adobe's "Data Prep mapping functions", *Fields*).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from airflow_provider_aep.flow_service.bodies import columns_of
from airflow_provider_aep.flow_service.mappings import (
    COLUMN_TYPES,
    EXPRESSION_TYPES,
    kind_of,
    plain_path,
    source_of,
    target_of,
)
from airflow_provider_aep.flow_service.secret_rules import secrets_in

Item = Mapping[str, Any]


# The columns of each field


@dataclass(frozen=True)
class Origin:
    """How one mapping fills a field of the dataset, or a part of the field.

    :param columns: the columns of the source that the value depends on
    :param expression: how the value is calculated; empty if one column is copied unchanged. Of a part of a
        field, its path and the source
    :param known: False if the columns of the expression are unknown, not merely absent
    :param masks: whether the expression hashes or encrypts
    :param deciding: those of the columns that only decide which value is taken
    """

    columns: tuple[str, ...] = ()
    expression: str = ""
    known: bool = True
    masks: bool = False
    deciding: tuple[str, ...] = ()


def origins_of(
    mapping_set: Item, columns: Collection[str] = (), fields: Collection[str] = ()
) -> dict[str, tuple[Origin, ...]]:
    """Return the origins of each field that a mapping set fills, by the field's dotted path.

    A mapping to an item of an array or of a map fills a part of its field. A mapping to an object fills the
    object's fields.

    :param columns: the columns of the source connection; empty if AEP does not show them
    :param fields: the fields of the dataset's schema by dotted path; empty if they are unknown
    """
    found: dict[str, dict[Origin, None]] = {}
    for one in mapping_set.get("mappings") or ():
        source, path = source_of(one), target_of(one)
        if isinstance(path, str) and path and isinstance(source, str):
            origin = _origin(kind_of(one, source), source, columns)
            part = replace(origin, expression=f"{path}: {origin.expression or shown_expression(source)}")
            before_index = path.partition("[")[0]  # an array is one field of the schema
            for name in _resolve(before_index, fields) or (plain_path(before_index),):
                whole = path == before_index and plain_path(path) == name
                found.setdefault(name, {})[origin if whole else part] = None
    return {name: tuple(origins) for name, origins in found.items()}


def _origin(kind: str, source: str, columns: Collection[str]) -> Origin:
    if kind in COLUMN_TYPES:
        return Origin(_resolve(source, columns) or (plain_path(source),))
    if kind not in EXPRESSION_TYPES:
        return Origin(expression=shown_expression(source), known=False)
    uses = columns_in(source)
    resolved = [(_resolve(path, columns), decides) for path, decides in uses or ()]
    known = uses is not None and all(names for names, _ in resolved)
    used = tuple(dict.fromkeys(name for names, _ in resolved for name in names)) if known else ()
    if known and uses == [(source.strip(), False)]:
        return Origin(used)
    taken = {name for names, decides in resolved if not decides for name in names}
    return Origin(
        used,
        shown_expression(source),
        known,
        masks=_HASHES.search(source) is not None,
        deciding=tuple(name for name in used if name not in taken),
    )


def _resolve(path: str, columns: Collection[str]) -> tuple[str, ...]:
    """Return the columns, or fields, that a path names: itself, what has it as a part, or its own parts.

    :return: empty if there is no such column
    """
    plain = plain_path(path)
    if path in columns:
        return (path,)
    if not columns:
        return (plain,)
    if above := [name for name in columns if plain == name or plain.startswith(f"{name}.")]:
        return (max(above),)  # each begins as the one before it, so this is the longest
    return tuple(name for name in columns if name.startswith(f"{plain}."))


_HASHES = re.compile(r"\b(\w*(crypt|hmac|sha\d|md5)\w*|crc32)\s*\(", re.IGNORECASE)
_TEXT = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_HIDDEN = re.compile(rf"""(?P<field>\$\{{(?:[^{{}}\\]|\\.)+\}})|{_TEXT.pattern}|["'].*""", re.DOTALL)
"""A field, whose name can have a quote; a text; or a text without an end."""
_SEGMENT = r"(?:\$\{(?:[^{}\\]|\\.)+\}|[^\W\d][\w$]*|\$[\w$]+)"
_INDEX = r"(?:\[(?:\d+|\*)\])*"
_TOKEN = re.compile(
    rf"""\s*(?:(?P<text>{_TEXT.pattern})
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>{_SEGMENT}{_INDEX}(?:\.{_SEGMENT}{_INDEX})*)
    |(?P<sign>\?[?:]|&&|\|\||[=!<>]=|-(?!>)|[+*/%<>!(),?:\[\]])
    )\s*""",
    re.VERBOSE,
)
_OPERATORS = frozenset(("and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "div", "mod"))
_VALUES = frozenset(("true", "false", "null"))
_STATEMENTS = frozenset(
    ("new", "break", "var", "for", "while", "continue", "else", "if", "return", "do", "function", "_errors")
)


@dataclass
class _Level:
    """The argument that is read of a function, of other brackets, or of all of an expression.

    :param argument: the number of columns before the argument
    :param operand: the number of columns before what a ``?`` can follow
    :param number: of the argument, from 0
    """

    function: str = ""
    argument: int = 0
    operand: int = 0
    number: int = 0


def _conditions(levels: list[_Level], sign: str, function: str, count: int) -> range:
    """Read a sign. Return the positions of the columns that only decide which value is taken.

    :param levels: the open brackets, changed by the sign
    :param function: the function whose arguments the sign opens, else empty
    :param count: the number of columns before the sign
    """
    level, first = levels[-1], count
    if sign in ("(", "["):
        levels.append(_Level(function, count, count))
    elif sign in (")", "]") and len(levels) > 1:
        levels.pop()
    elif sign == "?":
        first = level.operand
    elif sign == ",":
        # decode: the key, then pairs of a key and a value; a last argument without a pair is a value
        keys = level.function == "decode" and level.number % 2 == 1
        if keys or (level.function in ("decode", "iif") and level.number == 0):
            first = level.argument
        level.argument, level.number = count, level.number + 1
    if sign in ("?", ":", ","):
        level.operand = count
    return range(first, count)


def columns_in(expression: str) -> list[tuple[str, bool]] | None:
    """Return the path of each column in an expression, and whether it only decides which value is taken.

    :return: None if a part of the expression is not understood
    """
    at, value_before, function = 0, False, ""
    paths: list[str] = []
    levels, conditions = [_Level()], set[int]()
    while at < len(expression):
        token = _TOKEN.match(expression, at)
        if token is None:
            return None
        at, name = token.end(), token["name"]
        if name is None or name in _OPERATORS:
            is_value = name is None and token["sign"] is None
            after_value = is_value or token["sign"] in (")", "]")
            conditions.update(_conditions(levels, token["sign"] or "", function, len(paths)))
            function = ""
        else:
            is_value = after_value = True
            call = expression[at : at + 1] == "("
            if name in _STATEMENTS or (call and not name.isidentifier()):
                return None
            if call:
                function = name
            elif name not in _VALUES:
                paths.append(name)
        if is_value and value_before:  # two values without an operator
            return None
        value_before = after_value
    uses = [(path, position in conditions) for position, path in enumerate(paths)]
    return uses if value_before else None


def shown_expression(expression: str) -> str:
    """Return an expression without what may be a secret: the texts of a hash or an encryption."""
    if _HASHES.search(expression) or any(secrets_in(expression)):
        return _HIDDEN.sub(lambda found: found["field"] or "'***'", expression)
    return expression


# The name of the source object


@dataclass(frozen=True)
class SourceName:
    """The name of a source object by one of OpenLineage's rules.

    :param rule: the class in ``openlineage.client.naming.dataset``
    :param parts: the class's arguments
    """

    rule: str
    parts: Mapping[str, str]


def object_of(source_connection: Item) -> str | None:
    """Return the table, path or resource that a source connection reads, None if it is unknown."""
    params = source_connection.get("params")
    for name in ("tableName", "path", "resourcePath"):
        value = params.get(name) if isinstance(params, Mapping) else None
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value
    return None


def source_columns(source_connection: Item) -> dict[str, str | None]:
    """Return the columns of a source connection with their types; empty if AEP does not show them."""
    return {
        str(one["name"]): one["type"] if isinstance(one.get("type"), str) else None
        for one in columns_of(source_connection)
        if isinstance(one, Mapping) and one.get("name")
    }


def has_rule(source: str) -> bool:
    """Return whether OpenLineage has a rule for a source of the catalogue, by the source's key."""
    return source in _RULES


def source_name(source: str, shown: Item, read: str) -> SourceName | None:
    """Return the name of a source object, None if there is no rule, or AEP does not show the address.

    :param source: the key of the source in the catalogue
    :param shown: the parameters of the base connection's ``auth`` that AEP shows; secrets are masked
    :param read: the table or path
    """
    rule = _RULES.get(source)
    found = rule(_Address(shown), read) if rule else None
    return None if found is None or not all(found.parts.values()) else found


class _Address:
    """The parameters of a base connection that can be an address. A masked value is missing."""

    def __init__(self, shown: Item) -> None:
        self._shown = shown

    def text(self, name: str) -> str:
        """Return a parameter, empty if it is missing."""
        value = self._shown.get(name)
        return str(value).strip() if isinstance(value, str | int) else ""

    def __getitem__(self, name: str) -> str:
        """Return a parameter that is a name, empty if it is missing or masked."""
        text = self.text(name)
        return text if re.fullmatch(r"[\w.$-]+", text) else ""

    def host(self, *names: str) -> tuple[str, str]:
        """Return host and port of the first parameter that has a host. A port that is not shown is empty."""
        for name in names:
            if host := _HOST.fullmatch(self.text(name)):
                port = self.text("port")
                return host[1].lower(), host[2] or (port if port.isdigit() else "")
        return "", ""


_HOST = re.compile(r"(?:(?:https?|tcp):(?://)?)?([A-Za-z0-9][A-Za-z0-9.-]*)(?:[:,](\d{1,5}))?/?")


def _table(
    address: _Address, read: str, *, rule: str, port: str, database: str = "database", schema: str = "schema"
) -> SourceName | None:
    """Name a table of a server.

    :param port: the usual port, for a connection that shows none
    :param database: the rule's argument for the database; empty if it has none
    :param schema: the rule's argument for the part before the table; empty if it has none
    """
    host, own_port = address.host("host", "server")
    parts = {"host": host, "port": own_port or port}
    if database:
        parts[database] = address["database"]
    *above, parts["table"] = _parts(read)
    if schema:
        parts[schema] = above.pop() if above else ""
    if above not in ([], [address["database"]]):
        return None
    return SourceName(rule, parts)


def _parts(table: str) -> list[str]:
    """Return the parts of a table's name; one empty part if the name has an unusual character."""
    parts = table.split(".")
    return parts if all(re.fullmatch(r"[\w$ -]+", part) for part in parts) else [""]


def _folder(path: str) -> str:
    """Return a path without the slashes around it; of a pattern, its folder."""
    return path.partition("*")[0].rpartition("/")[0].strip("/") if "*" in path else path.strip("/")


def _bucket(address: _Address, read: str, *, rule: str) -> SourceName | None:
    bucket, key, folder = address["bucketName"], _folder(read), _folder(address.text("folderPath"))
    if key == bucket or key.startswith(f"{bucket}/"):
        key = key[len(bucket) + 1 :]
    elif folder and not f"{key}/".startswith(f"{folder}/"):
        return None  # Adobe's documents do not say from where such a path counts
    if address.text("serviceUrl"):
        return None  # another store that only speaks the protocol
    return SourceName(rule, {"bucket_name": bucket, "object_key": key or "/"})


def _bigquery(address: _Address, read: str) -> SourceName | None:
    project, parts = address["project"], _parts(read)
    if parts[0] == project:
        parts = parts[1:]
    if len(parts) != 2:
        return None
    return SourceName("BigQuery", {"project_id": project, "dataset_name": parts[0], "table_name": parts[1]})


def _redshift(address: _Address, read: str) -> SourceName | None:
    host, port = address.host("server", "host")
    cluster = re.fullmatch(r"([^.]+)\.[^.]+\.([^.]+)\.redshift\.amazonaws\.com", host)
    parts = _parts(read)
    if cluster is None or len(parts) != 2:
        return None
    server = {"cluster_identifier": cluster[1], "region": cluster[2], "port": port or "5439"}
    table = {"database": address["database"], "schema": parts[0], "table": parts[1]}
    return SourceName("Redshift", {**server, **table})


def _snowflake(address: _Address, read: str) -> SourceName | None:
    organization, _, account = address["account"].removesuffix(".snowflakecomputing.com").partition("-")
    given = [address["database"], address["schema"]]
    parts = _parts(read)
    parts = [*given[: max(0, 3 - len(parts))], *parts]
    if len(parts) != 3 or "." in organization + account:  # an older account has no organization
        return None
    names = {"database": parts[0], "schema": parts[1], "table": parts[2]}
    return SourceName("Snowflake", {"organization_name": organization, "account_name": account, **names})


def _data_explorer(address: _Address, read: str) -> SourceName | None:
    host, _ = address.host("endpoint")
    cluster, suffix, rest = host.partition(".kusto.windows.net")
    *above, table = _parts(read)
    if not suffix or rest or above not in ([], [address["database"]]):
        return None
    parts = {"host": cluster, "database": address["database"], "table": table}
    return SourceName("AzureDataExplorer", parts)


def _server_of_files(address: _Address, read: str) -> SourceName | None:
    if not read.startswith("/"):
        return None
    return SourceName("RemoteFileSystem", {"host": address.host("host")[0], "path": f"/{_folder(read)}"})


_RULES: dict[str, Callable[[_Address, str], SourceName | None]] = {
    "amazon-redshift": _redshift,
    "amazon-s3": partial(_bucket, rule="S3"),
    "apache-cassandra": partial(_table, rule="Cassandra", port="9042", database="", schema="keyspace"),
    "azure-data-explorer": _data_explorer,
    "azure-synapse-analytics": partial(_table, rule="AzureSynapse", port="1433", database=""),
    "ftp": _server_of_files,
    "google-bigquery": _bigquery,
    "google-cloud-storage": partial(_bucket, rule="GCS"),
    "ibm-db2": partial(_table, rule="DB2", port="50000"),
    "mysql": partial(_table, rule="MySQL", port="3306", schema=""),
    "postgresql": partial(_table, rule="Postgres", port="5432"),
    "sftp": _server_of_files,
    "snowflake": _snowflake,
    "snowflake-streaming": _snowflake,
}
