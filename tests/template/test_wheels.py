"""Every pin of the functions is there as a wheel for Lambda's python3.13, on both architectures.

pip itself answers, from the index that this machine's pip is set up with; nothing is installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.template import ROOT

CORE = ROOT / "layers/core/requirements.txt"
INFERENCE = ROOT / "layers/inference/requirements.txt"
BARE = ROOT / "layers/inference/requirements-bare.txt"
FETCH = ROOT / "functions/fetch/requirements.txt"
GLIBC = 34  # Amazon Linux 2023, what python3.12 and python3.13 of Lambda stand on
PYTHON = "3.13"

pytestmark = pytest.mark.network


def pip(*words: str, seconds: int = 300) -> subprocess.CompletedProcess[str]:
    """Run this interpreter's pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds)


@cache
def index_answers() -> bool:
    """Tell whether pip reaches an index at all (asked only once a resolution has failed)."""
    return pip("--retries", "1", "--timeout", "10", "index", "versions", "pydantic").returncode == 0


def platforms(machine: str) -> list[str]:
    """Return the wheel tags that run on Amazon Linux 2023, newest first."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 16, -1)]
    return [word for tag in [*tags, f"manylinux2014_{machine}"] for word in ("--platform", tag)]


def resolve(files: list[Path], machine: str, *flags: str) -> list[dict[str, Any]]:
    """Return what pip would install from ``files``: name, version and the wheel's address."""
    requirements = [word for file in files for word in ("-r", str(file))]
    done = pip(
        "install",
        "--dry-run",
        "--quiet",
        *flags,
        "--ignore-installed",
        "--only-binary=:all:",
        "--target=/nonexistent",
        f"--python-version={PYTHON}",
        "--implementation=cp",
        f"--abi=cp{PYTHON.replace('.', '')}",
        "--abi=abi3",
        "--abi=none",
        *platforms(machine),
        "--report=-",
        *requirements,
    )
    if done.returncode and not index_answers():
        pytest.skip("pip reaches no package index from here, so that nothing can be said about wheels")
    assert done.returncode == 0, done.stderr
    return [
        {
            "name": item["metadata"]["name"].lower().replace("_", "-"),
            "version": item["metadata"]["version"],
            "wheel": item["download_info"]["url"].rpartition("/")[2],
        }
        for item in json.loads(done.stdout)["install"]
    ]


def pins(file: Path) -> dict[str, str]:
    """Return name -> version of a requirements file; fails on a line that pins nothing."""
    found = {}
    for line in file.read_text("utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text:
            match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([A-Za-z0-9.]+)", text)
            assert match, f"{file.name}: {text!r} is no exact pin"
            found[match[1].lower().replace("_", "-")] = match[2]
    return found


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_pin_is_a_wheel(machine: str) -> None:
    found = resolve([CORE, INFERENCE, FETCH], machine)
    versions = {one["name"]: one["version"] for one in found}
    assert pins(CORE).items() <= versions.items()
    assert pins(INFERENCE).items() <= versions.items()
    assert pins(FETCH).items() <= versions.items()
    found += resolve([BARE], machine, "--no-deps")
    assert pins(BARE).items() <= {one["name"]: one["version"] for one in found}.items()
    foreign = [one["wheel"] for one in found if "any.whl" not in one["wheel"] and machine not in one["wheel"]]
    assert foreign == []


def test_the_core_layer_resolves_alone_and_carries_no_numbers() -> None:
    found = {one["name"]: one["version"] for one in resolve([CORE], "aarch64")}
    assert pins(CORE).items() <= found.items()
    assert not found.keys() & {"numpy", "onnxruntime", "av", "pillow", "scipy"}


def test_a_pin_without_a_wheel_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "requirements.txt"
    wrong.write_text("pydantic==0.0.0\n")
    with pytest.raises(AssertionError, match="pydantic"):
        resolve([wrong], "x86_64")
