"""The line of the user's own code in a traceback."""

from __future__ import annotations

import io
from pathlib import Path

from perdure.cli.dev.console import Console
from perdure.cli.dev.frames import find_own_frame, show_error

FOLDER = Path("/home/ada/shop")

STACK = """Traceback (most recent call last):
  File "/home/ada/shop/prices.py", line 4, in price
    return net / 0
           ~~~~^~~
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/home/ada/shop/app.py", line 20, in fulfil
    charge(payload)
  File "/home/ada/shop/pay.py", line 7, in charge
    client.post(url)
    ^^^^^^^^^^^^^^^^
  File "/home/ada/shop/.venv/lib/python3.11/site-packages/client.py", line 3, in post
    raise ConnectionError("no answer")
ConnectionError: no answer"""


def test_it_is_the_innermost_one_of_the_error_itself_installed_packages_aside() -> None:
    frame = find_own_frame(STACK, FOLDER)
    assert frame is not None
    assert (frame.file, frame.line, frame.function, frame.code) == ("pay.py", 7, "charge", "client.post(url)")


def test_if_an_error_has_none_it_is_that_of_its_cause() -> None:
    foreign = STACK.replace("/home/ada/shop/app.py", "/lib/a.py").replace("/home/ada/shop/pay.py", "/lib/b.py")
    frame = find_own_frame(foreign, FOLDER)
    assert frame is not None
    assert (frame.file, frame.line) == ("prices.py", 4)


def test_in_a_group_of_exceptions_it_is_found_too() -> None:
    stack = """  + Exception Group Traceback (most recent call last):
  |   File "/home/ada/shop/app.py", line 9, in fulfil
  |     async with TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/home/ada/shop/pay.py", line 3, in charge
    |     raise ValueError
    | ValueError
    +------------------------------------"""
    frame = find_own_frame(stack, FOLDER)
    assert frame is not None
    assert (frame.file, frame.line, frame.code) == ("pay.py", 3, "raise ValueError")


def test_code_that_is_not_the_users_has_none() -> None:
    assert find_own_frame('  File "/lib/a.py", line 1, in f\n    f()\nValueError', FOLDER) is None
    assert find_own_frame("", FOLDER) is None


def test_it_comes_first_then_the_error_then_the_way_to_it() -> None:
    shown = show_error(Console(io.StringIO(), environ={}), "ConnectionError", "no answer", STACK, FOLDER)
    assert shown[:3] == ["pay.py:7 in charge", "    client.post(url)", "ConnectionError: no answer"]
    assert shown[3:] == STACK.splitlines()


def test_a_way_that_is_that_line_alone_is_not_repeated() -> None:
    stack = 'Traceback (most recent call last):\n  File "/home/ada/shop/app.py", line 2, in f\n    g()\nValueError: no'
    shown = show_error(Console(io.StringIO(), environ={}), "ValueError", "no", stack, FOLDER)
    assert shown == ["app.py:2 in f", "    g()", "ValueError: no"]


def test_an_error_without_words_or_stack_is_its_name() -> None:
    assert show_error(Console(io.StringIO(), environ={}), "ValueError", "", None, FOLDER) == ["ValueError"]
