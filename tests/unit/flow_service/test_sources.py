"""The catalogue of sources, and its uncertain rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest

from airflow_provider_aep.flow_service import connection_specs, sources
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.sources import AuthSpec, Source, catalogue, find_source
from scripts import source_catalogue
from tests.harness import documented_sources as documented
from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_SPEC
from tests.harness.source_catalogue import NATIVE

TABLE = documented.table()
SECRET = """accessKey accessToken clientSecret connectionString credentials developerToken jwtToken passPhrase
    password privateKeyContent refreshToken s3AccessKey s3SecretKey s3SessionToken sasKey sasUri
    secretAccessKey secretKey securityToken servicePrincipalKey url username userName clientId""".split()  # noqa: SIM905
PLAIN = ("host", "port", "server", "database", "schema", "region", "warehouse", "bucketName", "tenant")
UNCERTAIN = {
    "apache-hive-on-azure-hdinsights", "snowflake", "salesforce-service-cloud", "google-ads", "mixpanel",
    "sugarcrm-accounts-contacts", "sugarcrm-events", "mailchimp-members-campaign-activity",
    "oracle-netsuite-entities-activities", "pathfactory", "pinterest-ads", "linkedin-ads",
}  # fmt: skip
GONE = {"paypal", "couchbase", "phoenix", "apache-cassandra", "zoho-crm", "oracle-service-cloud",
        "oracle-responsys", "google-ads"}  # fmt: skip
RETIRED = {"salesforce-marketing-cloud", "oracle-eloqua"}


def test_every_documented_row_exists() -> None:
    """78 pairs of source and authentication type, and two sources without authentication."""
    everything = catalogue().values()
    assert {(one.key, auth.name) for one in everything for auth in one.auth} == set(NATIVE)
    assert len(NATIVE) == 76
    assert sorted(one.title for one in everything if not one.auth) == ["Data Landing Zone", "LAVA"]
    assert len({one.connection_spec_id for one in everything}) == 65


def test_paypal_is_as_documented() -> None:
    """With its optional host, and its deprecation."""
    paypal = find_source("paypal")
    (auth,) = paypal.auth
    assert (paypal.title, paypal.connection_spec_id, auth.name) == ("PayPal", PAYPAL_SPEC, PAYPAL_AUTH)
    assert (set(auth.required), set(auth.parameters)) == (
        {"clientId", "clientSecret"},
        {"host", "clientId", "clientSecret"},
    )
    assert auth.properties["host"]["default"] == "api.sandbox.paypal.com"
    assert auth.document.startswith("help/sources/tutorials/api/create/payments/paypal.md@")
    assert "June 2025" in str(paypal.deprecated)


def test_secrets_are_distinguished_from_addresses() -> None:
    """A parameter that is not listed as plain is secret. The schema marks it as the platform does."""
    auths = [auth for source in catalogue().values() for auth in source.auth]
    names = {name for auth in auths for name in auth.parameters}
    assert {name for name in names if name in SECRET} == set(SECRET)
    for auth in auths:
        for name in auth.parameters:
            assert auth.is_secret(name) is (auth.properties[name].get("format") == "password"), name
            assert auth.is_secret(name) or name not in SECRET
            assert not (auth.is_secret(name) and name in PLAIN)
    assert AuthSpec("a", {"properties": {"host": {"format": "password"}}}).is_secret("host")
    assert AuthSpec("a").is_secret("unheardOf")


def test_uncertain_and_deprecated_rows_say_so() -> None:
    """Adobe's documents contradict each other, so every list marks such a source."""
    everything = catalogue().values()
    assert {one.key for one in everything if one.uncertain} == UNCERTAIN
    assert {one.key for one in everything if one.deprecated} == GONE | RETIRED
    assert all("uncertain" in str(one) and "uncertain" in repr(one) for one in everything if one.uncertain)
    sas = find_source("blob").documented("SAS URI authentication")
    assert sas is not None
    assert (str(sas), find_source("blob").uncertain) == ("SasURIAuthentication (uncertain)", False)
    assert str(find_source("paypal")) == "PayPal"
    both = Source(
        "x", "X", "y", auth=(AuthSpec("One", confidence="uncertain", deprecated="now", retired=True),)
    )
    assert str(both) == "X (uncertain, retired)"


@pytest.mark.parametrize(
    ("name", "key"),
    [("paypal", "paypal"), (" PayPal ", "paypal"), ("amazon-s3", "amazon-s3"), ("Amazon S3", "amazon-s3"),
     ("AMAZON_S3", "amazon-s3"), ("s3", "amazon-s3"), ("postgres", "postgresql"), ("snowflake", "snowflake"),
     ("Salesforce Marketing Cloud", "salesforce-marketing-cloud"), ("http", "http-api-streaming"),
     ("SugarCRM Accounts & Contacts", "sugarcrm-accounts-contacts"),
     ("adls-gen2", "azure-data-lake-storage-gen2")],
)  # fmt: skip
def test_a_source_is_found_in_any_spelling(name: str, key: str) -> None:
    """Users write a name as its maker does, or as Adobe's tutorials shorten it."""
    assert find_source(name).key == key


