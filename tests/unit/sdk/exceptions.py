"""Exceptions as apps define them."""

from __future__ import annotations


class PaymentDeclined(Exception):
    def __init__(self, message: str, *, code: str, response: object) -> None:
        super().__init__(message)
        self.code = code
        self.response = response


class NeedsTwo(Exception):
    def __new__(cls, first: str, second: str) -> NeedsTwo:
        return super().__new__(cls, first, second)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Stop(BaseException):
    pass


def local_class() -> Exception:
    class Local(Exception):
        pass

    return Local("here")
