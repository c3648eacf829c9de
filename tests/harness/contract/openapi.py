"""Checks a request and its reply against Adobe's OpenAPI files.

`check_exchange` raises `ContractError` with every breach it finds. It is stricter than the schemas, which
require almost nothing: a property the OpenAPI does not name is a breach, and so is a named one that is
missing, unless `exceptions.py` says which document of Adobe's has it otherwise.
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

from tests.harness.contract import exceptions, patches, swagger, walk

# File, and the path that its `servers` entry ends in.
FILES = {
    "flow-service.yaml": "/data/foundation/flowservice",
    "schema-registry.yaml": "/data/foundation/schemaregistry",
    "catalog.yaml": "/data/foundation/catalog",
    "data-prep.yaml": "/data/foundation/conversion",
    "sandbox.yaml": "/data/foundation",
}
GATEWAY_HEADERS = ("authorization", "x-api-key", "x-gw-ims-org-id")


class ContractError(AssertionError):
    """A request or reply that Adobe's documents do not allow."""


@dataclass(frozen=True)
class Operation:
    """One method of one path; `name` is `METHOD path` with `{}` for parameters, `path` the one asked for."""

    name: str
    path: str
    spec: dict[str, Any]
    root: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]


def openapi_dir() -> Path | None:
    """Where the OpenAPI files are, if anywhere."""
    folder = os.environ.get("AEP_OPENAPI_DIR")
    return Path(folder) if folder and (Path(folder) / "flow-service.yaml").is_file() else None


