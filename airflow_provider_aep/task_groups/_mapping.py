"""Task groups that can be mapped without naming every argument."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from typing import Any

from airflow.sdk import XComArg
from airflow.sdk.definitions.decorators.task_group import _TaskGroupFactory

SETTLED = ("dataflow", "wait", "aep_conn_id", "sandbox", "stream", "if_exists", "on_difference")
"""What the function looks at when the DAG is parsed: it cannot differ from table to table."""


class MappableGroup(_TaskGroupFactory[..., Any]):
    """``@task_group``, but ``expand_kwargs`` leaves alone what the mappings do not name.

    Airflow's own replaces every argument of the function, those with a default too; the tasks then fail with
    a KeyError.
    """

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Map over dicts, each of which may leave out what has a default.

        :param kwargs: a list of dicts, or a task's output that is one
        """
        signature = self.function_signature.parameters
        defaults = {
            name: parameter.default
            for name, parameter in signature.items()
            if parameter.default is not Parameter.empty and name not in self.partial_kwargs
        }
        settled = {name: defaults.pop(name) for name in SETTLED if name in defaults}
        known = set(signature) - set(settled) - set(self.partial_kwargs)

        def filled(given: Mapping[str, Any]) -> dict[str, Any]:
            if unknown := sorted(set(given) - known):
                raise TypeError(f"Cannot map over {', '.join(unknown)}: give that to `partial`.")
            return {**defaults, **given}

        mappings = kwargs.map(filled) if isinstance(kwargs, XComArg) else [filled(given) for given in kwargs]
        group = self.partial(**settled)
        self._task_group_created = True  # by the other; else this one warns that it never was
        return _TaskGroupFactory.expand_kwargs(group, mappings)
