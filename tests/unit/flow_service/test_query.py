"""The list grammar: which names may stand in a filter, and which next-page links are followed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service import collections, requests
from airflow_provider_aep.flow_service.errors import AepReplyError

ORIGIN = "https://platform.adobe.io"


@pytest.mark.parametrize("name", ["PayPal connection", "a", "A_b-c.d 9"])
def test_plain_names_are_filtered_on_the_server(name: str) -> None:
    """A tenant has thousands of connections; the server can narrow them."""
    assert requests.can_filter_by(name)
    assert ("property", f"name=={name}") in collections.CONNECTIONS.list_call(name=name).query


@pytest.mark.parametrize(
    "name",
    ["a'b", 'a"b', "a,b", "a==b", "a!=b", "a>b", "a<b", "a~b", "a|b", "a&b", "a(b)", "a*", "a%b", "a+b", "ä",
     "日本", "a\tb", "a\nb", "", "a\u00a0b", "a#b", "a;b", "a/b"],
)  # fmt: skip
def test_names_the_grammar_may_take_otherwise_are_not(name: str) -> None:
    """A comma means *or* there: such a filter would find the wrong ones, and a second one would be made."""
    assert not requests.can_filter_by(name)
    assert collections.CONNECTIONS.list_call([("connectionSpec.id", "spec")], name=name).query == [
        ("property", "connectionSpec.id==spec"),
        ("limit", "100"),
    ]


@pytest.mark.parametrize("body", [{}, {"_links": None}, {"_links": {}}, {"_links": {"next": None}},
                                  {"_links": {"next": {"href": ""}}}, {"_links": []}])  # fmt: skip
def test_a_last_page_has_no_next(body: dict[str, Any]) -> None:
    """Documents show its absence in several ways."""
    assert collections.next_page(body, ORIGIN) is None


@pytest.mark.parametrize(
    "href",
    [
        "/connections?continuationToken=T%3D%3D&limit=2",
        "?continuationToken=T%3D%3D&limit=2",
        "connections?continuationToken=T%3D%3D&limit=2",
        f"{ORIGIN}/data/foundation/flowservice/connections?continuationToken=T%3D%3D&limit=2",
        "HTTPS://Platform.Adobe.IO/connections?continuationToken=T%3D%3D&limit=2",
        "//platform.adobe.io/connections?continuationToken=T%3D%3D&limit=2",
    ],
    ids=["path", "query", "relative", "absolute", "upper case", "no scheme"],
)
def test_links_to_the_same_origin_are_followed(href: str) -> None:
    """Relative in Adobe's documents; a gateway may make them absolute."""
    if href.startswith("//"):
        with pytest.raises(AepReplyError):  # no scheme: refused rather than guessed
            collections.next_page({"_links": {"next": {"href": href}}}, ORIGIN)
        return
    assert collections.next_page({"_links": {"next": {"href": href}}}, ORIGIN) == [
        ("continuationToken", "T=="),
        ("limit", "2"),
    ]


def test_a_link_that_is_a_bare_text_is_followed() -> None:
    """Some documents print the link without an object around it."""
    assert collections.next_page({"_links": {"next": "?start=2"}}, ORIGIN) == [("start", "2")]


@pytest.mark.parametrize(
    "href",
    [
        "http://platform.adobe.io/connections?continuationToken=T",
        "https://platform.adobe.io.evil.example/connections?continuationToken=T",
        "https://evil.example/connections?continuationToken=T",
        "https://platform.adobe.io:8443/connections?continuationToken=T",
        "https://platform.adobe.io@evil.example/connections?continuationToken=T",
        "https://user@platform.adobe.io/connections?continuationToken=T",
        "//evil.example/connections?continuationToken=T",
        "ftp://platform.adobe.io/connections?continuationToken=T",
        "https:///connections?continuationToken=T",
        "javascript:alert(1)?x=1",
    ],
    ids=["scheme", "suffix", "host", "port", "user info", "a user", "no scheme", "ftp", "no host", "script"],
)
def test_links_to_another_origin_are_refused(href: str) -> None:
    """Following one would hand the token to a stranger."""
    with pytest.raises(AepReplyError, match="another host") as caught:
        collections.next_page({"_links": {"next": {"href": href}}}, ORIGIN)
    assert not caught.value.retryable
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "href", ["/connections", "?", 5, ["x"], "http://[broken?x=1", "https://\u2100.x/?a=1"]
)
def test_links_that_lead_nowhere_are_typed_errors(href: Any) -> None:
    """Half a list taken for a whole one is how a second connection comes to be."""
    with pytest.raises(AepReplyError, match=r"^A list's next-page link "):
        collections.next_page({"_links": {"next": {"href": href}}}, ORIGIN)


@given(st.text())
def test_no_link_breaks_the_client_nor_leads_away(href: str) -> None:
    """Whatever text: a query for our own origin, the end, or a typed error."""
    try:
        found = collections.next_page({"_links": {"next": {"href": href}}}, ORIGIN)
    except AepReplyError:
        return
    assert found is None or all(isinstance(value, str) for pair in found for value in pair)
