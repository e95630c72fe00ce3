"""How the index of known media grows: ``python -m benchmarks.known_media [--data shared/data]``.

The rules are the real ones (`bonafide.known`), the table is a model in memory that answers BatchGetItem as
DynamoDB does. Its hashes are drawn from a normal distribution with the correlations of the bits of real
pictures, so that buckets are as uneven as they are in life; the queries are real pictures. Reads and
dollars follow DynamoDB's rules and on-demand prices.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
for _place in ("layers/core", "layers/inference"):
    sys.path.insert(0, str(ROOT / _place))

from bonafide import known  # noqa: E402
from bonafide.known import Fingerprint  # noqa: E402
from bonafide.store import known as store  # noqa: E402
from bonafide.store import table  # noqa: E402
from bonafide_inference import pdq  # noqa: E402
from PIL import Image  # noqa: E402

__all__ = ["Model", "bits_of", "draw", "hashes_of", "main", "pictures"]

READ_USD, WRITE_USD, STORED_USD = 0.125e-6, 0.625e-6, 0.25
"""us-east-1, on demand: a read unit, a write unit, a GB and month (DynamoDB's price list of 2025)."""
CALL_MS = 10.0
"""Assumed for one BatchGetItem of 100 keys inside the region; everything else is measured."""
POSTING, OVERHEAD = 61, 60  # bytes: hash, id and the set's own byte; keys and names of a bucket
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
Bits = NDArray[np.uint8]


def pictures(folder: Path) -> Iterator[tuple[Path, Image.Image]]:
    """Yield every picture below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            with Image.open(path) as picture:
                yield path, picture.convert("RGB")


def bits_of(hashes: list[str]) -> Bits:
    """Return hashes as a matrix of bits, (n, 256)."""
    return np.unpackbits(np.array([list(bytes.fromhex(one)) for one in hashes], dtype=np.uint8), axis=1)


def hashes_of(bits: Bits) -> list[str]:
    """Return the rows of a matrix of bits as hashes."""
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]


def draw(real: Bits, count: int, seed: int = 1) -> Bits:
    """Draw hashes whose bits have the means and correlations of ``real`` ones (a Gaussian copula)."""
    dice = np.random.default_rng(seed)
    strength, axes = np.linalg.eigh(np.sin(np.pi / 2 * np.corrcoef(real.T.astype(np.float64))))
    root = (axes * np.sqrt(np.maximum(strength, 0.01))).astype(np.float32)
    drawn = np.empty((count, 32), dtype=np.uint8)
    for start in range(0, count, 50_000):
        waves = dice.standard_normal((min(50_000, count - start), 256), dtype=np.float32) @ root.T
        drawn[start : start + len(waves)] = np.packbits(waves > np.median(waves, axis=1)[:, None], axis=1)
    return np.unpackbits(drawn, axis=1)


class Model:
    """A table that holds the buckets of ``bits``; ids are row numbers. Stands in for the boto3 client."""

    def __init__(self, bits: Bits) -> None:
        self.packed = np.packbits(bits, axis=1)
        self.order: list[NDArray[Any]] = []
        self.starts: list[NDArray[Any]] = []
        for places in known._PLACES:
            columns = bits[:, [255 - place for place in places]].astype(np.uint32)
            values = columns @ (1 << np.arange(16, dtype=np.uint32))
            self.order.append(np.argsort(values, kind="stable").astype(np.uint32))
            self.starts.append(np.concatenate([[0], np.cumsum(np.bincount(values, minlength=65536))]))
        self.calls = self.postings = 0
        self.units = 0.0
        self.full = 0

    def sizes(self) -> NDArray[Any]:
        """Return the number of postings of every bucket, (16, 65536)."""
        return np.array([np.diff(starts) for starts in self.starts])

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803  # boto3's own name
        """Answer as DynamoDB does, and count what it would bill."""
        ((name, wish),) = RequestItems.items()
        items = []
        self.calls += 1
        for key in wish["Keys"]:
            bucket = key["pk"]["S"].rpartition("#")[2]
            if key["sk"]["S"] != "META":
                continue
            band, value = int(bucket[0], 16), int(bucket[1:], 16)
            rows = self.order[band][self.starts[band][value] : self.starts[band][value + 1]][: store.CAP]
            self.postings += len(rows)
            size = OVERHEAD + POSTING * len(rows)
            self.units += 0.5 * max(1, -(-size // 4096))
            if len(rows):
                postings = [self.packed[row].tobytes() + f"km_{row:026d}".encode() for row in rows]
                items.append({**key, "postings": {"BS": postings}})
        return {"Responses": {name: items}, "UnprocessedKeys": {}}


def measure(model: Model, queries: list[Fingerprint]) -> dict[str, float]:
    """Ask every query once; returns means a query."""
    model.calls = model.postings = 0
    model.units = 0.0
    started = time.perf_counter()
    with (
        mock.patch.object(table, "client", return_value=model),
        mock.patch.object(store, "get_many", return_value={}),
    ):
        for query in queries:
            known.search("bench", query)
    busy = (time.perf_counter() - started) * 1000 / len(queries)
    n = len(queries)
    return {
        "candidates": model.postings / n,
        "calls": model.calls / n,
        "units": model.units / n,
        "cpu_ms": busy,
        "ms": busy + model.calls / n * CALL_MS,
        "usd": model.units / n * READ_USD,
    }


def queries_of(folder: Path, most: int) -> tuple[Bits, list[Fingerprint], list[Fingerprint]]:
    """Return the bits of all pictures; of some, fingerprints as of a picture and of a video."""
    found: list[tuple[str, dict[str, str]]] = []
    for place, (_, picture) in enumerate(pictures(folder)):
        luma = pdq.luma_of(picture)
        plain = pdq.of_luma(luma)
        if plain.quality >= pdq.LEAST_QUALITY:
            found.append((plain.pdq, pdq.turned(luma) if place % 9 == 0 else {}))
    asked = [(hash_, turned) for hash_, turned in found if turned][:most]
    stills = [
        Fingerprint(kind="image", pdq=(hash_,), turned={name: (one,) for name, one in turned.items()})
        for hash_, turned in asked
    ]
    clips = [
        Fingerprint(
            kind="video",
            pdq=tuple(hash_ for hash_, _ in asked[n : n + 16]),
            turned={"mirrored": tuple(turned["mirrored"] for _, turned in asked[n : n + 16])},
        )
        for n in range(0, len(asked) - 16, 16)
    ]
    return bits_of([hash_ for hash_, _ in found]), stills, clips


def recall(dice: np.random.Generator, real: Bits) -> list[tuple[int, float, float]]:
    """Return (distance, share found by near buckets, share found by equal ones alone), on real hashes."""
    rows = []
    for far in (8, 15, 16, 20, 24, 28, 31, 32, 40):
        near = equal = 0
        for hash_ in hashes_of(real[:400]):
            places = dice.choice(256, far, replace=False)
            other = f"{int(hash_, 16) ^ sum(1 << int(place) for place in places):064x}"
            mine = set(known.buckets(hash_))
            near += bool(mine & set(known.buckets(other, near=True)))
            equal += bool(mine & set(known.buckets(other)))
        rows.append((far, near / 400, equal / 400))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 0, for no figure of them is required."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    reader.add_argument("--most", type=int, default=100, help="queries")
    wish = reader.parse_args(arguments)
    os.environ |= {"TABLE_NAME": "bench", "MEDIA_BUCKET": "bench", "EVENT_BUS_NAME": "bench"}
    real, stills, clips = queries_of(wish.data / "image", wish.most)
    print(f"{len(real)} real pictures; {len(stills)} picture and {len(clips)} video queries\n")
    print("| differing bits | found, near buckets | found, equal buckets only |\n|---|---|---|")
    for far, near, equal in recall(np.random.default_rng(2), real):
        print(f"| {far} | {near:.1%} | {equal:.1%} |")
    print("\n| hashes | query | candidates | calls | read units | CPU ms | ms | dollars |")
    print("|---|---|---|---|---|---|---|---|")
    notes = []
    for count in (10_000, 100_000, 1_000_000):
        model = Model(draw(real, count))
        for name, asked in (("picture", stills), ("video, 16 scenes", clips)):
            m = measure(model, asked)
            print(
                f"| {count:,} | {name} | {m['candidates']:.0f} | {m['calls']:.1f} | {m['units']:.0f} "
                f"| {m['cpu_ms']:.1f} | {m['ms']:.0f} | {m['usd']:.7f} |"
            )
        sizes = model.sizes()
        held = np.repeat(sizes.ravel(), sizes.ravel())
        writes = float(np.ceil((OVERHEAD + POSTING * held) / 1024).mean()) * 16 + 6
        stored = count * (16 * POSTING + 900) / 1e9
        notes.append(
            f"{count:,}: fullest bucket {sizes.max()}, buckets at the cap {int((sizes >= store.CAP).sum())}, "
            f"mean seen by a posting {held.mean():.1f} (even: {count / 65536:.1f}); one more picture "
            f"{writes:.0f} write units (${writes * WRITE_USD:.6f}); "
            f"{stored:.2f} GB, ${stored * STORED_USD:.2f} a month"
        )
    print("\n" + "\n".join(notes))
    print(f"\nms: CPU on this machine and {CALL_MS:g} ms a call (assumed), one call after the other.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
