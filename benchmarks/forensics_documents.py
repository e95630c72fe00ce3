"""``python -m benchmarks.forensics_documents --data DIR``: PDF forensics and provenance over material.

``DIR/forensic`` holds ``pdf``, ``malformed`` and ``c2pa``. Every file goes through the real path (inspection,
then all its detectors of the two operations, in a cell of 20 s and 1 GB). Besides, documents made on the
spot: incremental, linearised, signed, signed and then overlaid. Prints tables; exit status 1 when a figure
that must hold does not.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide_inference.inspect import Refusal, inspect
from bonafide_inference.registry import run_item

from benchmarks import documents

__all__ = ["main"]

SECONDS, MEMORY_MB = 20.0, 1024
ASKED = (Operation.FILE_FORENSICS, Operation.PROVENANCE)


@dataclass
class Answer:
    """One file's way through: its refusal, or its findings, and the seconds it took."""

    path: Path
    refusal: str | None = None
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    def of(self, operation: Operation) -> list[Finding]:
        """The findings of one operation."""
        return [finding for finding in self.findings if finding.operation is operation]

    @property
    def codes(self) -> set[str]:
        """Codes of all flags."""
        return {flag.code for finding in self.findings for flag in finding.evidence.flags}


def ask(path: Path, operations: Sequence[Operation] = ASKED) -> Answer:
    """Send one file the real way, within the limits."""
    started = time.monotonic()
    media = inspect(str(path))
    if isinstance(media, Refusal):
        return Answer(path, refusal=media.code, seconds=time.monotonic() - started)
    answer = Answer(path, findings=_findings(path, media, tuple(operations)))
    answer.seconds = time.monotonic() - started
    return answer


def _findings(path: Path, media: MediaFacts, operations: tuple[Operation, ...]) -> list[Finding]:
    item = WorkItem(id="bench", detector="file", operations=operations)
    options = Options(extract_images=True)
    with tempfile.TemporaryDirectory() as workdir:
        return run_item(str(path), media, item, options, workdir, seconds=SECONDS, memory_mb=MEMORY_MB)


def _value(answer: Answer, name: str) -> object:
    return next((f.evidence.values[name] for f in answer.findings if name in f.evidence.values), None)


def _row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def robustness(answers: Sequence[Answer]) -> bool:
    """Print how all files ended, and how long they took."""
    ends = Counter(
        f"{f.outcome}/{f.reason}" for a in answers for f in a.findings if f.outcome is not Outcome.SCORED
    )
    refused = Counter(a.refusal for a in answers if a.refusal)
    times = sorted(a.seconds for a in answers)
    print(f"\n## All {len(answers)} files, {SECONDS:.0f} s and {MEMORY_MB} MB\n")
    _row("end", "count")
    _row("---", "---:")
    for end, count in sorted((ends + refused).items(), key=lambda pair: -pair[1]):
        _row(end, count)
    print(f"\nseconds a file: median {statistics.median(times):.3f}, largest {times[-1]:.2f}")
    bad = [
        a.path.name for a in answers for f in a.findings
        if f.reason in ("detector_error", "timed_out", "out_of_memory", "unreadable")
    ] + [a.path.name for a in answers if a.refusal == "inspection_timed_out"]  # fmt: skip
    print(f"crashes, hangs, errors: {len(bad)} {bad[:10]}")
    return not bad


def revisions(answers: Sequence[Answer]) -> bool:
    """Print how many earlier revisions came back, and that no linearised file has several."""
    read = [a for a in answers if _value(a, "revisions") is not None]
    several = [a for a in read if int(str(_value(a, "revisions"))) > 1]
    back = [a for a in several if _value(a, "earlier_revision_opens")]
    linear = [a for a in read if _value(a, "linearised") and a not in several]
    wrong = [a for a in read if _value(a, "linearised") and a in several and _value(a, "end_marks") == 2]
    print(f"\n## Revisions ({len(read)} documents that open)\n")
    _row("measure", "count")
    _row("---", "---:")
    _row("truly incremental", len(several))
    _row("earlier revision recovered", f"{len(back)} of {len(several)}")
    _row("linearised, one version", len(linear))
    _row("linearised, said to have several", len(wrong))
    return len(back) >= 0.95 * len(several) and not wrong


