"""PDQ against the reference implementation (vectors made by pdqhash 0.2.8), and the two detectors."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bonafide.model import MediaFacts, Operation, Options, WorkItem
from bonafide_inference import pdq
from bonafide_inference.detectors.known_video.detector import Scene, spread
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.media import jpeg
from tests.unit.inference import makers


def waves(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Return a picture of sine waves, the same on every machine."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    total = np.zeros((height, width, 3))
    for n in range(1, 13):
        a, b, c = (seed * n * 7) % 11 + 1, (seed * n * 5) % 13 + 1, (n * n * seed) % 17
        wave = np.sin(2 * np.pi * (a * x / width + b * y / height) / 2 + c)
        total += wave[..., None] * np.array([20, 25, 15]) / (1 + n / 4)
    return np.asarray(np.clip(128 + total, 0, 255), dtype=np.uint8)


VECTORS = [
    ((300, 200, 1), "46d2807f4452a85dfef8faf002e5fec0fe85003fa3d5578056abfd00f803d58e"),
    ((512, 512, 2), "01af007301af55f0aba5506a5592532aa853f38207f4afdb5652af85fe5aff84"),
    ((64, 64, 3), "f54ad3fe554a029e063f557eac74acfdf5a0ae1154aa015307f7ac05a9e5040f"),
    ((131, 77, 4), "025513e702d403ef07fffcc0ad55fec0fd800c3f550a041ffdba5416fdbc0c19"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "plain"), VECTORS)
def test_reference_vectors(shape: tuple[int, int, int], plain: str) -> None:
    found = pdq.of_picture(Image.fromarray(waves(*shape)))
    # A coefficient at the median may fall either way with another BLAS; the reference allows ten bits.
    assert pdq.distance(found.pdq, plain) <= 2
    assert found.quality == 100


TURNED = {
    "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
    "upside_down": Image.Transpose.FLIP_TOP_BOTTOM,
    "turned_180": Image.Transpose.ROTATE_180,
    "transposed": Image.Transpose.TRANSPOSE,
    "turned_90_right": Image.Transpose.ROTATE_270,
    "turned_90_left": Image.Transpose.ROTATE_90,
    "transversed": Image.Transpose.TRANSVERSE,
}


@pytest.mark.parametrize("name", pdq.TURNS)
def test_a_turned_hash_is_the_hash_of_the_turned_picture(name: str) -> None:
    picture = Image.fromarray(waves(400, 300, 5))
    found = pdq.of_picture(picture.transpose(TURNED[name])).pdq
    assert pdq.distance(pdq.turned(pdq.luma_of(picture))[name], found) == 0
    assert pdq.distance(pdq.of_picture(picture).pdq, found) > 60


def test_small_changes_change_few_bits() -> None:
    picture = makers.texture(900, 700)
    plain = pdq.of_picture(picture)
    for changed in (
        picture.resize((400, 300)),
        picture.point(lambda value: min(255, int(value * 1.1))),
        Image.open(io.BytesIO(makers.jpeg(picture, 30))),
    ):
        assert pdq.distance(plain.pdq, pdq.of_picture(changed).pdq) <= 20
    assert pdq.distance(plain.pdq, pdq.of_picture(makers.texture(900, 700, seed=2)).pdq) > 60


def test_a_border_is_taken_off() -> None:
    picture = makers.texture(600, 400)
    framed = Image.new("RGB", (700, 480), (0, 0, 0))
    framed.paste(picture, (50, 40))
    luma = pdq.luma_of(Image.open(io.BytesIO(makers.jpeg(framed, 60))))
    inner = pdq.without_border(luma)
    assert inner is not None
    plain = pdq.of_picture(picture).pdq
    assert pdq.distance(pdq.of_luma(inner).pdq, plain) <= 16 < pdq.distance(pdq.of_luma(luma).pdq, plain)
    assert pdq.without_border(pdq.luma_of(picture)) is None
    assert pdq.without_border(np.zeros((64, 64))) is None
    assert pdq.without_border(np.pad(np.eye(20) * 200, 40)) is None  # too little would be left


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2), (64, 64), (513, 40)])
def test_a_flat_picture_has_no_quality(size: tuple[int, int]) -> None:
    found = pdq.of_picture(Image.new("RGB", size, (90, 10, 200)))
    assert found.quality == 0 and len(found.pdq) == 64


def test_twelve_megapixels_take_little_time() -> None:
    picture = Image.fromarray(waves(400, 300, 8)).resize((4000, 3000))
    started = time.process_time()
    pdq.of_picture(picture)
    assert time.process_time() - started < 2.0  # measured 0.03 s


# ---- the detectors -----------------------------------------------------------------------------------


def run(path: Path, tmp_path: Path, kind: Any) -> Any:
    facts = inspect(str(path))
    assert isinstance(facts, MediaFacts)
    item = WorkItem(id=f"{kind}-0", detector=kind, operations=(Operation.KNOWN_FAKE_SEARCH,))
    (found,) = run_item(str(path), facts, item, Options(), str(tmp_path))
    return found


def test_a_picture_is_measured_and_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    found = run(path, tmp_path, "image")
    assert (found.outcome, found.reason) == ("inconclusive", "no_known_match")
    assert found.model.name == "known_picture"
    measured = found.evidence.details["fingerprint"]
    assert measured["kind"] == "image" and len(measured["pdq"]) == 1 and len(measured["turned"]) == 7


def test_a_plain_picture_is_not_looked_up(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (200, 100), (255, 255, 255)).save(path)
    found = run(path, tmp_path, "image")
    assert (found.outcome, found.reason) == ("inconclusive", "too_plain")
    assert "fingerprint" not in found.evidence.details


def test_a_video_is_measured_scene_by_scene(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    frames = [waves(320, 240, 1 + n // 24) for n in range(96)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 4_000_000
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode(None))
    found = run(path, tmp_path, "video")
    assert (found.outcome, found.reason) == ("inconclusive", "no_known_match")
    assert found.model.name == "known_video"
    measured = found.evidence.details["fingerprint"]
    assert measured["kind"] == "video" and len(measured["pdq"]) == 4 == len(measured["times_s"])
    assert list(measured["turned"]) == ["mirrored"]
    assert pdq.distance(measured["pdq"][0], pdq.of_picture(Image.fromarray(frames[0])).pdq) <= 16


def test_many_scenes_are_thinned_evenly() -> None:
    found = [Scene(float(n), "0", "0") for n in range(40)]
    kept = spread(found, 16)
    assert len(kept) == 16 and (kept[0].time_s, kept[-1].time_s) == (0.0, 39.0)
    assert spread(found[:5], 16) == found[:5]
