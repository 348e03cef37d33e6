"""``perdure init``, from the command line to the exit status."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from perdure.cli.options import FORM, Form

if TYPE_CHECKING:
    from perdure.cli.init.files import Change


def init(
    *,
    file: str = "jobs.py",
    name: str | None = None,
    framework: Literal["auto", "none", "django", "fastapi", "flask", "starlette"] = "auto",
    form: Form = FORM,
) -> int:
    """Write the first files of an app: a client with an example job, .env, and what starts it with a web framework.

    Nothing that is there already is changed, but for lines added to .env and .gitignore.

    Args:
        file: The file for the jobs.
        name: The id of the client; without it, made of the folder's name.
        framework: The web framework that the jobs are started with; auto: the one that the folder uses.
    """
    from perdure.cli.init.files import write
    from perdure.cli.init.frameworks import find_framework
    from perdure.cli.init.templates import USE
    from perdure.cli.output import Output
    from perdure.errors import InvalidArgumentError

    if re.fullmatch(r"[A-Za-z_]\w*\.py", file) is None:
        raise InvalidArgumentError(
            f"--file is the name of a Python module in this folder, such as jobs.py, not {file!r}."
        )
    folder = Path.cwd()
    _check_module(file.removesuffix(".py"), folder)
    client_id = _id_of(folder.name) if name is None else name
    if not client_id.isprintable() or '"' in client_id or "\\" in client_id or not client_id:
        raise InvalidArgumentError(f"--name is the id of a client, such as shop, not {client_id!r}.")
    found = find_framework(folder) if framework == "auto" else None if framework == "none" else framework
    changes = _plan(folder, file, client_id, found)
    write(folder, changes)
    output = Output(as_json=form.json)
    if output.as_json:
        files = [{"path": change.path, "what": change.what} for change in changes]
        output.value({"files": files, "framework": found, "client_id": client_id})
        return 0
    output.table(("file", "what"), [(change.path, change.what) for change in changes], empty="")
    if output.for_people:
        steps = [] if found is None else [f"Add to your app: {USE[found]}"]
        steps += [f"perdure dev {file}", "perdure events send hello.requested name=Ada", "perdure runs list"]
        output.line("")
        for number, step in enumerate(steps, start=1):
            output.line(f"  {number}. {step}")
    return 0


def _check_module(name: str, folder: Path) -> None:
    """Refuse a module that could not be imported, or would be in place of another one."""
    from importlib.util import find_spec

    from perdure.errors import InvalidArgumentError

    if keyword.iskeyword(name) or name in ("__init__", "perdure_start"):
        raise InvalidArgumentError(f"--file: {name}.py can be no module of jobs. Choose another name, such as jobs.py.")
    found = find_spec(name)
    if found is not None and (found.origin is None or Path(found.origin).parent != folder):
        raise InvalidArgumentError(
            f"--file: {name}.py would be imported in place of the module {name!r} that is installed. Choose another "
            "name, such as jobs.py."
        )


def _plan(folder: Path, file: str, client_id: str, framework: str | None) -> list[Change]:
    from perdure.cli.init.files import created, extended
    from perdure.cli.init.templates import GLUE, IGNORED, JOBS
    from perdure.config.env_files import read_env_files

    changes = [created(file, JOBS.format(client_id=client_id))]
    if framework is not None:
        changes.append(created("perdure_start.py", GLUE[framework].format(module=file.removesuffix(".py"))))
    changes.append(extended(folder, ".env", _variables(read_env_files(folder)), is_secret=True))
    if (folder / ".gitignore").exists() or (folder / ".git").exists():
        listed = (
            (folder / ".gitignore").read_bytes().decode(errors="replace") if (folder / ".gitignore").exists() else ""
        )
        there = {line.strip().strip("/") for line in listed.splitlines()}
        changes.append(extended(folder, ".gitignore", [line for line in IGNORED if line.strip("/") not in there]))
    return changes


def _variables(there: dict[str, str]) -> list[str]:
    from perdure.cli.init.templates import ENVIRONMENT
    from perdure.config.secret_key import new_api_key

    lines: list[str] = []
    for variable, (value, remark) in ENVIRONMENT.items():
        if variable not in there:
            lines += [f"# {remark}", f"{variable}={new_api_key('dev') if value is None else value}"]
    return lines


def _id_of(folder: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-") or "app"
