"""`RunHandle`: a run that was invoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from perdure.errors import InvokedRunFailedError
from perdure.protocol.json_text import load
from perdure.protocol.statuses import RunStatus
from perdure.sdk.answers import error_of
from perdure.sdk.current import refuse_in_job
from perdure.sdk.durations import seconds_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import timedelta

    from perdure.protocol.platform import Platform
    from perdure.protocol.runs import RunAnswer, RunEnd
    from perdure.sdk.codec import Codec

T = TypeVar("T")


class RunHandle(Generic[T]):
    """A run that was invoked, by its id.

    Attributes:
        id: The run's id.
    """

    __slots__ = ("_call", "_codec", "id")

    def __init__(
        self,
        run_id: str,
        call: Callable[[Callable[[Platform], Coroutine[Any, Any, Any]]], Awaitable[Any]],
        codec: Codec | None = None,
    ) -> None:
        self.id = run_id
        self._call = call
        self._codec = codec

    def __repr__(self) -> str:
        return f"RunHandle({self.id!r})"

    def _repr_html_(self) -> str:
        # A look at how the run stands would have to be awaited.
        from perdure.sdk.html import handle_html

        return handle_html(self.id)

    async def result(self, *, timeout: float | timedelta | None = None) -> T:
        """Wait for the run's end and return its output.

        Args:
            timeout: How long to wait at most, in seconds or as a ``timedelta``; ``None``: as long as it takes.

        Raises:
            InvalidArgumentError: The time-out is negative or no number.
            InvokedRunFailedError: It did not succeed.
            TimeoutError: It takes longer; the run goes on.
        """
        refuse_in_job("handle.result", "io.run_task with it as the body")
        seconds = None if timeout is None else seconds_of(timeout, what="timeout")
        end: RunEnd = await self._call(lambda platform: platform.wait_for_end(self.id, timeout=seconds))
        output: T = output_of(end, self._codec)
        return output

    async def status(self) -> RunStatus:
        """Look up where the run stands."""
        refuse_in_job("handle.status", "io.run_task with it as the body")
        run: RunAnswer = await self._call(lambda platform: platform.get_run(self.id, take=1))
        return run.status

    async def cancel(self) -> None:
        """Cancel the run; nothing happens if it has ended."""
        refuse_in_job("handle.cancel", "io.run_task with it as the body")
        await self._call(lambda platform: platform.cancel_run(self.id))


def output_of(run: RunEnd, codec: Codec | None) -> Any:
    """Give an ended run's output.

    Raises:
        InvokedRunFailedError: It did not succeed.
    """
    if run.status is not RunStatus.SUCCESS:
        error = error_of(run.error) if run.error is not None else None
        what = f": {run.error.name}: {run.error.message}" if run.error is not None else ""
        raise InvokedRunFailedError(
            f"Run {run.id} of job {run.job_id} ended with {run.status}{what}",
            run_id=run.id,
            status=run.status,
            error=error,
        )
    if run.output is None:
        return None
    return codec.decode(run.output) if codec is not None else load(run.output)
