"""Map the fields of an Airflow connection, by its type, to the parameters of a source.

Each parameter has templates. The first template whose fields all exist gives the parameter's value:

- ``{login}`` is a field of the connection or a key of its extra. Dots lead into an object:
  ``{keyfile_dict.client_id}``.
- ``{port=5432}`` is a field with a default.
- ``{private_key|base64}`` is a field in another form (see :data:`_FORMS`).
- ``{!tenant_id}`` excludes the template if the field exists. ``{!authenticator=snowflake}`` does so unless
  the field has this value.

A parameter under its documented name in the extra has priority over the templates, unless the connection type
has a field of that name.

The connection strings are those of Adobe's tutorials. The keys of extras are those that Airflow's providers
document.
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

_FIELD = re.compile(
    r"\{(?P<excludes>!?)(?P<name>[A-Za-z_][\w.]*)(=(?P<default>[^{}|]*))?(\|(?P<form>\w+))?\}"
)
_UNSAFE = re.compile(r"[;\"'{}\x00-\x1f]|^\s|\s$")
"""Characters that end a value of a connection string, or begin another value."""


@dataclass(frozen=True)
class ParameterValue:
    """A parameter's value, and the fields of the connection that it is made of.

    :param used: names of fields as in a template. A key of the extra that is a parameter itself is
        ``extra.name``
    """

    value: Any = field(repr=False)
    used: frozenset[str]


def render(template: str, fields: Mapping[str, Any]) -> ParameterValue | None:
    """Render a template. Return None if a field is missing, or if a field excludes the template.

    :raises SourceCredentialsError: a connection string cannot hold the value of a field. The error names the
        field and does not show the value
    """
    used: set[str] = set()
    parts: list[Any] = []
    position = 0
    for match in _FIELD.finditer(template):
        parts.append(template[position : match.start()])
        position = match.end()
        name = match["name"]
        value = lookup(fields, name)
        if value is not None:
            used.add(name)
        if match["excludes"]:
            if value is not None and str(value).lower() not in (match["default"] or "").split(","):
                return None
            continue
        if value is None:
            value = match["default"]
        if value is not None and ";" in template:
            _check_safe(str(value), name)
        if value is not None and match["form"]:
            value = _FORMS[match["form"]](value)
        if value is None:
            return None
        parts.append(value)
    parts = [part for part in (*parts, template[position:]) if part != ""]
    # a field alone keeps its type
    return ParameterValue(parts[0] if len(parts) == 1 else "".join(map(str, parts)), frozenset(used))


def fields_in(template: str) -> list[str]:
    """Return the fields that a template is made of."""
    return [match["name"] for match in _FIELD.finditer(template) if not match["excludes"]]


def required_fields(template: str) -> list[str]:
    """Return the fields of a template that have no default."""
    return [
        match["name"]
        for match in _FIELD.finditer(template)
        if not match["excludes"] and match["default"] is None
    ]


def excluding_fields(template: str) -> list[str]:
    """Return the fields that exclude a template."""
    return [match["name"] for match in _FIELD.finditer(template) if match["excludes"]]


def without_exclusions(template: str) -> str:
    """Return a template that no field excludes."""
    return _FIELD.sub(lambda match: "" if match["excludes"] else match.group(), template)


def lookup(fields: Mapping[str, Any], path: str) -> Any:
    """Return a field, or the value at a dotted path. Return None if it does not exist or is empty."""
    value: Any = fields
    for key in path.split("."):
        value = as_object(value).get(key)
    return None if value == "" else value


def as_object(value: Any) -> Mapping[str, Any]:
    """Return an object, also if it is JSON text, as Airflow's form keeps a key file. Else return ``{}``."""
    found = _parse(value) if isinstance(value, str) else value
    return found if isinstance(found, Mapping) else {}


def _check_safe(value: str, name: str) -> None:
    if _UNSAFE.search(value):
        raise SourceCredentialsError(
            f"`{name}` of the Airflow connection contains a character that would break a connection string, "
            "such as `;` or a quote. Write the whole connection string in the syntax of the source's driver, "
            "and put it into the extra of the Airflow connection as `connectionString`.",
            parameter=name,
            correct="the Airflow connection",
        )


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# Forms of a field


