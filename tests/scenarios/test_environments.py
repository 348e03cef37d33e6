"""The environment of an embedded node: `dev` unless `PERDURE_ENVIRONMENT` says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import IO, Context
from tests.scenarios.app import App


@pytest.mark.parametrize(
    ("variable", "slug", "kind"),
    [
        (None, "dev", "DEVELOPMENT"),
        ("", "dev", "DEVELOPMENT"),
        ("stg", "stg", "STAGING"),
        ("prod", "prod", "PRODUCTION"),
        ("prev", "prev", "PREVIEW"),
    ],
)
@pytest.mark.usefixtures("outside_development")
async def test_a_job_is_told_its_environment(
    app: App, monkeypatch: pytest.MonkeyPatch, variable: str | None, slug: str, kind: str
) -> None:
    if variable is None:
        monkeypatch.delenv("PERDURE_ENVIRONMENT", raising=False)
    else:
        monkeypatch.setenv("PERDURE_ENVIRONMENT", variable)

    @app.job
    async def where(payload: Any, io: IO, ctx: Context) -> list[str]:
        return [ctx.environment.slug, ctx.environment.type]

    assert await app.result(where) == [slug, kind]
