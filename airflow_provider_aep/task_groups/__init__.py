"""Task groups with complete pipelines, for use in your DAGs."""

from __future__ import annotations

from airflow_provider_aep.task_groups.ingestion import paypal_ingestion, source_ingestion

__all__ = ["paypal_ingestion", "source_ingestion"]
