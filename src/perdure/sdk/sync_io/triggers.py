"""The calls of `perdure.sdk.io.triggers`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.dynamic_trigger import DynamicTrigger
    from perdure.sdk.records import TriggerRegistration


class SyncTriggerCalls(SyncPart):
    """`TriggerCalls` for plain functions: the same calls, blocking.

    Dynamic triggers, by the name that v2 gave the call; `DynamicTrigger.register` is the same.
    """

    def register_trigger(
        self,
        key: CacheKey | None = None,
        trigger: DynamicTrigger[Any] | None = None,
        id: str | None = None,
        params: Any = None,
        *,
        account_id: str | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> TriggerRegistration:
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
        return self._run(self._io.register_trigger(key, trigger, id, params, account_id=account_id, filter=filter))
