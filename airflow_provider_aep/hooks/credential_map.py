"""Map the fields of an Airflow connection, by its type, to the parameters of a source.

``{login}`` is a field of the connection or a key of its extra (dots lead into it), ``{port=5432}`` one with a
default, ``{private_key|base64}`` one in another form (see :data:`_FORMS`). ``{!tenant_id}`` adds nothing and
rules its line out if that key exists; ``{!authenticator=snowflake}`` does so for every other value. The first
line counts whose fields all exist. Before the lines, an extra may hold any parameter under its documented
name, unless the type itself has a field of that name.

The forms of the connection strings are those of Adobe's tutorials; the extras are those that Airflow's
providers document.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from airflow_provider_aep.flow_service.errors import SourceCredentialsError
from airflow_provider_aep.hooks.paypal import DEFAULT_HOST

_FIELD = re.compile(r"\{(?P<absent>!?)(?P<name>[A-Za-z_][\w.]*)(=(?P<default>[^{}|]*))?(\|(?P<form>\w+))?\}")
_UNSAFE = re.compile(r"[;\"'{}\x00-\x1f]|^\s|\s$")
"""Characters that end a value of a connection string, or begin another one."""


@dataclass(frozen=True)
class Filled:
    """A value, and the fields of the connection that went into it.

    Fields are named as in a line, those of the extra that stand for themselves as ``extra.name``.
    """

    value: Any = field(repr=False)
    used: frozenset[str]


def fill(line: str, facts: Mapping[str, Any]) -> Filled | None:
    """The value of a line, None where one of its fields is not there.

    :raises SourceCredentialsError: a field cannot be written into a connection string; it is named, not shown
    """
    used: set[str] = set()
    texts: list[Any] = []
    position = 0
    for match in _FIELD.finditer(line):
        texts.append(line[position : match.start()])
        position = match.end()
        value = lookup(facts, match["name"])
        if match["absent"]:
            if value is not None and str(value).lower() not in (match["default"] or "").split(","):
                return None
            used.update({match["name"]} if value is not None else ())
            continue
        if value is None:
            value = match["default"]
        else:
            used.add(match["name"])
        if value is not None and ";" in line:
            _check_safe(str(value), match["name"])
        if value is not None and match["form"]:
            value = _FORMS[match["form"]](value)
        if value is None:
            return None
        texts.append(value)
    texts = [text for text in (*texts, line[position:]) if text != ""]
    whole = texts[0] if len(texts) == 1 else "".join(map(str, texts))
    return Filled(whole, frozenset(used))


def names_in(line: str) -> list[str]:
    """The fields that a line is made of."""
    return [match["name"] for match in _FIELD.finditer(line) if not match["absent"]]


def needed_in(line: str) -> list[str]:
    """The fields that a line cannot do without."""
    return [one["name"] for one in _FIELD.finditer(line) if not one["absent"] and one["default"] is None]


def forbidden_in(line: str) -> list[str]:
    """The fields that rule a line out."""
    return [match["name"] for match in _FIELD.finditer(line) if match["absent"]]


def without_rules(line: str) -> str:
    """The line as if nothing ruled it out."""
    return _FIELD.sub(lambda match: "" if match["absent"] else match.group(), line)


def lookup(facts: Mapping[str, Any], name: str) -> Any:
    """A field, or what stands at a dotted path; None where nothing is."""
    value: Any = facts
    for key in name.split("."):
        value = object_in(value).get(key)
    return None if value == "" else value


def object_in(value: Any) -> Mapping[str, Any]:
    """An object, also one that is kept as a text, as Airflow's form keeps a key file; empty for others."""
    found = _object(value) if isinstance(value, str) else value
    return found if isinstance(found, Mapping) else {}


def _check_safe(value: str, name: str) -> None:
    if _UNSAFE.search(value):
        raise SourceCredentialsError(
            f"`{name}` of the Airflow connection holds a character that a connection string cannot carry as "
            "it is, such as `;` or a quote. Write the whole string as the source's driver wants it, and put "
            "it into the connection's extra as `connectionString`.",
            parameter=name,
        )


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_EASY = re.compile(r"(?:tcp:)?(?://)?(?P<host>[^:/()=]+)(?::(?P<port>\d+))?/(?P<service>[^:/()=]+)")


def _dsn(part: str) -> Callable[[Any], str | None]:
    """A part of an Oracle DSN: `host:port/service`, or a descriptor with one address."""

    def read(value: Any) -> str | None:
        text = str(value).strip()
        if easy := _EASY.fullmatch(text):
            return (easy.groupdict() | {"port": easy["port"] or "1521"}).get(part)
        keys = {"service": "SERVICE_NAME"}
        found = re.findall(rf"\(\s*{keys.get(part, part.upper())}\s*=\s*([^()\s]+)\s*\)", text, re.IGNORECASE)
        return found[0] if len(found) == 1 else None

    return read


