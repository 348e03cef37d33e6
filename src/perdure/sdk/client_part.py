"""The base of each group of the client's calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.sdk.node import Node


class ClientPart(ABC):
    """Calls that a client makes of its node."""

    @abstractmethod
    def connected(self) -> Node:
        """Give the node that calls go to."""
