"""What `forensics` measures on one picture: forged by code, real, genuine, and the warm cost."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide.policy import policy
from bonafide_inference import registry
from bonafide_inference.detectors.double_quantisation.detector import weigh
from bonafide_inference.inspect import inspect
from bonafide_inference.runner import run_item_task
from numpy.typing import NDArray
from PIL import Image

from benchmarks.media import scene
from training import jpeg_ghosts, jpeg_grid, moved_copies
from training.forgeries import copy_move, paste_compressed
from training.localisers import luma_of
from training.material import Row
from training.metrics import auc, f1
from training.splices import encode, forget_history, make_pair

__all__ = ["Genuine", "Judged", "judge_forged", "judge_genuine", "judge_real", "warm_cost"]

Heat = NDArray[Any]
Look = Callable[[bytes], tuple[float, Heat] | None]
SAVES = (95, 90, 85, 80, 75)
FOUR = (
    Operation.IMAGE_FORGERY, Operation.FILE_FORENSICS, Operation.PROVENANCE, Operation.KNOWN_FAKE_SEARCH,
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """One method's (or the fused) answer to one made picture; figures are NaN where it is silent."""

    forgery: str
    save: str
    method: str
    picture: str
    forged: bool
    spoke: bool
    llr: float
    pixel_auc: float = float("nan")
    f1_area: float = float("nan")
    f1_fixed: float = float("nan")


@dataclass(frozen=True)
class Genuine:
    """Fused ``p_fake`` (None: the operation is silent) and the methods above one half."""

    p_fake: float | None
    above: tuple[str, ...]


class Method:
    """A localiser with its shipped manifest: raw score and map in, (LLR, map, fixed threshold) out."""

    def __init__(self, name: str) -> None:
        folder = next(f for f in registry.discover(None) if f.manifest.name == name)
        self.name, self.manifest = name, folder.manifest

    def look(self, data: bytes) -> tuple[float, Heat, float] | None:
        """None when silent."""
        limits, calibration = self.manifest.thresholds, self.manifest.calibration
        assert calibration is not None
        if self.name == "double_quantisation":
            if data[:3] != b"\xff\xd8\xff":
                return None
            found = weigh(luma_of(data), limits["min_gain"])
            if found.score is None or found.map is None:
                return None
            return calibration.apply(found.score).llr, found.map, limits["region_llr"]
        module = {"jpeg_ghosts": jpeg_ghosts, "jpeg_grid": jpeg_grid, "moved_copies": moved_copies}[self.name]
        seen = module.look(data)
        least = abs(limits[module.RECIPE.threshold])
        if seen is None or seen[0] < least or seen[1] is None:
            return None
        score, heat = seen
        fixed = score / 2 if self.name == "jpeg_ghosts" else float(heat.max()) / 2
        return calibration.apply(score).llr, heat, fixed


METHODS = ("double_quantisation", "jpeg_ghosts", "jpeg_grid", "moved_copies")


def judge_forged(task: tuple[Row, Row, int]) -> list[Judged]:
    """All forgeries of one picture with their genuine twins, judged by all methods."""
    row, other, number = task
    rng = np.random.default_rng((31, number))
    picture = forget_history(Image.open(row.path).convert("RGB"), rng)
    donor = forget_history(Image.open(other.path).convert("RGB"), rng)
    methods = [Method(name) for name in METHODS]
    judged = []
    for forgery, save, data, mask in _made(picture, donor, rng):
        judged += _judge(methods, forgery, save, f"{row.corpus}/{row.path.name}", data, mask)
    return judged


def _made(
    picture: Image.Image, donor: Image.Image, rng: np.random.Generator
) -> Iterator[tuple[str, str, bytes, Heat | None]]:
    """(forgery, save, file, mask or None for a genuine twin)."""
    for q2 in SAVES:
        twin, splice = make_pair(picture, donor, int(rng.integers(50, q2 - 7)), q2, rng)
        yield "splice", f"Q{q2}", splice.data, splice.mask
        yield "splice", f"Q{q2}", twin.data, None
    small = Image.open(io.BytesIO(splice.data)).convert("RGB")
    small = small.resize((round(small.width * 0.8), round(small.height * 0.8)), Image.Resampling.LANCZOS)
    assert splice.mask is not None  # a splice has one
    mask = np.asarray(Image.fromarray(splice.mask).resize(small.size))
    yield "splice", "resized, Q80", encode(small, 80, 2), mask
    for q2 in (95, 90, 85):
        plain = encode(picture, q2, 2)
        q1 = int(rng.integers(50, q2 - 9))
        for name, aligned in (("patch on the grid", True), ("patch off the grid", False)):
            forged, mask = paste_compressed(picture, donor, q1, rng, aligned=aligned)
            yield name, f"Q{q2}", encode(forged, q2, 2), mask
            yield name, f"Q{q2}", plain, None
    for name, turned in (("copy-move", False), ("copy-move, turned", True)):
        for save in (0, 90, 75):
            forged, copy, source = copy_move(picture, rng, turned=turned)
            pack = (lambda image, q=save: encode(image, q, 2)) if save else jpeg_grid.png
            yield name, f"Q{save}" if save else "PNG", pack(forged), copy | source
            yield name, f"Q{save}" if save else "PNG", pack(picture), None


