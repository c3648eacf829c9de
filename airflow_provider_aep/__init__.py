"""Apache Airflow provider for Adobe Experience Platform (AEP): Flow Service from a DAG, exactly once."""

from __future__ import annotations

__version__ = "0.1.0"
