"""What of a job's declaration is refused, or is only warned of, when its app is registered; and a job that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.fitting import MOST_AT_ONCE
from perdure.engine.schedule_limits import check_schedule
from perdure.errors import InvalidArgumentError, JobDisabledError
from perdure.protocol.endpoint import EventTriggerSpec, JobSpec
from perdure.protocol.event_filter import compile_event_filter
from perdure.protocol.json_text import load

if TYPE_CHECKING:
    from perdure.storage.jobs import JobRow


def check_there(job: JobRow, job_id: str) -> None:
    """Refuse to start a run that nobody would execute.

    Raises:
        JobDisabledError: The app that had the job, which is elsewhere, declares it no more.
    """
    if job.is_gone:
        raise JobDisabledError(
            f"Job {job_id!r:.80} is disabled: its app {job.endpoint_id!r:.80} declares it no more, so its run would "
            "wait for code. Deploy the app with the job, or register it again."
        )


def check_job(spec: JobSpec) -> list[str]:
    """Refuse a job that cannot be started as it is declared.

    Returns:
        Warnings of filters that mean something else than they say.

    Raises:
        InvalidArgumentError: Its filters, its schedule or its limit are none; the message begins with its id.
    """
    try:
        warnings = check_filters(spec)
        check_schedule(spec)
    except InvalidArgumentError as error:
        raise type(error)(f"Job {spec.id!r:.80}: {error.message}") from error
    most = 1 if spec.limit is None else spec.limit.most
    if not 1 <= most <= MOST_AT_ONCE:
        raise InvalidArgumentError(
            f"Job {spec.id!r:.80}: a concurrency limit is a whole number of 1 to {MOST_AT_ONCE:,}, not {most}."
        )
    return [f"Job {spec.id!r:.80}: {warning}" for warning in warnings]


def check_filters(spec: JobSpec) -> list[str]:
    """Refuse a trigger whose filters cannot be compiled; what those of v2 mean otherwise than they say.

    Raises:
        InvalidFilterError: The message begins with the place.
    """
    warnings: list[str] = []
    if isinstance(spec.trigger, EventTriggerSpec):
        for text, path in ((spec.trigger.filter, "filter"), (spec.trigger.context_filter, "context_filter")):
            if text is not None:
                warnings += compile_event_filter(load(text), path=path, lenient=spec.trigger.is_lenient).warnings
    return warnings
