"""Every way in becomes the same analysis, once; the sweep and erasure end what was left behind."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from bonafide import conclude, erasure, ingest, media, sweep, work, workflow
from bonafide.errors import Conflict, InvalidRequest, NotFound, Refused, TooLarge, Unavailable, Unprocessable
from bonafide.ids import new_id
from bonafide.model import Analysis, MediaFacts, MediaKind, Operation, Options, State
from bonafide.store import analyses
from botocore.awsrequest import AWSResponse

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _api(aws: Aws) -> None:
    aws.use("api_native")


def create(**wish: Any) -> Analysis:
    return ingest.create(ingest.NewAnalysis("acme", **wish), now=NOW, new_id=new_id)


def upload(aws: Aws, body: bytes = b"file") -> str:
    ticket = ingest.new_upload("acme", size=None, sha256=None, filename="a.bin", now=NOW, new_id=new_id)
    aws.client("s3").put_object(Bucket=aws.bucket, Key=ticket.fields["key"], Body=body)
    return ticket.upload_id


def runs(aws: Aws) -> list[str]:
    found = aws.client("stepfunctions").list_executions(stateMachineArn=aws.workflow_arn)
    return sorted(run["name"] for run in found["executions"])


def rows(aws: Aws) -> list[dict[str, Any]]:
    items = aws.client("dynamodb").scan(TableName=aws.table)["Items"]
    return [item for item in items if "#AN#" in item["pk"]["S"]]


def dropped(aws: Aws, key: str, body: bytes = b"file") -> dict[str, Any]:
    version = aws.client("s3").put_object(Bucket=aws.bucket, Key=key, Body=body)["VersionId"]
    return {"id": "e", "detail": {"object": {"key": key, "version-id": version}}}


@pytest.fixture
def throttled(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes the next ``n`` calls of an operation fail as AWS does under load."""
    left: dict[str, int] = {}
    monkeypatch.setattr(
        "botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None, time=time.time)
    )

    def answer(request: Any, operation_name: str, **_: Any) -> AWSResponse | None:
        if left.get(operation_name, 0) <= 0:
            return None
        left[operation_name] -= 1
        body = json.dumps({"__type": "ThrottlingException", "message": "slow down"}).encode()
        raw = type("Raw", (), {"stream": lambda self, **_: iter([body]), "read": lambda self, *_: body})()
        return AWSResponse(request.url, 400, {"content-type": "application/x-amz-json-1.0"}, raw)

    def arm(client: Any, event: str, operation: str, times: int) -> None:
        left[operation] = times
        client.meta.events.register_first(
            event, lambda request, **kw: answer(request, operation, **kw), unique_id=operation
        )

    return arm


def test_inline_media_is_kept_and_started(aws: Aws) -> None:
    made = create(inline=b"file", filename="a.jpg", operations=(Operation.IMAGE_FORGERY,) * 2)
    assert made.state is State.QUEUED and made.operations == (Operation.IMAGE_FORGERY,)
    assert runs(aws) == [made.id]
    assert made.media_ref is not None and media.size(made.media_ref) == 4


