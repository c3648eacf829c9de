"""Swagger 2.0 read as OpenAPI 3: as far as Adobe's Schema Registry file uses it."""

from __future__ import annotations

import copy
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
Document = dict[str, Any]


def as_openapi(document: Document) -> Document:
    """A copy whose operations have the newer shape; references stay as they are."""
    result = copy.deepcopy(document)
    for path in result["paths"].values():
        for method in METHODS:
            if method in path:
                _convert(path[method], result)
    return result


def _convert(operation: Document, root: Document) -> None:
    parameters = []
    for entry in operation.get("parameters", ()):
        parameter = _resolved(entry, root)
        if parameter["in"] == "body":
            content = {"application/json": {"schema": parameter["schema"]}}
            operation["requestBody"] = {"required": parameter.get("required", False), "content": content}
        else:
            schema = {name: parameter[name] for name in ("type", "enum") if name in parameter}
            parameters.append({**parameter, "schema": schema})
    operation["parameters"] = parameters
    for response in operation["responses"].values():
        if "schema" in response:
            response["content"] = {"application/json": {"schema": response.pop("schema")}}


def _resolved(entry: Document, root: Document) -> Document:
    while "$ref" in entry:
        node: Any = root
        for step in entry["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        entry = node
    return entry
