"""Writing plain functions in place of async ones."""

from __future__ import annotations

import ast
from copy import deepcopy

from tests.plain_twins.code import Code, Function, Source


def write_twins(codes: list[Code], source: Source) -> ast.Module:
    """Write functions of a module anew, with those in them that are to be plain; the first without its decorators.

    Jobs at the top level are declared anew with them, to clients of their own.
    """
    plain = {_place(one.node) for code in codes for one in code.all if not one.stays}
    writer = _Writer(plain, source.schedules)
    clients = source.clients if any(code.is_job for code in codes) else []
    changed = [code for code in codes if clients or any(_place(one.node) in plain for one in code.all)]
    first, *others = [writer.visit(deepcopy(code.node)) for code in changed]
    first.decorator_list = []
    lazily = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    body = sorted([*deepcopy(clients), first, *others], key=lambda node: node.lineno)
    return ast.fix_missing_locations(ast.Module([lazily, *body], []))


def _place(node: Function) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


class _Writer(ast.NodeTransformer):
    def __init__(self, plain: set[tuple[int, int]], schedules: set[str]) -> None:
        self._plain = plain
        self._schedules = schedules
        self._is_plain = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._write(node, is_plain=False)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        if _place(node) not in self._plain:
            return self._write(node, is_plain=False)
        written = self._write(node, is_plain=True)
        return ast.copy_location(ast.FunctionDef(**dict(ast.iter_fields(written))), node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        written = self.generic_visit(node)
        return node.value if self._is_plain else written

    def visit_Call(self, node: ast.Call) -> ast.AST:
        written, called = self.generic_visit(node), node.func
        if self._is_plain and isinstance(called, ast.Attribute) and _name(called.value) in self._schedules:
            called.value = ast.copy_location(ast.Attribute(called.value, "sync", ast.Load()), called)
        return written

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name("SyncIO", node.ctx), node) if self._is_plain and node.id == "IO" else node

    def _write(self, node: Function, *, is_plain: bool) -> ast.AST:
        outer, self._is_plain = self._is_plain, is_plain
        written = self.generic_visit(node)
        self._is_plain = outer
        return written
