"""The card of ``synthetic_image``."""

from __future__ import annotations

from typing import Any

from training.picture_weight import LEAST_FOUND, MOST_WRONG, Earned

__all__ = ["card"]


def card(manifest: dict[str, Any], counts: Any, folds: str, worth: Earned, measurements: str) -> str:
    """Return the text of ``card.md``."""
    return _answers(manifest, counts) + _network(manifest, folds, worth) + _measured(measurements)


def _answers(manifest: dict[str, Any], counts: Any) -> str:
    return f"""# synthetic_image {manifest["version"]}

Written by `make train MODEL=synthetic_image`; do not edit. What the whole does on files: `make bench-image`.

**Asks** whether a picture was made by a generator. **Most files are `inconclusive`**, and that is meant:
what the network sees in pixels does not carry over to generators that it has not seen, so it has no say.

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


def _network(manifest: dict[str, Any], folds: str, worth: Earned) -> str:
    figures, limits = manifest["figures"], manifest["thresholds"]
    return f"""## The network: weak evidence, weight {worth.weight:g} in fusion

Five early stages of EfficientNet-Lite0, trained on ImageNet (Apache-2.0), frozen, under a linear head of our
own (1.2 MB; `training/picture_backbone.py`, `picture_head.py`). It looks at up to nine native crops of 192
pixels; nothing is resized before. The head is fitted on matched groups, generated pictures and the
photographs nearest to them, both classes through the same random history (resize 0.5 to 1.5 before the crop,
blur, noise, JPEG 60 to 100, WebP). One head for each group held out; their mean ships. Fitted on
{_rows(figures)}.

Each group is judged by a head that has not seen it. `size and format`: a linear judge of pixels, bytes a
pixel and format; after JPEG 85 and with the same history, of pixels alone. `same history`: crops through the
random histories of training. Intervals by drawing pictures.

{folds}

Best {figures["network_best_auc"]:.2f} ({figures["network_best_group"]}), worst
{figures["network_worst_auc"]:.2f} ({figures["network_worst_group"]}) as delivered. What is learnt in part is
which class was sharper. Which stages and which judge ship was chosen with such figures in view (decision
0090), so they are a little too good.

**Its weight.** {_weight(worth, limits)}"""


def _weight(worth: Earned, limits: dict[str, float]) -> str:
    return f"""One line through the scores of all pictures, each judged by the head that had not seen its
group, an offset for each group: slope {worth.slope:+.2f} nats a unit ({worth.low:+.2f} to {worth.high:+.2f},
groups and pictures in them drawn again). {_crosses(worth)}

{_region(worth)} supports a verdict. One would have to hold {LEAST_FOUND} generated pictures of two
groups, accuse at most {MOST_WRONG:.0%} of each source of photographs, and be wrong in at most
{MOST_WRONG:.0%} (classes equally frequent):

{_regions(worth)}

A weight needs a slope above zero and such a region. So it is {worth.weight:g}: the answer stays
`inconclusive` (`no_calibrated_score`) and has no `p_fake`, whatever the network says, and it neither adds to
nor takes from a statement or a camera's record. Its scores stand in `details.network` (`meaning`, `weight`,
`score`, `crops`) and in `synthetic_image-crops.png`, coloured from {limits["crop_low"]:+.2f} (dark) to
{limits["crop_high"]:+.2f} (yellow), the 5th and 95th percentile of crops of photographs held out. It is not
run, nor loaded, for a picture that declares itself generated, is no photograph, is crushed, or is smaller
than a crop.

"""


def _rows(figures: dict[str, Any]) -> str:
    if figures["network_rows"] == "clear":
        return "rows of clear licence alone"
    return "all rows, those of unstated licence too (`ARGS=--clear` leaves these out; the table has both)"


def _crosses(worth: Earned) -> str:
    return f"The interval {'holds' if worth.low <= 0 <= worth.high else 'leaves out'} zero."


def _region(worth: Earned) -> str:
    return "No region of scores" if worth.begins is None else f"The region from {worth.begins:+.2f} on"


def _regions(worth: Earned) -> str:
    lines = [
        "| surest share of all pictures | generated found | worst source of photographs | wrong |",
        "|---|---|---|---|",
    ]
    for share, found, accused, wrong in worth.tried:
        lines.append(f"| {share:.0%} | {found:.0%} | {accused:.0%} accused | {wrong:.0%} |")
    return "\n".join(lines)


def _measured(measurements: str) -> str:
    return f"""## Measurements that are shown and not scored

AUC by group (above one half: generated pictures are higher); `size` (pixels) is the control. Each points one
way here and the other way there. Period two, meant to find demosaicing, is *higher* on Stable Diffusion: its
decoder's upsampling leaves the same trace.

{measurements}

`residual-spectrum.png` draws the mean spectrum of the residual. Bright points off the middle are periodic
patterns: upsampling leaves them, and so do JPEG's grid, demosaicing, fabric and screens.
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
