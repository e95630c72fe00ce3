"""The helpers that all other tests stand on."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from bonafide.settings import settings
from pytest_socket import SocketBlockedError, SocketConnectBlockedError

from tests.helpers import aws as helper
from tests.helpers import template
from tests.helpers.aws import Aws, load_handler


def test_the_stack_is_the_templates_own(aws: Aws) -> None:
    table = aws.client("dynamodb").describe_table(TableName=aws.table)["Table"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {"gsi1", "gsi2"}
    assert aws.client("s3").get_bucket_versioning(Bucket=aws.bucket)["Status"] == "Enabled"
    assert set(aws.functions) == set(template.functions())


def test_a_function_sees_its_own_environment_only(aws: Aws) -> None:
    aws.use("deliver_webhook")
    assert settings().webhook_dlq_url.startswith("https://sqs.")
    aws.use("fetch")
    assert settings().webhook_dlq_url == ""
    assert settings().table_name == aws.table
    aws.leave()
    assert "TABLE_NAME" not in os.environ


def test_the_state_machine_is_substituted(aws: Aws) -> None:
    text = aws.client("stepfunctions").describe_state_machine(stateMachineArn=aws.workflow_arn)["definition"]
    assert "${" not in text
    assert json.loads(text)["States"]["Inspect"]["Parameters"]["FunctionName"].endswith(":bonafide-inspect")
    assert "bonafide-detect-{}" in text


def test_the_finished_rule_feeds_the_webhook_queue(aws: Aws) -> None:
    entry = {
        "Source": "bonafide",
        "DetailType": "analysis.completed",
        "Detail": "{}",
        "EventBusName": aws.bus,
    }
    aws.client("events").put_events(Entries=[entry])
    (message,) = aws.client("sqs").receive_message(QueueUrl=aws.queue)["Messages"]
    assert json.loads(message["Body"])["detail-type"] == "analysis.completed"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two functions with a module of the same name beside their handlers."""
    for name in ("inspect", "conclude"):
        place = tmp_path / "functions" / name
        place.mkdir(parents=True)
        (place / "wire.py").write_text(f"NAME = {name!r}\n")
        (place / "handler.py").write_text(
            "import os\nimport wire\n\ndef lambda_handler(event, context):\n"
            "    if event.get('raise'):\n        raise ValueError('told to')\n"
            "    return {'name': wire.NAME, 'event': event, 'table': os.environ['TABLE_NAME'],"
            " 'ms': context.get_remaining_time_in_millis()}\n"
        )
    monkeypatch.setattr(helper, "ROOT", tmp_path)
    return tmp_path


def test_handlers_are_imported_as_lambda_does(aws: Aws, scratch: Path) -> None:
    path = list(sys.path)
    for name in ("inspect", "conclude"):
        with load_handler(name) as handler:
            assert name == handler.wire.NAME
    assert not {"handler", "wire"} & sys.modules.keys()
    assert sys.path == path
    assert aws.invoke("inspect", {"a": 1})["table"] == aws.table
    with pytest.raises(FileNotFoundError, match="functions/erase"), load_handler("erase"):
        pass


def test_moto_invokes_the_real_handler(aws: Aws, scratch: Path) -> None:
    client = aws.client("lambda")
    answer: dict[str, Any] = client.invoke(FunctionName="bonafide-inspect", Payload=b'{"a": 1}')
    assert json.load(answer["Payload"])["event"] == {"a": 1}
    broken = client.invoke(FunctionName="bonafide-inspect", Payload=b'{"raise": true}')
    assert json.load(broken["Payload"])["errorType"] == "ValueError"
    assert broken["FunctionError"]


def test_an_execution_runs_the_functions(aws_running: Aws) -> None:
    aws_running.fakes = {
        "inspect": lambda _event: {
            "refusal": None,
            "items": [{"id": "i1", "detector": "image"}],
            "usage": None,
        },
        "detect_image": lambda event: {"item": event["item"]["id"], "findings_key": "work/x", "usage": None},
        "conclude": lambda event: {"state": "completed", "erase": event["detections"] == []},
    }
    execution = aws_running.start({"tenant": "t", "analysis_id": "an_1", "source": "upload"})
    assert aws_running.wait(execution, seconds=10)["status"] == "SUCCEEDED"
    assert [name for name, _ in aws_running.calls] == ["inspect", "detect_image", "conclude"]


def test_unit_tests_have_no_sockets() -> None:
    with pytest.raises(SocketBlockedError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)


@pytest.mark.loopback
def test_loopback_reaches_this_machine_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    with pytest.raises(SocketConnectBlockedError):
        urllib.request.urlopen("http://192.0.2.1/", timeout=1)


def test_no_credentials_of_the_machine() -> None:
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
    assert not [key for key in os.environ if key in {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"}]
