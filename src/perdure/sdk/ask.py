"""A call's request for a task, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.protocol.keys import CacheKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.execution import ErrorInfo, JsonText, TaskState
    from perdure.sdk.scope import OpenTask


class Ask(Struct, eq=False):
    """One call's request for a task, and what came of it: the memo's entry for a key in this execution."""

    operation: str
    name: str
    key: CacheKey
    task_key: str
    identity: object
    params: JsonText | None
    compared: JsonText | None
    params_hash: str | None = None
    state: TaskState | None = None
    task: OpenTask | None = None
    is_settled: bool = False
    is_forgotten: bool = False
    output: JsonText | None = None
    error: ErrorInfo | None = None
    shared: list[Callable[[], None]] | None = None

    def settle(self, output: JsonText | None = None, error: ErrorInfo | None = None) -> None:
        """Say how the task ended, and wake the branches that asked for it meanwhile."""
        self.output = output
        self.error = error
        self.is_settled = True
        if self.shared is not None:
            self.wake()

    def wake(self) -> None:
        """Let the branches look again that wait for the outcome; on the event loop."""
        if self.shared is not None:
            wake, self.shared = self.shared, None
            for one in wake:
                one()
