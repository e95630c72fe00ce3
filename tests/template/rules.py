"""House rules of the template: each takes an expansion and returns what breaks it, one line each.

They look at the expansion, not at template.yaml: only there are the roles and permissions that SAM makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.helpers.template import placeholders, walk

__all__ = ["RULES"]

Template = dict[str, Any]
Rule = Callable[[Template], list[str]]
RULES: dict[str, Rule] = {}

# (role, action) that may stand with Resource "*", each with its reason.
BARE_RESOURCE = {
    # X-Ray has no resources to name: segments belong to whoever sends them (AWS: X-Ray actions).
    ("*", "xray:PutTraceSegments"),
    ("*", "xray:PutTelemetryRecords"),
    ("*", "xray:GetSamplingRules"),
    ("*", "xray:GetSamplingTargets"),
    # Log delivery is set up for the account; Step Functions' guide says that these take no resource.
    ("WorkflowRole", "logs:CreateLogDelivery"),
    ("WorkflowRole", "logs:GetLogDelivery"),
    ("WorkflowRole", "logs:UpdateLogDelivery"),
    ("WorkflowRole", "logs:DeleteLogDelivery"),
    ("WorkflowRole", "logs:ListLogDeliveries"),
    ("WorkflowRole", "logs:PutResourcePolicy"),
    ("WorkflowRole", "logs:DescribeResourcePolicies"),
    ("WorkflowRole", "logs:DescribeLogGroups"),
    # Its only resources are terminologies and parallel data, which a plain translation has none of.
    ("DetectTextFunctionRole", "translate:TranslateText"),
}
# AWS managed policies that SAM gives every function and that cannot be had narrower without a hand-made role:
# "write your log" (the role may name any log group) and "write your trace" (X-Ray has no resources).
MANAGED = ("service-role/AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess")
LAMBDA_RESERVED = {"AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "_HANDLER", "LAMBDA_TASK_ROOT"}


def rule(check: Rule) -> Rule:
    """Keep ``check`` among the rules under its own name."""
    RULES[check.__name__] = check
    return check


def of(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return logical id -> properties of one type."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def names(value: Any) -> set[str]:
    """Return the logical ids that ``value`` refers to."""
    found: set[str] = set()
    for node in walk(value):
        if isinstance(node, dict) and len(node) == 1:
            ((key, inner),) = node.items()
            first = inner[0] if isinstance(inner, list) and inner else inner
            if key == "Ref":
                found.add(inner)
            elif key == "Fn::GetAtt":
                found.add(str(first).partition(".")[0])
            elif key == "Fn::Sub":
                found |= {name.partition(".")[0] for name in placeholders(str(first))}
    return found


def listed(value: Any) -> list[Any]:
    """Return ``value`` as a list."""
    return value if isinstance(value, list) else [value]


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement that gives something to an identity: (role, statement)."""
    for name, properties in of(template, "AWS::IAM::Role").items():
        for policy in properties.get("Policies", []):
            for statement in listed(policy["PolicyDocument"]["Statement"]):
                yield name, statement


def dead_letter_queues(template: Template) -> set[str]:
    """Return the queues that nothing in the stack reads: only a person or a redrive does."""
    read = names([p["EventSourceArn"] for p in of(template, "AWS::Lambda::EventSourceMapping").values()])
    return of(template, "AWS::SQS::Queue").keys() - read


# ---- who may do what -------------------------------------------------------------------------------


@rule
def one_role_a_function(template: Template) -> list[str]:
    """Two functions never share a role, and no function borrows one from outside the stack."""
    owners: dict[str, str] = {}
    wrong = []
    for name, properties in of(template, "AWS::Lambda::Function").items():
        roles = names(properties["Role"])
        wrong += [f"{name}: its role is not of this stack"] if not roles else []
        for role in roles:
            if role in owners:
                wrong.append(f"{name} shares {role} with {owners[role]}")
            owners[role] = name
    return wrong


@rule
def exact_actions(template: Template) -> list[str]:
    """No ``*``, ``s3:*`` or ``s3:Get*``, no NotAction, no NotResource."""
    wrong = [
        f"{role}: {action}"
        for role, statement in statements(template)
        for action in listed(statement.get("Action", []))
        if "*" in action or ":" not in action
    ]
    return wrong + [
        f"{role}: {key}"
        for role, statement in statements(template)
        for key in ("NotAction", "NotResource")
        if key in statement
    ]


