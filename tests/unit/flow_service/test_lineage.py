"""Origins of fields, and names of source objects: what AEP shows, and nothing guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.emulator.mapping import Node, parse_expression
from airflow_provider_aep.flow_service.lineage import (
    Origin,
    columns_in,
    has_rule,
    object_of,
    origins_of,
    source_columns,
    source_name,
)


@pytest.mark.parametrize(
    ("expression", "columns"),
    [
        ("concat(first, ' ', last)", ["first", "last"]),
        ("upper( trim(name) )", ["name"]),
        ('"EUR"', []),
        ("now()", []),
        ("42.5", []),
        ("price * 100 + -tax / 2", ["price", "tax"]),
        ("f(country == 'DE' && !closed, name.first, null)", ["country", "closed", "name.first"]),
        ("a >= 1 or not b ? c : d", ["a", "b", "c", "d"]),
        ("explode(tags, ',')[0]", ["tags"]),
        ("orders[*].id", ["orders[*].id"]),
        ("${First Name}", ["${First Name}"]),
        (r"lower(${a\.b}.c)", [r"${a\.b}.c"]),
        ("'it\\'s (not) a.column'", []),
        ("größe", ["größe"]),
        ("[a, b]", ["a", "b"]),
        ("iif(a, b, decode(c, d, e, f))", ["a", "b", "c", "d", "e", "f"]),
        ("nvl(true, a)", ["a"]),
    ],
)
def test_lineage_reads_the_columns_of_an_expression(expression: str, columns: list[str]) -> None:
    """Texts, numbers, functions and operators are no columns."""
    assert [path for path, _ in columns_in(expression) or ()] == columns


@pytest.mark.parametrize(
    ("expression", "deciding"),
    [
        ("iif(a == 'x', b, c)", "a"),
        ("concat(iif(upper(a) == b && c, d, e), f)", "a b c"),
        ("iif(iif(a, b, c), d, e)", "a b c"),
        ("iif(a ? b : c, d, e)", "a b c"),
        ("iif(a, iif(b, c, d), e)", "a b"),
        ("iif(a, b, a)", ""),
        ("iif(a[b], c, d)", "a b"),
        ("decode(a, 'x', b, c)", "a"),
        ("decode(a, b, c, d, e)", "a b d"),
        ("decode(a, b, c, d, e, f)", "a b d"),
        ("a + b > 1 ? c : d", "a b"),
        ("a ? b : c ? d : e", "a c"),
        ("a ? b ? c : d : e", "a b"),
        ("f(a, b ? c : d, e)", "b"),
        ("a + (b ? c : d)", "b"),
        ("a ?: b", ""),
        ("a ?? b", ""),
        ("coalesce(a, b)", ""),
        ("a == b", ""),
        ("f(iif(a, b, c), d ? e : f)", "a d"),
    ],
)
def test_lineage_knows_the_columns_that_only_decide(expression: str, deciding: str) -> None:
    """A condition gives no part of the value. A column that is also taken does."""
    [[origin]] = origins([("EXPRESSION", expression, "f")]).values()
    assert origin.known
    assert " ".join(origin.deciding) == deciding


@pytest.mark.parametrize(
    "expression",
    [
        "a b", "name.trim()", "x = 1", "a; b", "for (x : list) x", "new Date()", "x -> x + 1", "a &", '"open',
        "{'a': b}", "f(a).b", "_errors", "", "a +", "if (a) b", "size(a) b", "@a", "empty a",
    ],
)  # fmt: skip
def test_lineage_of_an_expression_that_is_not_understood_is_unknown(expression: str) -> None:
    """A part that is not understood could hide a column, or be a variable."""
    assert columns_in(expression) is None
    shown = origins_of({"mappings": [{"sourceType": "EXPRESSION", "source": expression, "destination": "f"}]})
    assert shown == {"f": (Origin(expression=expression, known=False),)}


NAMES = st.sampled_from(["a", "b.c", "Product_Id", "_x", "und"])
EXPRESSIONS: st.SearchStrategy[str] = st.recursive(
    NAMES | st.sampled_from(['"text (a)"', "'b, c'", "17"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"concat({' , '.join(parts)})"),
)


@given(EXPRESSIONS)
def test_lineage_agrees_with_the_evaluation_of_expressions(expression: str) -> None:
    """The emulator, which evaluates them, finds the same columns by a parser of its own."""

    def used(node: Node) -> list[str]:
        below = [name for part in node.parts for name in used(part)]
        return [node.value, *below] if node.kind == "column" else below

    assert columns_in(expression) == [(name, False) for name in used(parse_expression(expression))]


def origins(
    rows: list[tuple[Any, Any, Any]], *columns: str, fields: tuple[str, ...] = ()
) -> dict[str, tuple[Origin, ...]]:
    keys = ("sourceType", "source", "destination")
    return origins_of({"mappings": [dict(zip(keys, row, strict=True)) for row in rows]}, columns, fields)


def test_lineage_knows_each_kind_of_mapping() -> None:
    """Direct, renamed, calculated and constant, in the words of either document."""
    rows = [
        ("ATTRIBUTE", "id", "_acme.id"),
        ("text/x.schema-path", "mail", "_acme.email"),
        ("EXPRESSION", "concat(first, last)", "_acme.name"),
        ("text/x.aep-xl", "'EUR'", "_acme.currency"),
        (None, "plain", "_acme.plain"),
        (None, "lower(plain)", "_acme.lower"),
        ("LOOKUP", "other", "_acme.other"),
    ]
    assert origins(rows) == {
        "_acme.id": (Origin(("id",)),),
        "_acme.email": (Origin(("mail",)),),
        "_acme.name": (Origin(("first", "last"), "concat(first, last)"),),
        "_acme.currency": (Origin((), "'EUR'"),),
        "_acme.plain": (Origin(("plain",)),),
        "_acme.lower": (Origin(("plain",), "lower(plain)"),),
        "_acme.other": (Origin(expression="other", known=False),),
    }
    assert origins([("ATTRIBUTE", "id", None), ("ATTRIBUTE", None, "f"), ("ATTRIBUTE", "id", "")]) == {}
    older = {"mappings": [{"sourceAttribute": "id", "destinationXdmPath": "_acme.id"}, {"version": 0}]}
    assert origins_of(older) == {"_acme.id": (Origin(("id",)),)}
    assert origins_of({}) == {}


def test_lineage_compares_expressions_with_the_columns_of_the_source() -> None:
    """An object means its parts, a part means the object. A name without a column makes all unknown."""
    columns = ("name.first", "name.last", "order", "order.items", "First.Name", "a.b", "tags")
    rows = [
        ("EXPRESSION", "to_json(name)", "object"),
        ("EXPRESSION", "order.items[0].id", "part"),
        ("ATTRIBUTE", "tags[*]", "index"),
        ("EXPRESSION", r"upper(${First\.Name})", "escaped"),
        ("EXPRESSION", "concat(order, typo)", "wrong"),
        ("ATTRIBUTE", "a.b", "direct"),
        ("ATTRIBUTE", "later", "missing"),
    ]
    found = origins(rows, *columns)
    assert {path: one.columns for path, [one] in found.items()} == {
        "object": ("name.first", "name.last"),
        "part": ("order.items",),
        "index": ("tags",),
        "escaped": ("First.Name",),
        "wrong": (),
        "direct": ("a.b",),
        "missing": ("later",),
    }
    assert [path for path, [one] in found.items() if not one.known] == ["wrong"]


def test_lineage_names_the_fields_of_the_schema() -> None:
    """A target in an array or a map is a part of a field, an object is its fields. No schema: the same."""
    rows = [
        ("ATTRIBUTE", "sku", "_acme.items[*].sku"),
        ("EXPRESSION", "concat(sku, name)", "_acme.items[*].name"),
        ("ATTRIBUTE", "de", "_acme.labels.de"),
        ("ATTRIBUTE", "tags", "_acme.tags"),
        ("ATTRIBUTE", "first", "_acme.tags[0]"),
        ("ATTRIBUTE", "address", "_acme.address"),
        ("ATTRIBUTE", "other", "_acme.items2"),
    ]
    fields = ("_acme.items", "_acme.labels", "_acme.tags", "_acme.address.city", "_acme.address.street")
    address = (Origin(("address",), "_acme.address: address"),)
    expected = {
        "_acme.items": (
            Origin(("sku",), "_acme.items[*].sku: sku"),
            Origin(("sku", "name"), "_acme.items[*].name: concat(sku, name)"),
        ),
        "_acme.labels": (Origin(("de",), "_acme.labels.de: de"),),
        "_acme.tags": (Origin(("tags",)), Origin(("first",), "_acme.tags[0]: first")),
        "_acme.address.city": address,
        "_acme.address.street": address,
        "_acme.items2": (Origin(("other",)),),
    }
    found = origins(rows, fields=fields)
    assert found == expected
    assert origins(rows)["_acme.items"] == expected["_acme.items"]


def test_lineage_keeps_both_mappings_of_one_field() -> None:
    """The last one does not win. The same mapping counts once."""
    rows = [("ATTRIBUTE", "a", "f"), ("EXPRESSION", "upper(b)", "f"), ("ATTRIBUTE", "a", "f")]
    assert origins(rows) == {"f": (Origin(("a",)), Origin(("b",), "upper(b)"))}


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("sha256(concat(email, 'pepper'))", "sha256(concat(email, '***'))"),
        ('aes_encrypt(email, "k\\"ey")', "aes_encrypt(email, '***')"),
        ("concat('jdbc:x;password=hunter22;', a)", "concat('***', a)"),
        ("sha256(concat(email, ${it's}, 'pepper'))", "sha256(concat(email, ${it's}, '***'))"),
    ],
)
def test_lineage_shows_no_secret_of_an_expression(expression: str, shown: str) -> None:
    """The salt of a hash, a key, and what may be a password."""
    [[origin]] = origins([("EXPRESSION", expression, "f")]).values()
    assert origin.expression == shown
    assert origin.columns in (("email",), ("a",), ("email", "it's"))
    assert origin.masks is ("email" in expression)


def test_lineage_hides_a_text_without_an_end() -> None:
    """It is not understood, and it can be the salt of a hash."""
    [[origin]] = origins([("EXPRESSION", "sha256(concat(email, 'pepper))", "f")]).values()
    assert origin == Origin(expression="sha256(concat(email, '***'", known=False, masks=True)


def test_lineage_of_a_column_written_as_an_expression_is_a_copy() -> None:
    """The type of the mapping changes nothing."""
    assert origins([("EXPRESSION", " id ", "f")]) == {"f": (Origin(("id",)),)}
    assert origins([("ATTRIBUTE", r"first\.name", "f")], "id") == {"f": (Origin(("first.name",)),)}


SERVER = {"server": "db.example.com", "database": "shop", "username": "******", "password": "******"}
REDSHIFT = "Analytics.abc123.eu-west-1.redshift.amazonaws.com:5440"


@pytest.mark.parametrize(
    ("source", "shown", "read", "namespace", "name"),
    [
        ("amazon-s3", {"bucketName": "lake"}, "/lake/orders/*.csv", "s3://lake", "orders"),
        ("amazon-s3", {"bucketName": "lake"}, "/orders/one.csv", "s3://lake", "orders/one.csv"),
        ("amazon-s3", {"bucketName": "lake", "folderPath": "in"}, "/lake/in/a.csv", "s3://lake", "in/a.csv"),
        ("amazon-s3", {"bucketName": "lake"}, "/lake/", "s3://lake", "/"),
        ("google-cloud-storage", {"bucketName": "lake"}, "lake/orders/", "gs://lake", "orders"),
        ("google-bigquery", {"project": "acme-1"}, "sales.orders", "bigquery", "acme-1.sales.orders"),
        ("google-bigquery", {"project": "acme-1"}, "acme-1.sales.orders", "bigquery", "acme-1.sales.orders"),
        ("postgresql", SERVER, "public.orders", "postgres://db.example.com:5432", "shop.public.orders"),
        ("postgresql", {**SERVER, "port": 6432}, "shop.public.orders", "postgres://db.example.com:6432",
         "shop.public.orders"),
        ("mysql", {**SERVER, "server": "DB.example.com:3307"}, "orders", "mysql://db.example.com:3307",
         "shop.orders"),
        ("mysql", {**SERVER, "port": "none"}, "orders", "mysql://db.example.com:3306", "shop.orders"),
        ("amazon-s3", {"bucketName": "lake"}, "/X/*.csv", "s3://lake", "X"),
        ("snowflake", {"account": "acme-eu", "database": "A"}, "SHOP.PUBLIC.ORDERS", "snowflake://acme-eu",
         "SHOP.PUBLIC.ORDERS"),
        ("amazon-s3", {"bucketName": "lake"}, "/a/*/b/*.csv", "s3://lake", "a"),
        ("amazon-s3", {"bucketName": "X-lake", "folderPath": "/X/"}, "/X/b", "s3://X-lake", "X/b"),
        ("snowflake", {"account": "acme-eu.snowflakecomputing.com", "database": "SHOP"}, "PUBLIC.ORDERS",
         "snowflake://acme-eu", "SHOP.PUBLIC.ORDERS"),
        ("amazon-redshift", {"server": REDSHIFT.partition(":")[0], "database": "shop"}, "public.orders",
         "redshift://analytics.eu-west-1:5439", "shop.public.orders"),
        ("amazon-redshift", {"host": REDSHIFT, "port": 5439, "database": "shop"}, "public.orders",
         "redshift://analytics.eu-west-1:5440", "shop.public.orders"),
        ("mysql", SERVER, "shop.orders", "mysql://db.example.com:3306", "shop.orders"),
        ("ibm-db2", SERVER, "main.orders", "db2://db.example.com:50000", "shop.main.orders"),
        ("azure-synapse-analytics", {**SERVER, "server": "tcp:x.sql.azuresynapse.net,1433"}, "dbo.orders",
         "sqlserver://x.sql.azuresynapse.net:1433", "dbo.orders"),
        ("apache-cassandra", {"host": "c1", "port": "9043"}, "shop.orders", "cassandra://c1:9043",
         "shop.orders"),
        ("amazon-redshift", {"server": REDSHIFT, "database": "shop"}, "public.orders",
         "redshift://analytics.eu-west-1:5440", "shop.public.orders"),
        ("snowflake", {"account": "acme-eu", "database": "SHOP"}, "PUBLIC.ORDERS", "snowflake://acme-eu",
         "SHOP.PUBLIC.ORDERS"),
        ("snowflake-streaming", {"account": "acme-eu", "database": "SHOP", "schema": "RAW"}, "ORDERS",
         "snowflake://acme-eu", "SHOP.RAW.ORDERS"),
        ("azure-data-explorer", {"endpoint": "https://c.eu.kusto.windows.net", "database": "shop"}, "orders",
         "azurekusto://c.eu.kusto.windows.net", "shop/orders"),
        ("sftp", {"host": "files.example.com"}, "/in/orders/", "file://files.example.com", "/in/orders"),
    ],
)  # fmt: skip
def test_lineage_names_a_source_by_openlineages_rules(
    source: str, shown: dict[str, Any], read: str, namespace: str, name: str
) -> None:
    """The rule is the class of OpenLineage's own client."""
    from openlineage.client.naming import dataset

    found = source_name(source, shown, read)
    assert has_rule(source)
    assert found is not None
    rule = getattr(dataset, found.rule)(**found.parts)
    assert (rule.get_namespace(), rule.get_name()) == (namespace, name)