def base_rates(answers: Sequence[Answer]) -> bool:
    """Print how many documents raise each flag."""
    read = [a for a in answers if _value(a, "revisions") is not None]
    print(f"\n## Flags on the {len(read)} documents (a corpus of test files: many were made to have them)\n")
    _row("flag", "files")
    _row("---", "---:")
    for code, count in Counter(code for a in read for code in a.codes).most_common():
        _row(code, count)
    return True


def made(folder: Path) -> bool:
    """Documents with a known history, made on the spot."""
    print("\n## Documents made on the spot\n")
    _row("document", "wanted", "found")
    _row("---", "---", "---")
    fine = True
    for name, data, wanted, unwanted in documents.cases():
        path = folder / f"{name}.pdf"
        path.write_bytes(data)
        codes = ask(path).codes
        good = wanted <= codes and not unwanted & codes
        fine &= good
        asked = ", ".join(sorted(wanted)) or "none of " + ", ".join(sorted(unwanted))
        _row(name, asked, "yes" if good else f"NO: {sorted(codes)}")
    return fine


def agreement(answers: Sequence[Answer]) -> bool:
    """Compare the four facts with what the fixtures' names say (C signed, A plain, E-…/X… broken)."""
    print("\n## C2PA fixtures\n")
    _row("file", "present", "bound", "assertions", "signature", "ingredients", "agrees")
    _row("---", "---", "---", "---", "---", "---", "---")
    good = True
    names = ("present", "content_bound", "assertions_intact", "signature_valid", "ingredients_intact")
    for answer in answers:
        facts = {name: _value(answer, f"c2pa_{name}") for name in names}
        agrees = all(
            facts[name] == value for name, value in documents.expected_facts(answer.path.name).items()
        )
        good &= agrees
        _row(answer.path.name, *facts.values(), "yes" if agrees else "NO")
    return good


def carriers(folder: Path) -> bool:
    """Print how many genuine and generated pictures of the material carry credentials at all."""
    print("\n## Pictures of the material\n")
    _row("kind", "pictures", "with credentials", "other statements of generation")
    _row("---", "---:", "---:", "---:")
    for kind in ("genuine", "generated"):
        paths = sorted(p for p in (folder / kind).rglob("*") if p.is_file())
        answers = [ask(path, (Operation.PROVENANCE,)) for path in paths]
        read = [a for a in answers if not a.refusal]
        told = [a for a in read if any(code.startswith("generator_") for code in a.codes)]
        _row(kind, len(read), sum(_value(a, "c2pa_present") is True for a in read), len(told))
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when every figure that must hold does."""
    parser = argparse.ArgumentParser(prog="benchmarks.forensics_documents", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the material; its folder forensic is used")
    parser.add_argument("--pictures", action="store_true", help="only count credentials among DIR/image")
    arguments = parser.parse_args(argv)
    data = arguments.data
    if arguments.pictures:
        return 0 if carriers(data / "image") else 1
    root = data / "forensic"
    if not (root / "pdf").is_dir():
        parser.error(f"{root / 'pdf'} is not there")
    pdfs = sorted(p for p in (root / "pdf").rglob("*") if p.is_file() and p.stat().st_size)
    bad = sorted(p for p in (root / "malformed").rglob("*") if p.is_file() and p.stat().st_size)
    fixtures = sorted(p for p in (root / "c2pa").rglob("*") if p.suffix in (".jpg", ".dng", ".wav", ".pdf"))
    answers = [ask(path) for path in pdfs]
    marked = [ask(path) for path in fixtures]
    others = [ask(path) for path in bad]
    with tempfile.TemporaryDirectory() as folder:
        held = [
            revisions(answers), base_rates(answers), made(Path(folder)), agreement(marked),
            robustness([*answers, *marked, *others]),
        ]  # fmt: skip
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
