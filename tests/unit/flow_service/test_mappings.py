"""Mappings, given and made by name: nothing guessed, nothing dropped in silence."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.flow_service import mappings
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError

OWN = "_acme"


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("Product_Id", "_acme.Product_Id"),
        ("Product_Id", "_acme.productId"),
        ("product id", "_acme.PRODUCT-ID"),
        ("productId", "_acme.product_id"),
        ("PRODUCTID", "_acme.nested.productId"),
        ("firstName", "person.name.firstName"),
        ("person_name_first_name", "person.name.firstName"),
        ("id", "_id"),
        ("Größe", "_acme.größe"),
    ],
)
def test_names_are_folded(column: str, field: str) -> None:
    """Case, snake, camel and blanks do not matter; a path counts as well as its last name."""
    assert mappings.map_by_name([column], ["_acme.other", field], OWN).pairs == {column: field}


@pytest.mark.parametrize(
    ("column", "fields", "chosen"),
    [
        ("Name", ["_acme.Name", "_acme.name"], "_acme.Name"),
        ("name", ["_acme.name", "person.name"], "_acme.name"),
        ("firstname", ["_acme.x.firstName", "person.name.firstName"], "_acme.x.firstName"),
        ("city", ["_acme.city", "_acme.address.city"], "_acme.city"),
        ("homecity", ["_acme.home.city", "home.city"], "_acme.home.city"),
        ("homecity", ["home.city", "_acme.x.homeCity"], "home.city"),
        ("homecity", ["_acme.x.homeCity", "x.homeCity"], "_acme.x.homeCity"),
        ("_acme.home.city", ["_acme.home.city", "home.city"], "_acme.home.city"),
    ],
)
def test_the_better_fit_is_taken(column: str, fields: list[str], chosen: str) -> None:
    """The exact name before a folded one, the whole path before its end, one's own before a standard."""
    assert mappings.map_by_name([column], fields, OWN).pairs == {column: chosen}


def test_what_fits_several_alike_is_left_out_and_told() -> None:
    """A guess would put values into the wrong field, and nobody would know."""
    mapped = mappings.map_by_name(["city", "id"], ["homeAddress.city", "workAddress.city", "_acme.id"], OWN)
    assert mapped.pairs == {"id": "_acme.id"}
    assert "homeAddress.city" in mapped.left_out["city"]
    assert "workAddress.city" in mapped.left_out["city"]


def test_a_field_is_taken_once_and_by_its_exact_namesake() -> None:
    """Whichever column comes first."""
    mapped = mappings.map_by_name(["user_id", "userId"], ["_acme.userId"], OWN)
    assert mapped.pairs == {"userId": "_acme.userId"}
    assert list(mapped.left_out) == ["user_id"]


def test_an_exact_namesake_goes_first_whatever_the_alphabet_says() -> None:
    """The other one would take its field."""
    assert mappings.map_by_name(["A_b", "a_b"], ["_acme.a_b"], OWN).pairs == {"a_b": "_acme.a_b"}


def test_the_order_is_the_columns() -> None:
    """So that the same table gives the same mapping set."""
    fields = ["_acme.c", "_acme.B", "_acme.a"]
    assert list(mappings.map_by_name(["a", "b", "c"], fields, OWN).pairs) == ["a", "b", "c"]


def test_nothing_that_maps_is_an_error_that_lists_all() -> None:
    """With what the schema has."""
    with pytest.raises(AepConfigError) as caught:
        mappings.map_by_name(["x", "y"], ["_acme.a", "_id"], OWN)
    assert caught.value.parameter == "mapping"
    assert all(repr(name) in str(caught.value) for name in ("x", "y", "_acme.a", "_id"))


