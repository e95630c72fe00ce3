"""Amazon Transcribe and Translate, played: real boto3 clients, whose requests are answered here.

botocore checks and writes every request as it would for AWS; what it would send is read and answered before
the network. The words of a job are put into the bucket, as the service does with its caller's rights.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from tests.helpers.template import REGION

__all__ = ["Engines", "spoken"]

Json = dict[str, Any]


def spoken(text: str, language: str = "es-US") -> Json:
    """Return the document that Transcribe leaves: a word every half second, punctuation apart."""
    items: list[Json] = []
    for n, word in enumerate(text.split()):
        bare = word.rstrip(".,")
        items.append({"type": "pronunciation", "start_time": str(n / 2), "end_time": str(n / 2 + 0.4),
                      "alternatives": [{"content": bare, "confidence": "0.9"}]})  # fmt: skip
        if bare != word:
            items.append({"type": "punctuation", "alternatives": [{"content": word[-1]}]})
    return {"results": {"language_code": language, "transcripts": [{"transcript": text}], "items": items}}


class Engines:
    """Both services. ``says`` is what any recording holds; ``states`` the job's states, one a question."""

    def __init__(self, says: Json, states: tuple[str, ...] = ("IN_PROGRESS", "COMPLETED")) -> None:
        self.says, self.states = says, list(states)
        self.calls: list[tuple[str, Json]] = []
        self.jobs: dict[str, Json] = {}
        self.faults: dict[str, str] = {}

    def install(self, patch: pytest.MonkeyPatch) -> Engines:
        """Put them in the adapter's place of AWS, and wait for nothing."""
        from bonafide import speech_to_text

        patch.setattr(speech_to_text, "client", self.client)
        patch.setattr(speech_to_text.time, "sleep", lambda _s: None)
        patch.setattr(speech_to_text.transcribe, "__kwdefaults__", {"pause": lambda _s: None})
        return self

    def client(self, service: str) -> Any:
        """Return a client of boto3's own for ``service``."""
        made = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
        made.meta.events.register_first(f"before-send.{service}", self._answer)
        return made

    def named(self, operation: str) -> list[Json]:
        """Return the requests of one operation."""
        return [asked for name, asked in self.calls if name == operation]

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        asked = json.loads(request.body)
        self.calls.append((operation, asked))
        if operation in self.faults:
            return _response(request, 400, {"__type": self.faults[operation], "Message": "no"})
        handler: Callable[[Json], Json] = getattr(self, f"_{operation}")
        return _response(request, 200, handler(asked))

    def _StartTranscriptionJob(self, asked: Json) -> Json:
        self.jobs[asked["TranscriptionJobName"]] = asked
        return {"TranscriptionJob": {"TranscriptionJobName": asked["TranscriptionJobName"]}}

    def _GetTranscriptionJob(self, asked: Json) -> Json:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        job = self.jobs[asked["TranscriptionJobName"]]
        if state == "COMPLETED":
            s3 = boto3.client("s3", region_name=REGION)
            s3.put_object(Bucket=job["OutputBucketName"], Key=job["OutputKey"], Body=json.dumps(self.says))
        return {"TranscriptionJob": {"TranscriptionJobStatus": state, "FailureReason": "cannot be read"}}

    def _DeleteTranscriptionJob(self, asked: Json) -> Json:
        del self.jobs[asked["TranscriptionJobName"]]
        return {}

    def _TranslateText(self, asked: Json) -> Json:
        return {"TranslatedText": f"[{asked['Text']}]", "SourceLanguageCode": asked["SourceLanguageCode"],
                "TargetLanguageCode": "en"}  # fmt: skip


class _Raw:
    """A body that urllib3 would have read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        """Give it in one piece."""
        return [self._body]


def _response(request: Any, status: int, document: Json) -> AWSResponse:
    headers = {"content-type": "application/x-amz-json-1.1"}
    return AWSResponse(request.url, status, headers, _Raw(json.dumps(document).encode()))
