"""An action that an app does not do."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.errors import EndpointErrorAnswer


class Refusal(Exception):
    """An action that is not done.

    Attributes:
        status: The status of the answer.
        message: Its sentence.
        code: A stable word for programs; ``None``: the protocol has the sentence alone.
        has_versions: Whether the answer names versions, as others do.
    """

    def __init__(self, status: int, message: str, *, code: str | None = None, has_versions: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.has_versions = has_versions

    def body(self) -> bytes:
        """Write the body of the answer; a server of v2 reads the sentence from ``message``."""
        error: str | UnsetType = UNSET if self.code is None else self.message
        code: str | UnsetType = UNSET if self.code is None else self.code
        return encode_message(EndpointErrorAnswer(message=self.message, error=error, code=code))
