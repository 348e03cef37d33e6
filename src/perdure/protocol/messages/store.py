"""Answers of the key-value store; a value is text, and its request body is that text (v2 protocol, section 4.5)."""

from __future__ import annotations

from typing import cast

from msgspec import UNSET, Struct, UnsetType

from perdure.protocol.messages.codec import decode_message


class StoreGetAnswer(Struct, frozen=True, kw_only=True, rename="camel", tag_field="action", tag="GET"):
    """A value; absent when there is none."""

    key: str
    value: str | UnsetType = UNSET


class StoreSetAnswer(Struct, frozen=True, kw_only=True, rename="camel", tag_field="action", tag="SET"):
    """A value was stored; an absent one is that of an empty body."""

    key: str
    value: str | UnsetType = UNSET


class StoreDeleteAnswer(Struct, frozen=True, kw_only=True, rename="camel", tag_field="action", tag="DELETE"):
    """Whether there was a value to delete."""

    key: str
    deleted: bool


StoreAnswer = StoreGetAnswer | StoreSetAnswer | StoreDeleteAnswer


def decode_store_answer(data: bytes) -> StoreAnswer:
    """Read an answer of the store.

    Raises:
        JsonError: The text is not JSON.
        MessageShapeError: It is none of the answers.
    """
    return cast("StoreAnswer", decode_message(data, StoreAnswer))
