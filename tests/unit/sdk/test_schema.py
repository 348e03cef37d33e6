from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
import pydantic
import pytest

from perdure.errors import InvalidArgumentError, Issue, PayloadValidationError, UnsupportedTypeError
from perdure.protocol.execution import JsonText
from perdure.sdk.schema import NO_SCHEMA, payload_schema

if TYPE_CHECKING:
    from decimal import Decimal


class NewUser(pydantic.BaseModel):
    id: str
    email: str = pydantic.Field(alias="eMail")
    tags: list[int] = []


@dataclasses.dataclass
class DataUser:
    id: str
    born: date


class StructUser(msgspec.Struct):
    id: str
    born: date


class DictUser(TypedDict):
    id: str
    born: date


class Picky(pydantic.BaseModel):
    id: str

    @pydantic.model_validator(mode="after")
    def _look(self) -> Picky:
        return {}[self.id]  # type: ignore[no-any-return]


class PickyStruct(msgspec.Struct):
    id: str

    def __post_init__(self) -> None:
        raise KeyError(self.id)


async def takes_model(payload: NewUser) -> None: ...
async def takes_any(payload: Any) -> None: ...
async def takes_dict(payload: dict) -> None: ...  # type: ignore[type-arg]
async def takes_json_object(payload: dict[str, Any], io: Any) -> None: ...
async def takes_something(payload) -> None: ...  # type: ignore[no-untyped-def]
async def takes_unknown(payload: Decimal) -> None: ...
async def takes_numbers(payload: dict[str, int]) -> None: ...


class Handler:
    async def run(self, payload: NewUser) -> None: ...
    async def __call__(self, payload: NewUser) -> None: ...


BORN = JsonText('{"id": "u1", "born": "2001-02-03"}')


@pytest.mark.parametrize("function", [takes_model, Handler().run, Handler()])
def test_the_annotation_of_the_payload_is_its_schema(function: Callable[..., Any]) -> None:
    payload = payload_schema(function=function).parse(JsonText('{"id": "u1", "eMail": "a@b.c", "more": 1}'))
    assert payload == NewUser(id="u1", eMail="a@b.c")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (DataUser, DataUser("u1", date(2001, 2, 3))),
        (StructUser, StructUser("u1", date(2001, 2, 3))),
        (DictUser, {"id": "u1", "born": date(2001, 2, 3)}),
        (dict[str, str], {"id": "u1", "born": "2001-02-03"}),
        (DataUser | None, DataUser("u1", date(2001, 2, 3))),
    ],
)
def test_dataclasses_structs_and_typed_dicts_are_schemas_too(schema: Any, value: object) -> None:
    assert payload_schema(schema).parse(BORN) == value


@pytest.mark.parametrize("function", [takes_any, takes_dict, takes_json_object, takes_something, None])
def test_without_a_schema_any_json_is_a_payload(function: Callable[..., Any] | None) -> None:
    schema = payload_schema(function=function)
    assert schema is NO_SCHEMA
    for text, value in (('{"a": [1, null]}', {"a": [1, None]}), ("[1]", [1]), ("null", None), ('"x"', "x")):
        assert schema.parse(JsonText(text)) == value


def test_a_payload_that_does_not_fit_says_where_and_why() -> None:
    with pytest.raises(PayloadValidationError) as caught:
        payload_schema(NewUser).parse(JsonText('{"id": 7, "tags": [1, "x"]}'))
    assert [issue.path for issue in caught.value.issues] == [("id",), ("eMail",), ("tags", 1)]
    assert caught.value.issues[1] == Issue(("eMail",), "Field required")
    assert caught.value.message == "The value does not fit NewUser: id: Input should be a valid string (and 2 more)."


@pytest.mark.parametrize("schema", [DataUser, StructUser, DictUser])
def test_every_kind_of_schema_says_where(schema: Any) -> None:
    with pytest.raises(PayloadValidationError) as caught:
        payload_schema(schema).parse(JsonText('{"id": "u1", "born": "someday"}'))
    assert [issue.path for issue in caught.value.issues] == [("born",)]
    with pytest.raises(PayloadValidationError):
        payload_schema(schema).parse(JsonText("[]"))


@pytest.mark.parametrize("schema", [Picky, PickyStruct])
def test_a_validator_that_raises_something_else_is_an_issue_as_well(schema: Any) -> None:
    with pytest.raises(PayloadValidationError) as caught:
        payload_schema(schema).parse(JsonText('{"id": "u1"}'))
    assert caught.value.issues == (Issue((), "KeyError: 'u1'"),)


@pytest.mark.parametrize("function", [takes_model, takes_any, takes_something])
def test_schema_and_annotation_may_both_be_given_if_they_agree(function: Callable[..., Any]) -> None:
    assert payload_schema(NewUser, function).annotation is NewUser


@pytest.mark.parametrize("function", [takes_dict, takes_numbers, Handler().run])
def test_schema_and_annotation_that_differ_are_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=r"annotated as .+, and the trigger's schema= is DataUser") as caught:
        payload_schema(DataUser, function)
    assert not isinstance(caught.value, UnsupportedTypeError)


def test_with_a_schema_an_annotation_that_cannot_be_resolved_does_not_matter() -> None:
    assert payload_schema(NewUser, takes_unknown).annotation is NewUser


def test_an_annotation_that_cannot_be_resolved_names_the_parameter_and_schema() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"^The annotation of payload in takes_unknown is Decimal") as caught:
        payload_schema(function=takes_unknown)
    assert "schema=" in caught.value.message


def test_what_is_no_type_is_no_schema() -> None:
    for wrong in (NewUser(id="1", eMail="x"), lambda: 1, 5):
        with pytest.raises(UnsupportedTypeError, match="schema="):
            payload_schema(wrong)
