"""Jobs: a function with an id, a version and a trigger."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from perdure.errors import InvalidArgumentError, NotConnectedError, UnsupportedTypeError
from perdure.protocol.endpoint import JobSpec
from perdure.protocol.json_text import JsonText, dump, load
from perdure.protocol.value_paths import type_name
from perdure.sdk.annotations import return_annotation
from perdure.sdk.codec import Codec, codec_for
from perdure.sdk.concurrency import limit_spec
from perdure.sdk.job_options import as_hook, as_log_level, as_slug, as_version, is_plain, positional_count
from perdure.sdk.names import check_name
from perdure.sdk.schema import PayloadSchema, payload_schema
from perdure.sdk.triggers import Trigger, example_payloads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from perdure.sdk.client import Client
    from perdure.sdk.concurrency import ConcurrencyLimit
    from perdure.sdk.context import Context
    from perdure.sdk.handle import RunHandle
    from perdure.sdk.io import IO
    from perdure.sdk.records import RunNotification
    from perdure.sdk.sync_io import SyncIO

P = TypeVar("P")
R = TypeVar("R")


class Job(Generic[P, R]):
    """A function that runs for events, with everything that was declared of it.

    Made by ``@client.job(...)``, or by ``@perdure.job(...)`` and ``client.attach(...)``.

    Attributes:
        id: Names the job in its project; a slug.
        name: What it is called in the dashboard.
        version: ``X.Y.Z``.
        trigger: What starts it.
        enabled: Whether its trigger starts it.
        run: The function.
        examples: JSON of payloads for a test page, or ``None``.
        is_plain: Whether that is no ``async def``: it runs in a thread, with a `SyncIO`.
        client: The client it is attached to, or ``None``.
    """

    def __init__(
        self,
        run: Callable[..., Coroutine[Any, Any, R] | R],
        *,
        id: str,
        version: str,
        trigger: Trigger[Any],
        name: str | None = None,
        enabled: bool = True,
        log_level: str | None = None,
        concurrency_limit: int | ConcurrencyLimit | None = None,
        on_success: Callable[[RunNotification], Any] | None = None,
        on_failure: Callable[[RunNotification], Any] | None = None,
        examples: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Declare a job; see `job` for the arguments and errors."""
        self.id = as_slug(id)
        self.name = check_name(name if name is not None else " ".join(id.split()), what="A job's name")
        self.version = as_version(version, job=self.id)
        if not isinstance(trigger, Trigger):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(
                f"trigger= of job {self.id!r} is a trigger, such as event_trigger(…) makes, not {type_name(trigger)}."
            )
        if not isinstance(enabled, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgumentError(f"enabled= of job {self.id!r} is True or False, not {enabled!r}.")
        self.trigger = trigger
        self.enabled = enabled
        self.run = run
        self.is_plain = is_plain(run)
        self.client: Client | None = None
        self._log_level = None if log_level is None else as_log_level(log_level)
        self._takes = positional_count(run)
        self._limit = limit_spec(concurrency_limit, job=self.id)
        self._on_success = as_hook(on_success, what=f"on_success= of job {self.id!r}")
        self._on_failure = as_hook(on_failure, what=f"on_failure= of job {self.id!r}")
        self.examples = example_payloads(examples)
        self._resolve_early()

    def __repr__(self) -> str:
        return f"Job({self.id!r}, version={self.version!r})"

    @property
    def log_level(self) -> str | None:
        """The level below which its log lines are not stored: its own, else its client's."""
        if self._log_level is not None or self.client is None:
            return self._log_level
        return self.client.log_level

    @cached_property
    def schema(self) -> PayloadSchema:
        """How its payloads are read.

        Raises:
            UnsupportedTypeError: The annotation of its payload cannot be resolved.
        """
        return payload_schema(self.trigger.schema, self.run)

    @cached_property
    def output_codec(self) -> Codec:
        """How its output is written and read.

        Raises:
            UnsupportedTypeError: Its return annotation cannot be resolved.
        """
        return codec_for(return_annotation(self.run, remedy="leave the annotation out, for plain JSON"))

    def spec(self) -> JobSpec:
        """Give the job as the platform registers it.

        Raises:
            UnsupportedTypeError: An annotation of its function cannot be resolved.
        """
        # What could not be resolved when the job was declared must be by now.
        _ = self.schema, self.output_codec
        return JobSpec(
            id=self.id,
            name=self.name,
            version=self.version,
            trigger=self.trigger.spec(),
            enabled=self.enabled,
            limit=self._limit,
            notify_success=bool(self.hooks(ok=True)),
            notify_failure=bool(self.hooks(ok=False)),
        )

    def all_examples(self) -> JsonText | None:
        """Give JSON of its example payloads and of those of its trigger; ``None`` if there are none."""
        own, trigger = self.examples, getattr(self.trigger, "examples", None)
        if own is None or trigger is None:
            return own or trigger
        return JsonText(dump([*load(trigger), *load(own)], root="examples"))

    def hooks(self, *, ok: bool) -> list[Callable[[RunNotification], Any]]:
        """List what is called when a run of it has succeeded, or has not: its own first, then its client's."""
        own = self._on_success if ok else self._on_failure
        shared = () if self.client is None else self.client.hooks.of("run_succeeded" if ok else "run_failed")
        return [*shared] if own is None else [own, *shared]

    def parse_payload(self, text: JsonText) -> P:
        """Read the payload of an event.

        Raises:
            PayloadValidationError: It does not fit; ``issues`` say where.
        """
        payload: P = self.schema.parse(text)
        return payload

    def call(self, payload: P, io: IO | SyncIO, ctx: Context) -> Any:
        """Call the function with as much as it takes; an async one gives a coroutine."""
        if self._takes == 3:
            return self.run(payload, io, ctx)
        return self.run(payload, io) if self._takes == 2 else self.run(payload)

    def encode_output(self, value: R) -> JsonText | None:
        """Write what the function returned; ``None`` for ``None``.

        Raises:
            UnserializableOutputError: It cannot become JSON, or does not fit the function's return annotation.
            ValueTooLargeError: It is over 3 MiB as JSON.
        """
        text, _ = self.output_codec.store(value)
        return None if text == "null" else text

    def bind(self, client: Client) -> None:
        """Note the client that the job is attached to."""
        self.client = client

    async def invoke(
        self,
        payload: P | None = None,
        *,
        idempotency_key: str | None = None,
        context: Any = None,
        account_id: str | None = None,
        callback_url: str | None = None,
    ) -> RunHandle[R]:
        """Start a run of this job, from outside a run; inside one use ``io.invoke``.

        Args:
            payload: A JSON value or a model; default ``{}``.
            idempotency_key: The same key again gives the first run.
            context: A JSON value handed on as ``ctx.event.context``.
            account_id: The external account the run concerns.
            callback_url: Is told of the run's end by POST (v2 protocol, section 6.10).

        Raises:
            NotConnectedError: The job is attached to no client, or its client is not started.
            InvalidArgumentError: An argument is outside its limits.

        See also: v2 protocol, section 8.4.
        """
        if self.client is None:
            raise NotConnectedError(
                f"Job {self.id!r} is attached to no client: declare it with @client.job(…), or add it with "
                "client.attach(…)."
            )
        return await self.client.invoke(
            self,
            payload,
            idempotency_key=idempotency_key,
            context=context,
            account_id=account_id,
            callback_url=callback_url,
        )

    def _resolve_early(self) -> None:
        """Find mistakes in annotations where the job is declared; names defined further down have to wait."""
        for resolve in (lambda: self.schema, lambda: self.output_codec):
            try:
                resolve()
            except UnsupportedTypeError:
                continue
