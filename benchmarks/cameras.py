"""``python -m benchmarks.cameras --data DIR``: sensor patterns measured on the material's pictures.

No camera took enough of the material's pictures, so **the true side is a simulation**: photographs are
sampled through a Bayer mosaic whose pixels differ by 1 % (0.5 % in the weak rows), with noise of 2 grey
levels, interpolated, and saved as JPEG. The false side is not: the pictures of ``image/`` and of most of
``forensic/`` are compared with every pattern: those of simulated cameras, and those that the same program,
size and generator leave in a whole folder. Prints the time, the power, what `camera-add` would say of folders
that are no camera's, and the energies.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bonafide_inference import sensor
from bonafide_inference.pictures import BROKEN
from PIL import Image

from benchmarks.report import Table

__all__ = ["main", "taken"]

LEAST = {"whole": 60.0, "cut-out": 150.0}
"""The detector's thresholds (``pce_least``, ``pce_least_cut_out`` of its manifest)."""
STRENGTH, NOISE = 0.01, 2.0
FOLDERS = (
    "genuine/ffhq1024", "genuine/ecuador", "genuine/bsds500", "genuine/ffhq256",
    "generated/stylegan2_faces", "generated/ecuador_flux",
)  # fmt: skip
"""Many pictures of one size each: what they have in common is the hardest pattern that is no camera's."""
SCENES = "genuine/ecuador"
OTHERS = tuple(f"forensic/{name}" for name in ("exif", "screenshots", "edited", "c2pa", "aigen-meta"))


@dataclass(frozen=True)
class Pattern:
    """What an enrolment would keep, whence it came, and which pictures made it."""

    name: str
    folder: str
    packed: Any
    made_of: frozenset[Path]


def taken(picture: Image.Image, pattern: Any, strength: float, quality: int, seed: int) -> Image.Image:
    """The scene of a picture as a camera with this pattern (per pixel, deviation 1) would save it."""
    light = np.asarray(picture.convert("RGB"), np.float32)
    high, wide = light.shape[:2]
    site = (np.arange(high)[:, None] % 2) + (np.arange(wide)[None, :] % 2)  # RGGB: 0 red, 1 green, 2 blue
    raw = np.take_along_axis(light, site[..., None], 2)[..., 0] * (1 + strength * pattern)
    raw += np.random.default_rng(seed).normal(0, NOISE, raw.shape)
    planes = [_interpolated(raw, site == colour) for colour in range(3)]
    out = io.BytesIO()
    whole = np.stack(planes, axis=2).clip(0, 255).round().astype(np.uint8)
    Image.fromarray(whole).save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def _interpolated(raw: Any, there: Any) -> Any:
    """One colour plane: its own pixels, and the weighted mean of neighbours elsewhere."""
    near = _blur(np.where(there, raw, 0)) / _blur(there.astype(np.float32))
    return np.where(there, raw, near)


def _blur(plane: Any) -> Any:
    framed = np.pad(plane, 1, mode="reflect")
    down = framed[:-2] + 2 * framed[1:-1] + framed[2:]
    return down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]


def enrolled(pictures: Iterable[Image.Image]) -> Any:
    """The packed pattern of some pictures of one size."""
    total: sensor.Sum | None = None
    for picture in pictures:
        plane = sensor.luma(picture)
        total = total or sensor.Sum(plane.shape)
        total.add(sensor.residual(plane), plane)
    assert total is not None
    return sensor.pack(total.pattern())


