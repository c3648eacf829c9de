"""Columns as XDM fields, and what is read of Schema Registry and Catalog."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import datasets, xdm
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError, EntityExistsError

GROUP = "https://ns.adobe.com/acme/mixins/0123abcd"


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ({"xdm": {"type": "string"}}, {"type": "string"}),
        ({"xdm": {"type": "integer", "minimum": 0, "odd": 1}}, {"type": "integer", "minimum": 0}),
        ({"type": "int", "xdm": {"type": "string", "format": "date"}}, {"type": "string", "format": "date"}),
        ({"xdm": {"type": "array"}}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "Int64"}, {"type": "integer"}),
        ({"type": "decimal", "xdm": None}, {"type": "number"}),
        ({"type": "boolean"}, {"type": "boolean"}),
        ({"type": "DateTime"}, {"type": "string", "format": "date-time"}),
        ({"type": "date"}, {"type": "string", "format": "date"}),
        ({"type": "geometry"}, {"type": "string"}),
        ({}, {"type": "string"}),
    ],
)  # fmt: skip
def test_a_columns_type(column: dict[str, Any], field: dict[str, Any]) -> None:
    """As the source says it in XDM's words, else by its own type, else a text."""
    assert xdm.field_of({"name": "c", **column}) == field


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("Product_Id", "Product_Id"),
        ("a b", "a_b"),
        ("a.b/c", "a_b_c"),
        ("_x", "x"),
        ("-_Xy_-_", "Xy_-"),
        ("X_a_X", "X_a_X"),
        ("a b ", "a_b"),
        ("a_ b\t", "a__b"),
        ("$", "field"),
        ("é", "field"),
    ],
)
def test_a_columns_name_as_a_field(column: str, name: str) -> None:
    """A dot would be a path, and what begins with `_` is not one's own."""
    assert xdm.field_name(column) == name


def test_two_columns_for_one_field_are_refused() -> None:
    """One of them would be lost."""
    with pytest.raises(AepConfigError, match=r"^`columns`: 'a b' and 'a\.b'") as caught:
        xdm.fields_of([{"name": "a b"}, {"name": "a.b"}])
    assert caught.value.parameter == "columns"


def test_several_tables_are_merged() -> None:
    """A column that they share is one; of two types it is an error."""
    one, two = [{"name": "id", "type": "int"}, {"name": "a"}], [{"name": "id", "type": "long"}, {"name": "b"}]
    assert [column["name"] for column in xdm.merge_columns([one, two])] == ["id", "a", "b"]
    assert xdm.merge_columns((one, tuple(two))) == xdm.merge_columns([one, two])
    assert xdm.merge_columns(tuple(one)) == one
    with pytest.raises(AepConfigError, match=r"'id' has two types: integer, string \(date\)\."):
        xdm.merge_columns([one, [{"name": "id", "type": "date"}]])
    with pytest.raises(AepConfigError, match="has a name that is not a text: 5"):
        xdm.merge_columns([{"name": 5}])


@pytest.mark.parametrize(
    "columns", [[], "a", 5, [5], [{}], [[]], [{"name": 5}], {"name": "a"}, [[{"name": ""}]]], ids=repr
)
def test_what_are_no_columns(columns: Any) -> None:
    """Named as the user wrote it."""
    with pytest.raises(AepConfigError, match="`columns`"):
        xdm.merge_columns(columns)


@pytest.mark.parametrize(
    ("given", "class_id"),
    [
        ("record", xdm.PROFILE),
        (" Time-Series ", xdm.EVENT),
        (xdm.PROFILE, xdm.PROFILE),
        ("https://ns.adobe.com/acme/classes/0123", "https://ns.adobe.com/acme/classes/0123"),
    ],
)
def test_a_class(given: str, class_id: str) -> None:
    """By a word, or by its $id."""
    assert xdm.check_class(given) == class_id


@pytest.mark.parametrize(
    "given", ["", None, 5, "profiles", "https://evil.example/xdm/a", "https://ns.adobe.com/a/../b/c"]
)
def test_no_class(given: Any) -> None:
    """It would end in a path."""
    with pytest.raises(AepConfigError, match="`class_id`"):
        xdm.check_class(given)


def group(**fields: Any) -> dict[str, Any]:
    body = xdm.group_body(title="g", class_id=xdm.PROFILE, tenant="acme", fields=fields)
    return {"$id": GROUP, **body}


def test_only_missing_fields_are_added() -> None:
    """Other references stay: the registry removes nothing."""
    patch = xdm.added_fields(
        group(a={"type": "string"}, z={}), "acme", {"a": {"type": "string"}, "b": {"type": "number"}}
    )
    path = "/definitions/customFields/properties/_acme/properties/b"
    assert patch == [{"op": "add", "path": path, "value": {"type": "number"}}]


