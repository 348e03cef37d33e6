"""Bodies of requests to a node's own API, and small answers of it; `api_json` gives their JSON.

Where a call has one struct for all that it takes, such as `perdure.protocol.task_waits.InvokeRequest`, the body has the
members that are not in the URL.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.json_text import JsonText
from perdure.protocol.schedules import CronTiming, IntervalTiming
from perdure.protocol.state import StatusState
from perdure.protocol.statuses import EnvironmentType


class SendEvents(Struct, frozen=True, gc=False):
    """Events to send, all or none."""

    events: tuple[EventRequest, ...]
    options: EventOptions = EventOptions()


class InvokeJob(Struct, frozen=True, gc=False):
    """What a job is invoked with."""

    payload: JsonText = JsonText("{}")
    context: JsonText = JsonText("{}")
    idempotency_key: str | None = None
    account_id: str | None = None
    callback_url: str | None = None


class ChangeStatus(Struct, frozen=True, gc=False):
    """What a status becomes; null leaves a member as it is."""

    label: str | None = None
    state: StatusState | None = None
    data: JsonText | None = None


class Registration(Struct, frozen=True, gc=False):
    """A registration with a dynamic schedule."""

    key: str
    timing: IntervalTiming | CronTiming
    account_id: str | None = None
    metadata: JsonText | None = None


class Prune(Struct, frozen=True, gc=False):
    """How many seconds ago something must have ended to be deleted, and whether it is only counted."""

    older_than: float
    dry_run: bool = False


class NewEnvironment(Struct, frozen=True, gc=False):
    """An environment to create; ``type`` may be null if its slug is one of ``dev stg prod prev``."""

    slug: str
    type: EnvironmentType | None = None


class NewKey(Struct, frozen=True, gc=False):
    """A key to make."""

    is_public: bool = False


class RotateKey(Struct, frozen=True, gc=False):
    """For how many seconds the key stays valid whose place another one takes."""

    overlap: float = 0


class NewEndpoint(Struct, frozen=True, gc=False):
    """An app to register: its URL, and its client's id; without it the app is asked."""

    url: str
    id: str | None = None


class RunId(Struct, frozen=True, gc=False):
    """The run that an invocation started."""

    id: str


class Deleted(Struct, frozen=True, gc=False):
    """Whether there was anything to delete."""

    deleted: bool


class Stored(Struct, frozen=True, gc=False):
    """A value was stored under this key."""

    key: str


class Health(Struct, frozen=True, gc=False):
    """How a node is."""

    status: Literal["ok", "stopping", "unavailable"]
