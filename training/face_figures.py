"""What `face_manipulation` is worth: leave-source-out figures, beside a control that has learnt nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bonafide_inference.calibration import Platt
from bonafide_inference.detectors.face_manipulation.faces_in import softness
from numpy.typing import NDArray

from training.clips import either, words
from training.face_material import UNSEEN, Crops
from training.face_places import Places, pointing
from training.metrics import auc
from training.platt import fit_platt

__all__ = ["Files", "Found", "Heard", "Simulated", "against", "by_place", "measured"]

SWAPS = ("video/faceswap/ffpp", "video/faceswap/pairs", "video/reenactment/ffpp")
"""What has a seam: these decide. A portrait driven by sound (``lipsync``) is made from edge to edge."""
CLIPS = "video/genuine/"
ALARMS = 0.05
ROUNDS = 1000


@dataclass(frozen=True)
class Simulated:
    """Pairs of one source as networks judge them that have not heard it; ``cells``: `by_place` of the map."""

    scores: NDArray[np.float64]
    fake: NDArray[np.bool_]
    pictures: NDArray[np.uint8]
    cells: float
    places: Places


@dataclass(frozen=True)
class Heard:
    """``raw``: (networks, faces), logits of all crops; ``simulated``: by source, scores, labels, pictures."""

    crops: Crops
    raw: NDArray[np.float64]
    simulated: dict[str, Simulated]


@dataclass(frozen=True)
class Files:
    """One row a file, each the median of its faces.

    ``raw``: (files, networks + 1), of each network and of their mean; ``judge``: the column that has not
    heard the file's source.
    """

    folder: NDArray[np.str_]
    fake: NDArray[np.bool_]
    judge: NDArray[np.int64]
    raw: NDArray[np.float64]
    soft: NDArray[np.float64]
    side: NDArray[np.float64]
    matched: NDArray[np.str_]
    """Number of the FaceForensics++ original that a file is or was made from, else empty."""

    @classmethod
    def of(cls, heard: Heard) -> Files:
        """Gathered from faces."""
        crops, every = heard.crops, np.vstack([heard.raw, heard.raw.mean(0)])
        control = np.array([softness(one) for one in crops.seen])
        rows = []
        for origin in dict.fromkeys(crops.origin):
            mine = crops.origin == origin
            first = int(np.flatnonzero(mine)[0])
            fold = int(crops.fold[first])
            rows.append((
                crops.folder[first], crops.fake[first], len(heard.raw) if fold == UNSEEN else fold,
                np.median(every[:, mine], axis=1), np.median(control[mine]), np.median(crops.side[mine]),
                _number(str(origin)),
            ))  # fmt: skip
        return cls(*(np.array(column) for column in zip(*rows, strict=True)))

    @property
    def own(self) -> NDArray[np.float64]:
        """The score of each file by networks that have not heard its source, (files,)."""
        return np.asarray(self.raw[np.arange(len(self.judge)), self.judge], np.float64)


def _number(origin: str) -> str:
    """``004`` of ``…_videos_004_982_6bfad4.mp4`` (the first is the video that was changed)."""
    return origin.split("_videos_")[1][:3] if "_videos_" in origin else ""


def against(files: Files, fakes: NDArray[np.int64], genuine: NDArray[np.int64]) -> NDArray[np.float64]:
    """(fakes, genuine): 1 where the fake scores higher, one half for a tie.

    Both by the network that has not heard the genuine one's source: no offset between networks counts.
    """
    columns = files.judge[genuine]
    return _wins(files.raw[fakes][:, columns], files.raw[genuine, columns])


def _wins(fakes: NDArray[Any], genuine: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray((fakes > genuine) + 0.5 * (fakes == genuine), np.float64)


def _drawn(rows: int, columns: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    rng = np.random.default_rng(7)
    return [(rng.integers(0, rows, rows), rng.integers(0, columns, columns)) for _ in range(ROUNDS)]


def _interval(figure: Callable[[Any, Any], float], shape: tuple[int, ...]) -> tuple[float, float]:
    found = [figure(*draw) for draw in _drawn(*shape)]
    return float(np.percentile(found, 2.5)), float(np.percentile(found, 97.5))


@dataclass(frozen=True)
class Line:
    """AUC of some fakes against some genuine files, its interval (files drawn again), and the controls'."""

    fakes: int
    genuine: int
    auc: tuple[float, float, float]
    soft: float
    side: float
    gain: tuple[float, float]
    """Interval of the AUC less that of softness, turned whichever way it is better."""

    @classmethod
    def of(cls, files: Files, fakes: NDArray[np.bool_], genuine: NDArray[np.bool_]) -> Line:
        """Measured."""
        f, g = np.flatnonzero(fakes), np.flatnonzero(genuine)
        won = against(files, f, g)
        soft, side = (_wins(one[f][:, None], one[g][None]) for one in (files.soft, files.side))
        soft = soft if soft.mean() >= 0.5 else 1 - soft
        low, high = _interval(lambda a, b: float(won[np.ix_(a, b)].mean()), won.shape)
        gain = _interval(lambda a, b: float((won - soft)[np.ix_(a, b)].mean()), won.shape)
        middle = float(won.mean())
        larger = max(float(side.mean()), 1 - float(side.mean()))
        return cls(len(f), len(g), (middle, low, high), float(soft.mean()), larger, gain)


@dataclass(frozen=True)
class Found:
    """The tables of the card, the figures of the manifest, whether the score is believed, its calibration."""

    tables: str
    headline: dict[str, Any]
    believed: bool
    calibration: Platt | None