def _base64(value: Any) -> str:
    """Base64 of a key, once: in PEM it begins with dashes."""
    text = str(value)
    return base64.b64encode(text.encode()).decode() if text.lstrip().startswith("-----") else text


def _json(value: Any) -> str:
    """JSON without blanks; of a text that is an object already, the same object."""
    known = _object(value) if isinstance(value, str) else value
    return json.dumps(known if isinstance(known, dict) else value, separators=(",", ":"))


_FORMS: Mapping[str, Callable[[Any], str | None]] = {
    "base64": _base64,
    "json": _json,
    "quoted": lambda value: quote(str(value), safe=""),
    "label": lambda value: re.sub(r"^\w+://", "", str(value)).partition(".")[0],
    "dfs": lambda value: str(value).replace(".blob.core.", ".dfs.core."),
    "uri": lambda value: str(value) if str(value).startswith("https://") else None,
    "region": lambda value: None if str(value) == "us-west-2" else str(value),  # in no address of Snowflake
    **{f"dsn_{part}": _dsn(part) for part in ("host", "port", "sid", "service")},
    "query": lambda value: None if "://" in str(value) else str(value).removeprefix("?"),
}


Fields = dict[str, str | tuple[str, ...]]
Lines = Mapping[str, tuple[str, ...]]

_TOKEN: Fields = {"accessToken": "{password}"}
_SERVER: Fields = {
    "server": "{host}",
    "database": "{schema}",
    "username": "{login}",
    "password": "{password}",
}
_SALESFORCE: Fields = {
    "username": "{login}",
    "password": "{password}",
    "securityToken": "{security_token}",
    "environmentUrl": ("{instance_url}", "https://{domain=login}.salesforce.com"),
    "instanceUrl": "{instance_url}",
    "clientId": "{consumer_key}",
    "clientSecret": "{consumer_secret}",
    "apiVersion": "{version}",
}
_SFTP: Fields = {
    "host": "{host}",
    "port": "{port}",
    "userName": "{login}",
    "password": "{password}",
    "privateKeyContent": "{private_key|base64}",
    "passPhrase": "{private_key_passphrase}",
}
_AZURE = "DefaultEndpointsProtocol=https;AccountName={login};AccountKey="
_AZURE_STORAGE: Fields = {
    "connectionString": (
        "{connection_string}",
        _AZURE + "{shared_access_key}",
        _AZURE + "{account_key}",
        _AZURE + "{password}{!tenant_id}{!sas_token}",  # a tenant's login and password are an application's
    ),
    "sasUri": (
        "{sas_token|uri}",
        "{url}?{sas_token|query}",
        "https://{login}.blob.core.windows.net?{sas_token|query}",
    ),
}
_APPLICATION: Fields = {
    "servicePrincipalId": "{login}",
    "servicePrincipalKey": "{password}",
    "tenant": ("{tenant_id}", "{tenant}"),
}
_AWS_ID = ("{aws_access_key_id}{!role_arn}", "{login}{!role_arn}")  # a role's own keys are not in there
_AWS_KEY = ("{aws_secret_access_key}{!role_arn}", "{password}{!role_arn}")
_SNOWFLAKE_ACCOUNT = ("{account|label}.{region|region}", "{account}")  # a region replaces the account's own
# With a key, the password only unlocks it. With other authenticators it is another secret.
_NO_KEY = "{!private_key_content}{!private_key_file}{!authenticator=snowflake,programmatic_access_token}"
_SNOWFLAKE_URL = (
    ".snowflakecomputing.com/?user={login|quoted}&password={password|quoted}" + _NO_KEY
    + "&db={database|quoted}&warehouse={warehouse|quoted}"
)  # fmt: skip
_SNOWFLAKE_ROLE = ("&role={role|quoted}", "")
_ORACLE_USER = "User Id={login};Password={password}"
_MYSQL = "Server={host};Port={port=3306};Database={schema};UID={login};PWD={password}"
_SQL_SERVER = "Initial Catalog={schema};Integrated Security=False;User ID={login};Password={password}"


def _string(*lines: str) -> Fields:
    return {"connectionString": lines}


ANY_SOURCE: Fields = {
    "host": "{host}",
    "server": "{host}",
    "port": "{port}",
    "username": "{login}",
    "userName": "{login}",
    "userId": "{login}",
    "password": "{password}",
    "clientId": "{login}",
    "clientSecret": "{password}",
    "endpoint": "{host}",
    "url": "{url}",
    "environmentUrl": "{url}",
    "serviceUri": "{url}",
    "database": ("{database}", "{schema}"),
}
"""Required parameters of every source, made of ``http`` and ``generic`` connections."""