@functools.cache
def _load(folder: Path, name: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load((folder / name).read_text("utf-8"), loader)
    return swagger.as_openapi(document) if "swagger" in document else document


def find_operation(method: str, path: str) -> Operation | None:
    """The operation a request means, or None where no OpenAPI file speaks. Trailing slashes do not matter."""
    folder = openapi_dir()
    if folder is None:
        raise RuntimeError("AEP_OPENAPI_DIR names no folder with flow-service.yaml")
    for file, base in FILES.items():
        if not path.startswith(base + "/") or not (folder / file).is_file():
            continue
        root = _load(folder, file)
        # A literal step goes before a parameter: /connections/search is not a connection.
        for template in sorted(root["paths"], key=lambda text: text.count("{")):
            # A parameter is one step; of the registry it is also a `$id`, which is a URL.
            pattern = re.sub(r"\{[^}]*\}", "(?:[^/]+|https://.+)", template.rstrip("/"))
            spec = root["paths"][template].get(method.lower())
            if spec and re.fullmatch(pattern, path[len(base) :].rstrip("/")):
                name = f"{method.upper()} {re.sub('{[^}]*}', '{}', template.rstrip('/'))}"
                parameters = tuple(walk.resolve(p, root) for p in spec.get("parameters", ()))
                return Operation(name, path, spec, root, parameters)
    return None


def check_exchange(
    method: str,
    path: str,
    query: Mapping[str, Any] | None,
    request_headers: Mapping[str, str],
    request_body: object,
    status: int,
    response_headers: Mapping[str, str],
    response_body: object,
) -> None:
    """Check both sides. A request that was refused may have been wrong on purpose and is not checked."""
    operation = find_operation(method, path)
    if operation is None:
        raise ContractError(f"{method} {path}: no such operation in the OpenAPI")
    breaches = list(_reply_breaches(operation, status, response_headers, response_body))
    if status < 400:
        breaches += _request_breaches(operation, query or {}, request_headers, request_body)
    if breaches:
        raise ContractError(f"{operation.name} -> {status}:\n  " + "\n  ".join(breaches))


def operation_of(response: requests.Response) -> str:
    """`METHOD path` of what was sent, with `{}` for parameters."""
    path = unquote(urlsplit(str(response.request.url)).path)
    operation = find_operation(str(response.request.method), path)
    assert operation is not None
    return operation.name


def check_response(response: requests.Response) -> None:
    """`check_exchange` for what the requests library sent and got."""
    request = response.request
    url = urlsplit(str(request.url))
    query: dict[str, Any] = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        query[name] = [*query[name], value] if isinstance(query.get(name), list) else [value]
    sent = json.loads(request.body) if request.body else None
    got = response.json() if response.content else None
    check_exchange(
        str(request.method),
        unquote(url.path),
        query,
        request.headers,
        sent,
        response.status_code,
        response.headers,
        got,
    )


def _request_breaches(
    operation: Operation, query: Mapping[str, Any], headers: Mapping[str, str], body: object
) -> Iterator[str]:
    yield from _query_breaches(operation, query)
    given = {name.lower() for name in headers}
    needed = {p["name"].lower() for p in operation.parameters if p["in"] == "header" and p.get("required")}
    for name in sorted(needed - given):
        if name != "accept":  # HTTP clients send one of their own
            yield f"request header {name} is missing"
    content = operation.spec.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        if body is not None:
            yield "the operation takes no body"
    elif operation.name.startswith("PATCH") and patches.is_patch(schema, body, operation.root):
        read = find_operation("GET", operation.path)
        yield from patches.breaches(body, read.spec if read else {}, operation.root)
    elif body is None:
        if operation.spec["requestBody"].get("required"):
            yield "the body is missing"
    else:
        yield from _schema_breaches(operation, schema, body)
        for pointer in walk.extra(operation.root, schema, body, ""):
            if not _free(operation, pointer) and not _excused(exceptions.REQUEST, operation, pointer):
                yield f"request property {pointer} is not in the OpenAPI"


def _free(operation: Operation, pointer: str) -> bool:
    """`params` differ from source to source; the OpenAPI shows one source's."""
    return operation.name in ("POST /connections", "POST /sourceConnections") and pointer.startswith(
        ("auth.params.", "params.")
    )


def _query_breaches(operation: Operation, query: Mapping[str, Any]) -> Iterator[str]:
    known = {p["name"]: p for p in operation.parameters if p["in"] == "query"}
    for name, parameter in known.items():
        if (
            parameter.get("required")
            and name not in query
            and not _excused(exceptions.LEFT_OUT, operation, name)
        ):
            yield f"query parameter {name} is missing"
    for name, value in query.items():
        if name not in known:
            if not _excused(exceptions.QUERY, operation, name):
                yield f"query parameter {name} is not in the OpenAPI"
            continue
        schema = walk.resolve(known[name]["schema"], operation.root)
        values = value if isinstance(value, list) else [value]
        if "enum" in schema:  # any case: the OpenAPI writes ROOT, every tutorial root
            allowed = [choice.lower() for choice in schema["enum"]]
            yield from (
                f"query {name}={v!r} is none of {allowed}"
                for v in values
                if str(v).lower() not in allowed and not _excused(exceptions.VALUES, operation, f"{name}={v}")
            )
        elif schema.get("type") == "integer" and not all(str(v).isdecimal() for v in values):
            yield f"query {name}={value!r} is no whole number"
        elif schema.get("type") == "boolean" and not {str(v).lower() for v in values} <= {"true", "false"}:
            yield f"query {name}={value!r} is neither true nor false"


def _reply_breaches(
    operation: Operation, status: int, headers: Mapping[str, str], body: object
) -> Iterator[str]:
    responses = {str(code): response for code, response in operation.spec["responses"].items()}
    if status >= 400:
        if str(status) not in responses and status not in exceptions.STATUSES:
            yield "no document knows this status"
        yield from error_breaches(status, body)
        return
    response = responses.get(str(status))
    if response is None:
        yield f"the OpenAPI knows only {sorted(responses)}"
        return
    present = {name.lower() for name in headers}
    yield from (f"header {n} is missing" for n in response.get("headers", {}) if n.lower() not in present)
    content = (response.get("content") or {}).get("application/json")
    if content is None:
        if body not in (None, "", b""):
            yield "the operation answers without a body"
        return
    schema = content.get("schema") or _schema_of_example(content.get("example"))
    if schema is not None and not _opaque(operation, body):
        yield from _content_breaches(operation, schema, body)


def _content_breaches(operation: Operation, schema: dict[str, Any], body: object) -> Iterator[str]:
    yield from _schema_breaches(operation, schema, body)

    def excused(table: exceptions.Pointers, pointer: str) -> bool:
        return _covered(exceptions.OPAQUE, operation, pointer) or _excused(table, operation, pointer)

    for pointer in walk.extra(operation.root, schema, body, ""):
        if not excused(exceptions.EXTRA, pointer):
            yield f"property {pointer} is not in the OpenAPI"
    for pointer in walk.missing(operation.root, schema, body, ""):
        if not excused(exceptions.OPTIONAL, pointer):
            yield f"property {pointer} is missing"


def error_breaches(status: int, body: object) -> Iterator[str]:
    """The shapes of errors: the gateway's, the content type's, and Flow Service's envelope."""
    if not isinstance(body, dict):
        yield "an error's body is a JSON object"
    elif "error_code" in body:  # troubleshooting guide
        if set(body) != {"error_code", "message"} or not str(body["error_code"]).startswith(str(status)):
            yield f"no gateway error: {sorted(body)}"
    elif str(body.get("type", "")).startswith("https://ns.adobe.com/aep/errors/"):  # access-labels tutorial
        names = {"type", "title", "status", "report", "errorMessage", "errorDetails"}
        if set(body) != names or body["status"] != status or not body["type"].endswith(f"-{status}"):
            yield f"no Flow Service envelope: {sorted(body)}"
        elif not {"detailed-message", "request-id"} <= set(body["report"]) <= {
            "detailed-message", "request-id", "id", "type"
        }:  # fmt: skip
            yield f"no Flow Service report: {sorted(body['report'])}"
    elif "report" in body:  # Schema Registry's troubleshooting guide; OpenAPI, errorBasic
        report = {"registryRequestId", "timestamp", "detailed-message", "sub-errors"}
        if set(body) != {"type", "title", "status", "report", "detail"} or body["status"] != status:
            yield f"no registry envelope: {sorted(body)}"
        elif set(body["report"]) != report or body["detail"] != body["report"]["detailed-message"]:
            yield f"no registry report: {sorted(body['report'])}"
    elif set(body) != {"type", "status", "title", "detail"} or body["status"] != status:  # bad content type
        yield f"no known error shape: {sorted(body)}"


def _schema_of_example(example: object) -> dict[str, Any] | None:
    """PATCH /connections has an example and no schema: its keys are what the reply has."""
    if not isinstance(example, dict):
        return None
    return {"type": "object", "properties": {name: {"type": "string"} for name in example}}


def _schema_breaches(operation: Operation, schema: dict[str, Any], body: object) -> Iterator[str]:
    whole = {
        "allOf": [schema],
        **{name: operation.root.get(name, {}) for name in ("components", "definitions")},
    }
    for error in Draft7Validator(whole).iter_errors(body):
        pointer = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(
            "."
        )
        if not _covered(exceptions.OPAQUE, operation, re.sub(r"\[\d+\]", "[]", pointer)):
            yield f"{pointer or 'the body'}: not {error.validator} {str(error.validator_value)[:60]}"


def _opaque(operation: Operation, body: object) -> bool:
    """Whether a whole reply is excused: `{}` in the table means only where it is an object."""
    return isinstance(body, dict) and (operation.name, "{}") in exceptions.OPAQUE


def _excused(table: exceptions.Pointers, operation: Operation, pointer: str) -> bool:
    return any(_matches(key, operation.name, pointer) for key in table)


def _covered(table: exceptions.Pointers, operation: Operation, pointer: str) -> bool:
    """Whether a place or anything above it is excused."""
    steps = re.split(r"(?=\.|\[)", pointer)
    return any(_excused(table, operation, "".join(steps[: n + 1])) for n in range(len(steps)))


def _matches(key: tuple[str, str], operation: str, pointer: str) -> bool:
    name, pattern = (text.replace("[", "[[]") for text in key)
    return fnmatchcase(operation, name) and fnmatchcase(pointer, pattern)