@pytest.mark.parametrize(
    ("name", "hint"),
    [("paypall", "'paypal'"), ("amzon-s3", "'amazon-s3'"), ("google", "'google-bigquery'"),
     ("marketing cloud", "'salesforce-marketing-cloud'"), ("", "`connection_spec_id`"), (None, "None"),
     (5, "5")],
)  # fmt: skip
def test_an_unknown_source_gets_a_suggestion(name: Any, hint: str) -> None:
    """A typo is the most likely cause. A word in several names selects none of them."""
    with pytest.raises(AepConfigError, match=hint) as caught:
        find_source(name)
    assert caught.value.parameter == "source"
    assert caught.value.message.endswith(
        "Run `python -m airflow_provider_aep sources` for the sources that it knows. For another source, set "
        "`connection_spec_id`."
    )


@pytest.mark.parametrize("name", ["", None, "zzzz", 5])
def test_without_a_similar_name_nothing_is_suggested(name: Any) -> None:
    """A wrong suggestion costs more than no suggestion."""
    with pytest.raises(AepConfigError, match=r"does not know\. Run `python -m"):
        find_source(name)


def test_no_two_sources_have_the_same_name() -> None:
    """Their order must not decide."""
    names = [name for source in catalogue().values() for name in source.names]
    assert len(names) == len(set(names))


def test_an_id_goes_before_a_name() -> None:
    """It is for a source that the catalogue does not know, or has a wrong id for."""
    choose = sources.choose_source
    square = find_source("square")
    assert choose("paypal", square.connection_spec_id) == square
    assert choose("linkedin-ads", "abc").title == "LinkedIn Ads"
    assert choose("linkedin-ads", "abc").connection_spec_id == "abc"
    assert choose("paypal", "abc", None) == replace(find_source("paypal"), connection_spec_id="abc")
    unknown = choose("paypal", "abc")
    assert unknown == Source("", "connection spec abc", "abc")
    assert (unknown.connection_spec_id, unknown.auth, str(unknown)) == ("abc", (), "connection spec abc")
    with pytest.raises(AepConfigError, match="`connection_spec_id`"):
        choose("paypal", "../x")
    for name in ("data-landing-zone", "LAVA"):
        with pytest.raises(AepConfigError, match="no base connection"):
            choose(name)


def test_an_id_of_several_sources_selects_the_certain_source() -> None:
    """Adobe's page of PathFactory prints Salesforce Marketing Cloud's id."""
    shared = find_source("pathfactory").connection_spec_id
    assert sources.source_of(shared).key == "salesforce-marketing-cloud"
    assert sources.source_of(shared, "Basic Authentication").key == "pathfactory"
    assert sources.source_of(shared, "Another").key == "salesforce-marketing-cloud"


def spec(source: Source, *auth: AuthSpec, name: str = "Any name") -> connection_specs.ConnectionSpec:
    return connection_specs.ConnectionSpec(source.connection_spec_id, name, auth or source.auth)


def test_the_id_of_another_source_is_refused() -> None:
    """Else a base connection of Salesforce Marketing Cloud would have PathFactory's name."""
    pathfactory, cloud = find_source("pathfactory"), find_source("salesforce-marketing-cloud")
    with pytest.raises(AepConfigError, match="Salesforce Marketing Cloud's") as caught:
        connection_specs.check_owner(pathfactory, spec(pathfactory, name=cloud.title))
    assert caught.value.message.endswith(
        "sources --live` for names and ids, then set `connection_spec_id` to the right id."
    )
    connection_specs.check_owner(cloud, spec(cloud, name=cloud.title))
    connection_specs.check_owner(pathfactory, spec(pathfactory, name="PathFactory"))
    connection_specs.check_owner(find_source("s3"), spec(find_source("s3"), name="amazon-s3"))


def test_differences_are_named() -> None:
    """The platform goes before the documents, and a warning names the differences."""
    paypal = find_source("paypal")
    assert connection_specs.differences_from_catalogue(paypal, spec(paypal)) == []
    (auth,) = paypal.auth
    properties = {name: {} for name in ("host", "clientId", "more", "region")}
    schema = {"properties": properties, "required": ["host", "clientId", "region"]}
    changed = AuthSpec(auth.name.upper(), schema)
    told = " / ".join(
        connection_specs.differences_from_catalogue(paypal, spec(paypal, changed, AuthSpec("Key")))
    )
    for words in ("is spelled", "has no `clientSecret`", "takes `more`", "needs `host`, `region`", "another"):
        assert words in told
    gone = connection_specs.differences_from_catalogue(paypal, spec(paypal, AuthSpec("Key")))
    assert gone[0] == f"it has no authentication type {auth.name!r}"


