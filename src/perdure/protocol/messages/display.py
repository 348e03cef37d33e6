"""How a task, job or run looks on a page (v2 protocol, sections 5 and 14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from msgspec import UNSET, Struct, UnsetType


class DisplayProperty(Struct, frozen=True, kw_only=True, rename="camel"):
    """A labelled text, which may be a link and may show images."""

    label: str
    text: str
    url: str | UnsetType = UNSET
    image_url: list[str] | UnsetType = UNSET


class PartialDisplayProperty(Struct, frozen=True, kw_only=True, rename="camel"):
    """A property as an app may send it when it creates a task: its members may be anything."""

    label: Any = UNSET
    text: Any = UNSET
    url: Any = UNSET
    image_url: Any = UNSET


class Style(Struct, frozen=True, kw_only=True, rename="camel"):
    """``normal`` draws a header bar, ``minimal`` is compact; ``variant`` colours the description."""

    style: Literal["normal", "minimal"]
    variant: str | UnsetType = UNSET


def complete_properties(partial: Iterable[PartialDisplayProperty]) -> list[DisplayProperty]:
    """Drop the properties whose label or text is no text (v2 protocol, section 4.2)."""
    return [
        DisplayProperty(
            label=each.label,
            text=each.text,
            url=each.url if isinstance(each.url, str) else UNSET,
            image_url=_texts(each.image_url),
        )
        for each in partial
        if isinstance(each.label, str) and isinstance(each.text, str)
    ]


def _texts(value: object) -> list[str] | UnsetType:
    if not isinstance(value, list):
        return UNSET
    return [one for one in cast("list[object]", value) if isinstance(one, str)]
