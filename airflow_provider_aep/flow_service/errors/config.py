"""A parameter or a setting is wrong."""

from __future__ import annotations

from airflow_provider_aep.flow_service.errors.base import AepError


class AepConfigError(AepError):
    """A parameter or a connection's setting is wrong. ``parameter`` names it as the user wrote it."""

    stable_code = "AEP-E100"
    what = "A parameter of the task was not taken."
    why = "It is missing, of a wrong type or form, or does not fit what stands on the platform."
    todo = "Correct the parameter that the message names, in the DAG or in what its template rendered to."

    def __init__(self, message: str, *, parameter: str | None = None, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]
        self.parameter = parameter

    def __str__(self) -> str:
        which = f"`{self.parameter}`" if self.parameter else "it"
        return f"{self.message} Correct {which} and try again. [{self.stable_code}]"


class ConnectionSettingError(AepConfigError):
    """A setting of an Airflow connection of type ``aep`` is missing or wrong."""

    stable_code = "AEP-E101"
    what = "The Airflow connection to Adobe Experience Platform cannot be used."
    why = "A setting of it is missing or malformed; the message names it as it is stored."
    todo = "Correct the setting in Airflow's connection of type `aep`, then press *Test* there."


class ConnectionMissingError(AepConfigError):
    """There is no Airflow connection of this id, or Airflow cannot look it up."""

    stable_code = "AEP-E102"
    what = "An Airflow connection was not found."
    why = "There is none of this id, or Airflow's database or secrets backend could not be asked."
    todo = "Add the connection, or pass the id of one that there is, in the parameter that the message names."


class SourceCredentialsError(AepConfigError):
    """What the source's Airflow connection holds fits no way to authenticate, or several."""

    stable_code = "AEP-E103"
    what = "The source's credentials were not sent to the platform."
    why = (
        "What the source's Airflow connection holds is incomplete, malformed, or fits none or several of the "
        "ways in which the source authenticates."
    )
    todo = (
        "Complete that Airflow connection, or say the way by `auth_spec`. `python -m airflow_provider_aep "
        "sources NAME` shows what a source needs."
    )
