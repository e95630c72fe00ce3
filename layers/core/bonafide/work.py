"""The steps that container functions run: inspect and detect, around what `bonafide_inference` knows.

The inference package is given as a function, so that this room needs neither numpy nor a detector, and that
one needs neither S3 nor tenants.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from bonafide import known, media, own, shelf
from bonafide.model import Analysis, Artifact, Finding, MediaFacts, Options, Stage, State, Usage, WorkItem
from bonafide.plan import catalogue, plan
from bonafide.settings import settings
from bonafide.store import analyses
from bonafide.telemetry import MetricUnit, logger, metrics

__all__ = ["Look", "RunItem", "answer", "detect", "inspect", "usage"]

Json = dict[str, Any]


class Refusing(Protocol):
    """What an inspection returns for a file that cannot be analysed."""

    @property
    def code(self) -> str:
        """Machine reason."""

    @property
    def detail(self) -> str:
        """Words for people."""


Inspect = Callable[[str], "MediaFacts | Refusing"]
Look = Callable[[Analysis, WorkItem, Path], Sequence[Finding]]


class RunItem(Protocol):
    """How the inference package runs one work item (`bonafide_inference.registry.run_item`)."""

    def __call__(
        self,
        path: str,
        media: MediaFacts,
        item: WorkItem,
        options: Options,
        workdir: str,
        *,
        models_dir: str | None,
    ) -> Sequence[Finding]:
        """Return at least one finding for each operation; ``models_dir`` holds what is the owner's."""


def usage(started: float) -> Json:
    """Return what this call used since ``started`` (of `time.perf_counter`), for the cost estimate."""
    return Usage(
        function=settings().aws_lambda_function_name,
        seconds=round(time.perf_counter() - started, 4),
        memory_mb=settings().aws_lambda_function_memory_size,
    ).model_dump()


@contextmanager
def _workdir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bonafide-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def inspect(event: Json, look: Inspect, *, now: datetime) -> Json:
    """Look at the bytes and plan: ``{refusal, items, usage}``. Facts go to the row, not into the state."""
    started = time.perf_counter()
    tenant, analysis_id = event["tenant"], event["analysis_id"]
    logger.append_keys(analysis_id=analysis_id, tenant=tenant)
    refusal: Json | None = (event.get("fetch") or {}).get("refusal")
    items: tuple[WorkItem, ...] = ()
    if refusal is None:
        analysis = analyses.set_stage(tenant, analysis_id, Stage.INSPECTING)
        if analysis is None:
            refusal = {"code": "not_open", "detail": "The analysis has ended or was deleted."}
        else:
            refusal, items = _inspect_media(analysis, look, now)
    return {
        "refusal": refusal,
        "items": [item.model_dump(mode="json", exclude_none=True) for item in items],
        "usage": usage(started),
    }


def _inspect_media(
    analysis: Analysis, look: Inspect, now: datetime
) -> tuple[Json | None, tuple[WorkItem, ...]]:
    ref = analysis.media_ref
    size = media.size(ref) if ref else None
    if ref is None or size is None:
        return {"code": "media_missing", "detail": "The media is no longer in the bucket."}, ()
    if size > settings().upload_limit_bytes:
        return {"code": "media_too_large", "detail": f"The file has {size} bytes."}, ()
    with _workdir() as folder:
        path = folder / "media"
        media.download(ref, path)
        facts = look(str(path))
    if not isinstance(facts, MediaFacts):
        return {"code": facts.code, "detail": facts.detail}, ()
    if analysis.accepts and f"{facts.kind}/{facts.format}" not in analysis.accepts:
        named = ", ".join(sorted({one.partition("/")[2].upper() for one in analysis.accepts}))
        return {"code": "unsupported_format", "detail": f"This way in takes {named}."}, ()
    if ref.sha256 and ref.sha256 != facts.sha256:
        return {"code": "checksum_mismatch", "detail": "The bytes are not those that were announced."}, ()
    detectors = [*catalogue(), *own.rows(shelf.read())]
    items = plan(facts, analysis.operations, analysis.options, detectors, max_items=settings().max_items)
    analyses.begin_detection(analysis.tenant, analysis.id, media=facts, items_total=len(items), now=now)
    return None, items


def detect(event: Json, run_item: RunItem) -> Json:
    """Run the detectors on one work item: ``{item, findings_key, usage}``."""

    def look(analysis: Analysis, item: WorkItem, folder: Path) -> Sequence[Finding]:
        assert analysis.media is not None  # `answer` has seen to it
        assert analysis.media_ref is not None
        models_dir = shelf.folders(shelf.read(), item.detector, item.operations, event["tenant"])
        path = folder / "media"
        media.download(analysis.media_ref, path)
        return run_item(str(path), analysis.media, item, analysis.options, str(folder), models_dir=models_dir)

    return answer(event, look)


def answer(event: Json, look: Look) -> Json:
    """Have one work item looked at: ``{item, findings_key, usage}``. Findings, artifacts go to the bucket."""
    started = time.perf_counter()
    tenant, analysis_id = event["tenant"], event["analysis_id"]
    logger.append_keys(analysis_id=analysis_id, tenant=tenant)
    item = WorkItem.model_validate(event["item"])
    analysis = analyses.get(tenant, analysis_id)
    silent = {"item": item.id, "findings_key": None}
    if (
        analysis is None
        or analysis.state is not State.RUNNING
        or not analysis.media
        or not analysis.media_ref
    ):
        return silent | {"usage": usage(started)}
    with _workdir() as folder:
        try:
            found = look(analysis, item, folder)
        except FileNotFoundError:  # erased while this item waited
            return silent | {"usage": usage(started)}
        looked_up = [known.lookup(tenant, finding, item.id) for finding in found]
        kept = [_keep(finding, tenant, analysis_id, item.id) for finding in looked_up]
    key = media.work_key(tenant, analysis_id, f"{item.id}.json")
    media.put_json(key, [finding.model_dump(mode="json", exclude_none=True) for finding in kept])
    analyses.item_done(tenant, analysis_id, item.id)
    for finding in kept:
        name = finding.outcome.value.title().replace("_", "")
        metrics.add_metric(name=f"Finding{name}", unit=MetricUnit.Count, value=1)
    return {"item": item.id, "findings_key": key, "usage": usage(started)}


def _keep(finding: Finding, tenant: str, analysis_id: str, item_id: str) -> Finding:
    """Move a finding's artifacts into the bucket, under names that are unique in the analysis."""
    kept = []
    for artifact in finding.artifacts:
        if artifact.path is None:
            continue
        path, name = Path(artifact.path), f"{item_id}-{artifact.name}"
        key = media.artifact_key(tenant, analysis_id, name)
        media.put_file(key, path, artifact.media_type)
        kept.append(
            Artifact(
                name=name,
                media_type=artifact.media_type,
                title=artifact.title,
                key=key,
                bytes=path.stat().st_size,
            )
        )
    return finding.model_copy(update={"artifacts": tuple(kept), "item": finding.item or item_id})
