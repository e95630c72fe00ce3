"""The template's house rules, and that each of them can fail."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import template
from tests.template.rules import RULES, of

Template = dict[str, Any]
EXPANDED = template.expanded()


@pytest.mark.parametrize("name", RULES)
def test_the_template_keeps(name: str) -> None:
    assert RULES[name](EXPANDED) == []


def role(broken: Template, name: str = "FetchFunctionRole") -> dict[str, Any]:
    return broken["Resources"][name]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]


def properties(broken: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = broken["Resources"][name]["Properties"]
    return found


def rule_of(broken: Template, function: str) -> dict[str, Any]:
    return next(p for p in of(broken, "AWS::Events::Rule").values() if function in json.dumps(p["Targets"]))


MUTATIONS: list[tuple[str, str, Callable[[Template], Any]]] = [
    ("one_role_a_function", "shares", lambda t: properties(t, "FetchFunction").update(Role=properties(t, "EraseFunction")["Role"])),
    ("one_role_a_function", "not of this stack", lambda t: properties(t, "FetchFunction").update(Role="arn:aws:iam::1:role/x")),
    ("exact_actions", "dynamodb:*", lambda t: role(t).update(Action="dynamodb:*")),
    ("exact_actions", "s3:Get*", lambda t: role(t).update(Action=["s3:Get*"])),
    ("exact_actions", "NotAction", lambda t: role(t).update(NotAction="iam:*")),
    ("exact_resources", "on *", lambda t: role(t).update(Resource="*")),
    ("exact_resources", "not of this stack", lambda t: role(t).update(Resource="arn:aws:dynamodb:*:*:table/*")),
    ("no_foreign_policies", "Administrator", lambda t: properties(t, "FetchFunctionRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])),
    ("services_only_for_this_account", "AWS", lambda t: properties(t, "FetchFunctionRole")["AssumeRolePolicyDocument"]["Statement"][0].update(Principal={"AWS": "*"})),
    ("logs_are_kept_for_a_time", "no log group", lambda t: t["Resources"].pop("FetchLogs")),
    ("logs_are_kept_for_a_time", "no retention", lambda t: properties(t, "FetchLogs").pop("RetentionInDays")),
    ("functions_are_bounded", "no Timeout", lambda t: properties(t, "FetchFunction").pop("Timeout")),
    ("functions_are_bounded", "29 s", lambda t: properties(t, "ApiNativeFunction").update(Timeout=60)),
    ("images_and_zips_are_not_mixed", "Handler", lambda t: properties(t, "InspectFunction").update(Handler="handler.lambda_handler")),
    ("images_and_zips_are_not_mixed", "python3.9", lambda t: properties(t, "FetchFunction").update(Runtime="python3.9")),
    ("traces_are_on", "FetchFunction", lambda t: properties(t, "FetchFunction").pop("TracingConfig")),
    ("rules_have_a_dead_letter_queue", "no Dead", lambda t: rule_of(t, "OnDropFunction")["Targets"][0].pop("DeadLetterConfig")),
    ("asynchronous_functions_have_a_destination", "OnDropFunction", lambda t: t["Resources"].pop("OnDropFunctionEventInvokeConfig")),
    ("queues_outlast_their_function", "visibility", lambda t: properties(t, "WebhookQueue").update(VisibilityTimeout=60)),
    ("queues_outlast_their_function", "dead-letter", lambda t: properties(t, "WebhookQueue").pop("RedrivePolicy")),
    ("queues_are_encrypted_and_dlqs_keep_long", "EventsDlq", lambda t: properties(t, "EventsDlq").pop("SqsManagedSseEnabled")),
    ("events_may_reach_their_queue", "may not send", lambda t: t["Resources"].pop("QueuePolicy")),
    ("buckets_are_private", "versioned", lambda t: properties(t, "MediaBucket").pop("VersioningConfiguration")),
    ("buckets_are_private", "TLS", lambda t: t["Resources"].pop("MediaBucketPolicy")),
    ("buckets_are_private", "public", lambda t: properties(t, "MediaBucket")["PublicAccessBlockConfiguration"].update(BlockPublicAcls=False)),
    ("buckets_are_private", "expiring", lambda t: properties(t, "MediaBucket").pop("LifecycleConfiguration")),
    ("tables_are_safe", "PITR", lambda t: properties(t, "Table").pop("PointInTimeRecoverySpecification")),
    ("tables_are_safe", "goes with", lambda t: t["Resources"]["Table"].pop("DeletionPolicy")),
    ("keys_rotate", "SecretsKey", lambda t: properties(t, "SecretsKey").pop("EnableKeyRotation")),
    ("what_matters_has_an_alarm", "WebhookDlq", lambda t: t["Resources"].pop("WebhookDlqAlarm")),
    ("what_matters_has_an_alarm", "ExecutionsFailed", lambda t: t["Resources"].pop("ExecutionsFailedAlarm")),
    ("api_stages_are_throttled", "rate", lambda t: [s.pop("MethodSettings") for s in of(t, "AWS::ApiGateway::Stage").values()]),
    ("api_stages_are_throttled", "open", lambda t: [m.pop("security") for a in of(t, "AWS::ApiGateway::RestApi").values() for p in a["Body"]["paths"].values() for m in p.values()]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "says", "change"), MUTATIONS, ids=[f"{n}-{s}" for n, s, _ in MUTATIONS])
def test_a_broken_template_is_found(name: str, says: str, change: Callable[[Template], Any]) -> None:
    broken = copy.deepcopy(EXPANDED)
    change(broken)
    assert any(says in line for line in RULES[name](broken))


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {name for name, _, _ in MUTATIONS} == RULES.keys()


def test_globals_are_free_of_what_breaks_images() -> None:
    assert not {"Runtime", "Handler", "Layers"} & template.source()["Globals"]["Function"].keys()


def test_each_folder_has_a_resource_and_each_resource_a_folder() -> None:
    folders = {path.parent.name for path in (template.ROOT / "functions").glob("*/handler.py")}
    assert folders == set(template.functions())


def test_function_names_follow_their_folder() -> None:
    for name, function in template.functions().items():
        assert function["Properties"]["FunctionName"] == {"Fn::Sub": "${AWS::StackName}-" + name.replace("_", "-")}
        expected = "".join(part.capitalize() for part in name.split("_")) + "Function"
        assert function["LogicalId"] == expected


def test_images_are_built_from_the_one_dockerfile() -> None:
    images = [f for f in template.functions().values() if f["Properties"].get("PackageType") == "Image"]
    assert images
    for function in images:
        assert function["Metadata"]["Dockerfile"] == "functions/Dockerfile"
        assert Path(template.ROOT, function["Metadata"]["DockerContext"]).resolve() == template.ROOT


def test_every_variable_is_one_that_settings_reads() -> None:
    from bonafide.settings import Settings

    known = {name.upper() for name in Settings.model_fields}
    for function in template.functions().values():
        given = {n for n in function["Properties"]["Environment"]["Variables"] if not n.startswith("POWERTOOLS_")}
        assert given <= known, function["LogicalId"]


def test_outputs_name_what_a_person_needs() -> None:
    assert {"ApiUrl", "MediaBucket", "Table", "Bus", "Workflow", "WebhookQueueUrl"} <= EXPANDED["Outputs"].keys()
