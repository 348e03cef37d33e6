"""Which node a client that is not started calls."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from perdure.errors import InvalidArgumentError, NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.sdk.remote import RemoteNode

    Check = Callable[[str, str], str]

_URLS: Final = ("PERDURE_API_URL", "TRIGGER_API_URL")
_KEYS: Final = ("PERDURE_API_KEY", "TRIGGER_API_KEY")


class Connecting:
    """Finds the node; the arguments are those of `perdure.Client`.

    Raises:
        InvalidArgumentError: The URL is none of http or https, or the key is none.
    """

    def __init__(self, client_id: str, *, api_key: str | None, api_url: str | None, database_url: str | None) -> None:
        self._client_id = client_id
        self._api_key = None if api_key is None else check_api_key(api_key, "api_key=")
        self._api_url = None if api_url is None else check_node_url(api_url, "api_url=")
        self._database_url = database_url
        self._found: tuple[tuple[str | None, ...], RemoteNode] | None = None

    def remote(self) -> RemoteNode:
        """Give the way to the node at ``api_url``, else to the one that has said beside the database where it is.

        Raises:
            NotConnectedError: There is none.
            InvalidArgumentError: What the environment says is no URL or no key.
        """
        url = _first(self._api_url, _URLS, check_node_url)
        key = _first(self._api_key, _KEYS, check_api_key)
        what = (url, key, self._database_url or os.environ.get("PERDURE_DATABASE_URL"))
        # The environment may have been set since, as by a file of variables.
        if self._found is None or self._found[0] != what:
            self._found = (what, self._connect(url, key))
        remote = self._found[1]
        remote.check()
        return remote

    def server(self) -> tuple[str, str]:
        """Give the URL and the key of the server that executes runs by this app.

        Raises:
            NotConnectedError: Either is not said.
            InvalidArgumentError: What the environment says is no URL or no key.
        """
        url, key = _first(self._api_url, _URLS, check_node_url), self.server_key()
        if url is None:
            raise NotConnectedError(
                f"The jobs of client {self._client_id!r} do not know their server: give the client api_url=, or set "
                "PERDURE_API_URL."
            )
        return url, key

    def server_key(self) -> str:
        """Give the key by which that server and this app know each other.

        Raises:
            NotConnectedError: It is not said.
            InvalidArgumentError: What the environment says is no key.
        """
        key = _first(self._api_key, _KEYS, check_api_key)
        if key is None:
            raise NotConnectedError(
                f"The jobs of client {self._client_id!r} have no API key: give the client api_key=, or set "
                "PERDURE_API_KEY."
            )
        return key

    def _connect(self, url: str | None, key: str | None) -> RemoteNode:
        from perdure.sdk.remote import announced_node, named_node

        if url is None:
            remote = announced_node(self._database_url, otherwise=self._ways())
            if remote is None:
                raise NotConnectedError(self._ways())
            return remote
        if key is None:
            raise NotConnectedError(
                f"The node at {url} is asked with an API key: give the client {self._client_id!r} api_key=, or set "
                "PERDURE_API_KEY."
            )
        return named_node(url, key)

    def _ways(self) -> str:
        return (
            f"The client {self._client_id!r} has no node to call. Start one here: `async with client.start():` or "
            "`with client.start_background():`; or say where one is: api_url= and api_key= of the client, or "
            "PERDURE_API_URL and PERDURE_API_KEY; or run one on the same database in another process of this machine, "
            "such as `perdure dev`."
        )


def _first(given: str | None, variables: tuple[str, ...], check: Check) -> str | None:
    if given is not None:
        return given
    return next((check(os.environ[name], name) for name in variables if os.environ.get(name)), None)


def check_node_url(url: object, name: str) -> str:
    """Check the URL of a node; gives it without a slash at its end.

    Args:
        url: The URL.
        name: What it is called where it was given.

    Raises:
        InvalidArgumentError: It is none of http or https, or has more than host, port and path.
    """
    from urllib.parse import urlsplit

    try:
        # What is no text is split all the same, as bytes or as an error of another kind.
        parts = urlsplit(url if isinstance(url, str) else "")
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        fits = fits and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or not isinstance(url, str):
        raise InvalidArgumentError(f"{name} is the URL of a node, such as http://127.0.0.1:3030, not {url!r:.200}.")
    return url.rstrip("/")


def check_api_key(key: object, name: str) -> str:
    """Check that an API key can be sent; the arguments are those of `check_node_url`.

    Raises:
        InvalidArgumentError: It cannot.
    """
    # It is sent in a header.
    if not isinstance(key, str) or not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidArgumentError(
            f"{name} is no API key: it is no text, is empty, or holds characters that no key has."
        )
    return key
