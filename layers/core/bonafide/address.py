"""Which addresses we may talk to: a URL is taken apart once, its host resolved once, and all must be public.

Registries: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), RFC 6598 (CGNAT),
RFC 4291 (mapped), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 6052 and 8215 (NAT64).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bonafide.errors import Refused, Unavailable
from bonafide.settings import settings

__all__ = ["Resolver", "Target", "check", "is_public", "parse", "resolve"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[..., Any]

_V4_REFUSED = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # Azure's host agent, on a public number
        ),
    )
)
# All that is routed at all: unique local, link-local, mapped and NAT64 addresses lie outside.
_V6_UNICAST = ipaddress.IPv6Network("2000::/3")
_V6_REFUSED = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48"))
)
# Below 1024 only the web ports pass; these above it speak something else that a request may upset.
_PORTS_REFUSED = frozenset(
    (*(1080, 1433, 1521, 2049, 2375, 2379, 3128, 3306, 3389, 3659, 4045, 5060, 5061, 5432, 5672, 5900, 6000),
     *(6379, 6566, *range(6665, 6670), 6697, 9092, 9200, 9300, 10080, 10250, 11211, 27017))
)  # fmt: skip
_URL = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[^\s/?#@\\:\[\]%]+)(?::([0-9]{1,5}))?([/?#][^\s\x00-\x1f\x7f\\]*)?",
    re.IGNORECASE,
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")


# Names that never mean the open internet: RFC 6761, 6762, 7686, 8375, and ICANN's reservation of .internal.
_LOCAL_NAME = re.compile(r"(?:.*\.)?(?:localhost|localdomain|local|internal|home\.arpa|onion)\.?")


@dataclass(frozen=True)
class Target:
    """A URL taken apart once; whoever connects uses these parts and never parses again."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The normalised URL, without a fragment."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}{'' if usual else f':{self.port}'}{self.path}"


def parse(url: str, *, schemes: tuple[str, ...] = ("http", "https")) -> Target:
    """Take ``url`` apart; nothing is resolved.

    Raises Refused: ``url_invalid``, or ``address_refused`` for its scheme, host or port. User information,
    unusual spellings of an IPv4 address (decimal, octal, hex, short), zone ids, control characters and
    back slashes are refused.
    """
    found = _URL.fullmatch(url) if len(url) <= 4096 else None
    if not found:
        raise Refused("This is not an http(s) URL that we can use.", code="url_invalid")
    scheme, host, port = (
        found[1].lower(),
        _host(found[2]),
        int(found[3] or {"http": 80, "https": 443}[found[1].lower()]),
    )
    if scheme not in schemes:
        raise Refused(f"Only {' and '.join(schemes)} URLs are accepted here.", code="address_refused")
    if port not in (80, 443) and (port < 1024 or port > 65535 or port in _PORTS_REFUSED):
        raise Refused(f"Port {port} is not accepted.", code="address_refused")
    path = (found[4] or "/").partition("#")[0]
    path = path if path.startswith("/") else f"/{path}"
    return Target(scheme, host, port, quote(path, safe="%/?:@!$&'()*+,;=-._~[]"))


def check(url: str, *, allow_loopback: bool, schemes: tuple[str, ...] = ("http", "https")) -> Target:
    """Refuse at once what can be refused without asking a name server; `resolve` has the last word later.

    Raises Refused as `parse` does, and ``address_refused`` for a literal or a name that is not public.
    """
    target = parse(url, schemes=schemes)
    literal = ":" in target.host or re.fullmatch(r"[0-9.]+", target.host)
    if literal and not is_public(target.host, allow_loopback=allow_loopback):
        raise Refused("The address is not on the public internet.", code="address_refused")
    if not allow_loopback and _LOCAL_NAME.fullmatch(target.host):
        raise Refused("The host name is not on the public internet.", code="address_refused")
    return target


def _host(raw: str) -> str:
    if raw.startswith("["):
        try:
            return str(ipaddress.IPv6Address(raw[1:-1]))
        except ValueError as error:
            raise Refused("The URL's host is not a valid address.", code="url_invalid") from error
    try:
        host = raw.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise Refused("The URL's host is not a valid name.", code="url_invalid") from error
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise Refused("The URL's host is not a valid name.", code="url_invalid")
    if re.fullmatch(
        r"[0-9]+|0x[0-9a-f]*", host.rstrip(".").rpartition(".")[2]
    ):  # "ends in a number" (WHATWG)
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as error:
            raise Refused(
                "Write the IPv4 address as four decimal numbers.", code="address_refused"
            ) from error
    return host


def is_public(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an IP address is one of the open internet's (or plain loopback, if that is allowed)."""
    try:
        ip: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        if allow_loopback and ip.is_loopback:
            return True
        return ip.is_global and not any(ip in network for network in _V4_REFUSED)
    if allow_loopback and int(ip) == 1:
        return True
    return ip in _V6_UNICAST and ip.is_global and not any(ip in network for network in _V6_REFUSED)


def resolve(host: str, port: int, *, allow_loopback: bool, resolver: Resolver | None = None) -> str:
    """Return the one address to connect to, resolving once; IPv4 first, as Lambda often has nothing else.

    Raises Refused ``address_refused`` if any address is not public, ``address_unresolved`` if there is
    none; Unavailable ``address_unresolved`` if the resolver is in trouble itself.
    """
    try:
        answers = (resolver or socket.getaddrinfo)(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        kind = Unavailable if error.errno == socket.EAI_AGAIN else Refused
        raise kind("The host name does not resolve.", code="address_unresolved") from error
    except UnicodeError as error:
        raise Refused("The host name does not resolve.", code="address_unresolved") from error
    addresses = [str(answer[4][0]) for answer in answers]
    if not addresses:
        raise Refused("The host name does not resolve.", code="address_unresolved")
    runtime_port = settings().aws_lambda_runtime_api.rpartition(":")[2]
    for address in addresses:
        own = str(port) == runtime_port and not is_public(
            address
        )  # Lambda's runtime API, even if loopback is allowed
        if own or not is_public(address, allow_loopback=allow_loopback):
            raise Refused("The address is not on the public internet.", code="address_refused")
    return next((a for a in addresses if ":" not in a), addresses[0])
