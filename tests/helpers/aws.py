"""The stack of `template.yaml` in moto, and handlers run against it as Lambda runs them.

The expanded template itself goes to moto's CloudFormation: tables, bucket, bus, queues, key, state
machine and functions (with their environment) are the template's, not a copy that drifts. In a test
take the fixture ``aws`` (tests/conftest.py)::

    def test_it(aws):
        answer = aws.invoke("api_native", event)          # the real handler, its own environment
        with aws.function("conclude") as handler: ...     # the same, to call the module's own names
        aws.use("erase")                                  # environment for the core's adapters, no handler
        aws.client("dynamodb").scan(TableName=aws["Table"])
        aws.bucket, aws.table, aws.bus, aws.queue, aws.workflow_arn   # physical names

- `Aws.use` sets exactly what Lambda would set (nothing of another function's) and clears
  `settings()` and every other `lru_cache` of `bonafide` and `bonafide_inference`.
- `load_handler(name)` imports ``functions/<name>/handler.py`` with its folder first on ``sys.path``, as
  Lambda does, and purges it and its neighbours when the block ends.
- A Lambda invocation inside moto (a state machine's task) runs the real handler too. Fixture
  ``aws_running`` executes the real ASL (retries without the pause); `Aws.start` starts one, `Aws.wait`
  waits for its end. A Map's items run one after the other (side by side: tests/cloud).
  ``aws.fakes["detect_image"] = lambda event: ...`` puts something else in a function's place.

Not in moto: the REST API, event source mappings and rules to functions (call the handler with a sample
event), CloudWatch alarms, Lambda permissions, EventInvokeConfig, IAM's decisions. Those are tested on the
template (tests/template) and in the embedded cloud (tests/cloud).
"""

from __future__ import annotations

import functools
import importlib
import io
import json
import os
import re
import sys
import threading
import time
import traceback
import uuid
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.session import Session
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.cloudformation.models import Stack
from moto.events.models import EventBus
from moto.kms.models import kms_backends
from moto.kms.utils import generate_private_key
from moto.stepfunctions.models import stepfunctions_backends
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.max_concurrency import MaxConcurrencyDecl

from tests.helpers import template
from tests.helpers.template import REGION, ROOT

__all__ = ["ACCOUNT", "STACK", "Aws", "clear_caches", "context", "in_moto", "load_handler", "own_environment"]

ACCOUNT = "123456789012"  # moto's own
STACK = "bonafide"
_SHARED = ("bonafide", "bonafide_inference")
# What moto's CloudFormation cannot make, or would make busy behind a test's back.
_LEFT_OUT = (
    "AWS::ApiGateway::",
    "AWS::CloudWatch::",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::",
)
# botocore walks through the environment (for proxies) while it makes a client, and breaks where another
# thread changes it meanwhile: both are done one at a time.
_ENVIRONMENT = threading.RLock()
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def context(name: str = "test", *, seconds: float = 30.0, memory_mb: int = 512) -> SimpleNamespace:
    """Return a Lambda context with what handlers and Powertools read of it."""
    deadline = time.monotonic() + seconds
    return SimpleNamespace(
        function_name=f"{STACK}-{name.replace('_', '-')}",
        function_version="$LATEST",
        invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-{name.replace('_', '-')}",
        memory_limit_in_mb=memory_mb,
        aws_request_id="00000000-0000-4000-8000-000000000000",
        log_group_name=f"/aws/lambda/{STACK}-{name.replace('_', '-')}",
        log_stream_name="test",
        get_remaining_time_in_millis=lambda: max(0, int((deadline - time.monotonic()) * 1000)),
    )


