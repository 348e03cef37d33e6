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
_NAMING = re.compile(r"((?:tr|pk)_([a-z]+)_)[a-zA-Z0-9]+")


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
        InvalidArgumentError: A key does not look like one, names another environment, or is given twice.
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
        _check_environment(one)
    return [one for name, one in owners.items() if name]


def check_own_keys(environment: str, api_key: str | None = None, environ: Mapping[str, str] | None = None) -> None:
    """Refuse keys that name another environment than the one that a node opens: its runs would be in the wrong one.

    Args:
        environment: The environment that is opened.
        api_key: The key that the code gives, which goes before the variables; ``None``: none.
        environ: The environment variables; ``None``: those of the process.

    Raises:
        InvalidArgumentError: A key begins as those of another environment do.
    """
    source = os.environ if environ is None else environ
    variable = "PERDURE_API_KEY" if source.get("PERDURE_API_KEY") else "TRIGGER_API_KEY"
    named = [("api_key=", api_key)] if api_key is not None else [(variable, source.get(variable))]
    for name, key in [*named, ("PERDURE_PUBLIC_KEY", source.get("PERDURE_PUBLIC_KEY"))]:
        found = _other_environment(key, environment)
        if found is not None:
            raise InvalidArgumentError(
                f"{name} begins with {found[1]:.40}, so it is a key of the environment {found[2]!r:.30}, but "
                f"{environment!r} is opened. Set PERDURE_ENVIRONMENT={found[2]:.30}, or give a key that begins with "
                f"{found[1][:3]}{environment}_."
            )


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


def _check_environment(given: GivenKey) -> None:
    found = _other_environment(given.key, given.environment)
    if found is not None:
        raise InvalidArgumentError(
            f"{given.variable} begins with {found[1]:.40}, so it is no key of the environment {given.environment!r}: "
            f"give one that begins with {found[1][:3]}{given.environment}_."
        )


def _other_environment(key: str | None, environment: str) -> re.Match[str] | None:
    """How a key begins, and which environment it names, if that is another one."""
    found = None if key is None else _NAMING.fullmatch(key)
    return None if found is None or found[2] == environment else found
