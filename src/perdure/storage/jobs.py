"""Jobs as endpoints register them: their versions, and the events they are subscribed to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.endpoint import EventTriggerSpec, JobSpec
from perdure.storage.instants import from_ms, to_ms
from perdure.storage.json_lists import read_texts, text_list

if TYPE_CHECKING:
    from perdure.storage.interface import Session


class JobRow(Struct, frozen=True, gc=False):
    """A job and the version registered last.

    ``endpoint_id``: which app has it; ``is_gone``: that is elsewhere, and declares it no more.
    """

    job_no: int
    version_no: int
    version: str
    endpoint_id: str
    is_gone: bool


class RegisteredJob(Struct, frozen=True, gc=False):
    """A job as it was registered last; ``trigger_spec`` is its trigger in the form of the v2 protocol's index."""

    id: str
    name: str
    version: str
    endpoint_id: str
    is_enabled: bool
    trigger_spec: str
    registered_at: datetime


class DispatcherRow(Struct, frozen=True, gc=False):
    """A job's subscription that is in force; the filters are JSON text."""

    dispatcher_no: int
    event_names: tuple[str, ...]
    source: str
    filter: str | None
    context_filter: str | None
    account_id: str | None
    job_no: int
    job_id: str
    version_no: int
    version: str


async def register_endpoint(
    tx: Session, environment_no: int, *, endpoint_id: str, is_remote: bool = False, now: datetime
) -> int:
    """Create an endpoint, or note that it was seen; its number. ``is_remote``: its code is in no node's process."""
    row = await tx.one("upsert_endpoint", environment_no, endpoint_id, is_remote, to_ms(now))
    return cast("tuple[int]", row)[0]


async def register_job(
    tx: Session, environment_no: int, *, endpoint_no: int, spec: JobSpec, trigger_spec: str, now: datetime
) -> int:
    """Store a job, the version it has now and its subscription, in place of the one before; the job's number."""
    row = await tx.one("upsert_job", environment_no, spec.id, spec.internal, spec.notify_success, spec.notify_failure)
    job_no = cast("tuple[int]", row)[0]
    status = "ACTIVE" if spec.enabled else "DISABLED"
    await tx.one("upsert_job_version", job_no, endpoint_no, spec.version, spec.name, status, trigger_spec, to_ms(now))
    trigger = spec.trigger
    if isinstance(trigger, EventTriggerSpec):
        names = text_list(trigger.names)
        await tx.one(
            "upsert_job_dispatcher", environment_no, spec.id, names, trigger.source, trigger.filter,
            trigger.context_filter, spec.enabled,
        )  # fmt: skip
    else:
        await tx.run("disable_job_dispatcher", environment_no, spec.id)
    return job_no


async def disable_undeclared(
    tx: Session, environment_no: int, *, endpoint_no: int, declared: tuple[str, ...], is_remote: bool
) -> list[str]:
    """Disable the jobs that this endpoint registered once and no longer declares.

    Those of an app elsewhere are gone. One in a node's own process may have others in its next process: they can be
    invoked for that.

    Returns:
        Those that are gone, by id.
    """
    texts = text_list(declared)
    await tx.run("disable_undeclared_jobs", environment_no, texts, endpoint_no)
    status = "GONE" if is_remote else "DISABLED"
    await tx.run("disable_undeclared_versions", status, endpoint_no, environment_no, texts)
    return [cast("tuple[str]", row)[0] for row in await tx.all("list_gone_jobs", endpoint_no)]


async def find_job(tx: Session, environment_no: int, *, job_id: str) -> JobRow | None:
    """Look a job up by its id."""
    row = await tx.one("find_job", environment_no, job_id)
    if row is None:
        return None
    job_no, version_no, version, endpoint_id, is_gone = cast("tuple[int, int, str, str, int]", row)
    return JobRow(job_no, version_no, version, endpoint_id, is_gone == 1)


async def list_job_ids(tx: Session, environment_no: int) -> list[str]:
    """List every job id the environment has seen."""
    return [cast("tuple[str]", row)[0] for row in await tx.all("list_job_ids", environment_no)]


async def list_numbers(tx: Session, environment_no: int) -> list[int]:
    """List the numbers of every job the environment has seen."""
    return [cast("tuple[int]", row)[0] for row in await tx.all("list_job_nos", environment_no)]


async def list_registered(tx: Session, environment_no: int) -> list[RegisteredJob]:
    """List every job the environment has seen, in the version registered last, by id."""
    return [_read_registered(row) for row in await tx.all("list_registered_jobs", environment_no)]


def _read_registered(row: Any) -> RegisteredJob:
    job_id, name, version, endpoint_id, status, trigger_spec, registered = row
    return RegisteredJob(job_id, name, version, endpoint_id, status == "ACTIVE", trigger_spec, from_ms(registered))


async def list_dispatchers(tx: Session, environment_no: int) -> list[DispatcherRow]:
    """List the subscriptions that are in force, those of jobs and those registered with dynamic triggers."""
    rows = await tx.all("list_job_dispatchers", environment_no)
    return [_read_dispatcher(row) for row in [*rows, *await tx.all("list_dynamic_dispatchers", environment_no)]]


def _read_dispatcher(row: Any) -> DispatcherRow:
    number, names, source, filter_text, context_text, account, job_no, job_id, version_no, version = row
    return DispatcherRow(
        number, read_texts(names), source, filter_text, context_text, account, job_no, job_id, version_no, version
    )


async def keep_listening(tx: Session, environment_no: int, job_id: str, *, success: bool, failure: bool) -> None:
    """Note which ends of a job's runs its endpoint wants to be told of."""
    await tx.run("keep_listening", success, failure, environment_no, job_id)