def clear_caches() -> None:
    """Forget everything that the shared packages keep for the life of a process (settings, clients)."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _SHARED:
            for value in vars(module).values():
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()


@contextmanager
def load_handler(name: str) -> Iterator[ModuleType]:
    """Import ``functions/<name>/handler.py`` as Lambda does; forget it and its neighbours afterwards.

    Must run with the function's environment set (`Aws.function` does both): modules may read settings
    while they are imported, as they do at a cold start.
    """
    place = str(ROOT / "functions" / name)
    if not os.path.isfile(os.path.join(place, "handler.py")):
        raise FileNotFoundError(f"functions/{name}/handler.py")
    hidden = {key: sys.modules.pop(key) for key in _of_functions()}
    sys.path.insert(0, place)
    importlib.invalidate_caches()
    try:
        yield importlib.import_module("handler")
    finally:
        sys.path.remove(place)
        for key in _of_functions():
            del sys.modules[key]
        sys.modules.update(hidden)


def _of_functions() -> list[str]:
    """Names of the loaded modules that lie in functions/."""
    inside = str(ROOT / "functions") + os.sep
    return [
        key
        for key, module in list(sys.modules.items())
        if isinstance(place := getattr(module, "__file__", None), str) and place.startswith(inside)
    ]


class Aws:
    """The stack: physical ids by logical id (``aws["Table"]``), and its functions."""

    def __init__(
        self, ids: dict[str, str], outputs: dict[str, str], functions: dict[str, dict[str, Any]]
    ) -> None:
        self.ids = ids
        self.outputs = outputs
        self.functions = functions
        self.fakes: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.calls: list[tuple[str, Any]] = []
        self._set: list[str] = []
        # One environment and one `sys.modules` a process: a Map's parallel tasks take turns.
        self._turn = threading.RLock()

    def __getitem__(self, logical_id: str) -> str:
        return self.ids[logical_id]

    @property
    def table(self) -> str:
        """The single table's name."""
        return self.ids["Table"]

    @property
    def bucket(self) -> str:
        """The media bucket's name."""
        return self.ids["MediaBucket"]

    @property
    def bus(self) -> str:
        """The event bus's name."""
        return self.ids["Bus"]

    @property
    def queue(self) -> str:
        """The webhook queue's URL."""
        return self.ids["WebhookQueue"]

    @property
    def workflow_arn(self) -> str:
        """The state machine's ARN."""
        return self.ids["Workflow"]

    @staticmethod
    def client(service: str) -> Any:
        """Return a boto3 client into moto, apart from those that the code under test keeps."""
        return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]

    def environment(self, name: str) -> dict[str, str]:
        """Return what Lambda would set for ``functions/<name>``: the template's variables and its own."""
        function = self.functions[name]
        variables: dict[str, str] = function["Environment"]
        return variables | {
            "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        }

    def use(self, name: str, **more: str) -> dict[str, str]:
        """Set the environment of ``functions/<name>`` (and ``more``), nothing of another's; clear caches."""
        self.leave()
        environment = self.environment(name) | more
        known = {key for other in self.functions.values() for key in other["Environment"]}
        with _ENVIRONMENT:
            for key in known - environment.keys():
                os.environ.pop(key, None)
            os.environ.update(environment)
        self._set = list(environment)
        clear_caches()
        return environment

    def leave(self) -> None:
        """Take back what `use` set."""
        with _ENVIRONMENT:
            for key in self._set:
                os.environ.pop(key, None)
        self._set = []
        clear_caches()

    @contextmanager
    def function(self, name: str, **more: str) -> Iterator[ModuleType]:
        """Load ``functions/<name>/handler.py`` under its own environment; the former one returns after.

        Functions take turns: one that waits for an execution (``Prefer: wait``) would wait in vain.
        """
        with self._turn:
            before, kept = dict(os.environ), self._set
            self._set = []
            self.use(name, **more)
            try:
                with load_handler(name) as handler:
                    yield handler
            finally:
                with _ENVIRONMENT:
                    os.environ.clear()
                    os.environ.update(before)
                self._set = kept
                clear_caches()

    def invoke(self, name: str, event: Any, *, environment: dict[str, str] | None = None) -> Any:
        """Cold-start ``functions/<name>`` and return its answer, through JSON on both sides as in Lambda."""
        self.calls.append((name, event))
        if name in self.fakes:
            return json.loads(json.dumps(self.fakes[name](event)))
        function = self.functions[name]
        with self.function(name, **(environment or {})) as module:
            call = context(name, seconds=function["Timeout"], memory_mb=function["MemorySize"])
            return json.loads(json.dumps(module.lambda_handler(json.loads(json.dumps(event)), call)))

    def start(self, state: dict[str, Any], *, name: str | None = None) -> str:
        """Start the workflow (fixture ``aws_running``); returns the execution's ARN."""
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.workflow_arn, input=json.dumps(state), name=name or uuid.uuid4().hex
        )
        return str(started["executionArn"])

    def wait(self, execution: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until the execution has ended; returns what DescribeExecution says."""
        states = self.client("stepfunctions")
        limit = time.monotonic() + seconds
        pause = threading.Event()
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            if time.monotonic() > limit:
                raise TimeoutError(f"{execution} still runs; calls so far: {[n for n, _ in self.calls]}")
            pause.wait(0.05)
        return dict(found)


def _subset(full: dict[str, Any]) -> dict[str, Any]:
    """Cut the expansion down to what moto makes; what pointed to the rest becomes a name."""
    made: dict[str, Any] = {}
    gone: dict[str, Any] = {}
    for name, resource in full["Resources"].items():
        (gone if _leave_out(resource, full["Resources"]) else made)[name] = resource
    for resource in made.values():
        resource.get("Properties", {}).pop("Layers", None)
        resource.pop("DependsOn", None)
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            _substitute(resource["Properties"])
    kept = {name: value for name, value in full["Outputs"].items() if not _names(value) & gone.keys()}
    return {
        "AWSTemplateFormatVersion": full["AWSTemplateFormatVersion"],
        "Parameters": full["Parameters"],
        "Conditions": full["Conditions"],
        "Resources": _repoint(made, gone),
        "Outputs": kept,
    }


def _leave_out(resource: dict[str, Any], every: dict[str, Any]) -> bool:
    if resource["Type"] == "AWS::Events::Rule":
        lambdas = {name for name, other in every.items() if other["Type"] == "AWS::Lambda::Function"}
        return bool(_names(resource["Properties"]["Targets"]) & lambdas)
    return str(resource["Type"]).startswith(_LEFT_OUT)


def _names(value: Any) -> set[str]:
    """Return the logical ids that ``value`` refers to."""
    found = set()
    for node in template.walk(value):
        if isinstance(node, dict) and len(node) == 1:
            ((key, inner),) = node.items()
            if key == "Ref":
                found.add(inner)
            elif key == "Fn::GetAtt":
                found.add(inner[0] if isinstance(inner, list) else inner.partition(".")[0])
            elif key == "Fn::Sub":
                text = inner[0] if isinstance(inner, list) else inner
                found |= {name.partition(".")[0] for name in template.placeholders(text)}
    return found


def _repoint(value: Any, gone: dict[str, Any]) -> Any:
    """Replace references to resources that are not made by the name or ARN that they would have."""
    if isinstance(value, list):
        return [_repoint(inner, gone) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, inner),) = value.items()
        target = inner[0] if isinstance(inner, list) else inner
        if key == "Ref" and target in gone:
            return _name_of(target, gone)
        if key == "Fn::GetAtt" and target in gone:
            return {"Fn::Sub": "arn:${AWS::Partition}:test:${AWS::Region}:${AWS::AccountId}:" + target}
        if key == "Fn::Sub":
            text, values = (inner[0], dict(inner[1])) if isinstance(inner, list) else (inner, {})
            for name in template.placeholders(text) & gone.keys():
                values[name] = _name_of(name, gone)
            return {"Fn::Sub": [text, _repoint(values, gone)] if values else text}
    return {key: _repoint(inner, gone) for key, inner in value.items()}


def _name_of(target: str, gone: dict[str, Any]) -> Any:
    return gone[target]["Properties"].get("Name", {"Fn::Sub": "${AWS::StackName}-" + target})


def _substitute(properties: dict[str, Any]) -> None:
    """Do what CloudFormation does with DefinitionSubstitutions, which moto does not know."""
    values = properties.pop("DefinitionSubstitutions", {})
    # A Join, not a Sub: moto's Sub turns the ``$$`` of the context object into ``$``.
    parts = re.split(r"(\$\{\w+\})", properties["DefinitionString"])
    properties["DefinitionString"] = {
        "Fn::Join": ["", [values.get(part[2:-1], part) if part.startswith("${") else part for part in parts]]
    }


@functools.lru_cache(maxsize=1)
def _prepared() -> str:
    return json.dumps(_subset(template.expanded()))


def own_environment(patch: pytest.MonkeyPatch) -> None:
    """Hide the machine's AWS settings and credentials; a fixed region and made-up keys instead."""
    for key in [key for key in os.environ if key.startswith("AWS_")]:
        patch.delenv(key)
    for key, value in _CREDENTIALS.items():
        patch.setenv(key, value)


def _one_at_a_time(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        with _ENVIRONMENT:
            return make(*args, **kwargs)

    return made


@contextmanager
def in_moto(*, run: bool = False, **parameters: str) -> Iterator[Aws]:
    """Make the stack in moto. ``run``: executions really run. ``parameters``: of the template."""
    with pytest.MonkeyPatch.context() as patch:
        own_environment(patch)
        settings: Any = {"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": run}}
        # moto 5.2 gives a bus no physical id, and a Ref to it would be the Python object.
        patch.setattr(EventBus, "physical_resource_id", property(lambda bus: bus.name), raising=False)
        # It reads JSON through PyYAML in pure Python, which takes longer than making the stack.
        patch.setattr(Stack, "parse_template", staticmethod(json.loads))
        patch.setattr(Session, "create_client", _one_at_a_time(Session.create_client))
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda _seconds: None))
        # Its workers of one Map race for the key under which a retrier counts (one attempt too many).
        patch.setattr(MaxConcurrencyDecl, "_eval_body", lambda _self, env: env.stack.append(1))
        with mock_aws(config=settings):
            aws = _deploy(parameters)
            if run:
                _copy_machine(aws.workflow_arn)
            patch.setattr(LambdaSimpleBackend, "invoke", _invoke_in(aws))
            clear_caches()
            try:
                yield aws
            finally:
                aws.leave()


