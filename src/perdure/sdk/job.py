"""`Job`: a function with an id, a version and a trigger."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from perdure.errors import InvalidArgumentError, NotConnectedError
from perdure.protocol.endpoint import JobSpec
from perdure.protocol.ids import slugify
from perdure.sdk.annotations import name_of
from perdure.sdk.codec import Codec, return_codec
from perdure.sdk.schema import payload_schema
from perdure.sdk.triggers import Trigger

if TYPE_CHECKING:
    from perdure.protocol.execution import JsonText
    from perdure.sdk.client import Client
    from perdure.sdk.context import Context
    from perdure.sdk.handle import RunHandle
    from perdure.sdk.io import IO

P = TypeVar("P")
T = TypeVar("T")

# The pattern of semver.org without its build part, which would not order versions.
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_LOG_LEVELS = ("debug", "info", "log", "warn", "error")


class Job(Generic[P, T]):
    """A job, made by ``@client.job(...)`` or ``@job(...)``.

    Attributes:
        id: The job's id.
        name: The name that is shown.
        version: ``X.Y.Z``; a run keeps the version it started with, and is executed by the current code.
        trigger: What starts it.
        enabled: Whether events start it.
    """

    def __init__(
        self,
        run: Callable[..., Awaitable[T]],
        *,
        id: str,
        trigger: Trigger,
        name: str | None = None,
        version: str = "1.0.0",
        enabled: bool = True,
        log_level: str | None = None,
    ) -> None:
        self.id = _checked_id(id)
        self.name = id if name is None else name
        self.version = _checked_version(version, self.id)
        self.trigger = trigger
        self.enabled = enabled
        self._log_level = _checked_level(log_level, self.id)
        self._run = run
        self._takes = _count_parameters(run, self.id)
        self._schema = payload_schema(trigger.schema, run)
        self._output: Codec | None = None
        self._client: Client | None = None
        self.__wrapped__ = run
        self.__doc__ = run.__doc__

    def __repr__(self) -> str:
        return f"Job({self.id!r}, version={self.version!r})"

    @property
    def log_level(self) -> str | None:
        """Below it, log lines are not stored: the job's own level, else its client's."""
        if self._log_level is not None or self._client is None:
            return self._log_level
        return self._client.log_level

    @property
    def output_codec(self) -> Codec:
        """How the output is encoded and decoded: by the function's return annotation."""
        if self._output is None:
            self._output = return_codec(self._run)
        return self._output

    def spec(self) -> JobSpec:
        """The job as it is registered."""
        return JobSpec(self.id, self.name, self.version, self.trigger.spec, self.enabled)

    def bind(self, client: Client) -> None:
        """Note which client the job belongs to."""
        self._client = client

    def parse_payload(self, text: JsonText) -> Any:
        """Read a payload by the job's schema.

        Raises:
            PayloadValidationError: It does not fit.
        """
        return self._schema.parse(text)

    def call(self, payload: Any, io: IO, ctx: Context) -> Awaitable[T]:
        """Run the function once, with as many of the three arguments as it takes."""
        if self._takes == 3:
            return self._run(payload, io, ctx)
        return self._run(payload, io) if self._takes == 2 else self._run(payload)

    def encode_output(self, value: Any) -> JsonText:
        """Encode what the function returned.

        Raises:
            UnserializableOutputError: It has no JSON form, or does not fit the annotation.
            ValueTooLargeError: It is over 3 MiB.
        """
        return self.output_codec.store(value)[0]

    async def invoke(self, payload: Any = None, **options: Any) -> RunHandle[T]:
        """Start a run of this job: `Client.invoke` of the client it is attached to.

        Raises:
            NotConnectedError: It is attached to no client.
        """
        if self._client is None:
            raise NotConnectedError(f"The job {self.id!r} is attached to no client; call client.attach(job) first.")
        return await self._client.invoke(self, payload, **options)


def job(
    *,
    id: str,
    trigger: Trigger,
    name: str | None = None,
    version: str = "1.0.0",
    enabled: bool = True,
    log_level: str | None = None,
) -> Callable[[Callable[..., Awaitable[T]]], Job[Any, T]]:
    """Declare a job without a client; ``client.attach(job)`` adds it to one.

    Args:
        id: Names the job: letters, digits and ``-._~``, lower case.
        trigger: What starts it.
        name: The name that is shown; default: the id.
        version: ``X.Y.Z``.
        enabled: Whether events start it.
        log_level: Log lines below it are not stored; default: the client's.

    Raises:
        InvalidArgumentError: An option is outside what it may be, or the function is no ``async def`` that takes
            ``(payload)``, ``(payload, io)`` or ``(payload, io, ctx)``.
        UnsupportedTypeError: The annotation of ``payload`` cannot be resolved.
    """

    def declare(run: Callable[..., Awaitable[T]]) -> Job[Any, T]:
        return Job(
            run, id=id, trigger=trigger, name=name, version=version, enabled=enabled, log_level=log_level
        )

    return declare


def _checked_id(id: str) -> str:
    slug = slugify(id)
    if not slug or slug != id:
        remedy = f"; {slug!r} would do" if slug else ""
        raise InvalidArgumentError(
            f"The job id {id!r} may consist of lower-case letters, digits and -._~ only{remedy}."
        )
    return id


def _checked_version(version: str, id: str) -> str:
    if not _VERSION.fullmatch(version):
        raise InvalidArgumentError(
            f'The job {id!r} has the version {version!r}; versions are semantic, such as "1.0.0".'
        )
    return version


def _checked_level(level: str | None, id: str) -> str | None:
    if level is not None and level not in _LOG_LEVELS:
        raise InvalidArgumentError(f"The job {id!r} has the log level {level!r}; it is one of {', '.join(_LOG_LEVELS)}.")
    return level


def _count_parameters(run: Callable[..., Any], id: str) -> int:
    if not inspect.iscoroutinefunction(run):
        raise InvalidArgumentError(f"The job {id!r} needs an async function; {name_of(run)} is none.")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(1 for one in inspect.signature(run).parameters.values() if one.kind in kinds)
    if not 1 <= count <= 3:
        raise InvalidArgumentError(
            f"The job {id!r} takes {count} parameters; it may take (payload), (payload, io) or (payload, io, ctx)."
        )
    return count
