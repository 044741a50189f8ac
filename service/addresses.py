"""Which addresses this service may call, and what a URL to call looks like. Pure: nothing is looked up here.

A URL is taken apart in one place and by one pattern; who sends uses the pieces, never the text again, so two
readings of one text cannot differ. A name is judged when it is dialled (service/outgoing.py), by the address
that is dialled: what a name means can change between two questions.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from service.refusals import Refusal

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]

LONGEST_URL = 2_000

#: Never called, whatever the operator allows. Read top to bottom; the first that holds the address says why.
_NEVER: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", "cloud metadata"),
    ("100.100.100.200/32", "cloud metadata"),
    ("168.63.129.16/32", "cloud metadata"),
    ("192.0.0.192/32", "cloud metadata"),
    ("fd00:ec2::254/128", "cloud metadata"),
    ("fd20:ce::254/128", "cloud metadata"),
    ("169.254.0.0/16", "link-local"),
    ("0.0.0.0/8", "unspecified"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.88.99.0/24", "6to4 relay"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::ffff:0:0/96", "IPv4 mapped into IPv6"),
    ("::ffff:0:0:0/96", "IPv4 translated into IPv6"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("2002::/16", "6to4"),
    ("2001::/32", "Teredo"),
    ("2001::/23", "protocol assignments"),
    ("100::/64", "discard"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
#: Called only where YTTERBY_ALLOWED_NETWORKS holds the address.
_UNLESS_ALLOWED: tuple[tuple[str, str], ...] = (
    ("127.0.0.0/8", "loopback"),
    ("::1/128", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("fc00::/7", "unique-local"),
    ("100.64.0.0/10", "shared by carriers"),
    ("198.18.0.0/15", "for benchmarks"),
    ("192.0.2.0/24", "for documentation"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("2001:db8::/32", "for documentation"),
    ("3fff::/20", "for documentation"),
)
#: All that is given out for the public network; any other IPv6 address is reserved.
_GLOBAL_IPV6 = IPv6Network("2000::/3")

_Table = tuple[tuple[IPv4Network | IPv6Network, str], ...]


def _table(rows: Sequence[tuple[str, str]]) -> _Table:
    return tuple((ipaddress.ip_network(network), why) for network, why in rows)


_NEVER_NETWORKS, _PRIVATE_NETWORKS = _table(_NEVER), _table(_UNLESS_ALLOWED)

# Only what RFC 3986 lets stand in a path or a query: no space, backslash, control character or brace.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\[\]]*\]|[^/?#:@\[\]\\%]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:[/?](?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?)",
    re.IGNORECASE | re.ASCII,  # ASCII: the long s is no s
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
#: A name whose last part is a number is read as an IPv4 address by some: 127.1, 0x7f000001, 2130706433.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL taken apart. scheme: "http" or "https". host: lower-case ASCII, an IPv6 address without brackets.
    target: path and query. address: where the host is an address and no name."""

    scheme: str
    host: str
    port: int
    target: str
    address: Address | None

    @property
    def authority(self) -> str:
        """The Host header: no port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL as it is kept and sent."""
        return f"{self.scheme}://{self.authority}{self.target}"


def networks(text: str) -> Networks:
    """Networks of a list parted by commas. Raises ValueError naming the first that is none."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def why_denied(address: Address, allowed: Networks) -> str | None:
    """Why this address is not called, in a word or two; None when it may be."""
    for network, why in _NEVER_NETWORKS:
        if address in network:
            return why
    for network, why in _PRIVATE_NETWORKS:
        if address in network:
            return None if is_allowed(address, allowed) else why
    return "reserved" if address.version == 6 and address not in _GLOBAL_IPV6 else None


def is_allowed(address: Address, allowed: Networks) -> bool:
    """Did the operator name a network that holds this address?"""
    return any(address in network for network in allowed)


def check_url(url: str, allowed: Networks, *, field: str = "url") -> Target:
    """A URL that may be called, taken apart. Raises Refusal; what is repeated of the URL holds no secret.

    http is for the operator's networks only. A name may lie there, so with http and a name the address
    decides when it is dialled.
    """
    if len(url) > LONGEST_URL:
        raise Refusal(field, f"{len(url)} characters", f"at most {LONGEST_URL}")
    parts = _URL.fullmatch(url)
    if parts is None:
        found = (
            "a user name or password" if "@" in url.partition("://")[2].partition("/")[0] else "other signs"
        )
        raise Refusal(
            field, found, "https://host[:port]/path?query, other signs percent-encoded, no fragment"
        )
    scheme, port = parts["scheme"].lower(), parts["port"]
    if port is not None and not 1 <= int(port) <= 65_535:
        raise Refusal(field, f"port {port}", "a port from 1 to 65535")
    host, address = _host(parts["host"], field)
    judged = IPv4Address("127.0.0.1") if host == "localhost" or host.endswith(".localhost") else address
    if judged is not None and (why := why_denied(judged, allowed)) is not None:
        raise Refusal(field, f"{host} ({why})", "an address of the public network, or one that "
                      "YTTERBY_ALLOWED_NETWORKS names")  # fmt: skip
    if scheme == "http" and not (allowed if judged is None else is_allowed(judged, allowed)):
        raise Refusal(field, f"http to {host}", "https; http only into networks that "
                      "YTTERBY_ALLOWED_NETWORKS names")  # fmt: skip
    target = parts["target"]
    return Target(
        scheme=scheme,
        host=host,
        port=int(port) if port else {"http": 80, "https": 443}[scheme],
        target=target if target.startswith("/") else f"/{target}",
        address=address,
    )


def _host(text: str, field: str) -> tuple[str, Address | None]:
    """Host in lower-case ASCII, and the address that it is, if it is one."""
    allowed = "a host name, an IPv4 address of four decimal numbers, or an IPv6 address in brackets"
    try:
        if text.startswith("["):
            if "%" in text:
                raise Refusal(field, "an address with a zone", allowed)
            six = IPv6Address(text[1:-1])
            return str(six), six
        host = text.lower() if text.isascii() else _in_ascii(text)
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]):
            four = IPv4Address(host)
            return str(four), four
    except ValueError:
        raise Refusal(field, f"host {text!r}", allowed) from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refusal(field, f"host {text!r}", allowed)
    return host, None


def _in_ascii(host: str) -> str:
    """A name in other letters as the A-labels of IDNA 2008. Raises ValueError where there are none."""
    import httpx2  # only here: most names need no such tables, and every command would wait for them

    try:
        return httpx2.URL(f"https://{host}/").raw_host.decode("ascii").lower()
    except httpx2.InvalidURL as error:
        raise ValueError(str(error)) from None
