"""Payload schemas: what a job says of the payloads it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.errors import InvalidArgumentError, UnsupportedTypeError
from perdure.sdk.annotations import MISSING, first_parameter_annotation, name_of
from perdure.sdk.codec import PLAIN, Codec, codec_for
from perdure.sdk.plain_codec import spell

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.execution import JsonText

_NO_SCHEMA: Final = (Any, MISSING, object, dict, dict[str, Any], dict[str, object])


class PayloadSchema:
    """Reads payloads; `NO_SCHEMA` takes any JSON.

    Attributes:
        annotation: The type of the payloads that are read; ``Any`` without a schema.
    """

    __slots__ = ("_codec", "annotation")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.annotation = codec.annotation

    def parse(self, text: JsonText) -> Any:
        """Read a payload, models by alias.

        Args:
            text: The payload as it was sent, JSON that has passed the guard.

        Raises:
            PayloadValidationError: It does not fit; ``issues`` say where.
        """
        return self._codec.decode(text)


NO_SCHEMA: Final = PayloadSchema(PLAIN)


def payload_schema(schema: Any = None, function: Callable[..., Any] | None = None) -> PayloadSchema:
    """Give the schema of a job's payloads.

    Args:
        schema: The ``schema=`` of its trigger: a pydantic model, a dataclass, a ``msgspec.Struct``, a
            ``TypedDict`` or any other type that JSON can be read as; ``None`` if it has none.
        function: The job's function; without ``schema`` the annotation of its first parameter counts, of which
            ``dict`` and ``Any`` are no schema.

    Raises:
        InvalidArgumentError: Both are given and differ.
        UnsupportedTypeError: The annotation that counts cannot be resolved, or JSON cannot be read as the type.
    """
    if schema is None:
        return _schema_of(MISSING if function is None else first_parameter_annotation(function))
    if function is not None:
        _check_same(schema, function)
    return _schema_of(schema)


def _schema_of(annotation: Any) -> PayloadSchema:
    return NO_SCHEMA if annotation in _NO_SCHEMA else PayloadSchema(codec_for(annotation))


def _check_same(schema: Any, function: Callable[..., Any]) -> None:
    try:
        annotation = first_parameter_annotation(function)
    except UnsupportedTypeError:
        # The type is at hand, so nobody needs to know what the annotation names.
        return
    if annotation in (MISSING, Any, object) or annotation == schema:
        return
    raise InvalidArgumentError(
        f"The payload of {name_of(function)} is annotated as {spell(annotation)}, and the trigger's schema= is "
        f"{spell(schema)}; the payload will be what schema= says, so annotate it as that or leave one of them out."
    )
