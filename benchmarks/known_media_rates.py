"""How well PDQ tells pictures: ``python -m benchmarks.known_media_rates [--data shared/data]``.

Prints the rate of false matches (every pair of different pictures, in eight orientations; an upper bound by
counting), and the share of changed copies that are found, a change a row. Pictures of one video or series
(their names end in frame numbers) are no different pictures; their matches are counted apart.
``--write`` puts the figures into the two detectors' manifests.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import re
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from bonafide import known
from bonafide.model import MediaFacts, Options, WorkItem
from bonafide_inference import pdq
from bonafide_inference.detectors.known_video.detector import scenes, spread
from bonafide_inference.inspect import inspect
from bonafide_inference.piece import Piece
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.known_media import ROOT, bits_of, pictures

__all__ = ["CHANGES", "main"]

MANIFESTS = ROOT / "layers" / "inference" / "bonafide_inference" / "detectors"
MOST_FRAMES = 300
LONG_SIDE = 1024
"""Pictures are changed at this size at most: a hash sees 64 pixels a side, and time is short."""
Change = Callable[[Image.Image], Image.Image]


def saved(picture: Image.Image, quality: int) -> Image.Image:
    """Return the picture after a JPEG of this quality."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def scaled(picture: Image.Image, share: float, high: float | None = None) -> Image.Image:
    """Return the picture at another size."""
    width, height = round(picture.width * share), round(picture.height * (high or share))
    return picture.resize((max(8, width), max(8, height)), Image.Resampling.LANCZOS)


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """Return the picture without ``share`` of its width and height, half on each side."""
    x, y = round(picture.width * share / 2), round(picture.height * share / 2)
    return picture.crop((x, y, picture.width - x, picture.height - y))


def framed(picture: Image.Image, share: float) -> Image.Image:
    """Return the picture within a black border."""
    x, y = round(picture.width * share / 2), round(picture.height * share / 2)
    whole = Image.new("RGB", (picture.width + 2 * x, picture.height + 2 * y))
    whole.paste(picture, (x, y))
    return whole


def lettered(picture: Image.Image, share: float) -> Image.Image:
    """Return the picture with a white caption over the lowest ``share`` of it."""
    made = picture.copy()
    top = round(picture.height * (1 - share))
    pen = ImageDraw.Draw(made)
    pen.rectangle((0, top, picture.width, picture.height), fill="white")
    size = max(8.0, picture.height * share * 0.6)
    pen.text((picture.width * 0.05, top), "BREAKING: seen today", fill="black", font_size=size)
    return made


def marked(picture: Image.Image) -> Image.Image:
    """Return the picture with a mark of an eighth of its sides in a corner."""
    made = picture.copy()
    width, height = picture.width // 8, picture.height // 8
    box = (picture.width - width - 4, 4, picture.width - 4, 4 + height)
    ImageDraw.Draw(made).rectangle(box, fill=(200, 20, 20))
    return made


CHANGES: dict[str, Change] = {
    "saved at quality 70": lambda p: saved(p, 70),
    "saved at quality 30": lambda p: saved(p, 30),
    "saved at quality 10": lambda p: saved(p, 10),
    "half size": lambda p: scaled(p, 0.5),
    "quarter size": lambda p: scaled(p, 0.25),
    "squeezed to 80 % width": lambda p: scaled(p, 0.8, 1.0),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "a quarter brighter": lambda p: p.point(lambda v: min(255, round(v * 1.25))),
    "blurred (2 px)": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
    "mark in a corner": marked,
    "caption over 10 %": lambda p: lettered(p, 0.1),
    "caption over 20 %": lambda p: lettered(p, 0.2),
    "crop 2 %": lambda p: cropped(p, 0.02),
    "crop 5 %": lambda p: cropped(p, 0.05),
    "crop 10 %": lambda p: cropped(p, 0.1),
    "crop 20 %": lambda p: cropped(p, 0.2),
    "border 5 %": lambda p: framed(p, 0.05),
    "border 10 %": lambda p: framed(p, 0.1),
    "mirrored, quality 70": lambda p: saved(p.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 70),
    "turned 90°, half size": lambda p: scaled(p.transpose(Image.Transpose.ROTATE_90), 0.5),
    "turned 5°": lambda p: p.rotate(5, Image.Resampling.BICUBIC),
    "half size, mark, quality 50": lambda p: saved(marked(scaled(p, 0.5)), 50),
}
WEB = (
    "saved at quality 70", "saved at quality 30", "half size", "grey", "a quarter brighter",
    "mark in a corner", "caption over 10 %", "crop 2 %", "mirrored, quality 70",
    "half size, mark, quality 50",
)  # fmt: skip
"""What a copy meets on its way through the web; the floor of the hit rate is that of these together."""


