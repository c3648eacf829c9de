"""The catalogue of sources: the parameters that a base connection to each source needs, by Adobe's documents.

``scripts/source_catalogue.py`` writes ``data/sources.json``. It is read when a task first uses a source, and
not when a DAG is parsed. Some documents contradict each other, and some print the id of another source. Such
rows are ``uncertain``, and every message that shows them says so.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from airflow_provider_aep.flow_service.errors import AepConfigError, SourceWithdrawnError
from airflow_provider_aep.flow_service.secret_rules import is_secret
from airflow_provider_aep.flow_service.validation import check_id

UNCERTAIN, RETIRED = "uncertain", "retired"


@dataclass(frozen=True)
class AuthSpec:
    """An authentication type of a source, which Adobe calls ``authSpec``.

    :param name: the platform's name, equal to the letter, blanks included
    :param schema: the JSON Schema of ``auth.params``
    :param confidence: ``confirmed`` if one documented request body shows id, name and parameters
    :param deprecated: sentences about the deprecation, by Adobe's documents; None if it is not deprecated
    :param retired: whether Adobe has withdrawn it, by its documents
    :param note: sentences that a user must know; always for an uncertain authentication type
    :param document: Adobe's tutorial, as path and commit. Empty if the platform is the origin
    """

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False)
    confidence: str = "confirmed"
    deprecated: str | None = None
    retired: bool = False
    note: str = ""
    document: str = ""

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters that are required."""
        names = self.schema.get("required")
        return tuple(str(name) for name in names) if isinstance(names, list | tuple) else ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """All parameters, the required ones first."""
        return tuple(dict.fromkeys((*self.required, *self.properties)))

    @property
    def properties(self) -> Mapping[str, Any]:
        """The schema of each parameter."""
        properties = self.schema.get("properties")
        return properties if isinstance(properties, Mapping) else {}

    @property
    def uncertain(self) -> bool:
        """Return whether Adobe's documents contradict each other about it."""
        return self.confidence == UNCERTAIN

    def is_secret(self, parameter: str) -> bool:
        """Return whether a parameter is or may be a secret."""
        return is_secret(parameter, self.properties.get(parameter))

    def __str__(self) -> str:
        return self.name + (f" ({UNCERTAIN})" if self.uncertain else "")


@dataclass(frozen=True)
class Source:
    """A source.

    :param key: its name in DAGs
    :param flow_spec: the flow spec that Adobe's samples list it under
    :param note: sentences that a user must know, for a source without authentication types. Otherwise each
        authentication type has its own note
    :param document: Adobe's tutorial, for a source without authentication types
    :param auth: its authentication types
    """

    key: str
    title: str
    connection_spec_id: str
    category: str = ""
    flow_spec: str | None = None
    alias: str | None = None
    note: str = ""
    document: str = ""
    auth: tuple[AuthSpec, ...] = ()

    @property
    def uncertain(self) -> bool:
        """Return whether every authentication type is uncertain."""
        return bool(self.auth) and all(auth.uncertain for auth in self.auth)

    @property
    def deprecated(self) -> str | None:
        """Return what Adobe says about its deprecation, if every authentication type is deprecated."""
        texts = [auth.deprecated for auth in self.auth]
        return texts[0] if texts and all(texts) else None

    @property
    def retired(self) -> bool:
        """Return whether every authentication type is retired."""
        return bool(self.auth) and all(auth.retired for auth in self.auth)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that :func:`find_source` accepts, reduced to letters and digits."""
        return frozenset(_letters(name) for name in (self.key, self.title, self.alias) if name)

    def documented(self, auth_spec: str) -> AuthSpec | None:
        """Return the catalogue's authentication type of that name, in any spelling."""
        return next((auth for auth in self.auth if same_name(auth.name, auth_spec)), None)

    def knows(self, auth_spec: str | None) -> bool:
        """Return whether the catalogue has that authentication type, or without a name, any."""
        return bool(self.auth) if auth_spec is None else self.documented(auth_spec) is not None

    def __str__(self) -> str:
        states = [
            state for state, applies in ((UNCERTAIN, self.uncertain), (RETIRED, self.retired)) if applies
        ]
        return self.title + (f" ({', '.join(states)})" if states else "")


@cache
def catalogue() -> Mapping[str, Source]:
    """Return all documented sources, by key."""
    rows = json.loads((Path(__file__).parent / "data" / "sources.json").read_text("utf-8"))
    return {row["key"]: _source(row) for row in rows}


def find_source(name: object) -> Source:
    """Return the source of that name, in any case and with any separators.

    :raises AepConfigError: the catalogue has no such source. The error suggests similar names
    """
    letters = _letters(name) if isinstance(name, str) else ""
    for source in catalogue().values():
        if letters in source.names:
            return source
    similar = [f"{key!r}" + f" ({RETIRED})" * catalogue()[key].retired for key in _similar_keys(letters)]
    hint = f" Did you mean {' or '.join(similar)}?" if similar else ""
    raise AepConfigError(
        f"`source` is {name!r:.100}, which this provider does not know.{hint} Run `python -m "
        "airflow_provider_aep sources` for the sources that it knows. For another source, set "
        "`connection_spec_id`.",
        parameter="source",
    )


