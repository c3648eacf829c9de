"""For each documented source, an Airflow connection of a type one has anyway, and what becomes of it.

By source and authentication: the connection, what a task adds as ``auth_params``, and ``auth.params``. The
secrets are canaries (:mod:`tests.harness.canary`), but without marks that a connection string has to quote.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

USER, SECRET = "KanaryUserK7f3", "KanaryPasswordK9c1"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nKanaryPem\n-----END RSA PRIVATE KEY-----"
ACCOUNT = {"username": USER, "password": SECRET}
CLIENT = {"clientId": USER, "clientSecret": SECRET}
TOKENS = {"accessToken": "KanaryAccessToken", "refreshToken": "KanaryRefreshToken"}
APPLICATION = {"servicePrincipalId": USER, "servicePrincipalKey": SECRET, "tenant": "t-1"}
AT_HOST = "host.example.com"
GOOGLE_USER = {
    "client_id": "gid",
    "client_secret": "KanaryGoogleSecret",
    "refresh_token": "KanaryGoogleToken",
    "type": "authorized_user",
}
GOOGLE_KEY = {"type": "service_account", "private_key": "KanaryPrivateKey"}
ADS = {
    "developer_token": "KanaryDeveloperToken",
    "client_id": "gid",
    "client_secret": "KanaryGoogleSecret",
    "refresh_token": "KanaryGoogleToken",
    "login_customer_id": "111",
    "linked_customer_id": "222",
}
SALESFORCE = {"security_token": "KanarySecurityToken", "domain": "test"}
AZURE_KEY = f"DefaultEndpointsProtocol=https;AccountName={USER};AccountKey={SECRET}"
SNOWFLAKE = {"account": "acc", "region": "eu-1", "database": "db", "warehouse": "wh", "role": "r"}


@dataclass(frozen=True)
class Natural:
    """One connection and what becomes of it."""

    conn_type: str
    params: dict[str, Any]
    fields: dict[str, Any] = field(
        default_factory=lambda: {"login": USER, "password": SECRET, "host": AT_HOST}
    )
    extra: dict[str, Any] = field(default_factory=dict)
    auth_params: dict[str, Any] | None = None

    @property
    def connection(self) -> dict[str, Any]:
        """As Airflow stores it."""
        return {"conn_type": self.conn_type, **self.fields, "extra": self.extra}


def _database(conn_type: str, line: str, **extra: Any) -> Natural:
    fields = {"login": USER, "password": SECRET, "host": AT_HOST, "schema": "db", "port": 4711}
    text = line.format(host=AT_HOST, user=USER, password=SECRET)
    return Natural(conn_type, {"connectionString": text}, fields, extra)


def _http(params: dict[str, Any], extra: dict[str, Any] | None = None, **fields: Any) -> Natural:
    return Natural(
        "http", params, {"login": USER, "password": SECRET, "host": AT_HOST, **fields}, extra or {}
    )


def _token(**params: Any) -> Natural:
    return _http({"accessToken": SECRET, **params}, login=None)


_CLIENT_SECRET, _REFRESH = "Client-Id-Secret Based Authentication", "OAuth2 Refresh Code"
_CREDENTIAL, _BASIC, _STRING = "OAuth2 Client Credential", "Basic Authentication", "ConnectionString"
_STRING_BASED = "Connection String Based Authentication"
_PRINCIPAL = "Service Principal Key Based Authentication"

NATURAL: dict[tuple[str, str], Natural] = {
    ("paypal", _CLIENT_SECRET): Natural("paypal", {**CLIENT, "host": AT_HOST}),
    ("stripe", _REFRESH): _token(),
    ("square", _REFRESH): _http({**CLIENT, **TOKENS, "host": AT_HOST}, TOKENS),
    ("azure-table-storage", _STRING_BASED): Natural("wasb", {"connectionString": AZURE_KEY}),
    ("google-bigquery", _BASIC): Natural(
        "google_cloud_platform",
        {
            "project": "p-1",
            "clientId": "gid",
            "clientSecret": "KanaryGoogleSecret",
            "refreshToken": "KanaryGoogleToken",
        },
        {},
        {"extra__google_cloud_platform__project": "p-1", "keyfile_dict": json.dumps(GOOGLE_USER)},
    ),
    ("couchbase", _STRING_BASED): _database(
        "generic",
        'Server={host};Port=4711;AuthMech=1;CredString=[{{"user": "{user}", "pass": "{password}"}}];',
    ),
    ("azure-data-explorer", "Service Principal Based Authentication"): Natural(
        "azure_data_explorer",
        {**APPLICATION, "endpoint": f"https://{AT_HOST}", "database": "db"},
        extra={"tenant": "t-1"},
        auth_params={"database": "db"},
    ),
    ("azure-databricks", "Access Token Authentication"): Natural(
        "databricks",
        {"domain": f"https://{AT_HOST}", "accessToken": SECRET, "clusterId": "c-1", "database": "db"},
        auth_params={"clusterId": "c-1", "database": "db"},
    ),
    ("greenplum", _BASIC): _database("postgres", "HOST={host};PORT=4711;DB=db;UID={user};PWD={password}"),
    ("apache-hive-on-azure-hdinsights", "HDInsights Basic Authentication"): _http(
        {**ACCOUNT, "host": AT_HOST}
    ),
    ("hp-vertica", _STRING_BASED): _database(
        "vertica", "Server={host};Port=4711;Database=db;UID={user};PWD={password}"
    ),
    ("ibm-db2", _BASIC): Natural(
        "generic",
        {**ACCOUNT, "server": AT_HOST, "database": "db"},
        {"login": USER, "password": SECRET, "host": AT_HOST, "schema": "db"},
    ),
    ("mariadb", _STRING_BASED): _database(
        "mysql", "Server={host};Port=4711;Database=db;UID={user};PWD={password}"
    ),
    ("mysql", _STRING_BASED): _database(
        "mysql", "Server={host};Port=4711;Database=db;UID={user};PWD={password}"
    ),
    ("oracle-db", _STRING): _database(
        "oracle", "Host={host};Port=4711;Sid=orcl;User Id={user};Password={password}", sid="orcl"
    ),
    ("phoenix", _BASIC): _http(
        {**ACCOUNT, "host": AT_HOST, "port": 4711, "httpPath": "/x", "enableSsl": True},
        {"enableSsl": True, "httpPath": "/x"},
        port=4711,
    ),
    ("postgresql", _STRING_BASED): _database(
        "postgres", "Server={host};Database=db;Port=4711;UID={user};Password={password}"
    ),
    ("amazon-redshift", _BASIC): Natural(
        "redshift",
        {**ACCOUNT, "server": AT_HOST, "database": "db"},
        {"login": USER, "password": SECRET, "host": AT_HOST, "schema": "db"},
    ),
    ("snowflake", _STRING): Natural(
        "snowflake",
        {
            "connectionString": f"jdbc:snowflake://acc.eu-1.snowflakecomputing.com/?user={USER}"
            f"&password={SECRET}&db=db&warehouse=wh&role=r"
        },
        {"login": USER, "password": SECRET, "schema": "s"},
        {f"extra__snowflake__{key}": value for key, value in SNOWFLAKE.items()},
    ),
    ("apache-spark-on-azure-hdinsights", "HDInsights Basic Authentication"): _http(
        {**ACCOUNT, "host": AT_HOST}
    ),
    ("microsoft-sql-server", _STRING_BASED): _database(
        "mssql",
        "Data Source={host},4711;Initial Catalog=db;Integrated Security=False;User ID={user};"
        "Password={password}",
    ),
    ("azure-synapse-analytics", _STRING_BASED): _database(
        "mssql",
        "Server=tcp:{host},4711;Database=db;User ID={user}@host;Password={password};Trusted_Connection=False;"
        "Encrypt=True;Connection Timeout=30",
    ),
    ("azure-synapse-analytics", _PRINCIPAL): Natural(
        "mssql",
        {**APPLICATION, "server": AT_HOST, "database": "db"},
        {"login": USER, "password": SECRET, "host": AT_HOST, "schema": "db"},
        {"tenant_id": "t-1"},
    ),
    ("teradata-vantage", _STRING): _database("teradata", "DBCName={host};Uid={user};Pwd={password}"),
    ("apache-cassandra", _BASIC): Natural(
        "cassandra",
        {**ACCOUNT, "host": AT_HOST, "port": 4711},
        {"login": USER, "password": SECRET, "host": AT_HOST, "port": 4711},
    ),
    ("salesforce", _CREDENTIAL): Natural(
        "salesforce",
        {
            "environmentUrl": "https://acme.my.salesforce.com",
            "clientId": "key",
            "clientSecret": "KanaryConsumerSecret",
            "apiVersion": "60.0",
        },
        {},
        {
            "instance_url": "https://acme.my.salesforce.com",
            "consumer_key": "key",
            "version": "60.0",
            "consumer_secret": "KanaryConsumerSecret",
        },
    ),
    ("salesforce", "OAuth2 JWT Token Credential"): Natural(
        "salesforce",
        {
            "instanceUrl": "https://acme.my.salesforce.com",
            "clientId": "key",
            "clientSecret": "KanaryConsumerSecret",
            "jwtToken": "KanaryJwt",
        },
        {},
        {
            "instance_url": "https://acme.my.salesforce.com",
            "consumer_key": "key",
            "jwtToken": "KanaryJwt",
            "consumer_secret": "KanaryConsumerSecret",
        },
    ),
    ("salesforce", _BASIC): Natural(
        "salesforce",
        {**ACCOUNT, "securityToken": "KanarySecurityToken", "environmentUrl": "https://test.salesforce.com"},
        {"login": USER, "password": SECRET},
        SALESFORCE,
    ),
    ("microsoft-dynamics", "Basic Authentication for Dynamics-Online"): _http(
        {**ACCOUNT, "serviceUri": f"https://{AT_HOST}"}
    ),
    ("microsoft-dynamics", _PRINCIPAL): _http(
        {
            "serviceUri": f"https://{AT_HOST}",
            "servicePrincipalId": "app",
            "servicePrincipalKey": "KanaryAppKey",
        },
        {"servicePrincipalId": "app", "servicePrincipalKey": "KanaryAppKey"},
        login=None,
        password=None,
    ),
    ("veeva-crm", _BASIC): Natural(
        "salesforce",
        {**ACCOUNT, "securityToken": "KanarySecurityToken", "environmentUrl": "https://test.salesforce.com"},
        {"login": USER, "password": SECRET},
        SALESFORCE,
    ),
    ("zoho-crm", _BASIC): _http(
        {**CLIENT, **TOKENS, "endpoint": AT_HOST, "accountsUrl": "accounts.example.com"},
        {**TOKENS, "accountsUrl": "accounts.example.com"},
    ),
    ("oracle-service-cloud", _BASIC): _http({**ACCOUNT, "host": AT_HOST}),
    ("salesforce-service-cloud", _BASIC): Natural(
        "salesforce",
        {**ACCOUNT, "securityToken": "KanarySecurityToken"},
        {"login": USER, "password": SECRET},
        SALESFORCE,
    ),
    ("servicenow", _BASIC): _http({**ACCOUNT, "endpoint": f"https://{AT_HOST}"}),
    ("zendesk", _REFRESH): _token(subdomain="host"),
    ("azure-data-lake-storage-gen2", "Basic Authentication for adls-gen2"): Natural(
        "wasb",
        {**APPLICATION, "url": "https://acct.dfs.core.windows.net"},
        {"login": USER, "password": SECRET, "host": "https://acct.blob.core.windows.net"},
        {"tenant_id": "t-1"},
    ),
    ("azure-file-storage", _BASIC): Natural("wasb", {"host": AT_HOST, "userId": USER, "password": SECRET}),
    ("azure-blob-storage", _STRING): Natural(
        "wasb", {"connectionString": "the-string;of=all"}, {}, {"connection_string": "the-string;of=all"}
    ),
    ("azure-blob-storage", "SasURIAuthentication"): Natural(
        "wasb",
        {"sasUri": "https://acct.blob.core.windows.net?sv=1&sig=abc"},
        {"login": "acct"},
        {"sas_token": "?sv=1&sig=abc"},
    ),
    ("amazon-s3", "Access Key"): Natural(
        "aws",
        {
            "s3AccessKey": USER,
            "s3SecretKey": SECRET,
            "s3SessionToken": "KanarySessionToken",
            "bucketName": "b-1",
        },
        {"login": USER, "password": SECRET},
        {"aws_session_token": "KanarySessionToken", "region_name": "eu-1"},
        {"bucketName": "b-1"},
    ),
    ("amazon-s3", "IAMRole Based"): Natural(
        "aws",
        {"bucketName": "b-1"},
        {"login": USER, "password": SECRET},
        {"role_arn": "arn:aws:iam::1:role/r", "service_config": {"s3": {"bucket_name": "b-1"}}},
    ),
    ("sftp", "Basic Authentication for sftp"): Natural(
        "sftp",
        {"host": AT_HOST, "port": 22, "userName": USER, "password": SECRET},
        {"login": USER, "password": SECRET, "host": AT_HOST, "port": 22},
    ),
    ("sftp", "SSH PublicKey Authentication for sftp"): Natural(
        "sftp",
        {
            "host": AT_HOST,
            "userName": USER,
            "passPhrase": "KanaryPhrase",
            "privateKeyContent": base64.b64encode(PEM.encode()).decode(),
        },
        {"login": USER, "host": AT_HOST},
        {"private_key": PEM, "private_key_passphrase": "KanaryPhrase"},
    ),
    ("ftp", "Basic Authentication for FTP"): Natural(
        "ftp", {"host": AT_HOST, "userName": USER, "password": SECRET}
    ),
    ("google-cloud-storage", "Basic Authentication for google-cloud"): Natural(
        "google_cloud_platform",
        {"accessKeyId": "hmac-id", "secretAccessKey": "KanaryHmacKey"},
        {},
        {"project": "p-1", "accessKeyId": "hmac-id", "secretAccessKey": "KanaryHmacKey"},
    ),
    ("apache-hdfs", "Anonymous Authentication"): _http(
        {"url": "http://host.example.com:50070"}, login=None, password=None, schema="http", port=50070
    ),
    ("oracle-object-storage", "Access Key"): Natural(
        "aws",
        {"serviceUrl": "https://oci.example.com", "accessKey": USER, "secretKey": SECRET},
        {"login": USER, "password": SECRET},
        {"endpoint_url": "https://oci.example.com"},
    ),
    ("azure-event-hubs", "Azure EventHub authentication credentials"): _http(
        {"sasKeyName": USER, "sasKey": SECRET, "namespace": "host"}
    ),
    ("amazon-kinesis", "Aws Kinesis authentication credentials"): Natural(
        "aws",
        {"accessKeyId": USER, "secretKey": SECRET, "region": "eu-1"},
        {"login": USER, "password": SECRET},
        {"region_name": "eu-1"},
    ),
    ("generic-odata", "Anonymous Authentication"): _http(
        {"url": "https://host.example.com/v4"}, login=None, password=None, host="https://host.example.com/v4"
    ),
    ("generic-rest-api", "oAuth2RefreshCode"): _token(host=f"https://{AT_HOST}"),
    ("generic-rest-api", _BASIC): _http({**ACCOUNT, "host": f"https://{AT_HOST}"}),
    ("google-ads", _BASIC): Natural(
        "google_cloud_platform",
        {
            "clientCustomerID": "222",
            "loginCustomerID": "111",
            "developerToken": "KanaryDeveloperToken",
            "clientId": "gid",
            "clientSecret": "KanaryGoogleSecret",
            "refreshToken": "KanaryGoogleToken",
        },
        {},
        {"google_ads_client": ADS},
    ),
    ("hubspot", _BASIC): _http({**CLIENT, **TOKENS}, TOKENS),
    ("shopify", _BASIC): _token(host=AT_HOST),
    ("shopify", "Access Token Based"): _token(host=AT_HOST),
    ("salesforce-marketing-cloud", _CLIENT_SECRET): _http({**CLIENT, "host": "host"}),
    ("oracle-eloqua", _BASIC): _http({**ACCOUNT, "endpoint": AT_HOST}),
    ("oracle-responsys", _BASIC): _http({**CLIENT, "endpoint": AT_HOST}),
    ("http-api-streaming", "Streaming Connection"): Natural(
        "http",
        {"sourceId": "web", "dataType": "xdm", "name": "inlet"},
        {},
        auth_params={"sourceId": "web", "dataType": "xdm", "name": "inlet"},
    ),
    ("google-pubsub", "Project Based Authentication"): Natural(
        "google_cloud_platform",
        {"projectId": "p-1", "credentials": json.dumps(GOOGLE_KEY, separators=(",", ":"))},
        {},
        {"project": "p-1", "keyfile_dict": json.dumps(GOOGLE_KEY, indent=2)},
    ),
    ("google-pubsub", "Topic & Subscription Based Authentication"): Natural(
        "google_cloud_platform",
        {
            "credentials": json.dumps(GOOGLE_KEY, separators=(",", ":")),
            "topicName": "t",
            "subscriptionName": "s",
        },
        {},
        {"project": "p-1", "keyfile_dict": GOOGLE_KEY},
        {"topicName": "t", "subscriptionName": "s"},
    ),
    ("snowflake-streaming", "Basic Authentication for Snowflake"): Natural(
        "snowflake",
        {**ACCOUNT, "account": "acc.eu-1", "database": "db", "warehouse": "wh", "schema": "s", "role": "r"},
        {"login": USER, "password": SECRET, "schema": "s"},
        SNOWFLAKE,
    ),
    ("mixpanel", _BASIC): _http({**ACCOUNT, "host": AT_HOST}),
    ("onetrust-integration", _REFRESH): _token(host=AT_HOST),
    ("sugarcrm-accounts-contacts", _REFRESH): _http({**ACCOUNT, "host": AT_HOST}),
    ("sugarcrm-events", _REFRESH): _http({**ACCOUNT, "host": AT_HOST}),
    ("sap-commerce", _CREDENTIAL): _http(
        {**CLIENT, "region": "eu", "tokenEndpoint": "https://t.example.com"},
        {"region": "eu", "tokenEndpoint": "https://t.example.com"},
    ),
    ("mailchimp-members-campaign-activity", _BASIC): _http(ACCOUNT),
    ("mailchimp-members-campaign-activity", "oAuth2RefreshCode"): _token(),
    ("oracle-netsuite-entities-activities", _CREDENTIAL): _http(
        {**CLIENT, "accessTokenUrl": "https://t.example.com", "accessToken": "KanaryAccessToken"},
        {"accessTokenUrl": "https://t.example.com", "accessToken": "KanaryAccessToken"},
    ),
    ("pathfactory", _BASIC): _http({**CLIENT, "host": AT_HOST}),
    ("pinterest-ads", _REFRESH): _token(),
    ("linkedin-ads", _REFRESH): _token(host=AT_HOST),
    ("capillary-streaming-events", "OAuth generic-rest-connector"): _http(
        {**CLIENT, "accessToken": "KanaryAccessToken"}, {"accessToken": "KanaryAccessToken"}
    ),
}