@rule
def exact_resources(template: Template) -> list[str]:
    """No bare ``*`` and no other stack's resources, but for `BARE_RESOURCE`."""
    wrong = []
    for role, statement in statements(template):
        for resource in listed(statement.get("Resource", "*")):
            if resource != "*":
                text = json.dumps(resource)
                if "${AWS::StackName}" not in text and not names(resource) - {
                    "AWS::Region",
                    "AWS::AccountId",
                }:
                    wrong.append(f"{role}: {text} is not of this stack")
                continue
            wrong += [
                f"{role}: {action} on *"
                for action in listed(statement["Action"])
                if not {(role, action), ("*", action)} & BARE_RESOURCE
            ]
    return wrong


@rule
def no_foreign_policies(template: Template) -> list[str]:
    """A role holds inline policies and `MANAGED`, nothing that AWS may widen."""
    return [
        f"{name}: {json.dumps(arn)}"
        for name, properties in of(template, "AWS::IAM::Role").items()
        for arn in properties.get("ManagedPolicyArns", [])
        if not json.dumps(arn).rstrip('"]}').endswith(MANAGED)
    ]


@rule
def services_only_for_this_account(template: Template) -> list[str]:
    """Who may assume a role is a service (and the one that needs it), never an account or ``*``."""
    wrong = []
    for name, properties in of(template, "AWS::IAM::Role").items():
        for statement in listed(properties["AssumeRolePolicyDocument"]["Statement"]):
            principal = statement["Principal"]
            if set(principal) != {"Service"} or "*" in json.dumps(principal):
                wrong.append(f"{name}: {json.dumps(principal)}")
    return wrong


# ---- functions -------------------------------------------------------------------------------------


@rule
def logs_are_kept_for_a_time(template: Template) -> list[str]:
    """Each function has a log group of its own with a retention, and no log group lives for ever."""
    groups = of(template, "AWS::Logs::LogGroup")
    wrong = [f"{name}: no retention" for name, group in groups.items() if "RetentionInDays" not in group]
    there = {json.dumps(group["LogGroupName"]) for group in groups.values()}
    for name, properties in of(template, "AWS::Lambda::Function").items():
        named = properties.get("FunctionName", {}).get("Fn::Sub", name)
        if json.dumps({"Fn::Sub": f"/aws/lambda/{named}"}) not in there:
            wrong.append(f"{name}: no log group")
    return wrong


@rule
def functions_are_bounded(template: Template) -> list[str]:
    """Each function says its time-out and memory; behind the gateway at most 29 s."""
    wrong = []
    called: set[str] = set()
    for name, permission in of(template, "AWS::Lambda::Permission").items():
        if permission["Principal"] == "apigateway.amazonaws.com":
            called |= names(permission["FunctionName"])
        if "SourceArn" not in permission:
            wrong.append(f"{name}: any {permission['Principal']} may invoke")
    for name, properties in of(template, "AWS::Lambda::Function").items():
        wrong += [f"{name}: no {key}" for key in ("Timeout", "MemorySize") if key not in properties]
        seconds = properties.get("Timeout", 0)
        if isinstance(seconds, dict):  # a parameter: on AWS its default
            seconds = template["Parameters"][seconds["Ref"]]["Default"]
        if name in called and seconds > 29:
            wrong.append(f"{name}: outlives the gateway's 29 s")
    return wrong


@rule
def images_and_zips_are_not_mixed(template: Template) -> list[str]:
    """An image function has no Runtime, Handler or Layers; a zip function has a current runtime."""
    wrong = []
    for name, properties in of(template, "AWS::Lambda::Function").items():
        zipped = {"Runtime", "Handler", "Layers"} & properties.keys()
        if properties.get("PackageType") == "Image":
            wrong += [f"{name}: an image with {key}" for key in zipped]
            if properties.get("ImageConfig", {}).get("Command") != ["handler.lambda_handler"]:
                wrong.append(f"{name}: ImageConfig.Command")
        elif properties.get("Runtime") not in {"python3.12", "python3.13"}:
            wrong.append(f"{name}: runtime {properties.get('Runtime')}")
        wrong += [f"{name}: sets {key}" for key in LAMBDA_RESERVED & _variables(properties).keys()]
    return wrong


