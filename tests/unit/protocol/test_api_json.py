"""What a node is asked and answers, as JSON and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import JsonError
from perdure.protocol.api_bodies import Registration, SendEvents
from perdure.protocol.api_json import decode, encode
from perdure.protocol.events import EventAnswer, EventOptions, EventRequest
from perdure.protocol.execution import ErrorInfo
from perdure.protocol.json_text import JsonText
from perdure.protocol.management import EventPageAnswer, RunFilter, ScheduleListAnswer, SchedulePageAnswer
from perdure.protocol.messages.codec import MessageShapeError
from perdure.protocol.runs import RunAnswer, RunTaskAnswer
from perdure.protocol.schedules import CronTiming, IntervalTiming
from perdure.protocol.state import StatusAnswer
from perdure.protocol.statuses import RunStatus, TaskStatus

NOW = datetime(2030, 1, 2, 3, 4, 5, 678000, UTC)
EVENT = EventAnswer("e", "n", JsonText('{"a": 1e2}'), JsonText("[]"), "s", NOW, NOW, None, NOW, "acme")


def run(**members: Any) -> RunAnswer:
    given: dict[str, Any] = {
        "output": JsonText('{"x":null}'),
        "error": ErrorInfo("Boom", "it broke", "line 1", JsonText("[1]")),
        "why": None,
    }
    task = RunTaskAnswer(
        "t", None, "k", "n", TaskStatus.WAITING, True, "wait", JsonText("{}"), None, None, 2, None, None, NOW, None, NOW
    )
    return RunAnswer(
        "r", RunStatus.FAILURE, "j", "1.0.0", "e", NOW, None, NOW, NOW, given["output"], given["error"], 3,
        ("slow",), given["why"], (task,), "t2", (), (StatusAnswer("s", "S", "loading", None, JsonText("[]")),),
        **members,
    )  # fmt: skip


ANSWERS: list[Any] = [
    EVENT,
    EventPageAnswer((EVENT, EVENT), "7"),
    run(),
    SchedulePageAnswer(
        (
            ScheduleListAnswer(None, "j", IntervalTiming(60), True, ("j",), None, None, NOW),
            ScheduleListAnswer("d", "k", CronTiming("0 9 * * *", "Europe/Berlin"), False, (), "acme", NOW, None),
        ),
        None,
    ),
    RunFilter("j", (RunStatus.SUCCESS, RunStatus.FAILURE)),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_an_answer_comes_back_as_it_was(answer: Any) -> None:
    assert decode(encode(answer), type(answer)) == answer
    assert decode(encode([answer, answer]), list[type(answer)]) == [answer, answer]  # type: ignore[misc]


def test_json_text_is_json_and_instants_have_milliseconds() -> None:
    body = json.loads(encode(EVENT))
    assert body["payload"] == {"a": 100}
    assert b'"payload":{"a": 1e2}' in encode(EVENT)
    assert (body["timestamp"], body["delivered_at"]) == ("2030-01-02T03:04:05.678Z", None)


def test_an_instant_comes_back_as_one_in_utc_of_the_plain_kind() -> None:
    text = b'{"name":"n","timestamp":"2030-01-01T02:00:00+02:00"}'
    found = decode(text, EventRequest).timestamp
    assert (found, type(found)) == (datetime(2030, 1, 1, tzinfo=UTC), datetime)
    east = datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert b'"2030-01-01T00:00:00.000Z"' in encode(EventOptions(deliver_at=east))


def test_what_is_left_out_has_its_default() -> None:
    assert decode(b'{"events":[{"name":"n"}]}', SendEvents) == SendEvents((EventRequest("n"),))


def test_what_a_newer_node_says_beside_is_left_out_but_what_it_is_asked_beside_is_refused() -> None:
    text = b'{"events":[],"colour":"red"}'
    assert decode(text, SendEvents) == SendEvents(())
    with pytest.raises(MessageShapeError, match="colour"):
        decode(text, SendEvents, is_strict=True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"key":"k","timing":{"type":"interval","seconds":"1"}}', "timing.seconds"),
        (b'{"key":"k","timing":{"type":"moon"}}', "timing.type"),
        (b'{"key":"k","timing":{}}', "timing"),
        (b'{"timing":{"type":"interval","seconds":20}}', "key"),
        (b'{"key":"\\ud800","timing":{"type":"interval","seconds":20}}', "key"),
        (b"[]", "object"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: bytes, place: str) -> None:
    with pytest.raises(MessageShapeError, match=place):
        decode(text, Registration, is_strict=True)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(JsonError):
        decode(b'{"events":', SendEvents)


def test_half_a_pair_in_json_text_is_kept_and_a_real_replacement_character_passes() -> None:
    text = '{"events":[{"name":"n\ufffd","payload":{"a":"\\ud800"}}]}'
    for is_strict in (False, True):
        assert decode(text.encode(), SendEvents, is_strict=is_strict).events[0].payload == '{"a":"\\ud800"}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(payload=JSON, name=st.text(), account=st.none() | st.text())
def test_any_payload_comes_back_to_the_byte(payload: Any, name: str, account: str | None) -> None:
    text = JsonText(json.dumps(payload))
    sent = SendEvents((EventRequest(name, text),), EventOptions(account_id=account))
    assert decode(encode(sent), SendEvents, is_strict=True) == sent
