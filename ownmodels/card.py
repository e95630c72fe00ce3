"""The measured card: what the figures say, in the words of a reader who must decide whether to promote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bonafide_inference.models import Manifest

from ownmodels.measure import Measured

__all__ = ["card", "summary"]


def summary(measured: Measured, trial: dict[str, float]) -> dict[str, float | int | str | None]:
    """Return the figures that the manifest carries, so that `/v1/models` shows them."""
    found = measured.rows.get("discrimination", {})
    kept: dict[str, Any] = {name: found.get(name) for name in ("auc", "eer", "genuine", "manipulated")}
    kept |= {"auc_low": found.get("low"), "auc_high": found.get("high")}
    kept |= {name: measured.rows.get(name) for name in ("ece_before", "ece_after")}
    kept |= {"probe_auc": measured.rows.get("probe_auc", (None,))[0], "held_out_by": measured.held_out_by}
    kept |= trial
    return {name: round(v, 6) if isinstance(v, float) else v for name, v in kept.items()}


def card(manifest: Manifest, trial: dict[str, float], measured: Measured | None) -> str:
    """Return ``card.md``."""
    lines = [
        f"# {manifest.title} ({manifest.name} {manifest.version})",
        "",
        (
            f"Operation `{manifest.operation}`, entry `{manifest.entry}`, licence {manifest.licence}. "
            f"Weights from: {manifest.source}. Trained on, as the owner says: {manifest.data}."
        ),
        "",
        "Written by `make model-add`; every figure below was measured by it.",
        "",
        (
            f"Loads in {trial['load_s']:.2f} s, one run takes {trial['run_s'] * 1000:.1f} ms on one thread, "
            f"peak memory {trial['memory_mb']:.0f} MB."
        ),
        "",
    ]
    if measured is None:
        return "\n".join(
            [
                *lines,
                (
                    "**Not measured**: no labelled folder was given (DATA=…). It cannot be promoted "
                    "unless its manifest brings a calibration."
                ),
                "",
            ]
        )
    return "\n".join([*lines, *_figures(measured)])


def _figures(measured: Measured) -> Iterable[str]:
    rows = measured.rows
    if not rows:
        return ["**Not measured**: fewer than two files of a class had a score.", *_silence(measured)]
    found, probe = rows["discrimination"], rows["probe_auc"]
    said = [
        (
            f"{found['genuine']} genuine and {found['manipulated']} manipulated files scored. Intervals are "
            f"95 % (bootstrap over {found['drawn']}). Calibration error and verdicts are on held-out "
            f"{measured.held_out_by}s. A file takes {rows['seconds'][0]:.2f} s with its decoding "
            f"(median; 95 % take less than {rows['seconds'][1]:.2f} s)."
        ),
        "",
        *_table(
            ("figure", "value"),
            [
                ("AUC", _with(found["auc"], found["low"], found["high"])),
                ("EER", f"{found['eer']:.3f}"),
                ("AUC of file size, extent and format alone (held out)", _with(*probe)),
                ("ECE before calibration", _or_none(rows["ece_before"], "the output is no probability")),
                ("ECE after calibration", _or_none(rows.get("ece_after"), "not calibrated")),
            ],
        ),
    ]
    if found["low"] <= probe[0]:
        said += [
            "**The model is not shown to be better than the probe of trivial variables on these data.**",
            "",
        ]
    if measured.calibration is None:
        said += [
            (
                "**Not calibrated**: too few files of a class (10), or the score does not rise with "
                '"manipulated" here (then see `output.fake_is`).'
            ),
            "",
        ]
    said += _table(
        ("source", "class", "files", "AUC against the other class"),
        [
            (r["source"], r["class"], r["files"], _with(r["auc"], r["low"], r["high"]))
            for r in rows["sources"]
        ],
    )
    said += _table(
        ("policy", "false alarms", "misses", "inconclusive", "worst genuine source"),
        [
            (
                r["policy"],
                f"{r['false_alarms']:.1%}",
                f"{r['misses']:.1%}",
                f"{r['inconclusive']:.1%}",
                r["worst_genuine_source"],
            )
            for r in rows.get("policies", ())
        ],
    )
    changes = _table(
        ("change", "files", "AUC before", "AUC after", "changed sides"),
        [
            (r["change"], r["files"], f"{r['auc_before']:.3f}", f"{r['auc']:.3f}", f"{r['flipped']:.1%}")
            for r in rows["changes"]
        ],
    )
    return [
        *said,
        *(changes or ["**Robustness not measured**: no changed file of both classes had a score.", ""]),
        *_silence(measured),
    ]


def _silence(measured: Measured) -> list[str]:
    if not measured.silent:
        return []
    words = ", ".join(f"{count} {reason}" for reason, count in sorted(measured.silent.items()))
    return [f"Files without a score: {words}.", ""]


def _with(value: float, low: float, high: float) -> str:
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _or_none(value: float | None, words: str) -> str:
    return words if value is None else f"{value:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    if not rows:
        return []
    spelled = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(str(cell) for cell in row) + " |" for row in spelled), ""]
