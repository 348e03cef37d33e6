"""The log of a server: a line of text or an object of JSON for each record."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from perdure.config.logs import LogSettings, load_log_settings
from perdure.errors import InvalidArgumentError
from perdure.server.logs import set_up_logging

LOG = logging.getLogger("perdure.somewhere")


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def said(form: str) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root, own = logging.getLogger(), logging.getLogger("perdure")
    levels = root.level, own.level
    handler = set_up_logging(load_log_settings({"PERDURE_LOG_FORMAT": form}), stream=stream)
    yield stream
    root.removeHandler(handler)
    root.setLevel(levels[0])
    own.setLevel(levels[1])


def test_each_record_is_one_line_whatever_it_says(form: str, said: io.StringIO) -> None:
    LOG.info("one\ntwo \x1b[31m %s", "\ud800")
    LOG.debug("not this")
    logging.getLogger("elsewhere").info("nor this")
    (line,) = said.getvalue().splitlines()
    if form == "json":
        written = json.loads(line)
        assert (written["level"], written["logger"]) == ("info", "perdure.somewhere")
        assert written["message"] == "one\ntwo \x1b[31m ?"
        assert written["time"].endswith("Z")
    else:
        assert line.endswith("one\\ntwo \\x1b[31m \ud800")


def test_nothing_that_is_said_ends_a_line_or_commands_a_terminal(form: str, said: io.StringIO) -> None:
    controls = "".join(map(chr, (*range(9), *range(10, 32), *range(0x7F, 0xA0), 0x2028, 0x2029)))
    LOG.warning("%s", f"a\tb{controls}é")
    (line,) = said.getvalue().splitlines()
    assert not any(control in line for control in controls)
    if form == "json":
        assert json.loads(line)["message"] == f"a\tb{controls}é"
    else:
        assert line.endswith("\\x9e\\x9f\\u2028\\u2029é")
        assert "a\tb\\x00\\x01" in line


def test_an_error_comes_with_its_stack(form: str, said: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        LOG.exception("It failed.", extra={"members": {"run_id": "run_1", "message": "not this"}})
    if form == "json":
        written = json.loads(said.getvalue())
        assert (written["message"], written["run_id"]) == ("It failed.", "run_1")
        assert written["stack"].endswith("ValueError: broken")
    else:
        assert said.getvalue().rstrip().endswith("ValueError: broken")


def test_settings_that_are_none_are_refused() -> None:
    assert load_log_settings({}) == LogSettings()
    assert load_log_settings({"PERDURE_LOG_LEVEL": "DEBUG"}).level == "debug"
    for environ in ({"PERDURE_LOG_FORMAT": "xml"}, {"PERDURE_LOG_LEVEL": "loud"}):
        with pytest.raises(InvalidArgumentError, match="PERDURE_LOG_"):
            load_log_settings(environ)
