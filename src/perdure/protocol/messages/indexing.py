"""The index: everything an app declares (v2 protocol, section 3.5)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.display import DisplayProperty
from perdure.protocol.messages.integrations import IntegrationConfig
from perdure.protocol.messages.schedules import ScheduleMetadata
from perdure.protocol.messages.sources import SourceMetadata
from perdure.protocol.messages.tenancy import JobReference
from perdure.protocol.messages.triggers import TriggerRule
from perdure.protocol.messages.webhooks import WebhookMetadata
from perdure.protocol.schedules import CatchUp


class EventExample(Struct, frozen=True, kw_only=True, rename="camel"):
    """A payload to try a job with."""

    id: str
    name: str
    icon: str | UnsetType = UNSET
    payload: Raw | UnsetType = UNSET


class EventSpecification(Struct, frozen=True, kw_only=True, rename="camel"):
    """The kind of event that a job takes, for pages and tests; what starts the job is its trigger."""

    name: str | list[str]
    title: str
    source: str
    icon: str
    filter: Raw | UnsetType = UNSET
    properties: list[DisplayProperty] | UnsetType = UNSET
    schema: Raw | UnsetType = UNSET
    examples: list[EventExample] | UnsetType = UNSET


class HelpText(Struct, frozen=True, kw_only=True, rename="camel"):
    """A hint, which may be a link."""

    text: str
    link: str | UnsetType = UNSET


class TriggerHelp(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the job's page says while it has no runs."""

    no_runs: HelpText | UnsetType = UNSET


class StaticTrigger(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="static"):
    """Events that match a rule start the job; ``link`` is a path relative to the project's pages.

    Attributes:
        strict: Native. Filters are refused where v2 gives them a meaning that nobody expects.
    """

    title: str | list[str]
    properties: list[DisplayProperty] | UnsetType = UNSET
    rule: TriggerRule
    link: str | UnsetType = UNSET
    help: TriggerHelp | UnsetType = UNSET

    # Native.
    strict: bool | UnsetType = UNSET


class ScheduledTrigger(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="scheduled"):
    """A schedule starts the job.

    Attributes:
        catch_up: Native. What becomes of ticks that were missed.
    """

    schedule: ScheduleMetadata

    # Native.
    catch_up: CatchUp | UnsetType = UNSET


class DynamicTriggerReference(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="dynamic"):
    """Registrations with a dynamic trigger or schedule, made while the app runs, start the job."""

    id: str


class InvokeTrigger(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="invoke"):
    """Nothing but an invocation starts the job."""


TriggerMetadata = StaticTrigger | ScheduledTrigger | DynamicTriggerReference | InvokeTrigger


class ConcurrencyLimit(Struct, frozen=True, kw_only=True, rename="camel"):
    """How many executions of the jobs that name this group there are at a time."""

    id: str
    limit: int


class JobMetadata(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A job.

    Attributes:
        version: ``X.Y.Z``.
        internal: It belongs to the SDK and is shown to nobody; absent for other jobs.
        start_position: Without meaning.
        preprocess_runs: It may be asked for properties of a run.
        concurrency_limit: How many executions there are at a time; absent: as many as the organization allows.
    """

    id: str
    name: str
    version: str
    event: EventSpecification
    trigger: TriggerMetadata
    integrations: dict[str, IntegrationConfig]
    internal: bool = False
    start_position: Literal["initial", "latest"]
    enabled: bool
    preprocess_runs: bool
    concurrency_limit: int | ConcurrencyLimit | UnsetType = UNSET


class DynamicTriggerMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """A trigger that is registered with while the app runs, and the jobs it starts."""

    id: str
    jobs: list[JobReference]
    register_source_job: JobReference | UnsetType = UNSET


class DynamicScheduleMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """A schedule that is registered with while the app runs, and the jobs it starts."""

    id: str
    jobs: list[JobReference]


class HttpEndpointMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """A URL of the server's that takes requests for the app (section 11.1).

    Attributes:
        title: v2 clients do not send it; the event's title stands for it.
        immediate_response_filter: The requests that the app itself answers; none when absent.
        skip_triggering_runs: A request that the app answered starts no run.
        delivery_id: The member of a JSON body that names a delivery; v2 clients do not send it.
    """

    id: str
    version: str
    enabled: bool
    title: str | UnsetType = UNSET
    icon: str | UnsetType = UNSET
    properties: list[DisplayProperty] | UnsetType = UNSET
    event: EventSpecification
    immediate_response_filter: Raw | UnsetType = UNSET
    skip_triggering_runs: bool | UnsetType = UNSET
    delivery_id: str | UnsetType = UNSET
    source: str


class IndexAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of INDEX_ENDPOINT."""

    jobs: list[JobMetadata]
    sources: list[SourceMetadata]
    webhooks: list[WebhookMetadata] | UnsetType = UNSET
    dynamic_triggers: list[DynamicTriggerMetadata]
    dynamic_schedules: list[DynamicScheduleMetadata]
    http_endpoints: list[HttpEndpointMetadata] | UnsetType = UNSET
