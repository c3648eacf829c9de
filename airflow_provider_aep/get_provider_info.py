"""What Airflow is told about this provider. Imports nothing: it is loaded in every Airflow process."""

from __future__ import annotations


def get_provider_info() -> dict[str, object]:
    """The provider's metadata, as Airflow's ``provider_info.schema.json`` wants it."""
    return {
        "package-name": "airflow-provider-aep",
        "name": "Adobe Experience Platform",
        "description": "Adobe Experience Platform Flow Service.",
    }
