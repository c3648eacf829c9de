"""Create an entity exactly once on a service that has no idempotency keys and allows duplicate names.

The reconciler is a generator. It decides, and yields the next step: list, post, sleep, delete.
:func:`carry_out` carries the step out with a hook and sends the result back. So every decision is pure, and
tests can drive it through every interleaving of two tasks and their deaths without a network.
:mod:`airflow_provider_aep.exactly_once.forecast` foresees the end by reading alone. A task needs no forecast,
so this package does not import that module.
:mod:`airflow_provider_aep.exactly_once.reconciler` states the bound: how soon AEP must list a new entity.
"""

from __future__ import annotations

from airflow_provider_aep.exactly_once.adoption import replace_credentials, switch_once
from airflow_provider_aep.exactly_once.driver import Memory, Service, carry_out
from airflow_provider_aep.exactly_once.reconciler import create_once
from airflow_provider_aep.exactly_once.steps import DesiredEntity, Entity, Outcome
from airflow_provider_aep.flow_service.marks import find_mark, make_mark, with_mark, without_mark

IF_EXISTS = ("reuse", "update", "fail")
IF_MISSING = ("create", "fail")
ON_DIFFERENCE = ("warn", "fail")

__all__ = [
    "IF_EXISTS",
    "IF_MISSING",
    "ON_DIFFERENCE",
    "DesiredEntity",
    "Entity",
    "Memory",
    "Outcome",
    "Service",
    "carry_out",
    "create_once",
    "find_mark",
    "make_mark",
    "replace_credentials",
    "switch_once",
    "with_mark",
    "without_mark",
]
