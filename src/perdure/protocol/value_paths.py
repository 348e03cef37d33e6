"""Paths into a JSON value, as error messages write them: ``result.users[0].photo``."""

from __future__ import annotations


def child_path(path: str, member: object) -> str:
    """Extend a path by one step.

    Args:
        path: The path of the enclosing value, such as ``result``.
        member: A list index, or the key of an object.

    Returns:
        ``path.name`` for a plain name, ``path[0]`` for an index, ``path["any text"]`` for the rest.
    """
    if isinstance(member, int):
        return f"{path}[{member}]"
    name = str(member)
    if name.lstrip("$").isidentifier():
        return f"{path}.{name}"
    return f"{path}[{name!r}]"


def type_name(value: object) -> str:
    """Name a value's type as its user would import it, such as ``decimal.Decimal``."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
