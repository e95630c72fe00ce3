"""The Amazon Transcribe and Translate adapter: a stored recording in, a `Transcript` out.

The job's name is made of the work item, so that a second try finds the first one's job; it is deleted once
its words are read. The words pass through the analysis' own working folder of the media bucket.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bonafide import media
from bonafide.errors import Unavailable
from bonafide.model import MediaRef
from bonafide.settings import settings
from bonafide.transcript import Transcript, Utterance

__all__ = ["FORMATS", "Unable", "transcribe"]

FORMATS = {name: name for name in ("amr", "flac", "m4a", "mp3", "mp4", "ogg", "wav", "webm")} | {"mov": "mp4"}
"""`MediaFacts.format` → Amazon Transcribe's MediaFormat."""
PAUSE_S = 5.0
PATIENCE_S = 840.0
"""Within the function's own 890 s; then the state machine tries again and finds the job further on."""
CHUNK = 9_000
"""Bytes a call: Amazon Translate takes 10,000."""
_VARIANTS = {"zh-TW": "zh-TW", "fr-CA": "fr-CA", "es-US": "es", "pt-PT": "pt-PT"}
_UNSURE = frozenset(("UnsupportedLanguagePairException", "DetectedLanguageLowConfidenceException"))


class Unable(Exception):
    """The engine cannot transcribe this media; ``reason`` is for machines."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@lru_cache(maxsize=2)
def client(service: str) -> Any:
    """One client a service and process."""
    return boto3.client(service, region_name=settings().aws_region)  # type: ignore[call-overload]


def _call(service: str, method: str, **arguments: Any) -> Any:
    try:
        return getattr(client(service), method)(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConflictException":  # an earlier try began this very job
            return {}
        if code in _UNSURE:
            raise Unable("language_not_translated", error.response["Error"]["Message"]) from error
        if code == "BadRequestException":
            raise Unable("refused_by_engine", error.response["Error"]["Message"]) from error
        raise Unavailable(f"{service} refused {method}: {code}") from error
    except BotoCoreError as error:
        raise Unavailable(f"{service} does not answer: {type(error).__name__}") from error


def transcribe(
    ref: MediaRef, form: str, *, name: str, into: str, pause: Callable[[float], None] = time.sleep
) -> Transcript:
    """Transcribe a stored recording and translate it to English.

    Parameters
    ----------
    ref, form
        The media and its format (`MediaFacts.format`).
    name
        Unique for the work item: letters, digits, ``._-``.
    into
        Key of the media bucket where the engine leaves its words.

    Raises
    ------
    Unable
        ``format_not_taken``, ``refused_by_engine``.
    Unavailable
        The service does not answer, or the job takes longer than one call may wait.
    """
    if form not in FORMATS:
        raise Unable("format_not_taken", f"Amazon Transcribe does not take {form}.")
    job = f"{settings().transcription_prefix}{name}"
    _start(ref, form, job, into)
    _finished(job, pause)
    said = _read(media.get_json(into))
    _call("transcribe", "delete_transcription_job", TranscriptionJobName=job)
    return _translated(said)


def _start(ref: MediaRef, form: str, job: str, into: str) -> None:
    _call(
        "transcribe",
        "start_transcription_job",
        TranscriptionJobName=job,
        IdentifyLanguage=True,
        MediaFormat=FORMATS[form],
        Media={"MediaFileUri": f"s3://{settings().media_bucket}/{ref.key}"},
        OutputBucketName=settings().media_bucket,
        OutputKey=into,
    )


def _finished(job: str, pause: Callable[[float], None]) -> None:
    for _ in range(int(PATIENCE_S / PAUSE_S)):
        found = _call("transcribe", "get_transcription_job", TranscriptionJobName=job)["TranscriptionJob"]
        if found["TranscriptionJobStatus"] == "COMPLETED":
            return
        if found["TranscriptionJobStatus"] == "FAILED":
            _call("transcribe", "delete_transcription_job", TranscriptionJobName=job)
            raise Unable("refused_by_engine", str(found.get("FailureReason", ""))[:300])
        pause(PAUSE_S)
    raise Unavailable("the transcription takes longer than one call may wait")


def _read(document: dict[str, Any]) -> Transcript:
    results = document["results"]
    words = []
    for item in results.get("items", ()):
        best = next(iter(item.get("alternatives", ())), None)
        if item.get("type") == "pronunciation" and best:
            words.append(
                Utterance(
                    text=best["content"],
                    start_s=float(item["start_time"]),
                    end_s=float(item["end_time"]),
                    confidence=float(best["confidence"]) if best.get("confidence") else None,
                )
            )
    return Transcript(
        engine="amazon-transcribe",
        language=results.get("language_code") or "und",
        language_identified="language_code" in results,
        words=tuple(words),
        punctuated=" ".join(part["transcript"] for part in results.get("transcripts", ())).strip() or None,
    )


def _translated(said: Transcript) -> Transcript:
    """Add the text in English; without one, why."""
    if not said.text:
        return said
    base = said.language.partition("-")[0]
    if base == "en":
        return said.model_copy(update={"translation_reason": "already_english"})
    try:
        texts = [
            _call(
                "translate",
                "translate_text",
                Text=chunk,
                SourceLanguageCode=_VARIANTS.get(said.language, base),
                TargetLanguageCode="en",
            )["TranslatedText"]
            for chunk in _chunks(said.text)
        ]
    except (Unable, Unavailable) as error:  # the transcript stands without it
        reason = error.reason if isinstance(error, Unable) else "translator_unavailable"
        return said.model_copy(update={"translation_reason": reason})
    return said.model_copy(update={"translation": " ".join(texts), "translator": "amazon-translate"})


def _chunks(text: str) -> Iterator[str]:
    """Cut a text at spaces into pieces of `CHUNK` bytes at most (a longer word is cut hard)."""
    rest = text
    while len(rest.encode()) > CHUNK:
        head = rest.encode()[:CHUNK].decode(errors="ignore")
        cut = head.rfind(" ")
        cut = cut if cut > 0 else len(head)
        yield rest[:cut]
        rest = rest[cut:].lstrip()
    yield rest
