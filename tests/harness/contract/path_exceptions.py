"""Exceptions on the path from schema to rows; `exceptions.py` says how to read them."""

from __future__ import annotations

Pointers = dict[tuple[str, str], str]

ACCEPT_LIST = "Schema Registry OpenAPI, acceptListing: xed+json returns the full JSON of each resource"
ACCEPT_FULL = "field groups endpoint guide: xed-full resolves `$ref` and `allOf` into properties"
REGISTRY_SAMPLE = "Schema Registry OpenAPI, example of createSchemaResponse; schemas endpoint guide"
REF = "schemas endpoint guide: `$ref`; the Schema Registry OpenAPI writes it with a blank at the end"
ETAG = "Schema Registry OpenAPI, example of createSchemaResponse: `eTag`"
LAST_PAGE = "schemas endpoint guide: null on the last page, typed string; left out"
GLOBAL_ONLY = "Schema Registry OpenAPI: of global resources only"
STATS = "Schema Registry guide, 'Know your tenant ID': what the emulator does not count is left out"
EPOCH = "Data Prep OpenAPI, its own example: milliseconds, typed string"
MAPPING = "Data Prep OpenAPI: optional, its example has none; collect tutorials print the summary only"
DATASET = "Catalog guide, 'Look up an object': a new dataset has none of these"
BATCH = "Catalog OpenAPI: only where there is something to say"
ONE = "update tutorial: one entity has no pages and no count"
COUNT = "sorting and filtering guide, 'count': nothing else is returned"
TARGET = "collect tutorials, target connection: the data lake has no base connection and no format"
PATCH_REPLY = "update tutorial: `id` and `etag`; the OpenAPI's whole item is there as well"
COLLECT = "collect tutorials, 'Create a dataflow' and its GET"
COPY = "Flow Service OpenAPI prints one transformation's params; collect tutorials: Copy has a deltaColumn"
MONITOR = "monitoring tutorial: `etag`, `activities` (typed `eTag`, `activites`) and its summaries"
STATE = "sorting and filtering guide: /runs?property=state==inProgress"
NOT_YET = "on-demand tutorial: a run that has not ended has no summaries yet"
ON_DEMAND = "on-demand tutorial: `items`"
STRINGS = "collect tutorials: numbers where the OpenAPI types strings, and the other way round"
STREAM = "streaming tutorials: a dataflow without a schedule"
INLET = "LAVA tutorial, 'Get your streaming endpoint URL': `options.inletUrl`"
NO_BASE = "Data Landing Zone and LAVA tutorials: sources without a base connection"
FILES = "cloud storage collect tutorial, 'Create a source connection'"
DRAFT = "draft mode tutorial: ?mode=draft, and `isDraftModeSupported` of the specs"

REGISTRY = ("POST /tenant/*", "PUT /tenant/*", "PATCH /tenant/*", "GET /{}/*")


def _each(operations: tuple[str, ...], pointers: tuple[str, ...], document: str) -> Pointers:
    return {(operation, pointer): document for operation in operations for pointer in pointers}


EXTRA: Pointers = {
    ("GET /connectionSpecs*", "items[].attributes.isDraftModeSupported"): DRAFT,
    **_each(REGISTRY, ("allOf[].$ref", "allOf[].type", "allOf[].meta:xdmType"), REF),
    **_each(REGISTRY, ("refs", "imsOrg", "meta:class", "meta:containerId"), REGISTRY_SAMPLE),
    **_each(REGISTRY, ("meta:sandbox*", "meta:tenantNamespace"), REGISTRY_SAMPLE),
    **_each(REGISTRY, ("meta:registryMetadata.eTag",), ETAG),
    ("GET /{}/*", "properties"): ACCEPT_FULL,
    ("GET /{}/*", "_links.global_schemas"): "Schema Registry OpenAPI, linksSchemas; field groups guide",
    ("PATCH /*Connections/{}", "id"): PATCH_REPLY,
    ("PATCH /*Connections/{}", "etag"): PATCH_REPLY,
    ("PATCH /sourceConnections/{}", "items[].params.*"): COLLECT + ": `tableName`, `columns`",
    ("GET /sourceConnections*", "items[].data.properties"): FILES,
    ("GET /flows*", "items[].flowSpec.*"): COLLECT,
    ("GET /flows*", "items[].options"): INLET,
    ("GET /flows*", "items[].inheritedAttributes.properties"): COLLECT,
    ("GET /flows*", "items[].transformations[].params.deltaColumn"): COPY,
    ("GET /flows*", "items[].lastOperation.*"): COLLECT,
    **_each(("GET /runs*",), ("items[].etag", "items[].version", "items[].activities"), MONITOR),
    **_each(("GET /runs*",), ("items[].metrics.recordSummary.skippedRecordCount",), MONITOR),
    **_each(("GET /runs*",), ("items[].metrics.*.activityRefs", "items[].metrics.*.errors"), MONITOR),
    ("GET /runs*", "items[].state"): STATE,
    **_each(("POST /runs/{}/action",), ("etag", "version", "activities"), MONITOR),
    ("POST /runs/{}/action", "state"): STATE,
    ("POST /runs", "items"): ON_DEMAND,
}

