"""Exceptions as applications and vendors define them."""

from __future__ import annotations

from typing import Any


class PaymentDeclined(Exception):
    """An ordinary one."""


class VendorError(Exception):
    """Wants keyword arguments, as the errors of many SDKs do."""

    def __init__(self, message: str, *, response: Any, code: str) -> None:
        super().__init__(message)
        self.response = response
        self.code = code
        self.retry_after = 5


class QuotaExceeded(Exception):
    """Has no args at all, only members."""

    def __init__(self, used: int, limit: int) -> None:
        super().__init__()
        self.used = used
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.used} of {self.limit} used"


class Nested:
    class Deep(LookupError):
        """Found by its qualified name."""


class NeedsNew(Exception):
    """Cannot be made again from the args that are kept."""

    def __new__(cls, number: int, *, secret: object) -> NeedsNew:
        made = super().__new__(cls, number)
        made.secret = secret
        return made

    def __init__(self, number: int, *, secret: object) -> None:
        super().__init__(number)


class Registered(Exception):
    """Has a part that JSON has no form for."""

    def __init__(self, parts: frozenset[bytes]) -> None:
        super().__init__(parts)
        self.parts = parts


class Unprintable(Exception):
    """Fails where it is shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Quiet(BaseException):
    """No Exception at all."""
