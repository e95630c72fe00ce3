"""``python -m localcloud.score OPERATION DIR OUT``: one operation over a folder, without any cloud.

One JSON line a file, in the order of the sorted paths: path, outcome, verdict (policy ``default``), p_fake,
interval, llr, reason, model (of more than one, the strongest), seconds. Planned and fused as an analysis is.
A bad file is a line like any other. Interrupted, it leaves the lines that are done.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from bonafide.fuse import fuse_operation
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome
from bonafide.plan import plan
from bonafide.policy import policy
from bonafide_inference.inspect import Refusal, inspect
from bonafide_inference.registry import catalogue, run_item

__all__ = ["main", "score_file"]

MAX_ITEMS = 40
"""Work items of one file, as deployed (template.yaml, settings.py)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when every file has its line, 130 when interrupted, 2 for bad arguments."""
    parser = argparse.ArgumentParser(prog="localcloud.score", description=__doc__)
    parser.add_argument("operation", choices=[str(operation) for operation in Operation], metavar="OPERATION")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("out", metavar="OUT", help="a .jsonl file, or - for standard output")
    parser.add_argument(
        "--models", help="folder of further model folders (they run in shadow unless promoted)"
    )
    arguments = parser.parse_args(argv)
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    paths = list(_files(arguments.folder))
    out = sys.stdout if arguments.out == "-" else open(arguments.out, "w", encoding="utf-8")  # noqa: SIM115
    try:
        _score_all(paths, arguments, out)
    except KeyboardInterrupt:
        print("\ninterrupted; the lines written so far are whole", file=sys.stderr)
        return 130
    finally:
        if out is not sys.stdout:
            out.close()
    return 0


def _score_all(paths: list[Path], arguments: argparse.Namespace, out: TextIO) -> None:
    for number, path in enumerate(paths, 1):
        line = score_file(str(path), Operation(arguments.operation), models_dir=arguments.models)
        line["path"] = str(path.relative_to(arguments.folder))
        out.write(json.dumps(line, ensure_ascii=True) + "\n")
        out.flush()
        print(f"\r{number}/{len(paths)} {line['outcome']:<15}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _files(folder: Path) -> Iterator[Path]:
    """Every regular file below ``folder``, sorted; hidden files and broken links are left out."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(".") and path.is_file():
                yield path


def score_file(path: str, operation: Operation, *, models_dir: str | None = None) -> dict[str, Any]:
    """One file's line. Never raises for the file's sake: a refusal or an unreadable file is an outcome."""
    started = time.monotonic()
    try:
        media = inspect(path)
        findings = (
            [_refused(media, operation)]
            if isinstance(media, Refusal)
            else _ask(path, media, operation, models_dir)
        )
    except OSError as error:
        words = error.strerror or type(error).__name__
        findings = [
            Finding(operation=operation, outcome=Outcome.FAILED, reason="unreadable_file", detail=words)
        ]
    result = fuse_operation(operation, findings, policy("default"))
    strongest = max(findings, key=_weight, default=None)
    model = strongest.model if strongest else None
    return {
        "path": path, "outcome": str(result.outcome), "verdict": str(result.verdict),
        "p_fake": result.p_fake, "interval": result.interval and [result.interval.low, result.interval.high],
        "llr": result.llr, "reason": result.reason, "detail": result.detail,
        "model": f"{model.name}@{model.version}" if model else None,
        "seconds": round(time.monotonic() - started, 4),
    }  # fmt: skip


def _refused(refusal: Refusal, operation: Operation) -> Finding:
    foreign = refusal.code in ("unsupported_format", "empty_file")
    outcome = Outcome.NOT_APPLICABLE if foreign else Outcome.FAILED
    return Finding(operation=operation, outcome=outcome, reason=refusal.code, detail=refusal.detail)


def _ask(path: str, media: MediaFacts, operation: Operation, models_dir: str | None) -> list[Finding]:
    """Run the work items that an analysis of this file with this operation would have, one by one."""
    options = Options(visualize=False)
    findings: list[Finding] = []
    for item in plan(media, (operation,), options, catalogue(models_dir), max_items=MAX_ITEMS):
        with tempfile.TemporaryDirectory(prefix="bonafide-score-") as workdir:
            findings += run_item(path, media, item, options, workdir, models_dir=models_dir)
    return findings


_RANK = {Outcome.SCORED: 3, Outcome.INCONCLUSIVE: 2, Outcome.FAILED: 1, Outcome.NOT_APPLICABLE: 0}


def _weight(finding: Finding) -> tuple[int, float]:
    return _RANK[finding.outcome], abs(finding.llr or 0.0)


if __name__ == "__main__":
    raise SystemExit(main())
