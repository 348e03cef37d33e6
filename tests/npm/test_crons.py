"""Cron expressions of v2 clients, as the npm package that v2 read them with and the server read them."""

from __future__ import annotations

import json
import os
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.errors import CronNeverFiresError, InvalidCronError
from perdure.protocol.schedules import V2CronTiming, check_timing
from tests.npm.conftest import copied
from tests.unit.protocol.test_v2_cron import NEVER, RECORDED
from tools.node import NODE

SEEDS = range(30 if os.environ.get("PERDURE_PROVE") else 1)
CRONS = 1000
RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = {
    4: ["jan", "Feb", "MAR", "apr", "May", "JUN", "jul", "Aug", "SEP", "oct", "Nov", "DEC"],
    5: ["sun", "Mon", "TUE", "wed", "Thu", "FRI", "sat"],
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(Path(__file__).parent / "crons", tmp_path_factory.mktemp("npm")) / "ticks.cjs"


def ask(program: Path, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask the package for ticks."""
    done = subprocess.run(
        [NODE, program], input=json.dumps(asked), capture_output=True, text=True, timeout=300, check=True
    )
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


def test_what_is_recorded_of_the_package_is_what_it_says(program: Path) -> None:
    asked = [{"cron": row["cron"], "after": row["after"], "count": 4} for row in RECORDED]
    told = ask(program, asked)
    assert [{"ticks": row["ticks"], "error": row["error"]} for row in RECORDED] == told


@pytest.mark.parametrize("seed", SEEDS)
def test_any_cron_ticks_as_the_package_says(program: Path, seed: int) -> None:
    source = random.Random(seed)
    asked = [{"cron": _cron(source), "after": iso(_instant(source)), "count": 4} for _ in range(CRONS)]
    told = ask(program, asked)
    for one, said in zip(asked, told, strict=True):
        assert _ticks(one) == (said["ticks"], _kind(said["error"])), one
    # That many were neither all refused nor all read.
    ticking = sum(not said["error"] for said in told)
    assert CRONS / 4 < ticking < CRONS * 3 / 4


def iso(at: datetime) -> str:
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _ticks(asked: dict[str, Any]) -> tuple[list[str], str | None]:
    timing, at = V2CronTiming(asked["cron"]), datetime.fromisoformat(asked["after"])
    ticks: list[str] = []
    try:
        check_timing(timing)
    except CronNeverFiresError:
        return [], "never"
    except InvalidCronError:
        return [], "invalid"
    for _ in range(asked["count"]):
        tick = timing.following(at)
        assert tick is not None
        at = tick
        ticks.append(iso(tick))
    return ticks, None


def _kind(error: str | None) -> str | None:
    return error and ("never" if error in NEVER else "invalid")


def _instant(source: random.Random) -> datetime:
    seconds, milliseconds = source.randrange(15 * 366 * 86_400), source.choice((0, 0, 0, 1, 500, 999))
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, milliseconds=milliseconds)
    return at.replace(minute=0, second=0, microsecond=0) if source.random() < 0.3 else at


def _cron(source: random.Random) -> str:
    if source.random() < 0.08:
        return "".join(source.choices("0123456789*,-/L?# ", k=source.randint(0, 16)))
    count = source.choices((6, 5, 4, 3, 2, 1, 7), (50, 40, 3, 2, 2, 2, 1))[0]
    fields = [_field(source, place) for place in range(6)[6 - min(count, 6) :]]
    return source.choice(" \t").join([*fields, *["*"] * (count - len(fields))])


def _field(source: random.Random, place: int) -> str:
    if source.random() < 0.3:
        return "*"
    if place == 5 and source.random() < 0.1:
        return f"{_number(source, place)}#{source.randint(0, 6)}"
    field = ",".join(_term(source, place) for _ in range(source.choice((1, 1, 1, 2, 2, 3, 5))))
    if source.random() < 0.06:
        at = source.randrange(len(field) + 1)
        field = field[:at] + source.choice("0123456789*,-/L?#aZ") + field[at + source.randint(0, 1) :]
    return field


def _term(source: random.Random, place: int) -> str:
    kind = source.choices(("last", "any", "number", "range", "step"), (1 if place in (3, 5) else 0, 3, 3, 3, 1))[0]
    if kind == "last":
        return source.choice(("L", "?")) if place == 3 else f"{_number(source, place)}L"
    if kind == "any":
        return source.choice(("*", f"*/{source.randint(1, 20)}"))
    if kind == "number":
        return _number(source, place)
    if kind == "step":
        return f"{_number(source, place)}/{source.randint(0, 9)}"
    low, high = RANGES[place]
    begin, end = sorted(source.sample(range(low, high + 1), 2), reverse=source.random() < 0.05)
    return f"{begin}-{end}" + source.choice(("", f"/{source.randint(1, 9)}"))


def _number(source: random.Random, place: int) -> str:
    if place in NAMES and source.random() < 0.3:
        return source.choice(NAMES[place])
    low, high = RANGES[place]
    number = str(source.randint(low, high + (source.random() < 0.1)))
    return number.zfill(2) if source.random() < 0.1 else number
