"""The catalogue of sources: what Adobe's documents say a base connection to each needs.

``data/sources.json`` is made by ``scripts/source_catalogue.py``. It is read when a source is first asked for,
never while a DAG is parsed. Documents contradict each other and some print ids that belong to another source;
such rows stay ``uncertain``, and everything that shows them says so.
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
    """One way to authenticate. Its name must match the platform's to the letter, blanks included.

    :param schema: the JSON Schema of ``auth.params``
    :param confidence: ``confirmed`` where one documented request body shows id, name and parameters
    :param deprecated: what is known of its end
    :param retired: whether that end has come, by Adobe's documents
    :param document: Adobe's tutorial, as path and commit; empty for what the platform itself says
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
        """The parameters that must be there."""
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
        """Return whether the documents contradict themselves about it."""
        return self.confidence == UNCERTAIN

    def is_secret(self, parameter: str) -> bool:
        """Return whether a parameter is or may be a secret."""
        return is_secret(parameter, self.properties.get(parameter))

    def __str__(self) -> str:
        return self.name + (f" ({UNCERTAIN})" if self.uncertain else "")


@dataclass(frozen=True)
class Source:
    """A source. ``key`` is its name in DAGs, ``flow_spec`` the one that Adobe's samples list it under.

    Note and document are those of its ways to authenticate; here they stand where it has none.
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
        """Return whether all that is known of it is uncertain."""
        return bool(self.auth) and all(auth.uncertain for auth in self.auth)

    @property
    def deprecated(self) -> str | None:
        """Return what is known of its end, if every authentication type ends."""
        ends = [auth.deprecated for auth in self.auth]
        return ends[0] if ends and all(ends) else None

    @property
    def retired(self) -> bool:
        """Return whether every way to authenticate is retired."""
        return bool(self.auth) and all(auth.retired for auth in self.auth)

    @cached_property
    def names(self) -> frozenset[str]:
        """How it may be called, in letters and digits."""
        return frozenset(_letters(name) for name in (self.key, self.title, self.alias) if name)

    def documented(self, auth_name: str) -> AuthSpec | None:
        """The catalogue's way to authenticate of that name, in whatever spelling."""
        return next((auth for auth in self.auth if same_name(auth.name, auth_name)), None)

    def knows(self, auth_name: str | None) -> bool:
        """Return whether the catalogue says what that way needs; without a name, whether it says anything."""
        return bool(self.auth) if auth_name is None else self.documented(auth_name) is not None

    def __str__(self) -> str:
        marks = [word for word, said in ((UNCERTAIN, self.uncertain), (RETIRED, self.retired)) if said]
        return self.title + (f" ({', '.join(marks)})" if marks else "")


@cache
def catalogue() -> Mapping[str, Source]:
    """All documented sources, by key."""
    rows = json.loads((Path(__file__).parent / "data" / "sources.json").read_text("utf-8"))
    return {row["key"]: _source(row) for row in rows}


def find_source(name: object) -> Source:
    """The source of that name, whatever its case and separators; a typo gets a suggestion."""
    letters = _letters(name) if isinstance(name, str) else ""
    for source in catalogue().values():
        if letters in source.names:
            return source
    near = _suggestions(letters) if letters else []
    named = [f"{key!r}" + f" ({RETIRED})" * catalogue()[key].retired for key in near]
    hint = f" Did you mean {' or '.join(named)}?" if near else ""
    raise AepConfigError(
        f"`source` is {name!r:.100}, which this provider does not know.{hint} `python -m "
        "airflow_provider_aep sources` lists what it knows; for another one, give `connection_spec_id`.",
        parameter="source",
    )


DEFAULT = "paypal"


def choose_source(name: object, connection_spec_id: object = None) -> Source:
    """The source of that name. An id goes before it: what the catalogue knows of that id, or nothing.

    With a name as well, other than the operators' default, it is that source under another id.
    """
    if connection_spec_id is None:
        return _with_base_connection(find_source(name))
    spec_id = check_id(connection_spec_id, "connection_spec_id")
    if name not in (DEFAULT, None, "", "None"):
        return _with_base_connection(replace(find_source(name), connection_spec_id=spec_id))
    return _with_base_connection(source_of(spec_id))


def source_of(connection_spec_id: str, auth_name: str | None = None) -> Source:
    """The source under that id, with that way to authenticate; of an unknown one, the id is all there is."""
    known = sources_of_spec(connection_spec_id)
    fitting = [one for one in known if auth_name is None or one.documented(auth_name)]
    unknown = Source("", f"connection spec {connection_spec_id}", connection_spec_id)
    return next(iter(fitting or known), unknown)


def _with_base_connection(source: Source) -> Source:
    if source.auth or not source.key:
        return source
    raise AepConfigError(
        f"{source} needs no base connection: its source connections are made without one.",
        parameter="source",
    )


def sources_of_spec(connection_spec_id: str) -> list[Source]:
    """The sources under that id, those that are certain first: documents print some ids for several."""
    found = [one for one in catalogue().values() if one.connection_spec_id == connection_spec_id]
    return sorted(found, key=lambda source: source.uncertain)


def same_name(one: str, other: str) -> bool:
    """Return whether two names differ in case, blanks and separators alone."""
    return _letters(one) == _letters(other)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _suggestions(letters: str) -> list[str]:
    """Keys that are spelt alike, or that hold what was asked for."""
    sources = catalogue().values()
    spellings = {spelling: source.key for source in sources for spelling in source.names}
    near = [spellings[one] for one in difflib.get_close_matches(letters, spellings, n=3, cutoff=0.75)]
    holding = [source.key for source in sources if len(letters) > 2 and letters in _letters(source.key)]
    return list(dict.fromkeys((*near, *holding)))[:5]


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


_MOST = 5
_REFERENCE = re.compile(r"\s*\([^()]*@[^()]*\)")


def withdrawn(source: Source, sandbox: str) -> SourceWithdrawnError:
    """Make the error of a source that the platform does not offer, with other sources of its category."""
    return SourceWithdrawnError(
        f"The platform does not offer the source {source} (connection spec {source.connection_spec_id}) in "
        f"sandbox {sandbox!r}, or not to this credential.{_end(source)}{_way_on(source)}"
    )


def _end(source: Source) -> str:
    """Quote Adobe's documents on its end, without the references."""
    if not source.deprecated:
        return ""
    said = _REFERENCE.sub("", source.deprecated)
    return f" Adobe's documents on its end: {said if source.retired else said.partition(';')[0]}."


def _way_on(source: Source) -> str:
    offered = " `python -m airflow_provider_aep sources --live` lists what the platform offers."
    others = living_of_category(source)
    if not others:
        return f"{offered} Use another source."
    named = ", ".join(f"{one.title} (`source={one.key!r}`)" for one in others[:_MOST])
    more = f" and {len(others) - _MOST} more" if len(others) > _MOST else ""
    return (
        f" Other sources of its category, {source.category}: {named}{more}. Their data and its schema "
        f"differ from those of {source.title}: check the dataset's schema and write a mapping. In the DAG, "
        f"write one of them in a CreateBaseConnectionOperator in place of {source.key!r}, and let "
        f"`source_conn_id` name an Airflow connection with its credentials.{offered}"
    )


def living_of_category(source: Source) -> list[Source]:
    """The other sources of its category that are certain and not known to end, in the catalogue's order.

    How alike their parameters are says nothing of their data, and so is not looked at.
    """
    return [
        one
        for one in catalogue().values()
        if one.category == source.category
        and one.auth
        and not (one.deprecated or one.uncertain)
        and one.connection_spec_id != source.connection_spec_id
    ]
