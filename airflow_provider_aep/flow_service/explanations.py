"""Explain Adobe's error codes to the person on call: the likely cause, and the fix.

Sources: the API gateway's list in Adobe's troubleshooting guide, the Flow Service error catalogue, Schema
Registry's troubleshooting guide, and the error bodies of IMS. :func:`explain` fills in ``{sandbox}`` and
``{permissions}``.
"""

from __future__ import annotations

FOR_SOURCES = "*View Sources* and *Manage Sources*"
FOR_SCHEMAS = "*View Schemas* and *Manage Schemas*"
FOR_DATASETS = "*View Datasets* and *Manage Datasets*"
FOR_MAPPINGS = "*Manage Sources* and *View Schemas*"
"""The permissions of each service, by Adobe's access control overview.

It names no permission of Data Prep. A mapping set is part of a source's dataflow, and refers to a schema.
"""

_DENIED = (
    "The credential may not do this in sandbox '{sandbox}'. In AEP's Permissions, add {permissions} to a "
    "role that holds this credential"
)

_UNCHANGEABLE = (
    "A connection of this source cannot be changed. Disable the old dataflow first, or records arrive twice. "
    "Then create another base connection with the new credentials and another `name`, and with it a new "
    "source connection, target connection and dataflow. An existing dataflow cannot change its connections"
)

_UNSEEN = (
    "It was deleted, or the credential may not see it. Check the id, `sandbox` and the credential's "
    "permissions"
)

_WRONG = "The request is invalid. Correct what Adobe's message names. A retry cannot help"

GATEWAY = {
    "403010": "The access token did not arrive. A proxy between Airflow and Adobe may remove the "
    "Authorization header: let it pass for `host`",
    "401013": "The access token is invalid or has expired. If a new token is refused too, check in the "
    "Developer Console that the credential still exists and belongs to the organization in `org_id`",
    "403000": "The API key did not arrive. Set it as the client ID (`login`) of the AEP connection",
    "403003": "The client ID (`login`) is unknown as an API key. Copy it from the Developer Console and "
    "check that the project has the *Experience Platform API* added",
    "400003": "The organization did not arrive. Set `org_id` of the AEP connection",
    "403025": "The credential is not entitled for the organization in `org_id`. Check `org_id`, and add the "
    "credential to an AEP product profile in the Admin Console",
    "403027": "The organization in `org_id` is malformed, or the credential has no product profile. Check "
    "both. An organization ID has the form 0123456789ABCDEF01234567@AdobeOrg",
    "429050": "Adobe's gateway limits the rate of requests. Run fewer tasks at a time, with an Airflow pool",
}

FLOW = {
    "1100-400": "The organization may not be entitled to this source. Ask Adobe, or use another source",
    "1308-400": "The source refused the request, for the reason in Adobe's message. If the message names a "
    "table, file or folder, check that it exists. Else check the credentials in the source's Airflow "
    "connection, and that the source accepts requests from Adobe",
    "1360-400": "The dataflow's start has passed. Set `start` in `schedule` to a time in the future, or "
    "leave it out to start now",
    "1403-400": "The update was sent without an etag. Run the task again",
    "1404-412": "Somebody else changed the entity at the same time. Run the task again",
    "1413-400": "The platform no longer offers this source, or does not offer it to this organization. "
    "Adobe announced the deprecation of its PayPal source for June 2025. Use another source",
    "1415-400": "The source has no authentication type of this name. Check `auth_spec`",
    "1416-400": "An entity can be changed or deleted only while it is enabled, disabled or initializing. Try "
    "again later",
    "1417-400": "The entity is still being set up. Try again later",
    "1418-400": "A dataflow uses this base connection. Delete the dataflow first, then its source connection",
    "1439-400": _UNSEEN,
    "1445-400": _UNCHANGEABLE,
    "1300-400": _UNCHANGEABLE,
    "2000-401": "The token has no access to the organization in `org_id`. "
    "Check that `org_id` is the credential's organization",
    "2001-401": "The organization did not arrive. Set `org_id` of the AEP connection",
    "2002-401": "The organization is empty. Set `org_id` of the AEP connection",
    "2100-404": "The sandbox '{sandbox}' does not exist, or the credential may not see it. Check `sandbox`",
    "2101-404": "The sandbox '{sandbox}' does not exist, or the credential may not see it. Check `sandbox`",
    "2103-404": "The sandbox '{sandbox}' does not exist, or the credential may not see it. Check `sandbox`",
    "2105-400": "The sandbox did not arrive. Set `sandbox` of the AEP connection",
    "2118-403": _DENIED,
    "2119-400": "The sandbox '{sandbox}' is not ready for this request. Check `sandbox`",
    "2120-403": _DENIED,
    "2121-403": "The credential may not manage sources in sandbox '{sandbox}'. "
    "Add *Manage Sources* to its role in AEP's Permissions",
}

_ACCEPT = (
    "Schema Registry did not get the `Accept` header that it needs. A proxy may remove or replace it: let it "
    "pass"
)

REGISTRY = {
    "XDM-1006-400": _ACCEPT,
    "XDM-1007-400": _ACCEPT,
    "XDM-1010-404": "It was deleted, it is in another sandbox than '{sandbox}', or the credential may not "
    "see it: add *View Schemas* to its role in AEP's Permissions",
    "XDM-1021-400": "Custom fields must be under the tenant's namespace. "
    "Put them under `_` and the tenant's id",
    "XDM-1521-400": "Titles are unique over all kinds of resources. Choose another `name`",
}

IMS = {
    "invalid client_secret parameter": "The client secret (`password`) of the AEP connection is wrong, or "
    "was deleted in the Developer Console. Copy it from there again",
    "invalid client_id parameter": "IMS at `ims_host` does not know the client ID (`login`) of the AEP "
    "connection. Copy it from the Developer Console, and check `ims_host`",
    "invalid_client": "IMS does not accept the client ID (`login`) with the client secret "
    "(`password`). Copy both from the Developer Console again",
    "invalid_scope": "The credential does not have one of the `scopes` of the AEP connection. Leave `scopes` "
    "empty for the default scopes",
    "unsupported_grant_type": "The credential is not an OAuth Server-to-Server credential. Create such a "
    "credential in the Developer Console",
}

BY_STATUS = {
    400: _WRONG,
    401: "The credential was refused. Check client ID (`login`) and client secret (`password`)",
    403: _DENIED,
    404: _UNSEEN,
    412: "Somebody else changed the entity at the same time. Run the task again",
    429: "Too many requests at a time. Run fewer tasks at a time, with an Airflow pool",
}

SERVER = "Adobe's service failed, or is overloaded. Try again later. If it fails again, see status.adobe.com"


def explain(status: int, code: str | None, text: str, sandbox: str, permissions: str = FOR_SOURCES) -> str:
    """Return the likely cause of an error reply, and the fix: sentences without the last full stop."""
    number = (code or "").partition("-")[2]  # FLOW-1404-412: the catalogue lists 1404-412
    advice = (
        GATEWAY.get(code or "")
        or REGISTRY.get(code or "")
        or FLOW.get(number)
        or IMS.get(text)
        or IMS.get(code or "")
        or BY_STATUS.get(status)
        or (SERVER if status >= 500 else _WRONG)
    )
    return advice.replace("{sandbox}", sandbox).replace("{permissions}", permissions)
