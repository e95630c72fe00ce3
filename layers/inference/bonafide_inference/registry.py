"""Which detectors exist, and running those that a work item wants in one cell call.

A detector is a folder ``detectors/<name>/`` with ``detector.py``, ``model.json`` and ``card.md``. Discovery
reads manifests and imports nothing; adding a detector touches its own folder only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from bonafide import cameras
from bonafide.model import Artifact, Finding, MediaFacts, Operation, Options, Outcome, Window, WorkItem
from pydantic import ValidationError

from bonafide_inference import cell
from bonafide_inference.models import Manifest, ModelError, ModelFolder

if TYPE_CHECKING:
    from bonafide_inference.piece import Piece

__all__ = ["VIDEO_SECONDS", "Detector", "Job", "catalogue", "discover", "run_folders", "run_item", "wanted"]

DETECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "detectors")
ITEM_SECONDS = 240.0
VIDEO_SECONDS = 840.0
"""A window of video may have to be decoded from the start of the file; the function ends at 890 s."""
ITEM_MEMORY_MB = 2048
ARTIFACT_CAP = 64 * 2**20
"""An artifact longer than this (bytes) is dropped."""

_CELL_REASONS = {"timed_out": "timed_out", "out_of_memory": "out_of_memory"}


@dataclass(frozen=True)
class Job:
    """One piece for one detector. ``piece`` decodes on demand and is shared by all detectors of the item."""

    path: str
    media: MediaFacts
    options: Options
    window: Window | None
    channel: int | None
    workdir: str
    manifest: Manifest
    folder: str
    piece: Piece
    cameras: str | None = None
    """Where the owner's enrolled cameras lie (`enrolled.read`)."""
    findings: tuple[Finding, ...] = ()
    """What the operations of ``manifest.input["findings"]`` said of the piece, as far as asked for."""


class Detector(Protocol):
    """What a detector's class offers; it is made without arguments, once an item."""

    def applies(self, media: MediaFacts) -> str | None:
        """None when it can say something of this media, else the machine reason why not."""

    def score(self, job: Job) -> Finding:
        """Look at the piece.

        Artifacts are files in ``job.workdir``; ``model``, ``item`` and ``seconds`` come from the caller.
        """


@lru_cache(maxsize=8)
def discover(models_dir: str | None = None) -> tuple[ModelFolder, ...]:
    """All shipped detector folders, then an owner's under ``models_dir``, each sorted by name.

    A broken folder of the owner's is left out, for it must not silence the shipped ones;
    `models.ModelFolder.read` says what is wrong with it. A broken shipped folder raises `ModelError`.
    """
    found = [ModelFolder.read(path, shipped=True) for path in _folders(DETECTORS)]
    for path in _folders(models_dir) if models_dir else ():
        try:
            found.append(ModelFolder.read(path, shipped=False))
        except ModelError:
            continue
    return tuple(found)


def _folders(root: str) -> list[str]:
    if not os.path.isdir(root):
        return []
    paths = (os.path.join(root, name) for name in sorted(os.listdir(root)))
    return [path for path in paths if os.path.isfile(os.path.join(path, "model.json"))]


def wanted(media: MediaFacts, item: WorkItem, models_dir: str | None = None) -> tuple[ModelFolder, ...]:
    """The folders that answer an operation of ``item`` for this media and detector kind."""
    return tuple(
        folder
        for folder in discover(models_dir)
        if folder.manifest.kind == item.detector
        and folder.manifest.operation in item.operations
        and media.kind in folder.manifest.media_kinds
        and (not folder.manifest.wants_cameras or _cameras(models_dir))
    )


def _cameras(models_dir: str | None) -> str | None:
    """The folder of enrolled cameras beside the owner's models, if there are any."""
    place = os.path.join(models_dir, cameras.FOLDER) if models_dir else ""
    return place if os.path.isfile(os.path.join(place, cameras.INDEX)) else None


def run_item(
    path: str,
    media: MediaFacts,
    item: WorkItem,
    options: Options,
    workdir: str,
    *,
    models_dir: str | None = None,
    seconds: float = ITEM_SECONDS,
    memory_mb: int = ITEM_MEMORY_MB,
) -> list[Finding]:
    """Run every wanted detector over one piece in one cell call.

    Parameters
    ----------
    path
        The media, local.
    workdir
        An existing directory; artifacts are written into it and named by ``Artifact.path``.
    models_dir
        A directory of owner's model folders, which run in shadow unless promoted, and ``cameras/``.
    seconds, memory_mb
        Limits of the cell.

    Returns
    -------
    list[Finding]
        At least one finding for each operation of the item, in its order. A detector that raises is
        ``failed``/``detector_error``; a dead cell is ``failed`` with ``timed_out``, ``out_of_memory`` or
        ``unreadable``; an operation nobody answers is ``not_applicable``/``no_detector``.
    """
    folders = wanted(media, item, models_dir)
    findings: list[Finding] = []
    if folders:
        place = _cameras(models_dir)
        findings = run_folders(path, media, item, options, workdir, folders, seconds, memory_mb, place)
    for operation in item.operations:
        if not any(folder.manifest.operation == operation for folder in folders):
            findings.append(
                _silent(operation, item, Outcome.NOT_APPLICABLE, "no_detector", "No detector yet.")
            )
    order = {operation: place for place, operation in enumerate(item.operations)}
    return sorted(findings, key=lambda finding: order[finding.operation])


