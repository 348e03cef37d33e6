"""What the supervisor and its node's process tell each other."""

from __future__ import annotations

from msgspec import Struct

GRACE = 5.0
"""For how many seconds executions may go on when a node is to stop."""


class JobState(Struct, frozen=True):
    """A job as it was loaded.

    Attributes:
        version: Its version.
        code: A digest of its code.
        trigger: What starts it, in words.
    """

    version: str
    code: str
    trigger: str


class Loaded(Struct, frozen=True):
    """What of one process the next one goes on from.

    Attributes:
        jobs: The jobs, by id.
        database_url: Where everything is stored.
    """

    jobs: dict[str, JobState] = {}
    database_url: str | None = None


class Assignment(Struct, frozen=True, kw_only=True):
    """What a node's process is to do: the first message to it.

    Attributes:
        target: ``FILE_OR_MODULE[:client]``.
        socket: The descriptor of the socket that listens.
        began: When the cause of it came, by the clock that only goes forward, in seconds.
        is_reload: Whether it follows another one.
        before: What the last process that had loaded the app had of it, or nothing.
        api_key: The key that the JSON API of the process before wanted.
    """

    target: str
    socket: int
    began: float
    is_reload: bool = False
    before: Loaded = Loaded()
    api_key: str | None = None


class Ready(Struct, frozen=True, tag="ready"):
    """The node is at work, and its JSON API wants this key; ``loaded`` is ``None`` if the app could not be."""

    loaded: Loaded | None
    api_key: str


class Refused(Struct, frozen=True, tag="refused"):
    """The node cannot be; the process ends with this status."""

    message: str
    status: int


class Stopped(Struct, frozen=True, tag="stopped"):
    """The node is about to stop in good order.

    Attributes:
        database: Where every run is kept; ``None``: nowhere.
        kept: How many there are that have not ended, in words; ``None``: all have.
    """

    database: str | None
    kept: str | None


Report = Ready | Refused | Stopped
