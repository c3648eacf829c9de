"""The provider's metadata for Airflow. Import nothing here: every Airflow process loads this module."""

from __future__ import annotations

INTEGRATION = "Adobe Experience Platform"

CONNECTION_TYPES: list[dict] = [  # type: ignore[type-arg]
    {
        "connection-type": "aep",
        "hook-class-name": "airflow_provider_aep.hooks.flow_service.FlowServiceHook",
        "hook-name": "Adobe Experience Platform",
        "ui-field-behaviour": {
            "hidden-fields": ["schema"],
            "relabeling": {"login": "Client ID (API key)", "password": "Client secret"},
            "placeholders": {
                "host": "https://platform.adobe.io",
                "login": "of the OAuth Server-to-Server credential in the Developer Console",
            },
        },
        "conn-fields": {
            "org_id": {
                "label": "Organization ID",
                "description": "The organization, such as 0123456789ABCDEF01234567@AdobeOrg.",
                "schema": {"type": "string", "minLength": 3},
            },
            "sandbox": {
                "label": "Sandbox",
                "description": "The sandbox's name (not its title). A task can set another sandbox.",
                "schema": {"type": ["string", "null"], "default": "prod"},
            },
            "scopes": {
                "label": "Scopes",
                "description": "OAuth scopes, separated by commas. Leave it empty to use the default scopes.",
                "schema": {"type": ["string", "null"]},
            },
            "ims_host": {
                "label": "IMS host",
                "description": "The server that issues the access tokens.",
                "schema": {"type": ["string", "null"], "default": "https://ims-na1.adobelogin.com"},
            },
            "timeout": {
                "label": "Timeout (seconds)",
                "description": "Seconds until one complete reply must have arrived.",
                "schema": {
                    "type": ["number", "null"],
                    "default": 30,
                    "exclusiveMinimum": 0,
                    "maximum": 86400,
                },
            },
            "verify": {
                "label": "CA bundle",
                "description": "Path of a CA bundle on the workers, if a company proxy intercepts TLS. "
                "Certificate checks cannot be switched off.",
                "schema": {"type": ["string", "null"]},
            },
            "tenant": {
                "label": "Tenant",
                "description": "The tenant's name in AEP's address bar, after the @. Used only for links. "
                "Leave it empty to use the organization ID.",
                "schema": {"type": ["string", "null"]},
            },
        },
    },
    {
        "connection-type": "paypal",
        "hook-class-name": "airflow_provider_aep.hooks.paypal.PayPalHook",
        "hook-name": "PayPal",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {"login": "Client ID", "password": "Client secret"},
            "placeholders": {"host": "api.sandbox.paypal.com"},
        },
    },
]


CONFIG: dict = {  # type: ignore[type-arg]
    "aep": {
        "description": "Adobe Experience Platform.",
        "options": {
            "settle": {
                "description": "Seconds between the creation of an entity and the list that shows "
                "whether another task created the same entity. Each create takes that much longer. "
                "Tasks that create the same entity at the same time end with one entity if AEP "
                "lists a new entity within 8 seconds more than this time, and entities in the order of "
                "their creation. If AEP takes longer than this setting, the task's log has a warning. At "
                "most 50: a try sleeps for a minute at most.",
                "version_added": "0.1.0",
                "type": "float",
                "example": None,
                "default": "1",
            },
            "requests_per_second": {
                "description": "The request budget: how many requests a second the processes of one user on "
                "one machine send to one organization at most. The requests are spaced evenly. At least 0.1, "
                "or 0 for no budget.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "5",
                "default": "0",
            },
            "token_cache": {
                "description": "Whether the processes of one user on one machine share an access token "
                "in a file in `shared_dir`. The file is encrypted with `[core] fernet_key`. Without that "
                "key there is no file, and each process requests a token of its own.",
                "version_added": "0.1.0",
                "type": "boolean",
                "example": None,
                "default": "True",
            },
            "shared_dir": {
                "description": "The directory for the files that the processes of one user on one machine "
                "share. It is made if it is missing. It is not used if other users have access to it. By "
                "default it is airflow-provider-aep-UID in the directory for temporary files, where UID is "
                "the number of the user.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/cache/airflow-aep",
                "default": "",
            },
        },
    }
}
"""Settings in Airflow's configuration, by section."""


def get_provider_info() -> dict:  # type: ignore[type-arg]
    """Return the provider's metadata in the form of Airflow's ``provider_info.schema.json``."""

    def modules(*names: str) -> list[dict]:  # type: ignore[type-arg]
        python = [f"airflow_provider_aep.{name}" for name in names]
        return [{"integration-name": INTEGRATION, "python-modules": python}]

    return {
        "package-name": "airflow-provider-aep",
        "name": INTEGRATION,
        "description": "`Adobe Experience Platform <https://experienceleague.adobe.com/>`__: source "
        "connections of Flow Service, created exactly once, tested and explored.",
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://experienceleague.adobe.com/en/docs/experience-platform/sources/home",
                "tags": ["service"],
            }
        ],
        "hooks": modules(
            "hooks.flow_service",
            "hooks.schema_registry",
            "hooks.catalog",
            "hooks.data_prep",
            "hooks.data_access",
            "hooks.paypal",
        ),
        "operators": modules(
            "operators.connections",
            "operators.explore",
            "operators.schemas",
            "operators.datasets",
            "operators.mappings",
            "operators.source_connections",
            "operators.target_connections",
            "operators.flows",
            "operators.inlets",
            "operators.runs",
            "operators.diagnostics",
        ),
        "sensors": modules("sensors.flow_runs"),
        "triggers": modules("triggers.flow_runs", "triggers.assets"),
        "asset-uris": [
            {
                "schemes": ["aep"],
                "handler": "airflow_provider_aep.assets.normalize_uri",
                "factory": "airflow_provider_aep.assets.aep_dataset",
                "to_openlineage_converter": "airflow_provider_aep.assets.asset_to_dataset",
            }
        ],
        "extra-links": [
            "airflow_provider_aep.links.AepConnectionLink",
            "airflow_provider_aep.links.AepDataflowLink",
            "airflow_provider_aep.links.AepDatasetLink",
            "airflow_provider_aep.links.AepDatasetsLink",
            "airflow_provider_aep.links.AepRunLink",
        ],
        "connection-types": CONNECTION_TYPES,
        "cli": ["airflow_provider_aep.cli.commands.get_commands"],
        "config": CONFIG,
    }