@pytest.mark.parametrize(
    "broken",
    [{}, {"authSpec": None}, {"authSpec": [5, {}, {"name": 5}]}, {"authSpec": [{"name": "A", "spec": 5}]},
     {"authSpec": [{"name": "A", "spec": {"required": 5, "properties": []}}]}],
    ids=str,
)  # fmt: skip
def test_an_incomplete_spec_is_read(broken: dict[str, Any]) -> None:
    """The platform's replies are not trusted."""
    for auth in connection_specs.read_connection_spec({"id": "x", **broken}).auth:
        assert (auth.required, auth.parameters) == ((), ())


def test_retired_sources_are_marked() -> None:
    """By Adobe's documents of January 2026. Every message marks such a source."""
    assert {key for key, source in catalogue().items() if source.retired} == RETIRED
    for key in RETIRED:
        assert str(catalogue()[key]).endswith(" (retired)")
        assert "retired by January 2026" in (catalogue()[key].deprecated or "")


def test_a_suggestion_says_that_a_source_is_retired() -> None:
    """A suggestion must not lead to a source that no longer works."""
    with pytest.raises(AepConfigError, match=r"'oracle-db' or .*'oracle-eloqua' \(retired\)"):
        find_source("oracle")


def test_no_deprecated_source_is_recommended() -> None:
    """Only other sources of the same category are."""
    for source in catalogue().values():
        for other in sources.alternatives(source):
            assert other.category == source.category
            assert not any((other.deprecated, other.retired, other.uncertain))
    assert sources.alternatives(Source("", "x", "y")) == []


def test_withdrawn_says_where_to_go() -> None:
    """The source, its deprecation, other sources of its category, and that their data differ."""
    text = str(sources.withdrawn(find_source("paypal"), "prod"))
    for words in ("PayPal", PAYPAL_SPEC, "'prod'", "end of June 2025"):
        assert words in text
    assert (
        "category payments: Stripe (`source='stripe'`), Square (`source='square'`). To use one of them"
        in text
    )
    assert "Marketing Cloud" not in text
    unknown = sources.withdrawn(Source("", "connection spec abc", "abc"), "prod")
    assert "source=" not in str(unknown)


@pytest.mark.skipif(TABLE is None, reason="AEP_SOURCE_SPECS does not name the table of documented sources")
def test_the_catalogue_is_current() -> None:
    """The committed file is what the script makes from the table."""
    assert TABLE is not None
    installed = files("airflow_provider_aep") / "flow_service" / "data" / "sources.json"
    assert source_catalogue.rendered(TABLE) == installed.read_text("utf-8")


@pytest.mark.skipif(TABLE is None, reason="AEP_SOURCE_SPECS does not name the table of documented sources")
def test_every_sentence_belongs_to_the_table() -> None:
    """A sentence whose fragment changed or went away is written again, or removed."""
    rows = TABLE or []
    fragments = {row[column] for row in rows for column in ("note", "deprecated")} - {"", None}
    assert set(source_catalogue.NOTES) - fragments <= {row["source"] for row in rows if not row["note"]}
    assert fragments <= set(source_catalogue.NOTES)


def test_users_read_sentences() -> None:
    """Not fragments of research. An uncertain authentication type always says why."""
    everything = catalogue().values()
    auths = [auth for source in everything for auth in source.auth]
    texts = {text for one in (*everything, *auths) for text in (one.note, one.deprecated) if text}
    assert texts <= set(source_catalogue.NOTES.values())
    for text in texts:
        assert re.fullmatch(r"[A-Z`][^;]+\.", text), text
        assert not re.search(r"@[0-9a-f]{7}|\b[0-9a-f]{8}\b|\bhelp/|as above", text), text
    assert all(auth.note for auth in auths if auth.uncertain)


