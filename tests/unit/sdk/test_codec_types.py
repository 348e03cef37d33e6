from __future__ import annotations

import dataclasses
import enum
import ipaddress
import sys
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.protocol.json_text import load
from perdure.sdk.codec import codec_for

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Unit(enum.StrEnum):
    KG = "kg"


@dataclasses.dataclass(frozen=True)
class Address:
    street: str
    since: date


@dataclasses.dataclass(slots=True, kw_only=True)
class Person:
    name: str
    address: Address | None = None
    tags: set[str] = dataclasses.field(default_factory=set)
    photo: bytes = b""
    visits: int = dataclasses.field(default=0, init=False)


class Point(NamedTuple):
    x: int
    at: datetime


class Options(TypedDict, total=False):
    depth: int
    since: date


class User(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)

    user_id: int = pydantic.Field(alias="userId")
    joined: datetime
    balance: Decimal = Decimal(0)
    friends: frozenset[int] = frozenset()

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def label(self) -> str:
        return f"user {self.user_id}"


class Closed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    width: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.width**2


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]
    next: str | None = None


class Receipt(msgspec.Struct, rename="camel"):
    order_id: str
    paid_at: datetime
    lines: list[tuple[str, int]] = []


class Refund(msgspec.Struct, tag="refund"):
    amount: Decimal


class Charge(msgspec.Struct, tag="charge"):
    amount: Decimal


class Sale(msgspec.Struct):
    buyer: User
    folder: Path


NOON = datetime(2024, 5, 6, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))

VALUES: list[tuple[Any, Any]] = [
    (None, None),
    (bool, True),
    (int, 2**80),
    (float, 0.1),
    (str, 'a "quoted" \x00 \u2028 🧑'),
    (dict, {"a": [1, None, {"b": 2.5}]}),
    (list, [1, "a", None]),
    (dict[str, list[int]], {"a": [1, 2]}),
    (int | None, 3),
    (Any, {"a": [1]}),
    (object, [1, "a"]),
    (tuple, (1, "a")),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set, {1, 2}),
    (set[date], {date(2024, 1, 1), date(2024, 1, 2)}),
    (frozenset[str], frozenset({"a"})),
    (deque[int], deque([1, 2])),
    (dict[int, str], {1: "a", 2: "b"}),
    (dict[date, Decimal], {date(2024, 1, 1): Decimal("1.50")}),
    (Sequence[int], [1, 2]),
    (Mapping[str, int], {"a": 1}),
    (date, date(2024, 2, 29)),
    (datetime, NOON),
    (datetime, datetime(2024, 5, 6, 12, 30)),  # noqa: DTZ001
    (time, time(23, 59, 59, 999999)),
    (time, time(12, 0, tzinfo=UTC)),
    (timedelta, timedelta(days=-3, microseconds=1)),
    (list[timedelta], [timedelta.max, timedelta.min, timedelta(0)]),
    (Decimal, Decimal("1.50")),
    (UUID, UUID(int=2**127)),
    (list[UUID], [UUID(int=0)]),
    (bytes, b"\x00\xff\xfe"),
    (list[bytes], [b"", b"\xff?>"]),
    (Path, Path("a/b.txt")),
    (PurePosixPath, PurePosixPath("/a")),
    (Color, Color.BLUE),
    (list[Color], [Color.RED, Color.BLUE]),
    (dict[Color, int], {Color.RED: 1}),
    (Level, Level.HIGH),
    (Rights, Rights.READ | Rights.WRITE),
    (Unit, Unit.KG),
    (complex, 1 + 2j),
    (ipaddress.IPv4Address, ipaddress.IPv4Address("10.0.0.1")),
    (Literal["a", 1, None], "a"),
    (Annotated[int, pydantic.Field(gt=3)], 4),
    (Annotated[list[int], "a note", ["not hashable"]], [1]),
    (int | str, "5"),
    (str | int, 5),
    (int | float, 5.0),
    (date | str, date(2024, 1, 1)),
    (Address, Address("Main Street", date(2024, 1, 1))),
    (list[Address], [Address("Main Street", date(2024, 1, 1))]),
    (Person, Person(name="Ann", address=Address("x", date(2024, 1, 1)), tags={"a", "b"}, photo=b"\xff\x00")),
    (Person | None, None),
    (Point, Point(1, NOON)),
    (dict[str, Point], {"p": Point(1, NOON)}),
    (Options, {"depth": 3, "since": date(2024, 1, 1)}),
    (list[Options], [{}, {"depth": 1}]),
    (User, User(userId=3, joined=NOON, balance=Decimal("2.10"), friends=frozenset({1, 2}))),
    (list[User], [User(userId=3, joined=NOON)]),
    (Address | User, User(userId=3, joined=NOON)),
    (Closed, Closed(width=3)),
    (Page[Address], Page[Address](items=[Address("x", date(2024, 1, 1))])),
    (Page[User], Page[User](items=[User(userId=3, joined=NOON)], next="2")),
    (Receipt, Receipt("o1", NOON, [("a", 1)])),
    (list[Receipt], [Receipt("o1", NOON)]),
    (dict[str, Receipt | None], {"a": None, "b": Receipt("o1", NOON)}),
    (Refund | Charge, Charge(Decimal("9.99"))),
    (tuple[Receipt, date], (Receipt("o1", NOON), date(2024, 1, 1))),
    (Sale, Sale(User(userId=3, joined=NOON), Path("a"))),
]


