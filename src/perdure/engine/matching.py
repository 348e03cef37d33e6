"""Which jobs an event starts: the subscriptions of an environment, by event name, with their filters compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from perdure.protocol.event_filter import CompiledFilter, compile_event_filter
from perdure.protocol.json_text import JsonText, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.storage.jobs import DispatcherRow

_NO_CONTEXT = JsonText("{}")


class Subscription(Struct, frozen=True):
    """A job's subscription, ready for matching."""

    dispatcher_no: int
    source: str
    account_id: str | None
    filter: CompiledFilter | None
    context_filter: CompiledFilter | None
    job_no: int
    job_id: str
    version_no: int
    version: str


class Subscriptions:
    """The subscriptions of an environment that are in force. Never changes: registering makes a new one."""

    def __init__(self, rows: Iterable[DispatcherRow]) -> None:
        self._by_name: dict[str, list[Subscription]] = {}
        for row in rows:
            subscription = Subscription(
                row.dispatcher_no, row.source, row.account_id, _compile(row.filter), _compile(row.context_filter),
                row.job_no, row.job_id, row.version_no, row.version,
            )  # fmt: skip
            for name in dict.fromkeys(row.event_names):
                self._by_name.setdefault(name, []).append(subscription)

    def match(
        self, name: str, *, source: str, account_id: str | None, payload: JsonText, context: JsonText
    ) -> list[Subscription]:
        """List what an event starts (v2 protocol, section 9); the account is looked at first, also without filters."""
        candidates = self._candidates(name, source, account_id)
        if all(one.filter is None and one.context_filter is None for one in candidates):
            return candidates
        payload_value, context_value = load(payload), load(context)
        return [one for one in candidates if _holds(one, payload_value, context_value)]

    def match_request(
        self,
        name: str,
        *,
        source: str,
        view: JsonText | None,
        account_id: str | None = None,
        context: JsonText = _NO_CONTEXT,
    ) -> list[Subscription]:
        """List what a request starts: filters see its view; without one only who has no filter is started."""
        if view is not None:
            return self.match(name, source=source, account_id=account_id, payload=view, context=context)
        seen = load(context)
        return [
            one
            for one in self._candidates(name, source, account_id)
            if one.filter is None and (one.context_filter is None or one.context_filter.matches(seen))
        ]

    def _candidates(self, name: str, source: str, account_id: str | None) -> list[Subscription]:
        return [
            one
            for one in self._by_name.get(name, ())
            if one.source == source and (one.account_id is None or one.account_id == account_id)
        ]


def _holds(subscription: Subscription, payload: Any, context: Any) -> bool:
    payload_filter, context_filter = subscription.filter, subscription.context_filter
    return (payload_filter is None or payload_filter.matches(payload)) and (
        context_filter is None or context_filter.matches(context)
    )


def _compile(text: str | None) -> CompiledFilter | None:
    # What is stored has been accepted, some of it from endpoints of v2, whose mixed lists keep their meaning.
    return None if text is None else compile_event_filter(load(text), lenient=True)
