"""Webhooks, sources and dynamic triggers, as apps register them (v2 protocol, sections 4.7 and 4.8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from perdure.api.refusals import Refusal, unfit
from perdure.api.routes import Route
from perdure.api.v2.shapes import message_answer, not_found, unknown_is_a_bad_request
from perdure.api.v2.tasks import read_message
from perdure.errors import FetchFailedError, NotFoundError, RunError
from perdure.protocol.json_text import JsonText, check
from perdure.protocol.messages.answers import SourceAnswer
from perdure.protocol.messages.headers import IDEMPOTENCY_KEY_HEADER
from perdure.protocol.messages.sources import (
    RegisterSourceEvent,
    RegisterSourceEventV1,
    UpdateSourceBody,
    UpdateSourceBodyV1,
)
from perdure.protocol.messages.triggers import InitializeTriggerBody, RegisterTriggerBody
from perdure.protocol.messages.webhooks import UpdateWebhookBody

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from msgspec import Raw, UnsetType
    from starlette.responses import Response

    from perdure.api.calls import Call
    from perdure.engine.remote_desk import RemoteDesk

# What no value of a header may hold.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_COMPARED = ("options", "registeredEvents")
"""What is only compared with what is wanted: half of a surrogate pair is in no name that is wanted."""


async def update_source(call: Call) -> Response:
    """Note that a source is registered with its vendor."""
    body = await read_message(call, UpdateSourceBody, replaces=_COMPARED)
    return await _update(call, {} if body.options is UNSET else body.options, body.secret, body.data)


async def update_source_v1(call: Call) -> Response:
    """Note the same as older clients say it."""
    body = await read_message(call, UpdateSourceBodyV1, replaces=_COMPARED)
    return await _update(call, {"event": body.registered_events}, body.secret, body.data)


async def update_webhook(call: Call) -> Response:
    """Note that a webhook is registered with its vendor, or no longer."""
    body = await read_message(call, UpdateWebhookBody)
    if body.active and body.config is UNSET:
        raise unfit("config", "An active webhook has a config.")
    remote = _remote(call)
    config = None if body.config is UNSET or not body.active else body.config
    source = await _known(
        remote.sources.update_webhook(remote.environment_no, key=call.part("key"), is_active=body.active, config=config)
    )
    return message_answer(SourceAnswer(id=source.id, key=source.key))


async def register_trigger(call: Call) -> Response:
    """Register something with a dynamic trigger."""
    return message_answer(await _register(call))


async def _register(call: Call) -> RegisterSourceEvent:
    body = await read_message(call, RegisterTriggerBody)
    remote = _remote(call)
    registering = remote.sources.register_trigger(
        remote.environment_no,
        endpoint_id=call.part("endpoint_id"),
        trigger_id=call.part("trigger_id"),
        key=call.part("key"),
        body=body,
        idempotency_key=call.request.headers.get(IDEMPOTENCY_KEY_HEADER) or None,
    )
    event: RegisterSourceEvent = await _known(registering)
    return event


async def register_trigger_v1(call: Call) -> Response:
    """Register the same as older clients say it."""
    event = await _register(call)
    events = event.options["event"]
    return message_answer(
        RegisterSourceEventV1(
            id=event.id,
            source=event.source,
            events=events.desired,
            missing_events=events.missing,
            orphaned_events=events.orphaned,
            dynamic_trigger_id=event.dynamic_trigger_id,
        )
    )


async def initialize_trigger(call: Call) -> Response:
    """Register something with a dynamic trigger as its app says."""
    body = await read_message(call, InitializeTriggerBody)
    remote = _remote(call)
    return message_answer(
        await _known(
            remote.sources.initialize_trigger(
                remote.environment_no,
                endpoint_id=call.part("endpoint_id"),
                trigger_id=call.part("trigger_id"),
                body=body,
            )
        )
    )


async def _update(
    call: Call, options: dict[str, list[str]], secret: str | UnsetType, data: Raw | UnsetType
) -> Response:
    remote = _remote(call)
    if secret is not UNSET and _CONTROL.search(secret):
        raise unfit("secret", "A secret has no line break or other control character: it is sent in a header.")
    with unknown_is_a_bad_request():
        source = await remote.sources.update_source(
            remote.environment_no,
            endpoint_id=call.part("endpoint_id"),
            key=call.part("key"),
            options=options,
            secret=None if secret is UNSET else secret,
            data=None if data is UNSET else JsonText(check(bytes(data))),
        )
    return message_answer(SourceAnswer(id=source.id, key=source.key))


async def _known(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except NotFoundError as error:
        raise not_found(error.message) from error
    except FetchFailedError as error:
        raise Refusal(400, error.code, error.message) from error
    except RunError as error:
        raise Refusal(422, error.code, error.message) from error


def _remote(call: Call) -> RemoteDesk:
    assert call.remote is not None
    return call.remote


ROUTES = (
    Route(
        method="PUT", path="/api/v2/{endpoint_id}/sources/{key}", handler=update_source,
        summary="Note that a source is registered with its vendor", body=UpdateSourceBody, answer=SourceAnswer,
        errors=(400,), has_v2_form=True, is_open_ended=True,
    ),
    Route(
        method="PUT", path="/api/v1/{endpoint_id}/sources/{key}", handler=update_source_v1,
        summary="Note the same as older clients say it", body=UpdateSourceBodyV1, answer=SourceAnswer,
        errors=(400,), has_v2_form=True, is_open_ended=True,
    ),
    Route(
        method="PUT", path="/api/v1/webhooks/{key}", handler=update_webhook,
        summary="Note that a webhook is registered with its vendor, or no longer", body=UpdateWebhookBody,
        answer=SourceAnswer, errors=(404,), has_v2_form=True,
    ),
    Route(
        method="PUT", path="/api/v2/{endpoint_id}/triggers/{trigger_id}/registrations/{key}",
        handler=register_trigger, summary="Register something with a dynamic trigger", body=RegisterTriggerBody,
        answer=RegisterSourceEvent, errors=(404,), has_v2_form=True, is_open_ended=True,
    ),
    Route(
        method="PUT", path="/api/v1/{endpoint_id}/triggers/{trigger_id}/registrations/{key}",
        handler=register_trigger_v1, summary="Register the same as older clients say it", body=RegisterTriggerBody,
        answer=RegisterSourceEventV1, errors=(404,), has_v2_form=True, is_open_ended=True,
    ),
    Route(
        method="POST", path="/api/v1/{endpoint_id}/triggers/{trigger_id}/registrations", handler=initialize_trigger,
        summary="Register something with a dynamic trigger as its app says", body=InitializeTriggerBody,
        answer=RegisterSourceEvent, errors=(400, 404), has_v2_form=True,
    ),
)  # fmt: skip
