"""Aligned double quantisation: which blocks do not share the compression history of the rest.

After Lin et al. 2009 and Bianchi, De Rosa & Piva 2011. A picture that was a JPEG with step q1 and is saved
again on the same grid with a finer step q2 has periodic gaps in its DCT histograms; pixels pasted from
elsewhere lack them. The histogram that each history would leave is predicted from the same picture's
coefficients on a grid moved by four pixels, where no quantisation is visible. Per frequency the step q1 and
the share of doubly quantised blocks are fitted; per block the log-likelihood ratio "once" against "twice"
is summed over the frequencies that carry a trace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide_inference.jpegdct import ZIGZAG, Luma, block_dct
from numpy.typing import NDArray

__all__ = ["Trace", "find_trace"]

FREQUENCIES = 20
"""AC frequencies looked at, in zigzag order."""
NOISE = 0.6
"""Standard deviation (DCT units) of rounding to 8-bit pixels and colour conversion between the two saves."""
REACH = 40
"""Quantised values beyond ±REACH are pooled: they are rare and say little."""
SHARES = (0.6, 0.75, 0.85, 0.93, 0.98, 1.0)
MIN_GAIN = 0.02
"""Nats a block that the fit must gain over "once only" before a frequency counts."""
PER_FREQUENCY_CAP = 3.0
FLOOR = 1e-5
CELLS = 4
"""Histogram cells a unit for the coefficients that no quantisation shows in."""


@dataclass(frozen=True)
class Trace:
    """``llr``: float32 (block rows, columns), nats a block, above 0 = not doubly quantised.

    ``steps``: per used frequency (row-major index, q1, q2); ``gain``: summed nats a block of the fit;
    ``share``: fitted share of doubly quantised blocks (mean over the used frequencies).
    """

    llr: NDArray[np.float32]
    steps: tuple[tuple[int, int, int], ...]
    gain: float
    share: float


def find_trace(luma: Luma) -> Trace | None:
    """Fit double quantisation to a picture; None when no frequency shows it.

    Parameters
    ----------
    luma
        At least 2 × 2 blocks.
    """
    indices = list(ZIGZAG[1 : FREQUENCIES + 1])
    aligned = block_dct(luma.plane, indices)
    moved = block_dct(luma.plane, indices, offset=4)
    total = np.zeros(luma.blocks, dtype=np.float32)
    steps: list[tuple[int, int, int]] = []
    gains, shares = [], []
    for place, index in enumerate(indices):
        step = float(luma.table[index])
        values = np.clip(np.rint(aligned[..., place] / step), -REACH, REACH).astype(np.int16)
        fit = _fit(values, moved[..., place].ravel(), step)
        if fit is None:
            continue
        q1, share, gain, table = fit
        total += table[values + REACH]
        steps.append((index, q1, int(step)))
        gains.append(gain)
        shares.append(share)
    if not steps:
        return None
    # Colours cut off at the end of the scale between the two saves wipe the trace just as a paste does:
    # such blocks may speak for a common history, never against it (without this, image AUC .993, not 1).
    total = np.where(luma.clipped, np.minimum(total, 0), total)
    return Trace(total, tuple(steps), float(sum(gains)), float(np.mean(shares)))


def _fit(
    values: NDArray[np.int16], unquantised: NDArray[np.float32], q2: float
) -> tuple[int, float, float, NDArray[np.float32]] | None:
    """Best first step for one frequency: (q1, share, gain in nats a block, LLR by value) or None."""
    counts = np.bincount((values + REACH).ravel(), minlength=2 * REACH + 1).astype(np.float64)
    bound = int((REACH + 2) * q2 * CELLS)
    cells = np.clip(np.floor(unquantised * CELLS), -bound, bound - 1).astype(np.int64)
    weights = np.bincount(cells + bound, minlength=2 * bound).astype(np.float64)
    centres = (np.arange(-bound, bound) + 0.5) / CELLS
    once = _predict(centres, weights, q2)
    baseline = float(counts @ np.log(once))
    best = (0.0, 0, 0.0, once)
    for q1 in range(int(q2) + 1, min(100, 6 * int(q2) + 24)):
        level = np.rint(centres / q1).astype(np.int64)
        low = int(level[0])
        merged = np.bincount(level - low, weights)
        twice = _predict((np.arange(len(merged)) + low) * float(q1), merged, q2)
        for share in SHARES:
            likelihood = float(counts @ np.log(share * twice + (1 - share) * once))
            if likelihood - baseline > best[0]:
                best = (likelihood - baseline, q1, share, twice)
    gain = best[0] / counts.sum()
    if gain < MIN_GAIN:
        return None
    ratio = np.log(once) - np.log(best[3])
    return best[1], best[2], gain, np.clip(ratio, -PER_FREQUENCY_CAP, PER_FREQUENCY_CAP).astype(np.float32)


def _predict(levels: NDArray[Any], weights: NDArray[Any], q2: float) -> NDArray[np.float64]:
    """Histogram over -REACH..REACH when values at ``levels`` get noise and are quantised by q2."""
    used = weights > 0
    edges = (np.arange(2 * REACH) - REACH + 0.5) * q2
    below = _normal_cdf((edges[:, None] - levels[used][None, :]) / NOISE) @ weights[used]
    total = weights.sum()
    histogram = np.diff(np.concatenate(([0.0], below, [total]))) / total
    return np.asarray(np.maximum(histogram, 0) * (1 - FLOOR * len(histogram)) + FLOOR)


_GRID = np.linspace(-4, 4, 801)
_CDF = np.array([0.5 * (1 + math.erf(z / math.sqrt(2))) for z in _GRID])


def _normal_cdf(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.interp(z, _GRID, _CDF, left=0.0, right=1.0))
