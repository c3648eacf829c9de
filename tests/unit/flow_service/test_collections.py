"""Collections: every list is read to its end, and each service's items as its documents show them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from airflow_provider_aep.flow_service import datasets, mappings, xdm
from airflow_provider_aep.flow_service.collections import FLOWS, LINKED, Collection, Pager, Paging
from airflow_provider_aep.flow_service.datasets import BATCHES, DATASETS
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError, EntityExistsError
from airflow_provider_aep.flow_service.mappings import MAPPING_SETS
from airflow_provider_aep.flow_service.pages import page_url
from airflow_provider_aep.flow_service.requests import Call, list_runs

ORIGIN = "https://platform.adobe.io"
GROUP = "https://ns.adobe.com/acme/mixins/0123abcd"
SCHEMAS, GROUPS = xdm.resources("schemas"), xdm.resources("fieldgroups")


def linked(token: str, *ids: str) -> dict[str, Any]:
    """A page of Flow Service with a link to the next page."""
    link = {"next": {"href": f"/runs?continuationToken={token}"}}
    return {"_links": link, "items": [{"id": one} for one in ids]}


def pager(call: Call, paging: Paging = LINKED, **options: Any) -> Pager:
    return Pager(call, ORIGIN, paging, **options)


def test_pages_with_links() -> None:
    """Every page is read, and the next request has the link's query only. A foreign host is refused."""
    first = list_runs(["a"])
    pages = pager(first)
    assert pages.call is first
    assert pages.take(linked("t", "1")) == [{"id": "1"}]
    assert pages.call == Call("GET", "/runs", [("continuationToken", "t")])
    assert pages.take({"items": [{"id": "2"}], "_links": {}}) == [{"id": "2"}]
    assert pages.call is None
    bare = pager(first)
    assert bare.take([{"id": "3"}]) == [{"id": "3"}]
    assert bare.call is None
    with pytest.raises(AepReplyError, match=r"^GET /runs was answered without"):
        pager(first).take({})
    with pytest.raises(AepReplyError):
        pager(first).take({"items": [], "_links": {"next": {"href": "https://elsewhere.example/runs?a=1"}}})


def test_pages_without_end() -> None:
    """The same link again, or more pages than can be right, ends in an error, not in a loop."""
    pages = pager(list_runs(["a"]), most=5)
    pages.take(linked("t"))
    with pytest.raises(AepReplyError, match=r"^GET /runs: the pages") as caught:
        pages.take(linked("t"))
    assert not caught.value.retryable
    pages = pager(list_runs(["a"]), most=3)
    for number in range(2):
        pages.take(linked(str(number)))
    with pytest.raises(AepReplyError):
        pages.take(linked("2"))


@pytest.mark.parametrize(
    ("collection", "page"),
    [
        (DATASETS, lambda first, count: {str(first + n): {} for n in range(count)}),
        (MAPPING_SETS, lambda first, count: {"data": [{"id": str(first + n)} for n in range(count)]}),
    ],
    ids=["datasets", "mapping sets"],
)
def test_pages_by_offset(collection: Collection, page: Any) -> None:
    """A full page has a next one; the rest of the query stays. A list of full pages only has no end."""
    first = collection.list_call()
    pages = pager(first, collection.paging)
    assert [item["id"] for item in pages.take(page(0, 100))][::99] == ["0", "99"]
    assert pages.call == Call("GET", first.path, [*first.query[:-1], ("start", "100")])
    pages.take(page(100, 100))
    assert pages.call.query[-1] == ("start", "200")
    assert len(pages.take(page(200, 99))) == 99
    assert pages.call is None
    pages = pager(first, collection.paging, most=2)
    pages.take(page(0, 100))
    with pytest.raises(AepReplyError, match=rf"^GET {first.path}: the pages"):
        pages.take(page(0, 100))


def test_pages_by_token() -> None:
    """The registry's token is a title; the headers stay. The same token again has no end."""
    first = SCHEMAS.list_call(name="a")
    pages = pager(first, SCHEMAS.paging)
    page = {"results": [{"$id": GROUP}], "_page": {"next": "b"}}
    assert pages.take(page) == [{"$id": GROUP}]
    assert pages.call == Call("GET", first.path, [*first.query, ("start", "b")], headers=first.headers)
    with pytest.raises(AepReplyError, match=r"^GET /tenant/schemas: the pages"):
        pages.take(page)
    pages = pager(first, SCHEMAS.paging)
    pages.take({"results": [], "_page": {"next": None}})
    assert pages.call is None


@pytest.mark.parametrize(
    ("collection", "item"),
    [
        (FLOWS, {"createdAt": 5}),
        (DATASETS, {"created": 5}),
        (MAPPING_SETS, {"createdDate": 5}),
        (GROUPS, {"meta:registryMetadata": {"repo:createdDate": 5}}),
    ],
)
def test_creation_times(collection: Collection, item: dict[str, Any]) -> None:
    """Each service has its own key. Without a time the entity counts as the youngest."""
    assert collection.created_at(item) == 5.0
    assert collection.created_at({}) == math.inf


def test_ids() -> None:
    """Each collection has its own key and form; an error names the collection."""
    assert FLOWS.read_id({"id": "a-1"}) == "a-1"
    assert SCHEMAS.read_id({"$id": GROUP}) == GROUP
    with pytest.raises(AepReplyError, match=r"^GET /flows was answered without the id of a dataflow"):
        FLOWS.read_id({"id": "a/b"})
    with pytest.raises(AepReplyError, match=r"^GET /tenant/schemas was answered without the id of a schema"):
        SCHEMAS.read_id({"id": "a", "$id": "a"})


