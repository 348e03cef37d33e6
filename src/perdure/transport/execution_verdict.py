"""What comes of an execution by its answer, whoever has given it, or for want of one (v2 protocol, section 6.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.errors import FetchFailedError, FetchTimeoutError, JsonError
from perdure.protocol.execution import Abandoned, AutoYielded, ErrorInfo, ExecutionResult, Failed
from perdure.protocol.messages.codec import MessageShapeError
from perdure.protocol.messages.headers import RESULT_HEADER
from perdure.transport.app_link import WRONG_KEY, message_of
from perdure.transport.bystanders import TOO_LARGE, is_bystander, too_large
from perdure.transport.execution_answer import result_of
from perdure.transport.native_results import read_result
from perdure.transport.platform_timeouts import is_platform_timeout

if TYPE_CHECKING:
    from perdure.errors import RunError
    from perdure.protocol.outbound import OutboundResponse
    from perdure.transport.app_link import AppLink

FAILURE_LIMIT: Final = 10
"""How many answers in a row may be failures of the endpoint (v2 protocol, section 6.7)."""

_NO_JSON: Final = frozenset({"invalid_json", "invalid_encoding"})


class ProcessLostError(FetchFailedError):
    """What executed a run has died while it did so."""


def read_outcome(answer: OutboundResponse) -> ExecutionResult:
    """Read the result in the answer of an app; what cannot be read is a failure of the run."""
    try:
        if any(name == RESULT_HEADER for name, _ in answer.headers):
            return read_result(answer.body)
        return result_of(answer.body)
    except JsonError as error:
        said = "invalid JSON" if error.reason in _NO_JSON else f"JSON that is not accepted. {error.message}"
        return _endpoint_error(f"Endpoint responded with {said}")
    except MessageShapeError as error:
        return _endpoint_error(f"Endpoint responded with an answer of another shape. {error}")


def verdict_on_silence(error: RunError, url: str, *, is_bounded: bool) -> Abandoned | None:
    """Say what it means for a run that there is no answer to its execution; ``None``: nobody is there.

    Args:
        error: Why there is none.
        url: Where the app is.
        is_bounded: Whether the execution might take only so long.
    """
    if isinstance(error, FetchTimeoutError):
        return Abandoned(error.message, limit=FAILURE_LIMIT)
    if isinstance(error, ProcessLostError):
        return Abandoned(error.message, lost=True)
    if not is_bounded:
        return Abandoned(error.message, no_code=True, is_absent=isinstance(error, FetchFailedError))
    if isinstance(error, FetchFailedError):
        # The client is there already: it has failed.
        from perdure.transport.failures import is_no_answer, was_cut_off

        if was_cut_off(error):
            return Abandoned(f"the connection to {url} ended in the midst of the execution", lost=True)
        if is_no_answer(error):
            return Abandoned(error.message, limit=FAILURE_LIMIT)
    return None


def verdict_on_refusal(answer: OutboundResponse, link: AppLink, *, took_ms: float) -> ExecutionResult:
    """Say what an answer means for a run that is no result of its execution.

    Args:
        answer: The answer.
        link: The way to the app.
        took_ms: How long it took; `AutoYielded` means that the app's platform allows no more.
    """
    message = message_of(answer)
    said = message or link.redirected(answer) or f"Endpoint responded with {answer.status} status code"
    is_foreign = is_bystander(answer, is_native=link.is_signed)
    if is_foreign and answer.status == TOO_LARGE:
        return _endpoint_error(too_large(link.shown_url))
    if message == "Job not found":
        return Abandoned("no code for the job at its endpoint", no_code=True)
    if answer.status == WRONG_KEY and link.is_signed:
        # Of clocks, or of keys that are exchanged: no failure of the run.
        return Abandoned(link.wrong_key(answer), no_code=True)
    if is_foreign and link.is_signed and answer.status < 500 and not is_platform_timeout(answer):
        # It limits requests, or knows no way to the app for now.
        return Abandoned(
            f"What stands before {link.shown_url} answered with status {answer.status}", limit=FAILURE_LIMIT
        )
    if 400 <= answer.status < 500 and (answer.status != 408 or message is not None):
        return _endpoint_error(said)
    if is_platform_timeout(answer):
        return AutoYielded(f"the platform ended the execution after {took_ms / 1000:.0f} s", is_cut=True)
    return Abandoned(said, limit=FAILURE_LIMIT)


def _endpoint_error(said: str) -> Failed:
    return Failed(ErrorInfo("EndpointError", said))
