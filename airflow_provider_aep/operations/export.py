"""Write a dataflow that exists as a DAG, whoever made it.

The DAG's tasks find every entity by its name and reuse it. Its id is written only if a name is not enough,
with a comment that says why. What the operators cannot express is named in :attr:`ExportedDag.not_imported`,
and in the DAG as a comment ``# not imported: FIELD: reason``.
"""

from __future__ import annotations

import logging
import re
import shlex
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.runs import iso_time
from airflow_provider_aep.flow_service.validation import check_id
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operations.dag_text import dag_file, printable, rendered
from airflow_provider_aep.operations.export_tasks import DataflowTasks
from airflow_provider_aep.operations.inventory import Inventory, Item

log = logging.getLogger(__name__)

LONGEST_SLUG = 60
"""Characters of a dataflow's name in the names of its file and DAG."""

LONGEST_DISPLAY_NAME = 200


@dataclass(frozen=True)
class ExportedDag:
    """A dataflow as a DAG file.

    :param name: None if the dataflow could not be read
    :param dag_id: the DAG's id, and the name of its file without ``.py``
    :param text: the text of the file; None if the dataflow could not be read
    :param not_imported: what the DAG does not express, each as ``FIELD: reason``
    :param connections: the commands that add the Airflow connections, with placeholders for secrets
    :param error: why the dataflow could not be read
    """

    flow_id: str
    name: str | None
    dag_id: str | None
    text: str | None
    not_imported: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    error: AepError | None = None


def export(
    hook: FlowServiceHook,
    flow_ids: Sequence[str] | None,
    *,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> Iterator[ExportedDag]:
    """Yield a DAG for each dataflow. An error of one dataflow is in its result.

    :param flow_ids: the ids of dataflows; None for every dataflow of a source in the sandbox
    :param progress: gets a line about what was done so far
    :param clock: returns epoch seconds
    :raises AepError: the dataflows cannot be listed
    """
    progress("Reading the dataflows")
    inventory = Inventory(hook, every_dataflow=flow_ids is None)
    chosen = list(inventory.flows) if flow_ids is None else list(dict.fromkeys(flow_ids))
    dag_ids = DagIds()
    for number, flow_id in enumerate(chosen, 1):
        try:
            yield _exported(inventory, inventory.flow(flow_id), dag_ids, clock())
        except AepError as error:
            reason = printable(hook.scrub(str(error)))
            yield ExportedDag(flow_id, None, None, None, (f"dataflow: {reason}",), error=error)
        except Exception as error:  # a form that no document shows must not stop the other dataflows
            log.debug("The import of dataflow %s failed.", flow_id, exc_info=True)
            reason = f"the import failed with {type(error).__qualname__}. Report this defect."
            yield ExportedDag(flow_id, None, None, None, (f"dataflow: {reason}",))
        progress(f"{number} of {len(chosen)} dataflows")


def _exported(inventory: Inventory, flow: Item, dag_ids: DagIds, now: float) -> ExportedDag:
    hook, flow_id = inventory.hook, check_id(flow.get("id"), "flow_id")
    name = flow.get("name")
    shown = printable(hook.scrub(name)) if isinstance(name, str) and name.strip() else None
    dag_id = dag_ids.new(flow_id, shown or "")
    tasks = DataflowTasks(inventory, flow, now)
    tasks.add_all()
    dag = {
        "dag_id": dag_id,
        "dag_display_name": (shown or flow_id)[:LONGEST_DISPLAY_NAME],
        "schedule": None,
        "catchup": False,
        "tags": ["aep", "imported"],
        "default_args": {
            **rendered({"aep_conn_id": hook.aep_conn_id, "sandbox": hook.sandbox}),
            "if_missing": "fail",
        },
    }
    options = f"--conn-id {shlex.quote(hook.aep_conn_id)} --sandbox {shlex.quote(hook.sandbox)}"
    header = [
        f"Dataflow {shown or '(without a name)'}, {flow_id}",
        f"Sandbox {hook.sandbox}, imported on {iso_time(now)}",
        f"Command: airflow aep import {flow_id} {options}",
        "",
        "A run finds every entity below, and creates and changes nothing in AEP. If an entity was",
        "renamed or deleted, its task fails. Without if_missing, the task would create another one.",
    ]
    if tasks.connections:
        header += [
            "AEP does not show credentials. With require_credentials=False, the task reuses the base",
            "connection without them. To let it create or update the base connection, fill in and run:",
            *(f"  {command}" for command in tasks.connections),
        ]
    if tasks.not_imported:
        header.append('This DAG does not express all of the dataflow: see "not imported" below.')
    text = dag_file(header, dag, tasks.tasks, tasks.last_comments)
    return ExportedDag(flow_id, shown, dag_id, text, tuple(tasks.not_imported), tuple(tasks.connections))


class DagIds:
    """Make DAG ids that are unique, and the same at each import."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def new(self, flow_id: str, name: str) -> str:
        """Return the DAG's id: the name in letters, digits and ``_``, and the begin of the dataflow's id."""
        own, named = slug(flow_id), slug(name)[:LONGEST_SLUG].strip("_") or "dataflow"
        begin = named if named[0].isalpha() else f"dataflow_{named}"
        short = f"{begin}_{own.replace('_', '')[:8]}"
        found = f"{begin}_{own}" if short in self._used else short
        self._used.add(found)
        return found


def slug(text: str) -> str:
    """Return a text in lower-case letters, digits and ``_``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
