"""Every documented source and way to authenticate that a base connection is made for, for tests of each."""

from __future__ import annotations

import random

import pytest

from airflow_provider_aep.flow_service.sources import AuthSpec, Source, catalogue
from tests.harness import canary

SHARED = {"pathfactory", "linkedin-ads"}
"""Their documents print another source's id; on the platform it is that one's."""

Row = tuple[Source, AuthSpec]
ROWS: list[Row] = [(one, auth) for one in catalogue().values() for auth in one.auth if one.key not in SHARED]
SAMPLE = random.Random(78).sample(ROWS, 6)
"""What stands for them all in the short form of a test; always the same."""


def named(row: Row) -> str:
    """Source and authentication, as a test's id."""
    source, auth = row
    return f"{source.key}, {auth.name}".replace(" ", "_")


def chosen_auth(row: Row) -> str | None:
    """What the author of a DAG must say: Shopify's two ways to authenticate need the same."""
    source, auth = row
    return auth.name if source.key == "shopify" else None


def generic_params(row: Row) -> dict[str, str]:
    """A value for each documented parameter, a canary for each secret."""
    auth = row[1]
    return {name: a_value(name, secret=auth.is_secret(name)) for name in auth.parameters}


def a_value(name: str, *, secret: bool) -> str:
    """For a parameter whose value does not matter."""
    return canary.made_for(name) if secret else f"value-of-{name}"


EACH = pytest.mark.parametrize(("source", "auth"), ROWS, ids=map(named, ROWS))
SAMPLED = pytest.mark.parametrize(
    ("source", "auth"),
    [pytest.param(*row, id=named(row), marks=() if row in SAMPLE else pytest.mark.nightly) for row in ROWS],
)
