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
Change = Callable[[Template], Any]
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


def put(name: str, **values: Any) -> Change:
    """Return a change that sets properties of a resource."""
    return lambda broken: properties(broken, name).update(values)


def drop(name: str, key: str) -> Change:
    """Return a change that takes a property away from a resource."""
    return lambda broken: properties(broken, name).pop(key)


def without(name: str) -> Change:
    """Return a change that takes a resource away."""
    return lambda broken: broken["Resources"].pop(name)


def grant(**values: Any) -> Change:
    """Return a change of what FetchFunction's role is granted."""
    return lambda broken: role(broken).update(values)


def open_api(broken: Template) -> None:
    for api in of(broken, "AWS::ApiGateway::RestApi").values():
        for path in api["Body"]["paths"].values():
            for method in path.values():
                method.pop("security")


def unthrottle(broken: Template) -> None:
    for stage in of(broken, "AWS::ApiGateway::Stage").values():
        stage.pop("MethodSettings")


def anyone(broken: Template) -> None:
    trust = properties(broken, "FetchFunctionRole")["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Principal"] = {"AWS": "*"}


ADMIN = ["arn:aws:iam::aws:policy/AdministratorAccess"]
MUTATIONS: list[tuple[str, str, Change]] = [
    (
        "one_role_a_function",
        "shares",
        put("FetchFunction", Role={"Fn::GetAtt": ["EraseFunctionRole", "Arn"]}),
    ),
    ("one_role_a_function", "not of this stack", put("FetchFunction", Role="arn:aws:iam::1:role/x")),
    ("exact_actions", "dynamodb:*", grant(Action="dynamodb:*")),
    ("exact_actions", "s3:Get*", grant(Action=["s3:Get*"])),
    ("exact_actions", "NotAction", grant(NotAction="iam:*")),
    ("exact_resources", "on *", grant(Resource="*")),
    ("exact_resources", "not of this stack", grant(Resource="arn:aws:dynamodb:*:*:table/*")),
    ("no_foreign_policies", "Administrator", put("FetchFunctionRole", ManagedPolicyArns=ADMIN)),
    ("services_only_for_this_account", "AWS", anyone),
    ("logs_are_kept_for_a_time", "no log group", without("FetchLogs")),
    ("logs_are_kept_for_a_time", "no retention", drop("FetchLogs", "RetentionInDays")),
    ("functions_are_bounded", "no Timeout", drop("FetchFunction", "Timeout")),
    ("functions_are_bounded", "29 s", put("ApiNativeFunction", Timeout=60)),
    ("images_and_zips_are_not_mixed", "Handler", put("InspectFunction", Handler="handler.lambda_handler")),
    ("images_and_zips_are_not_mixed", "python3.9", put("FetchFunction", Runtime="python3.9")),
    ("traces_are_on", "FetchFunction", drop("FetchFunction", "TracingConfig")),
    (
        "rules_have_a_dead_letter_queue",
        "no Dead",
        lambda t: rule_of(t, "OnDropFunction")["Targets"][0].pop("DeadLetterConfig"),
    ),
    (
        "asynchronous_functions_have_a_destination",
        "OnDropFunction",
        without("OnDropFunctionEventInvokeConfig"),
    ),
    ("queues_outlast_their_function", "visibility", put("WebhookQueue", VisibilityTimeout=60)),
    ("queues_outlast_their_function", "dead-letter", drop("WebhookQueue", "RedrivePolicy")),
    ("queues_are_encrypted_and_dlqs_keep_long", "EventsDlq", drop("EventsDlq", "SqsManagedSseEnabled")),
    ("events_may_reach_their_queue", "may not send", without("QueuePolicy")),
    ("buckets_are_private", "versioned", drop("MediaBucket", "VersioningConfiguration")),
    ("buckets_are_private", "TLS", without("MediaBucketPolicy")),
    ("buckets_are_private", "public", drop("MediaBucket", "PublicAccessBlockConfiguration")),
    ("buckets_are_private", "expiring", drop("MediaBucket", "LifecycleConfiguration")),
    ("tables_are_safe", "PITR", drop("Table", "PointInTimeRecoverySpecification")),
    ("tables_are_safe", "goes with", lambda t: t["Resources"]["Table"].pop("DeletionPolicy")),
    ("keys_rotate", "SecretsKey", drop("SecretsKey", "EnableKeyRotation")),
    ("what_matters_has_an_alarm", "WebhookDlq", without("WebhookDlqAlarm")),
    ("what_matters_has_an_alarm", "ExecutionsFailed", without("ExecutionsFailedAlarm")),
    ("every_api_is_watched", "5xx", without("Api5xxAlarm")),
    ("every_api_is_watched", "its errors", without("ApiErrorsAlarm")),
    ("every_api_is_watched", "dashboard", without("Dashboard")),
    ("api_stages_are_throttled", "rate", unthrottle),
    ("api_stages_are_throttled", "open", open_api),
]


@pytest.mark.parametrize(("name", "says", "change"), MUTATIONS, ids=[f"{n}-{s}" for n, s, _ in MUTATIONS])
def test_a_broken_template_is_found(name: str, says: str, change: Change) -> None:
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
        assert function["Properties"]["FunctionName"] == {
            "Fn::Sub": "${AWS::StackName}-" + name.replace("_", "-")
        }
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
        given = {
            n for n in function["Properties"]["Environment"]["Variables"] if not n.startswith("POWERTOOLS_")
        }
        assert given <= known, function["LogicalId"]


def test_outputs_name_what_a_person_needs() -> None:
    assert {"ApiUrl", "MediaBucket", "Table", "Bus", "Workflow", "WebhookQueueUrl"} <= EXPANDED[
        "Outputs"
    ].keys()
