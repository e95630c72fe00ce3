"""What may happen in which room, and how long a file may get. Read from the syntax trees, not from prose."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.template import ROOT

CORE = ROOT / "layers" / "core" / "bonafide"
INFERENCE = ROOT / "layers" / "inference" / "bonafide_inference"
FUNCTIONS = ROOT / "functions"

ADAPTERS = {  # and store/
    "bus.py", "keys.py", "media.py", "queue.py", "secrets.py", "shelf.py", "speech_to_text.py", "wording.py",
    "workflow.py",
}  # fmt: skip
AWS = {"boto3", "botocore"}
HEAVY = {"numpy", "onnxruntime", "av", "scipy", "PIL", "cv2"}
HANDLER_LINES, FILE_LINES, FUNCTION_LINES = 60, 400, 40


def sources(*places: Path) -> list[Path]:
    """Return the Python files of some rooms."""
    return sorted(path for place in places for path in place.rglob("*.py"))


def imports(tree: ast.AST) -> set[str]:
    """Return the top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def environment(tree: ast.AST) -> list[int]:
    """Return the lines that read the environment: os.environ, os.getenv, in any spelling."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {a.name for a in node.names} & names)
    )


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield name and length of every function, without its docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            text = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)
            said = (first.end_lineno or 0) - first.lineno + 1 if text else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - said


def parse(path: Path) -> ast.Module:
    """Return the syntax tree, by the grammar of Python 3.11 (the oldest that the project runs on)."""
    return ast.parse(path.read_text("utf-8"), str(path), feature_version=(3, 11))


def short(path: Path) -> str:
    """Return the path as seen from the root."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(CORE), ids=short)
def test_core(path: Path) -> None:
    inside = path.relative_to(CORE)
    used = imports(parse(path))
    assert not used & HEAVY, "numbers belong to layers/inference"
    assert "bonafide_inference" not in used, "the core does not know the inference layer"
    if inside.parts[0] != "store" and path.name not in ADAPTERS:
        assert not used & AWS, "boto3 belongs to the adapters"
    if path.name != "settings.py":
        assert environment(parse(path)) == [], "the environment belongs to settings.py"


@pytest.mark.parametrize("path", sources(INFERENCE), ids=short)
def test_inference(path: Path) -> None:
    assert not imports(parse(path)) & AWS, "the inference layer does not know AWS"
    assert environment(parse(path)) == [], "the environment belongs to settings.py"
    assert "tenant" not in names(parse(path)), "the inference layer does not know tenants"


def names(tree: ast.AST) -> set[str]:
    """Return every name and attribute that a module uses."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)
    }


@pytest.mark.parametrize("path", sources(FUNCTIONS), ids=short)
def test_function(path: Path) -> None:
    used = imports(parse(path))
    assert not used & (AWS | HEAVY), "handlers call the core"
    assert environment(parse(path)) == [], "the environment belongs to settings.py"


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*/handler.py")), ids=short)
def test_handler_is_thin(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= HANDLER_LINES
    assert any(
        isinstance(node, ast.FunctionDef | ast.Assign) and "lambda_handler" in ast.unparse(node)
        for node in parse(path).body
    )


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("api_*/")), ids=short)
def test_dialects_do_not_see_each_other(path: Path) -> None:
    others = {other.name for other in FUNCTIONS.glob("api_*/")} - {path.name}
    for source in sources(path):
        assert not imports(parse(source)) & others, short(source)


@pytest.mark.parametrize(
    "path",
    sources(ROOT / "layers", FUNCTIONS, ROOT / "localcloud", ROOT / "training", ROOT / "benchmarks"),
    ids=short,
)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= FILE_LINES
    assert [f"{name}: {lines}" for name, lines in functions(parse(path)) if lines > FUNCTION_LINES] == []


@pytest.mark.parametrize("path", sources(ROOT / "layers", FUNCTIONS), ids=short)
def test_public_names_have_docstrings(path: Path) -> None:
    tree = parse(path)
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
    ]
    missing = [node.name for node in public if not ast.get_docstring(node)]
    assert ast.get_docstring(tree) or not tree.body, "a module says what it is for"
    assert missing == []


def test_everything_is_python_3_11() -> None:
    for path in sources(
        ROOT / "layers", FUNCTIONS, *(ROOT / r for r in ("localcloud", "training", "benchmarks", "tests"))
    ):
        parse(path)


def test_the_rules_can_fail() -> None:
    assert imports(ast.parse("def f():\n    import boto3.session\n    from numpy.linalg import norm")) == {
        "boto3",
        "numpy",
    }
    assert environment(ast.parse("import os\nos.environ['A']\nos.getenv('B')\nfrom os import environ")) == [
        2,
        3,
        4,
    ]
    long = "def f():\n    '''Say\n    it.'''\n" + "    x = 1\n" * 70
    assert [lines for _, lines in functions(ast.parse(long))] == [71]
    with pytest.raises(SyntaxError):
        ast.parse("type X = int", feature_version=(3, 11))
