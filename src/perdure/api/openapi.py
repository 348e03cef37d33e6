"""The document that describes the routes: made from the routes themselves and from the types they take and answer."""

from __future__ import annotations

import re
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import msgspec

from perdure.api.answers import perdure_version
from perdure.protocol.api_json import wire_type
from perdure.protocol.messages.errors import ErrorAnswer
from perdure.protocol.messages.instant import Instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.api.routes import Parameter, Route

_PART = re.compile(r"{(\w+)}")
_JSON = "application/json"
_MESSAGES = "perdure.protocol.messages"
_SENTENCES = {
    400: "The body is no acceptable JSON.",
    401: "There is no key, or an unknown one.",
    403: "A public key may not ask this.",
    404: "There is no such thing in this environment.",
    408: "It has not happened within that time.",
    409: "It cannot be done any more.",
    413: "The body is too large.",
    415: "The body has another Content-Type.",
    422: "Something does not fit; issues says what.",
    501: "This server does not do that.",
    503: "It cannot be done now; ask again.",
}
_ALWAYS = (422, 503)
_OF_KEYS = (401, 403)
_OF_BODIES = (400, 408, 413, 415)


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Make the OpenAPI document of these routes."""
    own = [route for route in routes if not route.has_v2_form and route.content_type == _JSON]
    schema_of, components = _schemas([*_kinds(own), ErrorAnswer], "{name}")
    # Messages of the v2 protocol have the names of others, and so has what is no JSON.
    for name, others in (
        ("v2.{name}", [route for route in routes if route.has_v2_form]),
        ("packed.{name}", [route for route in routes if route.content_type != _JSON]),
    ):
        schemas, named = _schemas(_kinds(others), name)
        schema_of, components = schemas | schema_of, components | named
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "perdure", "version": perdure_version(), "description": "The API of a perdure node."},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _kinds(routes: Sequence[Route]) -> list[Any]:
    kinds = [_wire(kind, route) for route in routes for kind in (route.answer, route.body) if _is_described(kind)]
    return [*kinds, *[parameter.kind for route in routes for parameter in route.query]]


def _schemas(kinds: Sequence[Any], name: str) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Give the schema of each type, and those that they refer to."""
    types = list(dict.fromkeys(kinds))
    reference = f"#/components/schemas/{name}"
    schemas, components = msgspec.json.schema_components(types, schema_hook=_schema_of, ref_template=reference)
    named = {name.format(name=key): schema for key, schema in components.items()}
    return dict(zip(types, schemas, strict=True)), named


def _operation(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    error = {_JSON: {"schema": schema_of[ErrorAnswer]}}
    answers: dict[str, Any] = {"200": _answer(route, schema_of)}
    for status in sorted({*route.errors, *_ALWAYS, *(() if route.is_open else _OF_KEYS), *_of_body(route)}):
        answers[str(status)] = {"description": _SENTENCES[status], "content": error}
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [_tag(route)],
        "parameters": [
            *[
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _PART.findall(route.path)
            ],
            *[_parameter(one, schema_of) for one in route.query],
        ],
        "responses": answers,
    }
    if route.body is not None:
        schema: Any = {} if route.body is Any else schema_of[_wire(route.body, route)]
        content = {route.content_type: {"schema": schema}}
        operation["requestBody"] = {"required": not route.may_be_empty, "content": content}
    if route.is_open:
        operation["security"] = []
    return operation


def _answer(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    schema: Any = schema_of[_wire(route.answer, route)] if _is_described(route.answer) else {}
    if route.is_stream:
        sentence = "Events whose data is this: change, and where there is a last one, end."
        return {"description": sentence, "content": {"text/event-stream": {"schema": schema}}}
    return {"description": route.summary, "content": {route.content_type: {"schema": schema}}}


def _of_body(route: Route) -> tuple[int, ...]:
    return () if route.body is None else _OF_BODIES


def _parameter(one: Parameter, schema_of: dict[Any, Any]) -> dict[str, Any]:
    schema = schema_of[one.kind]
    if one.is_repeated:
        schema = {"type": "array", "items": schema}
    return {"name": one.name, "in": "query", "required": False, "description": one.description, "schema": schema}


def _operation_id(route: Route) -> str:
    words = re.sub(r"\W+", "_", f"{route.method.lower()}{route.path.replace('/api', '', 1)}")
    return words.strip("_")


def _tag(route: Route) -> str:
    parts = [part for part in route.path.split("/") if part not in ("", "api")]
    return "v2 protocol" if route.has_v2_form else parts[0]


def _is_described(kind: Any) -> bool:
    return kind is not None and kind is not Any


def _wire(kind: Any, route: Route) -> Any:
    """Give the type that is on the wire; messages of the v2 protocol are that themselves, and what is no JSON."""
    if route.content_type != _JSON:
        return kind
    inner = get_args(kind)[0] if get_origin(kind) in (list, Union, UnionType) else kind
    return kind if inner.__module__.startswith(_MESSAGES) else wire_type(kind)


def _schema_of(kind: type) -> dict[str, Any]:
    if issubclass(kind, Instant):
        return {"type": "string", "format": "date-time"}
    raise TypeError(f"There is no schema of {kind!r}.")