def _same(left: Any, right: Any) -> bool:
    """Compare values and the types of all their parts; a tuple is not a list, 1 is not True."""
    if type(left) is not type(right) or left != right:
        return False
    if isinstance(left, (list, tuple, deque)):
        return all(map(_same, left, right))
    if isinstance(left, dict):
        return all(_same(left[key], right[key]) for key in left)
    return True


@pytest.mark.parametrize(("annotation", "value"), VALUES, ids=lambda value: repr(value)[:50])
def test_a_value_comes_back_equal_and_of_equal_type_at_once_and_on_every_replay(annotation: Any, value: Any) -> None:
    text, first = codec_for(annotation).store(value)
    replays = [codec_for(annotation).decode(text) for _ in range(2)]
    assert _same(first, value)
    assert _same(replays[0], first)
    assert _same(replays[1], first)
    assert _same(codec_for(annotation).decode(codec_for(annotation).encode(first)), value)


def test_models_are_written_by_alias_and_without_what_is_computed() -> None:
    text, _ = codec_for(User).store(User(userId=3, joined=NOON))
    assert load(text).keys() == {"userId", "joined", "balance", "friends"}
    text, _ = codec_for(Receipt).store(Receipt("o1", NOON))
    assert load(text).keys() == {"orderId", "paidAt", "lines"}


def test_a_naive_datetime_stays_naive_and_an_aware_one_aware() -> None:
    for annotation in (datetime, list[datetime], tuple[datetime], Annotated[datetime, "when"]):
        wrap = {list[datetime]: lambda value: [value], tuple[datetime]: lambda value: (value,)}.get(
            annotation, lambda value: value
        )
        for value in (NOON, NOON.replace(tzinfo=None)):
            assert codec_for(annotation).store(wrap(value))[1] == wrap(value)


def test_an_integral_float_stays_a_float_and_an_int_for_a_float_becomes_one() -> None:
    for annotation in (float, list[float], tuple[float], int | float):
        value: Any = 1.0 if annotation in (float, int | float) else annotation.__origin__([1.0])
        assert _same(codec_for(annotation).store(value)[1], value)
    assert _same(codec_for(float).store(1)[1], 1.0)


def test_a_subclass_of_a_plain_type_comes_back_as_the_annotated_one() -> None:
    assert _same(codec_for(str).store(Unit.KG)[1], "kg")
    assert _same(codec_for(int).store(Level.HIGH)[1], 2)
    assert _same(codec_for(dict).store(OrderedDict(b=1, a=2))[1], {"b": 1, "a": 2})
    assert _same(codec_for(dict[str, int]).store(OrderedDict(b=1))[1], {"b": 1})


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        ({1, 2}, [1, 2]),
        (date(2024, 1, 1), "2024-01-01"),
        (NOON, "2024-05-06T12:30:15.123456+02:00"),
        (timedelta(days=1, seconds=5), "P1DT5S"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\xff?>", "/z8+"),
        (Path("a/b"), "a/b"),
        (Color.RED, "red"),
        (Level.LOW, 1),
        ({1: "a"}, {"1": "a"}),
        (Address("x", date(2024, 1, 1)), {"street": "x", "since": "2024-01-01"}),
        (Receipt("o1", NOON), {"orderId": "o1", "paidAt": "2024-05-06T12:30:15.123456+02:00", "lines": []}),
        ({"user": Closed(width=2)}, {"user": {"width": 2, "area": 4}}),
        (Point(1, NOON), [1, "2024-05-06T12:30:15.123456+02:00"]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
    ],
    ids=repr,
)
def test_without_an_annotation_a_value_comes_back_as_its_json(value: Any, plain: Any) -> None:
    text, first = codec_for(Any).store(value)
    assert _same(first, plain)
    assert _same(codec_for(Any).decode(text), plain)


