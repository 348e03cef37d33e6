"""Writing the twins of one source file."""

from __future__ import annotations

import ast
import builtins
import textwrap

from tools.sync_io.sources import Class, Function, Method, Module, import_of
from tools.sync_io.twins import PACKAGE, ROOT, Twin, is_awaited, names_in, parts_of, result_of, twin_of

HEADER = '''"""The calls of `{source}`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

'''
_FRAME = "perdure.sdk.blocking"


class TwinFile:
    """The text of one generated file."""

    def __init__(self, twins: list[Twin], every_twin: list[Twin]) -> None:
        self._module: Module = twins[0].source.module
        self._own_module = twins[0].module
        self._every_twin = every_twin
        self._imports: set[tuple[str, str, bool]] = set()
        self._variables: set[str] = set()
        self._bodies = [self._write_class(twin) for twin in twins]

    @property
    def text(self) -> str:
        """The file, not yet formatted."""
        at_runtime = [_write_import(*one) for *one, runtime in sorted(self._imports) if runtime]
        for_types = [
            _write_import(module, name)
            for module, name, runtime in sorted(self._imports)
            if not runtime and (module, name, True) not in self._imports
        ]
        variables = sorted(self._variables)
        if variables:
            at_runtime.append("from typing import TypeVar")
        checked = f"if TYPE_CHECKING:\n{textwrap.indent(chr(10).join(for_types), '    ')}\n" if for_types else ""
        lines = ["from typing import TYPE_CHECKING" if for_types else "", *at_runtime, checked, *variables]
        return HEADER.format(source=self._module.name) + "\n".join([*lines, "", *self._bodies])

    def _write_class(self, twin: Twin) -> str:
        cls = twin.source
        bases = self._write_bases(twin)
        lines = [
            f"class {twin.name}({', '.join(bases)}):" if bases else f"class {twin.name}:",
            textwrap.indent(_document(cls), "    "),
            textwrap.indent(self._write_init(twin), "    "),
            textwrap.indent(self._write_attributes(twin), "    "),
        ]
        for owner in [cls] if twin.is_part else cls.lineage:
            self._module = owner.module
            lines += [textwrap.indent(self._write_method(twin, method), "    ") for method in owner.methods]
        self._module = cls.module
        lines += [f"    {alias} = {name}" for alias, name in cls.aliases.items()]
        return "\n\n".join(line for line in lines if line.strip()) + "\n\n"

    def _write_bases(self, twin: Twin) -> list[str]:
        if twin.is_part:
            parts = parts_of(twin.source)
            for part in parts:
                self._import(Twin(part, True).module, f"Sync{part.name}", runtime=True)
            if not parts:
                self._import(_FRAME, "SyncPart", runtime=True)
            return [f"Sync{part.name}" for part in parts] or ["SyncPart"]
        self._import(_FRAME, "SyncTwin", runtime=True)
        self._note_names(ast.Name(twin.source.name), runtime=True)
        generic = [one for one in twin.source.node.bases if ast.unparse(one).startswith("Generic[")]
        for one in generic:
            self._note_names(one, runtime=True)
        return [f"SyncTwin[{_own_type(twin.source)}]", *(ast.unparse(one) for one in generic)]

    def _write_init(self, twin: Twin) -> str:
        held = self._held(twin)
        if not held:
            return ""
        self._import(_FRAME, "Run")
        inner = "io" if twin.is_part else "inner"
        self._note_names(ast.Name(twin.source.name))
        lines = [f"def __init__(self, {inner}: {_own_type(twin.source)}, run: Run) -> None:"]
        lines.append(f"super().__init__({inner}, run)")
        for name, other in held.items():
            self._import(other.module, other.name, runtime=True)
            lines.append(f"self.{name} = {other.name}({inner}.{name}, run)")
        return "\n    ".join(lines)

    def _held(self, twin: Twin) -> dict[str, Twin]:
        if twin.is_part and (twin.source.module.name, twin.source.name) != ROOT:
            return {}
        found = {
            name: twin_of(owner.module, annotation, self._every_twin)
            for owner in twin.source.lineage
            for name, annotation in owner.attributes.items()
        }
        return {name: other for name, other in found.items() if other is not None}

    def _write_attributes(self, twin: Twin) -> str:
        if twin.is_part:
            return ""
        held, written = self._held(twin), dict[str, str]()
        for owner in twin.source.lineage:
            told, self._module = _attribute_lines(owner), owner.module
            for name, annotation in owner.attributes.items():
                if name not in held and name not in written:
                    self._note_names(annotation, runtime=True)
                    written[name] = (
                        f"@property\ndef {name}(self) -> {ast.unparse(annotation)}:\n"
                        f'    """{told.get(name, f"`{owner.name}.{name}`.")}"""\n    return self._inner.{name}'
                    )
        self._module = twin.source.module
        return "\n\n".join(written.values())

    def _write_method(self, twin: Twin, method: Method) -> str:
        stubs = [f"@overload\n{self._write_signature(one)} ..." for one in method.overloads]
        if stubs:
            self._import("typing", "overload", runtime=True)
        owner = "self._io" if twin.is_part else "self._inner"
        if not twin.is_part and twin_of(self._module, result_of(method.node), self._every_twin) is None:
            # The method of a handle may itself be the body of a task, whose result is read as it is annotated.
            self._note_names(result_of(method.node), runtime=True)
        lines = ["@property"] if method.is_property else []
        lines += [self._write_signature(method.node), textwrap.indent(_document(method.node), "    ")]
        target = f"{owner}.{method.name}"
        if stubs:
            # The implementation's own arguments fit no overload.
            self._import("typing", "Any", runtime=True)
            lines.append(f"    call: Any = {target}")
            target = "call"
        call = target if method.is_property else f"{target}({_arguments(method.node)})"
        result = self._write_result(method.node, call)
        if stubs:
            lines.append(f"    result: {self._write_type(result_of(method.node))} = {result}")
            result = "result"
        lines.append(f"    return {result}")
        return "\n\n".join([*stubs, "\n".join(lines)])

    def _write_signature(self, node: Function) -> str:
        self._note_names(node.args)
        for default in (*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)):
            self._note_names(default, runtime=True)
        return f"def {node.name}({ast.unparse(node.args)}) -> {self._write_type(result_of(node))}:"

    def _write_type(self, annotation: ast.expr) -> str:
        twin = twin_of(self._module, annotation, self._every_twin)
        if twin is None:
            self._note_names(annotation)
            return ast.unparse(annotation)
        self._import(twin.module, twin.name)
        if isinstance(annotation, ast.Subscript):
            self._note_names(annotation.slice)
            return f"{twin.name}[{ast.unparse(annotation.slice)}]"
        return twin.name

    def _write_result(self, node: Function, call: str) -> str:
        value = f"self._run({call})" if is_awaited(node) else call
        annotation = result_of(node)
        twin = twin_of(self._module, annotation, self._every_twin)
        if twin is not None:
            self._import(twin.module, twin.name, runtime=True)
            return f"{twin.name}({value}, self._run)"
        if any(twin_of(self._module, ast.Name(name), self._every_twin) for name in names_in(annotation)):
            raise SystemExit(f"{self._module.name}.{node.name} gives {ast.unparse(annotation)}: give the class itself")
        return value

    def _note_names(self, node: ast.AST, *, runtime: bool = False) -> None:
        for name in names_in(node):
            if name in self._module.type_variables:
                self._variables.add(self._module.type_variables[name])
            elif not hasattr(builtins, name) or name in self._module.imported:
                origin = import_of(self._module, name)
                if origin is None:
                    raise SystemExit(f"{self._module.name}: nobody knows what {name} is")
                self._import(*origin, runtime=runtime or origin[0] == "typing")

    def _import(self, module: str, name: str, *, runtime: bool = False) -> None:
        if module != self._own_module:
            self._imports.add((module, name, runtime))