def test_a_type_cannot_be_changed() -> None:
    """The error names the field group, the field, both types, and the way round."""
    with pytest.raises(EntityExistsError) as caught:
        xdm.added_fields(group(a={"type": "string", "format": "date"}), "acme", {"a": {"type": "number"}})
    assert caught.value.message == (
        f"The field group 'g' ({GROUP}) has field 'a' as string (date), the column is number. A field's type "
        "cannot be changed: choose another `name`."
    )


def test_the_fields_of_a_field_group() -> None:
    """The tenant's own fields, and their types in words."""
    fields = {"a": {"type": "string"}, "b": {"type": "string", "format": "date"}, "c": {}}
    assert xdm.own_fields(group(**fields), "acme") == fields
    assert xdm.types_of(fields) == {"a": "string", "b": "string (date)", "c": "None"}
    with pytest.raises(EntityExistsError) as caught:
        xdm.own_fields(group(**fields), "other")
    assert caught.value.message == (
        f"The field group 'g' ({GROUP}) has no fields under _other: it was not created for columns. Choose "
        "another `name`."
    )


def test_only_missing_references_are_added() -> None:
    """Also where the document spells `$ref` with a blank."""
    schema = {"allOf": [{"$ref": "c"}, {"$ref ": "g"}]}
    assert xdm.added_references(schema, ["g", "h"]) == [
        {"op": "add", "path": "/allOf/-", "value": {"$ref": "h"}}
    ]


def test_references() -> None:
    """In either spelling, and no other parts."""
    assert xdm.references({"allOf": [{"$ref": "c"}, {"$ref ": "g"}, {"title": "x"}, "odd"]}) == ["c", "g"]
    assert xdm.references({"allOf": None}) == []


def test_fields_keep_their_columns_names() -> None:
    """As titles: a person searches for them."""
    fields = xdm.fields_of([{"name": "a b", "type": "int"}, {"name": "c"}])
    assert fields == {"a_b": {"title": "a b", "type": "integer"}, "c": {"title": "c", "type": "string"}}


def test_a_group_of_another_shape_has_no_fields_of_ours() -> None:
    """It was not made for columns; one that was is found beside others."""
    for definitions in (None, [], {"a": None}, {"a": {}}, {"a": {"properties": {"_acme": 5}}}):
        with pytest.raises(EntityExistsError, match="has no fields under _acme"):
            xdm.added_fields({"definitions": definitions}, "acme", {"a": {"type": "number"}})
    definitions = {"x": {"properties": {"_other": {}}}, "y": {"properties": {"_acme": {"properties": None}}}}
    assert xdm.added_fields({"definitions": definitions}, "acme", {"a": {"type": "number"}}) == [
        {"op": "add", "path": "/definitions/y/properties/_acme/properties/a", "value": {"type": "number"}}
    ]


def test_leaves() -> None:
    """Objects are ways, arrays are ends."""
    tree = {
        "a": {"properties": {"b": {"type": "string"}, "c": {"type": "array", "items": {"properties": {}}}}},
        "d": {},
    }
    assert list(dict(xdm.leaves(tree))) == ["a.b", "a.c", "d"]
    assert dict(xdm.leaves({"a": {"type": "string"}, "odd": 5})) == {"a": {"type": "string"}, "odd": {}}


@pytest.mark.parametrize(
    ("document", "start"),
    [
        ({}, None),
        ({"_page": {"next": None}, "_links": {"next": None}}, None),
        ({"_page": {"next": "Loyalty"}}, "Loyalty"),
        ({"_links": {"next": {"href": "https://x/y?orderby=title&start=A%20b&limit=3"}}}, "A b"),
        ({"_links": {"next": "?start=c"}}, "c"),
    ],
)
def test_where_the_next_page_starts(document: dict[str, Any], start: str | None) -> None:
    """By the page's own word, or by the link's query; the link itself is not followed."""
    assert xdm.next_start(document) == start


def test_ids_in_paths() -> None:
    """`meta:altId` has no slashes."""
    assert xdm.alt_id(xdm.PROFILE) == "_xdm.context.profile"
    assert xdm.resources("schemas").get_call(GROUP).path == "/tenant/schemas/_acme.mixins.0123abcd"
    assert xdm.find_resource_id(f"An object {GROUP} already exists") == GROUP
    assert xdm.is_of_kind(GROUP, "field group")
    assert not xdm.is_of_kind(GROUP, "schema")


@pytest.mark.parametrize("reference", ["@/dataSets/5e89", "@/datasets/5e89", "@/DATASETS/5e89"])
def test_a_datasets_id(reference: str) -> None:
    """Adobe's prose and its samples write it differently."""
    assert datasets.read_created([reference], "POST") == "5e89"


@pytest.mark.parametrize(
    "document", [None, {}, [], [5], ["5e89"], ["@/dataSets/"], ["@/dataSets/a/b"], ["@/dataSets/a"] * 2]
)
def test_no_datasets_id(document: object) -> None:
    """It counts as a lost reply."""
    with pytest.raises(AepReplyError):
        datasets.read_created(document, "POST")
    with pytest.raises(AepReplyError):
        xdm.read_resource_id(document, "POST")