def _judge(
    methods: list[Method], forgery: str, save: str, picture: str, data: bytes, mask: Heat | None
) -> list[Judged]:
    judged, spoken = [], []
    for method in methods:
        seen = method.look(data)
        head = (forgery, save, method.name, picture, mask is not None)
        if seen is None:
            judged.append(Judged(*head, spoke=False, llr=0.0))
            continue
        spoken.append(seen)
        judged.append(Judged(*head, True, seen[0], *_located(seen[1], seen[2], mask)))
    head = (forgery, save, "fused", picture, mask is not None)
    if not spoken:
        return [*judged, Judged(*head, spoke=False, llr=0.0)]
    llr = float(np.log(np.mean(np.exp([one[0] for one in spoken]))))
    loudest = max(spoken, key=lambda one: one[0])
    return [*judged, Judged(*head, True, llr, *_located(loudest[1], loudest[2], mask))]


def _located(heat: Heat, fixed: float, mask: Heat | None) -> tuple[float, float, float]:
    if mask is None:
        return float("nan"), float("nan"), float("nan")
    truth = np.asarray(Image.fromarray(mask).resize(heat.shape[::-1], Image.Resampling.NEAREST))
    oracle = heat >= np.sort(heat, axis=None)[-max(1, int(truth.sum()))]
    return auc(heat.ravel(), truth.ravel()), f1(oracle, truth), f1(heat > fixed, truth)


def judge_real(path: str) -> tuple[float, float, float | None]:
    """(raw copy-move score, its LLR through the gate or 0 when silent, fused p_fake or None) of a file."""
    raw = moved_copies.look(Path(path).read_bytes())
    gated = Method("moved_copies").look(Path(path).read_bytes())
    return (raw[0] if raw else 0.0), (gated[0] if gated else 0.0), judge_genuine(path).p_fake


def judge_genuine(path: str) -> Genuine:
    """The whole operation, as shipped, on one file."""
    found = _ask(path, (Operation.IMAGE_FORGERY,), Options(visualize=False))
    result = fuse_operation(Operation.IMAGE_FORGERY, found, policy("default"))
    above = tuple(f.model.name for f in found if f.model and f.outcome is Outcome.SCORED and (f.llr or 0) > 0)
    return Genuine(result.p_fake, above)


def _ask(path: str, operations: tuple[Operation, ...], options: Options) -> list[Finding]:
    media = inspect(path)
    assert isinstance(media, MediaFacts), media
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="bonafide-bench-") as workdir:
        for item in _items(media, operations):
            findings += registry.run_item(path, media, item, options, workdir)
    return findings


def _items(media: MediaFacts, operations: tuple[Operation, ...]) -> Iterator[WorkItem]:
    for kind in ("image", "file"):
        item = WorkItem(id=f"bench-{kind}", detector=kind, operations=operations)
        if registry.wanted(media, item):
            yield item


def warm_cost() -> tuple[float, float, list[tuple[str, float]]]:
    """Seconds of a 12-megapixel JPEG on one core, warm: wall through cells, CPU without them, by detector.

    The wall time is true on an idle machine only; the CPU time is what it costs on any.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "twelve.jpg")
            Image.fromarray(scene(4000, 3000)).save(path, "JPEG", quality=92)
            best: tuple[float, list[tuple[str, float]]] = (float("inf"), [])
            for _ in range(3):
                started = time.monotonic()
                found = _ask(path, FOUR, Options())
                spent = time.monotonic() - started
                parts = [(f.model.name, f.seconds or 0.0) for f in found if f.model]
                best = min(best, (spent, parts), key=lambda one: one[0])
            return best[0], min(_cpu_cost(path, folder) for _ in range(3)), best[1]
    finally:
        os.sched_setaffinity(0, before)


def _cpu_cost(path: str, workdir: str) -> float:
    """CPU seconds of what the cell does, done in this process."""
    media = inspect(path)
    assert isinstance(media, MediaFacts), media
    started = time.process_time()
    for item in _items(media, FOUR):
        run_item_task(
            {
                "path": path,
                "workdir": workdir,
                "media": media.model_dump(mode="json"),
                "item": item.model_dump(mode="json"),
                "options": Options().model_dump(mode="json"),
                "folders": [
                    {"path": folder.path, "shipped": folder.shipped}
                    for folder in registry.wanted(media, item)
                ],
            }
        )
    return time.process_time() - started