BY_SOURCE: Mapping[str, Mapping[str, Fields]] = {
    "paypal": {"http generic": {"host": ("{host}", DEFAULT_HOST)}},
    "stripe": {"http generic": _TOKEN},
    "azure-table-storage": {"wasb": _AZURE_STORAGE},
    "google-bigquery": {
        "google_cloud_platform": {
            "project": ("{project}", "{keyfile_dict.quota_project_id}"),
            "clientId": "{keyfile_dict.client_id}",  # of a user's credentials: a service account has no
            "clientSecret": "{keyfile_dict.client_secret}",  # secret and no refresh token
            "refreshToken": "{keyfile_dict.refresh_token}",
        },
    },
    "couchbase": {
        "generic": _string(
            "Server={host};Port={port};AuthMech=1;"
            'CredString=[{"user": {login|json}, "pass": {password|json}}];'
        ),
    },
    "azure-data-explorer": {
        "azure_data_explorer http generic": {**ANY_SOURCE, "endpoint": "{url}", **_APPLICATION},
    },
    "azure-databricks": {
        "databricks http generic": {"domain": "{url}", "accessToken": ("{token}", "{password}")},
    },
    "greenplum": {
        "postgres generic": _string("HOST={host};PORT={port=5432};DB={schema};UID={login};PWD={password}"),
    },
    "hp-vertica": {
        "vertica generic": _string(
            "Server={host};Port={port=5433};Database={schema};UID={login};PWD={password}"
        ),
    },
    "mariadb": {"mysql generic": _string(_MYSQL)},
    "mysql": {"mysql generic": _string(_MYSQL)},
    "oracle-db": {
        "oracle generic": _string(
            "Host={host};Port={port=1521};Sid={sid};" + _ORACLE_USER + "{!service_name}",
            "Host={host};Port={port=1521};ServiceName={service_name};" + _ORACLE_USER + "{!sid}",
            "Host={dsn|dsn_host};Port={dsn|dsn_port};ServiceName={dsn|dsn_service};" + _ORACLE_USER,
            "Host={dsn|dsn_host};Port={dsn|dsn_port};Sid={dsn|dsn_sid};" + _ORACLE_USER,
            "Host={host};Port={port=1521};ServiceName={service_name};" + _ORACLE_USER + "{!dsn}",
        ),
    },
    "postgresql": {
        "postgres generic": _string(
            "Server={host};Database={schema};Port={port=5432};UID={login};Password={password}"
        ),
    },
    "amazon-redshift": {"redshift postgres generic": _SERVER},
    "snowflake": {
        "snowflake": _string(
            *(
                f"jdbc:snowflake://{account}{_SNOWFLAKE_URL}{role}"
                for account in _SNOWFLAKE_ACCOUNT
                for role in _SNOWFLAKE_ROLE
            )
        ),
    },
    "microsoft-sql-server": {
        "mssql generic": _string(
            f"Data Source={{host}},{{port}};{_SQL_SERVER}", f"Data Source={{host}};{_SQL_SERVER}"
        ),
    },
    "azure-synapse-analytics": {
        "mssql generic": {
            **_string(
                "Server=tcp:{host},{port=1433};Database={schema};User ID={login}@{host|label};"
                "Password={password};Trusted_Connection=False;Encrypt=True;Connection Timeout=30"
                "{!tenant_id}{!tenant}"
            ),
            "server": "{host}",
            "database": "{schema}",
            **_APPLICATION,
        },
    },
    "teradata-vantage": {"teradata generic": _string("DBCName={host};Uid={login};Pwd={password}")},
    "apache-cassandra": {"cassandra": ANY_SOURCE},
    "salesforce": {"salesforce": _SALESFORCE},
    "veeva-crm": {"salesforce": _SALESFORCE},
    "salesforce-service-cloud": {"salesforce": _SALESFORCE},
    "servicenow": {"http generic": {"endpoint": "{url}"}},
    "zendesk": {"http generic": {"subdomain": "{host|label}", **_TOKEN}},
    "azure-data-lake-storage-gen2": {
        "wasb adls generic": {"url": "{url|dfs}", **_APPLICATION},
    },
    "azure-file-storage": {"wasb": ANY_SOURCE},
    "azure-blob-storage": {"wasb": _AZURE_STORAGE},
    "amazon-s3": {
        "aws generic": {
            "s3AccessKey": _AWS_ID,
            "s3SecretKey": _AWS_KEY,
            "s3SessionToken": "{aws_session_token}",
            "serviceUrl": ("{service_config.s3.endpoint_url}", "{endpoint_url}"),
            "bucketName": "{service_config.s3.bucket_name}",
        },
    },
    "sftp": {"sftp ssh generic": _SFTP},
    "ftp": {"ftp": ANY_SOURCE},
    "google-cloud-storage": {
        "aws google_cloud_platform generic": {"accessKeyId": _AWS_ID, "secretAccessKey": _AWS_KEY},
    },
    "oracle-object-storage": {
        "aws generic": {
            "serviceUrl": ("{service_config.s3.endpoint_url}", "{endpoint_url}", "{url}"),
            "accessKey": _AWS_ID,
            "secretKey": _AWS_KEY,
        },
    },
    "azure-event-hubs": {
        "http generic": {"namespace": "{host|label}", "sasKeyName": "{login}", "sasKey": "{password}"},
    },
    "amazon-kinesis": {
        "aws generic": {"accessKeyId": _AWS_ID, "secretKey": _AWS_KEY, "region": "{region_name}"},
    },
    "generic-rest-api": {"http generic": {"host": "{url}", **_TOKEN}},
    "google-ads": {
        "google_cloud_platform": {
            "developerToken": "{google_ads_client.developer_token}",
            "loginCustomerID": "{google_ads_client.login_customer_id}",
            "clientCustomerID": "{google_ads_client.linked_customer_id}",
            "clientId": "{google_ads_client.client_id}",
            "clientSecret": "{google_ads_client.client_secret}",
            "refreshToken": "{google_ads_client.refresh_token}",
        },
    },
    "shopify": {"http generic": _TOKEN},
    "salesforce-marketing-cloud": {"http generic": {"host": "{host|label}"}},
    "google-pubsub": {
        "google_cloud_platform": {
            "projectId": ("{project}", "{keyfile_dict.project_id}"),
            "credentials": "{keyfile_dict|json}",
        },
    },
    "snowflake-streaming": {
        "snowflake": {
            "account": _SNOWFLAKE_ACCOUNT,
            "database": "{database}",
            "warehouse": "{warehouse}",
            "username": "{login}",
            "password": "{password}" + _NO_KEY,
            "schema": "{schema}",
            "role": "{role}",
        },
    },
    "onetrust-integration": {"http generic": _TOKEN},
    "mailchimp-members-campaign-activity": {"http generic": _TOKEN},
    "pinterest-ads": {"http generic": _TOKEN},
    "linkedin-ads": {"http generic": _TOKEN},
}
"""Required and optional parameters of one source, by the type of connection."""


