"""How a task, job or run looks on a page (v2 protocol, sections 5 and 14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class DisplayProperty(Struct, frozen=True, kw_only=True, rename="camel"):
    """A labelled text, which may be a link and may show images."""

    label: str
    text: str
    url: str | UnsetType = UNSET
    image_url: list[str] | UnsetType = UNSET


class PartialDisplayProperty(Struct, frozen=True, kw_only=True, rename="camel"):
    """A property as an app may send it when it creates a task."""

    label: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    image_url: list[str] | UnsetType = UNSET


class Style(Struct, frozen=True, kw_only=True, rename="camel"):
    """``normal`` draws a header bar, ``minimal`` is compact; ``variant`` colours the description."""

    style: Literal["normal", "minimal"]
    variant: str | UnsetType = UNSET


def complete_properties(partial: Iterable[PartialDisplayProperty]) -> list[DisplayProperty]:
    """Drop the properties that lack a label or a text (v2 protocol, section 4.2)."""
    return [
        DisplayProperty(label=each.label, text=each.text, url=each.url, image_url=each.image_url)
        for each in partial
        if each.label is not UNSET and each.text is not UNSET
    ]