OPAQUE: Pointers = {
    ("GET /{}/*", "results[]"): ACCEPT_LIST,
    **_each(("* /mappingSets*",), ("createdDate", "modifiedDate"), EPOCH),
    **_each(("GET /mappingSets",), ("data[].createdDate", "data[].modifiedDate"), EPOCH),
    ("POST /mappingSets", "id"): "collect tutorials: the request has `id: null`",
    ("POST /flows", "scheduleParams.interval"): STRINGS,
    ("POST /flows", "transformations[].params.mappingVersion"): STRINGS,
}

OPTIONAL: Pointers = {
    **_each(REGISTRY, ("allOf[].$ref ",), REF),
    **_each(REGISTRY, ("allOf", "definitions"), ACCEPT_FULL),
    **_each(REGISTRY, ("meta:registryMetadata.etag",), ETAG),
    **_each(REGISTRY, ("meta:registryMetadata.meta:usageCount", "meta:immutableTags"), REGISTRY_SAMPLE),
    **_each(REGISTRY, ("meta:tags", "meta:createdDate", "meta:status", "$schema"), GLOBAL_ONLY),
    **_each(("GET /{}/*",), ("_links.next", "_page.next"), LAST_PAGE),
    **_each(("GET /stats",), ("recently*", "classUsage"), STATS),
    **_each(("* /mappingSets*",), ("allowNullValues", "inputSchema", "name"), MAPPING),
    **_each(("* /mappingSets*",), ("outputSchema.*", "supportVersion", "tags", "mappings[].*"), MAPPING),
    ("GET /mappingSets", "data[].*"): MAPPING,
    (
        "POST /mappingSets/validate",
        "validationResponse[].errors*",
    ): "Data Prep OpenAPI: none when all is well",
    ("GET /dataSets*", "<id>.*"): DATASET,
    ("GET /batches*", "<id>.*"): BATCH,
    **_each(("PATCH /*Connections/{}", "GET /targetConnections/{}"), ("_links*", "count"), ONE),
    **_each(("PATCH /*Connections/{}", "GET /targetConnections*"), ("items[].description",), COLLECT),
    **_each(("PATCH /*Connections/{}", "GET /targetConnections*"), ("items[].providerRefId",), COLLECT),
    ("PATCH /sourceConnections/{}", "items[].params.path"): COLLECT + ": of file sources only",
    **_each(
        ("PATCH /targetConnections/{}", "GET /targetConnections*"),
        ("items[].data.format", "items[].inheritedAttributes"),
        TARGET,
    ),
    **_each(("GET /targetConnections", "GET /flows", "GET /runs"), ("items", "_links", "count"), COUNT),
    **_each(("GET /targetConnections", "GET /flows", "GET /runs"), ("_links.next",), LAST_PAGE),
    **_each(("GET /flows/{}", "GET /runs/{}"), ("_links", "count"), ONE),
    **_each(("GET /flows*",), ("items[].description", "items[].scheduleParams.*"), COLLECT),
    ("GET /flows*", "items[].scheduleParams"): STREAM,
    ("GET /flowSpecs*", "items[].scheduleSpec"): STREAM,
    ("GET /flows*", "items[].inheritedAttributes.sourceConnections[].baseConnection"): NO_BASE,
    **_each(
        ("GET /sourceConnections*",), ("items[].baseConnectionId", "items[].inheritedAttributes"), NO_BASE
    ),
    **_each(("GET /flows*",), ("items[].transformations[].params.mapping*",), COPY),
    **_each(("GET /flows*",), ("items[].lastRunDetails*",), COLLECT + ": once it has run"),
    **_each(("GET /runs*",), ("items[].eTag", "items[].activites"), MONITOR),
    **_each(("GET /runs*",), ("items[].metrics.*.manifest",), MONITOR + ": of one activity"),
    **_each(("GET /runs*",), ("items[].metrics.*Summary", "items[].metrics.durationSummary.*"), NOT_YET),
    **_each(("POST /runs/{}/action",), ("eTag", "activites"), MONITOR),
    **_each(("POST /runs/{}/action",), ("metrics.*Summary", "metrics.durationSummary.*"), NOT_YET),
}

QUERY: Pointers = {
    ("POST /dataSets", "requestDataSource"): "collect tutorials, 'Create a target dataset'",
    ("POST /*", "mode"): DRAFT,
}

LEFT_OUT: Pointers = {
    ("POST /flows/{}/action", "subOp"): "update-dataflows and draft mode tutorials: none sends it",
}

VALUES: Pointers = {
    ("POST /runs/{}/action", "op=re-trigger"): "retry tutorial: the OpenAPI writes RE_TRIGGER",
}

REQUEST: Pointers = {
    ("POST /sourceConnections", "data.properties"): FILES,
    ("POST /tenant/schemas", "allOf[].$ref"): REF,
    ("PUT /tenant/schemas/{}", "allOf[].$ref"): REF,
    ("POST /mappingSets", "xdmSchema"): "collect tutorials, 'Create a mapping'",
    ("POST /mappingSets", "xdmVersion"): "collect tutorials, 'Create a mapping'",
    ("POST /mappingSets", "mappings[].*"): "collect tutorials: `destinationXdmPath`, `sourceAttribute`",
    ("POST /flows", "transformations[].params.deltaColumn"): COPY,
    ("POST /runs", "params.deltaColumn"): "on-demand tutorial: with the first run",
}
