"""Pins: everything imported is required somewhere, everything required is exact, nothing names a registry."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from localcloud.cloud import ROOT

FILES = [
    file
    for pattern in ("requirements/*.txt", "layers/*/requirements*.txt", "functions/*/requirements.txt")
    for file in sorted(ROOT.glob(pattern))
]
# What another package brings, at a version fixed with it.
BROUGHT = {"botocore": "boto3", "urllib3": "boto3"}


def _lines(file: Path) -> list[str]:
    bare = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in bare if line]


def _names(file: Path) -> set[str]:
    return {_name(line) for line in _lines(file) if not line.startswith("-")}


def _name(requirement: str) -> str:
    return re.split(r"[\[=<>~!; ]", requirement)[0].lower().replace("_", "-")


def _imported(folder: Path) -> Iterator[str]:
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.partition(".")[0]


def _third_party(*folders: str) -> set[str]:
    ours = {"bonafide", "bonafide_inference", "localcloud", "ownmodels", "training"}
    found: set[str] = set()
    for name in folders:
        local = {path.stem for path in (ROOT / name).rglob("*.py")} | {
            path.name for path in (ROOT / name).rglob("*") if path.is_dir()
        }
        found |= set(_imported(ROOT / name)) - local
    return found - ours - set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (("layers/core",), ("layers/core/requirements.txt",)),
        (
            ("layers/core", "functions"),
            ("layers/core/requirements.txt", "functions/fetch/requirements.txt"),
        ),
        (
            ("layers/inference",),
            ("layers/inference/requirements.txt", "layers/inference/requirements-bare.txt"),
        ),
        (
            ("localcloud", "ownmodels"),
            ("requirements/local.txt", "layers/core/requirements.txt", "layers/inference/requirements.txt"),
        ),
    ],
    ids=["core", "functions", "inference", "localcloud"],
)
def test_what_is_imported_is_required(folders: tuple[str, ...], files: tuple[str, ...]) -> None:
    required = set().union(*(_names(ROOT / file) for file in files))
    known = packages_distributions()
    missing = {
        module
        for module in _third_party(*folders)
        if BROUGHT.get(module) not in required
        and not {name.lower().replace("_", "-") for name in known.get(module, ["?"])} & required
    }
    assert not missing, f"{', '.join(sorted(missing))} is in none of {files}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_pins_are_exact_and_name_no_registry(file: Path) -> None:
    for line in _lines(file):
        assert re.fullmatch(r"-[rc] [\w./-]+|[\w.-]+==[\w.]+", line), line


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_pins_agree_with_the_constraints(file: Path) -> None:
    fixed = dict(line.split("==") for line in _lines(ROOT / "requirements/constraints.txt"))
    fixed = {name.lower().replace("_", "-"): version for name, version in fixed.items()}
    for line in _lines(file):
        if not line.startswith("-"):
            assert fixed.get(_name(line)) == line.split("==")[1], line
