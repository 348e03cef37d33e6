"""Which route a path leads to: found by its segments, however many routes there are."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Branch(Generic[T]):
    """What may follow a segment of a path.

    Attributes:
        literals: The next segments that are words, with what follows them.
        part: What follows a segment of any name; ``None``: none may.
        rest: What all further segments together lead to, and the names of the parts.
        end: What the path leads to that ends here, and the names of the parts.
    """

    __slots__ = ("end", "literals", "part", "rest")

    def __init__(self) -> None:
        self.literals: dict[str, Branch[T]] = {}
        self.part: Branch[T] | None = None
        self.rest: tuple[tuple[str, ...], T] | None = None
        self.end: tuple[tuple[str, ...], T] | None = None


class PathTree(Generic[T]):
    """Finds what a path leads to. A word is preferred to a part of any name."""

    def __init__(self) -> None:
        self._root: Branch[T] = Branch()
        self._whole: dict[str, T] = {}

    def add(self, path: str, target: T, *, is_open_ended: bool = False) -> None:
        """Add a path.

        Args:
            path: With the names of its parts in braces; each is a segment of its own.
            target: What it leads to.
            is_open_ended: Whether its last part may have slashes, or be empty.
        """
        branch, names = self._root, list[str]()
        segments = path.split("/")[1:]
        for place, segment in enumerate(segments, start=1):
            if not segment.startswith("{"):
                branch = branch.literals.setdefault(segment, Branch())
                continue
            names.append(segment[1:-1])
            if is_open_ended and place == len(segments):
                branch.rest = tuple(names), target
                return
            if branch.part is None:
                branch.part = Branch()
            branch = branch.part
        branch.end = tuple(names), target
        if not names:
            self._whole[path] = target

    def find(self, path: str) -> tuple[T, dict[str, str]] | None:
        """Find what a path leads to, with its parts as they stand there; ``None``: nothing."""
        target = self._whole.get(path)
        if target is not None:
            return target, {}
        values: list[str] = []
        found = _walk(self._root, path.split("/"), 1, values)
        return None if found is None else (found[1], dict(zip(found[0], values, strict=True)))


def _walk(branch: Branch[T], segments: list[str], place: int, values: list[str]) -> tuple[tuple[str, ...], T] | None:
    if place == len(segments):
        return branch.end
    segment = segments[place]
    literal = branch.literals.get(segment)
    if literal is not None:
        found = _walk(literal, segments, place + 1, values)
        if found is not None:
            return found
    if branch.part is not None and segment:
        values.append(segment)
        found = _walk(branch.part, segments, place + 1, values)
        if found is not None:
            return found
        values.pop()
    if branch.rest is not None:
        values.append("/".join(segments[place:]))
        return branch.rest
    return None
