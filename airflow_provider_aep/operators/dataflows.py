"""All operators for the steps after the base connection, in one module to import from."""

from __future__ import annotations

from airflow_provider_aep.operators.datasets import CreateDatasetOperator, DeleteDatasetOperator
from airflow_provider_aep.operators.explore import CheckSourceSchemaOperator
from airflow_provider_aep.operators.flows import (
    CreateDataflowOperator,
    DeleteDataflowOperator,
    DisableDataflowOperator,
    EnableDataflowOperator,
)
from airflow_provider_aep.operators.inlets import GetInletOperator
from airflow_provider_aep.operators.mappings import CreateMappingSetOperator
from airflow_provider_aep.operators.runs import RetryFlowRunOperator, RunDataflowOperator
from airflow_provider_aep.operators.schemas import CreateSchemaOperator, DeleteSchemaOperator
from airflow_provider_aep.operators.source_connections import CreateSourceConnectionOperator
from airflow_provider_aep.operators.target_connections import CreateTargetConnectionOperator

__all__ = [
    "CheckSourceSchemaOperator",
    "CreateDataflowOperator",
    "CreateDatasetOperator",
    "CreateMappingSetOperator",
    "CreateSchemaOperator",
    "CreateSourceConnectionOperator",
    "CreateTargetConnectionOperator",
    "DeleteDataflowOperator",
    "DeleteDatasetOperator",
    "DeleteSchemaOperator",
    "DisableDataflowOperator",
    "EnableDataflowOperator",
    "GetInletOperator",
    "RetryFlowRunOperator",
    "RunDataflowOperator",
]
