"""Random programs of the task library, what they must give, and a journal of what their bodies did."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from perdure import IO, Retry, SyncIO, current
from tests.scenarios.errors import PaymentDeclined

Path = tuple[int, ...]


class Op:
    """One step of a program."""


Program = Sequence[Op]


@dataclass(frozen=True)
class Task(Op):
    """A body that returns a number; plain ones run in a thread."""

    value: int
    is_plain: bool = False
    failures: int = 0


@dataclass(frozen=True)
class Broken(Op):
    """A body that fails for good; the program goes on."""

    attempts: int


@dataclass(frozen=True)
class Nested(Op):
    """A body that is a program itself; it may fail at its end a few times first, and may be a plain function."""

    inside: Program
    failures: int = 0
    is_plain: bool = False


@dataclass(frozen=True)
class Wait(Op):
    milliseconds: int


@dataclass(frozen=True)
class Line(Op):
    """A line of the log; its text is that of others too."""

    text: str


@dataclass(frozen=True)
class Branches(Op):
    """Programs at the same time; ``way`` is how they are joined: plain code knows only parallel blocks."""

    way: str
    programs: Sequence[Program]


WAYS = ("gather", "group", "spawn", "parallel", "threads")

_simple = st.one_of(
    st.builds(Task, st.integers(0, 99), st.booleans(), st.integers(0, 2)),
    st.builds(Broken, st.integers(1, 3)),
    st.builds(Wait, st.integers(0, 6)),
    st.builds(Line, st.sampled_from("ab")),
)
_programs = st.recursive(
    st.lists(_simple, min_size=1, max_size=3),
    lambda inner: st.lists(
        st.one_of(
            _simple,
            st.builds(Nested, inner, st.integers(0, 1), st.booleans()),
            st.builds(Branches, st.sampled_from(WAYS), st.lists(inner, min_size=1, max_size=3)),
        ),
        min_size=1,
        max_size=3,
    ),
    max_leaves=12,
)
PROGRAMS = _programs


def expected(program: Program) -> list[Any]:
    """What a program gives."""
    return [_expected_of(op) for op in program]


def _expected_of(op: Op) -> Any:
    match op:
        case Task(value):
            return value
        case Broken():
            return "declined"
        case Nested(inside):
            return expected(inside)
        case Branches(_, programs):
            return [expected(one) for one in programs]
        case _:
            return None


def paths_of(program: Program, kind: type[Op], path: Path = ()) -> list[tuple[Path, Any]]:
    """The steps of a kind in a program, with the paths by which the journal knows them."""
    found: list[tuple[Path, Any]] = []
    for at, op in enumerate(program):
        here = (*path, at)
        if isinstance(op, kind):
            found.append((here, op))
        if isinstance(op, Nested):
            found += paths_of(op.inside, kind, here)
        if isinstance(op, Branches):
            for number, one in enumerate(op.programs):
                found += paths_of(one, kind, (*here, number))
    return found


def blocks_of(program: Program, *, is_plain: bool, path: Path = ()) -> list[tuple[Path, Branches]]:
    """The branches that are parallel blocks, which are tasks: in plain code all are."""
    found: list[tuple[Path, Branches]] = []
    for at, op in enumerate(program):
        here = (*path, at)
        if isinstance(op, Nested):
            found += blocks_of(op.inside, is_plain=op.is_plain, path=here)
        if isinstance(op, Branches):
            if is_plain or op.way in ("parallel", "threads"):
                found.append((here, op))
            for number, one in enumerate(op.programs):
                found += blocks_of(one, is_plain=op.way == "threads", path=(*here, number))
    return found


def has_plain_code(program: Program) -> bool:
    """Whether some of it is performed by plain code, which is never kept in memory while it waits."""
    return any(nested.is_plain for _, nested in paths_of(program, Nested)) or any(
        branches.way == "threads" for _, branches in paths_of(program, Branches)
    )


@dataclass
class Journal:
    """What the bodies of a run did; and where one of them gets stuck.

    Attributes:
        starts: How often each body began.
        ends: How often each body came to its end, with a result or its own exception.
        stuck_at: The number of the body, in the order of their starts, that gets no further.
        stuck: Set when it has been reached.
    """

    starts: Counter[Path] = field(default_factory=Counter)
    ends: Counter[Path] = field(default_factory=Counter)
    stuck_at: int | None = None
    stuck: asyncio.Event = field(default_factory=asyncio.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, path: Path) -> None:
        """Note that a body begins; threads may do so at the same time."""
        with self.lock:
            self.starts[path] += 1

    def end(self, path: Path) -> None:
        """Note that a body has come to its end."""
        with self.lock:
            self.ends[path] += 1

    def begin(self, path: Path) -> bool:
        """Note that an async body begins; whether it is the one that gets stuck."""
        self.start(path)
        if self.stuck_at is None:
            return False
        self.stuck_at -= 1
        return self.stuck_at == 0


class Performance:
    """Performs a program in a run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def perform(self, program: Program, io: IO, path: Path = ()) -> list[Any]:
        return [await self._perform(op, io, (*path, at)) for at, op in enumerate(program)]

    async def _perform(self, op: Op, io: IO, path: Path) -> Any:
        match op:
            case Task(value, is_plain, failures):
                make = plain_body if is_plain else async_body
                body = make(self._journal, path, value, failures)
                return await io.run_task(path, body, retry=_at_once(failures + 1))
            case Broken(attempts):
                try:
                    await io.run_task(path, async_body(self._journal, path, 0, attempts), retry=_at_once(attempts))
                except PaymentDeclined:
                    return "declined"
            case Nested(inside, failures, is_plain):
                body = self.plain.nested(path, inside, failures) if is_plain else self.nested(path, inside, failures)
                return await io.run_task(path, body, retry=_at_once(failures + 1))
            case Wait(milliseconds):
                await io.wait(path, milliseconds / 1000)
            case Line(text):
                await io.logger.info(text)
            case Branches(way, programs):
                return await self._branch(way, programs, io, path)
        return None

    async def _branch(self, way: str, programs: Sequence[Program], io: IO, path: Path) -> list[Any]:
        async def branch(program: Program, number: int) -> list[Any]:
            return await self.perform(program, io, (*path, number))

        if way == "parallel":
            return await io.parallel(path, list(programs), branch)
        if way == "threads":
            return await io.parallel(path, list(programs), self.plain.item_of(path))
        calls = [branch(program, number) for number, program in enumerate(programs)]
        if way == "gather":
            return list(await asyncio.gather(*calls))
        if way == "group":
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(call) for call in calls]
            return [task.result() for task in tasks]
        spawned = [asyncio.create_task(call) for call in calls]
        return [await task for task in spawned]

    @property
    def plain(self) -> PlainPerformance:
        return PlainPerformance(self._journal)

    def item_of(self, path: Path) -> Any:
        async def item(program: Program, number: int) -> list[Any]:
            return await self.perform(program, current().io, (*path, number))

        return item

    def nested(self, path: Path, inside: Program, failures: int) -> Any:
        async def body(task: Any, io: IO) -> list[Any]:
            await begin(self._journal, path)
            result = await self.perform(inside, io, path)
            self._journal.end(path)
            if task.attempt <= failures:
                raise PaymentDeclined(str(path))
            return result

        return body


