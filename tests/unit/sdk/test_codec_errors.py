from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from datetime import datetime
from typing import Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from perdure.errors import (
    InvalidArgumentError,
    PayloadValidationError,
    UnserializableOutputError,
    UnsupportedTypeError,
    ValueTooLargeError,
)
from perdure.protocol.execution import JsonText
from perdure.sdk.codec import OUTPUT_LIMIT, codec_for


class Image:
    pass


Image.__module__, Image.__qualname__ = "PIL", "Image"


@dataclasses.dataclass
class Album:
    title: str
    photos: list[Any]


class Profile(pydantic.BaseModel):
    photo: Any = pydantic.Field(default=None, alias="thePhoto")
    score: float = 0.0


class Login(pydantic.BaseModel):
    token: pydantic.SecretStr


class Spoken(pydantic.BaseModel):
    token: pydantic.SecretStr

    @pydantic.field_serializer("token")
    def _speak(self, token: pydantic.SecretStr) -> str:
        return token.get_secret_value()


class Raising(pydantic.BaseModel):
    name: str

    @pydantic.field_serializer("name")
    def _fail(self, name: str) -> str:
        raise RuntimeError(f"cannot write {name}")


class Raw(pydantic.BaseModel):
    data: bytes


class Stored(msgspec.Struct):
    photo: Any


class Pair(enum.Enum):
    BOTH = (1, 2)


class Half(TypedDict):
    count: int


class Counter(msgspec.Struct):
    count: int


def _circle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def _deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (Any, Image(), "result: PIL.Image"),
        (Any, {"user": {"photo": Image()}}, "result.user.photo: PIL.Image"),
        (Any, {"a b": [1, (Image(),)]}, "result['a b'][1][0]: PIL.Image"),
        (Any, {"user": Profile(thePhoto=Image())}, "result.user.thePhoto: PIL.Image"),
        (Any, Album("x", [Image()]), "result.photos[0]: PIL.Image"),
        (Any, [Stored(Image())], "result[0].photo: PIL.Image"),
        (dict[str, Any], {"photo": Image()}, "result.photo: PIL.Image"),
        (dict, {"photo": Image()}, "result.photo: PIL.Image"),
        (Album, Album("x", [1, Image()]), "result.photos[1]: PIL.Image"),
        (list[Profile], [Profile(), Profile(thePhoto={"x": Image()})], "result[1].thePhoto.x: PIL.Image"),
        (Stored, Stored([Image()]), "result.photo[0]: PIL.Image"),
        (Any, (number for number in range(3)), "result: generator"),
        (Any, {"f": len}, "result.f: builtin_function_or_method"),
        (Any, ValueError("x"), "result: ValueError"),
        (Any, {(1, 2): "x"}, "result: a key of type tuple"),
        (Any, math.nan, "result: nan"),
        (Any, {"scores": [1.0, -math.inf]}, "result.scores[1]: -inf"),
        (float, math.nan, "result: nan"),
        (list[float], [1.0, math.inf], "result[1]: inf"),
        (dict[str, float | None], {"a": None, "b": math.nan}, "result.b: nan"),
        (Profile, Profile(score=math.nan), "result.score: nan"),
        (Any, {"p": Profile(score=math.nan)}, "result.p"),
        (Stored, Stored([math.nan]), "result.photo[0]: nan"),
        (Any, _circle(), "nested more than 64 deep, or inside itself"),
        (Any, _deep(65), "nested more than 64 deep"),
        (list, _deep(65), "nested more than 64 deep"),
        (Any, {"a": [{1: "x", "1": "y"}]}, "result.a[0]: two keys are written alike"),
        (dict[str, Any], {1: "x", "1": "y"}, "result: two keys are written alike"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_stored_is_named_by_its_path(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(UnserializableOutputError) as caught:
        codec_for(annotation).store(value)
    assert message in caught.value.message
    assert caught.value.message.startswith("result")


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, "abc", "result: "),
        (int, 1.5, "result: "),
        (None, 5, "result: "),
        (str, 5, "result: "),
        (list[int], [1, "x"], "result[1]: "),
        (dict[str, int], {"a": 1, "b": None}, "result.b: "),
        (dict[str, datetime], {"a": "yesterday"}, "result.a: "),
        (Album, {"title": 3, "photos": []}, "result.title: "),
        (list[Profile], [{"score": "high"}], "result[0].score: "),
        (Stored, {"foto": 1}, "result.photo: Object missing required field `photo`"),
        (list[Stored], [Stored(1), 2], "result[1]: "),
        (Half, {"count": "many"}, "result.count: "),
        (Half, {}, "result"),
        (Pair, Pair.BOTH, "result: "),
        (Literal["a", "b"], "c", "result: "),
        (dict[tuple[int, int], str], {(1, 2): "x"}, "result"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_result_that_no_replay_could_read_is_refused_at_once(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(UnserializableOutputError) as caught:
        codec_for(annotation).store(value)
    assert caught.value.message.startswith(message)
    assert "was to be read as" in caught.value.message


def test_a_value_that_fits_after_conversion_is_stored_as_pydantic_reads_it() -> None:
    assert codec_for(int).store("5")[1] == 5
    assert codec_for(int).store(5.0)[1] == 5
    assert codec_for(list[float]).store([True])[1] == [1.0]


def test_a_secret_is_refused_because_its_value_would_be_lost() -> None:
    with pytest.raises(UnserializableOutputError, match=r"^result\[0\]\.token: a secret type writes asterisks"):
        codec_for(list[Login]).store([Login(token=pydantic.SecretStr("s3cret"))])


def test_a_secret_whose_field_has_a_serializer_is_stored() -> None:
    _, stored = codec_for(Spoken).store(Spoken(token=pydantic.SecretStr("s3cret")))
    assert stored.token.get_secret_value() == "s3cret"


def test_a_serializer_that_raises_is_reported_and_not_replaced() -> None:
    with pytest.raises(UnserializableOutputError, match="cannot write x"):
        codec_for(Raising).store(Raising(name="x"))
    with pytest.raises(UnserializableOutputError, match=r"^result\.r: .*Raising cannot be stored"):
        codec_for(Any).store({"r": Raising(name="x")})


def test_bytes_in_a_model_that_are_not_utf_8_name_the_setting_to_change() -> None:
    with pytest.raises(UnserializableOutputError, match="ser_json_bytes"):
        codec_for(Raw).store(Raw(data=b"\xff"))


def test_another_name_for_the_value_stands_in_the_message() -> None:
    with pytest.raises(UnserializableOutputError, match=r"^payload\.photo: PIL.Image"):
        codec_for(Any).encode({"photo": Image()}, "payload")


def test_keys_that_are_written_alike_are_refused_in_what_is_sent_as_well() -> None:
    with pytest.raises(UnserializableOutputError, match=r"^payload: two keys are written alike"):
        codec_for(Any).encode({1: "x", "1": "y"}, "payload")


def test_a_result_of_exactly_three_mebibytes_is_stored_and_one_byte_more_is_refused() -> None:
    fits = "a" * (OUTPUT_LIMIT - 2)
    assert codec_for(Any).store(fits)[1] == fits
    for annotation in (Any, str, str | int):
        with pytest.raises(ValueTooLargeError, match=r"^result is 3,145,729 bytes of JSON; at most 3,145,728"):
            codec_for(annotation).store(fits + "a")


def test_the_limit_counts_bytes_of_utf_8_and_not_characters() -> None:
    with pytest.raises(ValueTooLargeError, match="3,300,002 bytes"):
        codec_for(Any).encode("€" * 1_100_000)
    with pytest.raises(ValueTooLargeError, match=r"^payload is 12 bytes of JSON; at most 11"):
        codec_for(Any).encode("0123456789", "payload", limit=11)


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Image, "PIL.Image|Image"),
        (list[Image], "Image"),
        (Iterable[int], "read once"),
        (dict[str, Iterator[int]], "Iterator"),
        (Generator[int, None, None], "read once"),
        (AsyncIterator[int], "AsyncIterator"),
        (Callable[[], int], "code is not stored"),
        (type[int], "classes are not stored"),
        (list["Nowhere"], "Nowhere"),  # type: ignore[name-defined]  # noqa: F821
        (3, "3"),
        ((int, str), "no type"),
        (len, "no type"),
        (Profile(), "no type"),
    ],
    ids=repr,
)
def test_a_type_that_json_cannot_be_read_as_is_refused_and_names_as_type(annotation: Any, reason: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=reason) as caught:
        codec_for(annotation)
    assert "as_type=" in caught.value.message
    assert isinstance(caught.value, InvalidArgumentError)


