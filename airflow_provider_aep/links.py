"""Deep links into AEP's UI. The patterns are those of Adobe's own alert messages."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class AepLink(BaseOperatorLink):
    """Base of the links. The operator pushes the URL itself as soon as the id is known, so that the link
    works while the task still runs; Airflow would push it only at the end."""

    xcom_key = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The URL this task pushed, or nothing yet."""
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
    """The list of datasets, for what no document of Adobe's shows a page of: a schema, a mapping set."""

    name = "Open the datasets in Adobe Experience Platform"
    xcom_key = "aep_datasets_link"


def connection_url(*, org_id: str, tenant: str | None, sandbox: str, connection_id: str) -> str:
    """``https://experience.adobe.com/#/@{org}/sname:{sandbox}/platform/source/accounts/{id}/activity``."""
    return f"{_platform(org_id, tenant, sandbox)}/source/accounts/{connection_id}/activity"


def dataflow_url(
    *, org_id: str, tenant: str | None, sandbox: str, flow_id: str, run_id: str | None = None
) -> str:
    """``…/platform/source/dataflows/{flow}/activity``, with ``/{run}`` for one run."""
    run = f"/{run_id}" if run_id else ""
    return f"{_platform(org_id, tenant, sandbox)}/source/dataflows/{flow_id}/activity{run}"


def dataset_url(*, org_id: str, tenant: str | None, sandbox: str, dataset_id: str) -> str:
    """``…/platform/dataset/browse/{id}``."""
    return f"{_platform(org_id, tenant, sandbox)}/dataset/browse/{dataset_id}"


def datasets_url(*, org_id: str, tenant: str | None, sandbox: str) -> str:
    """``…/platform/dataset/browse``, the list that the page of a dataset lies below."""
    return f"{_platform(org_id, tenant, sandbox)}/dataset/browse"


def with_id(url: str, key: str, value: str) -> str:
    """The page nearest to an entity that has none of its own, with the entity's id to be read off."""
    return f"{url}?{key}={value}"


def _platform(org_id: str, tenant: str | None, sandbox: str) -> str:
    return f"https://experience.adobe.com/#/@{tenant or org_id}/sname:{sandbox}/platform"
