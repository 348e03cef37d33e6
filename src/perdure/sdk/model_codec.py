"""The codec of everything that pydantic knows: models, dataclasses, dates, enums, unions and generics of them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from perdure.errors import Issue, UnserializableOutputError, UnsupportedTypeError
from perdure.protocol.json_text import dump, load
from perdure.protocol.value_paths import child_path
from perdure.sdk.plain_codec import Codec, locate, misfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.protocol.execution import JsonText

# Bytes need not be UTF-8, and unlike pydantic's default this keeps all of them.
_CONFIG: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

_ONE_WAY: Final = {
    "generator": "an iterable is read once; say list[…]",
    "callable": "code is not stored",
    "is-subclass": "classes are not stored",
}
# What follows is advice on models, or an address.
_REMEDY = re.compile(r"\. Set `arbitrary_types_allowed|\n")
_HIDDEN = "**********"


class ModelCodec(Codec):
    """Writes by alias and reads by alias, without computed fields, so that what was written can be read.

    Raises:
        UnsupportedTypeError: pydantic does not know the type, or knows no way back from JSON.
    """

    __slots__ = ("_adapter", "_hides")

    def __init__(self, annotation: Any) -> None:
        super().__init__(annotation)
        if _is_no_type(annotation):
            raise UnsupportedTypeError("it is no type")
        try:
            # In a list, since pydantic lets no configuration be given for a bare dataclass.
            self._adapter: TypeAdapter[list[Any]] = TypeAdapter(cast("Any", list)[annotation], config=_CONFIG)
            schema: dict[str, Any] = dict(cast("Any", self._adapter.core_schema))
        except Exception as error:
            # pydantic raises a handful of unrelated types here, and runs hooks of user code.
            raise UnsupportedTypeError(_REMEDY.split(str(error))[0]) from error
        nodes = list(_schema_nodes(schema))
        for node in nodes:
            if node.get("type") in _ONE_WAY:
                raise UnsupportedTypeError(_ONE_WAY[node["type"]])
        self._hides = any(hasattr(node.get("function"), "get_secret_value") for node in nodes)

    def decode(self, text: JsonText) -> Any:
        """Decode text that was stored."""
        try:
            return self._adapter.validate_json(f"[{text}]")[0]
        except ValidationError as error:
            if error.errors(include_url=False)[0]["type"] == "json_invalid":
                return self._validate(load(text))
            raise misfit(_issues(error), self.annotation) from error
        except Exception as error:
            # Validators are user code.
            raise misfit([Issue((), f"{type(error).__name__}: {error}")], self.annotation) from error

    def _validate(self, value: object) -> Any:
        """Decode what pydantic cannot read from text: escapes of lone surrogates."""
        try:
            return self._adapter.validate_python([value])[0]
        except ValidationError as error:
            raise misfit(_issues(error), self.annotation) from error

    def _dump(self, value: object, root: str) -> str:
        try:
            plain = self._adapter.dump_python([value], mode="json", by_alias=True, round_trip=True, warnings=False)[0]
        except UnicodeDecodeError as error:
            raise UnserializableOutputError(
                f"{root}: a model has bytes that are not UTF-8; give it model_config = "
                'ConfigDict(ser_json_bytes="base64", val_json_bytes="base64").'
            ) from error
        except Exception as error:
            # Serializers are user code.
            problem = locate(value, root)
            raise UnserializableOutputError(problem if problem is not None else f"{root}: {error}") from error
        if self._hides:
            _refuse_hidden(plain, root)
        return dump(plain, root=root)

    def _check_kept(self, value: object, stored: object, text: JsonText, root: str) -> None:
        # Not compared: models may have an equality of their own.
        return


def _is_no_type(annotation: Any) -> bool:
    """Find what pydantic would take for something else: a model for its class, code for its arguments."""
    if isinstance(annotation, tuple) or inspect.isroutine(annotation):
        return True
    return not isinstance(annotation, type) and hasattr(annotation, "__pydantic_core_schema__")


def _schema_nodes(schema: object) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            node = cast("dict[str, Any]", found)
            yield node
            waiting.extend(member for name, member in node.items() if name != "metadata")
        elif isinstance(found, (list, tuple)):
            waiting.extend(cast("list[object]", found))


def _issues(error: ValidationError) -> list[Issue]:
    # The first step of each place is the list around the value.
    return [Issue(one["loc"][1:], one["msg"]) for one in error.errors(include_url=False, include_input=False)]


def _refuse_hidden(plain: object, path: str) -> None:
    """Refuse what a ``SecretStr`` writes in place of its value, which would be lost."""
    if plain == _HIDDEN:
        raise UnserializableOutputError(
            f"{path}: a secret type writes asterisks as JSON, so its value would be lost; return "
            "get_secret_value(), or give the field a serializer."
        )
    if isinstance(plain, dict):
        for name, member in cast("dict[str, object]", plain).items():
            _refuse_hidden(member, child_path(path, name))
    elif isinstance(plain, list):
        for index, item in enumerate(cast("list[object]", plain)):
            _refuse_hidden(item, f"{path}[{index}]")