def middle(plane: Any, shape: tuple[int, int]) -> Any:
    """The central part of a plane, in this shape at most."""
    top, left = ((have - min(have, want)) // 2 for have, want in zip(plane.shape, shape, strict=True))
    return plane[top : top + min(plane.shape[0], shape[0]), left : left + min(plane.shape[1], shape[1])]


def energy(given: Any, packed: Any, *, whole: bool) -> float:
    """The best of all turns that fit, as the detector takes it; what is larger is cut to the common part."""
    found = []
    for first in (0, 1):
        pattern = middle(packed, np.rot90(given, first).shape) if whole else packed
        waves = sensor.waves(pattern)
        for turn in (first, first + 2):
            part = middle(np.rot90(given, turn), pattern.shape)
            if min(part.shape) >= sensor.LEAST:
                found.append(sensor.correlate(part, waves, pattern.shape, whole=whole).pce)
    return max(found, default=float("-inf"))


# ---- false matches ----------------------------------------------------------------------------------
def patterns(data: Path, cameras: int) -> list[Pattern]:
    """Simulated cameras on the photographs of 1024 pixels, and the remains of every folder of one size."""
    made = []
    scenes = _alike(data / "image" / FOLDERS[0])
    for number in range(cameras):
        chosen = [scenes[k] for k in np.random.default_rng(number).permutation(len(scenes))[:20]]
        made.append(_simulated(f"simulated {number}", chosen, number))
    for folder in FOLDERS:
        half = _alike(data / "image" / folder)[::2][:40]
        packed = enrolled(_opened(half))
        made.append(Pattern(f"remains of {folder}", folder, packed, frozenset(half)))
    return made


def _simulated(name: str, chosen: list[Path], seed: int) -> Pattern:
    packed = enrolled(_shots(chosen, _sensor(chosen[0], seed), STRENGTH, 90))
    return Pattern(name, "", packed, frozenset(chosen))


def _sensor(path: Path, seed: int) -> Any:
    with Image.open(path) as image:
        return np.random.default_rng(5000 + seed).normal(0, 1, image.size[::-1]).astype(np.float32)


def _shots(paths: Iterable[Path], pattern: Any, strength: float, quality: int) -> Iterable[Image.Image]:
    for seed, picture in enumerate(_opened(paths)):
        yield taken(picture, pattern, strength, quality, seed)


def _opened(paths: Iterable[Path]) -> Iterable[Image.Image]:
    for path in paths:
        with Image.open(path) as image:
            yield image.convert("RGB")


def _alike(folder: Path) -> list[Path]:
    """The pictures of a folder's most frequent size, sorted."""
    sizes: dict[tuple[int, int], list[Path]] = {}
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            sizes.setdefault(image.size, []).append(path)
    return max(sizes.values(), key=len)


def false_matches(paths: list[Path], made: list[Pattern], which: str) -> None:
    """Every picture against every pattern that it is not of, as a whole picture and as a cut-out."""
    seen: dict[tuple[str, str, str], list[float]] = {}
    pictures = 0
    for number, path in enumerate(paths):
        plane = _readable(path)
        if plane is None:
            continue
        pictures += 1
        given = sensor.signal(plane)
        folder = "/".join(path.parts[-3:-1])
        for pattern in made:
            if path in pattern.made_of:
                continue
            kin = "same folder" if folder == pattern.folder else "elsewhere"
            group = pattern.name if pattern.folder else "simulated cameras"
            seen.setdefault((group, kin, "whole"), []).append(energy(given, pattern.packed, whole=True))
            if max(plane.shape) <= min(pattern.packed.shape):
                cut = energy(given, pattern.packed, whole=False)
                seen.setdefault((group, kin, "cut-out"), []).append(cut)
        print(f"\r{number}/{len(paths)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    rows = [(*key, len(v), *_high(v, LEAST[key[2]])) for key, v in sorted(seen.items())]
    columns = ("pattern", "pictures", "compared as", "pairs", "median", "99 %", "largest", "matches")
    title = f"{which}: energy of {pictures} pictures with patterns that they do not bear"
    print(Table(title, columns, rows).text(), "\n")
    for how, least in LEAST.items():
        apart = [
            v for (_, kin, as_), found in seen.items() if (kin, as_) == ("elsewhere", how) for v in found
        ]
        wrong = sum(value >= least for value in apart)
        print(f"{how}, from elsewhere: {wrong} of {len(apart)} pairs at {least:.0f} or more")
    print(f"if none: at most {3 / pictures:.4f} a picture and camera (95 %, rule of three over pictures)\n")


def _all(data: Path, folders: Sequence[str], every: int) -> list[Path]:
    return sorted(p for folder in folders for p in (data / folder).rglob("*") if p.is_file())[::every]


def _readable(path: Path) -> Any:
    """The luma of a picture that is large enough, else None."""
    try:
        with Image.open(path) as image:
            return sensor.luma(image.convert("RGB")) if min(image.size) >= sensor.LEAST else None
    except BROKEN:
        return None


def _high(values: list[float], least: float) -> tuple[float | int, ...]:
    found = np.array(values)
    return (
        *(round(float(v), 1) for v in (np.median(found), np.quantile(found, 0.99), found.max())),
        int((found >= least).sum()),
    )


# ---- power ------------------------------------------------------------------------------------------
def power(data: Path, tries: int) -> None:
    """Share of simulated shots that are found, by pictures enrolled, strength, quality, and what was done."""
    scenes = _alike(data / "image" / SCENES)
    rows = []
    for strength in (STRENGTH, STRENGTH / 2):
        pattern = _sensor(scenes[0], 77)
        queries = scenes[-tries:]
        for count in (10, 20, 50):
            packed = enrolled(_shots(scenes[:count], pattern, strength, 90))
            cells = [_found(queries, pattern, strength, packed, change) for change in CHANGES]
            rows.append((f"{strength:.1%}", count, *cells))
    columns = ("pattern", "enrolled", *CHANGES)
    title = f"Found (median energy) of {tries} simulated shots of 512 pixels; enrolled from JPEG 90"
    print(Table(title, columns, rows).text(), "\n")


CHANGES = (
    "JPEG 95", "JPEG 85", "JPEG 75", "JPEG 50", "85, again 75", "crop 80 %", "half replaced",
    "resized 80 % and back",
)  # fmt: skip


def _found(queries: list[Path], pattern: Any, strength: float, packed: Any, change: str) -> str:
    quality = int(change[-2:]) if change.startswith("JPEG") else 85
    values = []
    for shot in _shots(queries, pattern, strength, quality):
        whole = change != "crop 80 %"
        given = sensor.signal(sensor.luma(_changed(shot, change)))
        values.append(sensor.correlate(given, sensor.waves(packed), packed.shape, whole=whole).pce)
    least = LEAST["cut-out" if change.startswith("crop") else "whole"]
    return f"{sum(v >= least for v in values)} ({np.median(values):.0f})"


def _changed(shot: Image.Image, change: str) -> Image.Image:
    wide, high = shot.size
    if change == "crop 80 %":
        return shot.crop((wide // 10, high // 10, wide - wide // 10, high - high // 10))
    if change.startswith("resized"):
        return shot.resize((wide * 4 // 5, high * 4 // 5), Image.Resampling.BICUBIC).resize(shot.size)
    if change.startswith("half"):
        turned = shot.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        shot.paste(turned.crop((0, 0, wide // 2, high)))
        return shot
    if change.startswith("85"):
        out = io.BytesIO()
        shot.save(out, "JPEG", quality=75)
        return Image.open(out).convert("RGB")
    return shot


def planted(data: Path) -> None:
    """How many generated pictures match when somebody plants a pattern that was taken from other shots."""
    scenes, generated = _alike(data / "image" / SCENES), _alike(data / "image" / FOLDERS[-1])
    pattern = _sensor(scenes[0], 77)
    packed = enrolled(_shots(scenes[:20], pattern, STRENGTH, 90))
    stolen = enrolled(_shots(scenes[20:40], pattern, STRENGTH, 90)).astype(np.float32)
    values: dict[str, list[float]] = {"as they are": [], "with the pattern planted": []}
    for picture in _opened(generated):
        pixels = np.asarray(picture, np.float32)
        false = pixels * (1 + STRENGTH * stolen / stolen.std())[..., None]
        for name, some in zip(values, (pixels, false), strict=True):
            out = io.BytesIO()
            Image.fromarray(some.clip(0, 255).round().astype(np.uint8)).save(out, "JPEG", quality=85)
            given = sensor.signal(sensor.luma(Image.open(io.BytesIO(out.getvalue()))))
            values[name].append(sensor.correlate(given, sensor.waves(packed), packed.shape, whole=True).pce)
    for name, found in values.items():
        wrong = sum(value >= LEAST["whole"] for value in found)
        print(
            f"generated pictures {name}: {wrong} of {len(found)} match (median energy {np.median(found):.0f})"
        )
    print()


# ---- folders that are no camera's -------------------------------------------------------------------
def no_cameras(data: Path) -> None:
    """What ``make camera-add`` would count in folders of one size that no single camera took."""
    rows = []
    for folder in FOLDERS:
        planes = [sensor.luma(picture) for picture in _opened(_alike(data / "image" / folder)[:30])]
        noises = [sensor.residual(plane) for plane in planes]
        total = sensor.Sum(planes[0].shape)
        for noise, plane in zip(noises, planes, strict=True):
            total.add(noise, plane)
        values = []
        for noise, plane in zip(noises, planes, strict=True):
            total.add(noise, plane, -1.0)
            waves = sensor.waves(sensor.pack(total.pattern()))
            total.add(noise, plane)
            values.append(sensor.correlate(sensor.signal(plane, noise), waves, plane.shape, whole=True).pce)
        bearing = sum(value >= LEAST["whole"] for value in values)
        rows.append((folder, len(values), bearing, "enrolled" if 2 * bearing >= len(values) else "refused"))
    columns = ("folder", "pictures", "bear what the others share", "camera-add")
    print(Table("Folders that are no camera's", columns, rows).text(), "\n")


def speed() -> None:
    """Processor time of one picture of 1024 x 1024, and of each camera that it is compared with."""
    grain = np.random.default_rng(1).normal(120, 20, (sensor.SIDE, sensor.SIDE)).clip(0, 255)
    plane = grain.astype(np.float32)
    packed = sensor.pack(plane - plane.mean())
    spent: dict[str, list[float]] = {"picture": [], "camera": []}
    for _ in range(8):
        begun = time.process_time()
        given = sensor.signal(plane)
        spent["picture"].append(time.process_time() - begun)
        begun = time.process_time()
        waves = sensor.waves(packed)
        for turn in (0, 2):
            sensor.correlate(np.rot90(given, turn), waves, packed.shape, whole=True)
        spent["camera"].append(time.process_time() - begun)
    once, each = (1000 * min(spent[name]) for name in ("picture", "camera"))
    print(
        f"1024 x 1024 on one core: {once:.0f} ms a picture, {each:.0f} ms a camera in two turns (limit 100)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="benchmarks.cameras", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="material with SOURCES.csv")
    parser.add_argument("--every", type=int, default=1, help="only every n-th picture, for a quick look")
    parser.add_argument("--part", help="only: speed, power, planted, folders, image, forensic")
    arguments = parser.parse_args(argv)
    if not (arguments.data / "SOURCES.csv").is_file():
        parser.error(f"{arguments.data} has no SOURCES.csv")
    data, every = arguments.data, arguments.every
    parts: dict[str, Callable[[], None]] = {
        "speed": speed,
        "power": lambda: power(data, max(4, 30 // every)),
        "planted": lambda: planted(data),
        "folders": lambda: no_cameras(data),
        "image": lambda: false_matches(_all(data, ("image",), every), patterns(data, 4), "image"),
        "forensic": lambda: false_matches(_all(data, OTHERS, every), patterns(data, 4), "forensic"),
    }
    for name, part in parts.items():
        if arguments.part in (None, name):
            part()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
