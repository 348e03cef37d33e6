from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from perdure.protocol.execution import (
    AccountInfo,
    EnvironmentInfo,
    EventInfo,
    ExecutionRequest,
    JobRef,
    JsonText,
    OrganizationInfo,
    ProjectInfo,
    RunInfo,
    SourceInfo,
    Tenant,
)
from perdure.protocol.statuses import EnvironmentType
from perdure.sdk.context import Context

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

REQUEST = ExecutionRequest(
    epoch=1,
    run=RunInfo("run_1", is_test=True, is_retry=False, started_at=NOON),
    job=JobRef("welcome", "1.2.3"),
    event=EventInfo("evt_1", "user.created", JsonText('{"id": 1}'), JsonText('{"ip": "::1"}'), NOON),
    tenant=Tenant(
        EnvironmentInfo("env_1", "dev", EnvironmentType.DEVELOPMENT),
        ProjectInfo("proj_1", "shop", "Shop"),
        OrganizationInfo("org_1", "acme", "Acme"),
    ),
    account=None,
    source=None,
    tasks=[],
)


def test_a_context_says_what_the_run_is() -> None:
    ctx = Context.of(REQUEST)
    assert (ctx.run.id, ctx.run.is_test, ctx.run.is_retry, ctx.run.started_at) == ("run_1", True, False, NOON)
    assert (ctx.job.id, ctx.job.version) == ("welcome", "1.2.3")
    assert (ctx.event.id, ctx.event.name, ctx.event.context, ctx.event.timestamp) == (
        "evt_1",
        "user.created",
        {"ip": "::1"},
        NOON,
    )
    assert (ctx.environment.id, ctx.environment.slug, ctx.environment.type) == ("env_1", "dev", "DEVELOPMENT")
    assert (ctx.organization.id, ctx.organization.slug, ctx.organization.title) == ("org_1", "acme", "Acme")
    assert (ctx.project.id, ctx.project.slug, ctx.project.name) == ("proj_1", "shop", "Shop")


def test_without_account_and_source_there_are_none() -> None:
    ctx = Context.of(REQUEST)
    assert ctx.account is None
    assert ctx.source is None


@pytest.mark.parametrize(("metadata", "value"), [(JsonText('{"plan": "pro"}'), {"plan": "pro"}), (None, None)])
def test_account_and_source_have_an_id_and_metadata(metadata: JsonText | None, value: object) -> None:
    request = msgspec.structs.replace(
        REQUEST, account=AccountInfo("acc_1", metadata), source=SourceInfo("nightly", metadata)
    )
    ctx = Context.of(request)
    assert ctx.account is not None
    assert ctx.source is not None
    assert (ctx.account.id, ctx.account.metadata) == ("acc_1", value)
    assert (ctx.source.id, ctx.source.metadata) == ("nightly", value)


@pytest.mark.parametrize("path", ["run", "run.id", "job.version", "event.context", "environment.slug"])
def test_a_context_cannot_be_changed(path: str) -> None:
    target: Any = Context.of(REQUEST)
    *owners, name = path.split(".")
    for owner in owners:
        target = getattr(target, owner)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(target, name, "other")
