"""What a server and a worker say to each other: actions of an app, carried by a connection that the app has opened.

`api_json` gives their JSON, as that of every route of a node's own API.
"""

from __future__ import annotations

from msgspec import Struct

from perdure.protocol.json_text import JsonText


class WorkerCall(Struct, frozen=True, gc=False):
    """An action that the worker is to do (v2 protocol, section 3).

    Attributes:
        id: Names it in the answer.
        headers: Names in lower case.
        body: The body, if that is JSON.
        raw: The body in base 64, if it is not.
    """

    id: int
    headers: dict[str, str]
    body: JsonText | None = None
    raw: str | None = None


class WorkerReady(Struct, frozen=True, gc=False):
    """The worker's jobs are registered, and it is given their runs."""

    jobs: int


class WorkerAbort(Struct, frozen=True, gc=False):
    """The worker is to stop what it executes of a run, or to forget it: it was cancelled, or is executed elsewhere."""

    run: str


class WorkerResolve(Struct, frozen=True, gc=False):
    """Waits of an execution at work are over; ``tasks``: a list of `perdure.protocol.messages.execution.KnownTask`."""

    run: str
    epoch: int
    tasks: JsonText


class WorkerWithdrawal(Struct, frozen=True, gc=False):
    """The worker is not to do an action that it was given: it did not begin with it for too long."""

    id: int


class WorkerAnswer(Struct, frozen=True, gc=False):
    """The answer to an action, from a worker that is named by the id it has given itself."""

    worker: str
    id: int
    status: int
    headers: dict[str, str]
    body: JsonText | None = None


class WorkerAnswers(Struct, frozen=True, gc=False):
    """Answers to any number of actions."""

    answers: list[WorkerAnswer]


class WorkerBeat(Struct, frozen=True, gc=False):
    """A sign of life.

    Attributes:
        worker: The id that the worker has given itself.
        draining: Whether it is to be given no more runs.
        taken: The last action that its event loop has taken from the connection; ``None``: it does not say.
    """

    worker: str
    draining: bool = False
    taken: int | None = None


class WorkerKnown(Struct, frozen=True, gc=False):
    """Whether the worker is connected, as far as the server knows."""

    known: bool
