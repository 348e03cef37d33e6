from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from perdure.errors import Issue, JsonError
from perdure.protocol.json_text import dump, load
from perdure.protocol.messages.codec import MessageShapeError, decode_message, decode_request, encode_message
from perdure.protocol.messages.events import ApiEventLog, RawEvent, SendEventBody
from perdure.protocol.messages.halves import HALF
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.schedules import ScheduledPayload
from perdure.protocol.messages.tasks import CompleteTaskBody, CreateTaskBody

MOMENTS = st.datetimes(timezones=st.just(UTC))


def payload_of(event: RawEvent) -> bytes:
    assert isinstance(event.payload, Raw)
    return bytes(event.payload)


@given(MOMENTS)
def test_a_date_is_written_with_exactly_three_decimals(moment: datetime) -> None:
    text = Instant.of(moment).wire_text()
    assert text == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert encode_message(ScheduledPayload(ts=Instant.of(moment))) == b'{"ts":"%s"}' % text.encode()


@given(MOMENTS)
def test_a_date_that_was_read_is_written_as_it_was(moment: datetime) -> None:
    written = encode_message(ScheduledPayload(ts=Instant.of(moment)))
    assert encode_message(decode_message(written, ScheduledPayload)) == written


@given(MOMENTS.filter(lambda moment: moment.year < 9999))
def test_a_due_time_is_never_written_too_early(moment: datetime) -> None:
    due = Instant.parse(Instant.not_before(moment).wire_text())
    assert timedelta(0) <= due - moment < timedelta(milliseconds=1)


def test_an_instant_is_a_datetime_in_utc() -> None:
    noon = datetime(2024, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    instant = Instant.of(noon)
    assert instant == noon
    assert instant.tzinfo is UTC
    assert instant.wire_text() == "2024-01-01T12:00:00.000Z"
    assert Instant.parse("2024-01-01T14:00:00+02:00") == noon
    later = instant + timedelta(seconds=1)
    assert later.wire_text() == "2024-01-01T12:00:01.000Z"


def test_a_naive_datetime_is_no_instant() -> None:
    with pytest.raises(ValueError, match="offset from UTC"):
        Instant.of(datetime(2024, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["2024-01-01", "2024-01-01T00:00", "2024-01-01T00:00:00", "2024-01-01 00:00:00.000"])
def test_a_date_on_the_wire_without_an_offset_is_in_utc(text: str) -> None:
    body = decode_message(b'{"event":{"name":"n","timestamp":"%s"}}' % text.encode(), SendEventBody)
    assert body.event.timestamp == datetime(2024, 1, 1, tzinfo=UTC)
    assert isinstance(body.event.timestamp, Instant)
    assert body.event.timestamp.wire_text() == "2024-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2024-01-01T00:00:00z", "2024-01-01T00:00:00.000Z"),
        ("2024-01-01t09:30:00.250z", "2024-01-01T09:30:00.250Z"),
        ("2024-01-01T24:00", "2024-01-02T00:00:00.000Z"),
        ("2024-12-31T24:00:00", "2025-01-01T00:00:00.000Z"),
        ("2024-02-28T24:00:00.000Z", "2024-02-29T00:00:00.000Z"),
        ("2024-01-01T24:00:00+02:00", "2024-01-01T22:00:00.000Z"),
        ("2024-01-01T24:00:00z", "2024-01-02T00:00:00.000Z"),
    ],
)
def test_dates_are_read_as_javascript_and_rfc_3339_write_them(text: str, read: str) -> None:
    body = decode_message(b'{"event":{"name":"n","timestamp":"%s"}}' % text.encode(), SendEventBody)
    assert isinstance(body.event.timestamp, Instant)
    assert body.event.timestamp.wire_text() == read


NO_DATES = [
    '"2024-01-01T24:00:01Z"',
    '"2024-01-01T24:01"',
    '"2024-01-01T25:00:00Z"',
    '"9999-12-31T24:00:00Z"',
    '"yesterday"',
    "9999999999999",
    '"+300000-01-01T00:00:00.000Z"',
    '"0001-01-01T00:00:00+14:00"',
    '"2024-13-01"',
    '""',
    "null",
    "{}",
    "true",
]


@pytest.mark.parametrize("value", NO_DATES)
def test_what_is_no_date_is_refused_by_its_path(value: str) -> None:
    with pytest.raises(MessageShapeError) as caught:
        decode_message(b'{"event":{"name":"n"},"options":{"deliverAt":%s}}' % value.encode(), SendEventBody)
    assert caught.value.issues[0].path == ("options", "deliverAt")


def test_a_member_of_the_wrong_type_is_named_by_its_path() -> None:
    with pytest.raises(MessageShapeError) as caught:
        decode_message(b'{"output":"1","properties":[{"label":1,"text":"t"}]}', CompleteTaskBody)
    assert caught.value.issues == (Issue(["properties", 0, "label"], "Expected `str`, got `int`"),)
    assert caught.value.message == "The message has another shape: Expected `str`, got `int`, at properties.0.label."


