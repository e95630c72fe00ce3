"""``python -m benchmarks.forensics --data DIR``: picture forgery over material, then the other parts.

Prints localisation by the quality of the last save, per method and fused; copy-move on synthetic and on the
real pairs of the material; genuine pictures called forged, by source; the warm cost of a 12-megapixel JPEG.
Synthetic forgeries are made of the sources that no calibration has seen (``unstated`` rows). Then runs
`forensics_traces`, `forensics_documents` and `known_media`. Exit status 1 when a required figure is missed
(synthetic copy-moves are judged by ``make train MODEL=moved_copies``, on more of them).
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.forensics_pictures import Judged, judge_forged, judge_genuine, judge_real, warm_cost
from training.material import Row, pictures
from training.metrics import auc, bootstrap

__all__ = ["main"]

OTHERS = ("forensics_traces", "forensics_documents", "known_media")
PER_SOURCE = 5
GENUINE = 260
MOST_FALSE = 0.05
MOST_SECONDS = 3.0
LEAST_REAL = 0.85
LEAST_DOUBLE = {"Q95": (0.97, 0.80), "Q90": (0.97, 0.80), "Q85": (0.88, 0.0)}
"""Pixel AUC and F1 at the true area that double quantisation must reach on splices, by the last save."""
PARTS = ("forged", "real", "genuine", "cost", "others")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 when the required figures hold, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks.forensics", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--per-source", type=int, default=PER_SOURCE, help="pictures forged of each source")
    parser.add_argument("--genuine", type=int, default=GENUINE, help="genuine pictures judged")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    held = True
    rows = pictures(arguments.data)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        if "forged" in arguments.parts:
            held &= _forged(pool, _few(rows, arguments.per_source))
        if "real" in arguments.parts:
            held &= _real(pool, arguments.data)
        if "genuine" in arguments.parts:
            held &= _genuine(pool, _spread(rows, arguments.genuine))
    if "cost" in arguments.parts:
        held &= _cost()
    if "others" in arguments.parts:
        statuses = [_other(name, arguments.data) for name in OTHERS]
        held &= all(statuses)
    return 0 if held else 1


def _few(rows: list[Row], per_source: int) -> list[tuple[Row, Row, int]]:
    """(picture, donor, number) of the sources that no calibration has seen, ``per_source`` of each."""
    unseen = [row for row in rows if not row.clear]
    rng, chosen = np.random.default_rng(77), []
    for corpus in sorted({row.corpus for row in unseen}):
        members = [row for row in unseen if row.corpus == corpus]
        chosen += [members[i] for i in rng.permutation(len(members))[:per_source]]
    return [(row, chosen[(i * 5 + 2) % len(chosen)], i) for i, row in enumerate(chosen)]


def _spread(rows: list[Row], most: int) -> list[Row]:
    """``most`` rows, as evenly over the sources as they go."""
    rng = np.random.default_rng(78)
    order = rng.permutation(len(rows))
    seen: dict[str, int] = {}
    ranked = []
    for i in order:
        seen[rows[i].corpus] = seen.get(rows[i].corpus, 0) + 1
        ranked.append((seen[rows[i].corpus], int(i)))
    return [rows[i] for _, i in sorted(ranked)[:most]]


def _forged(pool: multiprocessing.pool.Pool, tasks: list[tuple[Row, Row, int]]) -> bool:
    judged = [one for many in pool.imap(judge_forged, tasks) for one in many]
    print("\n## Forged by code, sources unseen by any calibration\n")
    print("pixel AUC, F1 at the true area and at the fixed threshold: of the pictures on which the method")
    print("speaks (95 % by pictures); found: fused p > 0.5; AUC: image, against genuine twins, silence = 0\n")
    print("| forgery | save | files | method | speaks | pixel AUC | F1 area | F1 fixed | found | image AUC |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for forgery in dict.fromkeys(one.forgery for one in judged):
        for save in dict.fromkeys(one.save for one in judged if one.forgery == forgery):
            group = [one for one in judged if (one.forgery, one.save) == (forgery, save)]
            for method in dict.fromkeys(one.method for one in group):
                _print_row(forgery, save, method, [one for one in group if one.method == method])
    return _reached(judged)


def _reached(judged: Sequence[Judged]) -> bool:
    """Print whether double quantisation localises splices as it must (silence counts for neither figure)."""
    held = True
    print()
    for save, (least_auc, least_f1) in LEAST_DOUBLE.items():
        wanted = ("splice", save, "double_quantisation", True, True)
        here = [one for one in judged
                if (one.forgery, one.save, one.method, one.forged, one.spoke) == wanted]  # fmt: skip
        area = float(np.mean([one.pixel_auc for one in here])) if here else 0.0
        f1 = float(np.mean([one.f1_area for one in here])) if here else 0.0
        reached = area >= least_auc and f1 >= least_f1
        held &= reached
        print(f"double quantisation, {save}: pixel AUC {area:.3f}, required ≥ {least_auc}; F1 {f1:.3f}, "
              f"required ≥ {least_f1}: {'held' if reached else 'MISSED'}")  # fmt: skip
    return held


def _print_row(forgery: str, save: str, method: str, group: list[Judged]) -> None:
    forged, twins = [one for one in group if one.forged], [one for one in group if not one.forged]
    spoken = [one for one in forged if one.spoke]
    if method != "fused" and not spoken:
        return
    labels = np.array([one.forged for one in group])
    scores = np.array([one.llr for one in group])
    image = _interval(lambda i: auc(scores[i], labels[i]), [one.picture for one in group]) if twins else "–"
    found = f"{np.mean([one.llr > 0 for one in forged]):.0%}"
    figures = " | ".join(
        _interval(_Mean([getattr(one, name) for one in spoken]), [one.picture for one in spoken])
        for name in ("pixel_auc", "f1_area", "f1_fixed")
    )
    share = f"{len(spoken) / max(1, len(forged)):.0%}"
    print(
        f"| {forgery} | {save} | {len(forged)} | {method} | {share} | {figures} | {found} | {image} |",
        flush=True,
    )


class _Mean:
    """Mean of drawn rows; NaN rows are left out."""

    def __init__(self, values: list[float]) -> None:
        self.values = np.array(values, dtype=float)

    def __call__(self, rows: np.ndarray) -> float:
        drawn = self.values[rows]
        return float(np.nanmean(drawn)) if np.isfinite(drawn).any() else float("nan")


def _interval(figure: object, groups: list[str]) -> str:
    if not groups:
        return "–"
    assert callable(figure)
    low, high = bootstrap(figure, groups, rounds=200)
    return f"{figure(np.arange(len(groups))):.3f} ({low:.2f}–{high:.2f})"


def _real(pool: multiprocessing.pool.Pool, data: Path) -> bool:
    folder = data / "forensic" / "edited"
    if not folder.is_dir():
        print("\nno real edits in the material")
        return True
    paths = sorted(folder.glob("*/*/*"))
    judged = list(pool.imap(judge_real, [str(path) for path in paths]))
    print("\n## Real edits of the material (200 × 150 copy-moves; pyIFD's demonstration pictures)\n")
    print("| file | kind | copy score | copy-move LLR, gated | fused p |\n|---|---|---|---|---|")
    kinds = []
    for path, (score, gated, p_fake) in zip(paths, judged, strict=True):
        kind = {"modified": "copy-move", "original": "original"}.get(path.parent.name, "demonstration")
        kinds.append(kind)
        fused = "silent" if p_fake is None else f"{p_fake:.3f}"
        print(f"| {path.name} | {kind} | {score:.1f} | {gated:.2f} | {fused} |")
    known = [i for i, kind in enumerate(kinds) if kind != "demonstration"]
    labels = np.array([kinds[i] == "copy-move" for i in known])
    raw, shipped = (auc(np.array([judged[i][k] for i in known]), labels) for k in (0, 1))
    held = shipped >= LEAST_REAL
    print(f"\ncopy-move image AUC, real: {shipped:.3f} through the shipped gate, silence = 0 ({raw:.3f} "
          f"before it; {labels.sum()} edited, {(~labels).sum()} originals); required ≥ {LEAST_REAL}: "
          f"{'held' if held else 'MISSED'}")  # fmt: skip
    return held


def _genuine(pool: multiprocessing.pool.Pool, rows: list[Row]) -> bool:
    judged = list(pool.imap(judge_genuine, [str(row.path) for row in rows]))
    print("\n## Genuine pictures as they are\n")
    print("| source | files | operation silent | p > 0.5 | p > 0.85 | who spoke above 0.5 |")
    print("|---|---|---|---|---|---|")
    for corpus in [*sorted({row.corpus for row in rows}), "all"]:
        here = [one for row, one in zip(rows, judged, strict=True) if corpus in (row.corpus, "all")]
        voices = [name for one in here for name in one.above]
        said = ", ".join(f"{name} {voices.count(name)}" for name in dict.fromkeys(voices)) or "–"
        half = sum((one.p_fake or 0) > 0.5 for one in here)
        most = sum((one.p_fake or 0) > 0.85 for one in here)
        mute = sum(one.p_fake is None for one in here)
        print(f"| {corpus} | {len(here)} | {mute / len(here):.0%} | {half} | {most} | {said} |")
    share = sum((one.p_fake or 0) > 0.5 for one in judged) / max(1, len(judged))
    held = share < MOST_FALSE
    print(f"\nfalse flags (p > 0.5): {share:.1%} of {len(judged)}; required < {MOST_FALSE:.0%}: "
          f"{'held' if held else 'MISSED'}")  # fmt: skip
    return held


def _cost() -> bool:
    print("\n## Warm cost of a 12-megapixel JPEG, one core, one thread\n")
    wall, cpu, parts = warm_cost()
    print("| detector | seconds |\n|---|---|")
    for name, seconds in parts:
        print(f"| {name} | {seconds:.2f} |")
    held = cpu <= MOST_SECONDS
    print(f"| all, wall | {wall:.2f} |\n| all, CPU | {cpu:.2f} |\n")
    print(f"required ≤ {MOST_SECONDS:.0f} s of one core: {'held' if held else 'MISSED'}")
    return held


def _other(name: str, data: Path) -> bool:
    try:
        module = importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"benchmarks.{name}":
            raise
        print(f"\n(no benchmarks.{name} here)")
        return True
    print(f"\n# benchmarks.{name}\n", flush=True)
    status: int = module.main(["--data", str(data)])
    return status == 0


if __name__ == "__main__":
    sys.exit(main())