def _variables(properties: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = properties.get("Environment", {}).get("Variables", {})
    return found


@rule
def traces_are_on(template: Template) -> list[str]:
    """Each function and the state machine send traces."""
    functions = of(template, "AWS::Lambda::Function").items()
    wrong = [n for n, p in functions if p.get("TracingConfig", {}).get("Mode") != "Active"]
    machines = of(template, "AWS::StepFunctions::StateMachine").items()
    return wrong + [n for n, p in machines if not p.get("TracingConfiguration", {}).get("Enabled")]


# ---- asynchronous paths ----------------------------------------------------------------------------


@rule
def rules_have_a_dead_letter_queue(template: Template) -> list[str]:
    """Each target of each rule and schedule says where an event goes that cannot be delivered."""
    wrong = [
        f"{name}/{target['Id']}: no DeadLetterConfig"
        for name, properties in of(template, "AWS::Events::Rule").items()
        for target in properties["Targets"]
        if not names(target.get("DeadLetterConfig", {})) & dead_letter_queues(template)
    ]
    for name, properties in of(template, "AWS::Scheduler::Schedule").items():
        wrong += [] if "DeadLetterConfig" in properties["Target"] else [f"{name}: no DeadLetterConfig"]
    return wrong


@rule
def asynchronous_functions_have_a_destination(template: Template) -> list[str]:
    """A function that a rule or schedule invokes says how often it is tried and where a failure goes."""
    configured = {}
    for properties in of(template, "AWS::Lambda::EventInvokeConfig").values():
        for function in names(properties["FunctionName"]):
            configured[function] = properties
    wrong = []
    for name, properties in of(template, "AWS::Events::Rule").items():
        for function in (
            names([t["Arn"] for t in properties["Targets"]]) & of(template, "AWS::Lambda::Function").keys()
        ):
            failure = configured.get(function, {}).get("DestinationConfig", {}).get("OnFailure", {})
            if not names(failure) & dead_letter_queues(template):
                wrong.append(f"{function} (from {name}): no OnFailure destination")
            if "MaximumRetryAttempts" not in configured.get(function, {}):
                wrong.append(f"{function} (from {name}): no MaximumRetryAttempts")
    return wrong


@rule
def queues_outlast_their_function(template: Template) -> list[str]:
    """A queue's visibility is at least six time-outs, it has a DLQ, and bad items are reported one by one."""
    queues, functions = of(template, "AWS::SQS::Queue"), of(template, "AWS::Lambda::Function")
    wrong = []
    for name, mapping in of(template, "AWS::Lambda::EventSourceMapping").items():
        for queue in names(mapping["EventSourceArn"]) & queues.keys():
            (function,) = names(mapping["FunctionName"])
            if queues[queue].get("VisibilityTimeout", 30) < 6 * functions[function]["Timeout"]:
                wrong.append(f"{queue}: visibility below 6 × the time-out of {function}")
            redrive = queues[queue].get("RedrivePolicy", {})
            if not names(redrive.get("deadLetterTargetArn", {})) & dead_letter_queues(template):
                wrong.append(f"{queue}: no dead-letter queue")
            if redrive.get("maxReceiveCount", 0) < 5:
                wrong.append(f"{queue}: throttled polls would send messages to the DLQ (maxReceiveCount < 5)")
            if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
                wrong.append(f"{name}: no ReportBatchItemFailures")
    return wrong


@rule
def queues_are_encrypted_and_dlqs_keep_long(template: Template) -> list[str]:
    """Each queue is encrypted; a dead letter lives for the full 14 days."""
    queues = of(template, "AWS::SQS::Queue")
    wrong = [n for n, p in queues.items() if not (p.get("SqsManagedSseEnabled") or p.get("KmsMasterKeyId"))]
    dead = dead_letter_queues(template)
    return wrong + [n for n in dead if queues[n].get("MessageRetentionPeriod") != 14 * 86400]


@rule
def events_may_reach_their_queue(template: Template) -> list[str]:
    """Each queue that a rule sends to (target or DLQ) lets EventBridge in, from this account only."""
    policies = of(template, "AWS::SQS::QueuePolicy").values()
    granted: set[str] = set()
    wrong = []
    for policy in policies:
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            if statement["Effect"] == "Allow" and statement["Principal"] == {
                "Service": "events.amazonaws.com"
            }:
                granted |= names(statement["Resource"])
            if statement["Effect"] == "Allow" and "Condition" not in statement:
                wrong.append(f"{names(statement['Resource'])}: open to every account")
    needed = set()
    for properties in of(template, "AWS::Events::Rule").values():
        needed |= names([[t["Arn"], t.get("DeadLetterConfig", {})] for t in properties["Targets"]])
    needed &= of(template, "AWS::SQS::Queue").keys()
    return wrong + [f"{queue}: EventBridge may not send" for queue in needed - granted]


# ---- storage ---------------------------------------------------------------------------------------


@rule
def buckets_are_private(template: Template) -> list[str]:
    """Versioned, encrypted, TLS only, no public access, no ACLs, and nothing lives for ever."""
    wrong = []
    tls = _tls_only(template)
    for name, bucket in of(template, "AWS::S3::Bucket").items():
        block = bucket.get("PublicAccessBlockConfiguration", {})
        expires = [
            r
            for r in bucket.get("LifecycleConfiguration", {}).get("Rules", [])
            if r["Status"] == "Enabled" and not r.get("Prefix") and "ExpirationInDays" in r
        ]
        facts = {
            "versioned": bucket.get("VersioningConfiguration", {}).get("Status") == "Enabled",
            "encrypted": "ServerSideEncryptionConfiguration" in bucket.get("BucketEncryption", {}),
            "public access blocked": len(block) == 4 and all(block.values()),
            "without ACLs": "BucketOwnerEnforced" in json.dumps(bucket.get("OwnershipControls", {})),
            "TLS only": name in tls,
            "expiring": bool(expires),
            "expiring old versions": any("NoncurrentVersionExpiration" in r for r in expires),
            "expiring parts": any("AbortIncompleteMultipartUpload" in r for r in expires),
        }
        wrong += [f"{name}: not {fact}" for fact, holds in facts.items() if not holds]
    return wrong


def _tls_only(template: Template) -> set[str]:
    found: set[str] = set()
    for policy in of(template, "AWS::S3::BucketPolicy").values():
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            refused = statement["Effect"] == "Deny" and statement["Action"] in ("s3:*", ["s3:*"])
            bare = statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            both = len(listed(statement["Resource"])) == 2  # the bucket and what is in it
            if refused and bare and both and statement["Principal"] in ("*", {"AWS": "*"}):
                found |= names(policy["Bucket"])
    return found


@rule
def tables_are_safe(template: Template) -> list[str]:
    """On demand, with TTL, point-in-time recovery and encryption; a deleted stack leaves the data."""
    wrong = []
    for name, table in of(template, "AWS::DynamoDB::Table").items():
        facts = {
            "on demand": table.get("BillingMode") == "PAY_PER_REQUEST",
            "TTL": table.get("TimeToLiveSpecification", {}).get("Enabled") is True,
            "PITR": table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
            is True,
            "encryption": table.get("SSESpecification", {}).get("SSEEnabled") is True,
        }
        wrong += [f"{name}: no {fact}" for fact, holds in facts.items() if not holds]
    for name, resource in template["Resources"].items():
        if resource["Type"] in {"AWS::DynamoDB::Table", "AWS::S3::Bucket"}:
            kept = {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")}
            wrong += [] if kept == {"Retain"} else [f"{name}: goes with the stack"]
    return wrong


@rule
def keys_rotate(template: Template) -> list[str]:
    """Each KMS key rotates."""
    return [n for n, p in of(template, "AWS::KMS::Key").items() if p.get("EnableKeyRotation") is not True]


# ---- alarms ----------------------------------------------------------------------------------------


@rule
def what_matters_has_an_alarm(template: Template) -> list[str]:
    """DLQ depth, dead executions, API errors; and each alarm tells somebody."""
    alarms = of(template, "AWS::CloudWatch::Alarm")
    wrong = [f"{name}: tells nobody" for name, alarm in alarms.items() if not alarm.get("AlarmActions")]
    seen = {(a["Namespace"], a["MetricName"]): set[str]() for a in alarms.values()}
    for alarm in alarms.values():
        seen[alarm["Namespace"], alarm["MetricName"]] |= names(alarm.get("Dimensions", []))
    depth = seen.get(("AWS/SQS", "ApproximateNumberOfMessagesVisible"), set())
    wrong += [f"{queue}: no alarm on its depth" for queue in dead_letter_queues(template) - depth]
    needed = [
        ("AWS/States", "ExecutionsFailed"),
        ("AWS/States", "ExecutionsTimedOut"),
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/Lambda", "Errors"),
        ("Bonafide", "FindingFailed"),
    ]
    return wrong + [f"no alarm on {metric}" for metric in needed if metric not in seen]


@rule
def api_stages_are_throttled(template: Template) -> list[str]:
    """Each stage has a rate limit, metrics and traces, and nobody comes in without a token."""
    wrong = []
    for name, stage in of(template, "AWS::ApiGateway::Stage").items():
        settings = stage.get("MethodSettings", [])
        wrong += [] if any("ThrottlingRateLimit" in s for s in settings) else [f"{name}: no rate limit"]
        wrong += [] if stage.get("TracingEnabled") else [f"{name}: no traces"]
    for name, api in of(template, "AWS::ApiGateway::RestApi").items():
        for path, methods in api["Body"]["paths"].items():
            wrong += [
                f"{name} {method} {path}: open"
                for method, what in methods.items()
                if not what.get("security")
            ]
    return wrong
