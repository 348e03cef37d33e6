"""The codec of plain JSON, which all other codecs extend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Final, cast

from perdure.errors import Issue, PayloadValidationError, UnserializableOutputError, ValueTooLargeError
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import MAX_DEPTH, dump, load
from perdure.protocol.limits import OUTPUT_LIMIT as OUTPUT_LIMIT
from perdure.protocol.plain_values import find_unserializable, to_plain
from perdure.protocol.value_paths import child_path, type_name


class Codec:
    """Encodes values of one type as JSON text and decodes them; this class does so for plain JSON.

    Attributes:
        annotation: The type that values are decoded to; ``Any`` for plain JSON.
    """

    __slots__ = ("annotation",)

    def __init__(self, annotation: Any = Any) -> None:
        self.annotation = annotation

    def __repr__(self) -> str:
        return f"{type(self).__name__}({spell(self.annotation)})"

    @property
    def is_plain(self) -> bool:
        """Whether values come back as their JSON."""
        return self.annotation is Any

    def encode(self, value: object, root: str = "result", *, limit: int = OUTPUT_LIMIT) -> JsonText:
        """Encode a value; whether it can be decoded again is not tried (see `store`).

        Args:
            value: What to encode; models are written by alias.
            root: What the value is called in messages.
            limit: How many bytes of UTF-8 the text may have.

        Raises:
            UnserializableOutputError: Part of it cannot become JSON; the message starts with its path.
            ValueTooLargeError: The text is over the limit.
        """
        text = self._text(value, root, limit)
        self._check_kept(value, load(text), text, root)
        return text

    def decode(self, text: JsonText) -> Any:
        """Decode text that was stored.

        Raises:
            PayloadValidationError: The text does not fit the type; ``issues`` say where.
        """
        return load(text)

    def store(self, value: object, root: str = "result") -> tuple[JsonText, Any]:
        """Encode a result and decode it again, as every replay will.

        Args:
            value: What a body returned.
            root: What the value is called in messages.

        Returns:
            The text to store, and the value to hand on in place of the one given.

        Raises:
            UnserializableOutputError: Part of the value cannot become JSON, or does not fit the type; the
                message starts with its path.
            ValueTooLargeError: It is over 3 MiB as JSON.
        """
        text = self._text(value, root, OUTPUT_LIMIT)
        try:
            stored = self.decode(text)
        except PayloadValidationError as error:
            raise UnserializableOutputError(describe_misfit(error.issues, root, self.annotation)) from error
        self._check_kept(value, stored, text, root)
        return text, stored

    def plain(self, text: JsonText) -> Any:
        """Decode stored text as plain JSON, whatever the type."""
        return load(text)

    def _text(self, value: object, root: str, limit: int) -> JsonText:
        text = self._dump(value, root)
        # A character is at most four bytes, so most texts need not be measured.
        if len(text) * 4 > limit:
            _check_size(text, root, limit)
        return JsonText(text)

    def _dump(self, value: object, root: str) -> str:
        try:
            return dump(value, root=root)
        except UnserializableOutputError:
            # Rare, and twice the work: pydantic models, and what cannot be stored at all.
            return _dump_models(value, root)

    def _check_kept(self, value: object, stored: object, text: JsonText, root: str) -> None:
        if stored != value:
            _refuse_merged_keys(value, load(text), root)


PLAIN: Final = Codec()
"""For values without an annotation: they come back as their JSON."""


def spell(annotation: Any) -> str:
    """Write a type as its user would."""
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__qualname__
    return repr(annotation).replace("typing.", "")


def misfit(issues: Sequence[Issue], annotation: Any) -> PayloadValidationError:
    """Make the error that says where a value does not fit a type."""
    path = ".".join(map(str, issues[0].path))
    what = f"{path}: {issues[0].message}" if path else issues[0].message
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return PayloadValidationError(f"The value does not fit {spell(annotation)}: {what}{more}.", issues=issues)


def describe_misfit(issues: Sequence[Issue], root: str, annotation: Any) -> str:
    """Say that a result does not fit its own type: the path, and what is wrong there."""
    path = reduce(child_path, issues[0].path, root)
    return f"{path}: {issues[0].message}; the result was to be read as {spell(annotation)} on every replay."


def locate(value: object, root: str) -> str | None:
    """Describe the first part of a value that cannot become JSON, also inside pydantic models."""
    return find_unserializable(value, root, _to_members, max_depth=MAX_DEPTH)


def _dump_models(value: object, root: str) -> str:
    try:
        return dump(value, root=root, default=_to_plain_model)
    except UnserializableOutputError as error:
        problem = locate(value, root)
        if problem is None:
            raise
        raise UnserializableOutputError(problem) from error


def _to_plain_model(value: object) -> object:
    serializer: Any = getattr(type(value), "__pydantic_serializer__", None)
    if serializer is None:
        raise TypeError(f"{type_name(value)} has no JSON form")
    try:
        return serializer.to_python(value, mode="json", by_alias=True)
    except Exception as error:
        # The serializers of a model are user code; the caller understands only this type.
        raise TypeError(f"{type_name(value)}: {error}") from error


def _to_members(value: object) -> object:
    """Open a model up, so that the part that resists is found by its path."""
    try:
        return to_plain(value)
    except TypeError:
        fields: Mapping[str, Any] | None = getattr(type(value), "__pydantic_fields__", None)
        if fields is None:
            raise
        return {field.serialization_alias or name: getattr(value, name, None) for name, field in fields.items()}


def _refuse_merged_keys(value: object, stored: object, path: str) -> None:
    """Refuse an object two of whose keys are written alike, such as ``1`` and ``"1"``: one value would be lost."""
    if isinstance(value, Mapping) and isinstance(stored, dict):
        members, kept = cast("Mapping[object, object]", value), cast("dict[str, object]", stored)
        if len(kept) < len(members):
            raise UnserializableOutputError(f"{path}: two keys are written alike as JSON text.")
        for name, member, one in zip(kept, members.values(), kept.values(), strict=True):
            _refuse_merged_keys(member, one, child_path(path, name))
    elif isinstance(value, (list, tuple)) and isinstance(stored, list):
        items, kept_items = cast("Sequence[object]", value), cast("list[object]", stored)
        for index, (item, one) in enumerate(zip(items, kept_items, strict=True)):
            _refuse_merged_keys(item, one, f"{path}[{index}]")


def _check_size(text: str, root: str, limit: int) -> None:
    size = len(text.encode())
    if size > limit:
        raise ValueTooLargeError(
            f"{root} is {size:,} bytes of JSON; at most {limit:,} are stored. Keep the bulk elsewhere, such as in a "
            "file or an object store, and return a reference to it."
        )
