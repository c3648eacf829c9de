"""Test access control: the permissions and sandboxes of the credential, and what refuses without them."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.harness.emulator import Emulator
from tests.harness.platform import SHORT, Platform, failure, made

ASKED = [
    "/permissions/manage-sources",
    "/permissions/view-monitoring-dashboard",
    "/resource-types/enterprise-source",
    "/resource-types/datasets",
    "/permissions/manage-profiles",
    "/permissions/unknown",
    "/unknown",
]


def policies(platform: Platform, asked: Any) -> requests.Response:
    """Ask for the permissions of the credential."""
    return platform.access("POST", "/acl/effective-policies", json=asked)


def take_away(platform: Platform, *without: str, **fields: Any) -> Any:
    """Take permissions away; return the rest."""
    return platform.emulator.control("POST", "permissions", {"without": list(without), **fields})


def test_effective_policies(path: Platform) -> None:
    """What the credential has of the names is shown, and the rest is left out."""
    every = ["read", "write", "delete"]
    assert made(policies(path, ASKED), 200)["policies"] == {
        "/permissions/manage-sources": ["*"],
        "/permissions/view-monitoring-dashboard": ["*"],
        "/resource-types/enterprise-source": every,
        "/resource-types/datasets": every,
    }
    take_away(path, "manage-sources", "manage-datasets", "view-monitoring-dashboard")
    assert made(policies(path, ASKED), 200)["policies"] == {
        "/resource-types/enterprise-source": ["read"],
        "/resource-types/datasets": ["read"],
    }
    path.emulator.reset()
    assert "manage-sources" in path.emulator.control("GET", "permissions")["permissions"]


def test_reference(path: Platform) -> None:
    """The reference lists each permission with its resource types, and needs no sandbox."""
    reply = path.access("GET", "/acl/reference", headers={"x-sandbox-name": None})
    names = made(reply, 200)
    assert names["permissions"]["view-sources"]["enterprise-source"] == ["read"]
    types = {name for allowed in names["permissions"].values() for name in allowed}
    assert types <= set(names["resource-types"])
    assert policies(path, ASKED[:1]).status_code == 200
    no_sandbox = path.access("POST", "/acl/effective-policies", json=ASKED, headers={"x-sandbox-name": None})
    assert failure(no_sandbox) == "2105-400"
    for bad in ({}, "x", [7]):
        assert policies(path, bad).status_code == 400, bad


def test_sources_refuse(path: Platform) -> None:
    """Without *Manage Sources* changes are refused; without *View Sources* too, reading is."""
    take_away(path, "manage-sources")
    refused = path.api.create()
    assert failure(refused) == "2121-403"
    assert refused.json()["report"]["detailed-message"].startswith(
        "The permission manage is denied on resource"
    )
    assert path.api("GET", "/connections").status_code == 200
    assert path.conversion("POST", "/mappingSets", json={}).status_code == 403
    take_away(path, "manage-sources", "view-sources")
    for kind in ("connections", "flows", "runs", "connectionSpecs"):
        assert failure(path.api("GET", f"/{kind}")) == "2121-403"
    take_away(path, "view-sources")
    assert path.api("GET", "/connections").status_code == 200


@pytest.mark.parametrize(
    ("area", "service", "read"),
    [
        ("schemas", "registry", "/tenant/schemas"),
        ("datasets", "catalog", "/dataSets"),
        ("datasets", "export", "/datasets/none/preview"),
    ],
)
def test_others_refuse(path: Platform, area: str, service: str, read: str) -> None:
    """Registry, Catalog and Data Access refuse without their permissions, with a JSON body."""
    call = getattr(path, service)
    take_away(path, f"manage-{area}")
    assert call("GET", read, headers=SHORT).status_code in (200, 404)
    if service != "export":
        assert call("POST", read, json={}, headers=SHORT).status_code == 403
    take_away(path, f"manage-{area}", f"view-{area}")
    refused = call("GET", read, headers=SHORT)
    assert (refused.status_code, refused.json()["status"]) == (403, 403)


def test_sandboxes(path: Platform) -> None:
    """The credential lists the sandboxes that it may use, and an administrator all of them."""
    url = f"{path.api.url}/data/foundation/sandbox-management"

    def names(tail: str) -> list[str]:
        return [sandbox["name"] for sandbox in path.api.http.get(url + tail).json()["sandboxes"]]

    assert names("/") == names("/sandboxes") == ["prod", "dev"]
    take_away(path, "view-sandboxes", "manage-sandboxes", sandboxes=["prod"])
    assert names("/") == ["prod"]
    assert path.api.http.get(f"{url}/sandboxes").status_code == 403
    assert path.api.http.get(f"{url}/sandboxes/prod").status_code == 403
    assert failure(Platform(path.emulator, "dev").api("GET", "/flows")) == "2100-404"


@pytest.mark.parametrize(
    "body",
    [{"without": ["manage-nothing"]}, {"without": "manage-sources"}, {"sandboxes": ["x"]}, {"with": []}, []],
)
def test_what_is_unknown(path: Platform, body: Any) -> None:
    """A wrong name is refused: a typo makes a test hard to understand."""
    url = f"{path.emulator.url}/_emulator/permissions"
    assert path.emulator.http.post(url, json=body).status_code == 400


def test_refused_question() -> None:
    """`--effective-policies refuse`: the credential may not ask for its permissions."""
    with Emulator("--effective-policies", "refuse") as emulator:
        assert policies(Platform(emulator), ASKED).status_code == 403