DEFAULT = "paypal"


def choose_source(name: object, connection_spec_id: object = None, default: str | None = DEFAULT) -> Source:
    """Return the source that a base connection is for, by its name, its connection spec's id, or both.

    With an id alone, or with the operators' default name, it is the source that the catalogue has for the id.
    With an id and another name, it is the named source with that id in place of the documented one.

    :param default: the operator's default name, which an id replaces; None if an id never
        replaces the name
    :raises AepConfigError: the source is unknown, or it needs no base connection
    """
    if connection_spec_id is None:
        source = find_source(name)
    else:
        spec_id = check_id(connection_spec_id, "connection_spec_id")
        is_named = name not in (None, "", "None") and name != default
        source = replace(find_source(name), connection_spec_id=spec_id) if is_named else source_of(spec_id)
    if source.key and not source.auth:
        raise AepConfigError(
            f"{source} needs no base connection. Create its source connection without one.",
            parameter="source",
        )
    return source


def source_of(connection_spec_id: str, auth_spec: str | None = None) -> Source:
    """Return the source of a connection spec, if several have it the one with that authentication type.

    If the catalogue has no source for it, the source has the id, and no authentication types.
    """
    known = sources_of_spec(connection_spec_id)
    fitting = [one for one in known if auth_spec is None or one.documented(auth_spec)]
    unknown = Source("", f"connection spec {connection_spec_id}", connection_spec_id)
    return next(iter(fitting or known), unknown)


def sources_of_spec(connection_spec_id: str) -> list[Source]:
    """Return the sources with that id, certain ones first. Adobe's documents print some ids for several."""
    found = [one for one in catalogue().values() if one.connection_spec_id == connection_spec_id]
    return sorted(found, key=lambda source: source.uncertain)


def same_name(one: str, other: str) -> bool:
    """Return whether two names are equal except for case, blanks and separators."""
    return _letters(one) == _letters(other)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _similar_keys(letters: str) -> list[str]:
    """Return the keys of sources with a similar name, then those that contain the name."""
    if not letters:
        return []
    sources = catalogue().values()
    spellings = {spelling: source.key for source in sources for spelling in source.names}
    similar = [spellings[one] for one in difflib.get_close_matches(letters, spellings, n=3, cutoff=0.75)]
    containing = [source.key for source in sources if len(letters) > 2 and letters in _letters(source.key)]
    return list(dict.fromkeys((*similar, *containing)))[:5]


def _source(row: Mapping[str, Any]) -> Source:
    return Source(
        key=row["key"],
        title=row["title"],
        connection_spec_id=row["connection_spec_id"],
        category=row["category"],
        flow_spec=row["flow_spec"],
        alias=row["alias"],
        note=row.get("note", ""),
        document=row.get("document", ""),
        auth=tuple(map(_auth, row["auth"])),
    )


def _auth(row: Mapping[str, Any]) -> AuthSpec:
    def parameter(name: str) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": ["string", "number", "boolean"], "minLength": 1}
        if name in row["secret"]:
            schema["format"] = "password"
        if name in row["defaults"]:
            schema["default"] = row["defaults"][name]
        return schema

    names = (*row["required"], *row["optional"])
    return AuthSpec(
        name=row["name"],
        schema={"properties": {name: parameter(name) for name in names}, "required": row["required"]},
        confidence=row["confidence"],
        deprecated=row["deprecated"],
        retired=row["retired"],
        note=row["note"],
        document=row["document"],
    )


_MAX_ALTERNATIVES = 5


def withdrawn(source: Source, sandbox: str) -> SourceWithdrawnError:
    """Make the error for a source that the platform does not offer. It names alternatives."""
    return SourceWithdrawnError.with_advice(
        f"The platform does not offer the source {source} (connection spec {source.connection_spec_id}) in "
        f"sandbox {sandbox!r}, or this credential may not use it. {source.deprecated or ''}".rstrip(),
        _advice(source).lstrip(),
    )


def _advice(source: Source) -> str:
    list_offered = " Run `python -m airflow_provider_aep sources --live` for the sources that it offers."
    others = alternatives(source)
    if not others:
        return f"{list_offered} Use another source."
    named = ", ".join(f"{one.title} (`source={one.key!r}`)" for one in others[:_MAX_ALTERNATIVES])
    left = len(others) - _MAX_ALTERNATIVES
    more = f" and {left} more" if left > 0 else ""
    return (
        f" Other sources of the category {source.category}: {named}{more}. To use one of them, set `source` "
        "of a CreateBaseConnectionOperator, and set `source_conn_id` to an Airflow connection with its "
        f"credentials. Its data and schema differ from those of {source.title}: check the dataset's schema "
        f"and write a mapping.{list_offered}"
    )


def alternatives(source: Source) -> list[Source]:
    """Return the other sources of the category that are certain and not deprecated, in the catalogue's order.

    The parameters of a source say nothing about its data, so they are not compared.
    """
    return [
        one
        for one in catalogue().values()
        if one.category == source.category
        and one.auth
        and not (one.deprecated or one.uncertain)
        and one.connection_spec_id != source.connection_spec_id
    ]
