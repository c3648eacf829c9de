"""A name finds itself and only itself, in the query grammar of each list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aep.flow_service.collections import SOURCE_CONNECTIONS
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.validation import check_name
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from tests.harness.emulator import Emulator
from tests.harness.platform import Platform

Make = Callable[[Platform, str, str], str]
Find = Callable[[Any, str], list[Any]]

# Characters that a grammar or URL may treat as its own, and letters that are similar or fold alike.
PIECES = st.sampled_from(
    [
        *"aAbßß1 .-_,;:=!<>~|&()[]*?%+#/\\'\"`{}$@^",
        "==",
        "%20",
        "%2C",
        "name==",
        "&limit=1",
        "é",
        "e\u0301",
        "\u0131",
        "日本",
        "\u00a0",
        "\u200b",
        "😀",
        "null",
        "None",
    ]
)


def is_name(text: str) -> bool:
    try:
        check_name(text)
    except AepConfigError:
        return False
    return True


NAMES = (st.lists(PIECES, min_size=1, max_size=6).map("".join) | st.text(max_size=20)).filter(is_name)


@st.composite
def siblings(draw: st.DrawFn) -> list[str]:
    """A name, and others that a careless filter would take for it, or it for them."""
    name, other = draw(NAMES), draw(NAMES)
    near = [
        f"{name},{other}",
        f"{name} {other}",
        f"{name}x",
        name[:-1],
        name.swapcase(),
        f"{name}%",
        f"'{name}'",
        f"name=={name}",
    ]
    return [name, *filter(is_name, draw(st.lists(st.sampled_from([other, *near]), max_size=3)))]


def base_connection(path: Platform, name: str, _kin: str) -> str:
    return path.base(name=name)


def source_connection(path: Platform, name: str, base: str) -> str:
    return str(path.api.create_source(base, name).json()["id"])


def dataset(path: Platform, name: str, schema: str) -> str:
    return path.dataset(schema, name)


def field_group(path: Platform, title: str, _kin: str) -> str:
    return path.field_group(title)


def ids(items: list[Any], key: str = "id") -> list[Any]:
    return [item[key] for item in items]


KINDS: dict[str, tuple[Make, Find]] = {
    "base connections": (base_connection, lambda hook, name: ids(hook.list_connections(name=name))),
    "source connections": (
        source_connection,
        lambda hook, name: ids(hook.list_entities(SOURCE_CONNECTIONS, name=name)),
    ),
    "datasets": (dataset, lambda hook, name: ids(hook.to(CatalogHook).list_datasets(name=name))),
    "field groups": (
        field_group,
        lambda hook, name: ids(hook.to(SchemaRegistryHook).list_resources("fieldgroups", title=name), "$id"),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_finds_its_own(emulator: Emulator, hook: Any, kind: str) -> None:
    """Who does not find makes another; who finds a neighbour takes it for its own."""
    make, find = KINDS[kind]
    path = Platform(emulator)
    kin = {"source connections": path.base, "datasets": path.schema}.get(kind, str)()
    made: dict[str, str] = {}

    @settings(max_examples=settings.default.max_examples // 4)
    @given(siblings())
    def holds(names: list[str]) -> None:
        for name in names:
            if name not in made:
                assert find(hook, name) == []
                made[name] = make(path, name, kin)
        for name in names:
            assert find(hook, name) == [made[name]]

    holds()