def test_a_fragment_without_a_sentence_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty text drops it, and a source whose note is empty can have a sentence."""
    monkeypatch.setattr(source_catalogue, "NOTES", {"host = x": "Use x.", "as above": "", "Quiet": "Wait."})
    row = {
        "source": "Quiet", "category": "crm", "connection_spec_id": "x", "auth_spec_name": "Basic",
        "params": [], "optional_params": [], "doc_path": "a.md", "commit": "0", "deprecated": None,
        "confidence": "confirmed", "note": "", "in_flowspec": "",
    }  # fmt: skip
    notes = [{"note": "host = x"}, {"note": "as above"}, {"note": ""}, {"note": "", "deprecated": "host = x"}]
    (source,) = source_catalogue.catalogue([{**row, **note} for note in notes])
    assert [(auth["note"], auth["deprecated"]) for auth in source["auth"]] == [
        ("Use x.", None), ("", None), ("Wait.", None), ("Wait.", "Use x."),
    ]  # fmt: skip
    for column in ("note", "deprecated"):
        with pytest.raises(KeyError, match="new"):
            source_catalogue.catalogue([{**row, column: "new"}])


def test_rows_become_sources() -> None:
    """For the table, and for the stored file."""
    row = {
        "source": "A & B", "category": "crm", "connection_spec_id": "x", "auth_spec_name": "Basic",
        "params": ["host", "password"], "optional_params": ["port"], "doc_path": "help/create/crm/a-b.md",
        "commit": "0123456789abcdef", "deprecated": None, "confidence": "uncertain", "note": "",
        "in_flowspec": "CRMToAEP(newest+old)",
    }  # fmt: skip
    (source,) = source_catalogue.catalogue([row, {**row, "auth_spec_name": "Key"}])
    data = files("airflow_provider_aep") / "flow_service" / "data" / "sources.json"
    stored = json.loads(data.read_text("utf-8"))
    assert source.keys() == stored[0].keys()
    assert source["auth"][0].keys() == stored[0]["auth"][0].keys()
    assert (source["key"], source["flow_spec"], len(source["auth"])) == ("a-b", "CRMToAEP", 2)
    assert source["auth"][0]["secret"] == ["password"]
    assert source["auth"][0]["document"] == "help/create/crm/a-b.md@0123456789ab"


def test_the_catalogue_knows_an_authentication_type() -> None:
    """In any spelling. Without a name, whether it knows any."""
    paypal, (auth,) = find_source("paypal"), find_source("paypal").auth
    assert paypal.knows(auth.name.upper())
    assert not paypal.knows("Another")
    assert paypal.knows(None)
    assert not Source("", "x", "y").knows(None)
    assert str(AuthSpec("a")) == "a"


def test_an_empty_name_from_a_template_is_ignored() -> None:
    """Only the id counts then."""
    square = find_source("square")
    for name in (None, "", "None", "paypal"):
        assert sources.choose_source(name, square.connection_spec_id) == square


def test_refusals_name_their_parameter() -> None:
    """The author of the DAG must find it."""
    pathfactory = find_source("pathfactory")
    cloud = find_source("salesforce-marketing-cloud").title
    for refuse in (
        lambda: sources.choose_source("data-landing-zone"),
        lambda: connection_specs.check_owner(pathfactory, spec(pathfactory, name=cloud)),
    ):
        with pytest.raises(AepConfigError) as caught:
            refuse()
        assert caught.value.parameter == "source"


def test_every_difference_is_named() -> None:
    """An authentication type that is gone does not hide a change of the next."""
    one, two = AuthSpec("One"), AuthSpec("Two", {"properties": {"a": {}}})
    source = Source("x", "X", "y", auth=(one, two))
    found = connection_specs.differences_from_catalogue(source, spec(source, AuthSpec("Two")))
    assert found == ["it has no authentication type 'One'", "'Two' has no `a`"]


def test_a_parameter_that_is_no_longer_required_is_a_difference() -> None:
    """The catalogue asks for it, and the platform does not."""
    properties = {"properties": {"a": {}, "b": {}}}
    source = Source("x", "X", "y", auth=(AuthSpec("One", {**properties, "required": ["a", "b"]}),))
    now = AuthSpec("One", {**properties, "required": ["b"]})
    assert connection_specs.differences_from_catalogue(source, spec(source, now)) == [
        "'One' does not require `a`"
    ]


def test_each_row_of_the_catalogue_is_read_whole() -> None:
    """A DAG is checked against all that a document says about a source."""
    package = files("airflow_provider_aep.flow_service")
    rows = json.loads((package / "data" / "sources.json").read_text("utf-8"))
    catalogue.cache_clear()
    assert list(catalogue()) == [row["key"] for row in rows]
    for row, source in zip(rows, catalogue().values(), strict=True):
        keys = ("title", "connection_spec_id", "category", "flow_spec", "alias", "note", "document")
        assert [getattr(source, key) for key in keys] == [row.get(key, "") for key in keys]
        for way, auth in zip(row["auth"], source.auth, strict=True):
            plain = ("name", "confidence", "deprecated", "retired", "note", "document")
            assert [getattr(auth, key) for key in plain] == [way[key] for key in plain]
            assert list(auth.required) == way["required"]
            assert list(auth.parameters) == [*way["required"], *way["optional"]]
            for name, schema in auth.properties.items():
                secret = {"format": "password"} if name in way["secret"] else {}
                default = {"default": way["defaults"][name]} if name in way["defaults"] else {}
                types = {"type": ["string", "number", "boolean"], "minLength": 1}
                assert schema == {**types, **secret, **default}
