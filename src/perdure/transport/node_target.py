"""Which node is asked: one at a URL that somebody has named; `NodeLink` asks it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from perdure.errors import NotConnectedError, PerdureError


class Target(Struct, frozen=True):
    """A node that may be asked.

    Attributes:
        url: Its URL, without a slash at the end.
        api_key: What it is to be asked with.
        environment: The slug of the environment that is meant; ``None``: that of the key.
    """

    url: str
    api_key: str
    environment: str | None = None

    def __repr__(self) -> str:
        return f"Target({self.url!r})"


class Finder(Protocol):
    """Knows where a node is, or waits for one."""

    def find(self) -> Target | None:
        """Give the node to ask now; ``None``: there is none yet.

        Raises:
            NotConnectedError: There is none, and none is to be waited for.
        """
        ...

    def failure(self, problem: str) -> PerdureError:
        """Make the error for a node that has not answered in the time that it had.

        Args:
            problem: What was in the way last: a sentence.
        """
        ...


class NamedNode:
    """The node at a URL that somebody has named.

    Args:
        url: Its URL, without a slash at the end.
        api_key: What it is to be asked with.
        environment: The slug of the environment that is meant; ``None``: that of the key.
    """

    def __init__(self, url: str, api_key: str, *, environment: str | None = None) -> None:
        self._target = Target(url, api_key, environment)

    def find(self) -> Target:
        """Give the node."""
        return self._target

    def failure(self, problem: str) -> PerdureError:
        """Make the error for a node that does not answer."""
        return NotConnectedError(
            f"No node answers at {self._target.url}. {problem} Look at api_url= (PERDURE_API_URL), and at whether "
            "the node runs."
        )
