"""What a registration with a dynamic trigger listens to, as an app says it (v2 protocol, section 3.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from perdure.protocol.messages.integrations import IntegrationConfig, IntegrationMetadata
from perdure.protocol.messages.sources import SourceMetadata
from perdure.protocol.messages.triggers import RegisterTriggerBody, TriggerRule

if TYPE_CHECKING:
    from perdure.protocol.sources import RegisterTrigger

_INTEGRATION = IntegrationConfig(
    id="perdure", metadata=IntegrationMetadata(id="perdure", name="perdure"), auth_source="LOCAL"
)


def trigger_answer(call: RegisterTrigger) -> RegisterTriggerBody:
    """Write the answer of INITIALIZE_TRIGGER."""
    names = call.names[0] if len(call.names) == 1 else list(call.names)
    return RegisterTriggerBody(
        rule=TriggerRule(
            event=names, source=call.source, payload=UNSET if call.filter is None else Raw(call.filter.encode())
        ),
        source=SourceMetadata(
            version="2",
            channel="HTTP",
            key=call.source_key,
            params=Raw(call.params.encode()),
            options=call.options,
            integration=_INTEGRATION,
        ),
        account_id=UNSET if call.account_id is None else call.account_id,
    )
