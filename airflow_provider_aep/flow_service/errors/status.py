"""Adobe answered, and said no."""

from __future__ import annotations

from airflow_provider_aep.flow_service.errors.base import AepError


class AepStatusError(AepError):
    """Adobe answered with an error status."""

    stable_code = "AEP-E300"
    what = "Adobe answered a request with an error."
    why = "The reply's status, code and words are in the message."
    todo = "Do what the message says to Adobe's code; give Adobe's support the request id."


class AepRequestError(AepStatusError):
    """The request is wrong as it stands (400, 422 and the like)."""

    stable_code = "AEP-E301"
    what = "Adobe refused a request as wrong (400, 422 and the like)."
    why = "A value in it is not what the platform takes, or does not fit what stands there."
    todo = "Correct what the message names. The same request will be refused again."


class ChangeUnsupportedError(AepRequestError):
    """The source's connector does not let a base connection be changed (1300-400, 1445-400)."""

    stable_code = "AEP-E302"
    what = "The base connection was not changed."
    why = "The source's connector does not let a base connection be changed."
    todo = (
        "Create another base connection with the new credentials, under another `name`, and upon it source "
        "connection, target connection and dataflow anew; disable the old dataflow first."
    )


class AepAuthError(AepStatusError):
    """The credential or its token was refused (401, or an error of IMS)."""

    stable_code = "AEP-E303"
    what = "The credential of the AEP connection was refused, by IMS or by the service (401)."
    why = "Client ID, client secret or `scopes` are wrong, or the credential was deleted or never entitled."
    todo = (
        "Compare `login`, `password`, `org_id` and `scopes` of the AEP connection with the OAuth "
        "Server-to-Server credential in the Developer Console."
    )


class AepPermissionError(AepStatusError):
    """The credential may not do this here (403)."""

    stable_code = "AEP-E304"
    what = "Adobe knows the credential, and does not let it do this (403)."
    why = "No role that holds the credential has the permission in this sandbox."
    todo = "In AEP's Permissions, add what the message names to a role that holds the credential."


class AepNotFoundError(AepStatusError):
    """There is no such thing, or the credential may not see it (404)."""

    stable_code = "AEP-E305"
    what = "Adobe does not find what the request is about (404)."
    why = "It was deleted, stands in another sandbox or organization, or the credential may not see it."
    todo = "Check the id and `sandbox`, then the credential's permissions."


class AepVersionError(AepStatusError):
    """The etag sent is not the current one (412)."""

    stable_code = "AEP-E306"
    what = "A change was refused, since it was made from an older version (412)."
    why = "Somebody else changed the entity meanwhile, again and again."
    todo = "See in AEP who else changes it, then run the task again."


class AepThrottledError(AepStatusError):
    """Too many requests (429)."""

    stable_code = "AEP-E307"
    what = "Adobe refused a request, since there were too many (429)."
    why = "The organization's rate is used up, by this DAG or by others."
    todo = "Let Airflow retry, after the time that Adobe asked for. Put tasks that run at a time into a pool."

    default_retryable = True
    may_have_happened = True


class AepServerError(AepStatusError):
    """The service failed (5xx)."""

    stable_code = "AEP-E308"
    what = "Adobe's service failed (5xx)."
    why = "It is overloaded or out of order; whether the effect stands is not known."
    todo = "Let Airflow retry. If it stays, look at status.adobe.com and give Adobe's support the request id."

    default_retryable = True
    may_have_happened = True
