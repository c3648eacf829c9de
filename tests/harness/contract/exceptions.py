"""Where Adobe's OpenAPI and Adobe's other documents disagree, and which we follow.

Each entry names the document that justifies it. A pointer is the way to a value: `items[].auth.params`;
`*` stands for any name. An operation is `METHOD path` with `{}` for path parameters, or `*`.
"""

from __future__ import annotations

from tests.harness.contract import path_exceptions

Pointers = dict[tuple[str, str], str]

PAGING = "Flow Service OpenAPI, PageLinksResponse and FlowListResponse: the other lists have it"
COUNT = "sorting and filtering guide, 'count'; Flow Service OpenAPI, SourceConnectionsListResponse"
JSON_SCHEMA = "a JSON Schema of its own, of which the OpenAPI prints one source's example"
SPEC_EXAMPLE = "Flow Service OpenAPI, example of POST /connectionSpecs: objects, typed string or array"
FLOW_SPEC = "collect tutorials, 'Look up dataflow specifications'"

# Properties that a reply has and the OpenAPI does not name.
EXTRA: Pointers = {
    ("GET /connections", "_links"): PAGING,
    ("GET /connections", "count"): COUNT,
    ("GET /connections", "items[].auth.params.*"): "create tutorials: each source has params of its own",
    ("GET /connections/{}", "items[].auth.params.*"): "create tutorials: each source has params of its own",
    ("GET /sourceConnections", "items[].params.*"): "collect tutorials: `tableName`, `columns`, `path`",
    ("GET /sourceConnections/{}", "items[].params.*"): "collect tutorials: `tableName`, `columns`, `path`",
    ("GET /flowSpecs", "items[].runSpec"): FLOW_SPEC,
    ("GET /flowSpecs", "items[].optionSpec.name"): FLOW_SPEC,
    ("GET /flowSpecs", "items[].attributes.isDraftModeSupported"): FLOW_SPEC,
    ("GET /flowSpecs/{}", "items[].runSpec"): FLOW_SPEC,
    ("GET /flowSpecs/{}", "items[].optionSpec.name"): FLOW_SPEC,
    ("GET /flowSpecs/{}", "items[].attributes.isDraftModeSupported"): FLOW_SPEC,
}

# Places where the OpenAPI's type or content is not what the documents show: not looked into.
OPAQUE: Pointers = {
    ("GET /connections/{}/explore", "{}"): "explore tutorials: a table is an object, typed array",
    ("GET /connectionSpecs/{}/explore", "{}"): "Data Landing Zone tutorial: a file is an object, typed array",
    ("GET /connectionSpecs", "items[].authSpec[].spec"): JSON_SCHEMA,
    ("GET /connectionSpecs", "items[].sourceSpec.spec"): JSON_SCHEMA,
    ("GET /connectionSpecs", "items[].sourceSpec.attributes.uiAttributes"): SPEC_EXAMPLE,
    ("GET /connectionSpecs", "items[].permissionsInfo"): SPEC_EXAMPLE,
    ("GET /connectionSpecs/{}", "items[].authSpec[].spec"): JSON_SCHEMA,
    ("GET /connectionSpecs/{}", "items[].sourceSpec.spec"): JSON_SCHEMA,
    ("GET /connectionSpecs/{}", "items[].sourceSpec.attributes.uiAttributes"): SPEC_EXAMPLE,
    ("GET /connectionSpecs/{}", "items[].permissionsInfo"): SPEC_EXAMPLE,
    ("GET /flowSpecs", "items[].optionSpec.spec"): JSON_SCHEMA,
    ("GET /flowSpecs", "items[].scheduleSpec.spec"): JSON_SCHEMA,
    ("GET /flowSpecs", "items[].transformationSpecs"): FLOW_SPEC + ": an array, typed object",
    ("GET /flowSpecs", "items[].permissionsInfo"): SPEC_EXAMPLE,
    ("GET /flowSpecs/{}", "items[].optionSpec.spec"): JSON_SCHEMA,
    ("GET /flowSpecs/{}", "items[].scheduleSpec.spec"): JSON_SCHEMA,
    ("GET /flowSpecs/{}", "items[].transformationSpecs"): FLOW_SPEC + ": an array, typed object",
    ("GET /flowSpecs/{}", "items[].permissionsInfo"): SPEC_EXAMPLE,
}

