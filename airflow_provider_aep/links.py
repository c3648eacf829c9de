"""Deep links into AEP's UI. The patterns are those of Adobe's own alert messages."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class AepConnectionLink(BaseOperatorLink):
    """The account page of a base connection.

    The operator pushes the URL itself as soon as the id is chosen, so the link works while the task still
    runs; Airflow would push it only at the end.
    """

    name = "Open in Adobe Experience Platform"
    xcom_key = "aep_connection_link"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The URL this task pushed, or nothing yet."""
        from airflow.sdk.execution_time.xcom import XCom

        own = getattr(operator, "link_url", None)
        return own or XCom.get_value(key=self.xcom_key, ti_key=ti_key) or ""


def connection_url(*, org_id: str, tenant: str | None, sandbox: str, connection_id: str) -> str:
    """``https://experience.adobe.com/#/@{org}/sname:{sandbox}/platform/source/accounts/{id}/activity``."""
    return (
        f"https://experience.adobe.com/#/@{tenant or org_id}/sname:{sandbox}"
        f"/platform/source/accounts/{connection_id}/activity"
    )
