"""The rules of webhooks, without any cloud: signatures, schedule, judgement, payload."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from bonafide.webhooks import (
    EXHAUSTED_LIMIT,
    FAILING_LIMIT,
    MAX_BODY_BYTES,
    MAX_SLOW_DOWN_S,
    OFFSETS_S,
    OVERLAP,
    SLOW_DOWN_S,
    TEST_ATTEMPTS,
    TIMEOUT_S,
    Answer,
    body,
    dead,
    delivery_id,
    jitter,
    judge,
    matches,
    new_secret,
    next_delay,
    sign,
    trial_event,
)
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DETAIL = {
    "schema_version": "1",
    "event_id": "evt_1",
    "type": "analysis.completed",
    "tenant": "acme",
    "analysis_id": "an_1",
    "state": "completed",
    "verdict": {"label": "manipulated", "p_fake": 0.97},
    "failure": None,
    "operations": ["image_forgery"],
    "media_kind": "image",
    "client_reference": "Rechnung №1",
    "occurred_at": "2026-03-01T12:00:00Z",
}


# ---- signatures --------------------------------------------------------------------------------------


def test_secret_is_whsec_and_32_random_bytes() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != new_secret()


def test_example_of_the_standard_libraries() -> None:
    """The vector that the reference implementations' own tests use."""
    headers = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=200).map(lambda b: json.dumps({"x": b.hex()}).encode()))
def test_independent_verifier_accepts_our_signature(content: bytes) -> None:
    secret = new_secret()
    headers = sign([secret], "evt_1", int(time.time()), content)
    assert Webhook(secret).verify(content, headers) == json.loads(content)


def test_both_secrets_verify_during_a_rotation_and_no_other() -> None:
    new, old = new_secret(), new_secret()
    headers = sign([new, old], "evt_1", int(time.time()), b"{}")
    assert headers["webhook-signature"].count("v1,") == 2
    Webhook(new).verify(b"{}", headers)
    Webhook(old).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(b"{}", headers)


@pytest.mark.parametrize(
    "change", [{"webhook-id": "evt_2"}, {"webhook-timestamp": str(int(time.time()) - 30)}]
)
def test_signature_covers_id_and_timestamp(change: dict[str, str]) -> None:
    secret = new_secret()
    headers = sign([secret], "evt_1", int(time.time()), b"{}")
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"{}", headers | change)


@pytest.mark.parametrize(
    ("secrets", "message_id"),
    [
        ([], "evt_1"),
        (["whsec_c2hvcnQ="], "evt_1"),
        (["whsec_%%%"], "evt_1"),
        ([base64.b64encode(b"x" * 32).decode()], "evt_1"),
        ([new_secret()], "evt.1"),
        ([new_secret()], "evt_é"),
    ],
)
def test_malformed_secret_or_id_is_an_error(secrets: list[str], message_id: str) -> None:
    with pytest.raises(ValueError, match=r"secret|id"):
        sign(secrets, message_id, 0, b"")


# ---- judgement and schedule --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        *((s, Answer.DELIVERED) for s in (200, 201, 202, 204, 299)),
        *((s, Answer.RETRY) for s in (None, 301, 302, 307, 400, 401, 404, 500, 501)),
        *((s, Answer.SLOW_DOWN) for s in (429, 502, 503, 504)),
        (410, Answer.GONE),
    ],
)
def test_meaning_of_a_status(status: int | None, answer: Answer) -> None:
    assert judge(status) is answer


@given(st.lists(st.floats(0, 1), min_size=len(OFFSETS_S), max_size=len(OFFSETS_S)))
def test_schedule_grows_ends_and_stays_within_a_day(shares: list[float]) -> None:
    delays = [next_delay(made, share) for made, share in enumerate(shares[1:], start=1)]
    assert delays[-1] is None or len(delays) == len(OFFSETS_S) - 1
    total = sum(d for d in delays if d is not None)
    assert 19 * 3600 <= total <= 24 * 3600
    assert all(d is not None and d >= 1 for d in delays)
    assert next_delay(len(OFFSETS_S), shares[0]) is None


def test_first_delays_are_those_that_are_documented() -> None:
    assert [next_delay(n, 0.0) for n in range(1, 10)] == [
        5,
        295,
        1500,
        5400,
        10800,
        18000,
        14400,
        21600,
        14400,
    ]


