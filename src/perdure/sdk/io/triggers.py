"""Registering with dynamic triggers, which may be repeated: the same again registers nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Raw

from perdure.sdk.dynamic_trigger import registration_of, trigger_call
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.records import TriggerRegistration

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.sources import RegisterTrigger
    from perdure.sdk.dynamic_trigger import DynamicTrigger
    from perdure.sdk.execution import Execution


class TriggerCalls(Part):
    """Dynamic triggers, by the name that v2 gave the call; `DynamicTrigger.register` is the same."""

    def register_trigger(
        self,
        key: CacheKey | None = None,
        trigger: DynamicTrigger[Any] | None = None,
        id: str | None = None,
        params: Any = None,
        *,
        account_id: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Coroutine[Any, Any, TriggerRegistration]:
        """Register something with a dynamic trigger: `DynamicTrigger.register`.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            trigger: The dynamic trigger. It must be given.
            id: Names the registration: 1 to 512 characters. It must be given.
            params: A JSON value that the source is registered with.
            account_id: The external account that the runs concern.
            filter: What the payloads of the events must match, beside what trigger and source say.

        Raises:
            NotFoundError: The environment has never seen the trigger.
            InvalidFilterError: The filter cannot be compiled.
            InvalidArgumentError: Another argument is outside what it may be.

        See also: v2 protocol, sections 4.7 and 11.4.
        """
        call = trigger_call(trigger, id, params, account_id=account_id, filter=filter)
        shown: dict[str, Any] = {"trigger": call.trigger_id, "id": call.key, "params": Raw(call.params.encode())}
        if account_id is not None:
            shown["account_id"] = account_id
        if call.filter is not None:
            shown["filter"] = Raw(call.filter.encode())
        listed = {"trigger": call.trigger_id, "id": call.key}
        options = TaskOptions(
            operation="register_trigger",
            name=f"Register Dynamic Trigger {call.trigger_id}",
            as_type=TriggerRegistration,
            params=params_text(shown),
            details=details_text(
                icon="trigger", properties=[{"label": label, "text": text} for label, text in listed.items()]
            ),
        )
        return self._start("register_trigger", key, _Register(self._execution, call), options, _Register)


class _Register:
    def __init__(self, execution: Execution, call: RegisterTrigger) -> None:
        self._execution = execution
        self._call = call

    async def __call__(self) -> TriggerRegistration:
        return registration_of(await self._execution.held_platform.register_trigger(self._call))
