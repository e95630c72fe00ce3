"""The real ASL, run by moto, with the real handlers: from a stored file to a published end."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bonafide import cost

from tests.helpers.aws import Aws
from tests.helpers.media import jpeg, png
from tests.unit.inference import makers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def begin(aws: Aws, **wish: Any) -> Any:
    """Ingest as the API does; with ``aws_running`` this starts the execution."""
    from bonafide import ingest
    from bonafide.ids import new_id

    aws.use("api_native")
    return ingest.create(ingest.NewAnalysis("acme", **wish), now=NOW, new_id=new_id)


def end(aws: Aws, analysis: Any) -> tuple[str, Any]:
    """Wait for the run; returns its status and the analysis as it stands then."""
    from bonafide.store import analyses

    arn = aws.workflow_arn.replace(":stateMachine:", ":execution:") + f":{analysis.id}"
    status = aws.wait(arn)["status"]
    aws.use("api_native")
    return status, analyses.get("acme", analysis.id)


def events(aws: Aws) -> list[dict[str, Any]]:
    """Return what the bus delivered to the webhook queue."""
    got = aws.client("sqs").receive_message(QueueUrl=aws.queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in got]


def keys(aws: Aws) -> list[str]:
    """Return every key of the bucket, all versions and delete markers counted."""
    found = aws.client("s3").list_object_versions(Bucket=aws.bucket)
    return sorted(entry["Key"] for part in ("Versions", "DeleteMarkers") for entry in found.get(part, ()))


def test_a_picture_gets_a_verdict(aws_running: Aws) -> None:
    analysis = begin(aws_running, inline=jpeg(), filename="a.jpg")
    status, done = end(aws_running, analysis)
    assert (status, done.state) == ("SUCCEEDED", "completed")
    assert done.media.kind == "image" and done.media.format == "jpeg"
    assert done.media.width == 640 and done.items_done == done.items_total >= 1
    answers = {result.operation: result for result in done.results}
    assert "image_forgery" in answers
    for result in done.results:
        assert (result.p_fake is not None) == (result.outcome == "scored")
        assert result.outcome == "scored" or result.reason
    assert done.verdict.policy == "default"
    assert done.cost_usd > 0
    arn = aws_running.workflow_arn.replace(":stateMachine:", ":execution:") + f":{done.id}"
    history = aws_running.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    entered = [event for event in history if event["type"].endswith("StateEntered")]
    assert len(entered) + 1 == cost.transitions(done.items_total, fetched=False)
    assert "findings.json" in [a.name for r in done.results for a in r.artifacts]
    (event,) = events(aws_running)
    assert event["detail-type"] == "analysis.completed"
    assert event["detail"]["analysis_id"] == done.id
    assert event["detail"]["verdict"]["label"] == done.verdict.label


def test_an_operation_that_does_not_apply_says_so(aws_running: Aws) -> None:
    analysis = begin(aws_running, inline=png(), operations=("lip_sync", "image_forgery"))
    _, done = end(aws_running, analysis)
    answers = {result.operation: result for result in done.results}
    assert answers["lip_sync"].outcome == "not_applicable"
    assert answers["lip_sync"].reason == "no_detector"
    assert answers["image_forgery"].outcome == "inconclusive"  # a PNG has no JPEG history
    assert done.verdict.label == "inconclusive"


@pytest.mark.parametrize(
    ("muxer", "codec", "rate"),
    [("amr", "libopencore_amrnb", 8_000), ("aiff", "pcm_s16be", 44_100), ("caf", "alac", 44_100)],
)
def test_recordings_of_telephones_and_studios(
    aws_running: Aws, tmp_path: Path, muxer: str, codec: str, rate: int
) -> None:
    sound = makers.sound(tmp_path / "x", codec, makers.voice(6, rate=rate), rate, muxer)
    wanted = ("synthetic_speech", "audio_splice", "audio_replay", "file_forensics")
    _, done = end(aws_running, begin(aws_running, inline=sound.read_bytes(), operations=wanted))
    assert (done.state, done.media.kind, done.media.format) == ("completed", "audio", muxer)
    answers = {result.operation: result for result in done.results}
    assert answers.keys() == set(wanted)
    for result in done.results:
        assert result.outcome in ("scored", "inconclusive"), (result.outcome, result.reason)
    assert (answers["synthetic_speech"].reason == "narrow_band") is (muxer == "amr")


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"\x00" * 64, "unsupported_format"), (jpeg()[:300], "unreadable_media")],
    ids=["no format", "a stump of a jpeg"],
)
def test_bad_media_fails_the_analysis_with_its_reason(aws_running: Aws, body: bytes, code: str) -> None:
    status, done = end(aws_running, begin(aws_running, inline=body))
    assert (status, done.state, done.failure.code) == ("SUCCEEDED", "failed", code)
    assert [event["detail-type"] for event in events(aws_running)] == ["analysis.failed"]


def test_a_broken_detector_fails_only_its_own_operations(aws_running: Aws) -> None:
    def broken(event: dict[str, Any]) -> Any:
        raise RuntimeError("no memory left")

    for kind in ("image", "file"):
        aws_running.fakes[f"detect_{kind}"] = broken
    status, done = end(aws_running, begin(aws_running, inline=jpeg()))
    assert (status, done.state) == ("SUCCEEDED", "completed")
    assert {result.outcome for result in done.results} == {"failed"}
    assert {result.reason for result in done.results} == {"detector_unavailable"}
    assert done.verdict.label == "inconclusive"
    assert len([name for name, _ in aws_running.calls if name == "detect_image"]) == 5  # retried, with jitter


def test_a_broken_inspection_is_recorded(aws_running: Aws) -> None:
    def broken(event: dict[str, Any]) -> Any:
        raise RuntimeError("disk")

    aws_running.fakes["inspect"] = broken
    status, done = end(aws_running, begin(aws_running, inline=jpeg()))
    assert (status, done.state, done.failure.code) == ("FAILED", "failed", "infrastructure_failure")
    assert [event["detail-type"] for event in events(aws_running)] == ["analysis.failed"]


def test_a_name_that_resolves_to_the_metadata_service_is_refused(
    aws_running: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def resolve(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        return [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    status, done = end(aws_running, begin(aws_running, url="https://media.example/a.jpg"))
    assert (status, done.state, done.failure.code) == ("SUCCEEDED", "failed", "address_refused")
    assert asked == ["media.example"]  # resolved once, and never connected: sockets are off
    assert "inspect" in [name for name, _ in aws_running.calls]


def test_zero_retention_leaves_the_result_and_nothing_else(aws_running: Aws) -> None:
    from bonafide.model import Options

    analysis = begin(
        aws_running, inline=jpeg(), filename="secret-name.jpg", options=Options(zero_retention=True)
    )
    _, done = end(aws_running, analysis)
    assert done.state == "completed" and done.verdict is not None
    assert keys(aws_running) == []
    row = json.dumps(aws_running.client("dynamodb").scan(TableName=aws_running.table)["Items"])
    assert "secret-name" not in row and "media/acme" not in row


def test_deleted_in_mid_run_stays_deleted(aws_running: Aws) -> None:
    from bonafide import erasure, work

    def delete_then_detect(event: dict[str, Any]) -> Any:
        with aws_running.function("detect_image"):
            from bonafide_inference.registry import run_item

            aws_running.use("api_native")
            erasure.delete_analysis("acme", event["analysis_id"], now=NOW)
            aws_running.use("detect_image")
            return work.detect(event, run_item)

    aws_running.fakes["detect_image"] = delete_then_detect
    analysis = begin(aws_running, inline=jpeg(), operations=("image_forgery",))
    _, gone = end(aws_running, analysis)
    assert gone.state == "deleted"
    assert gone.results == () and gone.media is None
    assert keys(aws_running) == []
    assert events(aws_running) == []


def test_a_dead_execution_is_recorded_by_the_rule(aws: Aws) -> None:
    analysis = begin(aws, inline=jpeg())
    run = {"tenant": "acme", "analysis_id": analysis.id, "source": "inline"}
    event = {"detail-type": "Step Functions Execution Status Change",
             "detail": {"status": "TIMED_OUT", "input": json.dumps(run)}}  # fmt: skip
    for _ in range(2):
        aws.invoke("record_failure", event)
    from bonafide.store import analyses

    aws.use("api_native")
    done = analyses.get("acme", analysis.id)
    assert done is not None and done.failure is not None
    assert (done.state, done.failure.code) == ("failed", "execution_timed_out")
    assert len(events(aws)) == 1  # told once


def test_concluding_twice_tells_once(aws_running: Aws) -> None:
    end(aws_running, begin(aws_running, inline=jpeg()))
    (first,) = events(aws_running)
    (event,) = [event for name, event in aws_running.calls if name == "conclude"]
    assert aws_running.invoke("conclude", event) == {"state": "completed", "erase": False}
    assert events(aws_running) == []
    assert first["detail"]["event_id"].startswith("evt_")
