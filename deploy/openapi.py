"""The OpenAPI 3.1 documents: one for each service, and one for the whole house."""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from importlib import import_module
from typing import Any, cast

from chassis.data.database import Database
from chassis.http.app import create_app
from deploy.services import services

SCHEMAS = "#/components/schemas/"
Document = dict[str, Any]


class NoKeys:
    """Keys of an application that is described and never called."""

    def current(self) -> Any:
        raise LookupError("a description needs no keys")

    renewed = current


def document_of(service: str) -> Document:
    """Describe a service's routes by its own application, which never connects to a database."""
    api = import_module(f"{service}.api").api
    app = create_app(service, api, database=Database("postgresql://nowhere", name="description"), keys=NoKeys())
    with app.app_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*has already been added to the spec", category=UserWarning)
        return prepare_for_readers(deepcopy(cast("Document", app.spec)))


def prepare_for_readers(document: Document) -> Document:
    """Prepare a document for readers outside.

    It has one origin and no routes for operators (`/livez`). Its patterns are ones that every language reads. Answers may get more fields.
    """
    document = {"openapi": document["openapi"]} | document
    document["info"] |= {
        "description": "See README.md and docs/flow.md for roles and order of calls.",
        "license": {"name": "Apache-2.0"},
    }
    document["servers"] = [{"url": "/"}]
    document["paths"] = {path: item for path, item in document["paths"].items() if any(map(_is_operation, item.values()))}
    _merge_twins(document)
    asked = _reached(document, _requests(document))
    for name, schema in document["components"]["schemas"].items():
        if name not in asked and schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
    for node in _nodes(document):
        if str(node.get("pattern", "")).endswith(r"\Z"):
            node["pattern"] = "^" + node["pattern"].removesuffix(r"\Z") + "$"
    document["components"]["schemas"] = dict(sorted(document["components"]["schemas"].items()))
    return document


def merge_documents(documents: Mapping[str, Document]) -> Document:
    """Merge the documents of all services. Schemas that differ under one name get their service's name as a prefix.

    Raises `ValueError` when two services name an operation alike.
    """
    contents: dict[str, set[str]] = {}
    for document in documents.values():
        for name in document["components"]["schemas"]:
            contents.setdefault(name, set()).add(_content(document, name))
    whole: Document = {}
    for service, original in documents.items():
        names = {name: service.capitalize() + name for name, found in contents.items() if len(found) > 1}
        document = _renamed(original, names)
        if not whole:
            whole = document | {"info": document["info"] | {"title": "Duijie 对接"}}
            continue
        if twice := _operations(whole) & _operations(document):
            raise ValueError(f"{service}: {', '.join(sorted(twice))} is the name of another service's operation too")
        whole["tags"] += document["tags"]
        whole["paths"] |= document["paths"]
        whole["components"]["schemas"] |= document["components"]["schemas"]
    whole["components"]["schemas"] = dict(sorted(whole["components"]["schemas"].items()))
    return whole


def build_house_document() -> Document:
    """Make the document of the whole house."""
    return merge_documents({name: document_of(name) for name, service in services().items() if service.answers})


def _merge_twins(document: Document) -> None:
    """Merge schemas that apispec numbered (`NoticeOut1`) although they equal the one without a number."""
    schemas = document["components"]["schemas"]
    twins = {name: re.sub(r"\d+$", "", name) for name in schemas}
    twins = {name: plain for name, plain in twins.items() if plain != name and schemas.get(plain) == schemas[name]}
    document.update(_renamed(document, twins))


def _renamed(document: Document, names: Mapping[str, str]) -> Document:
    text = json.dumps(document, ensure_ascii=False)
    found: Document = json.loads(
        re.sub(rf'"{SCHEMAS}([^"]+)"', lambda match: f'"{SCHEMAS}{names.get(match[1], match[1])}"', text),
    )
    found["components"]["schemas"] = {names.get(name, name): schema for name, schema in found["components"]["schemas"].items()}
    return found


def _content(document: Document, name: str) -> str:
    """The text of a schema and of all schemas that it refers to."""
    reached = {one: document["components"]["schemas"][one] for one in _reached(document, document["components"]["schemas"][name])}
    return json.dumps([document["components"]["schemas"][name], reached], sort_keys=True)


def _requests(document: Document) -> list[Any]:
    return [operation[part] for operation in _each(document) for part in ("requestBody", "parameters") if part in operation]


def _reached(document: Document, start: Any) -> set[str]:
    """The names of the schemas that `start` refers to, directly or not."""
    found: set[str] = set()
    open_nodes = [start]
    while open_nodes:
        for node in _nodes(open_nodes.pop()):
            name = str(node.get("$ref", "")).removeprefix(SCHEMAS)
            if name and name not in found:
                found.add(name)
                open_nodes.append(document["components"]["schemas"][name])
    return found


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(below)


def _each(document: Document) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from filter(_is_operation, path.values())


def _is_operation(node: Any) -> bool:
    return isinstance(node, dict) and "operationId" in node


def _operations(document: Document) -> set[str]:
    return {operation["operationId"] for operation in _each(document)}
