"""Tracebacks: of what is raised, and of what is shown of it."""

from __future__ import annotations

from collections.abc import Callable

from perdure.sdk.failures import describe, normalize, rebuild
from tests.unit.sdk.exceptions import PaymentDeclined, Unprintable, local_class


def _cause() -> Exception:
    error = RuntimeError("late")
    error.__cause__ = ValueError("early")
    return error


def _charge() -> None:
    raise PaymentDeclined("declined", code="card", response=None)


def _raised(body: Callable[[], None]) -> Exception:
    try:
        body()
    except Exception as error:
        return error
    raise AssertionError


def test_what_is_raised_goes_on_with_the_traceback_of_what_the_body_raised() -> None:
    error = _raised(_charge)
    _, raised = normalize(error)
    assert raised.__traceback__ is error.__traceback__


def test_the_record_shows_the_name_the_message_and_the_line_of_the_body() -> None:
    info = describe(_raised(_charge))
    assert (info.name, info.message) == ("PaymentDeclined", "declined")
    assert info.stack is not None
    assert info.stack.startswith("Traceback (most recent call last):")
    assert 'raise PaymentDeclined("declined", code="card", response=None)' in info.stack
    assert info.stack.endswith("PaymentDeclined: declined")


def test_frames_of_perdure_are_left_out() -> None:
    from perdure.sdk.durations import seconds_of

    info = describe(_raised(lambda: _use(seconds_of(-1, what="timeout"))))
    assert info.stack is not None
    assert "seconds_of(-1" in info.stack
    assert "durations.py" not in info.stack


def test_causes_and_members_of_groups_are_in_the_stack() -> None:
    assert "ValueError: early" in (describe(_cause()).stack or "")
    group = ExceptionGroup("several", [ValueError("a"), KeyError("b")])
    assert "ValueError: a" in (describe(group).stack or "")


def test_the_failure_of_a_task_keeps_its_name_and_stack_in_the_run_that_it_fails() -> None:
    info, raised = normalize(_raised(lambda: _raise(local_class())))
    replayed = rebuild(info)
    for one in (raised, replayed):
        again = describe(one)
        assert (again.name, again.message) == ("Local", "here")
        assert "local_class()" in (again.stack or "")


def _use(value: object) -> None: ...


def _raise(error: BaseException) -> None:
    raise error


def test_a_message_that_cannot_be_made_or_stored_does_no_harm() -> None:
    assert describe(Unprintable()).message == (
        "<str() of this tests.unit.sdk.exceptions.Unprintable failed: RuntimeError>"
    )
    assert describe(ValueError("a\x00b\ud800")).message == "a\ufffdb\ufffd"
    assert len(describe(ValueError("x" * 100_000)).message) == 16_385


def test_a_stack_of_any_depth_is_stored_in_part() -> None:
    def recurse(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * 100_000)
        recurse(depth - 1)

    stack = describe(_raised(lambda: recurse(50))).stack or ""
    assert len(stack) < 40_000
    assert "characters left out" in stack