def test_annotations_that_are_equal_but_differ_in_order_are_not_confused() -> None:
    text = codec_for(Any).encode("2024-01-01")
    assert (date | str) == (str | date)
    assert codec_for(date | str).decode(text) == date(2024, 1, 1)
    assert codec_for(str | date).decode(text) == "2024-01-01"
    assert _same(codec_for(list[Literal[1]]).decode(codec_for(Any).encode([1])), [1])
    assert _same(codec_for(list[Literal[True]]).decode(codec_for(Any).encode([True])), [True])


def test_the_plain_codec_says_so_and_any_codec_reads_plain_json() -> None:
    assert codec_for(Any).is_plain
    assert codec_for(object).is_plain
    assert not codec_for(dict).is_plain
    text = codec_for(User).encode(User(userId=3, joined=NOON))
    assert codec_for(User).plain(text)["userId"] == 3


def test_a_codec_is_made_once_for_each_type() -> None:
    for annotation in (User, list[User], Annotated[int, pydantic.Field(gt=3)], dict[str, int]):
        assert codec_for(annotation) is codec_for(annotation)
    unhashable = Annotated[int, ["x"]]
    assert codec_for(unhashable) is codec_for(unhashable)


def test_json_types_and_dates_do_not_load_pydantic() -> None:
    program = (
        "import sys; from typing import Any; from datetime import datetime; from uuid import UUID;"
        "from perdure.sdk.codec import codec_for;"
        "[codec_for(one).store(value) for one, value in [(Any, {}), (dict[str, Any], {}), (int, 1),"
        " (datetime, datetime.now()), (UUID, UUID(int=1)), (int | None, 1)]];"
        "print('pydantic' in sys.modules)"
    )
    assert _run(program) == "False"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
AWARE = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=OFFSETS)  # noqa: DTZ001


@given(JSON)
def test_any_json_comes_back_as_it_was(value: Any) -> None:
    text, first = codec_for(Any).store(value)
    assert _same(first, value)
    assert _same(codec_for(Any).decode(text), value)


@given(st.dictionaries(st.text(), st.lists(st.integers() | st.none())))
def test_any_typed_json_comes_back_as_it_was(value: dict[str, list[int | None]]) -> None:
    text, first = codec_for(dict[str, list[int | None]]).store(value)
    assert _same(first, value)
    assert _same(codec_for(dict[str, list[int | None]]).decode(text), value)


@given(st.tuples(AWARE, st.datetimes(), st.timedeltas(), st.times(), st.dates(), st.binary(), st.uuids()))
def test_any_instant_duration_and_bytes_come_back_as_they_were(values: tuple[Any, ...]) -> None:
    for value in values:
        for annotation, wrapped in ((type(value), value), (tuple[type(value)], (value,))):
            text, first = codec_for(annotation).store(wrapped)
            assert first == wrapped
            assert codec_for(annotation).decode(text) == first
            assert codec_for(annotation).encode(first) == text


@given(st.decimals(allow_nan=False, allow_infinity=False), st.text(), st.sets(st.text()), st.binary())
def test_any_dataclass_comes_back_as_it_was(number: Decimal, name: str, tags: set[str], photo: bytes) -> None:
    person = Person(name=name, tags=tags, photo=photo)
    text, first = codec_for(tuple[Person, Decimal]).store((person, number))
    assert first == (person, number)
    assert codec_for(tuple[Person, Decimal]).decode(text) == first


def _run(program: str) -> str:
    import subprocess

    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
