"""The embedded cloud itself: what MiniStack was mended in, restarts, hard kills, a second start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from localcloud.deploy import deploy
from localcloud.submit import Client, Refused
from tests.helpers.embedded import RunningCloud, session_cloud


def _problem(cloud: RunningCloud, path: str, token: str) -> dict[str, object]:
    with pytest.raises(Refused) as caught:
        Client(cloud.base_url, token, patience_s=0).request("GET", path)
    return {"status": caught.value.status, "code": caught.value.code}


class TestMended:
    def test_any_method_reaches_the_api(self, embedded: RunningCloud) -> None:
        client = Client(embedded.base_url, embedded.token)
        assert client.request("GET", "/v1/limits").status == 200

    def test_the_gateways_own_answers_are_problems(self, embedded: RunningCloud) -> None:
        assert _problem(embedded, "/elsewhere", embedded.token) == {"status": 404, "code": "not_found"}

    def test_multipart_is_binary(self, embedded: RunningCloud) -> None:
        api = embedded.client("apigateway").get_rest_api(restApiId=embedded.outputs["ApiId"])
        assert api["binaryMediaTypes"] == ["multipart/form-data"]

    def test_only_our_own_source_may_publish(self, embedded: RunningCloud) -> None:
        """The role of conclude may put events with source bonafide, and no others."""
        events = _as_function(embedded, "conclude", "events")
        entry = {"DetailType": "test", "Detail": "{}", "EventBusName": embedded.outputs["Bus"]}
        assert events.put_events(Entries=[entry | {"Source": "bonafide"}])["FailedEntryCount"] == 0
        with pytest.raises(ClientError, match="AccessDenied"):
            events.put_events(Entries=[entry | {"Source": "aws.s3"}])

    def test_a_role_may_only_what_it_says(self, embedded: RunningCloud) -> None:
        table = _as_function(embedded, "conclude", "dynamodb")
        with pytest.raises(ClientError, match="AccessDenied"):
            table.scan(TableName=embedded.outputs["Table"])


def _as_function(cloud: RunningCloud, name: str, service: str) -> Any:
    """Return a client with a function's own role."""
    import boto3

    role = cloud.client("lambda").get_function_configuration(FunctionName=cloud.function(name))["Role"]
    iam = cloud.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    before = iam.get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]["AssumeRolePolicyDocument"]
    iam.update_assume_role_policy(RoleName=role.rsplit("/", 1)[-1], PolicyDocument=json.dumps(trust))
    try:
        keys = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    finally:
        iam.update_assume_role_policy(
            RoleName=role.rsplit("/", 1)[-1],
            PolicyDocument=before if isinstance(before, str) else json.dumps(before),
        )
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with session_cloud(tmp_path_factory.mktemp("own")) as cloud:
        yield cloud


class TestLife:
    """On a cloud of its own, since it is stopped and killed."""

    def _tokens(self, cloud: RunningCloud) -> int:
        return len(Client(cloud.base_url, cloud.token).request("GET", "/v1/tokens").json()["data"])

    def test_a_second_deploy_of_the_same_does_nothing(self, own: RunningCloud) -> None:
        assert deploy(own.local) is False

    def test_a_second_start_finds_the_first(self, own: RunningCloud) -> None:
        pid = own.local.status().pid
        assert LocalCloud(own.local.root).start() is None
        assert own.local.status().pid == pid

    def test_the_token_is_the_owners_alone(self, own: RunningCloud) -> None:
        assert own.local.token_file.stat().st_mode & 0o777 == 0o600

    def test_everything_is_there_after_a_restart(self, own: RunningCloud) -> None:
        own.client("s3").put_object(Bucket=own.outputs["MediaBucket"], Key="media/kept", Body=b"kept")
        before = self._tokens(own)
        assert own.restart() is None
        assert self._tokens(own) == before
        body = own.client("s3").get_object(Bucket=own.outputs["MediaBucket"], Key="media/kept")["Body"].read()
        assert body == b"kept"
        assert deploy(own.local) is False

    def test_after_a_hard_kill_it_says_since_when_things_are_lost(self, own: RunningCloud) -> None:
        before = self._tokens(own)
        own.new_token("acme")
        own.kill()
        assert own.local.status().running is False
        assert "lost" in str(own.local.status().notice)
        notice = own.local.start()
        assert notice is not None
        assert "was killed, not stopped" in notice
        assert self._tokens(own) == before

    def test_a_stale_process_id_is_not_believed(self, own: RunningCloud) -> None:
        own.local.stop()
        known = json.loads((own.local.root / "cloud.json").read_text())
        (own.local.root / "cloud.json").write_text(json.dumps(known | {"pid": os.getpid()}))
        assert own.local.running() is False
        assert own.local.stop() is False
        own.local.start()
        assert own.local.status().pid not in (None, os.getpid())

    def test_a_taken_port_is_left_alone(self, own: RunningCloud, tmp_path: Path) -> None:
        other = LocalCloud(tmp_path, own.local.port, own.local.front_port)
        try:
            other.start()
            assert {other.port, other.front_port}.isdisjoint({own.local.port, own.local.front_port})
        finally:
            other.stop()
        assert LocalCloud(tmp_path).port == other.port

    def test_nothing_is_left_behind(self, own: RunningCloud) -> None:
        scratch = Path(own.local._read("cloud.json")["scratch"])
        assert scratch.is_dir()
        own.local.stop()
        assert not scratch.exists()
        assert not (own.local.state_dir / "running").exists()
        own.local.start()
