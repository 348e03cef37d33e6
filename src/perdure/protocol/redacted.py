"""Text that must not be seen: redacted strings, redacted output paths, secret headers."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any, Final, cast

from perdure.errors import InvalidArgumentError
from perdure.protocol.value_paths import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MASK: Final = "***"
REDACTED: Final = "[REDACTED]"

REDACTED_MARK: Final = "__redactedString"
"""The member by which v2's form of a redacted string is known."""

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_SECRET_PARTS = ("token", "secret", "api-key", "apikey")
_SECRET_PARAMETERS = frozenset({"key", "sig", "signature", "password", "passwd", "auth"})
# Providers that meter tokens say in such headers how many are left.
_COUNTING_PARTS = ("ratelimit", "rate-limit")


class RedactedString:
    """Text with hidden parts: printing, formatting and logging it show ``***`` in their place.

    Args:
        strings: The visible pieces, one more than there are hidden ones.
        interpolations: The hidden pieces between them.

    Raises:
        InvalidArgumentError: The pieces do not alternate.
    """

    __slots__ = ("_interpolations", "_strings")

    def __init__(self, strings: Sequence[str], interpolations: Sequence[str]) -> None:
        if len(strings) != len(interpolations) + 1:
            raise InvalidArgumentError(
                f"A redacted string of {len(interpolations)} hidden pieces has {len(interpolations) + 1} visible ones, "
                f"not {len(strings)}."
            )
        self._strings = tuple(strings)
        self._interpolations = tuple(interpolations)

    def reveal(self) -> str:
        """Give the whole text, hidden parts included. Only what sends it may ask."""
        return _interleave(self._strings, self._interpolations)

    @property
    def has_hidden_parts(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._interpolations)

    def to_wire(self) -> dict[str, Any]:
        """Give the object that v2 sends for it, hidden parts included (v2 protocol, section 14)."""
        return {REDACTED_MARK: True, "strings": list(self._strings), "interpolations": list(self._interpolations)}

    def __str__(self) -> str:
        return _interleave(self._strings, [MASK] * len(self._interpolations))

    def __repr__(self) -> str:
        return f"RedactedString({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RedactedString) and self._pieces() == other._pieces()

    def __hash__(self) -> int:
        return hash(self._pieces())

    def _pieces(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self._strings, self._interpolations


def redact_string(template: str, *values: object) -> RedactedString:
    """Build a text whose values are hidden wherever it is stored, logged or shown.

    Args:
        template: Text with one ``{}`` for each value; ``{{`` and ``}}`` are braces.
        values: What goes into the holes, as text.

    Raises:
        InvalidArgumentError: There are not as many holes as values, a hole is more than ``{}``, or a value is neither
            text nor a number: a variable of the environment that is missing, say, or a secret of another library's.
    """
    if not isinstance(cast("object", template), str):
        raise InvalidArgumentError(f"The template of redact_string is text, not {type_name(template)}.")
    strings = _visible_pieces(template)
    if len(strings) != len(values) + 1:
        raise InvalidArgumentError(f"redact_string has {len(strings) - 1} holes for {len(values)} values.")
    return RedactedString(strings, [_hidden_piece(value, place) for place, value in enumerate(values, 1)])


def _hidden_piece(value: object, place: int) -> str:
    # A redacted string would otherwise contribute its mask.
    if isinstance(value, RedactedString):
        return value.reveal()
    if not isinstance(value, str | int | float):
        # It is not repeated: it may be secret.
        raise InvalidArgumentError(f"redact_string hides text and numbers; value {place} is a {type_name(value)}.")
    return str(value)


def is_redacted_wire(value: object) -> bool:
    """Say whether a JSON value is v2's form of a redacted string."""
    if not isinstance(value, dict):
        return False
    members = cast("dict[str, object]", value)
    strings, interpolations = members.get("strings"), members.get("interpolations")
    return (
        members.get(REDACTED_MARK) is True
        and _is_texts(strings)
        and _is_texts(interpolations)
        and len(cast("list[str]", strings)) == len(cast("list[str]", interpolations)) + 1
    )


def redacted_from_wire(value: object) -> RedactedString:
    """Read v2's form of a redacted string.

    Raises:
        InvalidArgumentError: The value is no such object.
    """
    if not is_redacted_wire(value):
        raise InvalidArgumentError("Not a redacted string.")
    members = cast("dict[str, list[str]]", value)
    return RedactedString(members["strings"], members["interpolations"])


def mask_redacted(value: Any) -> Any:
    """Copy a JSON value with each of v2's redacted strings replaced by its masked text."""
    if is_redacted_wire(value):
        return str(redacted_from_wire(value))
    if isinstance(value, dict):
        return {name: mask_redacted(member) for name, member in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [mask_redacted(item) for item in cast("list[object]", value)]
    return value


def redact_paths(value: Any, paths: Iterable[str]) -> Any:
    """Copy a JSON value with what lies at some paths replaced by ``[REDACTED]``.

    Args:
        value: The output of a task.
        paths: Dotted paths such as ``user.email``; they lead through objects only (v2 protocol, section
            14). One that leads nowhere changes nothing.
    """
    for path in paths:
        value = _redact_path(value, path.split("."))
    return value


def is_secret_header(name: str) -> bool:
    """Say whether a header's value must not be stored, logged or shown."""
    lowered = name.lower()
    if any(part in lowered for part in _COUNTING_PARTS):
        return False
    return (
        lowered in _SECRET_HEADERS
        or (lowered.startswith("x-") and lowered.endswith("-key"))
        or any(part in lowered for part in _SECRET_PARTS)
    )


def is_secret_parameter(name: str) -> bool:
    """Say whether a parameter of a URL's query is secret by its name."""
    lowered = name.lower().replace("_", "-")
    return lowered in _SECRET_PARAMETERS or any(part in lowered for part in _SECRET_PARTS)


def mask_url(url: str) -> str:
    """Copy a URL with the values of secret parameters in its query masked."""
    base, mark, query = url.partition("?")
    query, hash_mark, fragment = query.partition("#")
    shown = "&".join(_mask_parameter(one) for one in query.split("&"))
    return f"{base}{mark}{shown}{hash_mark}{fragment}"


def _mask_parameter(parameter: str) -> str:
    name, mark, value = parameter.partition("=")
    return f"{name}={MASK}" if mark and value and is_secret_parameter(name) else parameter


def _visible_pieces(template: str) -> list[str]:
    pieces = [""]
    try:
        fields = list(Formatter().parse(template))
    except ValueError as error:
        raise InvalidArgumentError(f"redact_string: {error}; write {{{{ or }}}} for a brace.") from error
    for text, name, specification, conversion in fields:
        pieces[-1] += text
        if name is None:
            continue
        if name or specification or conversion:
            raise InvalidArgumentError("redact_string takes plain {} holes only.")
        pieces.append("")
    return pieces


def _interleave(strings: Sequence[str], interpolations: Sequence[str]) -> str:
    return strings[0] + "".join(hidden + text for hidden, text in zip(interpolations, strings[1:], strict=True))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in cast("list[object]", value))


def _redact_path(value: Any, steps: Sequence[str]) -> Any:
    if not steps:
        return REDACTED
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, object]", value)
    if steps[0] not in members:
        return members
    return {**members, steps[0]: _redact_path(members[steps[0]], steps[1:])}
