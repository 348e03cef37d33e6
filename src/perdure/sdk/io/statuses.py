"""`io.create_status`: what a run shows of itself to the outside while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec.structs import asdict, astuple, force_setattr, replace

from perdure.protocol.keys import display_key
from perdure.sdk.answers import status_from
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.records import RunStatus
from perdure.sdk.status_calls import refuse_nothing, status_change

if TYPE_CHECKING:
    from perdure.protocol.keys import CacheKey
    from perdure.protocol.state import PutStatus
    from perdure.sdk.scope import OpenTask

Update = Callable[["CacheKey | None", "PutStatus"], Coroutine[Any, Any, "Status"]]


class Status(RunStatus, frozen=True, kw_only=True, dict=True):
    """A status that this run shows: a `RunStatus` that job code can change.

    It stays as it is; `update` gives it as it then is.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunStatus) and astuple(self) == astuple(other)

    def __hash__(self) -> int:
        # What is equal to a record has its hash.
        return hash(RunStatus(**asdict(self)))

    def update(
        self,
        key: CacheKey | None = None,
        *,
        label: str | None = None,
        state: str | None = None,
        data: Any = None,
    ) -> Coroutine[Any, Any, Status]:
        """Change the status; what it was goes to its history. What is not given stays.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            label: What is shown: 1 to 512 characters without control characters.
            state: ``"loading"``, ``"success"`` or ``"failure"``.
            data: A JSON object or a model, of at most 64 KiB as JSON.

        Returns:
            The status as it then is.

        Raises:
            InvalidArgumentError: Nothing is given, or what is given is outside its limits.
            UnserializableOutputError: The data has no JSON form.
            ValueTooLargeError: The data is over 64 KiB.

        See also: v2 protocol, section 4.3.
        """
        refuse_nothing("status.update", label, state, data)
        update = cast("Update", vars(self)["_update"])
        return update(key, status_change(self.key, label=label, state=state, data=data))


class StatusCalls(Part):
    """Statuses."""

    def create_status(
        self,
        key: CacheKey | None = None,
        *,
        label: str,
        state: str | None = None,
        data: Any = None,
    ) -> Coroutine[Any, Any, Status]:
        """Show a status of this run to the outside, under the cache key, the parts of a list joined by ``-``.

        A status that the run has under this key already is changed instead.

        Args:
            key: The cache key and the status's key: 1 to 512 bytes. ``None`` for an automatic one, which the status
                tells.
            label: What is shown: 1 to 512 characters without control characters.
            state: ``"loading"``, ``"success"``, ``"failure"`` or ``None``.
            data: A JSON object or a model, of at most 64 KiB as JSON, or ``None``.

        Returns:
            The status; its ``update`` changes it.

        Raises:
            InvalidArgumentError: An argument is outside its limits, or the run has 1,000 statuses already.
            UnserializableOutputError: The data has no JSON form.
            ValueTooLargeError: The data is over 64 KiB.

        See also: v2 protocol, section 4.3.
        """
        # An automatic key is known only once the call is awaited; it is no key that could be wrong.
        change = status_change(
            "automatic" if key is None else display_key(key), label=label, state=state, data=data
        )  # fmt: skip

        def with_key(task: OpenTask) -> PutStatus:
            return change if key is not None else replace(change, key=f"status-{task.key[:16]}")

        return self._put("create_status", "Create Status", key, change, with_key)

    def _update_status(self, key: CacheKey | None, change: PutStatus) -> Coroutine[Any, Any, Status]:
        return self._put("status.update", f"Status update {change.key}", key, change, lambda _: change)

    def _put(
        self,
        operation: str,
        name: str,
        key: CacheKey | None,
        change: PutStatus,
        call: Callable[[OpenTask], PutStatus],
    ) -> Coroutine[Any, Any, Status]:
        shown = {"Label": change.label, "State": change.state}
        options = TaskOptions(
            operation=operation,
            name=name,
            params=params_text(
                {
                    "label": change.label,
                    "state": change.state,
                    "data": None if change.data is None else msgspec.Raw(change.data.encode()),
                }
            ),
            details=details_text(
                icon="bell",
                description=change.label,
                properties=[{"label": label, "text": text} for label, text in shown.items() if text is not None],
            ),
            call=call,
            wrap=self._live,
        )
        return self._start(operation, key, None, options)

    def _live(self, stored: dict[str, Any]) -> Status:
        """Make the status that job code gets of what is stored."""
        status = Status(**asdict(status_from(stored)))
        force_setattr(status, "_update", self._update_status)
        return status
