"""Operator links into AEP's UI. The addresses are in :mod:`airflow_provider_aep.flow_service.pages`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class AepLink(BaseOperatorLink):
    """Base of the links.

    The operator keeps the URL as soon as it knows the id. Airflow pushes it as an XCom when a try ends, fails
    or is deferred. Only a task that continues for long, such as a wait, pushes it earlier: each push is a
    request to Airflow's API server.
    """

    xcom_key = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL that this try has kept, else the XCom of the process before a deferral, else ""."""
        from airflow.sdk.execution_time.xcom import XCom

        own = getattr(operator, "link_urls", {}).get(self.xcom_key)
        return own or XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""


class AepConnectionLink(AepLink):
    """The account page of a base connection."""

    name = "Open in Adobe Experience Platform"
    xcom_key = "aep_connection_link"


class AepDataflowLink(AepLink):
    """The activity page of a dataflow."""

    name = "Open the dataflow in Adobe Experience Platform"
    xcom_key = "aep_dataflow_link"


class AepRunLink(AepLink):
    """The page of one run of a dataflow."""

    name = "Open the run in Adobe Experience Platform"
    xcom_key = "aep_run_link"


class AepDatasetLink(AepLink):
    """The page of a dataset."""

    name = "Open the dataset in Adobe Experience Platform"
    xcom_key = "aep_dataset_link"


class AepDatasetsLink(AepLink):
    """The list of datasets, for a schema or a mapping set: no document of Adobe's shows a page of these."""

    name = "Open the datasets in Adobe Experience Platform"
    xcom_key = "aep_datasets_link"
