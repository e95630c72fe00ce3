"""Findings in full, as `conclude` keeps them; and a bucket that is full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import findings, media
from bonafide.errors import StorageFull, Unavailable
from bonafide.model import (
    Analysis,
    Artifact,
    Finding,
    Operation,
    OperationResult,
    Outcome,
    Source,
    State,
    Verdict,
)
from botocore.exceptions import ClientError

from tests.helpers.aws import Aws


def finished(key: str | None) -> Analysis:
    kept = Artifact(name=findings.NAME, media_type="application/json", key=key)
    result = OperationResult(
        operation=Operation.AUDIO_SPLICE,
        outcome=Outcome.NOT_APPLICABLE,
        verdict=Verdict.NOT_APPLICABLE,
        artifacts=(kept,) if key else (),
    )
    now = datetime(2026, 11, 20, tzinfo=UTC)
    return Analysis(
        id="an_1", tenant="acme", state=State.COMPLETED, source=Source(type="inline"), results=(result,),
        created_at=now,
    )  # fmt: skip


def test_all_findings_come_back(aws: Aws) -> None:
    aws.use("conclude")
    found = Finding(operation=Operation.AUDIO_SPLICE, outcome=Outcome.INCONCLUSIVE, reason="noise", channel=1)
    key = media.artifact_key("acme", "an_1", findings.NAME)
    media.put_json(key, [found.model_dump(mode="json", exclude_none=True)])
    assert findings.of(finished(key)) == (found,)
    assert findings.of(finished(None)) == ()
    assert findings.of(finished(key + "-erased")) == ()


@pytest.mark.parametrize(("status", "kind"), [(507, StorageFull), (503, Unavailable)])
def test_a_full_bucket_is_told_from_a_broken_one(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Unavailable]
) -> None:
    class Broken:
        def put_object(self, **_arguments: Any) -> None:
            answer: Any = {"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, "PutObject")

    aws.use("conclude")
    monkeypatch.setattr(media, "client", Broken)
    with pytest.raises(Unavailable) as caught:
        media.put("media/acme/an_1/original", b"x")
    assert type(caught.value) is kind
