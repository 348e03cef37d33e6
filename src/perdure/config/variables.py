"""Every environment variable that perdure reads, and what holds where one is not set."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from perdure.config import api_keys
from perdure.config.settings import VARIABLES, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS: Final = frozenset(
    {"PERDURE_API_KEY", "PERDURE_SECRET_KEY", "PERDURE_METRICS_KEY", "TRIGGER_API_KEY"}
    | {name for name in api_keys.NAMES if name.endswith("_API_KEY")}
)
"""Those whose values are not shown."""

NAMES: Final = (
    *VARIABLES,
    "PERDURE_RETENTION",
    "PERDURE_MAX_RUN_DURATION",
    "PERDURE_EGRESS_ALLOW",
    "PERDURE_EGRESS_PORTS",
    "PERDURE_RATE_LIMIT",
    "PERDURE_RECEIVING_RATE_LIMIT",
    "PERDURE_FORCE_REPLAY",
    "PERDURE_SECRET_KEY",
    "PERDURE_PUBLIC_KEY",
    "PERDURE_METRICS_KEY",
    "PERDURE_TRACES",
    "PERDURE_LOG_FORMAT",
    "PERDURE_LOG_LEVEL",
    "PERDURE_API_URL",
    "PERDURE_API_KEY",
    "TRIGGER_API_URL",
    "TRIGGER_API_KEY",
    *api_keys.NAMES,
)
"""All of them; an empty value counts as none."""

_RETENTION: Final = "30d"


def effective(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Give what every variable comes to, as text; ``None``: nothing.

    Args:
        environ: The environment variables. Of a secret, only the kind of it is shown.
    """
    return {name: _shown(name, environ[name]) if environ.get(name) else _default(name) for name in NAMES}


def _shown(name: str, value: str) -> str:
    if name not in SECRETS:
        return value
    # Such as tr_dev_, which says for which environment it is.
    return f"{value[: value.rindex('_') + 1]}…" if value.startswith("tr_") else "…"


def _default(name: str) -> str | None:
    if name == "PERDURE_RETENTION":
        return _RETENTION
    if name not in VARIABLES:
        return None
    value: Any = getattr(Settings(), VARIABLES[name])
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}"
    return None if value is None else str(value)
