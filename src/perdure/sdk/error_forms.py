"""Exceptions that are stored in a form of their own, since their args and members do not make them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from perdure.errors import InvalidArgumentError, InvokedRunFailedError, Issue, PayloadValidationError
from perdure.sdk import records
from perdure.sdk.notifications import results_from, stored_results

E = TypeVar("E", bound=Exception)

_PIECE_LIMIT: Final = 64
_TEXT_LIMIT: Final = 1024**2

_Encode = Callable[[Any], Any]
_Decode = Callable[[Any], Exception]

# An application's classes are known to the whole process, as its modules are.
REGISTERED: Final[dict[tuple[str, str], tuple[type[Exception], _Encode, _Decode]]] = {}


def register_error(cls: type[E], *, encode: Callable[[E], Any], decode: Callable[[Any], E]) -> None:
    """Say how an exception class is stored, for one that is not made again as it should by its args and members.

    Args:
        cls: The class; its subclasses are not meant.
        encode: Makes JSON of an exception.
        decode: Makes the exception of that JSON.

    Raises:
        InvalidArgumentError: ``cls`` is no subclass of ``Exception``, or the others are no functions.
    """
    if not callable(encode) or not callable(decode):
        raise InvalidArgumentError("register_error takes two functions, encode= and decode=.")
    if not isinstance(cls, type) or not issubclass(cls, Exception):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"register_error takes a subclass of Exception, not {cls!r}.")
    REGISTERED[name_of(cls)] = (cls, encode, cast("_Decode", decode))


def name_of(cls: type) -> tuple[str, str]:
    """Name a class as it is stored: its module, and its name there."""
    return cls.__module__, cls.__qualname__


def _encode_unreadable(error: UnicodeDecodeError) -> Any:
    piece = error.object[error.start : error.end]
    return [error.encoding, piece.hex(), error.start, error.end, error.reason] if _is_near(error) else None


def _decode_unreadable(value: Any) -> UnicodeDecodeError:
    encoding, piece, start, end, reason = value
    return UnicodeDecodeError(encoding, bytes(start) + bytes.fromhex(piece), start, end, reason)


def _encode_unwritable(error: UnicodeEncodeError) -> Any:
    piece = error.object[error.start : error.end]
    return [error.encoding, piece, error.start, error.end, error.reason] if _is_near(error) else None


def _decode_unwritable(value: Any) -> UnicodeEncodeError:
    encoding, piece, start, end, reason = value
    return UnicodeEncodeError(encoding, " " * start + piece, start, end, reason)


def _is_near(error: UnicodeDecodeError | UnicodeEncodeError) -> bool:
    """Whether what is kept of the text is small; of one that is not, the description is kept only."""
    return error.start <= _TEXT_LIMIT and error.end - error.start <= _PIECE_LIMIT


def _encode_issues(error: PayloadValidationError) -> Any:
    return {"message": error.message, "issues": [[list(issue.path), issue.message] for issue in error.issues]}


def _decode_issues(value: Any) -> PayloadValidationError:
    issues = [Issue(path, message) for path, message in value["issues"]]
    return PayloadValidationError(value["message"], issues=issues)


def _encode_invoked(error: InvokedRunFailedError) -> Any:
    cause = error.error
    found = [cause.name, cause.message, cause.stack] if isinstance(cause, records.ErrorInfo) else None
    return {
        "message": error.message,
        "run_id": error.run_id,
        "status": error.status,
        "error": found,
        "results": stored_results(error.results),
    }


def _decode_invoked(value: Any) -> InvokedRunFailedError:
    error = None if value["error"] is None else records.ErrorInfo(*value["error"])
    return InvokedRunFailedError(
        value["message"],
        run_id=value["run_id"],
        status=value["status"],
        error=error,
        results=results_from(value["results"]),
    )


register_error(UnicodeDecodeError, encode=_encode_unreadable, decode=_decode_unreadable)
register_error(UnicodeEncodeError, encode=_encode_unwritable, decode=_decode_unwritable)
register_error(PayloadValidationError, encode=_encode_issues, decode=_decode_issues)
register_error(InvokedRunFailedError, encode=_encode_invoked, decode=_decode_invoked)
