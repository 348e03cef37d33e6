"""`io.store`: values that outlive a task, a run or a job, read and written exactly once."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import msgspec
from msgspec import UNSET

from perdure.errors import InvalidArgumentError
from perdure.protocol.state import DeleteValue, GetValue, HasValue, SetValue
from perdure.protocol.store_keys import check_environment_name, check_name, job_key, run_key
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.values import found_type, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.execution import JsonText
    from perdure.protocol.keys import CacheKey
    from perdure.protocol.state import StateCall
    from perdure.sdk.execution import Execution

T = TypeVar("T")

_SHOWN = 1024
"""How many characters of a value are kept as the task's parameter; of a longer one its hash is."""

_ICONS = {"Get": "database-export", "Set": "database-plus", "Has": "database-search", "Delete": "database-minus"}


class _Start(Protocol):
    def __call__(
        self, operation: str, key: CacheKey | None, fn: Callable[..., Any] | None, options: TaskOptions, /
    ) -> Coroutine[Any, Any, Any]: ...


class Store:
    """The stores of values that a run can reach; each knows nothing of what the others hold."""

    __slots__ = ("_execution", "_start")

    def __init__(self, execution: Execution, start: _Start) -> None:
        self._execution = execution
        self._start = start

    @property
    def env(self) -> RunValues:
        """The values of the environment, the same ones as those of ``client.store.env``."""
        return RunValues("env", check_environment_name, self._start)

    @property
    def job(self) -> RunValues:
        """The values that all runs of this job share."""
        job_id = self._execution.request.job.id
        return RunValues("job", lambda name: job_key(job_id, check_name(name)), self._start)

    @property
    def run(self) -> RunValues:
        """The values of this run, which go when it goes."""
        run_id = self._execution.run_id
        return RunValues("run", lambda name: run_key(run_id, check_name(name)), self._start)


class RunValues:
    """The values of one store, for job code: each call is a task.

    The work is done in the transaction that records the task's result. So it is done exactly once, and an execution
    that no longer holds its run writes nothing.
    """

    __slots__ = ("_key_of", "_namespace", "_start")

    def __init__(self, namespace: str, key_of: Callable[[object], str], start: _Start) -> None:
        self._namespace = namespace
        self._key_of = key_of
        self._start = start

    @overload
    def get(
        self, key: CacheKey | None = None, name: str | None = None, *, as_type: None = None
    ) -> Coroutine[Any, Any, Any]: ...

    @overload
    def get(
        self, key: CacheKey | None = None, name: str | None = None, *, as_type: type[T]
    ) -> Coroutine[Any, Any, T | None]: ...

    def get(
        self, key: CacheKey | None = None, name: str | None = None, *, as_type: Any = None
    ) -> Coroutine[Any, Any, Any]:
        """Read a value: the one that was there when this line was first reached.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.
            as_type: The type of the value; default: plain JSON.

        Returns:
            The value; ``None`` if there is none, or if ``None`` was stored (`has` tells).

        Raises:
            InvalidArgumentError: The name is none.
            PayloadValidationError: The value does not fit ``as_type``.

        See also: v2 protocol, section 4.5.
        """
        return self._call("Get", key, name, GetValue, as_type=found_type(as_type))

    def set(self, key: CacheKey | None = None, name: str | None = None, value: Any = UNSET) -> Coroutine[Any, Any, Any]:
        """Store a value in place of what its name had.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.
            value: A JSON value, a model, …; of at most 256 KiB as JSON. It must be given.

        Returns:
            The value after a JSON round trip.

        Raises:
            InvalidArgumentError: The name is none, or no value is given.
            UnserializableOutputError: The value has no JSON form.
            ValueTooLargeError: It is over 256 KiB.

        See also: v2 protocol, section 4.5.
        """
        text = value_text(value, call=self._spell("Set", name is None))
        return self._call("Set", key, name, lambda stored: SetValue(stored, text), text)

    def has(self, key: CacheKey | None = None, name: str | None = None) -> Coroutine[Any, Any, bool]:
        """Ask whether there is a value.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.

        Raises:
            InvalidArgumentError: The name is none.
        """
        return self._call("Has", key, name, HasValue, as_type=bool)

    def delete(self, key: CacheKey | None = None, name: str | None = None) -> Coroutine[Any, Any, bool]:
        """Delete a value.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            name: The value's name, 1 to 512 bytes of UTF-8. It must be given.

        Returns:
            Whether it was there.

        Raises:
            InvalidArgumentError: The name is none.
        """
        return self._call("Delete", key, name, DeleteValue, as_type=bool)

    def _call(
        self,
        verb: str,
        key: CacheKey | None,
        name: str | None,
        make: Callable[[str], StateCall],
        value: JsonText | None = None,
        *,
        as_type: Any = None,
    ) -> Coroutine[Any, Any, Any]:
        if name is None:
            raise InvalidArgumentError(f"{self._spell(verb, True)} needs the name of the value.")
        call = make(self._key_of(name))
        options = TaskOptions(
            operation=f"store.{self._namespace}.{verb.lower()}",
            name=f"Key-Value Store {verb} {name}",
            params=params_text({"namespace": self._namespace, "key": name} | _shown(value)),
            as_type=as_type,
            details=details_text(
                icon=_ICONS[verb],
                style={"style": "minimal"},
                properties=[{"label": "namespace", "text": self._namespace}, {"label": "key", "text": name}],
            ),
            call=lambda _: call,
        )
        return self._start(options.operation, key, None, options)

    def _spell(self, verb: str, is_incomplete: bool) -> str:
        """Write the call as its user should."""
        call = f"io.store.{self._namespace}.{verb.lower()}"
        return f'{call}("key", "name"{", value" if verb == "Set" else ""})' if is_incomplete else call


def _shown(value: JsonText | None) -> dict[str, Any]:
    if value is None:
        return {}
    if len(value) <= _SHOWN:
        return {"value": msgspec.Raw(value.encode())}
    return {"sha256": sha256(value.encode()).hexdigest(), "characters": len(value)}
