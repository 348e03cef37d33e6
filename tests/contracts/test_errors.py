from __future__ import annotations

import inspect
import re

import pytest

from perdure import errors
from tests.contracts.markdown import table_rows
from tests.contracts.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"

CLASSES: list[type[errors.PerdureError]] = [
    value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, errors.PerdureError)
]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in CLASSES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_without_a_message_says_what_its_docstring_opens_with(cls: type[errors.PerdureError]) -> None:
    message = cls().message
    assert message == _sentence(cls)
    assert message.endswith(".")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_names_of_errors_say_that_they_are_errors(cls: type[errors.PerdureError]) -> None:
    assert cls.__name__.endswith("Error")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", cls.code)


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_says_that_it_comes_from_where_it_is_imported_from(name: str) -> None:
    assert getattr(errors, name).__module__ == "perdure.errors"


def test_the_tree_drawn_at_the_top_of_the_package_is_the_tree() -> None:
    drawn = _drawn_parents(errors.__doc__ or "")
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


def test_the_reference_page_lists_every_error_as_it_is() -> None:
    listed = {row[0].strip("`"): row[1:4] for row in table_rows(PAGE)}
    expected = {
        cls.__name__: [f"`{cls.code}`", "yes" if cls.retryable else "no", _sentence(cls).replace("|", "\\|")]
        for cls in CLASSES
    }
    assert listed == expected


def _sentence(cls: type[errors.PerdureError]) -> str:
    return re.sub(r"\s+", " ", (inspect.getdoc(cls) or "").split("\n\n", 1)[0])


def _drawn_parents(drawing: str) -> dict[str, str]:
    parents: dict[str, str] = {}
    above: dict[int, str] = {0: "Exception"}
    for line in drawing.splitlines():
        found = re.match(r"^([│ ├└─]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4 + 1
            above[depth] = found[2]
            parents[found[2]] = above[depth - 1]
    return parents
