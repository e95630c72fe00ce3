"""Manifest, card and printed figures of a localiser, all from the same measurements (see `localisers`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bonafide_inference.models import Manifest

from training.metrics import auc, bootstrap, isotonic_table

if TYPE_CHECKING:
    from training.localisers import Measured, Recipe

__all__ = ["fit", "write"]


def write(recipe: Recipe, measured: list[Measured], target: Path) -> None:
    """Fit on ``clear`` corpora, write ``model.json`` and ``card.md``, print the card."""
    threshold, table = fit([m for m in measured if m.clear], recipe)
    saves, genuine = _by_save(measured, threshold), _by_corpus(measured, threshold, table)
    manifest = {
        "name": recipe.name, "title": recipe.title, "version": recipe.version,
        "operation": "image_forgery", "type": "rule", "kind": "image", "media_kinds": ["image"],
        "entry": recipe.entry, "input": recipe.input, "preprocessing": recipe.preprocessing,
        "calibration": table,
        "thresholds": {recipe.threshold: -threshold if recipe.negate else threshold} | recipe.thresholds,
        "licence": "Apache-2.0",
        "data": "clear genuine pictures of the material (dreambooth, ecuador), forged by code",
        "figures": _figures(saves, genuine),
    }  # fmt: skip
    Manifest.model_validate(manifest)
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    parts = _by_part(measured, threshold)
    text = _card(recipe, saves, parts, genuine, _left_out(measured, recipe), threshold, table)
    (target / "card.md").write_text(text, encoding="utf-8")
    print(text)


def _is_genuine(kind: str) -> bool:
    return kind not in ("forged", "laundered")


def fit(rows: list[Measured], recipe: Recipe) -> tuple[float, dict[str, Any]]:
    """(threshold, calibration): the genuine quantile, and an isotonic table over all raw scores."""
    heard = [m for m in rows if m.score is not None]
    scores = np.array([m.score for m in heard], dtype=float)
    forged = np.array([not _is_genuine(m.kind) for m in heard])
    threshold = float(max(recipe.floor, np.quantile(scores[~forged], recipe.quantile)))
    table = isotonic_table(scores, forged, [m.picture for m in heard], bins=30, rounds=150)
    return round(threshold, 3), table


def _by_save(measured: list[Measured], threshold: float) -> list[dict[str, Any]]:
    rows = []
    for save in [*sorted({m.save for m in measured if m.kind == "forged"}, reverse=True), None]:
        forged = [m for m in measured if m.kind == "forged" and save in (m.save, None)]
        twins = [m for m in measured if m.kind in ("resized", "twice")]
        both = [m for m in forged + twins if m.score is not None]
        if not both:
            continue
        scores = np.array([m.score for m in both], dtype=float)
        labels = np.array([m.kind == "forged" for m in both])
        groups = [m.picture for m in both]
        low, high = bootstrap(lambda i, s=scores, y=labels: auc(s[i], y[i]), groups, rounds=200)  # type: ignore[misc]
        probe = max(
            abs(auc(np.array([getattr(m, k) for m in both]), labels) - 0.5) + 0.5
            for k in ("bytes_per_pixel", "pixels")
        )
        spoken = [m for m in forged if m.score is not None and m.score >= threshold]
        rows.append({
            "save": save, "files": len(forged), "auc": auc(scores, labels), "low": low, "high": high,
            "probe": probe, "found": len(spoken) / max(1, len(forged)),
            "pixel_auc": _mean([m.pixel_auc for m in spoken]), "f1": _mean([m.f1_oracle for m in spoken]),
        })  # fmt: skip
    return rows


def _save_name(save: int | None) -> str:
    return "all" if save is None else f"Q{save}" if save else "PNG"


def _by_part(measured: list[Measured], threshold: float) -> list[str]:
    """Table lines: found and image AUC by size and by texture of what was changed, in thirds."""
    forged = [m for m in measured if m.kind == "forged" and m.part_side is not None]
    twins = [m for m in measured if m.kind in ("resized", "twice")]
    lines = ["| what was changed | files | found | image AUC |", "|---|---|---|---|"]
    for title, name in (("side, pixels", "part_side"), ("texture, grey levels", "part_texture")):
        values = np.array([getattr(m, name) for m in forged])
        edges = np.quantile(values, [0, 1 / 3, 2 / 3, 1])
        for low, high, last in zip(edges[:-1], edges[1:], (False, False, True), strict=True):
            some = [m for m, v in zip(forged, values, strict=True) if low <= v < high or (last and v == high)]
            both = [m for m in some + twins if m.score is not None]
            scores = np.array([m.score for m in both], dtype=float)
            figure = auc(scores, np.array([m.kind == "forged" for m in both]))
            found = np.mean([m.score is not None and m.score >= threshold for m in some])
            lines.append(f"| {title}: {low:.1f}–{high:.1f} | {len(some)} | {found:.1%} | {figure:.3f} |")
    return lines


def _mean(values: list[float | None]) -> float:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else float("nan")


def _by_corpus(measured: list[Measured], threshold: float, table: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    kinds = sorted({m.kind for m in measured if _is_genuine(m.kind)})
    for kind in kinds:
        for corpus in [*sorted({m.corpus for m in measured}), "all"]:
            group = [m for m in measured if m.kind == kind and corpus in (m.corpus, "all")]
            spoken = [float(m.score) for m in group if m.score is not None and m.score >= threshold]
            llr = np.interp(spoken, table["score"], table["llr"])
            rows.append({
                "kind": kind, "corpus": corpus, "files": len(group), "spoken": len(spoken),
                "half": int((llr > 0).sum()), "nine": int((llr > np.log(9)).sum()),
            })  # fmt: skip
    return rows


def _left_out(measured: list[Measured], recipe: Recipe) -> list[dict[str, Any]]:
    """Threshold and calibration without the corpus that is judged."""
    rows = []
    for corpus in sorted({m.corpus for m in measured}):
        threshold, _ = fit([m for m in measured if m.corpus != corpus], recipe)
        here = [m for m in measured if m.corpus == corpus]
        genuine = [m for m in here if _is_genuine(m.kind)]
        forged = [m for m in here if m.kind == "forged"]

        def spoken(group: list[Measured], least: float = threshold) -> float:
            heard = [m.score is not None and m.score >= least for m in group]
            return float(np.mean(heard)) if heard else 0.0

        rows.append({
            "corpus": corpus, "genuine": len(genuine), "forged": len(forged), "threshold": threshold,
            "false": spoken(genuine), "hits": spoken(forged),
        })  # fmt: skip
    return rows


def _figures(saves: list[dict[str, Any]], genuine: list[dict[str, Any]]) -> dict[str, float | int]:
    figures: dict[str, float | int] = {}
    for row in saves:
        name = _save_name(row["save"]).lower()
        figures[f"image_auc_{name}"] = round(row["auc"], 3)
        figures[f"found_{name}"] = round(row["found"], 3)
        if np.isfinite(row["pixel_auc"]):
            figures[f"pixel_auc_{name}"] = round(row["pixel_auc"], 3)
    for row in genuine:
        if row["corpus"] == "all":
            figures[f"false_flags_{row['kind']}"] = round(row["half"] / max(1, row["files"]), 4)
    figures["pristine_files"] = sum(row["files"] for row in genuine if row["corpus"] == "all")
    return figures


def _card(
    recipe: Recipe, saves: list[dict[str, Any]], parts: list[str], genuine: list[dict[str, Any]],
    left_out: list[dict[str, Any]], threshold: float, table: dict[str, Any],
) -> str:  # fmt: skip
    least = np.interp(threshold, table["score"], table["llr"])
    silence = (
        f"Silent below a score of {threshold:.2f}: the {recipe.quantile:.1%} quantile of genuine pictures of "
        f"the clear corpora, at least {recipe.floor:g}. LLR over that: {least:.2f} … {table['llr'][-1]:.2f} "
        "nats (half of the forged ones in the calibration are laundered: an assumption, not measured)."
    )
    lines = [
        f"# {recipe.name} {recipe.version}", "",
        f"Written by `python -m training.train {recipe.name} --data ../shared/data`; do not edit.", "",
        recipe.introduction.strip(), "", silence, "", "## Forged by code, by the last save", "",
        "| save | files | found | image AUC (95 %) | pixel AUC of found | F1, true area | trivial probe |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {_save_name(r['save'])} | {r['files']} | {r['found']:.1%} | "
        f"{r['auc']:.3f} ({r['low']:.3f}–{r['high']:.3f}) | "
        f"{r['pixel_auc']:.3f} | {r['f1']:.3f} | {r['probe']:.3f} |"
        for r in saves
    ]
    lines += ["", *parts, "", "## Genuine pictures", "",
              "| treatment | corpus | files | scored | p > 0.5 | p > 0.9 |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {r['kind']} | {r['corpus']} | {r['files']} | {r['spoken']} | {r['half']} | {r['nine']} |"
        for r in genuine
        if r["files"]
    ]
    lines += ["", "## Threshold without the corpus that is judged", "",
              "| corpus | genuine | forged | threshold | genuine scored | forged scored |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {r['corpus']} | {r['genuine']} | {r['forged']} | {r['threshold']:.2f} | {r['false']:.1%} | "
        f"{r['hits']:.1%} |"
        for r in left_out
    ]
    return "\n".join([*lines, ""])
