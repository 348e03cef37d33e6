"""What every message type keeps to."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Struct

from perdure.protocol import messages
from perdure.protocol.messages.errors import ErrorAnswer


def message_types() -> list[type[Struct]]:
    found: dict[str, type[Struct]] = {}
    for module in pkgutil.iter_modules(messages.__path__):
        loaded = importlib.import_module(f"{messages.__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == loaded.__name__:
                found[value.__name__] = value
    return list(found.values())


@pytest.mark.parametrize("kind", message_types(), ids=lambda kind: kind.__name__)
class TestEveryMessageType:
    def test_it_cannot_be_changed(self, kind: type[Struct]) -> None:
        assert kind.__struct_config__.frozen

    def test_its_wire_names_have_no_underscore(self, kind: type[Struct]) -> None:
        allowed = {"request_id"} if kind is ErrorAnswer else set[str]()
        assert {name for name in kind.__struct_encode_fields__ if "_" in name} == allowed

    def test_its_dates_are_instants(self, kind: type[Struct]) -> None:
        plain = [field.name for field in msgspec.structs.fields(kind) if _mentions(field.type, datetime)]
        assert plain == []

    def test_an_optional_member_is_absent_unless_it_is_set(self, kind: type[Struct]) -> None:
        wrong = [
            field.name
            for field in msgspec.structs.fields(kind)
            if _mentions(field.type, msgspec.UnsetType) and field.default is not UNSET
        ]
        assert wrong == []

    def test_a_nullable_member_that_may_not_be_absent_must_be_given(self, kind: type[Struct]) -> None:
        wrong = [
            field.name
            for field in msgspec.structs.fields(kind)
            if _mentions(field.type, type(None)) and not _mentions(field.type, msgspec.UnsetType) and not field.required
        ]
        assert wrong == []


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(each, wanted) for each in getattr(annotation, "__args__", ()))
