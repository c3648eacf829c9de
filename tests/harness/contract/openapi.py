"""Check a request and its reply against Adobe's OpenAPI files.

The check is stricter than the schemas, which require almost nothing: the OpenAPI must name every property,
and every named property must be present, unless `deviations.yaml` names the document that differs.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
import yaml
from jsonschema import Draft7Validator

# The path that the `servers` entry of each file ends in.
FILES = {
    "flow-service.yaml": "/data/foundation/flowservice",
    "schema-registry.yaml": "/data/foundation/schemaregistry",
    "catalog.yaml": "/data/foundation/catalog",
    "batch-ingestion.yaml": "/data/foundation/import",
    "data-prep.yaml": "/data/foundation/conversion",
    "data-access.yaml": "/data/foundation/export",
    "access-control.yaml": "/data/foundation/access-control",
    "sandbox.yaml": "/data/foundation",
}
ERRORS = "https://ns.adobe.com/aep/errors/"
Schema = dict[str, Any]


class ContractError(AssertionError):
    """Adobe's documents do not allow a request or a reply."""


@dataclass(frozen=True)
class Operation:
    """A method of a path; `name` is `METHOD path` with `{}` for parameters, `path` the requested one."""

    name: str
    path: str
    spec: dict[str, Any]
    root: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]

    @property
    def body(self) -> dict[str, Any]:
        """Return the description of the request's body; Swagger 2.0 makes it a parameter."""
        empty: dict[str, Any] = {}
        return next((p for p in self.parameters if p["in"] == "body"), self.spec.get("requestBody", empty))


def _media(content: dict[str, Any]) -> dict[str, Any] | None:
    """Return the JSON media type of a body or a response; Swagger 2.0 has its schema one level higher."""
    media = content.get("content") or {}
    return content if "schema" in content else media.get("application/json") or media.get("*/*")


@functools.cache
def deviations() -> dict[str, Any]:
    """Return `deviations.yaml`."""
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("deviations.yaml").read_text("utf-8"))
    return found


@functools.cache
def _patterns(kind: str) -> tuple[tuple[str, str], ...]:
    """Return the operations and pointers of one kind of deviation; brackets are literal."""
    return tuple(
        (operation.replace("[", "[[]"), pointer.replace("[", "[[]"))
        for document in deviations()[kind].values()
        for operations, pointers in document.items()
        for operation in operations.split(", ")
        for pointer in pointers.split()
    )


def _deviates(kind: str, operation: Operation, pointer: str) -> bool:
    return any(
        fnmatchcase(operation.name, name) and fnmatchcase(pointer, pattern)
        for name, pattern in _patterns(kind)
    )


def _shape_deviates(operation: Operation, pointer: str) -> bool:
    """Say whether the shape of a value, or of one that contains it, is not the OpenAPI's."""
    steps = re.split(r"(?=\.|\[)", pointer)
    return any(_deviates("shape", operation, "".join(steps[: n + 1])) for n in range(len(steps)))


def openapi_dir() -> Path | None:
    """Return the folder of the OpenAPI files, if `AEP_OPENAPI_DIR` names it."""
    folder = os.environ.get("AEP_OPENAPI_DIR")
    return Path(folder) if folder and (Path(folder) / "flow-service.yaml").is_file() else None


