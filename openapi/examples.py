"""Examples for the documents: made by the very code that answers, so that they cannot lie about its shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bonafide import receipts
from bonafide.credits import Balance
from bonafide.model import (
    Analysis,
    Artifact,
    Evidence,
    FileVerdict,
    Interval,
    MediaFacts,
    MediaKind,
    ModelRef,
    Operation,
    OperationResult,
    Outcome,
    Region,
    Source,
    Stage,
    State,
    Verdict,
)
from bonafide.store.erasures import Erasure
from bonafide.store.known import Entry
from bonafide.store.webhooks import Attempt, Delivery, Endpoint
from bonafide.tenants import Plan, Tenant
from bonafide.tokens import TokenRecord
from bonafide.webhooks import EventType
from native import render, routes_account

__all__ = ["analysis", "documents"]

BASE = "https://abc123.execute-api.eu-central-1.amazonaws.com/api"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"
WEBHOOK = "wh_01kg9q2d00xv4t8w6j5y3m1n7p"
_SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_KEY = {
    "crv": "P-256", "kty": "EC", "use": "sig", "alg": "ES256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "kid": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
}  # fmt: skip
"""The public key of RFC 7515, appendix A.3."""


def analysis() -> Analysis:
    """Return a finished analysis of a picture."""
    result = OperationResult(
        operation=Operation.IMAGE_FORGERY,
        outcome=Outcome.SCORED,
        verdict=Verdict.MANIPULATED,
        p_fake=0.97,
        interval=Interval(low=0.93, high=0.99),
        llr=3.5,
        disagreement=0.0,
        evidence=Evidence(regions=(Region(x=412, y=96, width=208, height=176, score=0.91),)),
        artifacts=(
            Artifact(name="heatmap.png", media_type="image/png", title="Heatmap", key="-", bytes=48213),
        ),
        models=(ModelRef(name="double_quantisation", version="1.0.0", sha256=_SHA, type="rule"),),
        seconds=0.41,
    )
    return Analysis(
        id=ID,
        tenant="acme",
        state=State.COMPLETED,
        stage=Stage.DONE,
        source=Source(type="inline", filename="photo.jpg"),
        media=MediaFacts(
            kind=MediaKind.IMAGE,
            format="jpeg",
            mime="image/jpeg",
            bytes=1048576,
            sha256=_SHA,
            width=1600,
            height=1200,
        ),
        operations=(Operation.IMAGE_FORGERY,),
        client_reference="case-17",
        verdict=FileVerdict(
            label=Verdict.MANIPULATED, policy="default", p_fake=0.97, decided_by=Operation.IMAGE_FORGERY
        ),
        results=(result,),
        versions={"bonafide": "0.1.0"},
        cost_usd=0.00031,
        items_total=1,
        items_done=1,
        created_at=NOON,
        started_at=NOON + timedelta(seconds=1),
        completed_at=NOON + timedelta(seconds=3),
    )


def documents() -> dict[str, Any]:
    """Return one example a schema, by the schema's name."""
    done = analysis()
    queued = Analysis(
        id=ID,
        tenant="acme",
        state=State.QUEUED,
        source=Source(type="url", url="https://example.org/clip.mp4"),
        operations=(Operation.SYNTHETIC_SPEECH,),
        created_at=NOON,
    )
    token, webhook, sent = render.token(_token()), render.webhook(_webhook()), render.delivery(_delivery())
    return {
        "AnalysisDocument": render.analysis(done, BASE),
        "Queued": render.analysis(queued, BASE),
        "AnalysisList": render.page([render.summary(done, BASE)], "YW5fMDFrZzlxMmQuMTIz"),
        "ArtifactList": render.page(render.artifacts(done, BASE)),
        "KnownMediaDocument": render.known_media(_known()),
        "KnownMediaList": render.page([render.known_media(_known())]),
        "TokenList": render.page([token]),
        "CreatedToken": token | {"token": "bf_acme_" + "x" * 43},
        "WebhookDocument": webhook,
        "WebhookList": render.page([webhook]),
        "CreatedWebhook": webhook | {"secret": "whsec_" + "A" * 43 + "="},
        "DeliveryDocument": sent,
        "DeliveryList": render.page([sent]),
        "Account": _account(),
        "DeletionReceipt": _receipt(),
        "KeySet": {"keys": [_KEY]},
        "Health": {"status": "ok", "version": "0.1.0"},
    }


def _receipt() -> dict[str, Any]:
    erasure = Erasure(
        reason="deleted",
        created_at=NOON,
        erased_at=NOON + timedelta(hours=1),
        until=NOON + timedelta(days=30),
        erased_media=1,
        erased_working_files=2,
        erased_artifacts=3,
    )
    return receipts.document("acme", ID, erasure) | {"jws": "eyJhbGciOiJFUzI1NiJ9.eyJvYmplY3QiOiJ4In0.c2ln"}


def event(kind: EventType) -> dict[str, Any]:
    """Return what an endpoint receives."""
    state = {"state": kind.value.partition(".")[2], "media_kind": "image", "operations": ["image_forgery"]}
    about = {"webhook_id": WEBHOOK} if kind is EventType.TEST else {"id": ID, "analysis_id": ID}
    data = about | ({} if kind is EventType.TEST else state)
    stamp = {"event_id": "evt_3f0c", "type": kind.value, "occurred_at": "2026-01-31T12:00:03Z"}
    return {"type": kind.value, "timestamp": "2026-01-31T12:00:03Z", "data": data | stamp}


def _known() -> Entry:
    return Entry(
        id="km_01kg9q2d00xv4t8w6j5y3m1n7p",
        tenant="acme",
        kind="image",
        pdq=("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22",),
        verdict="known_fake",
        title="The flood that was not",
        url="https://example.org/checks/flood",
        reason="Generated; the agency withdrew it.",
        created_at=NOON,
    )


def _account() -> dict[str, Any]:
    used = {"analyses": 17, "failed": 1, "image": 12, "audio": 2, "video": 3, "document": 0}
    return routes_account.document(
        Tenant(id="acme", plan=Plan.BASIC, created_at=NOON),
        running=1,
        used=used | {"milliseconds": 305500, "bytes": 734003200, "credits": 0},
        balance=Balance("2026-01", 1000, spent=0, held=0),
    )


def _token() -> TokenRecord:
    return TokenRecord(
        id="tok_" + _SHA[:32],
        tenant="acme",
        hash=_SHA,
        name="newsroom",
        scopes=("analyses:read", "analyses:write"),
        prefix="bf_acme_xxxx",
        last4="xxxx",
        created_at=NOON,
        last_used_at=NOON + timedelta(hours=1),
    )


def _webhook() -> Endpoint:
    return Endpoint(
        id=WEBHOOK,
        url="https://example.org/hooks/bonafide",
        created_at=NOON,
        events=(EventType.COMPLETED,),
        description="Newsroom",
        last_success_at=NOON + timedelta(hours=1),
    )


def _delivery() -> Delivery:
    return Delivery(
        id="dlv_01kg9q2d00ab12cd34ef567890",
        webhook_id=_webhook().id,
        event_id="evt_3f0c",
        type=EventType.COMPLETED,
        state="delivered",
        attempts=(Attempt(number=1, at=NOON, status=200, ms=84),),
        created_at=NOON,
        payload='{"type":"analysis.completed","timestamp":"2026-01-31T12:00:03Z","data":{}}',
    )
