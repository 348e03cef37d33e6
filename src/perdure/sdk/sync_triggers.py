"""`trigger.sync`: the call of a dynamic trigger for plain functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.schedules import io_at_hand
from perdure.sdk.sync_io import SyncIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.dynamic_trigger import DynamicTrigger
    from perdure.sdk.records import TriggerRegistration


class SyncDynamicTrigger:
    """A dynamic trigger whose call blocks."""

    __slots__ = ("_trigger",)

    def __init__(self, trigger: DynamicTrigger[Any]) -> None:
        self._trigger = trigger

    def register(
        self,
        key: CacheKey | None = None,
        id: str | None = None,
        params: Any = None,
        *,
        account_id: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> TriggerRegistration:
        """`DynamicTrigger.register`, blocking."""
        remedy = "In an async function, await trigger.register; trigger.sync is for plain ones."
        io = io_at_hand(SyncIO, "register", remedy, what="trigger")
        return io.register_trigger(key, self._trigger, id, params, account_id=account_id, filter=filter)
