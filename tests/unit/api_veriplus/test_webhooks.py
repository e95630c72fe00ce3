"""Webhooks: registered as the vendor's other page has it, told with its three headers (VER-63 … 66, X-9)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from bonafide import bus, delivery
from bonafide.model import Analysis, Operation
from bonafide.outbound import Posted
from bonafide.store import subscriptions, table

from tests.helpers.aws import Aws
from tests.helpers.rooms import Clock
from tests.unit.api_veriplus.conftest import Api
from tests.unit.api_veriplus.words import AUDIO, V3, VIDEO, finish, own_id, scored, sent

rows = pytest.mark.rows
URL = "https://example.org/hook"
SECRET = "whsec_0123456789abcdef0123456789abcdef"
EVERY = ["deepfake.scan_completed", "deepfake.deepfake_detected", "deepfake.job_failed"]
FACE = Operation.FACE_MANIPULATION


def hook(api: Api, **more: Any) -> Any:
    answer = api("POST", V3, body={"url": URL} | more)
    assert answer.status == 201, answer.body
    return answer.json["data"]


class Receiver:
    """Takes what the deliverer posts."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any, dict[str, str], bytes]] = []

    def __call__(self, url: str, content: bytes, headers: dict[str, str], *, timeout_s: float) -> Posted:
        self.got.append((url, json.loads(content), headers, content))
        return Posted(status=200, seconds=0.1)


@pytest.fixture
def told(
    aws: Aws, room: Callable[[str], Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Analysis], Receiver]:
    """Return a function that tells the end of an analysis, twice, and delivers whatever is queued."""
    queued: list[Any] = []
    monkeypatch.setattr("bonafide.queue.send", lambda message, **_: queued.append(message))

    def tell(analysis: Analysis) -> Receiver:
        receiver = Receiver()
        for _ in range(2):  # the bus tells at least once
            room("events").tell(bus.finished_event(analysis, now=clock.now()))
        while queued:
            delivery.receive(queued.pop(0), clock=clock.now, poster=receiver)
        return receiver

    return tell


@rows("VER-66")
def test_a_webhook_is_registered(api: Api, aws: Aws) -> None:
    made = hook(api, events=EVERY[1:2], secret=SECRET, description="KYC")
    assert made == {
        "webhookId": made["webhookId"], "url": URL, "events": ["deepfake.deepfake_detected"],
        "description": "KYC", "status": "ACTIVE", "createdAt": "2026-11-20T12:00:00Z", "secret": SECRET,
    }  # fmt: skip
    assert made["webhookId"].startswith("wh_")
    shown = api("GET", f"{V3}/{made['webhookId']}").json["data"]
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert api("GET", V3).json == {"success": True, "data": [shown]}
    scanned = aws.client("dynamodb").scan(TableName=aws.table)["Items"]
    assert SECRET not in repr(scanned), "wrapped by KMS"
    generated = hook(api)
    assert generated["secret"].startswith("whsec_") and generated["events"] == EVERY
    assert api("DELETE", f"{V3}/{made['webhookId']}").json["data"]["deleted"] is True
    assert api("DELETE", f"{V3}/{made['webhookId']}").status == 404
    assert [one["webhookId"] for one in api("GET", V3).json["data"]] == [generated["webhookId"]]


@rows("VER-66", "X-9")
@pytest.mark.parametrize(
    "body",
    [{}, [], {"url": URL, "events": []}, {"url": URL, "events": ["analysis.completed"]},
     {"url": URL, "secret": "short"}, {"url": "http://example.org"}, {"url": "https://10.0.0.1/"},
     {"url": "https://localhost/"}, {"url": URL, "description": "x" * 201}],
)  # fmt: skip
def test_bad_webhooks_are_refused(api: Api, body: Any) -> None:
    answer = api("POST", V3, body=body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert api("GET", V3).json["data"] == []


def test_there_is_an_end_of_webhooks(api: Api) -> None:
    for _ in range(subscriptions.MAX_SUBSCRIPTIONS):
        hook(api)
    assert api("POST", V3, body={"url": URL}).status == 409


@rows("VER-63", "VER-64", "VER-65", "VER-66", "X-9")
def test_a_deepfake_is_told(api: Api, told: Callable[[Analysis], Receiver]) -> None:
    hook(api, secret=SECRET)
    job_id = api("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    got = told(finish(own_id(job_id), scored(FACE, 0.89))).got
    assert [body["event"] for _, body, _, _ in got] == EVERY[:2], "once, though told twice"
    url, body, headers, content = got[1]
    assert url == URL
    assert body == {
        "event": "deepfake.deepfake_detected",
        "timestamp": "2026-11-20T12:00:05Z",
        "data": {
            "jobId": job_id, "mediaType": "VIDEO", "isDeepfake": True, "confidence": 89,
            "manipulationType": "FACE_SWAP",
        },
    }  # fmt: skip
    expected = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
    assert headers["X-Veriplus-Signature"] == f"sha256={expected}"
    assert headers["X-Veriplus-Event"] == "deepfake.deepfake_detected"
    assert headers["X-Veriplus-Delivery"] != got[0][2]["X-Veriplus-Delivery"]
    assert headers["webhook-id"] and headers["webhook-timestamp"]


@rows("VER-50", "VER-63", "VER-72")
def test_each_webhook_gets_what_it_wants(api: Api, told: Callable[[Analysis], Receiver]) -> None:
    hook(api, events=EVERY[2:])
    hook(api, events=EVERY[:1], url="https://example.org/other")
    job_id = api("POST", AUDIO, **sent(AUDIO, Prefer="respond-async")).json["data"]["jobId"]
    ((url, body, _, _),) = told(finish(own_id(job_id), scored(Operation.SYNTHETIC_SPEECH, 0.94))).got
    assert url.endswith("/other") and body["data"]["method"] == "TTS_ENGINE"

    from bonafide import conclude
    from bonafide.store import analyses

    job_id = api("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    now = finish.__globals__["NOON"]
    conclude.fail("acme", own_id(job_id), code="unreadable_media", detail="Words.", now=now)
    failed = analyses.get("acme", own_id(job_id))
    assert failed is not None
    ((url, body, _, _),) = told(failed).got
    assert url == URL
    assert body["event"] == "deepfake.job_failed"
    assert body["data"] == {
        "jobId": job_id, "mediaType": "VIDEO",
        "error": {"code": "INVALID_FILE_FORMAT", "message": "Words."},
    }  # fmt: skip


def test_others_are_not_told(api: Api, told: Callable[[Analysis], Receiver], clock: Clock) -> None:
    from bonafide import erasure

    hook(api)
    job_id = api("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    ended = finish(own_id(job_id), scored(FACE, 0.89))
    assert told(ended.model_copy(update={"tenant": "other"})).got == []
    erasure.delete_analysis("acme", ended.id, now=clock.now())
    assert told(ended).got == [], "deleted meanwhile"


def test_the_headers_outlive_a_retry(api: Api, told: Callable[[Analysis], Receiver]) -> None:
    """They lie in the delivery's row, so that every attempt has the same."""
    hook(api, events=EVERY[:1])
    job_id = api("POST", VIDEO, **sent(VIDEO)).json["data"]["jobId"]
    got = told(finish(own_id(job_id), scored(FACE, 0.2))).got
    (row,) = table.query("T#acme#WH#callback", "DELIVERY#")
    assert row["headers"]["X-Veriplus-Signature"] == got[0][2]["X-Veriplus-Signature"]
