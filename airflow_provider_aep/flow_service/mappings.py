"""Mapping sets: which column of a table goes to which field of a schema (Adobe's Data Prep OpenAPI).

A mapping is given, or made by name. Names are compared without case, blanks, ``_``, ``-`` and ``.``, so that
``Product_Id``, ``productId`` and ``product id`` are the same. Nothing is guessed: a column that fits no field
or several fields equally well is left out, with the reason.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_aep.flow_service.collections import Collection, Paging, next_offset, parameter
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.flow_service.validation import check_id

DATA_PREP = "/data/foundation/conversion"
SCHEMA_TYPE = "application/vnd.adobe.xed-full+json;version=1"
PAGE_SIZE = 100
_MOST_TOLD = 30
COLUMN_TYPES = ("attribute", "text/x.schema-path")
"""The type of a mapping that copies a column unchanged, in the OpenAPI and in the data prep guide."""
EXPRESSION_TYPES = ("expression", "text/x.aep-xl")
"""The type of a mapping that calculates a value, in the OpenAPI and in the data prep guide."""


@dataclass(frozen=True)
class Mapped:
    """Columns with their fields, in the columns' order, and for each column left out the reason.

    :param expressions: fields with the expression that calculates each
    """

    pairs: dict[str, str]
    left_out: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)


def replace_mapping_set(mapping_set_id: object, body: Mapping[str, Any]) -> Call:
    """``PUT /mappingSets/{id}``: the whole set; it keeps its id, and its version rises."""
    return Call("PUT", f"/mappingSets/{check_id(mapping_set_id, 'mapping_set_id')}", body=dict(body))


def read_page(document: object, what: str) -> list[dict[str, Any]]:
    """Return the mapping sets of one page, each with its mappings."""
    data = document.get("data") if isinstance(document, Mapping) else None
    if isinstance(data, list) and all(isinstance(item, dict) for item in data):
        return data
    raise AepReplyError.with_advice(f"{what} was answered without a list of mapping sets.")


def read_mapping_set(document: object, what: str) -> dict[str, Any]:
    """Return the mapping set that the request's path names."""
    if isinstance(document, dict) and what.endswith(f"/mappingSets/{document.get('id')}"):
        return document
    raise AepReplyError.with_advice(f"{what} was answered without the mapping set.")


