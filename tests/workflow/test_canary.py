"""What a client sent is nowhere after its deletion: as tests/cloud/test_canary.py, without a cloud.

The captured logs are here: what the functions themselves say, with a canary in everything.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.aws import Aws
from tests.helpers.canary import Canary, jpeg
from tests.helpers.gateway import Answer, event, multipart
from tests.workflow.test_analysis import end


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return what every function logs, as CloudWatch would get it."""
    from bonafide.telemetry import logger

    caught = io.StringIO()
    handler = logging.StreamHandler(caught)
    handler.setFormatter(logger.handlers[0].formatter)
    logger.addHandler(handler)
    try:
        yield caught
    finally:
        logger.removeHandler(handler)


def places(aws: Aws) -> Iterator[tuple[str, bytes]]:
    """Yield every row, object version, message and history event."""
    for item in aws.client("dynamodb").scan(TableName=aws.table)["Items"]:
        yield f"row {item['pk']['S']} {item['sk']['S']}", _plain(item)
    s3 = aws.client("s3")
    listed = s3.list_object_versions(Bucket=aws.bucket)
    for entry in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        yield f"key {entry['Key']}", entry["Key"].encode()
    for entry in listed.get("Versions", ()):
        found = s3.get_object(Bucket=aws.bucket, Key=entry["Key"], VersionId=entry["VersionId"])
        yield f"object {entry['Key']}", found["Body"].read()
    sqs = aws.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for message in got.get("Messages", ()):
            yield f"queue {url}", message["Body"].encode()
    states = aws.client("stepfunctions")
    for run in states.list_executions(stateMachineArn=aws.workflow_arn)["executions"]:
        arn = run["executionArn"]
        yield "run", _plain(states.describe_execution(executionArn=arn))
        for entry in states.get_execution_history(executionArn=arn)["events"]:
            yield f"history {entry['type']}", _plain(entry)


def _plain(value: Any) -> bytes:
    return json.dumps(value, default=str, ensure_ascii=False).encode()


def send(aws: Aws, canary: Canary, picture: bytes | None = None, **options: Any) -> Any:
    body, kind = multipart(
        [
            ("file", picture or jpeg(canary), f"{canary('name')}.jpg"),
            ("options", json.dumps(options)),
            ("client_reference", canary("reference")),
        ]
    )
    headers = {"Content-Type": kind, "Idempotency-Key": canary("key")}
    made = Answer.of(aws.invoke("api_native", event("POST", "/v1/analyses", body=body, headers=headers)))
    assert made.status == 202, made.body
    status, done = end(aws, type("Begun", (), {"id": made.json["id"]}))
    assert (status, done.state) == ("SUCCEEDED", "completed")
    return done


@pytest.mark.parametrize("zero_retention", [False, True])
def test_nothing_is_left(aws_running: Aws, log: io.StringIO, zero_retention: bool) -> None:
    canary = Canary()
    picture = jpeg(canary)
    done = send(aws_running, canary, picture, zero_retention=zero_retention)
    before = canary.look(places(aws_running))
    if zero_retention:
        words = {word for row, what in before.items() for word in what}
        assert words == {"reference"} and all("#AN#" in row for row in before), before
    else:
        assert len(before) >= 3  # the row, the claim's answer, the media: the search finds what is there
    assert not any(name.startswith(("queue", "run", "history")) for name in before), before
    digest = hashlib.sha256(picture).hexdigest().encode()  # whoever has the file knows it by this
    assert any(digest in data for _, data in places(aws_running)) is not zero_retention
    answer = Answer.of(aws_running.invoke("api_native", event("DELETE", f"/v1/analyses/{done.id}")))
    assert answer.json["erased"]["media"] == 1 and answer.json["erased"]["records"] == 1
    assert canary.look(places(aws_running)) == {}
    assert not any(digest in data for _, data in places(aws_running))
    assert "analysis ended" in log.getvalue()  # the logs were caught
    assert canary.within(log.getvalue().encode()) == []
    assert canary.files(*Path(tempfile.gettempdir()).glob("bonafide-*")) == {}
