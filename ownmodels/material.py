"""A labelled folder of the owner's: ``genuine/`` and ``manipulated/``, each with sources as subfolders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ownmodels.folder import Refused

__all__ = ["Sample", "folds", "read"]

_LABELS = {
    "genuine": False,
    "real": False,
    "bonafide": False,
    "manipulated": True,
    "fake": True,
    "generated": True,
    "synthetic": True,
    "spoof": True,
}


@dataclass(frozen=True)
class Sample:
    """One file: what it is, and which source (camera, data set, generator) it came from."""

    path: Path
    fake: bool
    source: str


def read(place: Path) -> list[Sample]:
    """Return every file below the two classes, sorted; files without a subfolder are one source.

    Raises
    ------
    Refused
        ``no_data``: no such folder, or a class is empty.
    """
    found = []
    for part in sorted(place.iterdir()) if place.is_dir() else ():
        label = _LABELS.get(part.name.lower())
        if label is None or not part.is_dir():
            continue
        for root, names, files in os.walk(part):
            names.sort()
            inside = Path(root).relative_to(part).parts
            source = inside[0] if inside else part.name
            found += [
                Sample(Path(root, file), label, source)
                for file in sorted(files)
                if not file.startswith(".") and Path(root, file).is_file()
            ]
    if {sample.fake for sample in found} != {False, True}:
        raise Refused(
            "no_data", f"{place} needs files in genuine/ and in manipulated/ (or fake/, generated/ …)"
        )
    return found


def folds(labels: Sequence[bool], sources: Sequence[str]) -> tuple[list[int], str]:
    """Return a fold for each sample, and what is held out together: ``source``, or ``file`` for want of them.

    Sources of each class are dealt out in turn, at most five folds, so that each fold tests both classes on
    sources that the others have not seen. With a single source in a class only files can be held out.
    """
    by_class = {
        label: sorted({s for s, of in zip(sources, labels, strict=True) if of is label})
        for label in (False, True)
    }
    count = min(5, *(len(names) for names in by_class.values()))
    if count >= 2:
        place = {name: n % count for n, name in enumerate(by_class[False])}
        place = {name: n % count for n, name in enumerate(by_class[True])} | place
        return [place[source] for source in sources], "source"
    seen = {False: 0, True: 0}
    dealt = []
    for label in labels:
        dealt.append(seen[label] % 5)
        seen[label] += 1
    return dealt, "file"
