"""The path from a base connection to a dataflow, taken with the operators where they are under test."""

from __future__ import annotations

from typing import Any

from tests.harness.emulator import Emulator
from tests.harness.emulator_path import COLUMNS, PRODUCTS, Path

COLUMN_NAMES = list(COLUMNS)


class Pipeline:
    """What the operators stand on is made by a client of its own; each is made once, when first needed."""

    def __init__(self, emulator: Emulator, hook: Any) -> None:
        self.emulator = emulator
        self.hook = hook
        self._path = Path(emulator)
        self._base = self._path.base()
        self._schema = self._path.schema()
        self._dataset = self._path.dataset(self._schema)
        self._mapping = self._path.mapping(self._schema)

    def source_connection(self, table: Any = PRODUCTS, **options: Any) -> str:
        """Run the operator."""
        from airflow_provider_aep.operators.dataflows import CreateSourceConnectionOperator

        order = {"name": "Products source", "connection_id": self._base, "table": table, **options}
        return str(CreateSourceConnectionOperator(task_id="source", **order).execute({}))

    def target_connection(self, **options: Any) -> str:
        """Run the operator."""
        from airflow_provider_aep.operators.dataflows import CreateTargetConnectionOperator

        order = {"name": "Products target", "dataset_id": self._dataset, "schema_id": self._schema, **options}
        return str(CreateTargetConnectionOperator(task_id="target", **order).execute({}))

    def dataflow(self, **options: Any) -> str:
        """Run the operator, on what its two predecessors made."""
        from airflow_provider_aep.operators.dataflows import CreateDataflowOperator

        order = {
            "name": "Products flow",
            "source_connection_id": self.source_connection(),
            "target_connection_id": self.target_connection(),
            "mapping_set": self._mapping,
            "schedule": {"frequency": "day", "interval": 1},
            "delta_column": "Create_Time",
            **options,
        }
        return str(CreateDataflowOperator(task_id="flow", **order).execute({}))

    def delete(self, flow_id: str, task: Any = None, **options: Any) -> None:
        """Run the operator."""
        from airflow_provider_aep.operators.dataflows import DeleteDataflowOperator

        DeleteDataflowOperator(task_id="delete", flow_id=flow_id, **options).execute(task or {})

    def switch(self, flow_id: str, state: str) -> None:
        """Run the operator that leads to a state."""
        from airflow_provider_aep.operators.dataflows import DisableDataflowOperator, EnableDataflowOperator

        kind = {"enabled": EnableDataflowOperator, "disabled": DisableDataflowOperator}[state]
        kind(task_id="switch", flow_id=flow_id).execute({})