def measured(heard: Heard) -> Found:
    """Figures of three networks and of their mean."""
    files = Files.of(heard)
    clip = ~files.fake & np.char.startswith(files.folder, CLIPS)
    swapped = np.isin(files.folder, SWAPS)
    lines = {
        "swaps and reenactments": Line.of(files, swapped, clip),
        "swaps alone": Line.of(files, np.char.startswith(files.folder, "video/faceswap"), clip),
        "the same against all genuine files": Line.of(files, swapped, ~files.fake),
        "everything manipulated": Line.of(files, files.fake, clip),
    }  # fmt: skip
    for name in sorted(set(files.folder[files.fake])):
        lines[name[6:]] = Line.of(files, files.folder == name, clip)
    first = lines["swaps and reenactments"]
    believed = first.auc[1] > 0.5 and first.gain[0] > 0
    pairs = _matched(files)
    simulated = [auc(one.scores, one.fake) for one in heard.simulated.values()]
    headline = {
        "swaps_auc": round(first.auc[0], 3), "swaps_auc_low": round(first.auc[1], 3),
        "swaps_auc_high": round(first.auc[2], 3), "swaps_softness_auc": round(first.soft, 3),
        "matched_higher": int(sum(won for *_, won in pairs)), "matched_pairs": len(pairs),
        "simulated_auc": round(sum(simulated) / max(len(simulated), 1), 3),
    }  # fmt: skip
    pointed, where = pointing({name: one.places for name, one in heard.simulated.items()})
    headline |= where
    tables = [_simulations(heard.simulated), pointed, _real(lines), _pairs(pairs), _alarms(files)]
    calibration = fit_platt(files.own, files.fake, list(files.folder)) if believed else None
    return Found("\n\n".join(tables), headline, believed, calibration)


def by_place(maps: NDArray[np.float64], seams: NDArray[np.bool_]) -> float:
    """AUC of maps (n, cells, cells) for seams, each cell compared with the same cell of other faces only.

    So it is no merit to know where seams usually lie: that alone gives .76 to .87 over all cells (0088).
    """
    won, pairs = 0.0, 0
    for row, column in np.ndindex(*maps.shape[1:]):
        truth = seams[:, row, column]
        if count := int(truth.sum()) * int((~truth).sum()):
            won += auc(maps[:, row, column], truth) * count
            pairs += count
    return won / pairs if pairs else float("nan")


def _simulations(simulated: dict[str, Simulated]) -> str:
    lines = [
        "| simulated, sources not heard | pairs | AUC | in a pair | softness alone | cells |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in simulated.items():
        control = either(np.array([softness(picture) for picture in one.pictures]), one.fake)
        higher = (one.scores[one.fake] > one.scores[~one.fake]).mean()
        lines.append(
            f"| {name} | {len(one.fake) // 2} | {auc(one.scores, one.fake):.3f} | {higher:.0%} "
            f"| {control:.3f} | {one.cells:.3f} |"
        )
    return "\n".join(lines)


def _real(lines: dict[str, Line]) -> str:
    table = [
        "| real clips against genuine ones | fake | genuine | AUC (95 %) | softness | face size | gain |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in lines.items():
        gain = f"{one.gain[0]:+.2f} to {one.gain[1]:+.2f}"
        cells = (name, one.fakes, one.genuine, words(one.auc), f"{one.soft:.3f}", f"{one.side:.3f}", gain)
        table.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(table)


def _matched(files: Files) -> list[tuple[str, str, float, float, bool]]:
    """Manipulated clips of FaceForensics++ beside the very clip that they were made from."""
    found = []
    for row in np.flatnonzero(files.fake & (files.matched != "")):
        for own in np.flatnonzero(~files.fake & (files.matched == files.matched[row])):
            both = float(files.own[row]), float(files.own[own])
            found.append((str(files.folder[row]), str(files.matched[row]), *both, both[0] > both[1]))
    return found


def _pairs(pairs: list[tuple[str, str, float, float, bool]]) -> str:
    lines = ["| matched with its original | clip | raw | original's | higher |", "|---|---|---|---|---|"]
    for name, clip, fake, own, higher in pairs:
        lines.append(f"| {name} | {clip} | {fake:.2f} | {own:.2f} | {'yes' if higher else 'no'} |")
    return "\n".join(lines)


def _alarms(files: Files) -> str:
    """Raw scores by source, and the share above the score that 5 % of *other* genuine sources exceed."""
    lines = [
        "| source | files | raw: median | 5 % to 95 % | above the threshold |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(files.folder):
        mine = files.folder == name
        limit = threshold(files, ~files.fake & ~mine)
        some = files.own[mine]
        low, high = np.percentile(some, [5, 95])
        lines.append(
            f"| {name} | {len(some)} | {np.median(some):.2f} | {low:.2f} to {high:.2f} "
            f"| {(some > limit).mean():.0%} |"
        )
    return "\n".join(lines)


def threshold(files: Files, genuine: NDArray[np.bool_], share: float = ALARMS) -> float:
    """The score that ``share`` of these files exceed, every source counting alike."""
    scores, names = files.own[genuine], files.folder[genuine]
    weights = np.array([1 / (names == name).sum() for name in names])
    order = np.argsort(-scores)
    above = np.cumsum(weights[order]) / weights.sum()
    return float(scores[order][int(np.searchsorted(above, share))])
