"""Webhooks: declared, registered and updated (v2 protocol, sections 3.5, 4.8 and 11.2)."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.integrations import IntegrationConfig


class HttpEndpointReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """The HTTP endpoint that receives a webhook's requests."""

    id: str


class WebhookMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """A webhook as an app declares it; ``config`` is the wanted one."""

    key: str
    params: Raw | UnsetType = UNSET
    config: dict[str, list[str]]
    integration: IntegrationConfig
    http_endpoint: HttpEndpointReference


class WebhookConfigs(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a webhook listens to now, and what it should."""

    current: dict[str, list[str]]
    desired: dict[str, list[str]]


class RegisterWebhookPayload(Struct, frozen=True, kw_only=True, rename="camel"):
    """The payload of ``dev.trigger.webhook.register.<key>``; ``url`` is where its requests shall go."""

    active: bool
    params: Raw | UnsetType = UNSET
    config: WebhookConfigs
    url: str
    secret: str


class UpdateWebhookBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``PUT /api/v1/webhooks/:key``; ``config`` is there when the webhook is active."""

    active: bool
    config: dict[str, list[str]] | UnsetType = UNSET