# Properties the OpenAPI names and a reply may lack.
OPTIONAL: Pointers = {
    ("GET /connections", "items"): COUNT + ": with count=true nothing else is returned",
    ("GET /connections", "items[].description"): "Flow Service OpenAPI: an optional value",
    ("GET /connections/{}", "items[].description"): "Flow Service OpenAPI: an optional value",
    ("GET /connections", "items[].auth.params.*"): "create tutorials: each source has params of its own",
    ("GET /connections/{}", "items[].auth.params.*"): "create tutorials: each source has params of its own",
    ("GET /sourceConnections", "items"): COUNT + ": with count=true nothing else is returned",
    ("GET /sourceConnections", "_links"): COUNT + ": with count=true nothing else is returned",
    ("GET /sourceConnections", "_links.next"): "sorting and filtering guide: the last page has none",
    ("GET /sourceConnections", "count"): "sorting and filtering guide: only with count=true",
    ("GET /sourceConnections/{}", "_links"): "update tutorial: one entity has no pages",
    ("GET /sourceConnections/{}", "count"): "update tutorial: one entity is not counted",
    ("GET /sourceConnections*", "items[].description"): "Flow Service OpenAPI: an optional value",
    ("GET /sourceConnections*", "items[].params.path"): "collect tutorials: of file sources only",
    ("GET /sourceConnections*", "items[].providerRefId"): "collect tutorials: no sample has it",
    (
        "GET /connectionSpecs*",
        "items[].exploreSpec.*",
    ): SPEC_EXAMPLE,
    ("GET /sandbox-management*", "sandboxes[].id"): "Sandbox OpenAPI: user responses omit it",
    ("GET /sandbox-management*", "id"): "Sandbox OpenAPI: user responses omit it",
    ("GET /sandbox-management*", "sandboxes[]._system"): "sandbox guide: no user sample has it",
    ("GET /sandbox-management*", "_system"): "sandbox guide: no user sample has it",
    ("GET /sandbox-management*", "_links.*"): "sandbox guide: a single page has no links",
}

LANDING_ZONE = "Data Landing Zone tutorial, 'Explore landing zone file structure and contents'"
LANDING_ZONE_QUERY = (
    "objectType",
    "object",
    "preview",
    "fileType",
    "columnDelimiter",
    "determineProperties",
)

FILE_EXPLORED = "cloud storage explore tutorial, 'Inspect the structure of a file'"
FILE_QUERY = ("columnDelimiter", "compressionType", "encoding", "determineProperties")

# Query parameters that a request may have and the OpenAPI does not name.
QUERY: Pointers = {
    ("GET /connections/{}/explore", "preview"): "filter tutorial, 'Preview data'",
    ("GET /connections/{}/explore", "fileType"): "cloud storage explore tutorial: not `FileType`",
    ("GET /connections/{}/explore", "sourceParams"): "Stripe tutorial, 'Explore your source'",
    **dict.fromkeys((("GET /connections/{}/explore", name) for name in FILE_QUERY), FILE_EXPLORED),
    **dict.fromkeys((("GET /connectionSpecs/{}/explore", name) for name in LANDING_ZONE_QUERY), LANDING_ZONE),
}

# Query parameters that the OpenAPI requires and a request may lack.
LEFT_OUT: Pointers = path_exceptions.LEFT_OUT

# Values that a query parameter may have, as `name=value`, and that the OpenAPI's enum does not name.
VALUES: Pointers = path_exceptions.VALUES

EXTRA |= path_exceptions.EXTRA
OPAQUE |= path_exceptions.OPAQUE
OPTIONAL |= path_exceptions.OPTIONAL
QUERY |= path_exceptions.QUERY

# Properties that a request may have and the OpenAPI does not name.
REQUEST: Pointers = path_exceptions.REQUEST

# Requests whose body the documents show in another shape than the OpenAPI.
PATCH_LIST = "update tutorial: a list of instructions, typed a single one; values of any type"

# Statuses no operation lists, by document.
STATUSES: dict[int, str] = {
    400: "Flow Service error catalogue; troubleshooting guide (400003)",
    401: "troubleshooting guide (401013)",
    403: "troubleshooting guide (403010, 403025); access-labels tutorial (FLOW-2120-403)",
    404: "access-labels tutorial (FLOW-1439-404)",
    405: "HTTP: no document shows it",
    406: "Schema Registry OpenAPI, GET /{CONTAINER_ID}/schemas/{SCHEMA_ID}",
    412: "Flow Service error catalogue (1404-412)",
    413: "HTTP: no document shows it",
    500: "Flow Service error catalogue (1102-500)",
    503: "Flow Service error catalogue (1103-503)",
}
