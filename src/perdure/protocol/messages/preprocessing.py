"""Asking an app for the properties of a run before it is executed (v2 protocol, section 3.7)."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from perdure.protocol.messages.display import PartialDisplayProperty
from perdure.protocol.messages.events import ApiEventLog
from perdure.protocol.messages.tenancy import (
    AccountReference,
    EnvironmentReference,
    JobReference,
    OrganizationReference,
)


class PreprocessedRun(Struct, frozen=True, kw_only=True, rename="camel"):
    """The run in a request for its properties."""

    id: str
    is_test: bool


class PreprocessRunBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of PREPROCESS_RUN, which yields properties of the run to display."""

    event: ApiEventLog
    job: JobReference
    run: PreprocessedRun
    environment: EnvironmentReference
    organization: OrganizationReference
    account: AccountReference | UnsetType = UNSET


class PreprocessRunAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of PREPROCESS_RUN; ``abort`` is always false."""

    abort: bool
    properties: list[PartialDisplayProperty] | UnsetType = UNSET
