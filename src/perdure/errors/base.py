"""What all errors have in common, and those that job code meets."""

from __future__ import annotations

from typing import ClassVar


class PerdureError(Exception):
    """Something went wrong in perdure."""

    code: ClassVar[str] = "perdure_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        if message is None:
            message = (type(self).__doc__ or "").split("\n\n", 1)[0].replace("\n    ", " ")
        super().__init__(message)

    @property
    def message(self) -> str:
        """The sentence that says what happened, to which key or id, and what to do."""
        return str(self.args[0]) if self.args else ""


class RunError(PerdureError):
    """A call of the task library failed."""

    code = "run_error"