async def begin(journal: Journal, path: Path) -> None:
    """Begin an async body, which may get stuck."""
    if journal.begin(path):
        journal.stuck.set()
        await asyncio.Event().wait()


def async_body(journal: Journal, path: Path, value: int, failures: int) -> Any:
    async def body(task: Any) -> int:
        await begin(journal, path)
        journal.end(path)
        if task.attempt <= failures:
            raise PaymentDeclined(str(path))
        return value

    return body


def plain_body(journal: Journal, path: Path, value: int, failures: int) -> Any:
    def body(task: Any) -> int:
        # A thread cannot be stopped, so it never gets stuck.
        journal.start(path)
        journal.end(path)
        if task.attempt <= failures:
            raise PaymentDeclined(str(path))
        return value

    return body


class PlainPerformance:
    """Performs a program in a thread of a run: as a plain job, a plain body, or an item of a block."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def perform(self, program: Program, io: SyncIO, path: Path = ()) -> list[Any]:
        return [self._perform(op, io, (*path, at)) for at, op in enumerate(program)]

    def _perform(self, op: Op, io: SyncIO, path: Path) -> Any:
        on_loop = Performance(self._journal)
        match op:
            case Task(value, is_plain, failures):
                make = plain_body if is_plain else async_body
                body = make(self._journal, path, value, failures)
                return io.run_task(path, body, retry=_at_once(failures + 1))
            case Broken(attempts):
                try:
                    io.run_task(path, async_body(self._journal, path, 0, attempts), retry=_at_once(attempts))
                except PaymentDeclined:
                    return "declined"
            case Nested(inside, failures, is_plain):
                body = self.nested(path, inside, failures) if is_plain else on_loop.nested(path, inside, failures)
                return io.run_task(path, body, retry=_at_once(failures + 1))
            case Wait(milliseconds):
                io.wait(path, milliseconds / 1000)
            case Line(text):
                io.logger.info(text)
            case Branches(way, programs):
                item = self.item_of(path) if way == "threads" else on_loop.item_of(path)
                return io.parallel(path, list(programs), item)
        return None

    def item_of(self, path: Path) -> Any:
        def item(program: Program, number: int) -> list[Any]:
            return self.perform(program, current(SyncIO).io, (*path, number))

        return item

    def nested(self, path: Path, inside: Program, failures: int) -> Any:
        def body(task: Any, io: SyncIO) -> list[Any]:
            self._journal.start(path)
            result = self.perform(inside, io, path)
            self._journal.end(path)
            if task.attempt <= failures:
                raise PaymentDeclined(str(path))
            return result

        return body


def _at_once(limit: int) -> Retry:
    return Retry(limit=limit, factor=1, min_timeout=0.001, max_timeout=0.001, randomize=False)
