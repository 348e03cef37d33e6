"""What a function's annotations say, read without calling it."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Awaitable as AbstractAwaitable
from collections.abc import Callable, Coroutine, Mapping
from types import SimpleNamespace
from typing import Any, Final, Never, NoReturn, cast, get_args, get_origin, get_type_hints

from perdure.errors import UnsupportedTypeError

MISSING: Final[Any] = inspect.Parameter.empty
"""Stands for an annotation that is not there; ``None`` is one that is."""

_NOTHING = object()


def return_annotation(function: Callable[..., Any], *, remedy: str = "pass as_type=") -> Any:
    """Give the type that a function's return annotation names.

    Args:
        function: A function, a method, a partial, a class (which returns itself) or an object with ``__call__``.
        remedy: What else can be done about one that cannot be resolved, for the message.

    Returns:
        The type, that of the awaited value for awaitables; `MISSING` if there is no annotation.

    Raises:
        UnsupportedTypeError: It names something that cannot be found, such as an import under
            ``TYPE_CHECKING`` or a class local to another function.
    """
    if isinstance(function, type):
        return function
    owner = _annotated(function)
    raw = _raw_annotations(owner).get("return", MISSING)
    if raw is MISSING:
        return MISSING
    found = _awaited(_resolve(owner, raw, f"The return annotation of {name_of(function)}", remedy))
    # What never returns gives nothing that would have to be read.
    return MISSING if found in (NoReturn, Never) else found


def first_parameter_annotation(function: Callable[..., Any]) -> Any:
    """Give the type that the annotation of a function's first parameter names, or `MISSING`.

    Raises:
        UnsupportedTypeError: It names something that cannot be found.
    """
    owner = _annotated(function)
    parameters = list(inspect.signature(function).parameters)
    raw = _raw_annotations(owner).get(parameters[0], MISSING) if parameters else MISSING
    if raw is MISSING:
        return MISSING
    return _resolve(owner, raw, f"The annotation of {parameters[0]} in {name_of(function)}", "pass schema=")


def name_of(function: Callable[..., Any]) -> str:
    """Name a function as its author would: its qualified name."""
    owner = _annotated(function)
    return getattr(owner, "__qualname__", None) or type(function).__qualname__


class NamesInUse:
    """The global names that an annotation, given as text, refers to, and what they meant when it was resolved.

    A cached answer holds as long as they mean the same: a class that was defined anew (in a notebook, say)
    is another class.
    """

    __slots__ = ("_found", "_raw")

    def __init__(self, function: Callable[..., Any], raw: Any) -> None:
        self._raw = raw
        scope = _globals(function)
        names = _names(raw) if isinstance(raw, str) else ()
        self._found = [(name, scope.get(name, _NOTHING)) for name in names]

    def still_hold(self, function: Callable[..., Any], raw: Any) -> bool:
        """Say whether an annotation of a function means what it meant when this was made."""
        if raw != self._raw:
            return False
        scope = _globals(function)
        for name, value in self._found:  # noqa: SIM110 — asked at every call of the task library
            if scope.get(name, _NOTHING) is not value:
                return False
        return True


def _annotated(function: Callable[..., Any]) -> Any:
    """Find the object that carries the annotations of a callable."""
    found: Any = function
    while isinstance(found, functools.partial):
        found = found.func  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    if inspect.ismethod(found):
        return found.__func__
    if inspect.isroutine(found) or isinstance(found, type):
        return found
    return type(cast("object", found)).__call__


def _raw_annotations(owner: Any) -> Mapping[str, Any]:
    found = getattr(owner, "__annotations__", None)
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _resolve(owner: Any, raw: Any, what: str, remedy: str) -> Any:
    holder: Any = SimpleNamespace(__annotations__={"found": raw})
    type_parameters = {one.__name__: one for one in getattr(owner, "__type_params__", ())}
    try:
        return get_type_hints(holder, dict(_globals(owner)), type_parameters, include_extras=True)["found"]
    except Exception as error:
        text = raw if isinstance(raw, str) else repr(raw)
        raise UnsupportedTypeError(
            f"{what} is {text}, which cannot be resolved when the job runs ({type(error).__name__}: {error}). Import "
            f"or define the type at module level, outside `if TYPE_CHECKING:`; or {remedy}."
        ) from error


def _awaited(annotation: Any) -> Any:
    """Look through the awaitable that a plain function says it returns."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, AbstractAwaitable):
        arguments = get_args(annotation)
        return arguments[2] if issubclass(origin, Coroutine) and len(arguments) == 3 else arguments[0]
    return annotation


def _globals(function: Any) -> Mapping[str, Any]:
    # `functools.wraps` copies the annotations, but their names belong to the module of the wrapped function.
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    found: Mapping[str, Any] | None = getattr(function, "__globals__", None)
    return vars(builtins) if found is None else found


def _names(text: str) -> tuple[str, ...]:
    try:
        code = compile(text, "<annotation>", "eval")
    except (SyntaxError, ValueError):
        return ()
    # Text inside is an annotation again, as in `list["Receipt"]`; that of a literal does no harm.
    inner = [name for constant in code.co_consts if isinstance(constant, str) for name in _names(constant)]
    return (*code.co_names, *inner)
