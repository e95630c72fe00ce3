"""``python -m benchmarks.forensics_traces --data DIR``: how often each flag of `file_forensics` rises, where.

Pictures, sound and video of ``DIR`` (see ``shared/material.md``) go the real way: inspection, then their
detectors in a cell of 20 s and 1 GB. Prints flags by folder, and what a generator's declaration weighs;
``--write`` puts the counts on innocent files where the flags' base rates are read from. Exit status 1 when a
file crashed or hung.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bonafide.model import Finding, MediaFacts, MediaKind, Operation, Options, Outcome, WorkItem
from bonafide_inference import base_rates
from bonafide_inference.inspect import Refusal, inspect
from bonafide_inference.registry import run_item

__all__ = ["main"]

SECONDS, MEMORY_MB = 20.0, 1024
INNOCENT: dict[Path, dict[str, tuple[str, ...]]] = {
    base_rates.PICTURES: {
        "data-set photographs": ("image/genuine", "liveness/live"),
        "camera samples": ("forensic/exif/exif-samples",),
        "unedited originals": ("forensic/edited/Copy-Move-Detection-Based-On-PatchMatch/original",),
    },
    base_rates.RECORDINGS: {
        "genuine speech recordings": ("speech/genuine",),
        "genuine clips, encoded again by data sets": ("video/genuine",),
    },
}
"""File → words for a flag's base rate → folders that count for it."""
FOLDERS = ("image", "liveness/live", "video", "speech", "forensic")
GENERATED = ("image/generated",)
OTHERS = ("image/genuine", "forensic/exif", "forensic/edited", "forensic/screenshots")
"""What a declaration's likelihood ratio is counted on."""
HISTORIES = "forensic/exif/wild-photoshop-history"
SOUND = 8
"""Of so many sound files one is taken (they are 2,000)."""
KINDS = {MediaKind.IMAGE: "image", MediaKind.AUDIO: "audio", MediaKind.VIDEO: "video"}


def ask(path: Path) -> Finding | str | None:
    """The finding of one file, the reason of a refusal, or None for a document."""
    media = inspect(str(path))
    if isinstance(media, Refusal):
        return media.code
    return _finding(path, media) if media.kind in KINDS else None


def _finding(path: Path, media: MediaFacts) -> Finding:
    item = WorkItem.model_validate(
        {"id": "i", "detector": KINDS[media.kind], "operations": (Operation.FILE_FORENSICS,)}
    )
    with tempfile.TemporaryDirectory() as workdir:
        findings = run_item(
            str(path), media, item, Options(visualize=False), workdir, seconds=SECONDS, memory_mb=MEMORY_MB
        )
    return findings[0]


def _files(root: Path, folders: Sequence[str]) -> Iterator[Path]:
    for folder in folders:
        found = sorted(path for path in (root / folder).rglob("*") if path.is_file())
        yield from found[:: SOUND if folder.startswith("speech") else 1]


def _group(path: Path, root: Path) -> str:
    """The folder that a file counts for: two levels, three below ``forensic``."""
    parts = path.relative_to(root).parts[:-1]
    return "/".join(parts[: 3 if parts[0] in ("forensic", "image") else 2])


def _within(path: Path, root: Path, folders: Sequence[str]) -> bool:
    return any(path.is_relative_to(root / folder) for folder in folders)


def measure(
    root: Path, folders: Sequence[str] = FOLDERS
) -> tuple[dict[str, Counter[str]], dict[Path, Finding], list[str]]:
    """Counts by folder, findings by file, and what went wrong."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    findings: dict[Path, Finding] = {}
    wrong: list[str] = []
    for path in _files(root, folders):
        started = time.monotonic()
        answer = ask(path)
        spent = time.monotonic() - started
        if answer is None:
            continue
        row = table[_group(path, root)]
        if isinstance(answer, str):
            row["(refused)"] += 1
            if answer == "inspection_timed_out":
                wrong.append(f"{path}: {answer}")
            continue
        findings[path] = answer
        row["(files)"] += 1
        row.update({flag.code for flag in answer.evidence.flags})
        if answer.outcome is Outcome.FAILED or spent > SECONDS:
            wrong.append(f"{path}: {answer.reason} after {spent:.1f} s: {answer.detail}")
    return table, findings, wrong


def rates(
    root: Path, findings: dict[Path, Finding], innocent: dict[str, tuple[str, ...]]
) -> dict[str, dict[str, Any]]:
    """Counts of each flag on innocent files, as `base_rates` reads them."""
    groups: dict[str, int] = {}
    flags: dict[str, dict[str, int]] = defaultdict(dict)
    for name, folders in innocent.items():
        mine = [found for path, found in findings.items() if _within(path, root, folders)]
        groups[name] = len(mine)
        counts = Counter(code for found in mine for code in {flag.code for flag in found.evidence.flags})
        for code, count in sorted(counts.items()):
            flags[code][name] = count
    return {"groups": groups, "flags": dict(sorted(flags.items()))}


def _write(root: Path, findings: dict[Path, Finding]) -> None:
    """Renew each file of base rates of whose groups files were looked at."""
    for file, innocent in INNOCENT.items():
        counts = rates(root, findings, innocent)
        if all(counts["groups"].values()):
            file.write_text(json.dumps(counts, indent=1) + "\n", "utf-8")


def declared(root: Path, findings: dict[Path, Finding]) -> str:
    """What a declaration weighs: counts, and the ratio with the rule of three in its denominator."""
    counts = []
    for folders in (GENERATED, OTHERS):
        mine = [found for path, found in findings.items() if _within(path, root, folders)]
        counts.append((sum(found.outcome is Outcome.SCORED for found in mine), len(mine)))
    (hits, generated), (false, others) = counts
    if not (hits and generated and others):
        return "declarations: nothing to count"
    bound = 3 / others if not false else (false + 2 * math.sqrt(false) + 2) / others
    llr = math.log(hits / generated / bound)
    return (
        f"declared by a generator: {hits} of {generated} generated pictures, {false} of {others} others "
        f"(at most {bound:.2%} with 95 % confidence); LLR {llr:.2f} nats"
    )


def editors(root: Path, findings: dict[Path, Finding]) -> list[str]:
    """Lines: how many pictures bear the trace of a save by an editor (APP14, tables, resources, names)."""
    lines = []
    groups = {"exif/wild-photoshop-history (edited)": (HISTORIES,)} | INNOCENT[base_rates.PICTURES]
    for name, folders in groups.items():
        mine = [found for path, found in findings.items() if _within(path, root, folders)]
        marked = sum(bool(found.evidence.values.get("resaved_by_editor")) for found in mine)
        lines += [f"saved by an editor: {marked} of {len(mine)} {name}"] if mine else []
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="renew the files of base rates")
    parser.add_argument("--folders", nargs="*", default=FOLDERS, help="only these of the material")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    table, findings, wrong = measure(options.data, options.folders)
    for group, row in sorted(table.items()):
        files = f"{row['(files)']} files" + (f", {row['(refused)']} refused" if row["(refused)"] else "")
        flags = ", ".join(f"{code} {n}" for code, n in row.most_common() if not code.startswith("("))
        print(f"{group:<42} {files:<24} {flags or '–'}")
    print(declared(options.data, findings))
    print("\n".join(editors(options.data, findings)))
    print(f"{len(findings)} files in {time.monotonic() - started:.0f} s; crashed or hung: {len(wrong)}")
    for line in wrong:
        print("  " + line)
    if options.write:
        _write(options.data, findings)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
