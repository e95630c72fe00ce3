"""Deletion receipts: signed by KMS, verified by a client's own library with the key that is served."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from bonafide import bus, erasure, ids, ingest, keys, media, receipts, sweep, workflow
from bonafide.delivery import deliver_raw
from bonafide.ids import new_id
from bonafide.model import Analysis, FileVerdict, MediaFacts, MediaKind, Options, Verdict
from bonafide.store import analyses, claims, erasures, table, webhooks
from bonafide.webhooks import EventType
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=17)


@pytest.fixture(autouse=True)
def _own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.use("api_native")
    monkeypatch.setattr(workflow, "start", lambda *_: None)
    monkeypatch.setattr(workflow, "stop", lambda *_: None)


def made(**more: Any) -> Analysis:
    new = ingest.NewAnalysis("acme", inline=b"file", filename="name.jpg", **more)
    return ingest.create(new, now=NOW, new_id=new_id)


def ended(analysis: Analysis) -> Analysis:
    facts = MediaFacts(kind=MediaKind.IMAGE, format="x", mime="x/y", bytes=4, sha256="0" * 64)
    analyses.begin_detection("acme", analysis.id, media=facts, items_total=0, now=NOW)
    verdict = FileVerdict(label=Verdict.INCONCLUSIVE, policy="default", reason="x")
    done = analyses.finish("acme", analysis.id, verdict=verdict, results=(), versions={}, cost_usd=0, now=NOW)
    assert done is not None
    return done


def receipt(analysis: Analysis) -> dict[str, Any]:
    found = receipts.receipt("acme", analysis.id)
    assert found is not None
    return found


def verified(found: dict[str, Any]) -> dict[str, Any]:
    """Do what a client does: take the key by its id, verify, compare."""
    served = jwt.PyJWKSet.from_dict(json.loads(json.dumps(receipts.jwks())))
    header = jwt.get_unverified_header(found["jws"])
    assert header["typ"] == receipts.KIND
    key = served[header["kid"]]
    said = json.loads(jwt.PyJWS().decode(found["jws"], key=key, algorithms=["ES256"]))
    assert said == {name: value for name, value in found.items() if name != "jws"}
    return dict(said)


def test_what_was_erased_is_counted_and_signed() -> None:
    analysis = made()
    media.put(media.media_key("acme", analysis.id), b"a second version")
    media.put(media.artifact_key("acme", analysis.id, "a.png"), b"png")
    media.put(media.work_key("acme", analysis.id, "i.json"), b"{}")
    assert receipts.receipt("acme", analysis.id) is None  # nothing was erased yet
    assert erasure.delete_analysis("acme", analysis.id, now=NOW)
    said = verified(receipt(analysis))
    assert said["erased"] == {"media": 2, "working_files": 1, "artifacts": 1, "records": 0}
    assert (said["analysis_id"], said["tenant"], said["reason"]) == (analysis.id, "acme", "deleted")
    assert said["erased_at"] == "2026-11-01T12:00:00Z" and said["confirmed_at"] is None
    assert said["kept"][0]["until"] == "2026-12-01T12:00:00Z"
    assert "name.jpg" not in json.dumps(said)
    assert receipts.receipt("other", analysis.id) is None


def test_deleting_twice_is_one_erasure_and_the_sweep_confirms_it(aws: Aws) -> None:
    analysis = made()
    erasure.delete_analysis("acme", analysis.id, now=NOW)
    first = verified(receipt(analysis))
    erasure.delete_analysis("acme", analysis.id, now=NOW + timedelta(hours=1))
    assert verified(receipt(analysis)) == first
    media.put(media.artifact_key("acme", analysis.id, "late.png"), b"png")  # by a function that still ran
    aws.use("sweep")
    assert sweep.sweep(now=LATER) == 1
    aws.use("api_native")
    said = verified(receipt(analysis))
    assert said["confirmed_at"] == "2026-11-01T12:17:00Z" and said["erased"]["artifacts"] == 1


def test_zero_retention_has_a_receipt_of_its_own_and_deletion_a_new_one(aws: Aws) -> None:
    analysis = ended(made(options=Options(zero_retention=True), client_reference="case 7"))
    aws.use("erase")
    erasure.forget(analysis, now=NOW)
    aws.use("api_native")
    said = verified(receipt(analysis))
    assert said["reason"] == "zero_retention" and said["erased"]["media"] == 1
    assert said["erased_at"] == said["confirmed_at"] == "2026-11-01T12:00:00Z"
    assert "result" in said["kept"][0]["what"]
    kept = analyses.get("acme", analysis.id)
    assert kept is not None and kept.media is not None
    assert (kept.media.bytes, kept.media.sha256) == (4, None)  # by a hash, the file would be known again
    assert "0" * 64 not in str(aws.client("dynamodb").scan(TableName=aws.table)["Items"])
    erasure.delete_analysis("acme", analysis.id, now=LATER)
    said = verified(receipt(analysis))
    assert (said["reason"], said["erased_at"]) == ("deleted", "2026-11-01T12:17:00Z")
    assert said["erased"]["media"] == 1


def test_what_was_kept_for_an_idempotency_key_goes_too() -> None:
    analysis = made()
    claims.begin("acme", "key:k", "f", now=NOW, candidate_id=analysis.id)
    claims.complete(
        "acme", "key:k", status=202, headers={}, body='{"a": 1}', analysis_id=analysis.id, now=NOW
    )
    erasure.delete_analysis("acme", analysis.id, now=NOW)
    assert verified(receipt(analysis))["erased"]["records"] == 1
    # The claim stays, without the answer: a retry within the day comes to the tombstone, and brings no media.
    again = claims.begin("acme", "key:k", "f", now=LATER, candidate_id="an_new")
    assert again == claims.Begun(analysis.id)
    new = ingest.NewAnalysis("acme", inline=b"file", filename="name.jpg")
    same = ingest.create(new, now=LATER, new_id=new_id, analysis_id=analysis.id)
    assert same.deleted_at and media.size(media.MediaRef(key=media.media_key("acme", same.id))) is None


def test_callbacks_under_way_are_erased_and_those_of_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bonafide.queue.send", lambda *_a, **_k: None)
    analysis, other = ended(made()), ended(made())  # in the same millisecond
    bodies = {"bus": "{}", "own": json.dumps({"job": ids.to_uuid(analysis.id)}), "other": f'"{other.id}"'}
    for name, body in bodies.items():
        event = bus.event_id(analysis.id, analysis.state) if name == "bus" else f"evt_{name}"
        url, kind = f"https://{name}.example/", EventType.COMPLETED
        deliver_raw("acme", url, body, event_id=event, kind=kind, occurred_at=NOW, now=NOW)
    erasure.delete_analysis("acme", analysis.id, now=NOW)
    assert verified(receipt(analysis))["erased"]["records"] == 2
    (left,) = table.query(table.tenant_key("acme", "WH", webhooks.CALLBACK))
    assert left["event_id"] == "evt_other"


def test_a_forged_receipt_does_not_verify() -> None:
    analysis = made()
    erasure.delete_analysis("acme", analysis.id, now=NOW)
    head, _, signature = receipt(analysis)["jws"].split(".")
    other = receipts._text(b'{"object":"deletion_receipt"}')
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.PyJWS().decode(
            f"{head}.{other}.{signature}",
            key=jwt.PyJWKSet.from_dict(receipts.jwks()).keys[0],
            algorithms=["ES256"],
        )


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_der_becomes_what_jose_wants(r: int, s: int) -> None:
    assert keys._flat(encode_dss_signature(r, s)) == r.to_bytes(32) + s.to_bytes(32)


def test_the_id_of_a_key_is_its_thumbprint(monkeypatch: pytest.MonkeyPatch) -> None:
    point = (b"\x01" * 32, b"\x02" * 32)
    monkeypatch.setattr(keys, "public_point", lambda: point)
    x, y = (receipts._text(one) for one in point)
    plain = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()
    assert receipts.jwks()["keys"][0]["kid"] == receipts._text(hashlib.sha256(plain).digest())


def test_counting_nothing_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures.table, "update", lambda *_a, **_k: pytest.fail("a write"))
    erasures.add("acme", "an_1", {"media": 0})
