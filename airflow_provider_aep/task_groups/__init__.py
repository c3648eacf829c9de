"""Ready pipelines for anyone's DAG."""

from __future__ import annotations

from airflow_provider_aep.task_groups.ingestion import paypal_ingestion, source_ingestion

__all__ = ["paypal_ingestion", "source_ingestion"]