def found(original: str, copy: Image.Image) -> tuple[int, bool]:
    """Return (smallest distance over the orientations, whether the index would find it).

    A copy that is found as it is, is not turned: that costs eight times as much and changes nothing.
    """
    luma = pdq.luma_of(copy)
    value, mine = int(original, 16), set(known.buckets(original))
    plain = pdq.of_luma(luma).pdq
    best, hit = (int(plain, 16) ^ value).bit_count(), False
    if best <= known.RADIUS and mine & set(known.buckets(plain, near=True)):
        return best, True
    inner = pdq.without_border(luma)
    variants = {"": plain} | pdq.turned(luma) | ({} if inner is None else {"border": pdq.of_luma(inner).pdq})
    for name, hash_ in variants.items():
        far = (int(hash_, 16) ^ value).bit_count()
        best = min(best, far)
        hit = hit or (far <= known.RADIUS and bool(mine & set(known.buckets(hash_, near=not name))))
    return best, hit


def upper(count: int) -> float:
    """Return the 95 % upper bound of a Poisson mean after ``count`` events (0: the rule of three)."""
    low, high = float(count), count + 10 + 4 * math.sqrt(count + 1)
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(math.exp(-middle + n * math.log(middle) - math.lgamma(n + 1)) for n in range(count + 1))
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high


def lower(hits: int, count: int) -> float:
    """Return Wilson's 95 % lower bound of a share."""
    share, z = hits / count, 1.96
    centre = share + z * z / (2 * count)
    return (centre - z * math.sqrt(share * (1 - share) / count + z * z / (4 * count**2))) / (
        1 + z * z / count
    )


def series(path: Path) -> str:
    """Name what a picture is a frame of: its folder, and its name up to a frame number."""
    return f"{path.parent}/{re.sub(r'_f?[0-9]{3,}.*', '', path.stem)}" if "_f0" in path.stem else str(path)


def false_matches(
    plain: list[str], every: list[list[str]], groups: list[str]
) -> tuple[int, int, int, NDArray[Any]]:
    """Return (matches between groups, pairs between groups, matches within, distances between groups)."""
    signs = bits_of(plain).astype(np.float32) * 2 - 1
    names = np.unique(groups, return_inverse=True)[1]
    between = within = pairs = 0
    nearest = []
    for place, hashes in enumerate(every):
        far = (256 - (bits_of(hashes).astype(np.float32) * 2 - 1) @ signs.T) / 2
        same = names == names[place]
        other = far[:, ~same]
        pairs += other.size
        between += int((other <= known.RADIUS).sum())
        alike = far[:, same & (np.arange(len(plain)) != place)]
        within += int((alike <= known.RADIUS).sum())
        nearest.append(other.min(initial=256.0))
    return between, pairs, within, np.array(nearest)


