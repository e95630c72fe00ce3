"""The real ``sam deploy`` of the real template, into the embedded cloud.

Two things are rewritten. Images need Docker there: a function of package type Image becomes a zip
function. Its handler is ``ImageConfig.Command``; its code is what the Dockerfile's COPY lines put into
the task root for that function's build arguments. And a function behind an API may take longer than the
gateway on AWS waits, because it takes much larger requests here. All else goes as it stands (a layer of
plain sources needs no build: its packages are in the interpreter that runs the functions).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import yaml

from localcloud.cloud import ROOT, CloudError, LocalCloud, cores

__all__ = ["STACK", "assemble", "copies", "deploy", "digest", "load_template", "localize"]

STACK = "bonafide"
_CODE_BUCKET = "bonafide-deploy"
_SOURCES = ("template.yaml", "statemachine", "functions", "layers")
_SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".pytest_cache", ".DS_Store")


# ---- the template -------------------------------------------------------------------------------
class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, read into the long ones."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)
# A template's version and a policy's version are dates to YAML and strings to CloudFormation.
_Loader.yaml_implicit_resolvers = {
    key: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
    for key, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_template(path: Path) -> dict[str, Any]:
    """Parse a CloudFormation template; short intrinsics come out in their long form."""
    return cast("dict[str, Any]", yaml.load(path.read_text(), Loader=_Loader))  # noqa: S506 (a SafeLoader)


# ---- image functions become zip functions -------------------------------------------------------
def localize(template: Mapping[str, Any], root: Path, build: Path) -> dict[str, Any]:
    """The template that is deployed locally: image functions rewritten, paths made absolute.

    ``root`` is the folder that the template's relative paths start from; the code of the rewritten
    functions is put together under ``build``.
    """
    result = cast("dict[str, Any]", json.loads(json.dumps(template)))
    for name, resource in result["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function" and properties.get("PackageType") == "Image":
            code = build / name
            assemble(resource["Metadata"], root, code)
            _to_zip(resource, code)
        for key in ("CodeUri", "ContentUri", "DefinitionUri"):
            if isinstance(properties.get(key), str) and not properties[key].startswith("s3://"):
                properties[key] = str(root / properties[key])
    return result


def _to_zip(resource: dict[str, Any], code: Path) -> None:
    properties = resource["Properties"]
    command = properties.pop("ImageConfig", {}).get("Command")
    if not command or len(command) != 1:
        raise CloudError(f"an image function needs ImageConfig.Command with its one handler, not {command!r}")
    for key in ("PackageType", "ImageUri"):
        properties.pop(key, None)
    resource.pop("Metadata", None)
    properties |= {"Runtime": "python3.13", "Handler": command[0], "CodeUri": str(code)}


def copies(dockerfile: str, arguments: Mapping[str, str]) -> list[tuple[list[str], str]]:
    """What a Dockerfile copies from its context into the task root: (sources, place below it).

    Only the final stage counts. Copies from other stages and to places outside the task root
    (requirements for pip, say) are left out: locally those packages are in the interpreter.
    """
    known = dict(arguments)
    found: list[tuple[list[str], str]] = []
    for line in re.sub(r"\\\s*\n", " ", dockerfile).splitlines():
        word, _, rest = line.strip().partition(" ")
        match word.upper():
            case "FROM":
                found = []
            case "ARG" if "=" in rest:
                key, _, value = rest.strip().partition("=")
                known.setdefault(key, value)
            case "COPY":
                words = shlex.split(rest)
                flags = [w for w in words if w.startswith("--")]
                *sources, target = [_expand(w, known) for w in words if not w.startswith("--")]
                place = _below_task_root(target)
                if place is not None and not any(flag.startswith("--from") for flag in flags):
                    found.append((sources, place))
    return found


def _expand(word: str, known: Mapping[str, str]) -> str:
    known = {"LAMBDA_TASK_ROOT": "/var/task"} | dict(known)
    return re.sub(r"\$\{?(\w+)\}?", lambda m: known.get(m[1], ""), word)


def _below_task_root(target: str) -> str | None:
    absolute = target if target.startswith("/") else f"/var/task/{target}"
    place = os.path.normpath(absolute) + ("/" if target.endswith("/") else "")
    if place.rstrip("/") != "/var/task" and not place.startswith("/var/task/"):
        return None
    return place.removeprefix("/var/task").lstrip("/")


def assemble(metadata: Mapping[str, Any], root: Path, code: Path) -> None:
    """Put an image function's task root together in ``code`` (hard links where the disk allows)."""
    context = root / metadata.get("DockerContext", ".")
    # SAM reads the Dockerfile relative to the context.
    dockerfile = context / metadata.get("Dockerfile", "Dockerfile")
    lines = copies(dockerfile.read_text(), metadata.get("DockerBuildArgs", {}))
    if not lines:
        raise CloudError(f"{dockerfile} copies nothing into the task root")
    shutil.rmtree(code, ignore_errors=True)
    code.mkdir(parents=True)
    for sources, place in lines:
        for source in sources:
            _copy(_inside(context, source), place, code)


