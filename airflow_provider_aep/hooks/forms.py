"""The connection forms for Airflow 3.1, read from the provider info: it stays the one declaration."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.get_provider_info import CONNECTION_TYPES


def _declared(connection_type: str) -> dict[str, Any]:
    return next(one for one in CONNECTION_TYPES if one["connection-type"] == connection_type)


def form_behaviour(connection_type: str) -> dict[str, Any]:
    """Hidden fields, labels and placeholders, spelled as the legacy hook method must spell them."""
    declared = _declared(connection_type)["ui-field-behaviour"]
    return {
        "hidden_fields": list(declared["hidden-fields"]),
        "relabeling": dict(declared["relabeling"]),
        "placeholders": dict(declared["placeholders"]),
    }


def form_widgets(connection_type: str) -> dict[str, Any]:
    """The extra fields as WTForms fields, which Airflow's server mocks where WTForms is not installed."""
    from wtforms import IntegerField, StringField  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from wtforms.validators import Optional  # type: ignore[import-not-found,import-untyped,unused-ignore]

    widgets = {}
    for name, field in _declared(connection_type).get("conn-fields", {}).items():
        types = field["schema"]["type"]
        kind = IntegerField if "number" in types else StringField
        widgets[name] = kind(
            field["label"],
            description=field["description"],
            default=field["schema"].get("default"),
            validators=[Optional()] if "null" in types else [],
        )
    return widgets