def of_pictures(data: Path, step: int) -> dict[str, float | int | str | None]:
    """Print the tables of pictures; return the figures."""
    plain, every, groups, kept = [], [], [], []
    for path, picture in pictures(data / "image"):
        luma = pdq.luma_of(picture)
        hashed = pdq.of_luma(luma)
        if hashed.quality >= pdq.LEAST_QUALITY:
            plain.append(hashed.pdq)
            every.append([hashed.pdq, *pdq.turned(luma).values()])
            groups.append(series(path))
            kept.append(path)
    between, pairs, within, nearest = false_matches(plain, every, groups)
    bound = upper(between) / pairs
    print(
        f"{len(plain)} pictures of {len(set(groups))} series; {pairs:,} oriented pairs of different pictures"
    )
    print(f"false matches: {between} (at most {bound:.1e} a pair, 95 %); within a series: {within}")
    print(f"nearest different picture: {nearest.min():.0f} bits, median {np.median(nearest):.0f}\n")
    print("| change | copies | median distance | within 31 | found by the index |\n|---|---|---|---|---|")
    answers: dict[str, list[tuple[int, bool]]] = {name: [] for name in CHANGES}
    for path, hash_ in list(zip(kept, plain, strict=True))[::step]:
        with Image.open(path) as opened:
            opened.draft("RGB", (LONG_SIDE, LONG_SIDE))
            picture = opened.convert("RGB")
        picture.thumbnail((LONG_SIDE, LONG_SIDE))
        for name, change in CHANGES.items():
            answers[name].append(found(hash_, change(picture)))
    hits = tries = 0
    for name, rows in answers.items():
        far, seen = [distance for distance, _ in rows], sum(hit for _, hit in rows)
        within31 = float(np.mean(np.array(far) <= known.RADIUS))
        print(f"| {name} | {len(far)} | {np.median(far):.0f} | {within31:.1%} | {seen / len(far):.1%} |")
        if name in WEB:
            hits, tries = hits + seen, tries + len(far)
    floor = lower(hits, tries)
    print(f"\nweb changes together: {hits / tries:.1%} found (at least {floor:.3f}, 95 %)")
    return {
        "hit_rate_web": round(hits / tries, 4), "hit_rate_floor": round(floor, 4), "pictures": len(plain),
        "false_matches": between, "false_match_pairs": pairs, "false_match_bound": float(f"{bound:.2e}"),
        "nearest_different": int(nearest.min()),
    }  # fmt: skip


# ---- video -------------------------------------------------------------------------------------------


def fingerprint(path: str) -> tuple[list[str], list[str]]:
    """Return a video's hashes, plain and mirrored, as the detector takes them."""
    facts = inspect(path)
    if not isinstance(facts, MediaFacts):
        return [], []
    item = WorkItem(id="video-0", detector="video", operations=("known_fake_search",))
    frames = Piece(path, facts, item, Options()).frames(1.0)
    kept = spread(scenes(frames, least=50, apart=16), 16)
    return [scene.pdq for scene in kept], [scene.mirrored for scene in kept]


