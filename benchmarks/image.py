"""``python -m benchmarks.image --data DIR``: what `synthetic_image` says of the material's pictures.

Every picture goes through the shipped detector as delivered and after one JPEG 85 (which removes what the
file says of itself). Prints AUC with intervals by generator, each against all photographs, beside the probe
of size and format; FLUX against its originals; false alarms by source of photographs; calibration; risk and
coverage; verdicts that flip; speed without decoding, and memory at 50 megapixels. Silence counts as 0.5 in
an AUC. Exit status 1 when a required figure is missed.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, Operation, Verdict
from bonafide.policy import policy
from PIL import Image

from benchmarks.report import Table
from benchmarks.single import finding_of
from training.calibrate import expected_calibration_error
from training.metrics import auc, bootstrap

__all__ = ["Judged", "judge_all", "main", "report"]

MOST_ALARMS = MOST_ERROR = MOST_ECE = 0.05
MOST_MS, MOST_MB = 150.0, 600.0
RULE = policy("default")
FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True)
class Judged:
    """One picture: its folder, its class, its finding and verdict both ways, and what is trivial about it."""

    folder: str
    generated: bool
    delivered: Finding
    jpeg85: Finding
    pixels: int
    bytes_a_pixel: float
    format: int

    @staticmethod
    def verdict(finding: Finding) -> Verdict:
        """Under the default policy, as the workflow judges it."""
        return fuse_operation(Operation.SYNTHETIC_IMAGE, [finding], RULE).verdict


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when the required figures hold."""
    parser = argparse.ArgumentParser(prog="benchmarks.image", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--every", type=int, default=1, help="only every n-th picture, for a quick look")
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    held = report(judge_all(arguments.data, arguments.every))
    return 0 if held & _speed() & _memory() else 1


def judge_all(data: Path, every: int = 1) -> list[Judged]:
    """Every picture of ``image/``, twice."""
    with open(data / "SOURCES.csv", newline="", encoding="utf-8") as file:
        rows = sorted(
            (row["path"], row["label"] == "generated")
            for row in csv.DictReader(file) if row["path"].startswith("image/")
        )  # fmt: skip
    found = []
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again.jpg"
        for number, (path, generated) in enumerate(rows[::every]):
            whole = data / path
            with Image.open(whole) as image:
                form, area = str(image.format), image.width * image.height
                image.convert("RGB").save(again, quality=85)
            both = [finding_of(version, visualize=False) for version in (whole, again)]
            found.append(Judged(
                path.split("/")[2], generated, both[0], both[1], area,
                whole.stat().st_size / area, FORMATS.index(form),
            ))  # fmt: skip
            if number % 50 == 0:
                print(f"\r{number}/{len(rows[::every])}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def report(judged: list[Judged]) -> bool:
    """Print all tables; whether alarms, errors and calibration are within bounds."""
    _separation(judged)
    worst = _alarms(judged)
    print("silent because:", dict(Counter(j.delivered.reason for j in judged if j.delivered.reason)))
    scored = [j for j in judged if j.delivered.p_fake is not None]
    p = np.array([j.delivered.p_fake or 0.0 for j in scored])
    labels = np.array([j.generated for j in scored], dtype=float)
    if not scored:
        print("nothing is scored, so there is nothing to be wrong about")
        return worst <= MOST_ALARMS
    ece = expected_calibration_error(p, labels)
    decided = [j for j in scored if Judged.verdict(j.delivered) in (Verdict.MANIPULATED, Verdict.GENUINE)]
    wrong = sum((Judged.verdict(j.delivered) is Verdict.MANIPULATED) != j.generated for j in decided)
    error = wrong / max(1, len(decided))
    spread = bootstrap(lambda rows: expected_calibration_error(p[rows], labels[rows]), range(len(p)))
    print(
        f"scored {len(scored)} of {len(judged)}, ECE among them {ece:.3f} "
        f"({spread[0]:.3f}-{spread[1]:.3f} when they are drawn again)"
    )
    print(f"decided {len(decided)}, error among them {error:.3f}; worst source of photographs {worst:.3f}")
    _risk(p, labels)
    both = [(Judged.verdict(j.delivered), Judged.verdict(j.jpeg85)) for j in judged]
    lost = sum(a is not b for a, b in both)
    turned = sum({a, b} == {Verdict.MANIPULATED, Verdict.GENUINE} for a, b in both)
    probed = sum(j.delivered.reason == "unstable" for j in judged)
    print(
        f"after JPEG 85: {lost} verdicts lost with the metadata ({lost / len(both):.3f}), "
        f"{turned} turned round; {probed} refused by the stability probe\n"
    )
    return bool(worst <= MOST_ALARMS and error <= MOST_ERROR and ece <= MOST_ECE)


def _risk(p: Any, labels: Any) -> None:
    """Error at one half among the surest part of what is scored."""
    order = np.argsort(-np.abs(p - 0.5))
    wrong = ((p > 0.5) != (labels > 0.5))[order]
    for share in (0.25, 0.5, 0.75, 1.0):
        part = wrong[: max(1, round(share * len(wrong)))]
        print(f"surest {share:.0%} of the scored ({len(part)}): error {part.mean() if len(part) else 0:.3f}")


def _scores(judged: list[Judged], version: str) -> Any:
    return np.array([f.p_fake if (f := getattr(j, version)).p_fake is not None else 0.5 for j in judged])


def _separation(judged: list[Judged]) -> None:
    labels = np.array([j.generated for j in judged])
    folders = np.array([j.folder for j in judged])
    trivial = {
        name: np.array([getattr(j, name) for j in judged]) for name in ("pixels", "bytes_a_pixel", "format")
    }
    scores = {version: _scores(judged, version) for version in ("delivered", "jpeg85")}
    sets = [(name, ~labels | (folders == name)) for name in sorted(set(folders[labels]))]
    sets += [(name, labels | (folders == name)) for name in sorted(set(folders[~labels]))]
    sets += [
        ("FLUX : its originals", np.isin(folders, ("ecuador", "ecuador_flux"))),
        ("all", labels | ~labels),
    ]
    rows = []
    for name, inside in sets:
        if not labels[inside].any() or labels[inside].all():
            continue
        cells = [_with_interval(values[inside], labels[inside]) for values in scores.values()]
        probes = [auc(values[inside], labels[inside]) for values in trivial.values()]
        count = int((folders == name).sum()) or int(inside.sum())
        rows.append((name, count, *cells, *(round(float(value), 2) for value in probes)))
    columns = ("source", "files", "AUC as delivered", "after JPEG 85", "size alone", "bytes/px", "format")
    title = (
        "AUC of each generator against all photographs, of each source of photographs against all generated"
    )
    print(Table(title, columns, rows).text(), "\n")


def _with_interval(values: Any, labels: Any) -> str:
    low, high = bootstrap(lambda rows: auc(values[rows], labels[rows]), list(range(len(values))), rounds=200)
    return f"{auc(values, labels):.2f} ({low:.2f}-{high:.2f})"


def _alarms(judged: list[Judged]) -> float:
    """Print verdicts by source; the worst share of photographs called manipulated."""
    rows, worst = [], 0.0
    for name in sorted({j.folder for j in judged}):
        some = [j for j in judged if j.folder == name]
        said = Counter(Judged.verdict(j.delivered) for j in some)
        shares = [said[v] / len(some) for v in (Verdict.MANIPULATED, Verdict.GENUINE, Verdict.INCONCLUSIVE)]
        kind = "generated" if some[0].generated else "genuine"
        rows.append((name, kind, len(some), *(round(share, 3) for share in shares)))
        worst = max(worst, shares[0] if kind == "genuine" else 0.0)
    columns = ("source", "is", "files", "called generated", "called genuine", "inconclusive")
    print(Table("Under the default policy", columns, rows).text(), "\n")
    return worst


def _speed() -> bool:
    """Processor time of one picture of 2 megapixels, its decoding taken out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jpg"
        grain = np.random.default_rng(1).normal(120, 20, (1200, 1700, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(grain).save(path, quality=90)
        spent = []
        for _ in range(8):
            begun = time.process_time()
            finding_of(path)
            whole = time.process_time() - begun
            begun = time.process_time()
            with Image.open(path) as image:
                image.convert("RGB")
            spent.append(1000 * (whole - (time.process_time() - begun)))
    print(f"2 megapixels on one core, without decoding: {min(spent):.0f} ms (limit {MOST_MS:.0f})")
    return min(spent) <= MOST_MS


def _memory() -> bool:
    """Peak of a fresh process that judges a picture of 50 megapixels, turned by EXIF."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jpg"
        turned = Image.Exif()
        turned[0x0112] = 6
        Image.effect_noise((8660, 5774), 60).convert("RGB").save(path, quality=80, exif=turned)
        command = [sys.executable, "-m", "benchmarks.single", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    peak = float(done.stdout.split()[-1])
    print(f"50 megapixels: peak of the process {peak:.0f} MB (limit {MOST_MB:.0f})")
    return peak <= MOST_MB


if __name__ == "__main__":
    raise SystemExit(main())
