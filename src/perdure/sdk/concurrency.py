"""Concurrency limits as they are declared: of a job, or shared by the jobs of a group."""

from __future__ import annotations

from msgspec import Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import LimitSpec


class ConcurrencyLimit(Struct, frozen=True):
    """How many executions of several jobs may be at work at once; made by ``client.define_concurrency_limit``.

    Attributes:
        id: Names the group.
        limit: How many executions of its jobs may be at work at once, all together.
    """

    id: str
    limit: int


def as_limit(value: object, *, what: str) -> int:
    """Check a number of executions.

    Raises:
        InvalidArgumentError: It is no whole number of at least 1.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise InvalidArgumentError(f"{what} is a whole number of at least 1, not {value!r:.60}.")


def limit_spec(value: object, *, job: str) -> LimitSpec | None:
    """Read a job's ``concurrency_limit=``.

    Raises:
        InvalidArgumentError: It is neither a number nor what ``client.define_concurrency_limit`` makes.
    """
    if value is None:
        return None
    if isinstance(value, ConcurrencyLimit):
        return LimitSpec(value.limit, value.id)
    return LimitSpec(as_limit(value, what=f"concurrency_limit= of job {job!r}"))