def test_a_field_that_is_nearly_right_is_suggested() -> None:
    """By its last name, three of them at most; where none is near, nothing is asked."""
    fields = ["_acme.a.Product_Id", "_acme.b.productId", "_acme.c.productid", "_acme.d.PRODUCTID", "_id"]
    with pytest.raises(AepConfigError) as caught:
        mappings.check_mapping({"a": "x.y.productId"}, None, fields)
    assert caught.value.message == (
        "`mapping` names fields that the schema lacks: 'x.y.productId'. Did you mean '_acme.a.Product_Id', "
        "'_acme.b.productId', '_acme.c.productid'?"
    )
    with pytest.raises(AepConfigError) as caught:
        mappings.check_mapping({"a": "nope"}, None, fields)
    assert caught.value.message == ("`mapping` names fields that the schema lacks: 'nope'.")


def test_what_is_told_is_cut_after_thirty() -> None:
    """A table can have a thousand columns."""
    for count, rest in ((30, "'c30'. "), (31, "'c30' and 1 more. "), (32, "'c30' and 2 more. ")):
        columns = [f"c{number}" for number in range(1, count + 1)]
        with pytest.raises(AepConfigError) as caught:
            mappings.map_by_name(columns, ["_id"], OWN)
        assert f"{rest}The schema has '_id'." in str(caught.value)
    mapped = mappings.map_by_name(["id", "x"], ["_acme.id"], OWN)
    assert mapped.left_out == {"x": "the schema has no such field"}


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"a": "_acme.nope"}, "'_acme.nope'"),
        ({"a": "A"}, "'_acme.A'"),
        ({"z": "_acme.A"}, "'z'"),
        ({"a": "_acme.A", "b": "_acme.A"}, "'_acme.A'"),
        ({"a": "_acme"}, "'_acme'"),
        ({}, "dict"),
        ([], "dict"),
        ("a=b", "dict"),
        ({"a": 5}, "dict"),
        ({"a": ""}, "dict"),
    ],
)
def test_a_wrong_mapping_is_refused_by_name(mapping: Any, said: str) -> None:
    """Unknown field, unknown column, two columns into one field, or no mapping at all."""
    with pytest.raises(AepConfigError, match="`mapping`") as caught:
        mappings.check_mapping(mapping, ["a", "b"], ["_acme.A", "_id"])
    assert said in str(caught.value)
    assert caught.value.parameter == "mapping"


def test_a_given_mapping_lists_what_it_leaves_out() -> None:
    """On purpose or not: it is told."""
    mapped = mappings.check_mapping({"b": "_id"}, ["a", "b"], ["_id"])
    assert (mapped.pairs, list(mapped.left_out)) == ({"b": "_id"}, ["a"])
    assert mappings.check_mapping({"b": "_id"}, None, ["_id"]).left_out == {}


def test_an_id_of_capitals() -> None:
    """Adobe's are small so far."""
    assert mappings.read_created({"id": "0-AZ"}, "POST")["id"] == "0-AZ"


def test_the_same_content_has_the_same_hash() -> None:
    """Whatever its order; another schema, source or field is another one."""
    one = mappings.mapping_set_body("s", {"a": "x", "b": "y"})
    assert mappings.content_hash(one) == mappings.content_hash(
        mappings.mapping_set_body("s", {"b": "y", "a": "x"})
    )
    reordered = {
        "mappings": [dict(reversed(mapping.items())) for mapping in one["mappings"]],
        "outputSchema": {"schemaRef": dict(reversed(one["outputSchema"]["schemaRef"].items()))},
    }
    assert mappings.content_hash(one) == mappings.content_hash(reordered)
    others = [("t", {"a": "x", "b": "y"}), ("s", {"a": "x"}), ("s", {"a": "y", "b": "x"})]
    hashes = {mappings.content_hash(mappings.mapping_set_body(*other)) for other in others}
    assert len(hashes | {mappings.content_hash(one)}) == 4


@pytest.mark.parametrize(
    "document", [None, [], {}, {"id": ""}, {"id": "../a"}, {"id": 5}, {"id": "a", "version": "x"}]
)
def test_a_reply_without_an_id_is_none(document: object) -> None:
    """It counts as lost."""
    with pytest.raises(AepReplyError):
        mappings.read_created(document, "POST /mappingSets")


