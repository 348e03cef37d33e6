"""What does not fit of a body, on every route that takes one: each place is named, down to the key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from perdure.api.app import all_routes
from tests.api.client import ApiClient
from tests.api.executing import KEY, executing

Schema = dict[str, Any]

NEVER_READ = "/api/v1/token"
"""Refused whatever is asked."""


class Document:
    """The document that describes the API."""

    def __init__(self, members: Any) -> None:
        self._members = members

    def bodies(self) -> Iterator[tuple[str, str, bool, Schema]]:
        """The routes that take JSON of a shape: method, path, whether they are of v2, and the shape."""
        for route in all_routes():
            is_json = route.body not in (None, Any) and route.content_type == "application/json"
            if is_json and not route.is_for_owner and route.path != NEVER_READ:
                operation = self._members["paths"][route.path][route.method.lower()]
                schema = self.resolve(operation["requestBody"]["content"]["application/json"]["schema"])
                yield route.method, route.path, route.has_v2_form, schema

    def resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self._members
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def kinds(self, schema: Schema) -> set[str]:
        """What a member may be; ``any``: anything."""
        schema = self.resolve(schema)
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return set().union(*map(self.kinds, branches))
        if "enum" in schema or "const" in schema:
            return {"enum"}
        kind = schema.get("type", "any")
        return set(kind) if isinstance(kind, list) else {kind}

    def wrong(self, schema: Schema) -> Any:
        """A value that a member cannot have; ``None`` if it may have any."""
        kinds = self.kinds(schema)
        if "any" in kinds:
            return None
        for name, value in (("boolean", True), ("integer", 5), ("array", []), ("object", {})):
            if name not in kinds and not (name == "integer" and "number" in kinds):
                return value
        return "no such text"


async def places(api: ApiClient, method: str, path: str, body: Any) -> list[list[str | int]]:
    """Ask with a body that does not fit; the places that are named."""
    headers = {"Idempotency-Key": KEY, "Trigger-Version": "2023-11-01"}
    answer = await api.send(method, path, json.dumps(body).encode(), **headers)
    assert (answer.status, answer.code) == (422, "invalid_field"), (method, path, body, answer)
    return [issue["path"] for issue in answer.body["issues"]]


async def test_on_every_route_each_place_of_a_body_that_does_not_fit_is_named_down_to_its_key() -> None:
    asked: list[str] = []
    async with executing() as endpoint:
        api = endpoint.api
        document = Document((await api.get("/api/openapi.json")).body)
        for method, path, is_v2, schema in document.bodies():
            url = path.replace("{run_id}", endpoint.run_id).replace("{", "").replace("}", "")
            assert await places(api, method, url, []) == [[]]
            members: dict[str, Schema] = schema.get("properties", {})
            required = [[name] for name in schema.get("required", [])]
            found = await places(api, method, url, {}) if required or not members else []
            if found != required or not members:
                # Of one of several shapes it has to be known first which it is to be.
                assert found in ([["type"]], [["active"]]), (path, found)
                continue
            asked.append(path)
            wrong = {name: document.wrong(member) for name, member in members.items()}
            body = {name: value for name, value in wrong.items() if value is not None}
            if body:
                found = await places(api, method, url, body)
                assert {*map(str, found)} >= {str([name]) for name in body}, (path, body, found)
            if not is_v2:
                assert ["no_such_member"] in await places(api, method, url, {"no_such_member": 1})
    assert len(asked) > 20
