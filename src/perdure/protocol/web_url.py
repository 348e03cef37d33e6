"""The one parser of URLs that requests are sent to: what it gave is both what is checked and what is connected to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NoReturn

from msgspec import Struct

from perdure.errors import BlockedAddressError, InvalidUrlError

URL_LIMIT: Final = 8 * 1024
"""Bytes that a URL may have, once it is written in ASCII."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_URL: Final = re.compile(r"([A-Za-z]+)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([1-9][0-9]{0,4}))?")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE: Final = re.compile(r"""[^A-Za-z0-9!$%&'()*+,\-./:;=?@\[\]_~]""")


class WebUrl(Struct, frozen=True):
    """An absolute http or https URL, taken apart.

    Attributes:
        scheme: ``http`` or ``https``.
        host: A name in lower case, a dotted IPv4 address, or an IPv6 address without brackets.
        port: The port, also where the URL leaves it out.
        path: The path, at least ``/``, percent-encoded.
        query: ``?`` and the query, percent-encoded, or nothing.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> str:
        """Scheme, host and port: the part of a URL that holds no secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"{self.scheme}://{host}"
            if self.port == _DEFAULT_PORTS[self.scheme]
            else f"{self.scheme}://{host}:{self.port}"
        )

    @property
    def text(self) -> str:
        """The URL as it is requested, without a fragment."""
        return self.origin + self.path + self.query


def parse_url(text: str) -> WebUrl:
    """Take a URL apart, or say why no request is sent to it.

    No message repeats the URL: it may hold secrets.

    Args:
        text: An absolute URL. What a browser would percent-encode in its path and query is percent-encoded.

    Raises:
        InvalidUrlError: It is no absolute http or https URL, has a user name or password, a backslash, a control
            character or a host that is not written in ASCII, or is longer than 8 KiB.
        BlockedAddressError: Its host is an address in a spelling other than four decimal numbers, or ``[::1]``.
    """
    return _parse(_text(text))


@lru_cache(maxsize=128)
def _parse(text: str) -> WebUrl:
    found = _URL.fullmatch(_checked_text(text))
    if found is None:
        _refuse("it is not an absolute URL such as https://example.com/path")
    scheme = found[1].lower()
    if scheme not in _DEFAULT_PORTS:
        _refuse("only http and https are supported")
    if "@" in found[2]:
        _refuse("it has a user name or password; send an Authorization header instead")
    host_and_port = _HOST_AND_PORT.fullmatch(found[2])
    if host_and_port is None:
        _refuse("its host or port is malformed (write a name with other letters in its ASCII form, xn--…)")
    port = int(host_and_port[2] or _DEFAULT_PORTS[scheme])
    if port > 65535:
        _refuse("its port is larger than 65535")
    url = WebUrl(scheme, _read_host(host_and_port[1].lower()), port, _encode(found[3]) or "/", _encode(found[4] or ""))
    if len(url.text) > URL_LIMIT:
        _refuse(f"it is longer than {URL_LIMIT // 1024} KiB")
    return url


def join_url(base: WebUrl, reference: str) -> WebUrl:
    """Find where a redirect leads.

    Args:
        base: The URL that was answered with the redirect.
        reference: The answer's ``Location``, absolute or relative.

    Raises:
        InvalidUrlError: As ``parse_url``.
        BlockedAddressError: As ``parse_url``.
    """
    if _SCHEME.match(reference):
        return parse_url(reference)
    if reference.startswith("//"):
        return parse_url(f"{base.scheme}:{reference}")
    if reference.startswith("/"):
        return parse_url(base.origin + reference)
    if not reference or reference.startswith(("?", "#")):
        return parse_url(base.origin + base.path + (reference if reference.startswith("?") else base.query))
    path, *rest = re.split(r"(?=[?#])", reference, maxsplit=1)
    folder = base.path.rpartition("/")[0]
    return parse_url(base.origin + _without_dots(f"{folder}/{path}") + "".join(rest))


def is_address(host: str) -> bool:
    """Say whether the host of a parsed URL is an address, not a name."""
    return ":" in host or _DOTTED.fullmatch(host) is not None


def _refuse(reason: str) -> NoReturn:
    raise InvalidUrlError(f"The URL cannot be requested: {reason}.")


def _text(text: object) -> str:
    if not isinstance(text, str):
        _refuse(f"it is not a str, but {type(text).__name__}")
    return text


def _checked_text(text: str) -> str:
    if len(text) > URL_LIMIT:
        _refuse(f"it is longer than {URL_LIMIT // 1024} KiB")
    if any(character < " " or character == "\x7f" for character in text) or text != text.strip():
        _refuse("it has a control character, or blanks around it")
    # Parsers disagree on what a backslash is; a URL that two parsers read in two ways is refused.
    if "\\" in text:
        _refuse("it has a backslash; write / or %5C")
    return text


def _read_host(host: str) -> str:
    if host.startswith("["):
        return _read_ipv6(host[1:-1])
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # Resolvers take 2130706433, 0x7f.1 and 127.1 for 127.0.0.1.
        if _DOTTED.fullmatch(host) is None:
            raise BlockedAddressError(
                f"The host {host[:80]!r} is a number in an unusual spelling; write an address as four decimal numbers."
            )
        return host
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        _refuse("its host is not a name that can be resolved")
    return host


def _read_ipv6(text: str) -> str:
    from ipaddress import AddressValueError, IPv6Address

    try:
        address = IPv6Address(text)
    except AddressValueError:
        _refuse("its IPv6 address is malformed")
    # Not `is_loopback`: some Pythons take ::ffff:127.0.0.1 for one.
    if int(address) == 1 and text != "::1":
        raise BlockedAddressError("The host is the IPv6 loopback in an unusual spelling; write [::1].")
    return str(address)


def _encode(text: str) -> str:
    return _UNSAFE.sub(_percent, text)


def _percent(found: re.Match[str]) -> str:
    try:
        return "".join(f"%{byte:02X}" for byte in found[0].encode())
    except UnicodeEncodeError:
        _refuse("it has a lone surrogate")


def _without_dots(path: str) -> str:
    kept: list[str] = []
    *segments, last = path.split("/")
    for segment in [*segments, *([last, ""] if last in {".", ".."} else [last])]:
        if segment == ".." and len(kept) > 1:
            kept.pop()
        elif segment not in {".", ".."}:
            kept.append(segment)
    return "/".join(kept)
