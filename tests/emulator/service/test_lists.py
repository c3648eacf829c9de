"""Test filters, order, count and paging by Adobe's sorting and filtering guide."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.emulator import PAYPAL_SPEC, Api, Emulator
from tests.harness.platform import DAY, SHORT, Platform, decide, failure

STRANGE = [
    "Acme, Inc.",
    'say "hi"',
    "Zoë's 店 🙂",
    "a=b&c==d",
    "100%",
    "back\\slash",
    " padded ",
    "=x",
    "<b>",
    "~!",
]


def names(api: Api, **params: Any) -> list[str]:
    """Return the names on the first page."""
    response = api("GET", "/connections", params=params)
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


def code(api: Api, **params: Any) -> str:
    """Return the code of a refused list."""
    return failure(api("GET", "/connections", params=params))


def test_filter(api: Api) -> None:
    """A filter has bare or quoted values, OR by comma, and AND by repeating."""
    made = {name: api.create(name).json()["id"] for name in ("One", "Two", "Three")}
    assert names(api, property="name==Two") == ["Two"]
    assert names(api, property='name=="Two"') == ["Two"]
    assert names(api, property="name==One,Three") == ["One", "Three"]
    assert names(api, property='name=="One","Three"') == ["One", "Three"]
    assert names(api, property="name!=Two") == ["One", "Three"]
    assert names(api, property="name==two") == []
    assert names(api, property=["name==One,Two", f"id=={made['Two']}"]) == ["Two"]
    assert names(api, property=f"connectionSpec.id=={PAYPAL_SPEC}") == ["One", "Two", "Three"]
    assert names(api, property="connectionSpec.id==other") == []
    assert names(api, property="state==enabled") == ["One", "Two", "Three"]
    assert names(api, property="description==x") == []


def test_ranges(api: Api) -> None:
    """A range compares numbers."""
    times = []
    for name in ("One", "Two", "Three"):
        connection = api.create(name).json()["id"]
        times.append(api("GET", f"/connections/{connection}").json()["items"][0]["createdAt"])
    assert names(api, property=f"createdAt>{times[0]}") == ["Two", "Three"]
    assert names(api, property=f"createdAt>={times[0]}") == ["One", "Two", "Three"]
    assert names(api, property=f"createdAt<{times[1]}") == ["One"]
    assert names(api, property=f"createdAt<={times[1]}") == ["One", "Two"]
    assert names(api, property=f"createdAt=={times[1]}") == ["Two"]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names(api: Api, name: str) -> None:
    """A filter matches any quoted name, and any bare one without a comma."""
    api.create("other")
    api.create(name)
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert names(api, property=f"name=={quoted}") == [name]
    if "," not in name:
        assert names(api, property=f"name=={name}") == [name]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"property": "name~x"}, "1440-400"),
        ({"property": "createdAt<=1,2"}, "1443-400"),
        ({"property": "id>=x"}, "1448-400"),
        ({"property": "connections==x"}, "1449-400"),
        ({"property": "createdAt!>1"}, "1450-400"),
        ({"property": "name=x"}, "1450-400"),
        ({"testParam": "x"}, "1451-400"),
        ({"state": "enabled"}, "1451-400"),
        ({"property": "createdAt==1676643256,x"}, "1452-400"),
        ({"property": "createdAt=="}, "1453-400"),
        ({"property": "name"}, "1453-400"),
        ({"property": ""}, "1453-400"),
        ({"limit": 5, "count": "true"}, "1401-400"),
        ({"orderby": "--name"}, "1432-400"),
        ({"orderby": "#id"}, "1433-400"),
        ({"orderby": "nothing"}, "1433-400"),
        ({"limit": "abc"}, "1100-400"),
        ({"limit": "-1"}, "1100-400"),
        ({"limit": "0"}, "1100-400"),
        ({"limit": ""}, "1100-400"),
        ({"count": "maybe"}, "1100-400"),
        ({"continuationToken": "nonsense"}, "1100-400"),
        ({"continuationToken": ""}, "1100-400"),
        ({"continuationToken": "ü" * 100}, "1100-400"),
    ],
)
def test_refusals(api: Api, params: dict[str, Any], expected: str) -> None:
    """Each mistake gets its code in the catalogue."""
    assert code(api, **params) == expected


def test_count(api: Api) -> None:
    """`count=true` returns only the number; `False` is accepted, as Python clients send it."""
    for name in ("One", "Two"):
        api.create(name)
    assert api("GET", "/connections", params={"count": "true"}).json() == {"count": 2}
    query = {"count": "true", "property": "name==One"}
    assert api("GET", "/connections", params=query).json() == {"count": 1}
    assert len(names(api, count=False, limit=1)) == 1


def test_order(api: Api) -> None:
    """A list is sorted up or down by several fields, and by creation without `orderby`."""
    for name, description in (("b", "x"), ("a", "y"), ("c", "x")):
        api.create(name, description=description)
    assert names(api) == ["b", "a", "c"]
    assert names(api, orderby="name") == ["a", "b", "c"]
    assert names(api, orderby="+name") == ["a", "b", "c"]
    assert names(api, orderby="-name") == ["c", "b", "a"]
    assert names(api, orderby="-createdAt") == ["c", "a", "b"]
    assert names(api, orderby="description,-name") == ["c", "b", "a"]


def pages(api: Api, **params: Any) -> list[list[str]]:
    """Return all pages; follow the links as a client does that splits them at `=`."""
    found = []
    response = api("GET", "/connections", params=params).json()
    while True:
        found.append([item["name"] for item in response["items"]])
        if not response["_links"]:
            return found
        path, _, token = response["_links"]["next"]["href"].partition("?continuationToken=")
        assert path == "/connections"
        assert "=" not in token
        response = api("GET", "/connections", params={"continuationToken": token}).json()


def test_paging(api: Api) -> None:
    """The token alone keeps filter, order and page size."""
    for n in range(7):
        api.create(f"n{n}", description="odd" if n % 2 else "even")
    assert pages(api, limit=3) == [["n0", "n1", "n2"], ["n3", "n4", "n5"], ["n6"]]
    assert pages(api, limit=3, orderby="-name") == [["n6", "n5", "n4"], ["n3", "n2", "n1"], ["n0"]]
    assert pages(api, limit=2, property="description==even") == [["n0", "n2"], ["n4", "n6"]]
    assert pages(api, limit=7) == [[f"n{n}" for n in range(7)]]
    assert len(pages(api)) == 1


def test_default_page(api: Api) -> None:
    """A page has at most a hundred items, whatever the limit."""
    for n in range(101):
        api.create(f"n{n:03}")
    assert [len(page) for page in pages(api)] == [100, 1]
    for limit in (1000, 10**12, "9" * 5000):
        assert [len(page) for page in pages(api, limit=limit)] == [100, 1]


def test_paging_while_things_come_and_go(api: Api) -> None:
    """Paging lists every remaining item once, even if the last item of a page is deleted."""
    ids = [api.create(f"n{n}").json()["id"] for n in range(6)]
    first = api("GET", "/connections", params={"limit": 3}).json()
    for gone in (0, 2):
        api("DELETE", f"/connections/{ids[gone]}")
    api.create("new")
    rest = api("GET", first["_links"]["next"]["href"]).json()
    last = api("GET", rest["_links"]["next"]["href"]).json()
    seen = [item["name"] for page in (rest, last) for item in page["items"]]
    assert seen == ["n3", "n4", "n5", "new"]


def test_a_token_is_for_one_list(emulator: Emulator, api: Api) -> None:
    """A token is invalid for another kind and another sandbox."""
    for n in range(2):
        api.create(str(n))
    href = api("GET", "/connections", params={"limit": 1}).json()["_links"]["next"]["href"]
    assert api("GET", href).status_code == 200
    assert api("GET", "/sourceConnections?" + href.split("?")[1]).status_code == 400
    assert emulator.api(sandbox="dev")("GET", href).status_code == 400


def test_a_token_is_taken_whole(api: Api) -> None:
    """A token is valid with or without its padding, but not with any other character."""
    for n in range(2):
        api.create(str(n))
    href = api("GET", "/connections", params={"limit": 1}).json()["_links"]["next"]["href"]
    token = href.split("=")[1]
    for good in (token, token + "=" * (-len(token) % 4)):
        assert names(api, continuationToken=good) == ["1"]
    for bad in (token + "!", token + " ", token[:9] + "\n" + token[9:], token[:-1], token + "A"):
        assert code(api, continuationToken=bad) == "1100-400"


def test_a_list_that_lags() -> None:
    """With `--list-lag` a new entity is missing in lists for that time; GET by id returns it at once."""
    with Emulator("--list-lag", "30") as emulator:
        path = Platform(emulator)
        path.stop_clock()
        base = path.base()
        source = path.source(base)
        path.dataset(path.schema())
        assert path.get("connections", base)["id"] == base

        def listed() -> list[int]:
            pages = [
                path.api("GET", f"/{kind}").json()["items"] for kind in ("connections", "sourceConnections")
            ]
            datasets = path.catalog("GET", "/dataSets").json()
            schemas = path.registry("GET", "/tenant/schemas", headers=SHORT).json()["results"]
            return [*map(len, pages), len(datasets), len(schemas)]

        path.advance(29)
        assert listed() == [0, 0, 0, 0]
        path.advance(2)
        assert listed() == [1, 1, 1, 1]
        assert path.get("sourceConnections", source)["baseConnectionId"] == base


@pytest.mark.parametrize("lag", ["-1", "nan", "soon"])
def test_a_lag_that_is_invalid(lag: str) -> None:
    """An invalid lag ends the start with an error."""
    with pytest.raises(RuntimeError, match="list-lag"):
        Emulator("--list-lag", lag)


def test_a_change_between_two_pages(path: Platform) -> None:
    """The second page of a list of runs shows the runs as they are then."""
    flow = path.flow(path.prepared())
    path.advance(3 * DAY)
    query = {"property": f"flowId=={flow}", "orderby": "-createdAt", "limit": 2}
    page = path.api("GET", "/runs", params=query).json()
    oldest = path.runs(flow)[0]["id"]
    decide(path, oldest, status="failed")
    rest = path.api("GET", page["_links"]["next"]["href"]).json()["items"]
    assert [run["state"] for run in rest if run["id"] == oldest] == ["failed"]
    assert len(page["items"]) + len(rest) == len(path.runs(flow))
    counted = path.api("GET", "/runs", params={"property": "state==Failed", "count": "true"})
    assert counted.json() == {"count": 1}