_ORACLE_ADDRESS = re.compile(r"(?:tcp:)?(?://)?(?P<host>[^:/()=]+)(?::(?P<port>\d+))?/(?P<service>[^:/()=]+)")


def _dsn(part: str) -> Callable[[Any], str | None]:
    """Return a function that reads a part of an Oracle DSN.

    A DSN is ``host:port/service`` or a descriptor with one address.
    """
    key = {"service": "SERVICE_NAME"}.get(part, part.upper())

    def read(value: Any) -> str | None:
        text = str(value).strip()
        if address := _ORACLE_ADDRESS.fullmatch(text):
            return (address.groupdict() | {"port": address["port"] or "1521"}).get(part)
        found = re.findall(rf"\(\s*{key}\s*=\s*([^()\s]+)\s*\)", text, re.IGNORECASE)
        return found[0] if len(found) == 1 else None

    return read


def _base64(value: Any) -> str:
    """Encode a PEM in base64. Return other keys as they are: they are encoded already."""
    text = str(value)
    return base64.b64encode(text.encode()).decode() if text.lstrip().startswith("-----") else text


def _json(value: Any) -> str:
    """Return compact JSON of a value, or of the object that a text encodes."""
    parsed = _parse(value) if isinstance(value, str) else value
    return json.dumps(parsed if isinstance(parsed, dict) else value, separators=(",", ":"))


_FORMS: Mapping[str, Callable[[Any], str | None]] = {
    "base64": _base64,
    "json": _json,
    "quoted": lambda value: quote(str(value), safe=""),
    "label": lambda value: re.sub(r"^\w+://", "", str(value)).partition(".")[0],
    "dfs": lambda value: str(value).replace(".blob.core.", ".dfs.core."),
    "uri": lambda value: str(value) if str(value).startswith("https://") else None,
    "region": lambda value: (
        None if str(value) == "us-west-2" else str(value)
    ),  # the default region has no name in an address
    **{f"dsn_{part}": _dsn(part) for part in ("host", "port", "sid", "service")},
    "query": lambda value: None if "://" in str(value) else str(value).removeprefix("?"),
}


# The map

Parameters = dict[str, str | tuple[str, ...]]
"""Templates by parameter. One template may be a string."""
Templates = Mapping[str, tuple[str, ...]]

_TOKEN: Parameters = {"accessToken": "{password}"}
_SERVER: Parameters = {
    "server": "{host}",
    "database": "{schema}",
    "username": "{login}",
    "password": "{password}",
}
_SALESFORCE: Parameters = {
    "username": "{login}",
    "password": "{password}",
    "securityToken": "{security_token}",
    "environmentUrl": ("{instance_url}", "https://{domain=login}.salesforce.com"),
    "instanceUrl": "{instance_url}",
    "clientId": "{consumer_key}",
    "clientSecret": "{consumer_secret}",
    "apiVersion": "{version}",
}
_SFTP: Parameters = {
    "host": "{host}",
    "port": "{port}",
    "userName": "{login}",
    "password": "{password}",
    "privateKeyContent": "{private_key|base64}",
    "passPhrase": "{private_key_passphrase}",
}
_AZURE = "DefaultEndpointsProtocol=https;AccountName={login};AccountKey="
_AZURE_STORAGE: Parameters = {
    "connectionString": (
        "{connection_string}",
        _AZURE + "{shared_access_key}",
        _AZURE + "{account_key}",
        _AZURE
        + "{password}{!tenant_id}{!sas_token}",  # with a tenant, login and password belong to an application
    ),
    "sasUri": (
        "{sas_token|uri}",
        "{url}?{sas_token|query}",
        "https://{login}.blob.core.windows.net?{sas_token|query}",
    ),
}
_APPLICATION: Parameters = {
    "servicePrincipalId": "{login}",
    "servicePrincipalKey": "{password}",
    "tenant": ("{tenant_id}", "{tenant}"),
}
_AWS_ID = (
    "{aws_access_key_id}{!role_arn}",
    "{login}{!role_arn}",
)  # with a role, login and password are not the role's keys
_AWS_KEY = ("{aws_secret_access_key}{!role_arn}", "{password}{!role_arn}")
_SNOWFLAKE_ACCOUNT = (
    "{account|label}.{region|region}",
    "{account}",
)  # a region replaces the region in the account
# With a key, the password is the key's passphrase. With another authenticator it is another secret.
_NO_KEY = "{!private_key_content}{!private_key_file}{!authenticator=snowflake,programmatic_access_token}"
_SNOWFLAKE_URL = (
    ".snowflakecomputing.com/?user={login|quoted}&password={password|quoted}" + _NO_KEY
    + "&db={database|quoted}&warehouse={warehouse|quoted}"
)  # fmt: skip
_SNOWFLAKE_ROLE = ("&role={role|quoted}", "")
_ORACLE_USER = "User Id={login};Password={password}"
_MYSQL = "Server={host};Port={port=3306};Database={schema};UID={login};PWD={password}"
_SQL_SERVER = "Initial Catalog={schema};Integrated Security=False;User ID={login};Password={password}"


