"""The guarded HTTP client: how much it takes, for how long, and where it can be sent."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bonafide import outbound
from bonafide.errors import Refused, Unavailable
from bonafide.settings import settings
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import server as bad
from tests.helpers.server import Server

pytestmark = pytest.mark.loopback


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("TABLE_NAME", "MEDIA_BUCKET", "EVENT_BUS_NAME"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("ALLOW_LOOPBACK", "true")
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # a proxy that would break every call, were it used
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def names(*addresses: str) -> Callable[..., Any]:
    """A resolver that knows one answer and counts how often it is asked."""

    def resolver(host: str, port: int, **_: Any) -> list[Any]:
        resolver.calls.append(host)  # type: ignore[attr-defined]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    resolver.calls = []  # type: ignore[attr-defined]
    return resolver


def fetch(url: str, path: Path, **options: Any) -> outbound.Fetched:
    return outbound.fetch(url, path, **{"max_bytes": 100_000, "timeout_s": 5.0, **options})


def refusal(url: str, path: Path, **options: Any) -> str:
    with pytest.raises((Refused, Unavailable)) as caught:
        fetch(url, path, **options)
    assert not path.exists()
    return f"{type(caught.value).__name__} {caught.value.code}"


# ---- fetch -------------------------------------------------------------------------------------------


def test_fetch_brings_bytes_type_and_name(server: Server, tmp_path: Path) -> None:
    server.on("/a/b%20c.jpg", bad.answer(200, BODY, Content_Type="image/jpeg"))
    got = fetch(server.url("/a/b%20c.jpg?sig=1"), tmp_path / "m")
    assert (got.bytes, got.content_type, got.filename) == (len(BODY), "image/jpeg", "b c.jpg")
    assert (tmp_path / "m").read_bytes() == BODY
    sent = server.requests[0].headers
    assert sent["accept-encoding"] == "identity"
    assert sent["host"] == f"127.0.0.1:{server.port}"
    assert not {"authorization", "cookie"} & set(sent)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="../../etc/pass\\wd.mp3"', "wd.mp3"),
        ("attachment; filename*=UTF-8''na%C3%AFve.mp3", "naïve.mp3"),
        ('attachment; filename="  "', "x"),
        ("inline", "x"),
        ('attachment; filename="' + "a" * 300 + '"', "a" * 255),
    ],
)
def test_filename_is_a_clean_hint(header: str, name: str | None, server: Server, tmp_path: Path) -> None:
    server.on("/x", bad.answer(200, b"1", Content_Disposition=header))
    assert fetch(server.url("/x"), tmp_path / "m").filename == name


def test_follows_three_redirects_and_no_fourth(server: Server, tmp_path: Path) -> None:
    for i in range(4):
        server.on(f"/{i}", bad.redirect(f"/{i + 1}", (301, 302, 307, 308)[i]))
    server.on("/4", bad.answer(200, b"ok"))
    assert fetch(server.url("/1"), tmp_path / "m").final_url == server.url("/4")
    (tmp_path / "m").unlink()
    assert refusal(server.url("/0"), tmp_path / "m") == "Refused too_many_redirects"


@pytest.mark.parametrize(
    "location",
    [
        *("http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::ffff:169.254.169.254]/"),
        *(
            "http://[fd00:ec2::254]/",
            "http://2852039166/",
            "//0xa9fea9fe/",
            "file:///etc/passwd",
            "http://u@x/",
        ),
        *("http://[", "http://127.0.0.1:22/"),
    ],
)
def test_redirect_is_checked_from_scratch(location: str, server: Server, tmp_path: Path) -> None:
    server.on("/", bad.redirect(location))
    assert refusal(server.url("/"), tmp_path / "m") in ("Refused address_refused", "Refused url_invalid")


def test_name_that_turns_private_between_two_redirects_is_refused(server: Server, tmp_path: Path) -> None:
    answers = iter(["127.0.0.1", "169.254.169.254"])
    server.on("/", bad.redirect(server.url("/again", "rebind.example")))

    def resolver(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    url = server.url("/", "rebind.example")
    assert refusal(url, tmp_path / "m", resolver=resolver) == "Refused address_refused"
    assert len(server.requests) == 1


def test_connects_to_the_address_that_was_checked(server: Server, tmp_path: Path) -> None:
    server.on("/", bad.answer(200, b"ok"))
    resolver = names("127.0.0.1")
    fetch(server.url("/", "media.example"), tmp_path / "m", resolver=resolver)
    assert resolver.calls == ["media.example"]  # type: ignore[attr-defined]
    assert server.requests[0].headers["host"] == f"media.example:{server.port}"


def test_loopback_is_refused_without_the_setting(server: Server, tmp_path: Path) -> None:
    assert refusal(server.url("/"), tmp_path / "m", allow_loopback=False) == "Refused address_refused"
    assert server.requests == []


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (bad.endless(), "Refused media_too_large"),
        (bad.endless(CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"), "Refused media_too_large"),
        (bad.answer(200, b"", Content_Length="100001"), "Refused media_too_large"),
        (bad.answer(200, b"", Content_Length="9" * 30), "Refused media_too_large"),
        (bad.answer(200, b"short", Content_Length="1000"), "Unavailable fetch_failed"),
        (bad.answer(200, b"x", Content_Encoding="gzip"), "Refused fetch_failed"),
        (bad.status(404), "Refused fetch_status_404"),
        (bad.status(304), "Refused fetch_status_304"),
        (bad.status(206), "Refused fetch_status_206"),
        (bad.status(302), "Refused fetch_status_302"),
        (bad.status(500), "Unavailable fetch_status_500"),
        (bad.status(429, Retry_After="7"), "Unavailable fetch_status_429"),
        (bad.reset(), "Unavailable fetch_failed"),
        (bad.reset(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"), "Unavailable fetch_failed"),
        (bad.raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "Refused fetch_failed"),
        (bad.raw(b""), "Unavailable fetch_failed"),
        (bad.endless(b"HTTP/1.1 200 OK\r\nX: "), "Refused fetch_failed"),
        (bad.endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 1000), "Refused fetch_failed"),
        (bad.raw(CHUNKED + b"zz\r\n"), "Unavailable fetch_failed"),
        (bad.endless(CHUNKED, b"1" * 65536), "fetch_failed"),
    ],
)  # fmt: skip
def test_bad_answer(route: bad.Route, expected: str, server: Server, tmp_path: Path) -> None:
    server.on("/", route)
    assert refusal(server.url("/"), tmp_path / "m").endswith(expected)


@pytest.mark.parametrize(
    "route",
    [
        bad.hang(),
        bad.drip(b"HTTP/1.1 200 OK\r\n\r\n"),
        bad.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        bad.drip(b"HTTP/1.1 200 OK\r\nX: "),
        bad.drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 0.05),
        bad.drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        bad.drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_total_time_is_bounded_whatever_the_server_drips(
    route: bad.Route, server: Server, tmp_path: Path
) -> None:
    """These servers drip for ever: that there is an answer at all is the bound."""
    server.on("/", route)
    assert refusal(server.url("/"), tmp_path / "m", timeout_s=0.3) == "Refused fetch_timed_out"


def test_slow_resolver_counts_towards_the_total_time(tmp_path: Path) -> None:
    def resolver(*_: Any, **__: Any) -> Any:
        time.sleep(1)

    assert (
        refusal("http://slow.example/", tmp_path / "m", timeout_s=0.1, resolver=resolver)
        == "Refused fetch_timed_out"
    )


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert refusal(url, tmp_path / "m") == "Unavailable fetch_failed"
        assert outbound.post(url, b"", {}, timeout_s=2).error == "connection_failed"


def test_transient_failure_carries_retry_after(server: Server, tmp_path: Path) -> None:
    server.on("/", bad.status(503, Retry_After="12"))
    with pytest.raises(Unavailable) as caught:
        fetch(server.url("/"), tmp_path / "m")
    assert caught.value.retry_after_s == 12


# ---- TLS ---------------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An https server whose certificate is for hooks.example only, and trust in its issuer."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    outbound._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Server(context) as running:
        yield running
    outbound._tls.cache_clear()


def test_certificate_is_checked_for_the_host_name_not_the_address(secure: Server, tmp_path: Path) -> None:
    secure.on("/", bad.answer(200, BODY))
    resolver = names("127.0.0.1")
    assert fetch(secure.url("/", "hooks.example"), tmp_path / "m", resolver=resolver).bytes == len(BODY)
    (tmp_path / "m").unlink()
    assert (
        refusal(secure.url("/", "other.example"), tmp_path / "m", resolver=resolver) == "Refused fetch_failed"
    )
    assert outbound.post(secure.url("/"), b"", {}, timeout_s=2).error == "tls_failed"


def test_watchdog_reaches_under_tls(secure: Server, tmp_path: Path) -> None:
    secure.on("/", bad.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"))
    url = secure.url("/", "hooks.example")
    assert (
        refusal(url, tmp_path / "m", resolver=names("127.0.0.1"), timeout_s=0.4) == "Refused fetch_timed_out"
    )


# ---- post --------------------------------------------------------------------------------------------


def post(url: str, **options: Any) -> outbound.Posted:
    return outbound.post(url, b'{"a":1}', {"webhook-id": "evt_1"}, **{"timeout_s": 5.0, **options})


def test_post_sends_the_body_as_it_is(server: Server) -> None:
    server.on("/hook", bad.status(204))
    assert post(server.url("/hook?token=x")).status == 204
    got = server.requests[0]
    assert (got.method, got.path, got.body) == ("POST", "/hook?token=x", b'{"a":1}')
    assert got.headers["webhook-id"] == "evt_1"


def test_post_does_not_follow_redirects(server: Server) -> None:
    server.on("/", bad.redirect("/other"))
    assert post(server.url("/")).status == 302
    assert len(server.requests) == 1


def test_post_takes_the_status_and_leaves_an_endless_body(server: Server) -> None:
    server.on("/", bad.endless())
    assert post(server.url("/")).status == 200


def test_post_tells_retry_after(server: Server) -> None:
    server.on("/", bad.status(429, Retry_After="120"))
    assert (post(server.url("/")).status, post(server.url("/")).retry_after_s) == (429, 120)


@pytest.mark.parametrize(
    ("route", "error"),
    [(bad.hang(), "timed_out"), (bad.reset(), "connection_failed"), (bad.raw(b"hello\r\n"), "bad_answer")],
)
def test_post_never_raises_for_a_bad_endpoint(route: bad.Route, error: str, server: Server) -> None:
    server.on("/", route)
    got = post(server.url("/"), timeout_s=0.4)
    assert (got.status, got.error) == (None, error)
    assert 0 <= got.seconds < 3


def test_post_is_https_only_unless_loopback_is_allowed() -> None:
    assert post("http://hooks.example/", allow_loopback=False).error == "address_refused"
    assert post("https://hooks.example/", resolver=names("10.1.2.3")).error == "address_refused"
    assert post("https://hooks.example/", resolver=names()).error == "address_unresolved"
    assert post("nonsense").error == "url_invalid"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((None, None), ("", None), ("0", 0), ("30", 30), ("99999999", 86400), ("soon", None), ("-5", None)),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_retry_after_in_both_forms(value: str | None, seconds: int | None) -> None:
    assert outbound.retry_after(value, 60.0) == seconds


@given(st.text(max_size=60))
def test_retry_after_never_raises(value: str) -> None:
    assert outbound.retry_after(value, 0.0) is None or 0 <= (outbound.retry_after(value, 0.0) or 0) <= 86400
