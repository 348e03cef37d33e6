"""The API keys that environment variables give to environments: a private and a public one each."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

SLUGS: Final = ("dev", "stg", "prod", "prev")
"""The environments that have variables of their own, such as ``PERDURE_PROD_API_KEY``."""

NAMES: Final = tuple(f"PERDURE_{slug.upper()}_{kind}_KEY" for slug in SLUGS for kind in ("API", "PUBLIC"))

_SHORTEST: Final = 16
_PRIVATE = re.compile(r"tr_[a-z]+_[a-zA-Z0-9]+")
_PUBLIC = re.compile(r"pk_[a-z]+_[a-zA-Z0-9]+")


class GivenKey(Struct, frozen=True):
    """A key that a variable gives to an environment."""

    environment: str
    variable: str
    key: str

    def __repr__(self) -> str:
        return f"GivenKey({self.variable})"


def load_keys(own: str, environ: Mapping[str, str] | None = None) -> list[GivenKey]:
    """List the keys of all environments that variables give.

    Args:
        own: The environment that ``PERDURE_API_KEY`` (or ``TRIGGER_API_KEY``) and ``PERDURE_PUBLIC_KEY`` are for.
        environ: The environment variables; ``None``: those of the process.

    Raises:
        InvalidArgumentError: A key does not look like one, or is given twice.
    """
    source = os.environ if environ is None else environ
    own_variable = "PERDURE_API_KEY" if source.get("PERDURE_API_KEY") else "TRIGGER_API_KEY"
    variables = [(own, own_variable), (own, "PERDURE_PUBLIC_KEY")]
    variables += [(slug, name) for slug in SLUGS for name in NAMES if name.startswith(f"PERDURE_{slug.upper()}_")]
    given = [GivenKey(slug, name, source[name]) for slug, name in variables if source.get(name)]
    owners: dict[str, GivenKey] = {}
    for one in given:
        _check(one)
        other = owners.setdefault(one.key, one)
        if other.environment != one.environment:
            raise InvalidArgumentError(f"{one.variable} and {other.variable} are the same key; one key opens one door.")
    return [one for name, one in owners.items() if name]


def load_metrics_key(environ: Mapping[str, str] | None = None) -> str | None:
    """Give the key that opens the metrics and nothing else (``PERDURE_METRICS_KEY``), or ``None``.

    Raises:
        InvalidArgumentError: It is shorter than 16 characters.
    """
    key = (os.environ if environ is None else environ).get("PERDURE_METRICS_KEY") or None
    if key is not None and len(key) < _SHORTEST:
        raise InvalidArgumentError(f"PERDURE_METRICS_KEY has {len(key)} characters; use {_SHORTEST} or more.")
    return key


def _check(given: GivenKey) -> None:
    is_public = given.variable.endswith("_PUBLIC_KEY")
    if (_PUBLIC if is_public else _PRIVATE).fullmatch(given.key) is None:
        start = "pk" if is_public else "tr"
        raise InvalidArgumentError(
            f"{given.variable} is no key: it looks like {start}_{given.environment}_ and 20 letters or digits."
        )
