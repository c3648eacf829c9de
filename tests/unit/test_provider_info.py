"""The provider's metadata: valid by Airflow's schemas, complete, and cheap to load."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.get_provider_info import get_provider_info

INFO = get_provider_info()
TYPES = {one["connection-type"]: one for one in INFO["connection-types"]}
EXTRAS = {"org_id", "sandbox", "scopes", "ims_host", "timeout", "verify", "tenant"}


def airflows(name: str) -> Any:
    """A schema that ships with Airflow."""
    import airflow

    return json.loads((Path(airflow.__file__).parent / name).read_text("utf-8"))


def test_it_is_valid_by_airflows_schema() -> None:
    """Airflow drops a provider whose information is not."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(INFO, airflows("provider_info.schema.json"))


def test_the_forms_are_valid_by_airflows_stricter_schema() -> None:
    """The only one that describes `conn-fields`."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = airflows("provider.yaml.schema.json")["properties"]["connection-types"]
    types = INFO["connection-types"]
    known = set(schema["items"]["properties"])
    if not {"hook-name", "conn-fields"} <= known:  # 3.1 and 3.2 know less, and ignore the rest
        types = [{key: value for key, value in one.items() if key in known} for one in types]
    jsonschema.validate(types, schema)


def test_it_names_the_distribution() -> None:
    """Airflow refuses a provider of another name."""
    assert INFO["package-name"] == "airflow-provider-aep"
    assert INFO["name"] == "Adobe Experience Platform"


def test_the_types_are_called_so() -> None:
    """The names in Airflow's list of connection types."""
    assert {key: one["hook-name"] for key, one in TYPES.items()} == {
        "aep": "Adobe Experience Platform",
        "paypal": "PayPal",
    }


def test_the_aep_form() -> None:
    """Labels, placeholders and hidden fields as the documentation promises them."""
    behaviour = TYPES["aep"]["ui-field-behaviour"]
    assert behaviour["relabeling"]["login"] == "Client ID (API key)"
    assert behaviour["relabeling"]["password"] == "Client secret"
    assert behaviour["placeholders"]["host"] == "https://platform.adobe.io"
    assert "schema" in behaviour["hidden-fields"]
    assert not {"host", "port", "login", "password", "extra"} & set(behaviour["hidden-fields"])
    fields = TYPES["aep"]["conn-fields"]
    assert set(fields) == EXTRAS
    assert {name for name, field in fields.items() if "null" not in field["schema"]["type"]} == {"org_id"}
    defaults = {name: field["schema"].get("default") for name, field in fields.items()}
    assert (defaults["sandbox"], defaults["timeout"]) == ("prod", 30)
    assert defaults["ims_host"] == "https://ims-na1.adobelogin.com"
    assert all(field["label"] and field["description"] for field in fields.values())


def test_the_paypal_form() -> None:
    """Three fields: client ID, client secret, host."""
    behaviour = TYPES["paypal"]["ui-field-behaviour"]
    assert behaviour["relabeling"] == {"login": "Client ID", "password": "Client secret"}
    assert {"schema", "port"} <= set(behaviour["hidden-fields"])
    assert "host" not in behaviour["hidden-fields"]
    assert behaviour["placeholders"]["host"] == "api.sandbox.paypal.com"


@pytest.mark.parametrize("kind", TYPES)
def test_no_two_labels_are_the_same(kind: str) -> None:
    """A message names a field by its label, so labels are unique."""
    one = TYPES[kind]
    labels = [field["label"] for field in one.get("conn-fields", {}).values()]
    labels += one["ui-field-behaviour"]["relabeling"].values()
    labels += ["Host", "Port", "Description", "Extra Fields JSON"]
    assert len({label.lower() for label in labels}) == len(labels)


def test_no_extra_has_the_name_of_a_secret() -> None:
    """Airflow would show its default as stars; and secrets belong in `password`."""
    words = ("token", "secret", "password", "key", "auth", "passphrase", "proxy")
    assert not [name for name in EXTRAS if any(word in name for word in words)]