@functools.cache
def _load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(
        file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    return document


def find_operation(method: str, path: str) -> Operation | None:
    """Return the operation of a request; None if no OpenAPI file has it. Trailing slashes do not matter."""
    folder = openapi_dir()
    if folder is None:
        raise RuntimeError("AEP_OPENAPI_DIR names no folder with flow-service.yaml")
    for file, base in FILES.items():
        if not path.startswith(base + "/") or not (folder / file).is_file():
            continue
        root = _load(folder / file)
        # A literal step precedes a parameter: /connections/search is not a connection.
        for template in sorted(root["paths"], key=lambda text: text.count("{")):
            # A parameter is one step; the registry's can be a `$id`, which is a URL.
            pattern = re.sub(r"\{[^}]*\}", "(?:[^/]+|https://.+)", template.rstrip("/"))
            spec = root["paths"][template].get(method.lower())
            if spec and re.fullmatch(pattern, path[len(base) :].rstrip("/")):
                name = f"{method.upper()} {re.sub('{[^}]*}', '{}', template.rstrip('/'))}"
                parameters = tuple(resolve(p, root) for p in spec.get("parameters", ()))
                return Operation(name, path, spec, root, parameters)
    return None


def operation_of(response: requests.Response) -> str:
    """Return `METHOD path` of a request, with `{}` for parameters."""
    path = unquote(urlsplit(str(response.request.url)).path)
    operation = find_operation(str(response.request.method), path)
    assert operation is not None
    return operation.name


def check_response(response: requests.Response) -> None:
    """Check a reply of the requests library and its request."""
    request = response.request
    url = urlsplit(str(request.url))
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    check_exchange(
        str(request.method),
        unquote(url.path),
        query,
        request.headers,
        json.loads(request.body) if request.body else None,
        response.status_code,
        response.headers,
        response.json() if response.content and not _is_file(response.headers) else None,
    )


def _is_file(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type") == "application/octet-stream"


def check_exchange(
    method: str,
    path: str,
    query: Mapping[str, list[str]],
    request_headers: Mapping[str, str],
    request_body: object,
    status: int,
    response_headers: Mapping[str, str],
    response_body: object,
) -> None:
    """Raise ContractError with every breach on both sides; a refused request is not checked."""
    operation = find_operation(method, path)
    if operation is None:
        raise ContractError(f"{method} {path}: no such operation in the OpenAPI")
    breaches = list(_reply_breaches(operation, status, response_headers, response_body))
    if status < 400:
        breaches += _query_breaches(operation, query)
        breaches += _request_breaches(operation, request_headers, request_body)
    if breaches:
        raise ContractError(f"{operation.name} -> {status}:\n  " + "\n  ".join(breaches))


def _request_breaches(operation: Operation, headers: Mapping[str, str], body: object) -> Iterator[str]:
    given = {name.lower() for name in headers} | {"accept"}  # HTTP clients send an `Accept` of their own
    required = {p["name"].lower() for p in operation.parameters if p["in"] == "header" and p.get("required")}
    yield from (f"request header {name} is missing" for name in sorted(required - given))
    schema = (_media(operation.body) or {}).get("schema")
    if schema is None:
        if body is not None:
            yield "the operation takes no body"
    elif body is None:
        if operation.body.get("required"):
            yield "the body is missing"
    elif operation.name.startswith("PATCH") and _is_patch(operation, schema, body):
        yield from _patch_breaches(operation, body)
    else:
        yield from _schema_breaches(operation, schema, body)
        for kind, pointer in differences(operation.root, schema, body):
            # The OpenAPI shows the params of one source, and each source has its own.
            own = operation.name in ("POST /connections", "POST /sourceConnections")
            free = own and pointer.startswith(("auth.params.", "params."))
            if kind == "extra" and not free and not _deviates("request", operation, pointer):
                yield f"request property {pointer} is not in the OpenAPI"


def _is_patch(operation: Operation, schema: Schema, body: object) -> bool:
    """Say whether a body is patch operations; Catalog also accepts a part of the entity."""
    return isinstance(body, list) or "op" in resolve(schema, operation.root).get("properties", {})


def _patch_breaches(operation: Operation, body: Any) -> Iterator[str]:
    """Check patch operations: a list of any values (update tutorial), at paths that GET shows."""
    read = find_operation("GET", operation.path)
    media = _media(read.spec["responses"].get("200", {})) if read else None
    entity = resolve((media or {}).get("schema", {}), operation.root)
    entity = entity.get("properties", {}).get("items", {}).get("items", entity)  # Flow Service's envelope
    for entry in body if isinstance(body, list) else [body]:
        errors = [
            error.message for error in Draft7Validator(deviations()["patch operation"]).iter_errors(entry)
        ]
        yield from errors
        if not errors and not _has_path(entity, entry["path"].strip("/").split("/"), operation.root):
            yield f"path {entry['path']!r} leads to nothing that GET shows"


def _has_path(schema: Schema, steps: list[str], root: Schema) -> bool:
    schema = resolve(schema, root)
    if not steps:
        return True
    if "items" in schema:
        return _has_path(schema["items"], steps[1:], root)
    fields = schema.get("properties")
    return fields is None or (steps[0] in fields and _has_path(fields[steps[0]], steps[1:], root))


def _query_breaches(operation: Operation, query: Mapping[str, list[str]]) -> Iterator[str]:
    known = {p["name"]: p for p in operation.parameters if p["in"] == "query"}
    for name, parameter in known.items():
        absent = parameter.get("required") and name not in query
        if absent and not _deviates("no parameter", operation, name):
            yield f"query parameter {name} is missing"
    for name, values in query.items():
        if name not in known:
            if not _deviates("parameter", operation, name):
                yield f"query parameter {name} is not in the OpenAPI"
            continue
        schema = resolve(known[name].get("schema", known[name]), operation.root)  # Swagger 2.0 has no schema
        allowed = [choice.lower() for choice in schema.get("enum", ())]
        for value in values:
            if allowed:  # any case: the OpenAPI writes ROOT, every tutorial root
                if value.lower() not in allowed and not _deviates("value", operation, f"{name}={value}"):
                    yield f"query {name}={value!r} is not one of {allowed}"
            elif schema.get("type") == "integer" and not value.isdecimal():
                yield f"query {name}={value!r} is not a whole number"
            elif schema.get("type") == "boolean" and value.lower() not in ("true", "false"):
                yield f"query {name}={value!r} is neither true nor false"


def _reply_breaches(
    operation: Operation, status: int, headers: Mapping[str, str], body: object
) -> Iterator[str]:
    responses = {str(code): response for code, response in operation.spec["responses"].items()}
    response = responses.get(str(status))
    if status >= 400:
        if response is None and status not in deviations()["statuses"]:
            yield "no document has this status"
        yield from error_breaches(status, body)
    elif response is None:
        yield f"the OpenAPI has only the statuses {sorted(responses)}"
    else:
        present = {name.lower() for name in headers}
        names = response.get("headers", {})
        yield from (f"header {name} is missing" for name in names if name.lower() not in present)
        media = _media(response)
        if _is_file(headers):
            return  # the content of a file has no schema
        if media is None:
            if body not in (None, "", b""):
                yield "the operation answers without a body"
        elif not (isinstance(body, dict) and _deviates("shape", operation, "{}")):
            yield from _content_breaches(operation, media, body)


def _content_breaches(operation: Operation, media: dict[str, Any], body: object) -> Iterator[str]:
    schema, example = media.get("schema"), media.get("example")
    if schema is None and isinstance(example, dict):  # PATCH /connections: the reply has the example's keys
        schema = {"type": "object", "properties": {name: {"type": "string"} for name in example}}
    if schema is None:
        return
    yield from _schema_breaches(operation, schema, body)
    for kind, pointer in differences(operation.root, schema, body):
        if not _shape_deviates(operation, pointer) and not _deviates(kind, operation, pointer):
            yield f"{kind} property {pointer}"


def error_breaches(status: int, body: Any) -> Iterator[str]:
    """Yield how an error differs from the documented shapes."""
    keys = (set(body), set(body.get("report", ()))) if isinstance(body, dict) else None
    if keys not in [
        tuple(set(names.split()) for names in shape) for shape in deviations()["errors"].values()
    ]:
        yield f"unknown error shape: {keys}"
    elif body.get("status", status) != status or f"{status}" not in str(body.get("error_code", status))[:3]:
        yield "the body has another status"
    elif "errorMessage" in body and not re.fullmatch(f"{ERRORS}.*-{status}", str(body["type"])):
        yield f"the type {body['type']} is not Flow Service's"
    elif "detail" in body and body["detail"] != body.get("report", {}).get(
        "detailed-message", body["detail"]
    ):
        yield "the detail differs from the report's"


def _schema_breaches(operation: Operation, schema: Schema, body: object) -> Iterator[str]:
    shared = {name: operation.root.get(name, {}) for name in ("components", "definitions")}
    for error in Draft7Validator({"allOf": [schema], **shared}).iter_errors(body):
        steps = (f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        pointer = "".join(steps).lstrip(".")
        if not _shape_deviates(operation, re.sub(r"\[\d+\]", "[]", pointer)):
            yield f"{pointer or 'the body'}: not {error.validator} {str(error.validator_value)[:60]}"


def resolve(schema: Schema, root: Schema) -> Schema:
    """Follow `$ref`, and merge the properties of `allOf`."""
    while isinstance(schema.get("$ref"), str):
        node: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        schema = node
    if "allOf" not in schema:
        return schema
    merged: Schema = {"properties": {}, **{k: v for k, v in schema.items() if k != "allOf"}}
    for part in (resolve(part, root) for part in schema["allOf"]):
        fields = {**part.get("properties", {}), **merged["properties"]}
        merged = {**part, **merged, "properties": fields}
    return merged


def differences(root: Schema, schema: Schema, value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield `extra` or `missing` and the pointer of each property that only the value or the schema has."""
    schema = resolve(schema, root)
    if isinstance(value, list):
        for part in value:
            yield from differences(root, schema.get("items", {}), part, pointer + "[]")
    elif isinstance(value, dict) and "properties" in schema:
        fields = schema["properties"]
        for name in {**fields, **value}:
            path = f"{pointer}.{name}" if pointer else name
            if name in fields and name in value:
                yield from differences(root, fields[name], value[name], path)
            else:
                yield ("missing" if name in fields else "extra"), path
    elif isinstance(value, dict):  # a map: Catalog's lists are keyed by id
        of_values = schema.get("additionalProperties")
        for part in value.values():
            path = f"{pointer}.<id>" if pointer else "<id>"
            yield from differences(root, of_values if isinstance(of_values, dict) else {}, part, path)