def test_trial_gives_up_early() -> None:
    assert next_delay(TEST_ATTEMPTS - 1, 0.0, limit=TEST_ATTEMPTS) is not None
    assert next_delay(TEST_ATTEMPTS, 0.0, limit=TEST_ATTEMPTS) is None


@given(st.integers(1, 9), st.floats(0, 1), st.none() | st.integers(0, 10**6))
def test_slow_down_is_honoured_within_reason(made: int, share: float, wait: int | None) -> None:
    normal = next_delay(made, share) or 0
    delay = next_delay(made, share, answer=Answer.SLOW_DOWN, retry_after_s=wait) or 0
    assert delay >= max(SLOW_DOWN_S, min(wait or 0, MAX_SLOW_DOWN_S), normal)
    assert delay <= max(SLOW_DOWN_S, MAX_SLOW_DOWN_S, normal)
    assert next_delay(made, share, retry_after_s=wait) == normal


@given(st.text(max_size=20), st.integers(1, 10))
def test_jitter_is_a_stable_share(name: str, attempt: int) -> None:
    assert 0 <= jitter(name, attempt) < 1
    assert jitter(name, attempt) == jitter(name, attempt)


def test_jitter_spreads() -> None:
    shares = [jitter(f"dlv_{i}", 1) for i in range(400)]
    assert 0.4 < sum(shares) / 400 < 0.6
    assert len({int(s * 10) for s in shares}) == 10


@pytest.mark.parametrize(
    ("exhausted", "since", "is_dead"),
    [
        (0, None, False),
        (0, NOW - 2 * FAILING_LIMIT, False),
        (1, NOW - FAILING_LIMIT + timedelta(seconds=1), False),
        (1, NOW - FAILING_LIMIT, True),
        (1, None, False),
        (EXHAUSTED_LIMIT - 1, NOW, False),
        (EXHAUSTED_LIMIT, NOW, True),
    ],
)
def test_when_an_endpoint_is_dead(exhausted: int, since: datetime | None, is_dead: bool) -> None:
    assert (dead(exhausted, since, NOW) is not None) is is_dead


def test_figures_that_are_documented() -> None:
    assert (TIMEOUT_S, OVERLAP, len(OFFSETS_S), OFFSETS_S[-1]) == (20.0, timedelta(days=1), 10, 86400)


def test_filter() -> None:
    assert matches((), "analysis.failed")
    assert matches(("analysis.failed",), "analysis.failed")
    assert not matches(("analysis.completed",), "analysis.failed")


# ---- payload and ids ---------------------------------------------------------------------------------


def test_payload_is_thin_and_names_no_tenant() -> None:
    sent = json.loads(body(DETAIL))
    assert (sent["type"], sent["timestamp"]) == ("analysis.completed", "2026-03-01T12:00:00Z")
    assert sent["data"]["id"] == sent["data"]["analysis_id"] == "an_1"
    assert sent["data"]["client_reference"] == "Rechnung №1"
    assert not {"tenant", "schema_version"} & set(sent["data"])
    assert body(DETAIL) == body(dict(DETAIL))


@given(st.text(max_size=30), st.integers(0, 9000))
def test_payload_stays_under_20_kb(text: str, times: int) -> None:
    detail = DETAIL | {"failure": {"code": "x", "detail": text * times}}
    sent = body(detail)
    assert len(sent.encode()) <= MAX_BODY_BYTES
    assert json.loads(sent)["data"]["id"] == "an_1"


def test_trial_has_the_shape_of_an_event() -> None:
    sent = json.loads(body(trial_event("wh_1", "evt_9", NOW)))
    assert sent["type"] == "webhook.test"
    assert datetime.fromisoformat(sent["timestamp"]) == NOW
    assert sent["data"]["webhook_id"] == "wh_1"


@given(st.integers(1_577_836_800, 4_102_444_800), st.integers(1, 10**9))
def test_delivery_ids_are_deterministic_and_sort_by_time(epoch: int, later_ms: int) -> None:
    moment = datetime.fromtimestamp(epoch, UTC)
    first = delivery_id("wh_1", "evt_1", moment)
    assert first == delivery_id("wh_1", "evt_1", moment)
    assert first != delivery_id("wh_2", "evt_1", moment)
    assert first != delivery_id("wh_1", "evt_2", moment)
    assert first < delivery_id("wh_1", "evt_2", moment + timedelta(milliseconds=later_ms))
    assert len(first) == 30