def test_replies_to_a_get_by_id() -> None:
    """Exactly the entity that was asked for."""
    assert datasets.read_dataset({"a": {}}, "GET /x") == {"id": "a"}
    with pytest.raises(AepReplyError, match=r"^GET /x was answered with 2 datasets"):
        datasets.read_dataset({"a": {}, "b": {}}, "GET /x")
    with pytest.raises(AepReplyError, match=r"^GET /x was answered without entities by their ids"):
        datasets.read_dataset([{"id": "a"}], "GET /x")
    assert mappings.read_mapping_set({"id": "a"}, "GET /mappingSets/a") == {"id": "a"}
    for other in ({"id": "b"}, {}, [], None):
        with pytest.raises(AepReplyError, match=r"^GET /mappingSets/a was answered without the mapping set"):
            mappings.read_mapping_set(other, "GET /mappingSets/a")


def test_batches_are_listed_one_at_most() -> None:
    """It is enough to know that there is one."""
    assert BATCHES.list_query == (("limit", "1"),)


def test_an_entity_that_has_the_desired_schema_or_class_is_used() -> None:
    """The registry names a class in one of two ways. Without one, it counts as the desired class."""
    datasets.check_same_schema({"schemaRef": {"id": "s"}}, "n", "s")
    for fits in (
        {"meta:class": "c", "meta:intendedToExtend": ["b"]},
        {"meta:class": "c"},
        {"meta:intendedToExtend": ["b", "c"]},
        {},
    ):
        xdm.check_same_class(fits, GROUPS, "n", "c")


def test_a_dataset_of_another_schema_is_an_error() -> None:
    """The error names the dataset, both schemas, and the way round."""
    with pytest.raises(EntityExistsError) as caught:
        datasets.check_same_schema({"id": "d", "schemaRef": {"id": "s"}}, "n", "t")
    assert caught.value.message == (
        "The dataset 'n' exists already, with schema s instead of t: d. A dataset's schema cannot be changed"
        ": choose another `name`, or give that schema as `schema_id`."
    )


@pytest.mark.parametrize(
    ("item", "kind", "classes"),
    [
        ({"meta:intendedToExtend": ["a", "b"]}, GROUPS, "a, b"),
        ({"meta:class": "profile"}, SCHEMAS, "profile"),
    ],
)
def test_a_resource_of_another_class_is_an_error(
    item: dict[str, Any], kind: Collection, classes: str
) -> None:
    """The error names the resource, both classes, and the way round."""
    with pytest.raises(EntityExistsError) as caught:
        xdm.check_same_class({"$id": GROUP, **item}, kind, "n", "c")
    assert caught.value.message == (
        f"The {kind.kind} 'n' exists already, for class {classes} instead of c: {GROUP}. A class cannot be "
        "changed: choose another `name`, or give that class as `class_id`."
    )


def test_a_columns_type_cannot_be_changed() -> None:
    """A new column is added. The type of an existing one is fixed, and the reason says the way round."""
    assert xdm.why_fixed({}, "columns.a", "string") == (
        "The type of a field cannot be changed. Choose another `name`, or give the column its existing type."
    )
    assert xdm.why_fixed({}, "columns.a", None) == xdm.why_fixed({}, "description", "d") == ""


@pytest.mark.parametrize(
    ("kind", "of", "page"),
    [
        ("base connection", None, "source/accounts/i/activity"),
        ("dataflow", None, "source/dataflows/i/activity"),
        ("run", "f", "source/dataflows/f/activity/i"),
        ("dataset", None, "dataset/browse/i"),
        ("source connection", "b", "source/accounts/b/activity?sourceConnectionId=i"),
        ("source connection", None, "dataset/browse?sourceConnectionId=i"),
        ("target connection", "d", "dataset/browse/d?targetConnectionId=i"),
        ("schema", None, "dataset/browse?schemaId=i"),
        ("field group", None, "dataset/browse?fieldGroupId=i"),
        ("mapping set", None, "dataset/browse?mappingSetId=i"),
    ],
)
def test_pages_of_the_ui(kind: str, of: str | None, page: str) -> None:
    """By the tenant's name, or by the organization if the tenant is unknown."""
    where = "https://experience.adobe.com/#/@{}/sname:dev/platform/" + page
    facts: dict[str, Any] = {"org_id": "org", "sandbox": "dev"}
    assert page_url(kind, "i", of, tenant="acme", **facts) == where.format("acme")
    assert page_url(kind, "i", of, tenant=None, **facts) == where.format("org")


def test_entities_by_their_ids() -> None:
    """A comma means *or*. An id is checked before it enters a query or a path."""
    assert FLOWS.list_ids_call(["a", "b"]).query == [("property", "id==a,b"), ("limit", "100")]
    names = datasets.names_call(["a", "b"])
    assert names == Call("GET", "/dataSets/a,b", [("properties", "name")])
    for call, parameter in ((FLOWS.list_ids_call, "flow_id"), (datasets.names_call, "dataset_id")):
        with pytest.raises(AepConfigError) as caught:
            call(["a", "b,c"])
        assert caught.value.parameter == parameter


def test_names_of_datasets() -> None:
    """A dataset without a name is left out."""
    found = datasets.read_by_id({"a": {"name": "A"}, "b": {}, "c": {"name": {}}}, "GET /dataSets/a,b,c")
    assert datasets.names_of(found) == {"a": "A"}
