"""Requests as clients make them, and analyses with findings as the core would hold them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bonafide import conclude
from bonafide.fuse import verdict_of
from bonafide.model import (
    Analysis,
    Evidence,
    Interval,
    MediaFacts,
    MediaKind,
    Operation,
    OperationResult,
    Options,
    Outcome,
    Source,
    State,
    Track,
)
from bonafide.policy import judge, policy
from bonafide.store import analyses

from tests.helpers.gateway import multipart

V4, V3 = "/api/v4/deepfake", "/api/v3/webhooks"
IMAGE, VIDEO = f"{V4}/analyse/image", f"{V4}/analyse/video"
AUDIO, DOCUMENT = f"{V4}/analyse/audio", f"{V4}/analyse/document"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = "an_01kg9q2d00xv4t8w6j5y3m1n7p"

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
WEBP = b"RIFF\x40\0\0\0WEBPVP8 " + bytes(60)
MP4 = b"\0\0\0\x18ftypmp42" + bytes(60)
MOV = b"\0\0\0\x14ftypqt  " + bytes(60)
WEBM = b"\x1aE\xdf\xa3" + bytes(60)
M4A = b"\0\0\0\x18ftypM4A " + bytes(60)
MP3 = b"ID3\x04" + bytes(60)
WAV = b"RIFF\x40\0\0\0WAVEfmt " + bytes(60)
PDF = b"%PDF-1.7\n" + bytes(60)
GIF = b"GIF89a" + bytes(60)

FILES = {IMAGE: ("image", JPEG), VIDEO: ("video", MP4), AUDIO: ("audio", MP3), DOCUMENT: ("document", PDF)}
FORMATS = {"IMAGE": "jpeg", "VIDEO": "mp4", "AUDIO": "mp3", "DOCUMENT": "pdf"}


def form(*parts: Any, **headers: str) -> dict[str, Any]:
    """Return body and headers of a multipart request."""
    body, kind = multipart(parts)
    return {"body": body, "headers": {"Content-Type": kind, **headers}}


def sent(path: str, *parts: Any, **headers: str) -> dict[str, Any]:
    """Return a request with a file that this way in takes, and more parts."""
    name, data = FILES[path]
    return form((name, data, "verification_video.mp4"), *parts, **headers)


def facts(media: str, **more: Any) -> MediaFacts:
    """Return the facts of a file of this medium."""
    kind = MediaKind(media.lower())
    plain: dict[str, Any] = {"format": FORMATS[media], "mime": "x/y", "bytes": 1000, "sha256": "0" * 64}
    if media == "VIDEO":
        track = Track(index=0, type="video", codec="h264", width=1280, height=720, fps=30.0)
        plain |= {"duration_s": 12.5, "width": 1280, "height": 720, "tracks": (track,)}
    if media == "IMAGE":
        plain |= {"width": 1920, "height": 1080}
    return MediaFacts(kind=kind, **(plain | more))


def scored(operation: Operation, p_fake: float, *, low: float | None = None, **more: Any) -> OperationResult:
    """Return a result with a score; evidence members by name."""
    evidence = {name: more.pop(name) for name in list(more) if name in Evidence.model_fields}
    return OperationResult(
        operation=operation,
        outcome=Outcome.SCORED,
        verdict=judge(policy("table"), p_fake, None),
        p_fake=p_fake,
        interval=Interval(low=p_fake if low is None else low, high=max(p_fake, 0.999)),
        evidence=Evidence(**evidence),
        **more,
    )


def silent(operation: Operation, reason: str = "no_detector", **more: Any) -> OperationResult:
    """Return a result without a score."""
    plain = {"outcome": "not_applicable", "verdict": "not_applicable", "operation": operation}
    return OperationResult.model_validate(plain | {"reason": reason} | more)


def analysis(media: str, *results: OperationResult, rule: str = "table", **more: Any) -> Analysis:
    """Return an analysis that has ended with these results."""
    seen = more.pop("seen", facts(media))
    kept = {"media": media, "bytes": 1000, **more.pop("kept", {})}
    state = more.pop("state", State.COMPLETED)
    done = state is State.COMPLETED
    verdict = verdict_of(results, seen.kind, policy(rule)) if done else None
    plain: dict[str, Any] = {
        "id": ID,
        "tenant": "acme",
        "state": state,
        "source": Source(type="inline", filename="verification_video.mp4"),
        "media": seen,
        "options": Options(policy=rule),
        "dialect": "veriplus",
        "echo": {"kept": kept},
        "verdict": verdict,
        "results": results,
        "created_at": NOON,
        "completed_at": NOON + timedelta(seconds=5),
    }
    return Analysis.model_validate(plain | more)


GENUINE = {
    "IMAGE": (scored(Operation.SYNTHETIC_IMAGE, 0.04), scored(Operation.IMAGE_FORGERY, 0.03)),
    "AUDIO": (scored(Operation.SYNTHETIC_SPEECH, 0.04), scored(Operation.AUDIO_SPLICE, 0.03)),
    "VIDEO": (
        scored(Operation.SYNTHETIC_VIDEO, 0.04),
        scored(Operation.FACE_MANIPULATION, 0.03),
        scored(Operation.PRESENTATION_ATTACK, 0.02),
    ),
}
"""Every decisive question answered."""


def finish(
    analysis_id: str, *results: OperationResult, tenant: str = "acme", media: MediaFacts | None = None
) -> Analysis:
    """End an analysis as the workflow does, with these results."""
    made = analyses.get(tenant, analysis_id)
    assert made is not None
    what = str(dict(made.echo["kept"])["media"])  # type: ignore[arg-type]
    seen = media or facts(what)
    analyses.begin_detection(tenant, made.id, media=seen, items_total=1, now=NOON)
    verdict = verdict_of(results, seen.kind, policy(made.options.policy))
    now = NOON + timedelta(seconds=5)
    analyses.finish(tenant, made.id, verdict=verdict, results=results, versions={}, cost_usd=0.0, now=now)
    conclude.tell(tenant, made.id, now=now)
    found = analyses.get(tenant, made.id)
    assert found is not None
    return found


def own_id(job_id: str) -> str:
    """Return the core's id of a job."""
    return "an_" + job_id.rpartition("_")[2]
