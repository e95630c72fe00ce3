"""What is shipped: each zip function, the core layer, and the parts of the image, unpacked and zipped.

Packages are counted as they are installed here, with all that they lead to; Lambda's wheels differ a little.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.imports import handlers
from benchmarks.report import Table, note
from localcloud.cloud import ROOT

__all__ = ["measure"]

_KB = 1_000
_LIMIT_MB = 250


def measure() -> Table:
    """Return the sizes; Lambda takes 250 MB unpacked (a function with its layers), 10 GB for an image."""
    note("package sizes")
    rows: list[tuple[str, int, int]] = []
    core = _packages(ROOT / "layers" / "core" / "requirements.txt")
    inference = _packages(ROOT / "layers" / "inference" / "requirements.txt")
    own, layer = (
        _files(ROOT / "layers" / "core" / "bonafide"),
        sorted({f for p in core for f in _installed(p)}),
    )
    rows.append(("core layer: bonafide", *_sizes(own)))
    rows += [(f"core layer: {name}", *_sizes(_installed(name))) for name in sorted(core)]
    rows.append(("core layer, whole", *_sizes([*own, *layer])))
    for name, container in handlers().items():
        if not container:
            rows.append((f"function {name}", *_sizes(_files(ROOT / "functions" / name))))
    added = sorted(inference - core)
    ours = _files(ROOT / "layers" / "inference" / "bonafide_inference")
    rows.append(("image: bonafide_inference, with models", *_sizes(ours)))
    rows += [(f"image: {name}", *_sizes(_installed(name))) for name in added]
    everything = [*own, *layer, *ours, *(f for name in added for f in _installed(name))]
    rows.append(("image, whole, above AWS's base", *_sizes(everything)))
    footer = f"Lambda's limit for a zip function with its layers: {_LIMIT_MB} MB unpacked."
    return Table("Package size", ("part", "unpacked kB", "zipped kB"), rows, footer)


def _packages(requirements: Path) -> set[str]:
    """Return the names of all distributions that a requirements file leads to."""
    found: set[str] = set()
    lines = [line.partition("#")[0].strip() for line in requirements.read_text().splitlines()]
    waiting = [Requirement(line) for line in lines if line]
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [Requirement(text) for text in needs]
    return found


def _installed(name: str) -> list[Path]:
    dist = distribution(name)
    places = [Path(str(dist.locate_file(file))) for file in dist.files or []]
    return [
        place
        for place in places
        if place.is_file() and place.suffix != ".pyc" and "bin" not in place.parts[-2:-1]
    ]


def _files(folder: Path) -> list[Path]:
    return [f for f in sorted(folder.rglob("*")) if f.is_file() and f.suffix != ".pyc"]


def _sizes(files: Iterable[Path]) -> tuple[int, int]:
    """Return kilobytes unpacked and zipped."""
    total, out = 0, io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for number, file in enumerate(files):
            total += file.stat().st_size
            archive.write(file, f"{number}/{file.name}")
    return round(total / _KB), round(out.tell() / _KB)