def _write_import(module: str, name: str) -> str:
    return f"from {module} import {name}" if name else f"import {module}"


def _document(node: Class | Function) -> str:
    """The docstring as it is written; that of a class says first what it is the twin of."""
    text = ast.get_docstring(node.node if isinstance(node, Class) else node) or ""
    if isinstance(node, Class):
        text = f"`{node.name}` for plain functions: the same calls, blocking.\n\n{text}"
    end = "\n" if "\n" in text else ""
    return f'"""{text}{end}"""'


def _attribute_lines(cls: Class) -> dict[str, str]:
    """What the docstring of a class says of each attribute."""
    _, _, section = (ast.get_docstring(cls.node) or "").partition("Attributes:\n")
    lines = (line.strip() for line in section.split("\n\n")[0].splitlines())
    return {name: told.strip() for name, colon, told in (line.partition(":") for line in lines) if colon}


def _own_type(cls: Class) -> str:
    generic = [one for one in cls.node.bases if ast.unparse(one).startswith("Generic[")]
    return cls.name + "".join(f"[{ast.unparse(one.slice)}]" for one in generic if isinstance(one, ast.Subscript))


def _arguments(node: Function) -> str:
    arguments = node.args
    given = [one.arg for one in (*arguments.posonlyargs, *arguments.args)][1:]
    if arguments.vararg is not None:
        given.append(f"*{arguments.vararg.arg}")
    given += [f"{one.arg}={one.arg}" for one in arguments.kwonlyargs]
    if arguments.kwarg is not None:
        given.append(f"**{arguments.kwarg.arg}")
    return ", ".join(given)


def file_name(module: str) -> str:
    """The path of a generated module below the package."""
    return "__init__.py" if module == PACKAGE else f"{module.rpartition('.')[2]}.py"
