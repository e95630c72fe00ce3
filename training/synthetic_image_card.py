"""The card of ``synthetic_image``."""

from __future__ import annotations

from typing import Any

__all__ = ["card"]


def card(manifest: dict[str, Any], counts: Any, folds: str, measurements: str) -> str:
    """Return the text of ``card.md``."""
    return _answers(manifest, counts) + _pixels(manifest["figures"], folds, measurements)


def _answers(manifest: dict[str, Any], counts: Any) -> str:
    return f"""# synthetic_image {manifest["version"]}

Written by `make train MODEL=synthetic_image`; do not edit. What the whole does on files: `make bench-image`.

**Asks** whether a picture was made by a generator. **Most files are `inconclusive`**, and that is meant:
nothing that was tried on pixels carries over to generators it has not seen.

{_scored(manifest)}

A record can be copied into any file with one command, and a screen can be photographed; so the cap keeps p
at 0.154, short of the default policy's "genuine" (0.15). Policies that say genuine up to 0.395 (`table`,
`reject70`) accept it. The rates are of what was collected here: web pictures, mostly stripped, and few camera
files ({counts.genuine} records in {counts.of_genuine} files). On a collection of camera originals 0.154 is
too high; that is what the cap costs. Maker's note, thumbnail, and quantisation tables that are neither
libjpeg's nor Adobe's are shown, not scored: too few files bear them.

All records that were counted are in JPEG files. A HEIC with the same record weighs the same, which nothing
here could measure; a record in a PNG, WebP, GIF, BMP or AVIF counts for nothing: no camera writes those.

{_silent(manifest)}"""


def _silent(manifest: dict[str, Any]) -> str:
    limits = manifest["thresholds"]
    return f"""**Attribution** comes from the statement only. Otherwise there is none.

**Abstains** with a reason:

| reason | when |
|---|---|
| `too_small` | shorter side under {limits["least_side"]:.0f} px |
| `not_a_photograph` | over {limits["plain_most"]:.0%} of neighbours equal, or nearly no colours |
| `heavily_compressed` | {_crushed(limits)} |
| `out_of_distribution` | beyond {manifest["ood"]["limit"]:.0f} deviations of the photographs' `ood` |
| `unstable` | the stability probe; `details.stability.flipped_by` says what flipped it |
| `no_calibrated_score` | all others |

The probe: a camera's record counts only while the pixels stay a photograph's under JPEG 95, 85, 70, WebP 80,
half and 1.5 times the size, and a crop. Of an animation the first frame is looked at (`frames`,
`frames_looked_at`).

`blocks` tells a heavy JPEG that was saved again. Every ninth picture, saved at 10 and again at 95: 19 in 20
are above 1.8, 3 in 4 above 2.4; of 732 photographs as delivered, 3 are above 2. A heavy WebP or HEIC has no
such blocks, and is not told.

"""


def _crushed(limits: dict[str, float]) -> str:
    return (
        f"JPEG quality under {limits['quality_least']:.0f} on libjpeg's scale, "
        f"or `blocks` above {limits['blocks_most']:.1f}"
    )


def _pixels(figures: dict[str, Any], folds: str, measurements: str) -> str:
    return f"""## Networks that are not shipped

Tried on native crops of 192 px, both classes from one matched group in every batch and through the same
random history (resize 0.5 to 1.5 before the crop, blur, noise, JPEG 60 to 100, WebP):

- `from scratch`: a small network on what is left less the 3x3 mean (`training/picture_net.py`);
- `pretrained`: a linear judge of all that EfficientNet-Lite0, trained on ImageNet, sees in the crops
  (`training/picture_backbone.py`); `best stage`: of the one stage that does best on groups held out
  *within* those that it is fitted on;
- `size and format`: a linear judge of pixels, bytes a pixel and format; after JPEG 85, of pixels alone.

Fitted on `clear` rows, and (`ARGS=--unstated`) once more on all rows. Groups are held out in turn; intervals
by drawing pictures.

{folds}

Best {figures["network_best_auc"]:.2f} ({figures["network_best_group"]}), worst
{figures["network_worst_auc"]:.2f} ({figures["network_worst_group"]}). None has its whole
interval above one half on every group, so none speaks (decision 0077). Where one is far below, it has learnt
which class was sharper in training.

## Measurements that are shown and not scored

AUC by group (above one half: generated pictures are higher); `size` (pixels) is the control. Each points one
way here and the other way there. Period two, meant to find demosaicing, is *higher* on Stable Diffusion: its
decoder's upsampling leaves the same trace.

{measurements}

`residual-spectrum.png` draws the mean spectrum of the residual. Bright points off the middle are periodic
patterns: upsampling leaves them, and so do JPEG's grid, demosaicing, fabric and screens. There is no heatmap,
since there is no score to map; an owner's model with a `grid` of native crops has one (docs/models).
"""


def _scored(manifest: dict[str, Any]) -> str:
    figures, table = manifest["figures"], manifest["calibration"]
    llr, low, high = table["llr"], table["low"], table["high"]
    counted = "29 of 200 generated pictures, 0 of 779 others; `attribution` is what it names"
    record = (
        f"{figures['camera_records']}; measured {figures['camera_llr_measured']:+.2f}, "
        f"capped at {figures['camera_llr_cap']:+.1f}"
    )
    rows = [
        "| what | LLR (95 %) | rests on |",
        "|---|---|---|",
        (
            "| a generator's own metadata, or a C2PA manifest that holds for this content, says so "
            f"| {llr[2]:+.2f} ({low[2]:+.2f} to {high[2]:+.2f}) | {counted} |"
        ),
        (
            "| a coherent camera record: maker, model, exposure, moment; size and thumbnail fit, no editor "
            f"| {llr[0]:+.2f} (to {high[0]:+.2f}) | {record} |"
        ),
        "| none of it | silent | absence is no evidence: platforms strip it, most generators write none |",
    ]
    return "\n".join(rows)
