from __future__ import annotations

from typing import Any

import pytest

from perdure.errors import InvalidArgumentError, InvalidFilterError
from perdure.protocol.endpoint import EventTriggerSpec, InvokeTriggerSpec
from perdure.protocol.json_text import load
from perdure.sdk.names import check_name
from perdure.sdk.triggers import event_trigger, invoke_trigger


class NewUser:
    pass


def test_an_event_trigger_listens_to_one_name_of_the_default_source() -> None:
    assert event_trigger("user.created").spec() == EventTriggerSpec(names=("user.created",), source="trigger.dev")


def test_an_event_trigger_may_listen_to_several_names_each_once() -> None:
    trigger = event_trigger(["a", "b", "a"], source="github")
    assert trigger.spec() == EventTriggerSpec(names=("a", "b"), source="github")


def test_filters_are_kept_as_json_and_later_changes_of_the_dict_do_not_count() -> None:
    matchers: dict[str, Any] = {"email": [{"$endsWith": "@example.com"}]}
    trigger = event_trigger("a", filter=matchers, context_filter={"n": [{"$gt": 1, "$lt": 5}]})
    matchers["email"].append({"$startsWith": "b"})
    spec = trigger.spec()
    assert isinstance(spec, EventTriggerSpec)
    assert load(spec.filter or "") == {"email": [{"$endsWith": "@example.com"}]}
    assert load(spec.context_filter or "") == {"n": [{"$gt": 1, "$lt": 5}]}


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ({"email": [{"$endswith": "x"}]}, r"^filter\.email\[0\]\.\$endswith"),
        ({"n": [{"$gt": "5"}]}, r"^filter\.n\[0\]\.\$gt"),
        ({"n": [1, {"$gt": 5}]}, r"^filter\.n\[0\]"),
        ({"n": [1, "x"]}, r"^filter\.n"),
        ({"n": 5}, r"^filter\.n"),
        ([], r"^filter: expected an object"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_where_it_is_declared(filter: Any, message: str) -> None:
    with pytest.raises(InvalidFilterError, match=message):
        event_trigger("a", filter=filter)
    with pytest.raises(InvalidFilterError, match=message.replace("filter", "context_filter", 1)):
        event_trigger("a", context_filter=filter)


@pytest.mark.parametrize(
    "name", ["", "x" * 513, "a\nb", "a\x00", "\x7f", "\x9f", "\ud800", None, 5, b"a", [], ["a", ""], [["a"]]]
)
def test_a_name_that_no_event_can_have_is_refused(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="name of an event"):
        event_trigger(name)


@pytest.mark.parametrize("name", ["a", "x" * 512, "Ünï.cödé 🧑", " "])
def test_any_other_text_is_a_name(name: str) -> None:
    assert event_trigger(name).names == (name,)


def test_a_source_is_a_name_too() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^source is a text"):
        event_trigger("a", source="")


def test_a_long_name_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_name("x" * 10_000, what="id")
    assert len(caught.value.message) < 200


def test_an_invoke_trigger_only_says_so() -> None:
    assert invoke_trigger().spec() == InvokeTriggerSpec()


def test_a_trigger_keeps_its_schema() -> None:
    assert event_trigger("a", schema=NewUser).schema is NewUser
    assert invoke_trigger(schema=NewUser).schema is NewUser
    assert event_trigger("a").schema is None


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([{"id": "a", "name": "A"}], r"examples\[0\] has no payload"),
        ([{"id": "a", "name": "A", "payload": 1}, {"name": "A", "payload": 1}], r"examples\[1\]\.id"),
        ([{"id": "a", "payload": 1}], r"examples\[0\]\.name"),
        (["a"], r"examples\[0\] is a dict, not str"),
    ],
)
def test_an_example_needs_id_name_and_payload(examples: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        event_trigger("a", examples=examples)


def test_examples_are_kept_as_json() -> None:
    example = {"id": "a", "name": "A", "payload": {"n": 1}, "icon": "user"}
    assert load(event_trigger("a", examples=[example]).examples or "") == [example]
    assert event_trigger("a").examples is None


@pytest.mark.parametrize("trigger", [event_trigger("a"), invoke_trigger()])
def test_triggers_cannot_be_changed(trigger: Any) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        trigger.schema = NewUser