def test_a_missing_member_is_named() -> None:
    with pytest.raises(MessageShapeError, match="missing required field `name`, at event"):
        decode_message(b'{"event":{}}', SendEventBody)
    with pytest.raises(MessageShapeError, match="at the top"):
        decode_message(b"[]", SendEventBody)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"event":', "invalid_json"),
        (b"", "invalid_json"),
        (b'{"event":{"name":"n"}} x', "invalid_json"),
        (b"\xff\xfe", "invalid_encoding"),
        (b'{"event":{"name":"\xff"}}', "invalid_encoding"),
        (b'{"event":{"name":"n","payload":%s' % (b"[" * 100_000), "json_too_deep"),
    ],
    ids=["cut", "empty", "more behind it", "no text", "no text within", "deep"],
)
def test_what_is_no_json_is_refused(text: bytes, code: str) -> None:
    with pytest.raises(JsonError) as caught:
        decode_message(text, SendEventBody)
    assert caught.value.reason == code


@pytest.mark.parametrize("lone", [rb"\ud800", rb"\uDBFF", rb"\udc00", rb"\udFFFx", rb"\ud83d\ud83d\ude00"])
def test_a_lone_surrogate_stays_in_the_json_of_users(lone: bytes) -> None:
    text = b'{"event":{"name":"n","payload":{"a":"%s"},"context":{"b":["\\\\ud800","%s"]}}}' % (lone, lone)
    body = decode_message(text, SendEventBody)
    assert payload_of(body.event) == b'{"a":"%s"}' % lone
    assert encode_message(body) == text


def test_a_lone_surrogate_in_a_text_of_ours_becomes_a_replacement_character() -> None:
    body = decode_message(rb'{"idempotencyKey":"k","description":"cut \ud83d","params":"\ud83d"}', CreateTaskBody)
    assert body.description == "cut �"
    assert body.params == Raw(rb'"\ud83d"')


HALVES = ["\ud800", "\udbff", "\udc00", "\udfff", "\ud83d😀", "a\ud83d\ud83d"]


@pytest.mark.parametrize("text", HALVES)
def test_a_request_with_half_of_a_pair_is_refused_with_its_place(text: str) -> None:
    for event, path in (
        ({"name": text}, ("event", "name")),
        ({"name": "n", "id": f"\uffff\ue000{text}"}, ("event", "id")),
    ):
        body = json.dumps({"event": {**event, "payload": {text: text}}}).encode()
        with pytest.raises(MessageShapeError) as caught:
            decode_request(body, SendEventBody)
        assert [issue.path for issue in caught.value.issues] == [path]
        assert str(caught.value) == f"A text has half of a surrogate pair, at {'.'.join(path)}."
    fine = json.dumps({"event": {"name": "\ufffd\uffff\ue000😀", "payload": {text: text}}}).encode()
    event = decode_request(fine, SendEventBody).event
    assert (event.name, json.loads(payload_of(event))) == ("\ufffd\uffff\ue000😀", {text: text})


@pytest.mark.parametrize("text", HALVES)
def test_members_of_a_request_may_keep_halves_of_pairs_and_are_written_as_they_were_read(text: str) -> None:
    members = {
        "idempotencyKey": "k",
        "description": f"{text}\uffff\ue000",
        "displayKey": f"cut {text}",
        "properties": [{"label": text, "text": "\\ud800"}],
        "params": text,
    }
    body = decode_request(
        json.dumps(members).encode(), CreateTaskBody, keeps=("description", "properties"), replaces=("displayKey",)
    )
    shown = HALF.sub("\ufffd", members["displayKey"])
    assert (body.description, body.properties[0].label, body.display_key) == (members["description"], text, shown)
    assert json.loads(encode_message(body)) == {**members, "displayKey": shown, "noop": False}


def test_a_key_of_an_object_with_half_of_a_pair_is_refused_too() -> None:
    with pytest.raises(MessageShapeError, match=r"at a\.0\."):
        decode_request(rb'{"a":[{"\ud800":1}]}', dict[str, Any])


@given(st.text(st.characters(codec=None)), st.text())
def test_any_text_with_halves_of_pairs_is_written_and_read_again(text: str, name: str) -> None:
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    sent = CreateTaskBody(idempotency_key=name, description=text, params=Raw(dump(text).encode()))
    body = decode_request(encode_message(sent), CreateTaskBody, keeps=("description",))
    assert (body.description, load(bytes(body.params).decode()), body.idempotency_key) == (whole, whole, name)


def test_a_pair_of_surrogates_is_one_character() -> None:
    event = decode_message(rb'{"name":"\ud83d\ude00","payload":"\ud83d\ude00"}', RawEvent)
    assert event.name == "😀"
    assert payload_of(event) == rb'"\ud83d\ude00"'


def test_a_lone_surrogate_excuses_no_other_fault() -> None:
    with pytest.raises(MessageShapeError) as caught:
        decode_message(rb'{"event":{"name":1,"payload":"\ud800"}}', SendEventBody)
    assert caught.value.issues[0].path == ("event", "name")
    with pytest.raises(JsonError):
        decode_message(rb'{"event":{"payload":"\ud800","name":"n"}', SendEventBody)


def test_what_no_message_may_hold_is_refused_when_it_is_written() -> None:
    event = ApiEventLog(id="e", name="n", payload=Raw(b"{}"), timestamp=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cannot hold a object"):
        encode_message(event)