def mapping_set_body(
    schema_id: str, pairs: Mapping[str, str], expressions: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the OpenAPI's body. (The collect tutorials print an older one, with ``xdmSchema``.)

    The name holds a hash of the content, so that a mapping set of the same content is found by its name.
    """
    rows = [
        *(("ATTRIBUTE", source, destination) for source, destination in pairs.items()),
        *(("EXPRESSION", source, destination) for destination, source in (expressions or {}).items()),
    ]
    body: dict[str, Any] = {
        "outputSchema": {"schemaRef": {"id": schema_id, "contentType": SCHEMA_TYPE}},
        "mappings": [
            {"sourceType": kind, "source": source, "destination": destination}
            for kind, source, destination in rows
        ],
    }
    return {"name": f"airflow-{content_hash(body)[:32]}", **body}


def schema_of(item: Mapping[str, Any]) -> str | None:
    """Return the ``$id`` of the schema that a mapping set maps to, in either document's words."""
    output = item.get("outputSchema")
    reference = output.get("schemaRef") if isinstance(output, Mapping) else None
    found = reference.get("id") if isinstance(reference, Mapping) else item.get("xdmSchema")
    return found if isinstance(found, str) else None


def fields_of(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the source of each field, in either document's words: a column or a typed expression."""
    found = {}
    for one in item.get("mappings") or []:
        source = one.get("source", one.get("sourceAttribute"))
        kind = str(one.get("sourceType") or COLUMN_TYPES[0]).lower()
        kind = EXPRESSION_TYPES[0] if kind in EXPRESSION_TYPES else kind
        text = str(source) if kind in COLUMN_TYPES else f"{source} ({kind})"
        found[str(target_of(one))] = text
    return found


def columns_of(item: Mapping[str, Any]) -> set[str]:
    """Return the columns that a mapping set copies. Those that only an expression uses are left out."""
    return {
        plain_path(source)
        for one in item.get("mappings") or []
        if isinstance(source := source_of(one), str) and kind_of(one, source) in COLUMN_TYPES
    }


def source_of(mapping: Mapping[str, Any]) -> Any:
    """Return the column or the expression of one mapping, in either document's words."""
    return mapping.get("source", mapping.get("sourceAttribute"))


def target_of(mapping: Mapping[str, Any]) -> Any:
    """Return the path of the field that one mapping fills, in either document's words."""
    return mapping.get("destination", mapping.get("destinationXdmPath"))


def kind_of(mapping: Mapping[str, Any], source: str) -> str:
    """Return the type of one mapping, in lower case. The older body has none: a call is an expression."""
    default = EXPRESSION_TYPES if "(" in source else COLUMN_TYPES
    return str(mapping.get("sourceType") or default[0]).lower()


def plain_path(path: str) -> str:
    r"""Return a path without indexes, ``${}`` and ``\``, as the columns of a source connection are named."""
    without = re.sub(r"\[(\d+|\*)\]", "", path)
    return re.sub(r"\\(.)", r"\1", re.sub(r"\$\{((?:[^{}\\]|\\.)+)\}", r"\1", without))


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two mapping sets do the same, whatever their names and ids."""
    return schema_of(one) == schema_of(other) and fields_of(one) == fields_of(other)


def content_hash(body: Mapping[str, Any]) -> str:
    """Return the sha256 of a mapping set's content, independent of the order of its mappings."""
    mappings = sorted(json.dumps(mapping, sort_keys=True) for mapping in body["mappings"])
    return hashlib.sha256(json.dumps([body["outputSchema"], mappings], sort_keys=True).encode()).hexdigest()


def read_created(document: object, what: str) -> dict[str, Any]:
    """Return ``{"id", "version"}`` of a mapping set."""
    if isinstance(document, Mapping):
        own, version = document.get("id"), document.get("version", 0)
        if isinstance(own, str) and re.fullmatch(r"[A-Za-z0-9-]{1,128}", own) and isinstance(version, int):
            return {"id": own, "version": version}
    raise AepReplyError.with_advice(f"{what} was answered without a mapping set's id.")


MAPPING_SETS = Collection(
    "mapping set",
    "/mappingSets",
    "mapping_set_id",
    paging=Paging(read_page, next_offset),
    created_key=("createdDate",),
    state_key="",
    has_etags=False,
    filter_by=parameter,
    list_query=(("limit", str(PAGE_SIZE)), ("start", "0")),  # both are required
    read_item=read_mapping_set,
    read_created=read_created,
)


def check_mapping(mapping: object, columns: Sequence[str] | None, fields: Iterable[str]) -> Mapped:
    """Check a given mapping, ``{column: field's dotted path}``, against table and schema.

    :param columns: the table's columns, None if they are unknown
    :raises AepConfigError: it names columns or fields that do not exist; the error names them
    """
    pairs = dict(mapping) if isinstance(mapping, Mapping) else {}
    if not pairs or not all(
        isinstance(text, str) and text.strip() for pair in pairs.items() for text in pair
    ):
        raise _wrong("must be a dict of columns and the dotted paths of the fields they go to.")
    known = set(fields)
    if lacking := [path for path in pairs.values() if path not in known]:
        hints = sorted(path for path in known if fold(path).endswith(fold(lacking[0].rpartition(".")[2])))
        hint = f" Did you mean {', '.join(map(repr, hints[:3]))}?" if hints else ""
        raise _wrong(f"names fields that the schema lacks: {_listed(lacking)}.{hint}")
    if columns is not None and (lacking := [name for name in pairs if name not in columns]):
        raise _wrong(f"names columns that the table lacks: {_listed(lacking)}. It has {_listed(columns)}.")
    targets = list(pairs.values())
    if twice := sorted({path for path in targets if targets.count(path) > 1}):
        raise _wrong(f"sends several columns to the same field: {_listed(twice)}.")
    return Mapped(pairs, {name: "not in `mapping`" for name in columns or () if name not in pairs})


def check_expressions(expressions: object, fields: Iterable[str], mapping: object = None) -> dict[str, str]:
    """Check given expressions, ``{field: expression}``, against the schema. Data Prep checks their syntax.

    :param mapping: the given mapping, which must not have the same fields
    :raises AepConfigError: it names fields that do not exist, or that ``mapping`` has as well
    """
    if expressions is None:
        return {}
    found = dict(expressions) if isinstance(expressions, Mapping) else {}
    if not found or not all(isinstance(text, str) and text.strip() for one in found.items() for text in one):
        raise _wrong("must be a dict of the dotted paths of fields and their expressions.", "expressions")
    known = set(fields)
    if lacking := [path for path in found if path not in known]:
        raise _wrong(f"names fields that the schema lacks: {_listed(lacking)}.", "expressions")
    given = mapping.values() if isinstance(mapping, Mapping) else ()
    if twice := [path for path in found if path in given]:
        raise _wrong(f"names fields that `mapping` has as well: {_listed(twice)}.", "expressions")
    return found


def map_by_name(columns: Sequence[str], fields: Iterable[str], own: str) -> Mapped:
    """Map columns to fields by name.

    A column names a field by its last name or by its whole path, with or without the tenant's namespace. The
    exact name has priority over a folded name, the tenant's own field over a standard field.

    :param own: the tenant's namespace, such as ``_acme``
    :raises AepConfigError: no column maps; the error names every column
    """
    paths = sorted(fields)
    pairs: dict[str, str] = {}
    left_out: dict[str, str] = {}
    exact_first = sorted(columns, key=lambda name: not any(_rank(name, path, own) == 0 for path in paths))
    for name in exact_first:
        best = _best(name, [path for path in paths if path not in pairs.values()], own)
        if len(best) == 1:
            pairs[name] = best[0]
        else:
            left_out[name] = (
                f"fits several fields: {_listed(best)}" if best else "the schema has no such field"
            )
    if not pairs:
        raise AepConfigError(
            f"No column maps to a field of the schema by its name: {_listed(columns)}. The schema has "
            f"{_listed(paths)}. Give a `mapping`.",
            parameter="mapping",
        )
    ordered = {name: pairs[name] for name in columns if name in pairs}
    return Mapped(ordered, {name: left_out[name] for name in columns if name in left_out})


def fold(name: str) -> str:
    """Return a name in lower case and without the characters between its words."""
    return re.sub(r"[\W_]+", "", name).casefold()


def told(left_out: Mapping[str, str]) -> str:
    """Return every column that was left out with its reason. It is for the log, so it is not shortened."""
    return "; ".join(f"{name!r} ({reason})" for name, reason in left_out.items())


def _best(name: str, paths: Sequence[str], own: str) -> list[str]:
    ranked = [(rank, path) for path in paths if (rank := _rank(name, path, own)) is not None]
    best = min((rank for rank, _ in ranked), default=None)
    return [path for rank, path in ranked if rank == best]


def _rank(name: str, path: str, own: str) -> int | None:
    """Return how well a path fits a column: 0 is best, None means not at all."""
    inner = path.removeprefix(f"{own}.")
    ours = inner != path
    last = inner.rpartition(".")[2]
    if name in (inner, path):
        return 0
    if fold(name) in (fold(inner), fold(path)):
        return 1 if ours else 2
    if fold(name) == fold(last):
        return 3 if ours else 4
    return None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_MOST_TOLD]))
    return f"{shown} and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else shown


def _wrong(problem: str, parameter: str = "mapping") -> AepConfigError:
    return AepConfigError(
        f"`{parameter}` {problem.rstrip('.?')}{'?' if problem.endswith('?') else '.'}", parameter=parameter
    )
