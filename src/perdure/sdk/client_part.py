"""The base of each group of the client's calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.sdk.codec import Codec
    from perdure.sdk.node import Connection


class ClientPart(ABC):
    """Calls that a client makes of its node."""

    @abstractmethod
    def connected(self) -> Connection:
        """Give the way to the node that calls go to."""

    @abstractmethod
    def output_codec(self, job: Any) -> Codec | None:
        """How the output of a job, or of the one with this id, is decoded, if its code is known here."""