def test_a_retry_under_the_same_id_makes_one(aws: Aws) -> None:
    first = create(inline=b"file")
    again = ingest.create(
        ingest.NewAnalysis("acme", inline=b"file"), now=NOW, new_id=new_id, analysis_id=first.id
    )
    assert again.id == first.id and len(rows(aws)) == 1 and runs(aws) == [first.id]


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"inline": b""}, InvalidRequest),
        ({}, InvalidRequest),
        ({"inline": b"x" * 4_500_001}, TooLarge),
        ({"upload_id": "up_nope"}, NotFound),
        ({"url": "ftp://example.com/a"}, Refused),
        ({"url": "http://user:pw@example.com/a"}, Refused),
        ({"url": "http://127.0.0.1/a"}, Refused),
        ({"url": "http://[::ffff:10.0.0.1]/a"}, Refused),
        ({"url": "http://0x7f000001/a"}, Refused),
        ({"inline": b"x", "options": Options(policy="nope")}, Unprocessable),
        ({"inline": b"x", "options": Options(start_s=5, end_s=5)}, InvalidRequest),
    ],
)
def test_bad_requests_leave_nothing_behind(aws: Aws, wish: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        create(**wish)
    assert rows(aws) == [] and runs(aws) == []


def test_an_upload_is_analysed_once_and_only_when_it_is_there(aws: Aws) -> None:
    ticket = ingest.new_upload("acme", size=4, sha256="0" * 64, filename=None, now=NOW, new_id=new_id)
    with pytest.raises(Conflict, match="Nothing has been uploaded"):
        create(upload_id=ticket.upload_id)
    assert ticket.fields["x-amz-checksum-sha256"]
    up = upload(aws)
    first, again = create(upload_id=up), create(upload_id=up)
    assert first.id == again.id and runs(aws) == [first.id]
    with pytest.raises(Conflict, match="other operations"):
        create(upload_id=up, operations=(Operation.PROVENANCE,))
    with pytest.raises(NotFound):
        ingest.create(ingest.NewAnalysis("other", upload_id=up), now=NOW, new_id=new_id)


def test_an_upload_ticket_is_bound_to_its_key_and_size() -> None:
    import base64

    ticket = ingest.new_upload("acme", size=10, sha256=None, filename=None, now=NOW, new_id=new_id)
    conditions = json.loads(base64.b64decode(ticket.fields["policy"]))["conditions"]
    assert ["content-length-range", 10, 10] in conditions
    assert {"key": f"uploads/acme/{ticket.upload_id}"} in conditions
    with pytest.raises(TooLarge):
        ingest.new_upload("acme", size=2**40, sha256=None, filename=None, now=NOW, new_id=new_id)


def test_a_drop_event_delivered_twice_makes_one(aws: Aws) -> None:
    event = dropped(aws, "drop/acme/in/ä b.jpg")
    one, two = aws.invoke("on_drop", event), aws.invoke("on_drop", event)
    assert one == two and runs(aws) == [one["analysis_id"]]
    aws.use("api_native")
    made = analyses.get("acme", one["analysis_id"])
    assert made is not None and made.source.filename == "ä b.jpg"
    # The same key written again is another file.
    third = aws.invoke("on_drop", dropped(aws, "drop/acme/in/ä b.jpg", b"other"))
    assert third["analysis_id"] != one["analysis_id"]


@pytest.mark.parametrize(
    "key",
    [
        "drop/x.jpg",
        "drop//x.jpg",
        "drop/../acme/x",
        "drop/Acme/x",
        "media/acme/x",
        "drop/acme/",
        "drop/a#b/x",
    ],
)
def test_a_forged_drop_key_makes_nothing(aws: Aws, key: str) -> None:
    assert aws.invoke("on_drop", dropped(aws, key)) == {"analysis_id": None}
    assert rows(aws) == []


def test_a_drop_event_without_an_object_makes_nothing(aws: Aws) -> None:
    event = {"detail": {"object": {"key": "drop/acme/x", "version-id": "nope"}}}
    assert aws.invoke("on_drop", event) == {"analysis_id": None}
    assert rows(aws) == []


def test_a_crash_between_row_and_start_is_mended_by_a_retry_and_by_the_sweep(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise Unavailable("gone")

    up = upload(aws)
    with monkeypatch.context() as patch:
        patch.setattr(workflow, "start", crash)
        with pytest.raises(Unavailable):
            create(upload_id=up)
    (row,) = rows(aws)
    assert runs(aws) == []
    aws.use("sweep")
    assert sweep.sweep(now=NOW + timedelta(minutes=1)) == 1  # it waits in the queue, and holds its slot
    assert sweep.sweep(now=NOW + timedelta(minutes=1)) == 0
    assert runs(aws) == [row["id"]["S"]]
    aws.use("api_native")
    assert create(upload_id=up).id == row["id"]["S"]
    assert len(runs(aws)) == 1


def test_the_sweep_records_a_run_that_ended_in_silence(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create(inline=b"file")
    aws.use("sweep")
    monkeypatch.setattr(workflow, "status", lambda _id: "FAILED")
    later = NOW + timedelta(minutes=10)
    assert sweep.sweep(now=later) == 1
    done = analyses.get("acme", made.id)
    assert done is not None and done.failure is not None and done.failure.code == "execution_lost"
    assert sweep.sweep(now=later) == 0  # at rest now


def test_deleting_erases_every_version_and_is_idempotent(aws: Aws) -> None:
    made = create(inline=b"file", filename="name.jpg")
    for _ in range(2):  # a second version of the media, and an artifact
        media.put(media.media_key("acme", made.id), b"again")
    media.put(media.artifact_key("acme", made.id, "a.png"), b"png")
    assert erasure.delete_analysis("acme", made.id, now=NOW)
    assert erasure.delete_analysis("acme", made.id, now=NOW)
    assert not erasure.delete_analysis("other", made.id, now=NOW)
    assert "Versions" not in aws.client("s3").list_object_versions(Bucket=aws.bucket)
    assert workflow.status(made.id) == "ABORTED"
    # A function that was still running writes once more; the sweep erases when none can be.
    media.put(media.artifact_key("acme", made.id, "late.png"), b"png")
    aws.use("sweep")
    assert sweep.sweep(now=NOW + timedelta(minutes=5)) == 0
    assert sweep.sweep(now=NOW + timedelta(minutes=17)) == 1
    assert "Versions" not in aws.client("s3").list_object_versions(Bucket=aws.bucket)
    assert sweep.sweep(now=NOW + timedelta(minutes=30)) == 0


def test_the_failure_of_a_run_that_deletion_stopped_is_not_recorded(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopping a run lets its status-change rule fire while the deletion is still under way."""
    made = create(inline=b"file", filename="name.jpg")
    stop = workflow.stop

    def stop_and_record(analysis_id: str) -> None:
        stop(analysis_id)
        conclude.fail("acme", analysis_id, code="execution_aborted", detail="stopped", now=NOW)

    monkeypatch.setattr(workflow, "stop", stop_and_record)
    assert erasure.delete_analysis("acme", made.id, now=NOW)
    gone = analyses.get("acme", made.id)
    assert gone is not None and gone.state is State.DELETED and gone.failure is None
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=aws.queue)


def test_deleting_a_drop_leaves_newer_files_of_that_key(aws: Aws) -> None:
    first = aws.invoke("on_drop", dropped(aws, "drop/acme/a.jpg", b"1"))
    aws.client("s3").put_object(Bucket=aws.bucket, Key="drop/acme/a.jpg", Body=b"2")
    aws.use("api_native")
    assert erasure.delete_analysis("acme", first["analysis_id"], now=NOW)
    assert aws.client("s3").get_object(Bucket=aws.bucket, Key="drop/acme/a.jpg")["Body"].read() == b"2"


def test_throttles_are_absorbed_and_a_dead_table_is_unavailable(aws: Aws, throttled: Any) -> None:
    from bonafide.store import table

    throttled(table.client(), "before-send.dynamodb.PutItem", "PutItem", 2)
    assert create(inline=b"file").state is State.QUEUED
    throttled(table.client(), "before-send.dynamodb.PutItem", "PutItem", 99)
    with pytest.raises(Unavailable, match="ThrottlingException"):
        create(inline=b"file")


@pytest.mark.parametrize(
    ("accepts", "code"),
    [((), None), (("audio/wav",), None), (("audio/mp3", "video/wav"), "unsupported_format")],
)
def test_a_way_in_may_take_some_formats_only(accepts: tuple[str, ...], code: str | None) -> None:
    """What a dialect does not take is refused by what inspection found, before any detector runs."""
    made = create(inline=b"RIFF", accepts=accepts)
    facts = MediaFacts(kind=MediaKind.AUDIO, format="wav", mime="audio/wav", bytes=4, sha256="0" * 64)
    answer = work.inspect({"tenant": "acme", "analysis_id": made.id}, lambda _path: facts, now=NOW)
    assert (answer["refusal"] or {}).get("code") == code
    found = analyses.get("acme", made.id)
    assert found is not None
    assert (found.accepts, found.state is State.RUNNING) == (accepts, code is None)
