"""The steps from a base connection to a dataflow, with the operators where they are under test."""

from __future__ import annotations

from typing import Any

from tests.harness.emulator import PRODUCTS, Emulator
from tests.harness.platform import COLUMNS, Platform

COLUMN_NAMES = list(COLUMNS)


class Pipeline:
    """A client of its own creates what the operators need.

    :param mappings: type, source and destination of each mapping; by default each column by its name
    """

    def __init__(self, emulator: Emulator, hook: Any, mappings: Any = None) -> None:
        self.emulator, self.hook = emulator, hook
        platform = Platform(emulator)
        self._base, self._schema = platform.base(), platform.schema()
        self._dataset = platform.dataset(self._schema)
        self._mapping = (
            platform.typed_mapping(self._schema, mappings) if mappings else platform.mapping(self._schema)
        )

    def _run(self, kind: str, order: dict[str, Any], task: Any = None) -> Any:
        from airflow_provider_aep.operators import dataflows

        return getattr(dataflows, f"{kind}Operator")(task_id="task", **order).execute(task or {})

    def source_connection(self, table: Any = PRODUCTS, **options: Any) -> str:
        """Run `CreateSourceConnectionOperator`."""
        order = {"name": "Products source", "connection_id": self._base, "table": table, **options}
        return str(self._run("CreateSourceConnection", order))

    def target_connection(self, **options: Any) -> str:
        """Run `CreateTargetConnectionOperator`."""
        order = {"name": "Products target", "dataset_id": self._dataset, "schema_id": self._schema, **options}
        return str(self._run("CreateTargetConnection", order))

    def dataflow(self, **options: Any) -> str:
        """Run `CreateDataflowOperator`, after its two predecessors."""
        order = {
            "name": "Products flow",
            "source_connection_id": self.source_connection(),
            "target_connection_id": self.target_connection(),
            "mapping_set": self._mapping,
            "schedule": {"frequency": "day", "interval": 1},
            "delta_column": "Create_Time",
            **options,
        }
        return str(self._run("CreateDataflow", order))

    def delete(self, flow_id: str, task: Any = None, **options: Any) -> None:
        """Run `DeleteDataflowOperator`."""
        self._run("DeleteDataflow", {"flow_id": flow_id, **options}, task)

    def switch(self, flow_id: str, state: str) -> None:
        """Run the operator for a state: `enabled` or `disabled`."""
        self._run(f"{state.removesuffix('d').capitalize()}Dataflow", {"flow_id": flow_id})
