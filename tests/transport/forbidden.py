"""URLs that must not be requested, each in the spelling of somebody who would like to."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from typing import Final

from perdure.protocol.egress import CLOSED

METADATA: Final = "169.254.169.254"
TARGETS: Final = ("127.0.0.1", METADATA, "10.0.0.1")


def _numeric(address: str) -> list[str]:
    number = int(IPv4Address(address))
    a, b, c, d = IPv4Address(address).packed
    return [
        f"{number}",
        f"0x{number:x}",
        f"0X{number:X}",
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0{a:o}.{b}.{c}.{d}",
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{a}.{b}.{c}.{d}.",
        f"{a + 256}.{b}.{c}.{d}",
    ]


def _wrapped(address: str) -> list[str]:
    high, low = divmod(int(IPv4Address(address)), 1 << 16)
    return [
        f"[::ffff:{address}]",
        f"[::ffff:{high:x}:{low:x}]",
        f"[0:0:0:0:0:ffff:{high:x}:{low:x}]",
        f"[::FFFF:{address}]",
        f"[::{address}]",
        f"[::ffff:0:{address}]",
        f"[64:ff9b::{address}]",
        f"[64:ff9b:1::{address}]",
        f"[2002:{high:x}:{low:x}::]",
        f"[2001:0:0:0:0:0:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}]",
    ]


def _bracketed(address: object) -> str:
    return f"[{address}]" if ":" in str(address) else str(address)


LITERALS: Final = [
    _bracketed(address) for network, _ in CLOSED for address in (ip_network(network)[0], ip_network(network)[-1])
]
LOOPBACK: Final = ["127.0.0.1", "127.0.0.2", "127.255.255.255", "localhost", "LocalHost", "[::1]"]
NUMERIC: Final = [host for target in TARGETS for host in _numeric(target)]
WRAPPED: Final = [host for target in TARGETS for host in _wrapped(target)]
UNUSUAL: Final = [*NUMERIC, *WRAPPED, "[0:0:0:0:0:0:0:1]", "[::0:1]", "0", "127.1", "127.0.1"]

# What a resolver says of these is in ADDRESSES.
NAMES: Final = [
    "localhost.",
    "a.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "localtest.example",
    "metadata.internal",
    "private.example",
    "unique.example",
    "mapped.example",
    "nat64.example",
    "any.example",
    "public-and-private.example",
    "private-and-public.example",
    "many.example",
    "scoped.example",
    "xn--bcher-kva.example",
]
ADDRESSES: Final = {
    "localhost.": ["127.0.0.1"],
    "a.localhost": ["::1"],
    "localhost.localdomain": ["127.0.0.1", "::1"],
    "ip6-localhost": ["::1"],
    "localtest.example": ["127.0.0.1"],
    "metadata.internal": [METADATA],
    "private.example": ["10.0.0.1"],
    "unique.example": ["fd00:ec2::254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "any.example": ["0.0.0.0"],
    "public-and-private.example": ["93.184.216.34", "127.0.0.1"],
    "private-and-public.example": ["192.168.0.1", "2606:4700::1111"],
    "many.example": [*(f"93.184.216.{n}" for n in range(50)), "127.0.0.1"],
    "scoped.example": ["fe80::1%1"],
    "xn--bcher-kva.example": ["172.16.0.1"],
}

MALFORMED: Final = [
    "http://user@127.0.0.1:{port}/",
    "http://user:password@localhost:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://example.com:80@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@example.com/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://example.com\\@127.0.0.1:{port}/",
    "http://127.0.0.1\\.example.com:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:////127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\t/",
    "http://127.0\t.0.1:{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1 :{port}/",
    "http://127.0.0.1%20:{port}/",
    "http://127.0.0.1%00.example.com:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://127%2e0%2e0%2e1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://１２７.0.0.1:{port}/",
    "http://ｌｏｃａｌｈｏｓｔ:{port}/",
    "http://loca\u00adlhost:{port}/",
    "http://lo\u200dcalhost:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[::1%lo]:{port}/",
    "http://[127.0.0.1]:{port}/",
    "http://[localhost]:{port}/",
    "http://::1:{port}/",
    "http://[::1]example.com:{port}/",
    "http://127.0.0.1:{port}:80/",
    "http://127.0.0.1:+{port}/",
    "http://127.0.0.1:0{port}/",
    "ftp://127.0.0.1:{port}/",
    "ws://127.0.0.1:{port}/",
    "wss://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_GET%20/",
    "dict://127.0.0.1:{port}/info",
    "file://127.0.0.1/etc/passwd",
    "file:///etc/passwd",
    "unix://127.0.0.1:{port}/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "jar:http://127.0.0.1:{port}!/",
    "url:http://127.0.0.1:{port}/",
    "data:text/plain,x",
    "http://",
    "",
]


def urls(hosts: list[str], port: int) -> list[str]:
    """Write URLs of some hosts, half of them https."""
    return [f"{'https' if index % 2 else 'http'}://{host}:{port}/" for index, host in enumerate(hosts)]


def closed_everywhere(port: int) -> list[str]:
    """Write every URL that is refused in each environment."""
    hosts = [host for host in LITERALS if host not in {"127.0.0.0", "127.255.255.255"}]
    return urls([*hosts, *UNUSUAL, *NAMES], port) + [url.replace("{port}", str(port)) for url in MALFORMED]


async def lookup(host: str) -> list[str]:
    """Resolve the names of this table."""
    return ADDRESSES[host]
