"""Additions to the OpenAPI document: access rules, versions, idempotency keys, and the schema of problems."""

from collections.abc import Collection
from typing import Any

from chassis.http.auth import STAFF, View
from chassis.http.cookies import ACCESS_COOKIE
from chassis.http.possible_problems import EVERYWHERE, by_status, possible_problems
from chassis.problems import MOST_ERRORS

CONFIG = {
    "OPENAPI_VERSION": "3.1.0",
    "AUTO_VALIDATION_ERROR_RESPONSE": False,
    "AUTO_AUTH_ERROR_RESPONSE": False,
    "AUTO_404_RESPONSE": False,
    "AUTO_OPERATION_SUMMARY": True,
    # An address in the document would be the one that the request's Host header names.
    "AUTO_SERVERS": False,
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; `code` is stable, `title` and `message` follow Accept-Language (zh-CN, en)",
    "required": ["type", "status", "code", "title", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "instance": {"type": "string", "format": "uri", "description": "identifies the request, as `X-Request-Id` does"},
        "code_id": {
            "type": "string",
            "format": "uuid",
            "description": "with `proof_needed`: the code is given back at `/v1/sessions/codes/{code_id}/proof`",
        },
        "errors": {
            "type": "array",
            "maxItems": MOST_ERRORS,
            "description": "the first errors of fields; those of known fields come before unknown fields",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "limit": {
            "type": "object",
            "description": "the limit that the request would have passed: how much is allowed, used and left",
            "required": ["name", "most", "used", "left"],
            "properties": {
                "name": {"type": "string"},
                "most": {"type": "integer"},
                "used": {"type": "integer"},
                "left": {"type": "integer"},
            },
        },
    },
}
_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
A_PROBLEM = {"description": "one of the problems that are named", "content": _CONTENT}
ANY_PROBLEM = {
    "description": "a problem; every address may answer " + ", ".join(f"`{code}`" for code in sorted(kind.code for kind in EVERYWHERE)),
    "content": _CONTENT,
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same key with the same body within 24 hours is carried out once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 100},
}

IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "the `ETag` that the caller saw, or the `version` in quotes, or `*`; 412 when it has changed since",
    "schema": {"type": "string", "example": '"3"'},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "the `ETag` of an earlier answer; 304 when it is unchanged",
    "schema": {"type": "string"},
}
ETAG = {"description": "identifies this answer for If-None-Match, and the version of the thing for If-Match", "schema": {"type": "string"}}
CONTENT_ETAG = {"description": "identifies this answer for If-None-Match", "schema": {"type": "string"}}

_FILES, _TAGGED = "x-files", "x-tagged"
_BYTES = {"schema": {"type": "string", "format": "binary"}}


def record_access(
    route: Any,
    name: str,
    who: Collection[str],
    view: View,
    idempotent: bool,
    second_factor: bool,
    versioned: bool,
    tagged: bool,
    files: Collection[str],
) -> None:
    """Store on the route what `complete` writes into the document."""
    route.access = {"who": sorted(who), "view": view, "idempotent": idempotent}
    route._spec = getattr(route, "_spec", {})
    route._spec["operation_id"] = name
    route._spec["extensions"] = {"x-who": sorted(who) or ["anyone"], "x-view": view, "x-idempotent": idempotent, "x-versioned": versioned}
    route._spec["extensions"]["x-second-factor"] = second_factor and bool(STAFF & {*who})
    route._spec["extensions"][_TAGGED] = tagged
    route._spec["security"] = [{"token": []}, {"cookie": []}] if who else []
    if files:
        route._spec["extensions"][_FILES] = sorted(files)


def complete(document: Any, views: Collection[Any] = ()) -> Any:
    """Complete the generated document: token, tags, the problems that operations may answer, required bodies.

    `views` are the functions of the routes, in which the problems are found.
    """
    by_name = {view._spec.get("operation_id"): view for view in views if hasattr(view, "_spec")}
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": ACCESS_COOKIE,
            "description": "set by signing in with `cookie`; a write needs the `Origin` of one of our pages, else 403 `foreign_origin`",
        },
    }
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {"Problem": A_PROBLEM}
    service = document["info"]["title"].split()[1]
    document["tags"] = [{"name": service}]
    for address, path in document["paths"].items():
        for method, operation in path.items():
            if not isinstance(operation, dict) or "operationId" not in operation:
                continue
            operation["tags"] = [service]
            if method == "get":
                del operation["x-second-factor"]
            operation.setdefault("responses", {})["default"] = ANY_PROBLEM
            if files := operation.pop(_FILES, None):
                operation["requestBody"] = {"content": dict.fromkeys(files, _BYTES)}
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            is_tagged = operation.pop(_TAGGED, False)
            if operation["x-versioned"]:
                _tell_versions(address, method, operation)
            elif is_tagged:
                _tell_tags(operation)
            if method == "post" and operation.get("x-idempotent") and operation.get("security"):
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
            if view := by_name.get(operation["operationId"]):
                _tell_problems(view, method, operation)
    return document


def _tell_problems(view: Any, method: str, operation: dict[str, Any]) -> None:
    """List the codes of problems of an operation by status; `default` has those of every address."""
    for status, codes in by_status(possible_problems(view, method, operation) - EVERYWHERE).items():
        operation["responses"][status] = {"$ref": "#/components/responses/Problem", "description": _listed(codes)}


def _listed(codes: Collection[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _tell_tags(operation: dict[str, Any]) -> None:
    """Describe the `ETag` of a list, and that an unchanged one is not sent again."""
    operation["responses"]["200"]["headers"] = {"ETag": CONTENT_ETAG}
    operation["responses"]["304"] = {"description": "unchanged", "headers": {"ETag": CONTENT_ETAG}}
    operation.setdefault("parameters", []).append(IF_NONE_MATCH)


def _tell_versions(address: str, method: str, operation: dict[str, Any]) -> None:
    """Describe the `ETag` of a response, and the preconditions that a request may state."""
    for answer in operation["responses"].values():
        if "application/json" in answer.get("content", {}):
            answer["headers"] = answer.get("headers", {}) | {"ETag": ETAG}
    parameters = operation.setdefault("parameters", [])
    if method == "get":
        parameters.append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "unchanged", "headers": {"ETag": ETAG}}
    elif "{" in address or method in {"patch", "put"} or "x-same-as" in operation:
        parameters.append(IF_MATCH | {"required": method in {"patch", "put"} or "x-same-as" in operation})