_ON_THE_WORKER = "it is a path on the worker, which AEP cannot read"
_NO_KEY_THEN = "AEP's authentication by key needs the key in `private_key` and its `private_key_passphrase`"
WHY_NOT: Mapping[str, str] = {
    "aws_session_token": "AEP has no parameter for it here, and temporary keys do not work without it",
    "authenticator": "AEP logs in with user name and password",
    "role_arn": "AEP assumes none of your roles: for Amazon S3, `IAMRole Based` takes `bucketName` and a "
    "role of AEP's own, and other sources need keys",
    "key_file": _ON_THE_WORKER,
    "key_path": _ON_THE_WORKER,
    "private_key_file": _ON_THE_WORKER,
    "private_key": _NO_KEY_THEN,
    "private_key_passphrase": _NO_KEY_THEN,
    "oracle schema": "to Airflow it is no database: AEP needs `service_name`, `sid` or `dsn` in the extra",
    "oracle dsn": "it is read as `host:port/service` or as a descriptor with one address",
    "http schema": "`host` names its scheme",
    "http port": "`host` names its port",
}
"""Why a field is not used, by its name or by type and name, if its name does not say enough."""


def why_not(conn_type: str, name: str) -> str | None:
    """Why a field of a connection is not used."""
    return WHY_NOT.get(f"{conn_type} {name}") or WHY_NOT.get(name)


def fields_of(source_key: str, conn_type: str) -> tuple[Lines, Lines]:
    """The lines of a source for a type of connection, and those that only fill what must be there."""
    own = [fields for types, fields in BY_SOURCE.get(source_key, {}).items() if conn_type in types.split()]
    common = ANY_SOURCE if conn_type in {"http", "generic"} else {}
    return _lines(own[0] if own else {}), _lines(common)


def _lines(fields: Fields) -> Lines:
    return {name: (some,) if isinstance(some, str) else some for name, some in fields.items()}


def types_of(source_key: str) -> list[str]:
    """The types of Airflow connections that a source's credentials can come from, its own first."""
    named = [type_ for types in BY_SOURCE.get(source_key, {}) for type_ in types.split()]
    first = ["paypal"] if source_key == "paypal" else []
    return list(dict.fromkeys([*first, *named, "generic", "http"]))
