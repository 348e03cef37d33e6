from __future__ import annotations

import inspect
from types import ModuleType

import perdure


def test_all_lists_exactly_what_can_be_imported() -> None:
    missing = [name for name in perdure.__all__ if not hasattr(perdure, name)]
    assert missing == []
    # Submodules are bound by being imported; only those that are listed are meant.
    bound = {
        name
        for name, value in vars(perdure).items()
        if not name.startswith("_")
        and name not in {"annotations", "TYPE_CHECKING"}
        and (name in perdure.__all__ or not isinstance(value, ModuleType))
    }
    assert bound == set(perdure.__all__)
    assert len(set(perdure.__all__)) == len(perdure.__all__)


def test_every_public_name_explains_itself() -> None:
    silent = [name for name in perdure.__all__ if not inspect.getdoc(getattr(perdure, name))]
    assert silent == []


def test_every_public_method_explains_itself() -> None:
    classes = [value for name in perdure.__all__ if inspect.isclass(value := getattr(perdure, name))]
    silent = [
        f"{cls.__name__}.{name}"
        for cls in classes
        for name, member in vars(cls).items()
        if not name.startswith("_") and _is_method(member) and not inspect.getdoc(getattr(cls, name))
    ]
    assert silent == []


def _is_method(member: object) -> bool:
    return inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