def _deploy(parameters: dict[str, str]) -> Aws:
    s3 = Aws.client("s3")
    s3.create_bucket(Bucket="packages")
    s3.put_object(Bucket="packages", Key="code.zip", Body=_empty_zip())
    formation = Aws.client("cloudformation")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # moto's "not supported": name it in _LEFT_OUT instead
        formation.create_stack(
            StackName=STACK,
            TemplateBody=_prepared(),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )
    (stack,) = formation.describe_stacks(StackName=STACK)["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(f"moto did not make the stack: {stack}")
    made = formation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in made}
    _what_moto_forgets(ids)
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    return Aws(ids, outputs, _functions(ids))


def _what_moto_forgets(ids: dict[str, str]) -> None:
    """Apply, from the template, the properties that moto's CloudFormation drops."""
    full = template.expanded()["Resources"]
    s3 = Aws.client("s3")
    for name, resource in full.items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::S3::Bucket":
                s3.put_bucket_versioning(
                    Bucket=ids[name], VersioningConfiguration=properties["VersioningConfiguration"]
                )
            case "AWS::DynamoDB::Table" if "TimeToLiveSpecification" in properties:
                Aws.client("dynamodb").update_time_to_live(
                    TableName=ids[name], TimeToLiveSpecification=properties["TimeToLiveSpecification"]
                )
            case "AWS::Scheduler::ScheduleGroup":
                text = properties["Name"]["Fn::Sub"].replace("${AWS::StackName}", STACK)
                Aws.client("scheduler").create_schedule_group(Name=text)
                ids[name] = text
            case "AWS::KMS::Key" if properties.get("KeyUsage") == "SIGN_VERIFY":
                key = kms_backends[ACCOUNT][REGION].keys[ids[name]]
                key.key_usage, key.key_spec = properties["KeyUsage"], properties["KeySpec"]
                key.private_key = generate_private_key(key.key_spec)