def test_a_model_whose_own_annotations_cannot_be_resolved_is_refused() -> None:
    class Model(pydantic.BaseModel):
        other: Nowhere  # type: ignore[name-defined]  # noqa: F821

    @dataclasses.dataclass
    class Data:
        other: Nowhere  # type: ignore[name-defined]  # noqa: F821

    class Structured(msgspec.Struct):
        other: Nowhere  # type: ignore[name-defined]  # noqa: F821

    class Holder(msgspec.Struct):
        photo: Image

    for annotation in (Model, list[Model], Data, Structured, Holder):
        with pytest.raises(UnsupportedTypeError, match="as_type="):
            codec_for(annotation)


def test_stored_text_that_fits_no_longer_says_where() -> None:
    with pytest.raises(PayloadValidationError) as caught:
        codec_for(list[Profile]).decode(JsonText('[{"score": 1}, {"score": "high"}]'))
    assert [(issue.path, issue.message[:31]) for issue in caught.value.issues] == [
        ((1, "score"), "Input should be a valid number,")
    ]
    with pytest.raises(PayloadValidationError) as caught:
        codec_for(list[Counter]).decode(JsonText('[{"count": 1}, {"count": "x"}]'))
    assert [(issue.path, issue.message) for issue in caught.value.issues] == [
        ((1, "count"), "Expected `int`, got `str`")
    ]


def test_a_lone_surrogate_does_not_make_texts_of_keys_that_are_numbers() -> None:
    class Names(msgspec.Struct):
        by_number: dict[int, str]

    names = Names({1: "a\ud800b"})
    codec = codec_for(Names)
    assert codec.decode(codec.encode(names)) == names


def test_lone_surrogates_survive_every_kind_of_codec() -> None:
    class Note(pydantic.BaseModel):
        text: str

    class Memo(msgspec.Struct):
        text: str

    odd = "a\ud800b"
    for annotation, value in (
        (Any, odd),
        (str, odd),
        (dict[str, str], {odd: odd}),
        (Memo, Memo(odd)),
        (Note, Note(text=odd)),
    ):
        text, first = codec_for(annotation).store(value)
        assert first == value
        assert codec_for(annotation).decode(text) == value
        text.encode()