@pytest.mark.parametrize("kind", TYPES)
def test_the_forms_of_airflow_3_1_equal_the_declaration(kind: str) -> None:
    """Older Airflow asks the hook; one declaration serves both."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook
    from airflow_provider_aep.hooks.paypal import PayPalHook

    hook: Any = {"aep": FlowServiceHook, "paypal": PayPalHook}[kind]
    declared = TYPES[kind]["ui-field-behaviour"]
    assert hook.get_ui_field_behaviour() == {
        "hidden_fields": declared["hidden-fields"],
        "relabeling": declared["relabeling"],
        "placeholders": declared["placeholders"],
    }


def test_the_extra_fields_of_airflow_3_1_equal_the_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields are WTForms fields. Airflow's server has a replacement if WTForms is not installed."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook
    from airflow_provider_aep.hooks.paypal import PayPalHook

    wtforms: Any = ModuleType("wtforms")
    wtforms.IntegerField = wtforms.StringField = lambda label, **facts: SimpleNamespace(label=label, **facts)
    wtforms.FloatField = wtforms.DecimalField = wtforms.StringField
    wtforms.validators = ModuleType("wtforms.validators")
    wtforms.validators.Optional = SimpleNamespace
    monkeypatch.setitem(sys.modules, "wtforms", wtforms)
    monkeypatch.setitem(sys.modules, "wtforms.validators", wtforms.validators)
    widgets = FlowServiceHook.get_connection_form_widgets()
    assert set(widgets) == EXTRAS
    for name, field in TYPES["aep"]["conn-fields"].items():
        assert widgets[name].label == field["label"]
        assert widgets[name].description == field["description"]
        assert widgets[name].default == field["schema"].get("default")
        assert bool(widgets[name].validators) is ("null" in field["schema"]["type"])
    assert PayPalHook.get_connection_form_widgets() == {}


def names(info: Any) -> list[str]:
    found = [one["hook-class-name"] for one in info["connection-types"]] + info["extra-links"]
    for part in ("hooks", "operators", "sensors", "triggers"):
        for one in info.get(part, []):
            found += one["python-modules"]
    for one in info["asset-uris"]:
        found += [path for key, path in one.items() if key != "schemes"]
    return found


@pytest.mark.parametrize("name", names(INFO))
def test_everything_named_is_there(name: str) -> None:
    """A path with a typo shows only in Airflow's log."""
    module, _, last = name.rpartition(".")
    assert last in vars(importlib.import_module(module)) or importlib.import_module(name)


def test_every_link_is_named() -> None:
    """Airflow's list of links is no use if it holds some of them."""
    from airflow_provider_aep import links

    found = {f"{links.__name__}.{link.__name__}" for link in links.AepLink.__subclasses__()}
    assert found == set(INFO["extra-links"])


def test_the_configuration_is_complete() -> None:
    """Airflow wants five facts of each option."""
    for section in INFO["config"].values():
        for option in section["options"].values():
            assert {"description", "version_added", "type", "example", "default"} <= set(option)
    assert "settle" in INFO["config"]["aep"]["options"]


def test_the_bound_of_exactly_once_is_the_one_that_is_documented() -> None:
    """Code, Airflow's configuration, README and docs name the same seconds."""
    from airflow_provider_aep.exactly_once.reconciler import SETTLING
    from airflow_provider_aep.operators.base import CreateOperator

    option = INFO["config"]["aep"]["options"]["settle"]
    default, more = float(option["default"]), sum(SETTLING)
    assert f"within {more:g} seconds more" in option["description"]

    root = Path(__file__).parents[2]
    pages = (root / "docs" / "reliability.md", root / "README.md")
    texts = [option["description"], CreateOperator.__doc__, *(page.read_text("utf-8") for page in pages)]
    assert all("order of their creation" in " ".join(str(text).split()) for text in texts)
    page = " ".join((root / "docs" / "reliability.md").read_text("utf-8").split())
    assert f"within `settle` seconds ({default:g} by default)" in page
    assert f"within `settle` + {more:g} seconds ({default + more:g} by default)" in page
    readme = " ".join((root / "README.md").read_text("utf-8").split())
    assert f"lists a new entity within {default + more:g} seconds" in readme
    for text in (page, readme):
        assert re.search("[Nn]othing here has met a live AEP|has not met a live AEP", text)
        assert "the emulator's" in text
