"""The description of the HTTP side for callers: OpenAPI 3.1, made from its operations and their types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from engine import VERSION
from engine.api.call import JSON, PAGE, PROBLEM, Operation, Problem

_REFERENCE = "#/components/schemas/{name}"
_KEY = {"type": "apiKey", "in": "header", "name": "x-functions-key", "description": "A key of the function app."}
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Entra's token with the application role, where the app wants one in a key's place.",
}
_REFUSED = "No key or a wrong one: the Functions host says so before Vizsla is asked."
_HEADERS: Mapping[int, Mapping[str, Any]] = {
    202: {"Location": "Where the answer will be.", "Retry-After": "Seconds."},
    429: {"Retry-After": "Seconds."},
}


def description(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document."""
    operations = tuple(operations)
    bodies = {kind for each in operations for kind in _kinds(each) if _is_named(kind)}
    kinds = sorted(bodies, key=lambda kind: str(kind.__name__))
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vizsla",
            "version": VERSION,
            "summary": "Hunts over Microsoft Defender, asked on demand",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "https://YOUR-APP.azurewebsites.net"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"key": _KEY, "token": _TOKEN},
        },
    }


def _kinds(operation: Operation) -> Iterator[Any]:
    yield operation.request
    for kinds in operation.answers.values():
        yield from _each(kinds)


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": [] if operation.is_open else [{"key": []}, {"token": []}],
        "parameters": [
            *(_parameter(name, "path", {"type": "string"}) for name in re.findall(r"\{(\w+)\}", operation.path)),
            *(_parameter(name, "query", schema) for name, schema in operation.query.items()),
            *(_parameter(name, "header", schema) for name, schema in operation.headers.items()),
        ],
        "responses": _answers(operation),
    }
    if operation.request:
        described["requestBody"] = {"content": {JSON: {"schema": _schema(operation.request)}}}
    return described


def _answers(operation: Operation) -> dict[str, Any]:
    described = {str(status): _answer(status, kind) for status, kind in operation.answers.items()}
    refused = {} if operation.is_open else {"401": {"description": _REFUSED}}
    return dict(sorted({**described, **refused}.items()))


def _parameter(name: str, place: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    said = {"description": schema["description"]} if "description" in schema else {}
    bare = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": place, "required": place == "path", **said, "schema": bare}


def _answer(status: int, kinds: Any) -> dict[str, Any]:
    headers = {
        name: {"description": said, "schema": {"type": "string"}} for name, said in _HEADERS.get(status, {}).items()
    }
    content = dict(map(_content, _each(kinds)))
    return {"description": HTTPStatus(status).phrase, **({"headers": headers} if headers else {}), "content": content}


def _content(kind: Any) -> tuple[str, Mapping[str, Any]]:
    if kind is None:
        return PAGE.partition(";")[0], {"schema": {"type": "string"}}
    return PROBLEM if kind is Problem else JSON, {"schema": _schema(kind)}


def _each(kinds: Any) -> tuple[Any, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _schema(kind: Any) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)} if _is_named(kind) else {"type": "object"}


def _is_named(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