def _string(*templates: str) -> Parameters:
    return {"connectionString": templates}


ANY_SOURCE: Parameters = {
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
"""Required parameters of any source, from a connection of type ``http`` or ``generic``."""

BY_SOURCE: Mapping[str, Mapping[str, Parameters]] = {
    "paypal": {"http generic": {"host": ("{host}", DEFAULT_HOST)}},
    "stripe": {"http generic": _TOKEN},
    "azure-table-storage": {"wasb": _AZURE_STORAGE},
    "google-bigquery": {
        "google_cloud_platform": {
            "project": ("{project}", "{keyfile_dict.quota_project_id}"),
            # a user's credentials: a service account has no client secret and no refresh token
            "clientId": "{keyfile_dict.client_id}",
            "clientSecret": "{keyfile_dict.client_secret}",
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
"""All parameters of a source, by source and by connection type."""


_ON_THE_WORKER = "it is a path on the worker, which AEP cannot read"
_NEEDS_BOTH = "AEP's authentication by key needs the key in `private_key` and its `private_key_passphrase`"
_REASONS_UNUSED: Mapping[str, str] = {
    "aws_session_token": "AEP has no parameter for it here, and temporary keys do not work without it",
    "authenticator": "AEP logs in with user name and password",
    "role_arn": "AEP cannot assume your role: for Amazon S3, `IAMRole Based` takes `bucketName` and uses a "
    "role of AEP, and other sources need keys",
    "key_file": _ON_THE_WORKER,
    "key_path": _ON_THE_WORKER,
    "private_key_file": _ON_THE_WORKER,
    "private_key": _NEEDS_BOTH,
    "private_key_passphrase": _NEEDS_BOTH,
    "oracle schema": "in Airflow it is not a database: AEP needs `service_name`, `sid` or `dsn` in the extra",
    "oracle dsn": "it must be `host:port/service` or a descriptor with one address",
    "http schema": "`host` names its scheme",
    "http port": "`host` names its port",
}
"""Why a field is not used, by its name or by connection type and name, if the name does not say enough."""


def reason_unused(conn_type: str, name: str) -> str | None:
    """Return why a field of a connection is not used."""
    return _REASONS_UNUSED.get(f"{conn_type} {name}") or _REASONS_UNUSED.get(name)


def templates_of(source_key: str, conn_type: str) -> tuple[Templates, Templates]:
    """Return the templates of a source for a connection type.

    :return: templates for all parameters, and templates for required parameters only
    """
    by_type = BY_SOURCE.get(source_key, {})
    own = next((parameters for types, parameters in by_type.items() if conn_type in types.split()), {})
    common = ANY_SOURCE if conn_type in {"http", "generic"} else {}
    return _in_tuples(own), _in_tuples(common)


def _in_tuples(parameters: Parameters) -> Templates:
    return {name: (some,) if isinstance(some, str) else some for name, some in parameters.items()}


def connection_types(source_key: str) -> list[str]:
    """Return the Airflow connection types that can hold a source's credentials, the most specific first."""
    mapped = [conn_type for types in BY_SOURCE.get(source_key, {}) for conn_type in types.split()]
    first = ["paypal"] if source_key == "paypal" else []
    return list(dict.fromkeys([*first, *mapped, "generic", "http"]))
