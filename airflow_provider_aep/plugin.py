"""The plugin that adds the page to Airflow's UI.

Airflow finds it by the entry point ``airflow.plugins``, and imports it in each of its processes. So the
application of the page is imported only at the first request, which only an API server gets.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.plugins_manager import AirflowPlugin
else:
    # The manager that loads this plugin. From Airflow 3.2 on, a process of a task has only the second one.
    MANAGERS = ("airflow.plugins_manager", "airflow.sdk.plugins_manager")
    loading = next((name for name in MANAGERS if name in sys.modules), MANAGERS[0])
    AirflowPlugin = import_module(loading).AirflowPlugin


class LazyApp:
    """The ASGI application of the page, imported when the first request arrives.

    A thread imports it: the import takes a second, and the event loop has other requests to answer.
    """

    _app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._app is None:
            from asyncio import to_thread

            module = await to_thread(import_module, "airflow_provider_aep.page.app")
            self._app = module.safe_app
        await self._app(scope, receive, send)


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
