"""What is to be registered with a vendor: how a source is wanted, beside how the vendor knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from perdure.protocol.execution import JsonText
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.sources import OptionChanges, RegisteredSource, RegisterSourceEvent, SourceChannel
from perdure.protocol.messages.webhooks import RegisterWebhookPayload, WebhookConfigs
from perdure.storage.sources import SourceKind

if TYPE_CHECKING:
    from perdure.storage.sources import SourceRow, Wanted

REGISTER_SOURCE = "dev.trigger.source.register.v2"
"""The event that starts the job which registers a source."""

REGISTER_WEBHOOK = "dev.trigger.webhook.register."
"""What the name of the event begins with that starts the job which registers a webhook; its key follows."""


def is_to_be_registered(source: SourceRow) -> bool:
    """Whether the vendor is to be told of a source, or of a change of it."""
    if not source.is_active:
        return True
    if source.kind is SourceKind.WEBHOOK:
        return source.registered != source.desired
    return any(change.missing or change.orphaned for change in changes(source).values())


def changes(source: SourceRow) -> dict[str, OptionChanges]:
    """Compare what is wanted with what is registered, name by name."""
    found: dict[str, OptionChanges] = {}
    for name in dict.fromkeys((*source.desired, *source.registered)):
        wanted, known = source.desired.get(name, []), source.registered.get(name, [])
        orphaned = [value for value in known if value not in wanted]
        if source.is_active:
            kept = [value for value in wanted if value in known]
            found[name] = OptionChanges(
                desired=kept, missing=[value for value in wanted if value not in known], orphaned=orphaned
            )
        else:
            found[name] = OptionChanges(desired=wanted, missing=[], orphaned=orphaned)
    return found


def still_wanted(source: SourceRow) -> Wanted:
    """Give what is registered of what is wanted."""
    kept = {name: [value for value in values if value in source.desired.get(name, [])] for name, values in
            source.registered.items()}  # fmt: skip
    return {name: values for name, values in kept.items() if values}


def webhook_payload(source: SourceRow, *, url: str, secret: str) -> JsonText:
    """Write the payload of the event that starts the job which registers a webhook."""
    payload = RegisterWebhookPayload(
        active=source.is_active,
        params=Raw(source.params.encode()),
        config=WebhookConfigs(current=source.registered, desired=source.desired),
        url=url,
        secret=secret,
    )
    return JsonText(encode_message(payload).decode())


def source_event(source: SourceRow, options: dict[str, OptionChanges], *, url: str, secret: str) -> RegisterSourceEvent:
    """Say what is to be registered: the payload of an event, or the answer to who registers with a dynamic trigger."""
    return RegisterSourceEvent(
        id=source.id,
        source=RegisteredSource(
            key=source.key,
            params=Raw(source.params.encode()),
            active=source.is_active,
            secret=secret,
            data=UNSET if source.data is None else Raw(source.data.encode()),
            channel=SourceChannel(type="HTTP", url=url),
        ),
        # Clients count on it.
        options={"event": OptionChanges(desired=[], missing=[], orphaned=[]), **options},
        dynamic_trigger_id=UNSET if source.dynamic_id is None else source.dynamic_id,
    )
