"""The address guard: which URLs and addresses are the open internet's."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bonafide.address import Target, check, is_public, parse, resolve
from bonafide.errors import Refused, Unavailable
from bonafide.settings import settings
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("TABLE_NAME", "MEDIA_BUCKET", "EVENT_BUS_NAME"):
        monkeypatch.setenv(name, "test")
    settings.cache_clear()
    yield
    settings.cache_clear()


def names(*addresses: str) -> Callable[..., Any]:
    """Return a resolver that knows one answer and counts how often it is asked."""

    def resolver(host: str, port: int, **_: Any) -> list[Any]:
        resolver.calls.append(host)  # type: ignore[attr-defined]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    resolver.calls = []  # type: ignore[attr-defined]
    return resolver


REFUSED = [
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.100.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2001:10::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "3fff::1",
    "5f00::1",
    "::ffff:0:7f00:1",
    "not-an-address",
]


@pytest.mark.parametrize("address", REFUSED)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700:4700::1111"]
)
def test_public_address_is_accepted(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_needs_the_local_setting(address: str) -> None:
    assert not is_public(address)
    assert is_public(address, allow_loopback=True)


@given(st.ip_addresses(v=4))
def test_no_embedding_of_any_ipv4_address_is_public(v4: ipaddress.IPv4Address) -> None:
    n = int(v4)
    embedded = [
        0xFFFF << 32 | n,  # mapped
        n,  # compatible
        0x64FF9B << 96 | n,  # NAT64
        0x0064FF9B0001 << 80 | n,  # local NAT64
        0x2002 << 112 | n << 80 | 1,  # 6to4
        0x20010000 << 96 | n << 64 | (n ^ 0xFFFFFFFF),  # Teredo, both ends
    ]
    for value in embedded:
        address = str(ipaddress.IPv6Address(value))
        assert not is_public(address)
        assert not is_public(address, allow_loopback=True) or value == 1


@given(st.ip_addresses())
def test_public_implies_what_the_standard_library_calls_global(ip: ipaddress.IPv4Address) -> None:
    if is_public(str(ip)):
        assert ip.is_global
        assert not (ip.is_multicast or ip.is_private or ip.is_reserved or ip.is_loopback or ip.is_link_local)


@given(st.ip_addresses(v=4), st.sampled_from(["{}", "0x{:x}", "0{:o}"]), st.integers(1, 4))
def test_unusual_spellings_of_ipv4_are_refused(v4: ipaddress.IPv4Address, form: str, parts: int) -> None:
    octets = list(v4.packed)
    tail = int.from_bytes(bytes(octets[parts - 1 :]), "big")
    host = ".".join(form.format(x) for x in [*octets[: parts - 1], tail])
    if host == str(v4):
        assert parse(f"http://{host}/").host == str(v4)
        return
    with pytest.raises(Refused):
        parse(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com",
        "http:///x",
        "http://user@example.com/",
        "http://user:pw@example.com/",
        "http://example.com:22/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:6379/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://1.2.3.4.5/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://exa%6Dple.com/",
        "http://a..b/",
        "http://-a.com/",
        "http://example.com\\@10.0.0.1/",
        "http://example.com#@10.0.0.1:80\\",
        "//example.com/",
        "example.com",
        "http:example.com",
        "http://\uff10x7f.1/",
        "http://a,b/",
        "http://exa mple.com/",
        "http://example.com/\r\nHost: x",
        "http://example.com/\x00",
        "http://\u2024/",
        "",
        "http://example.com/" + "a" * 5000,
    ],
)
def test_url_that_is_refused_before_any_name_is_resolved(url: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(url)
    assert caught.value.code in ("url_invalid", "address_refused")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://Example.COM", ("https", "example.com", 443, "/")),
        ("http://example.com:8080/a?b=c%20d#frag", ("http", "example.com", 8080, "/a?b=c%20d")),
        ("http://example.com?x", ("http", "example.com", 80, "/?x")),
        ("https://bücher.example/ä", ("https", "xn--bcher-kva.example", 443, "/%C3%A4")),
        ("http://[2606:4700::1111]:8443/", ("http", "2606:4700::1111", 8443, "/")),
        ("http://\uff11\uff12\uff17.0.0.1/", ("http", "127.0.0.1", 80, "/")),  # full width
        ("https://b.s3.example/k?Sig=a%2Fb", ("https", "b.s3.example", 443, "/k?Sig=a%2Fb")),
    ],
)  # fmt: skip
def test_url_is_taken_apart_once(url: str, parts: tuple[Any, ...]) -> None:
    assert parse(url) == Target(*parts)
    assert parse(parse(url).url) == parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://[fc00::1]/",
        "http://localhost/",
        "http://a.localhost:8080/",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://router.home.arpa/",
        "http://x.onion/",
        "http://LOCALHOST./",
    ],
)
def test_obviously_private_urls_are_refused_when_they_are_handed_in(url: str) -> None:
    with pytest.raises(Refused) as caught:
        check(url, allow_loopback=False)
    assert caught.value.code == "address_refused"


def test_check_lets_the_rest_pass() -> None:
    assert check("https://hooks.example/x", allow_loopback=False).host == "hooks.example"
    assert check("http://localhost:9000/", allow_loopback=True).port == 9000
    assert check("http://127.0.0.1:9000/", allow_loopback=True).port == 9000
    with pytest.raises(Refused):
        check("http://10.0.0.1/", allow_loopback=True)
    with pytest.raises(Refused):
        check("http://hooks.example/", allow_loopback=False, schemes=("https",))


def test_one_private_address_among_public_ones_refuses_all() -> None:
    with pytest.raises(Refused, match="public internet"):
        resolve("rebind.example", 80, allow_loopback=False, resolver=names("8.8.8.8", "10.0.0.1"))


def test_resolves_once_and_prefers_ipv4() -> None:
    resolver = names("2606:4700::1111", "1.1.1.1")
    assert resolve("one.example", 443, allow_loopback=False, resolver=resolver) == "1.1.1.1"
    assert resolver.calls == ["one.example"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("errno", "kind"),
    [(socket.EAI_NONAME, Refused), (socket.EAI_FAIL, Refused), (socket.EAI_AGAIN, Unavailable)],
)
def test_name_that_does_not_resolve(errno: int, kind: type[Exception]) -> None:
    def resolver(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(errno, "no")

    with pytest.raises(kind) as caught:
        resolve("gone.example", 80, allow_loopback=False, resolver=resolver)
    assert caught.value.code == "address_unresolved"  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        resolve("gone.example", 80, allow_loopback=False, resolver=names())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_lambdas_own_runtime_api_is_refused_even_where_loopback_is_allowed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    settings.cache_clear()
    with pytest.raises(Refused):
        resolve(host, 9001, allow_loopback=True, resolver=names(host))
    assert resolve(host, 9002, allow_loopback=True, resolver=names(host)) == host
    assert resolve("one.example", 9001, allow_loopback=True, resolver=names("1.1.1.1")) == "1.1.1.1"
