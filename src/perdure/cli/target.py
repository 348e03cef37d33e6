"""``FILE_OR_MODULE[:client]``: where a command finds an app's client."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from types import ModuleType

    from perdure.sdk.client import Client

_SHAPE = "It is FILE or MODULE, and maybe the name of a client in it: app.py, shop.jobs, app.py:client."


class TargetError(InvalidArgumentError):
    """No client is meant by what was given."""


class Target(Struct, frozen=True, kw_only=True):
    """An app's module, and which client of it is meant.

    Attributes:
        text: As it was given.
        module: The name under which it is imported.
        folder: What its imports begin from: the folder of the file, or that of its outermost package.
        file: The file, if one was given that is in no package: it need not be named as a module is.
        attribute: The name of the client in the module; ``None``: to be found.
    """

    text: str
    module: str
    folder: Path
    file: Path | None = None
    attribute: str | None = None


def parse_target(text: str, *, folder: Path) -> Target:
    """Read where an app's client is; nothing is imported.

    Args:
        text: ``FILE_OR_MODULE[:client]``.
        folder: Where relative paths, and modules, are looked for.

    Raises:
        TargetError: There is no such file, or it is neither.
    """
    place, mark, attribute = text.rpartition(":")
    if not mark:
        place, attribute = text, ""
    if not place or (mark and not attribute.isidentifier()):
        raise TargetError(f"{text!r} names no client. {_SHAPE}")
    path = folder / place
    if place.endswith(".py") or "/" in place or path.is_file():
        return _target_of_file(text, path, folder, attribute or None)
    if not all(part.isidentifier() for part in place.split(".")):
        raise TargetError(f"{place!r} is no file and no module. {_SHAPE}")
    return Target(text=text, module=place, folder=folder, attribute=attribute or None)


def _target_of_file(text: str, path: Path, folder: Path, attribute: str | None) -> Target:
    if path.is_dir() and (path / "__init__.py").is_file():
        path /= "__init__.py"
    if not path.is_file():
        raise TargetError(f"There is no file {_shown(path, folder)}.{_nearest_file(path)}")
    path = path.resolve()
    parts = [] if path.name == "__init__.py" else [path.stem]
    root = path.parent
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        parts.insert(0, root.name)
        root = root.parent
    if len(parts) > 1 or path.name == "__init__.py":
        return Target(text=text, module=".".join(parts), folder=root, attribute=attribute)
    name = re.sub(r"\W", "_", path.stem)
    return Target(text=text, module=name, folder=root, file=path, attribute=attribute)


def load_module(target: Target) -> ModuleType:
    """Import an app's module; what its code raises is raised.

    Raises:
        TargetError: A module of that name is loaded already, or there is none.
    """
    if target.module in sys.modules:
        raise TargetError(
            f"{target.text} has the name of a module that is loaded already, {target.module!r}; give it another name."
        )
    if str(target.folder) not in sys.path:
        sys.path.insert(0, str(target.folder))
    if target.file is not None:
        return _load_file(target.module, target.file)
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{target.module}.".startswith(f"{error.name}."):
            raise
        raise TargetError(f"There is no module {error.name!r} in {target.folder} or among the installed.") from (error)


def _load_file(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its own code may look for itself here, as pickle and dataclasses do.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def find_client(module: ModuleType, target: Target) -> Client:
    """Find the client that is meant: the one named, else ``client``, else the only one.

    Raises:
        TargetError: There is none, or it is not clear which.
    """
    from perdure.sdk.client import Client

    found = {name: value for name, value in vars(module).items() if isinstance(value, Client)}
    named = target.attribute
    if named is not None:
        if named in found:
            return found[named]
        what = "is no perdure.Client" if hasattr(module, named) else "is not there"
        raise TargetError(f"{named!r} in {_place(target)} {what}.{_those(found, target)}")
    if "client" in found:
        return found["client"]
    different = {id(value): value for value in found.values()}
    if len(different) == 1:
        return next(iter(found.values()))
    if not found:
        raise TargetError(
            f'{_place(target)} has no client. Declare one, client = Client(id="shop"), or import it there.'
        )
    raise TargetError(f"{_place(target)} has several clients.{_those(found, target)}")


def _those(found: dict[str, Client], target: Target) -> str:
    if not found:
        return " It has no client at all."
    return f" Name one of these: {', '.join(f'{_place(target)}:{name}' for name in found)}."


def _place(target: Target) -> str:
    return target.text if target.attribute is None else target.text.rpartition(":")[0]


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f" There is no folder {path.parent.name!r} either."
    names = sorted(file.name for file in path.parent.glob("*.py"))
    near = difflib.get_close_matches(path.name, names, n=1) or difflib.get_close_matches(f"{path.name}.py", names, n=1)
    if near:
        return f" Did you mean {near[0]}?"
    return f" There are: {', '.join(names[:10])}." if names else " There is no Python file at all."


def _shown(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