OPENAPI = mappings.mapping_set_body("s", {"a": "x", "b": "y"})
TUTORIAL = {
    "id": "0",
    "xdmSchema": "s",
    "mappings": [
        {"destinationXdmPath": "y", "sourceAttribute": "b", "version": 0},
        {"destinationXdmPath": "x", "sourceAttribute": "a", "sourceType": "text/x.schema-path"},
    ],
}


def test_both_documents_words_are_read() -> None:
    """The OpenAPI's and the collect tutorials'."""
    assert mappings.fields_of(OPENAPI) == mappings.fields_of(TUTORIAL) == {"x": "a", "y": "b"}
    assert mappings.schema_of(OPENAPI) == mappings.schema_of(TUTORIAL) == "s"
    assert mappings.same_content(OPENAPI, TUTORIAL)
    assert (mappings.fields_of({}), mappings.schema_of({}), mappings.schema_of({"xdmSchema": 7})) == (
        {},
        None,
        None,
    )


@pytest.mark.parametrize(
    "other",
    [
        mappings.mapping_set_body("t", {"a": "x", "b": "y"}),
        mappings.mapping_set_body("s", {"a": "x"}),
        mappings.mapping_set_body("s", {"a": "y", "b": "x"}),
        {**OPENAPI, "mappings": [OPENAPI["mappings"][0], {**OPENAPI["mappings"][1], "sourceType": "STATIC"}]},
    ],
    ids=["schema", "fewer", "swapped", "kind"],
)
def test_other_content_is_not_the_same(other: dict[str, Any]) -> None:
    """Another schema, field, column, or kind of mapping."""
    assert not mappings.same_content(OPENAPI, other)
    assert not mappings.same_content(other, OPENAPI)


@pytest.mark.parametrize("document", [None, [], {}, {"data": {}}, {"data": [7]}])
def test_a_page_without_mapping_sets_is_none(document: object) -> None:
    """It counts as a reply that cannot be read."""
    with pytest.raises(AepReplyError, match=r"^GET /mappingSets was answered without a list of mapping sets"):
        mappings.read_page(document, "GET /mappingSets")


def test_expressions_are_rows_of_their_own_type() -> None:
    """Both documents' words for the type mean the same, so an existing mapping set does not differ."""
    body = mappings.mapping_set_body("s", {"a": "x"}, {"y": "concat(a, b)"})
    assert [row["sourceType"] for row in body["mappings"]] == ["ATTRIBUTE", "EXPRESSION"]
    guide = [
        {"sourceType": "text/x.schema-path", "source": "a", "destination": "x"},
        {"sourceType": "text/x.aep-xl", "source": "concat(a, b)", "destination": "y"},
    ]
    assert mappings.fields_of({"mappings": guide}) == mappings.fields_of(body)
    assert mappings.fields_of(body) != mappings.fields_of(
        mappings.mapping_set_body("s", {"a": "x", "b": "y"})
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "must be a dict"),
        ({"x": " "}, "must be a dict"),
        ("x", "must be a dict"),
        ({"nope": "upper(a)"}, "the schema lacks: 'nope'"),
        ({"x": "upper(a)"}, "`mapping` has as well: 'x'"),
    ],
)
def test_wrong_expressions_are_refused(given: Any, said: str) -> None:
    """The error names the parameter and the field."""
    with pytest.raises(AepConfigError, match=f"`expressions`.*{said}") as caught:
        mappings.check_expressions(given, ["x", "y"], {"a": "x"})
    assert caught.value.parameter == "expressions"


def test_given_expressions_are_kept() -> None:
    """They are sent as they are: Data Prep checks their syntax."""
    assert mappings.check_expressions(None, ["x"]) == {}
    assert mappings.check_expressions({"y": "upper(a)"}, ["x", "y"], {"a": "x"}) == {"y": "upper(a)"}
