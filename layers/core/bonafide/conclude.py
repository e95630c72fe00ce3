"""The end of an analysis: fuse, record, publish. Each part may run again and changes nothing then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bonafide import __version__, bus, cost, media, own, shelf, slots
from bonafide import credits as ledger
from bonafide.findings import NAME
from bonafide.fuse import fuse
from bonafide.model import Analysis, Artifact, Finding, Operation, OperationResult, Outcome, State, Usage
from bonafide.plan import catalogue, default_operations
from bonafide.policy import rule_of
from bonafide.store import analyses, tenants
from bonafide.telemetry import MetricUnit, logger, metrics
from bonafide.wording import worded

__all__ = ["conclude", "fail", "tell"]

Json = dict[str, Any]


def conclude(event: Json, *, now: datetime) -> Json:
    """Take the state of the workflow to its end; returns ``{state, erase}``.

    ``event`` holds ``plan`` (items, refusal, usage), ``detections`` and, for a URL, ``fetch``.
    """
    tenant, analysis_id = event["tenant"], event["analysis_id"]
    logger.append_keys(analysis_id=analysis_id, tenant=tenant)
    analysis = analyses.get(tenant, analysis_id)
    if analysis is None or analysis.state is State.DELETED:
        return {"state": State.DELETED.value, "erase": False}
    if analysis.state in (State.QUEUED, State.RUNNING):
        refusal = event["plan"]["refusal"]
        if refusal:
            analyses.fail(tenant, analysis_id, code=refusal["code"], detail=refusal["detail"], now=now)
        else:
            _finish(analysis, event, now)
    return tell(tenant, analysis_id, now=now)


def fail(tenant: str, analysis_id: str, *, code: str, detail: str, now: datetime) -> None:
    """Record that an execution died, unless the analysis had ended before; publish either way, once."""
    analyses.fail(tenant, analysis_id, code=code, detail=detail, now=now)
    tell(tenant, analysis_id, now=now)


def _finish(analysis: Analysis, event: Json, now: datetime) -> None:
    findings = list(_findings(event))
    assert analysis.media is not None  # inspect wrote it before there were items
    index = shelf.read()
    detectors = [*catalogue(), *own.rows(index)]
    wanted = analysis.operations or default_operations(analysis.media.kind, detectors)
    results, verdict = fuse(wanted, findings, analysis.media.kind, rule_of(analysis), index.weights)
    results = worded(results, verdict)
    usages = [Usage.model_validate(u) for u in _usages(event)]
    items = len(event["plan"]["items"])
    cost_usd = cost.estimate(usages, items=items, fetched=analysis.source.type == "url")["total"]
    if findings:
        results = _attach(results, _keep_all(analysis, findings))
    versions = {"bonafide": __version__, "policy": analysis.options.policy} | {
        model.name: model.version for result in results for model in result.models
    }
    analyses.finish(
        analysis.tenant,
        analysis.id,
        verdict=verdict,
        results=results,
        versions=versions,
        cost_usd=cost_usd,
        now=now,
    )


def _findings(event: Json) -> Iterable[Finding]:
    """Yield what every item found; an item whose function broke speaks as ``failed`` for each operation."""
    wanted = {item["id"]: item["operations"] for item in event["plan"]["items"]}
    for detection in event["detections"]:
        if detection["findings_key"]:
            for plain in media.get_json(detection["findings_key"]):
                yield Finding.model_validate(plain)
            continue
        for operation in wanted.get(detection["item"], ()):
            yield Finding(
                operation=Operation(operation),
                outcome=Outcome.FAILED,
                reason="detector_unavailable",
                detail="The detector function did not answer; the other findings stand.",
                item=detection["item"],
            )


def _usages(event: Json) -> Iterable[Json]:
    for part in (event.get("fetch"), event["plan"], *event["detections"]):
        if part and part.get("usage"):
            yield part["usage"]


def _keep_all(analysis: Analysis, findings: list[Finding]) -> Artifact:
    """Keep every finding in full: the row carries only a summary."""
    key = media.artifact_key(analysis.tenant, analysis.id, NAME)
    media.put_json(key, [f.model_dump(mode="json", exclude_none=True) for f in findings])
    return Artifact(name=NAME, media_type="application/json", title="All findings in full", key=key)


def _attach(results: tuple[OperationResult, ...], everything: Artifact) -> tuple[OperationResult, ...]:
    """Hang the full findings on the first result that has any evidence."""
    first, *rest = results
    return (first.model_copy(update={"artifacts": (*first.artifacts, everything)}), *rest)


def tell(tenant: str, analysis_id: str, *, now: datetime) -> Json:
    """Publish the end once; whoever comes after a crash between recording and publishing makes up for it."""
    analysis = analyses.get(tenant, analysis_id)
    if analysis is None or analysis.state not in (State.COMPLETED, State.FAILED):
        return {"state": analysis.state.value if analysis else State.DELETED.value, "erase": False}
    spent = ledger.close(analysis)
    if not analyses.is_published(tenant, analysis_id):
        # Before the mark: what is at rest has given back its slot, and is counted.
        tenants.meter(analysis, credits_=spent, now=now)
        slots.finished(tenant, analysis_id)
        bus.publish(bus.finished_event(analysis, now=now))
        analyses.mark_published(tenant, analysis_id, at_rest=not analysis.options.zero_retention)
        name = "AnalysisCompleted" if analysis.state is State.COMPLETED else "AnalysisFailed"
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
        logger.info("analysis ended", extra={"state": analysis.state.value, "cost_usd": analysis.cost_usd})
    return {"state": analysis.state.value, "erase": analysis.options.zero_retention}
