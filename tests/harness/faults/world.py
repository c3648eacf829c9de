"""What stands before an operation, made by a client that knows nothing of this project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.harness.emulator import Emulator
from tests.harness.operators import Store, context
from tests.harness.platform import COLUMNS, PLAIN, Platform, made, spec, target_body

Count = Callable[[], int]
ON = ("enabled", "enabling", "initializing")
OFF = ("disabled", "disabling")
"""States of a dataflow."""
AS_COLUMNS = [{"name": name, "type": "string"} for name in COLUMNS]


@dataclass(frozen=True)
class Try:
    """An operation, ready to be carried out again and again.

    :param call: carry it out; called again, it is the same task's next try
    :param done: how often its effect is to be seen
    """

    call: Callable[[], Any]
    done: Count


class World(Platform):
    """One emulator's `prod`; each thing has a name of its own."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.task = context(Store())

    # What stands

    def flow_of(self, **changes: Any) -> str:
        """A dataflow by a schedule, up and running."""
        made_flow = self.flow(self.prepared(**changes))
        self.advance(10)
        return made_flow

    def once_flow(self) -> str:
        """A dataflow for one time, its own run over: it takes runs on demand."""
        columns = [{"name": name, "type": "string"} for name in COLUMNS]
        source = self.source(self.base(), columns=columns)
        flow = self.flow(self.once(sourceConnectionIds=[source]))
        self.advance(3600)
        self.runs(flow)
        return flow

    def failed_run(self) -> str:
        """A run that failed."""
        flow = self.once_flow()
        run = self.runs(flow)[0]["id"]
        self.emulator.control("POST", f"runs/{run}", {"status": "failed"})
        return str(run)

    def on_demand(self, flow: str, window: tuple[int, int]) -> str:
        """A run on demand of a dataflow, just asked for."""
        start, end = window
        params = {"startTime": start, "windowStartTime": start, "windowEndTime": end}
        body = {"flowId": flow, "params": {**params, "deltaColumn": {"name": "Create_Time"}}}
        return str(made(self.api("POST", "/runs", json=body), 201)["id"])

    def disabled(self) -> str:
        """A dataflow that does not run."""
        flow = self.flow_of()
        made(self.api("POST", f"/flows/{flow}/action", params={"op": "disable"}), 200)
        self.advance(10)
        return flow

    # What can be counted

    def more(self, kind: str) -> Count:
        """How many more there are than now."""
        before = self.emulator.state()[kind]
        return lambda: self.emulator.state()[kind] - before

    def fewer(self, kind: str) -> Count:
        """How many fewer there are than now."""
        more = self.more(kind)
        return lambda: -more()

    def in_state(self, kind: str, entity_id: str, *states: str) -> Count:
        """1 as soon as it is in one of these states."""
        return lambda: int(self.get(kind, entity_id)["state"] in states)

    def described(self, kind: str, entity_id: str, text: str = "New") -> Count:
        """1 as soon as the description begins so."""
        return lambda: int(str(self.get(kind, entity_id).get("description")).startswith(text))

    def dataset_described(self, dataset: str, text: str = "New") -> Count:
        """The same of a dataset."""

        def count() -> int:
            item = made(self.catalog("GET", f"/dataSets/{dataset}"), 200)[dataset]
            return int(str(item.get("description")).startswith(text))

        return count

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """The tenant's own schemas or field groups."""
        reply = self.registry("GET", f"/tenant/{kind}", headers={"Accept": PLAIN["Accept"].split(";")[0]})
        return list(made(reply, 200)["results"])

    def more_resources(self, kind: str) -> Count:
        """How many more there are than now."""
        before = len(self.resources(kind))
        return lambda: len(self.resources(kind)) - before

    def resource_holds(self, kind: str, resource_id: str, text: str) -> Count:
        """1 as soon as a resource holds this text anywhere."""
        return lambda: int(any(text in str(one) for one in self.resources(kind) if one["$id"] == resource_id))

    def maps(self, mapping_set: str, count: int) -> Count:
        """1 as soon as a mapping set has so many mappings."""
        place = f"/mappingSets/{mapping_set}/mappings"
        return lambda: int(len(made(self.conversion("GET", place), 200)) == count)

    # Bodies

    def source_body(self, name: str = "Another source") -> dict[str, Any]:
        """Of a source connection."""
        return {
            "name": name,
            "baseConnectionId": self.base(),
            "data": {"format": "tabular"},
            "params": {"tableName": "PayPal.Catalog_Products"},
            "connectionSpec": spec(),
        }

    def target_order(self) -> dict[str, Any]:
        """Of a target connection."""
        schema = self.schema()
        return target_body(schema, self.dataset(schema))

    def draft(self) -> str:
        """A dataflow that was never published."""
        return self.flow(self.prepared(), mode="draft")
