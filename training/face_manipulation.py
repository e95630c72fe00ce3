"""``face_manipulation`` (picture and video): three small networks on self-blended faces of genuine people.

No manipulated face is trained on. The genuine sources are dealt out to three folds (`face_material.FOLDS`);
each network hears two of them, and what ships is the mean of the three. A genuine face is judged by the one
that has not heard its source, a manipulated one by the same one: so every figure is leave-source-out. The
score is calibrated, and so shipped as a score, only if it tells real swapped clips from genuine ones better
than chance and better than softness alone, with the intervals of both; otherwise the manifest has no
calibration and the detector abstains (decisions 0065, 0088).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import face_card
from training.face_figures import Heard, Simulated, by_place, measured
from training.face_fit import Maps, Recipe, fit, pair_maps
from training.face_material import UNSEEN, Crops, face_crops
from training.face_net import Judge, export, judged, looked
from training.face_pairs import Pairs, face_pairs
from training.face_places import Places, places

__all__ = ["train"]

CACHE = Path(".cache/faces")
NETWORKS = 3
POINTED = 3
"""Pairs of each face whose maps are laid over the seams."""
NOTES = ("all", "clear")
STEPS = (2500, 1000)
"""With all faces, and with the few of a stated licence, which are known by heart sooner."""


def train(data: Path, target: Path, clear: bool = False) -> None:
    """Train on all genuine faces (with ``clear`` on those of a stated licence), measure, write both folders.

    Faces, pairs, networks and every five hundred steps of them lie under ``.cache/faces``: what was
    interrupted goes on there. The card shows the figures of the other choice beside its own once that was
    trained too.
    """
    crops = face_crops(data, CACHE)
    pairs = face_pairs(crops, CACHE)
    maps = pair_maps(pairs, CACHE)
    networks = [_network(crops, pairs, maps, number, clear) for number in range(NETWORKS)]
    shown = looked(crops.seen)
    raw = np.stack([judged(net, shown)[0] for net in networks])
    heard = Heard(crops, raw, _simulated(crops, pairs, maps, networks))
    found = measured(heard)
    note = CACHE / f"headline-{NOTES[clear]}.json"
    note.write_text(json.dumps(found.headline), encoding="utf-8")
    other = CACHE / f"headline-{NOTES[not clear]}.json"
    beside = json.loads(other.read_text(encoding="utf-8")) if other.exists() else None
    weights = export(networks)
    faces = int((pairs.usable & (crops.fold >= 0) & (crops.clear | (not clear))).sum())
    for place in (target, target.parent / f"{target.name}_video"):
        manifest = face_card.manifest(place.name, weights, found, faces, clear)
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.onnx").write_bytes(weights)
        (place / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        text = face_card.card(manifest, found, beside, clear)
        (place / "card.md").write_text(text, encoding="utf-8")
    print(text)


def _network(crops: Crops, pairs: Pairs, maps: Maps, number: int, clear: bool) -> Judge:
    """Train without the sources of fold ``number``, or take the network from `CACHE`."""
    known = pairs.usable & (crops.fold >= 0) & (crops.fold != number) & (crops.clear | (not clear))
    rows, recipe = np.flatnonzero(known), Recipe(STEPS[clear], seed=number)
    key = json.dumps([asdict(recipe), [str(name) for name in crops.origin[rows]], pairs.name, repr(Judge())])
    print(f"network {number}: {len(rows)} faces of {', '.join(sorted(set(crops.folder[rows])))}", flush=True)
    keep = CACHE / f"network-{hashlib.sha256(key.encode()).hexdigest()[:12]}.pt"
    return fit(maps, rows, _weights(crops.folder[rows]), recipe, keep)


def _weights(folders: NDArray[np.str_]) -> NDArray[np.float64]:
    """A source counts by the root of its size."""
    names, place, counts = np.unique(folders, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[place]) if len(names) else np.zeros(0)
    return np.asarray(weights / weights.sum(), np.float64)


def _simulated(crops: Crops, pairs: Pairs, maps: Maps, networks: list[Judge]) -> dict[str, Simulated]:
    """The first pairs of each genuine source, as scored by networks that have not heard it."""
    found = {}
    for folder in dict.fromkeys(crops.folder[pairs.usable]):
        rows = np.flatnonzero((crops.folder == folder) & pairs.usable)[:60]
        if len(rows) < 5:
            continue
        unheard = [n for n in range(NETWORKS) if int(crops.fold[rows[0]]) in (n, UNSEEN)]
        shown = np.concatenate(maps.seen[0][maps.row[rows]])
        every = [judged(networks[n], shown) for n in unheard]
        said, where = (np.mean([one[part] for one in every], axis=0) for part in (0, 1))
        labels = np.tile([False, True], len(rows))
        seams = by_place(where[labels], maps.seams[0, rows] > 127)
        pictures = np.concatenate(pairs.pictures[0, rows])
        where_to = _pointed(maps, rows, [networks[n] for n in unheard])
        found[str(folder)] = Simulated(said, labels, pictures, seams, where_to)
    return found


def _pointed(maps: Maps, rows: NDArray[np.int64], networks: list[Judge]) -> Places:
    """The blended members of the first pairs of these faces, by networks that have not heard them."""
    found = []
    for version in range(POINTED):
        shown = np.asarray(maps.seen[version][maps.row[rows]][:, 1])
        where = np.mean([judged(net, shown)[1] for net in networks], axis=0)
        found.append(places(where, maps.seams[version, rows] > 127))
    return Places.joined(found)
