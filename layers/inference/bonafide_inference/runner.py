"""The inner side of `registry.run_item`: import the wanted detectors, guard each, share one decoded piece."""

from __future__ import annotations

import errno
import importlib
import math
import os
import sys
import time
from typing import Any

from bonafide.model import Finding, MediaFacts, Options, Outcome, WorkItem

from bonafide_inference.heatmap import with_heatmap
from bonafide_inference.models import ModelError, ModelFolder
from bonafide_inference.piece import Piece
from bonafide_inference.registry import Detector, Job

__all__ = ["run_item_task"]


def run_item_task(args: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the detectors of ``args["folders"]`` over one piece; one finding each, in their order."""
    media = MediaFacts.model_validate(args["media"])
    item = WorkItem.model_validate(args["item"])
    options = Options.model_validate(args["options"])
    piece = Piece(args["path"], media, item, options)
    folders = [ModelFolder.read(place["path"], shipped=place["shipped"]) for place in args["folders"]]
    said: dict[int, Finding] = {}
    for place in sorted(range(len(folders)), key=lambda place: bool(_heeded(folders[place]))):
        folder = folders[place]
        heeded = tuple(one for one in said.values() if one.operation in _heeded(folder))
        job = Job(
            path=args["path"], media=media, options=options, window=item.window, channel=item.channel,
            workdir=args["workdir"], manifest=folder.manifest, folder=folder.path, piece=piece,
            cameras=args.get("cameras"), findings=heeded,
        )  # fmt: skip
        said[place] = _guarded(folder, job)
    findings = with_heatmap(folders, [said[place] for place in sorted(said)], piece, args["workdir"])
    return [_clean(finding.model_dump()) for finding in findings]


def _heeded(folder: ModelFolder) -> list[str]:
    """Operations whose findings a shipped detector reads, so that it runs after them."""
    return list(folder.manifest.input.get("findings", ())) if folder.shipped else []


def _clean(value: Any) -> Any:
    """Make what came out of a file storable: no lone surrogates, no NUL, no number that JSON lacks."""
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def _guarded(folder: ModelFolder, job: Job) -> Finding:
    """One detector's finding; whatever it raises becomes an outcome. A memory limit ends the whole cell."""
    operation = folder.manifest.operation
    started = time.monotonic()
    try:
        detector = _make(folder)
        reason = detector.applies(job.media)
        if reason is not None:
            finding = Finding(
                operation=operation, outcome=Outcome.NOT_APPLICABLE, reason=reason,
                detail=_words(detector, reason),
            )  # fmt: skip
        else:
            finding = detector.score(job)
    except ModelError as error:
        finding = Finding(
            operation=operation, outcome=Outcome.FAILED, reason=error.reason, detail=str(error)[:300]
        )
    except MemoryError:
        raise
    except Exception as error:  # one detector must not take the others with it
        if _starved(error):
            raise MemoryError from error
        words = f"{type(error).__name__}: {error}".replace(job.path, os.path.basename(job.path))
        finding = Finding(
            operation=operation, outcome=Outcome.FAILED, reason="detector_error", detail=words[:300]
        )
    return finding.model_copy(update={"seconds": round(time.monotonic() - started, 4)})


def _starved(error: Exception) -> bool:
    """Whether the system refused memory: to a call, or to a library that was loaded late."""
    return (isinstance(error, OSError) and error.errno == errno.ENOMEM) or (
        isinstance(error, ImportError) and "failed to map segment" in str(error)
    )


def _words(detector: Detector, reason: str) -> str | None:
    """What a detector's own room (``WORDS``) says of a reason."""
    rooms = (vars(sys.modules[kind.__module__]).get("WORDS") for kind in type(detector).__mro__)
    return next((str(words[reason]) for words in rooms if isinstance(words, dict) and reason in words), None)


def _make(folder: ModelFolder) -> Detector:
    module, _, name = folder.target.partition(":")
    detector: Detector = getattr(importlib.import_module(module), name)()
    return detector