def run_folders(
    path: str,
    media: MediaFacts,
    item: WorkItem,
    options: Options,
    workdir: str,
    folders: Sequence[ModelFolder],
    seconds: float = ITEM_SECONDS,
    memory_mb: int = ITEM_MEMORY_MB,
    enrolled: str | None = None,
) -> list[Finding]:
    """Run these folders over one piece in one cell call; one finding each, in order (see `run_item`).

    When one of several takes the cell down (a crash, too much memory), each has a cell to itself in the time
    that is left: a decoder that dies on this file costs what needs it, not the other operations.
    """
    args = {
        "path": os.path.abspath(path),
        "workdir": os.path.abspath(workdir),
        "media": media.model_dump(mode="json"),
        "item": item.model_dump(mode="json"),
        "options": options.model_dump(mode="json"),
        "folders": [{"path": folder.path, "shipped": folder.shipped} for folder in folders],
        "cameras": enrolled and os.path.abspath(enrolled),
    }
    started = time.monotonic()
    answer = cell.run("run_item", args, seconds=seconds, memory_mb=memory_mb)
    spent = round(time.monotonic() - started, 4)
    if answer["ok"] and isinstance(answer["result"], list) and len(answer["result"]) == len(folders):
        results: list[Any] = answer["result"]
        return [_believe(raw, folder, item, workdir) for raw, folder in zip(results, folders, strict=True)]
    reason = _CELL_REASONS.get(str(answer.get("reason")), "unreadable")
    if len(folders) == 1 or reason == "timed_out":
        return [_dead(folder, item, reason, str(answer.get("detail", "")), spent) for folder in folders]
    found: list[Finding] = []
    for one in folders:
        left = max(0.0, started + seconds - time.monotonic())
        found += run_folders(path, media, item, options, workdir, [one], left, memory_mb, enrolled)
    return found


def _dead(folder: ModelFolder, item: WorkItem, reason: str, detail: str, spent: float) -> Finding:
    """The finding of a detector whose cell died."""
    finding = _silent(folder.manifest.operation, item, Outcome.FAILED, reason, detail[:300])
    return finding.model_copy(update={"model": folder.ref, "seconds": spent})


def _believe(raw: Any, folder: ModelFolder, item: WorkItem, workdir: str) -> Finding:
    """Take from the cell only what it may say: a subverted worker names no model and no foreign file."""
    try:
        finding = Finding.model_validate(raw)
        if finding.operation != folder.manifest.operation:
            raise ValueError("answers another operation")
    except (ValidationError, ValueError) as error:
        finding = _silent(folder.manifest.operation, item, Outcome.FAILED, "detector_error", str(error)[:300])
    artifacts = tuple(filter(None, (_own_artifact(artifact, workdir) for artifact in finding.artifacts)))
    return finding.model_copy(update={"model": folder.ref, "item": item.id, "artifacts": artifacts})


def _own_artifact(artifact: Artifact, workdir: str) -> Artifact | None:
    """The artifact when it is a plain file of bounded length inside ``workdir``, else None."""
    if artifact.path is None or os.path.islink(artifact.path) or not os.path.isfile(artifact.path):
        return None
    if os.path.dirname(os.path.realpath(artifact.path)) != os.path.realpath(workdir):
        return None
    size = os.path.getsize(artifact.path)
    return artifact.model_copy(update={"bytes": size}) if 0 < size <= ARTIFACT_CAP else None


def _silent(operation: Operation, item: WorkItem, outcome: Outcome, reason: str, detail: str) -> Finding:
    return Finding(operation=operation, outcome=outcome, reason=reason, detail=detail or None, item=item.id)


def catalogue(models_dir: str | None = None) -> list[dict[str, Any]]:
    """A JSON-able summary of every detector, sorted by name; imports neither numpy nor a decoder."""
    rows = []
    for folder in discover(models_dir):
        manifest = folder.manifest
        rows.append(
            {
                "name": manifest.name,
                "title": manifest.title,
                "version": manifest.version,
                "type": manifest.type,
                "operation": str(manifest.operation),
                "kind": manifest.kind,
                "media_kinds": [str(kind) for kind in manifest.media_kinds],
                "sha256": folder.ref.sha256,
                "licence": manifest.licence,
                "calibrated": manifest.calibration is not None,
                "figures": dict(manifest.figures),
                "shadow": folder.shadow,
            }
        )
    return sorted(rows, key=lambda row: str(row["name"]))
