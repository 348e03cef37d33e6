"""Dynamic triggers: which app has them, which jobs they start, and what is registered with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from perdure.storage.json_lists import number_list, text_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.protocol.endpoint import EventTriggerSpec
    from perdure.storage.interface import Session


async def put(tx: Session, environment_no: int, *, endpoint_no: int, id: str) -> int:
    """Create a dynamic trigger, or note which app has it now; its number."""
    return cast("tuple[int]", await tx.one("put_dynamic_trigger", environment_no, endpoint_no, id))[0]


async def exists(tx: Session, environment_no: int, *, endpoint_id: str, id: str) -> bool:
    """Whether an app has a dynamic trigger."""
    return await tx.one("has_dynamic_trigger", environment_no, id, endpoint_id) is not None


async def detach_jobs(tx: Session, *, endpoint_no: int, job_nos: Sequence[int]) -> None:
    """Let no dynamic trigger start an app's jobs."""
    await tx.run("detach_triggered_jobs", number_list(job_nos), endpoint_no)


async def attach_job(tx: Session, job_no: int, *, trigger_no: int) -> None:
    """Let a dynamic trigger start a job."""
    await tx.run("attach_triggered_job", job_no, trigger_no)


async def put_dispatcher(
    tx: Session, environment_no: int, *, source_id: str, rule: EventTriggerSpec, account_no: int | None
) -> None:
    """Have what is registered with a dynamic trigger, by its source, start jobs with the events of a rule."""
    await tx.one(
        "put_registered_dispatcher", environment_no, source_id, text_list(rule.names), rule.source, rule.filter,
        rule.context_filter, account_no,
    )  # fmt: skip
