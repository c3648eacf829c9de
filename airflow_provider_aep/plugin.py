"""The plugin that adds the page to Airflow's UI.

Airflow finds it by the entry point ``airflow.plugins``, and imports it in each of its processes. So the
application of the page is imported only at the first request, which only an API server gets.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class LazyApp:
    """The ASGI application of the page, imported when the first request arrives."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        from airflow_provider_aep.page.app import app

        await app(scope, receive, send)


class AepPlugin(AirflowPlugin):
    """The page **AEP** in Airflow's navigation.

    ``href`` and ``icon`` are relative, because Airflow's ``base_url`` can have a path. Without the slash at
    the end of ``href``, Airflow would answer with its own page.
    """

    name = "aep"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": "/aep", "name": "AEP"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "AEP",
            "href": "aep/",
            "destination": "nav",
            "category": "browse",
            "url_route": "aep",
            "icon": "aep/icon.svg",
            "icon_dark_mode": "aep/icon_dark.svg",
        }
    ]