def recoded(
    source: str, target: str, *, scale: float = 1.0, rate: int = 300_000, skip_s: float = 0.0
) -> None:
    """Write the video again: smaller, at a low bit rate, without its first seconds."""
    with av.open(source) as old, av.open(target, "w") as new:
        track = old.streams.video[0]
        speed = round(float(track.average_rate or 25))
        stream = new.add_stream("libx264", rate=speed, options={"preset": "ultrafast"})
        stream.width = max(32, int(track.width * scale) // 2 * 2)
        stream.height = max(32, int(track.height * scale) // 2 * 2)
        stream.pix_fmt, stream.bit_rate = "yuv420p", rate
        count = 0
        for frame in old.decode(track):
            if frame.time < skip_s or count >= MOST_FRAMES:
                continue
            plain = frame.reformat(stream.width, stream.height, format="yuv420p")
            plain.pts, plain.time_base, count = count, 1 / Fraction(speed), count + 1
            new.mux(stream.encode(plain))
        new.mux(stream.encode(None))


def share_of(asked: list[str], theirs: list[str]) -> float:
    """Return the share by which the core calls a video known, 0..1, as `known._hit` counts it."""
    numbers = [int(one, 16) for one in theirs]
    mine = {a for a in asked if any((int(a, 16) ^ b).bit_count() <= known.RADIUS for b in numbers)}
    seen = {b for b in numbers if any((int(a, 16) ^ b).bit_count() <= known.RADIUS for a in asked)}
    return max(len(mine) / len(asked), len(seen) / len(numbers) if len(seen) > 1 else 0.0)


def _related(one: Path, other: Path) -> bool:
    """Whether one video was made of the other, by the numbers in FaceForensics' names."""
    numbers = [re.findall(r"videos_([0-9]{3})", path.name) for path in (one, other)]
    return bool(numbers[0]) and numbers[0] == numbers[1]


VIDEO_CHANGES: dict[str, dict[str, Any]] = {
    "recoded at 300 kbit/s": {},
    "half size, 200 kbit/s": {"scale": 0.5, "rate": 200_000},
    "without the first second": {"skip_s": 1.0},
}


def of_videos(data: Path, step: int) -> dict[str, float | int | str | None]:
    """Print the table of videos; return the figures."""
    paths = sorted(path for path in (data / "video").rglob("*") if path.suffix in (".mp4", ".mov", ".mkv"))
    prints = {path: fingerprint(str(path)) for path in paths}
    prints = {path: both for path, both in prints.items() if both[0]}
    close = [
        (one, other)
        for one, (plain, mirrored) in prints.items()
        for other, (theirs, _) in prints.items()
        if one != other and max(share_of(plain, theirs), share_of(mirrored, theirs)) >= known.SHARE
    ]
    print(f"\n{len(prints)} videos, {len(prints) * (len(prints) - 1)} ordered pairs; called the same:")
    for one, other in close:
        print(f"  {one.relative_to(data)} ~ {other.relative_to(data)}")
    print("\n| change | videos | found |\n|---|---|---|")
    strange = [pair for pair in close if not _related(*pair)]
    tried = len(prints) * (len(prints) - 1) // 2
    figures: dict[str, float | int | str | None] = {
        "videos": len(prints),
        "video_pairs": tried,
        "pairs_of_fake_and_original": (len(close) - len(strange)) // 2,
        "false_matches": len(strange) // 2,
        "false_match_bound": float(f"{upper(len(strange) // 2) / tried:.2e}"),
    }
    least, chosen = 1.0, list(prints.items())[::step]
    for name, change in VIDEO_CHANGES.items():
        seen = 0
        for path, (plain, _) in chosen:
            with tempfile.TemporaryDirectory() as folder:
                target = f"{folder}/copy.mp4"
                recoded(str(path), target, **change)
                copy, _ = fingerprint(target)
            seen += bool(copy) and share_of(copy, plain) >= known.SHARE
        print(f"| {name} | {len(chosen)} | {seen / len(chosen):.1%} |")
        figures["found_" + re.sub(r"[^a-z]+", "_", name.lower()).strip("_")] = round(seen / len(chosen), 4)
        least = min(least, lower(seen, len(chosen)))
    return figures | {"hit_rate_floor": round(least, 4)}


def main() -> None:
    """Print the tables; with ``--write`` also put the figures into the manifests."""
    reader = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    reader.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    reader.add_argument("--step", type=int, default=12, help="change every n-th picture and video")
    reader.add_argument("--write", action="store_true")
    wish = reader.parse_args()
    still = of_pictures(wish.data, wish.step)
    moving = of_videos(wish.data, wish.step)
    for name, figures in (("known_picture", still), ("known_video", moving)):
        print(f"\n{name}: {json.dumps(figures)}")
        if wish.write:
            place = MANIFESTS / name / "model.json"
            manifest = json.loads(place.read_text()) | {"figures": figures}
            place.write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
