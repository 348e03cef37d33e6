"""Values that are not what they have to be: payloads, outputs, JSON."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.errors.base import RunError


class Issue:
    """One place where a value does not fit its schema: a path into it and a sentence."""

    __slots__ = ("message", "path")

    def __init__(self, path: Sequence[str | int], message: str) -> None:
        self.path = tuple(path)
        self.message = message

    def __repr__(self) -> str:
        return f"Issue({'.'.join(map(str, self.path)) or '(root)'}: {self.message})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Issue) and (other.path, other.message) == (self.path, self.message)

    def __hash__(self) -> int:
        return hash((self.path, self.message))


class PayloadValidationError(RunError):
    """A payload does not fit its schema."""

    code = "payload_validation_failed"

    def __init__(self, message: str | None = None, *, issues: Sequence[Issue] = ()) -> None:
        super().__init__(message)
        self.issues = tuple(issues)


class PayloadVerificationError(RunError):
    """A request that was to start a run is not what it says it is."""

    code = "payload_verification_failed"


class UnserializableOutputError(RunError):
    """A value cannot be stored as JSON."""

    code = "unserializable_output"


class ValueTooLargeError(RunError):
    """A value is larger than what may be stored."""

    code = "value_too_large"


class JsonError(RunError, ValueError):
    """The text is not JSON that perdure accepts.

    Attributes:
        reason: ``invalid_json``, ``invalid_encoding``, ``json_too_deep``, ``json_too_large``,
            ``number_out_of_range`` or ``duplicate_key``.
    """

    code = "invalid_json"

    def __init__(self, message: str | None = None, *, code: str = "invalid_json") -> None:
        super().__init__(message)
        self.reason = code