def _inside(context: Path, source: str) -> list[Path]:
    pattern = source.strip("/")
    matches = [context] if pattern in ("", ".") else sorted(context.glob(pattern))
    if not matches:
        raise CloudError(f"the Dockerfile copies {source}, which is not in {context}")
    return matches


def _copy(sources: Iterable[Path], place: str, code: Path) -> None:
    for source in sources:
        if source.is_dir():  # Docker copies what is in it
            shutil.copytree(source, code / place, copy_function=_link, ignore=_SKIPPED, dirs_exist_ok=True)
            continue
        target = code / place / source.name if place.endswith("/") or not place else code / place
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(source, target)


def _link(source: str | Path, target: str | Path) -> None:
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


# ---- deploying ----------------------------------------------------------------------------------
def digest(root: Path, parameters: Mapping[str, str]) -> str:
    """One hash of all that a deploy depends on; names and contents, no times."""
    total = hashlib.sha256(json.dumps([sys.version_info[:2], dict(parameters)]).encode())
    files = [root / name for name in _SOURCES] + [Path(__file__)]
    for top in files:
        for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if file.is_file() and file.suffix != ".pyc":
                total.update(f"\0{file.relative_to(top.parent)}\0".encode())
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def local_parameters(cloud: LocalCloud) -> dict[str, str]:
    """The template's parameters on one machine: as few work items at once as it has cores for."""
    return {
        "AllowLoopback": "true",
        "ApiTimeoutSeconds": "300",  # 500 MiB on a busy machine; the local gateway waits
        "InlineLimitBytes": str(500 * 1024**2),  # nothing here limits a request: as much as any vendor takes
        "PublicBaseUrl": cloud.base_url,
        "LogRetentionDays": "1",
        "TranscriptionEngine": "pocketsphinx",  # nothing is sent anywhere
        "MaxItems": str(max(4, 2 * cores())),
    }


def deploy(
    cloud: LocalCloud,
    *,
    root: Path = ROOT,
    parameters: Mapping[str, str] | None = None,
    force: bool = False,
) -> bool:
    """Bring the stack to what the sources say; False when it was already there.

    Raises
    ------
    CloudError
        ``sam deploy`` failed; the message ends with what it said.
    """
    with cloud.locked(cloud.root / "deploying", wait=True, timeout_s=300):
        return _deploy(cloud, root, dict(parameters or {}), force=force)


def _deploy(cloud: LocalCloud, root: Path, parameters: dict[str, str], *, force: bool) -> bool:
    template = load_template(root / "template.yaml")
    wanted = local_parameters(cloud) | parameters
    wanted = {key: value for key, value in wanted.items() if key in template.get("Parameters", {})}
    mark = digest(root, wanted | {"gateway": cloud.endpoint})
    if not force and cloud._read("deploy.json").get("digest") == mark:
        return False
    build = cloud.root / "build"
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    (build / "template.json").write_text(json.dumps(localize(template, root, build), indent=1))
    _sam_deploy(cloud, build / "template.json", wanted)
    _remember(cloud, mark)
    cloud.checkpoint()
    return True


def _sam_deploy(cloud: LocalCloud, template: Path, parameters: Mapping[str, str]) -> None:
    cloud.client("s3").create_bucket(Bucket=_CODE_BUCKET)
    _drop_broken_stack(cloud)
    words = ["--template-file", str(template), "--stack-name", STACK, "--s3-bucket", _CODE_BUCKET]
    words += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    words += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    words += ["--parameter-overrides", *(f"{key}={value}" for key, value in parameters.items())]
    environment = cloud.aws_env() | {
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.2",
        "__SAM_CLI_APP_DIR": str(_quiet_sam(cloud)),
    }
    result = subprocess.run(
        [sys.executable, "-m", "samcli", "deploy", *words],
        cwd=template.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (cloud.root / "deploy.log").write_text(result.stdout)
    if result.returncode:
        last = "\n".join(result.stdout.splitlines()[-40:])
        raise CloudError(f"sam deploy failed; all of it is in {cloud.root / 'deploy.log'}\n{last}")


def _quiet_sam(cloud: LocalCloud) -> Path:
    """Give sam a home where it has just looked for a newer version of itself: a deploy asks no network."""
    home = cloud.root / "sam"
    home.mkdir(exist_ok=True)
    (home / "metadata.json").write_text(json.dumps({"lastVersionCheck": datetime.now(UTC).timestamp()}))
    return home


def _drop_broken_stack(cloud: LocalCloud) -> None:
    """A first deploy that failed leaves a stack that can only be deleted."""
    from botocore.exceptions import ClientError

    cloudformation = cloud.client("cloudformation")
    try:
        status = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    except ClientError:
        return
    if status in (
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "CREATE_FAILED",
        "DELETE_FAILED",
        "REVIEW_IN_PROGRESS",
    ):
        cloudformation.delete_stack(StackName=STACK)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


def _remember(cloud: LocalCloud, mark: str) -> None:
    stack = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    known = {
        "digest": mark,
        "deployed_at": datetime.now(UTC).isoformat(),
        "outputs": {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])},
    }
    temporary = cloud.deploy_file.with_suffix(".tmp")
    temporary.write_text(json.dumps(known, indent=1))
    temporary.replace(cloud.deploy_file)
