"""Manifest, card and printed figures of ``double_quantisation``, all from the same measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bonafide_inference.models import Manifest

from training.metrics import auc, bootstrap, isotonic_table

if TYPE_CHECKING:
    from training.double_quantisation import Measured

__all__ = ["write"]

GENUINE = {"twin", "as_is", "resaved", "resized"}
VERSION = "1.0.0"


def write(measured: list[Measured], target: Path, *, min_gain: float, region_llr: float) -> None:
    """Fit the calibration on ``clear`` corpora and write ``model.json`` and ``card.md``; print the card."""
    table = _fit([m for m in measured if m.clear])
    splices = _splice_rows(measured)
    pristine = _pristine_rows(measured, table)
    figures = _figures(measured, splices, pristine)
    manifest = {
        "name": "double_quantisation", "title": "Aligned double quantisation", "version": VERSION,
        "operation": "image_forgery", "type": "rule", "kind": "image", "media_kinds": ["image"],
        "entry": "detector:DoubleQuantisation",
        "input": {"format": "jpeg", "least_side_px": 128, "luma_quality_above": 75},
        "preprocessing": {"plane": "decoded Y", "frequencies": 20, "box_mean_blocks": 5},
        "calibration": table, "thresholds": {"min_gain": min_gain, "region_llr": region_llr},
        "licence": "Apache-2.0",
        "data": "clear genuine pictures of the material (dreambooth, ecuador), spliced",
        "figures": figures,
    }  # fmt: skip
    Manifest.model_validate(manifest)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    text = _card(splices, pristine, _left_out(measured), table)
    (target / "card.md").write_text(text, encoding="utf-8")
    print(text)


def _fit(rows: list[Measured]) -> dict[str, Any]:
    """Half the weight of the positives is laundered: as many laundered as visible splices are made."""
    heard = [m for m in rows if m.score is not None]
    scores = np.array([m.score for m in heard], dtype=float)
    labels = np.array([m.kind not in GENUINE for m in heard])
    return isotonic_table(scores, labels, [m.picture for m in heard])


def _llr(table: dict[str, Any], scores: list[float]) -> np.ndarray:
    return np.asarray(np.interp(scores, table["score"], table["llr"]))


def _splice_rows(measured: list[Measured]) -> list[dict[str, Any]]:
    rows = []
    for q2 in sorted({m.q2 for m in measured if m.kind == "splice"}, reverse=True):
        pairs = [m for m in measured if m.q2 == q2 and m.kind in ("twin", "splice")]
        heard = [m for m in pairs if m.score is not None]
        scores = np.array([m.score for m in heard], dtype=float)
        labels = np.array([m.kind == "splice" for m in heard])
        weight = np.array([m.bytes_per_pixel for m in heard])
        size = np.array([m.pixels for m in heard])
        located = [m for m in heard if m.pixel_auc is not None]
        low, high = bootstrap(_AucOf(scores, labels), [m.picture for m in heard])
        probe = max(auc(x, labels) if auc(x, labels) >= 0.5 else 1 - auc(x, labels) for x in (weight, size))
        rows.append({
            "q2": q2, "pairs": len(pairs) // 2, "silent": 1 - len(heard) / len(pairs),
            "auc": auc(scores, labels),
            "low": low, "high": high, "probe": probe,
            **{k: _mean_interval([getattr(m, k) for m in located], [m.picture for m in located])
               for k in ("pixel_auc", "f1_oracle", "f1_fixed")},
        })  # fmt: skip
    return rows


class _AucOf:
    """AUC of drawn rows; a class, so that the arrays of one turn of the loop are bound."""

    def __init__(self, scores: Any, labels: Any) -> None:
        self.scores, self.labels = scores, labels

    def __call__(self, rows: Any) -> float:
        return auc(self.scores[rows], self.labels[rows])


def _mean_interval(values: list[float], groups: list[str]) -> tuple[float, float, float]:
    array = np.array(values)
    low, high = bootstrap(lambda i: float(np.nanmean(array[i])), groups)
    return float(np.nanmean(array)), low, high


def _pristine_rows(measured: list[Measured], table: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for kind in ("as_is", "resaved", "resized", "twin"):
        for corpus in [*sorted({m.corpus for m in measured}), "all"]:
            group = [m for m in measured if m.kind == kind and corpus in (m.corpus, "all")]
            heard = [float(m.score) for m in group if m.score is not None]
            llr = _llr(table, heard) if heard else np.zeros(0)
            rows.append({
                "kind": kind, "corpus": corpus, "files": len(group), "heard": len(heard),
                "above_half": int((llr > 0).sum()), "above_nine_tenths": int((llr > np.log(9)).sum()),
            })  # fmt: skip
    return rows


def _left_out(measured: list[Measured]) -> list[dict[str, Any]]:
    """Calibrate on all corpora but one, judge that one: flags at p > 0.5 and hits among visible splices."""
    rows = []
    for corpus in sorted({m.corpus for m in measured}):
        table = _fit([m for m in measured if m.corpus != corpus])
        heard = [m for m in measured if m.corpus == corpus and m.score is not None]
        llr = _llr(table, [float(m.score or 0) for m in heard])
        genuine = np.array([m.kind in GENUINE for m in heard])
        splice = np.array([m.kind == "splice" for m in heard])
        rows.append({
            "corpus": corpus, "genuine": int(genuine.sum()), "splices": int(splice.sum()),
            "auc": auc(llr[genuine | splice], splice[genuine | splice]),
            "false": float((llr[genuine] > 0).mean()), "hits": float((llr[splice] > 0).mean()),
        })  # fmt: skip
    return rows


def _figures(
    measured: list[Measured], splices: list[dict[str, Any]], pristine: list[dict[str, Any]]
) -> dict[str, float | int]:
    figures: dict[str, float | int] = {}
    for row in splices:
        figures[f"image_auc_q{row['q2']}"] = round(row["auc"], 3)
        figures[f"pixel_auc_q{row['q2']}"] = round(row["pixel_auc"][0], 3)
        figures[f"f1_oracle_area_q{row['q2']}"] = round(row["f1_oracle"][0], 3)
    for row in pristine:
        if row["corpus"] == "all":
            figures[f"false_flags_{row['kind']}"] = round(row["above_half"] / max(1, row["files"]), 4)
    figures["pristine_files"] = sum(row["files"] for row in pristine if row["corpus"] == "all")
    figures["corpora"] = len({m.corpus for m in measured})
    return figures


def _card(
    splices: list[dict[str, Any]], pristine: list[dict[str, Any]], left_out: list[dict[str, Any]],
    table: dict[str, Any],
) -> str:  # fmt: skip
    lines = [_INTRODUCTION, "## Synthetic splices, by the quality of the last save", "",
             ("| save | pairs | silent | image AUC (95 %) | pixel AUC | F1, true area | "
              "F1, fixed threshold | best trivial probe |"), "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for r in splices:
        three = " | ".join(
            f"{r[k][0]:.3f} ({r[k][1]:.3f}–{r[k][2]:.3f})" for k in ("pixel_auc", "f1_oracle", "f1_fixed")
        )
        lines.append(f"| Q{r['q2']} | {r['pairs']} | {r['silent']:.1%} | {r['auc']:.3f} "
                     f"({r['low']:.3f}–{r['high']:.3f}) | {three} | {r['probe']:.3f} |")  # fmt: skip
    lines += ["", "## Genuine pictures called forged", "",
              "| treatment | corpus | files | scored | p > 0.5 | p > 0.9 |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    lines += [f"| {r['kind']} | {r['corpus']} | {r['files']} | {r['heard']} | {r['above_half']} | "
              f"{r['above_nine_tenths']} |" for r in pristine if r["files"]]  # fmt: skip
    lines += ["", "## Calibrated without the corpus that is judged", "",
              "| corpus | genuine scored | splices scored | AUC | genuine p > 0.5 | splices p > 0.5 |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    lines += [f"| {r['corpus']} | {r['genuine']} | {r['splices']} | {r['auc']:.3f} | {r['false']:.1%} | "
              f"{r['hits']:.1%} |" for r in left_out]  # fmt: skip
    lines += ["", f"LLR is bounded by the data to {table['llr'][0]:.2f} … {table['llr'][-1]:.2f} nats.", ""]
    return "\n".join(lines)


_INTRODUCTION = f"""# double_quantisation {VERSION}

Written by `python -m training.train double_quantisation --data ../shared/data`; do not edit.

**Asks** whether a part of a JPEG lacks the compression history that the rest shares (aligned double
quantisation; Lin et al. 2009, Bianchi et al. 2011). A rule, no learned weights; the calibration is fitted
on the `clear` corpora (dreambooth, ecuador), all other corpora are unseen by it.

**A score means**: the picture was saved twice on the same grid, and p_fake (prior 0.5) says how its
strongest region compares with genuine twins and with splices. **Silence** (`inconclusive`) means: no JPEG,
saved at quality 75 or below, under 128 pixels, or no earlier save visible. Silence is no acquittal.

**Limits.** Half of the positives in the calibration are laundered (pasted before the first save), so a low
score is worth little: that half is an assumption, not a measured share. Splices are synthetic (blobs of
2–20 %, soft edge, half of them copy-moves off the grid); real edits are harder. Captions, logos and
retouching are edits too and are found as such. First save at a higher quality than the last: silent.
Blocks with clipped colours never count as pasted, so a paste into or of an over-exposed area is missed.
Pictures: genuine web photographs; each corpus has one typical quality, so these are few kinds of chain.
Twins and splices have the same size by construction; the trivial probe is the better of bytes a pixel and
size.
"""
