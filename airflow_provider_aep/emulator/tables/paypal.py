"""PayPal's tables: the four that Adobe's tutorial names, each with a few hundred rows.

`Catalog_Products` has exactly the documented columns. The others have columns of PayPal's own
billing plans, as no document of Adobe's shows theirs; each has date-times for delta loads.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache
from random import Random

from airflow_provider_aep.emulator.tables.table import Row, Table

START = datetime(2024, 1, 8, 9, 0, tzinfo=timezone.utc)
ADJECTIVES = (
    "Alpine",
    "Coastal",
    "Copper",
    "Evening",
    "Granite",
    "Harbour",
    "Juniper",
    "Maple",
    "Northern",
    "Velvet",
)
GOODS = (
    ("coffee subscription", "Two bags of freshly roasted beans each month"),
    ("yoga class", "Weekly live class with an archive of recordings"),
    ("photo storage", "Room for photographs, with a copy kept in a second region"),
    ("meal box", "Three meals with measured ingredients, delivered chilled"),
    ("music lessons", "Online lessons with a teacher, four a month"),
    ("tea selection", "Six teas of the season with brewing notes"),
    ("running shoes", "Cushioned shoes for roads and parks"),
    ("desk lamp", "Dimmable lamp with a weighted foot"),
)
PLAN_STATES = ("ACTIVE", "ACTIVE", "ACTIVE", "CREATED", "INACTIVE")
CURRENCIES = ("USD", "EUR", "GBP")


@cache
def tables() -> dict[str, Table]:
    """Return the tables by path, in the order of the tutorial. The rows are always the same."""
    plans = _plans(240)
    definitions = _definitions(plans)
    models = _charge_models(definitions)
    found = (
        _table("Billing_Plans", PLAN, plans, "P-"),
        _table("Billing_Plans_Payment_Definition", DEFINITION, definitions, "PD-"),
        _table("Billing_Plans_Payment_Definition_Charge_Models", CHARGE_MODEL, models, "CHM-"),
        _table("Catalog_Products", PRODUCT, _products(320), "PROD-"),
    )
    return {table.name: table for table in found}


def _table(name: str, kinds: dict[str, str], rows: list[Row], prefix: str) -> Table:
    return Table(f"PayPal.{name}", kinds, tuple(rows), lambda _n, rng: _id(prefix, rng))


PRODUCT = {
    "Product_Id": "string",
    "Product_Name": "string",
    "Description": "string",
    "Create_Time": "date-time",
}
PLAN = {
    "Id": "string",
    "Name": "string",
    "Description": "string",
    "Type": "string",
    "State": "string",
    "Create_Time": "date-time",
    "Update_Time": "date-time",
}
DEFINITION = {
    "Id": "string",
    "Plan_Id": "string",
    "Name": "string",
    "Type": "string",
    "Frequency": "string",
    "Frequency_Interval": "integer",
    "Cycles": "integer",
    "Amount_Currency": "string",
    "Amount_Value": "double",
    "Update_Time": "date-time",
}
CHARGE_MODEL = {
    "Id": "string",
    "Payment_Definition_Id": "string",
    "Type": "string",
    "Amount_Currency": "string",
    "Amount_Value": "double",
    "Update_Time": "date-time",
}


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _id(prefix: str, rng: Random) -> str:
    return prefix + "".join(rng.choices("0123456789ABCDEFGHJKLMNPRSTUVWXY", k=17))


def _offer(rng: Random) -> tuple[str, str]:
    name, text = rng.choice(GOODS)
    return f"{rng.choice(ADJECTIVES)} {name}", text


def _products(count: int) -> list[Row]:
    rng = Random(1)  # noqa: S311 - the same rows every time is the point
    rows, at = [], START
    for _ in range(count):
        at += timedelta(minutes=rng.randint(60, 4000))
        name, text = _offer(rng)
        rows.append(
            {
                "Product_Id": _id("PROD-", rng),
                "Product_Name": name,
                "Description": text,
                "Create_Time": _time(at),
            }
        )
    return rows


def _plans(count: int) -> list[Row]:
    rng = Random(2)  # noqa: S311
    rows, at = [], START
    for _ in range(count):
        at += timedelta(minutes=rng.randint(120, 5000))
        name, text = _offer(rng)
        rows.append(
            {
                "Id": _id("P-", rng),
                "Name": f"{name}, {rng.choice(('monthly', 'yearly'))}",
                "Description": text,
                "Type": rng.choice(("FIXED", "INFINITE")),
                "State": rng.choice(PLAN_STATES),
                "Create_Time": _time(at),
                "Update_Time": _time(at + timedelta(hours=rng.randint(0, 900))),
            }
        )
    return rows


def _definitions(plans: list[Row]) -> list[Row]:
    """Return a regular payment for each plan, and a trial for some."""
    rng = Random(3)  # noqa: S311
    rows = []
    for plan in plans:
        kinds = ("TRIAL", "REGULAR") if rng.random() < 0.3 else ("REGULAR",)
        currency = rng.choice(CURRENCIES)
        yearly = plan["Name"].endswith("yearly")
        for kind in kinds:
            trial = kind == "TRIAL"
            price = 0.0 if trial else rng.randint(4, 90) + 0.99
            rows.append(
                {
                    "Id": _id("PD-", rng),
                    "Plan_Id": plan["Id"],
                    "Name": "Free trial" if trial else "Regular payments",
                    "Type": kind,
                    "Frequency": "MONTH" if trial or not yearly else "YEAR",
                    "Frequency_Interval": 1,
                    "Cycles": 1 if trial else (12 if plan["Type"] == "FIXED" else 0),
                    "Amount_Currency": currency,
                    "Amount_Value": price,
                    "Update_Time": plan["Update_Time"],
                }
            )
    return rows


def _charge_models(definitions: list[Row]) -> list[Row]:
    """Return tax for every payment that is not free, and shipping for some."""
    rng = Random(4)  # noqa: S311
    rows = []
    for definition in definitions:
        price = definition["Amount_Value"]
        if not price:
            continue
        charges = {"TAX": round(price * 0.19, 2)}
        if rng.random() < 0.4:
            charges["SHIPPING"] = 4.5
        for kind, value in charges.items():
            rows.append(
                {
                    "Id": _id("CHM-", rng),
                    "Payment_Definition_Id": definition["Id"],
                    "Type": kind,
                    "Amount_Currency": definition["Amount_Currency"],
                    "Amount_Value": value,
                    "Update_Time": definition["Update_Time"],
                }
            )
    return rows
