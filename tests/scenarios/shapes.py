"""Types that results are annotated with; at module level, where annotations find them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field


class Photo:
    """Something that JSON has no form for."""


class Shot(BaseModel):
    image: str
    width: int = 1


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mood(StrEnum):
    GLAD = "glad"


class Money(BaseModel):
    model_config = ConfigDict(frozen=True)

    amount: Decimal
    currency: str = "EUR"


class Order(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    order_id: int = Field(alias="orderId")
    placed_at: datetime = Field(alias="placedAt")
    total: Money
    tags: set[str] = set()
    note: str | None = None


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: list[str] = []


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


@dataclass
class Point:
    x: float
    y: float
    label: str = ""


@dataclass(frozen=True)
class Path2D:
    points: tuple[Point, ...]
    closed: bool = False
    meta: dict[str, Any] = field(default_factory=dict)


class Row(msgspec.Struct, frozen=True, rename="camel"):
    row_id: int
    seen_at: datetime | None = None


class Profile(TypedDict):
    name: str
    born: date
    nick: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str


VALUES: list[tuple[Any, Any]] = [
    (None, None),
    (bool, True),
    (int, 2**70),
    (int, -1),
    (float, 1.0),
    (float, 1e-320),
    (float, -0.0),
    (str, "naïve 🕐 \x00 end"),
    (str, "lone \ud800 surrogate"),
    (bytes, bytes(range(256))),
    (date, date(2024, 2, 29)),
    (datetime, datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)),
    (datetime, datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
    (datetime, datetime(2024, 2, 29, 12, 30)),  # noqa: DTZ001 — a result may be naive
    (time, time(23, 59, 59, 999999)),
    (timedelta, timedelta(days=-3, seconds=5, microseconds=7)),
    (timedelta, timedelta(days=400, milliseconds=1)),
    (Decimal, Decimal("0.10")),
    (Decimal, Decimal("12345678901234567890.123456789")),
    (UUID, UUID("12345678-1234-5678-1234-567812345678")),
    (Path, Path("/tmp/with space/file.txt")),
    (Colour, Colour.BLUE),
    (Level, Level.HIGH),
    (Mood, Mood.GLAD),
    (list[int], [1, 2, 3]),
    (list[Colour], [Colour.RED, Colour.RED]),
    (tuple[int, str, None], (1, "two", None)),
    (tuple[int, ...], (1, 2, 3)),
    (tuple[()], ()),
    (set[int], {3, 1, 2}),
    (frozenset[str], frozenset({"a", "b"})),
    (set[tuple[int, int]], {(1, 2), (3, 4)}),
    (dict[str, datetime], {"at": datetime(2024, 1, 1, tzinfo=UTC)}),
    (dict[int, str], {1: "one", 2: "two"}),
    (dict[UUID, Decimal], {UUID(int=1): Decimal("1.50")}),
    (dict[date, list[Path]], {date(2024, 1, 1): [Path("a"), Path("b")]}),
    (dict[Colour, int], {Colour.RED: 1}),
    (OrderedDict[str, int], OrderedDict(b=1, a=2)),
    (int | None, None),
    (int | str, "5"),
    (int | str, 5),
    (float | int, 5),
    (date | str, "2024-01-01x"),
    (Literal["a", 1, True], 1),
    (Point, Point(1.0, 2.5, "p")),
    (Path2D, Path2D((Point(0.0, 0.0), Point(1.0, 1.0)), True, {"n": [1, {"deep": None}]})),
    (Row, Row(5, datetime(2024, 1, 1, tzinfo=UTC))),
    (list[Row], [Row(1), Row(2)]),
    (Profile, {"name": "Ada", "born": date(1815, 12, 10)}),
    (Pair, Pair(1, "r")),
    (dict[str, Pair], {"p": Pair(1, "r")}),
    (Money, Money(amount=Decimal("10.50"))),
    (
        Order,
        Order(orderId=7, placedAt=datetime(2024, 1, 1, tzinfo=UTC), total=Money(amount=Decimal("1")), tags={"a"}),
    ),
    (list[Pet], [Cat(lives=3), Dog(tricks=["sit"])]),
    (tuple[Money, Colour] | None, (Money(amount=Decimal("2.00")), Colour.RED)),
    (dict[str, Any], {"a": [1, 2.5, None, {"b": "c"}]}),
    (Any, {"a": [1, 2.5, None, True, "text"]}),
]
"""Annotations, with a value of each that must come back equal and of the same type."""