def _copy_machine(arn: str) -> None:
    """Hand the machine to moto's interpreter: CloudFormation gives it to the recording backend only."""
    made = stepfunctions_backends[ACCOUNT][REGION].describe_state_machine(arn)
    Aws.client("stepfunctions").create_state_machine(
        name=made.name, definition=made.definition, roleArn=made.roleArn
    )


def _functions(ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Read every function back from moto, where CloudFormation has resolved its environment."""
    listed = {
        one["FunctionName"]: one for one in Aws.client("lambda").list_functions(MaxItems=100)["Functions"]
    }
    found = {}
    for name, resource in template.functions().items():
        one = listed[ids[resource["LogicalId"]]]
        found[name] = {
            "FunctionName": one["FunctionName"],
            "Timeout": one["Timeout"],
            "MemorySize": one["MemorySize"],
            "Environment": {k: str(v) for k, v in one.get("Environment", {}).get("Variables", {}).items()},
        }
    return found


def _invoke_in(aws: Aws) -> Callable[..., bytes]:
    """Return what replaces moto's canned answer: the real handler, an error shaped as Lambda shapes it."""
    by_name = {one["FunctionName"]: name for name, one in aws.functions.items()}

    def invoke(
        _backend: Any, function_name: str, _qualifier: Any, body: Any, _headers: Any, response_headers: Any
    ) -> bytes:
        name = by_name[function_name.rpartition(":")[2]]
        try:
            return json.dumps(aws.invoke(name, json.loads(body or "{}"))).encode()
        except Exception as error:  # noqa: BLE001  # Lambda reports whatever a handler raises
            response_headers["x-amz-function-error"] = "Unhandled"
            trace = traceback.format_exc().splitlines()
            return json.dumps(
                {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
            ).encode()

    return invoke


@functools.lru_cache(maxsize=1)
def _empty_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", "")
    return buffer.getvalue()
