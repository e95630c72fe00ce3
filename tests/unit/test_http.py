"""Requests are read and answers are written in one place, the same for every dialect."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any

import pytest
from bonafide import errors
from bonafide.errors import BonafideError, InvalidRequest, Unauthenticated, Unprocessable, UnsupportedMedia
from bonafide.forms import Prefer, loads, truth, words
from bonafide.http import Caller, Request, Response, Status, caller, json_response, problem, status_of
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.gateway import event, multipart


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    from bonafide.settings import settings

    for name, value in {"TABLE_NAME": "table", "MEDIA_BUCKET": "bucket", "EVENT_BUS_NAME": "bus"}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


def request(method: str = "GET", target: str = "/v1/analyses", **more: Any) -> Request:
    return Request.from_event(event(method, target, **more))


# ---- reading ----------------------------------------------------------------------------------------


def test_a_request_is_made_regular() -> None:
    found = request("get", "/v1//analyses?a=1&a=2&b=", headers=[("X-Thing", "1"), ("X-Thing", "2")])
    assert (found.method, found.path) == ("GET", "/v1/analyses")
    assert found.query == {"a": ("1", "2"), "b": ("",)}
    assert found.headers["x-thing"] == "1, 2"
    assert found.source_ip == "192.0.2.7"


def test_base_url_carries_the_stage() -> None:
    assert request().url("/v1/x") == "https://abc123.execute-api.us-east-1.amazonaws.com/api/v1/x"


def test_base_url_and_path_behind_a_base_path_mapping() -> None:
    said = event("GET", "/native/v1/analyses")
    said["requestContext"] |= {"path": "/native/v1/analyses", "domainName": "forensics.example.org"}
    found = Request.from_event(said)
    assert (found.path, found.base_url) == ("/v1/analyses", "https://forensics.example.org/native")


@pytest.mark.parametrize(
    ("stage", "target"),
    [
        ("prod", "/api/v2/detect/7"),  # a custom domain whose mapping is told as part of the path
        ("api", "/v2/detect/7"),  # the stage's name is the path's first segment
        ("api", "/detect/7"),  # the local front took the whole base path off
        ("api", "//v2//detect/7"),
    ],
)
def test_a_dialects_path_is_whole_however_much_the_gateway_took_off(stage: str, target: str) -> None:
    found = Request.from_event(event("GET", target, stage=stage, resource="/{proxy+}"), base="/api/v2")
    assert found.path == "/api/v2/detect/7"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/api/v3/hooks/1", "/api/v3/hooks/1"),
        ("/v3/hooks", "/api/v3/hooks"),
        ("/hooks/1", "/api/v3/hooks/1"),
        ("/fake/jobs", "/api/v4/fake/jobs"),
        ("/jobs", "/api/v4/fake/jobs"),
        ("/", "/api/v4/fake/"),
    ],
)
def test_of_several_bases_the_one_that_the_path_shows_counts(target: str, path: str) -> None:
    bases = ("/api/v4/fake", "/api/v3/hooks")
    assert Request.from_event(event("GET", target, resource="/{proxy+}"), base=bases).path == path


def test_a_stage_that_is_part_of_the_path_is_not_told_twice() -> None:
    found = Request.from_event(event("GET", "/v2/detect", resource="/{proxy+}"), base="/api/v2")
    assert found.url(found.path).endswith(".amazonaws.com/api/v2/detect")


def test_a_list_in_every_spelling() -> None:
    assert words(["a, b", "", "c", " ,,"]) == ["a", "b", "c"]


def test_a_configured_base_url_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    from bonafide.settings import settings

    monkeypatch.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:4567/")
    settings.cache_clear()
    assert request().base_url == "http://127.0.0.1:4567"


def test_a_minimal_event_is_enough() -> None:
    found = Request.from_event({"httpMethod": "GET", "path": "/v1/health"})
    assert (found.path, found.headers, found.body, found.request_id) == ("/v1/health", {}, b"", "")


def test_broken_base64_is_the_clients_fault() -> None:
    with pytest.raises(InvalidRequest):
        Request.from_event(event("POST", "/v1/analyses") | {"body": "%%%", "isBase64Encoded": True})


@pytest.mark.parametrize("text", ["", "{", "NaN", "[1e999]", '{"a":-Infinity}', "[" * 100_000, "9" * 5000])
def test_no_json(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        loads(text)
    assert caught.value.code == "invalid_json"


def test_json_of_another_type_or_encoding() -> None:
    with pytest.raises(UnsupportedMedia):
        request("POST", body="{}", headers={"Content-Type": "text/plain"}).json()
    with pytest.raises(InvalidRequest):
        request("POST", body="\ud800", headers={"Content-Type": "application/json"}).json()
    with pytest.raises(errors.TooLarge):
        request("POST", body={"a": "b" * 100}).json(limit=50)
    assert request("POST", body='{"a":1}', headers={"Content-Type": "application/x+json"}).json() == {"a": 1}


def test_multipart_is_binary_safe() -> None:
    data = bytes(range(256)) * 40 + b"\r\n--b0undar\r\n"
    body, kind = multipart(
        [("file", data, "C:\\temp\\../ph\u00f6to\n.jpg"), ("operations", "a"), ("operations", "b")]
    )
    form = request("POST", body=body, headers={"content-type": kind}).form()
    file = form.first("file")
    assert file is not None
    assert file.data == data
    assert file.filename is not None
    assert "/" not in file.filename
    assert [part.text for part in form.all("operations")] == ["a", "b"]
    assert form.text("none") is None


@given(st.lists(st.tuples(st.from_regex("[a-z]{1,8}", fullmatch=True), st.binary(max_size=300)), max_size=8))
def test_multipart_gives_back_what_was_put_in(parts: list[tuple[str, bytes]]) -> None:
    body, kind = multipart(parts, boundary="q" * 60)
    wrapped = base64.b64encode(body).decode()
    said = event("POST", "/v1/x", headers={"Content-Type": kind}) | {"body": wrapped, "isBase64Encoded": True}
    from bonafide.forms import read_form

    form = read_form(kind, base64.b64decode(said["body"]))
    assert [(part.name, part.data) for part in form.parts] == parts


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end', "multipart/form-data; boundary=x"),
        (multipart([("a", "b")] * 65)[0], "multipart/form-data; boundary=b0undary"),
    ],
)
def test_broken_multipart(body: bytes, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request("POST", body=body, headers={"Content-Type": kind}).form()
    assert caught.value.code == "invalid_form"


def test_a_part_that_is_no_text() -> None:
    body, kind = multipart([("options", b"\xff")])
    form = request("POST", body=body, headers={"Content-Type": kind}).form()
    with pytest.raises(InvalidRequest):
        form.text("options")


def test_urlencoded_forms_and_others() -> None:
    kind = "application/x-www-form-urlencoded"
    form = request("POST", body="a=1&b=%C3%A9&a=", headers={"Content-Type": kind}).form()
    assert [(p.name, p.text) for p in form.parts] == [("a", "1"), ("b", "\u00e9"), ("a", "")]
    with pytest.raises(UnsupportedMedia):
        request("POST", body="{}", headers={"Content-Type": "application/json"}).form()
    with pytest.raises(InvalidRequest):
        request("POST", body="&".join(["a=1"] * 65), headers={"Content-Type": kind}).form()


@pytest.mark.parametrize("text", ["true", "True", "1", "yes", "on", " TRUE ", True, 1])
def test_true_in_every_spelling(text: object) -> None:
    assert truth(text) is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "off", "", False, 0])
def test_false_in_every_spelling(text: object) -> None:
    assert truth(text) is False


def test_neither() -> None:
    with pytest.raises(Unprocessable):
        truth("maybe")


@pytest.mark.parametrize(
    ("header", "wait", "asynchronous"),
    [
        ("", None, False),
        ("wait=10", 10.0, False),
        ("respond-async, wait=10", 10.0, True),
        ('Wait="7"; foo=bar, wait=9', 7.0, False),
        ("wait", math.inf, False),
        ("wait=soon", None, False),
        ("wait=-1", None, False),
        ("return=minimal;x,,;", None, False),
    ],
)
def test_prefer(header: str, wait: float | None, asynchronous: bool) -> None:
    assert Prefer.parse(header) == Prefer(wait, asynchronous)


@given(st.text())
def test_prefer_never_raises(header: str) -> None:
    Prefer.parse(header)


# ---- who calls --------------------------------------------------------------------------------------


def test_caller() -> None:
    found = caller(event("GET", "/v1/x", scopes="webhooks analyses:read"))
    assert found == Caller("acme", found.token_id, frozenset(("webhooks", "analyses:read")))
    found.require("webhooks")
    with pytest.raises(errors.Forbidden) as caught:
        found.require("tokens")
    assert caught.value.code == "insufficient_scope"
    caller(event("GET", "/v1/x", scopes="*")).require("tokens")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "missing_credentials"),
        ({"tenant": "", "reason": "expired_token"}, "expired_token"),
        ({"tenant": "", "reason": "<script>"}, "invalid_token"),
        ({"scopes": "*", "token_id": "x"}, "missing_credentials"),
    ],
)
def test_nobody(said: dict[str, str], code: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        caller(event("GET", "/v1/x", authorizer=said))
    assert caught.value.code == code


def test_no_authorizer_at_all_is_nobody() -> None:
    with pytest.raises(Unauthenticated):
        caller({"requestContext": {}})


# ---- answering --------------------------------------------------------------------------------------


def every_error() -> list[type[BonafideError]]:
    return [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_problem(kind: type[BonafideError]) -> None:
    answer = problem(kind("Words."), request())
    document = json.loads(answer.body)
    assert answer.status == status_of(kind("")) == document["status"]
    assert 400 <= answer.status < 600
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "instance", "request_id"} <= set(document)


def test_the_documented_statuses() -> None:
    tree = re.findall(r"─ (\w+) +(\d{3})", errors.__doc__ or "")
    said = {name: int(status) for name, status in tree}
    assert said["NotFound"] == 404
    for name, status in said.items():
        assert status_of(getattr(errors, name)("")) == status, name


def test_a_subclass_inherits_its_status() -> None:
    class Odd(errors.UnknownOperation):
        pass

    assert status_of(Odd("")) is Status.BAD_REQUEST


def test_401_says_how() -> None:
    plain = problem(Unauthenticated("", code="missing_credentials")).headers["WWW-Authenticate"]
    assert plain == 'Bearer realm="bonafide"'
    assert "invalid_token" in problem(Unauthenticated("", code="revoked_token")).headers["WWW-Authenticate"]


def test_what_broke_inside_is_not_told() -> None:
    answer = problem(errors.Unavailable("the table refused get_item: AccessDenied"))
    assert b"table" not in answer.body
    assert answer.headers["Retry-After"]
    assert problem(errors.RateLimited("", retry_after_s=17)).headers["Retry-After"] == "17"


def test_pointers_are_plain_and_extensions_stay() -> None:
    error = Unprocessable("No.", errors=[{"pointer": "#/a/0", "detail": "x"}])
    document = json.loads(problem(error, request(), deleted_at="2026").body)
    assert document["errors"][0]["pointer"] == "/a/0"
    assert document["deleted_at"] == "2026"


def test_ids_are_echoed_and_foreign_ones_checked() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    asked = request(headers={"X-Request-Id": "mine-1", "X-Correlation-Id": "c", "traceparent": trace})
    headers = json_response({}).proxy(asked)["headers"]
    assert (headers["X-Request-Id"], headers["X-Correlation-Id"], headers["traceparent"]) == (
        "mine-1",
        "c",
        trace,
    )
    bad = request(headers={"X-Request-Id": "a b", "X-Correlation-Id": "x" * 129, "traceparent": "z"})
    headers = json_response({}).proxy(bad)["headers"]
    assert headers["X-Request-Id"] == bad.request_id != "a b"
    assert headers["X-Correlation-Id"] == bad.request_id
    assert "traceparent" not in headers


def test_every_answer_carries_security_headers() -> None:
    headers = Response(204).proxy()["headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "max-age" in headers["Strict-Transport-Security"]


def test_text_as_text_and_bytes_as_base64() -> None:
    assert Response(200, "\u00e9".encode()).proxy()["body"] == "\u00e9"
    answer = Response(200, b"\xff\x00").proxy()
    assert answer["isBase64Encoded"]
    assert base64.b64decode(answer["body"]) == b"\xff\x00"


def test_head_has_no_body() -> None:
    assert json_response({"a": 1}).proxy(request("HEAD"))["body"] == ""


def test_json_is_ascii_and_never_nan() -> None:
    assert json_response({"a": "\ud800\u00e9"}).body == b'{"a":"\\ud800\\u00e9"}'
    with pytest.raises(ValueError, match="JSON"):
        json_response({"a": math.nan})