@pytest.mark.parametrize(
    ("source", "shown", "read"),
    [
        ("paypal", {"host": "api.paypal.com"}, "PayPal.Catalog_Products"),
        ("amazon-s3", {"bucketName": "******"}, "/orders/"),
        ("amazon-s3", {}, "/lake/orders/"),
        ("amazon-s3", {"bucketName": "lake", "folderPath": "in"}, "/orders/"),
        ("amazon-s3", {"bucketName": "lake", "serviceUrl": "https://minio.example.com"}, "/orders/"),
        ("google-bigquery", {"project": "acme-1"}, "orders"),
        ("google-bigquery", {"project": "acme-1"}, "other.sales.orders"),
        ("postgresql", {"connectionString": "******"}, "public.orders"),
        ("postgresql", SERVER, "orders"),
        ("postgresql", SERVER, "other.public.orders"),
        ("postgresql", {**SERVER, "database": None}, "public.orders"),
        ("postgresql", {**SERVER, "server": "user:pw@db"}, "public.orders"),
        ("postgresql", SERVER, "public.or'ders"),
        ("mysql", SERVER, "or'ders"),
        ("azure-data-explorer", {"endpoint": "https://c.kusto.windows.net", "database": "shop"}, "or'ders"),
        ("snowflake", {"account": "acme-eu", "database": "SHOP"}, "OTHER.SHOP.PUBLIC.ORDERS"),
        ("amazon-redshift", {"server": "proxy.example.com", "database": "shop"}, "public.orders"),
        ("snowflake", {"account": "xy12345.eu-west-1", "database": "SHOP"}, "PUBLIC.ORDERS"),
        ("snowflake", {"account": "acme-eu"}, "ORDERS"),
        ("azure-data-explorer", {"endpoint": "https://c.example.com", "database": "shop"}, "orders"),
        (
            "azure-data-explorer",
            {"endpoint": "https://c.kusto.windows.net", "database": "shop"},
            "other.orders",
        ),
        ("sftp", {"host": "files.example.com"}, "orders"),
    ],
)
def test_lineage_guesses_no_name(source: str, shown: dict[str, Any], read: str) -> None:
    """Without a rule, with a masked address, or with a name that does not say which table it is."""
    assert source_name(source, shown, read) is None
    assert has_rule(source) == (source != "paypal")


def test_lineage_reads_a_source_connection() -> None:
    """Its object and columns, whatever AEP shows of them."""
    columns = [{"name": "id", "type": "string"}, {"name": "at"}, {"type": "no name"}, "odd"]
    shown = {"params": {"tableName": "orders", "columns": columns}}
    assert (object_of(shown), source_columns(shown)) == ("orders", {"id": "string", "at": None})
    others = [{"path": "/a"}, {"resourcePath": "/b"}, {"x": 1}, None]
    assert [object_of({"params": one}) for one in others] == ["/a", "/b", None, None]
    assert source_columns({"params": json.loads("{}")}) == {}
