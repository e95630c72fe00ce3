"""Fusion: findings to one result per operation and one verdict for the file. Pure.

Windows of one model are fused by their median LLR, so that one bad window cannot decide; the channels and
long windows of a voice, any one of which may be the forged one, by the mean of their likelihood *ratios*
(decisions 0040, 0072). Different models of an operation are fused by weights of their LLRs, where weights
were fitted for exactly those models (`Weights`, decision 0051); else by the mean of their LLRs, which does
not count dependent evidence twice, or, where they look for different traces (`ANY_TRACE`), by the mean of
their likelihood ratios: one trace is enough (decision 0014). The interval spans all fused models, so
disagreement widens it, and models that contradict each other (`CONTRADICTION`) decide nothing even where a
policy leaves the interval out. Shadow models are shown, never fused. Silence is never "genuine". Hard
evidence (`policy.HARD`: a trusted manifest that says "generated") overrides every threshold (decision 0034).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from itertools import chain
from statistics import fmean, median
from typing import Any

from pydantic import JsonValue

from bonafide import timeline
from bonafide.model import (
    Evidence,
    FileVerdict,
    Finding,
    Interval,
    MediaKind,
    ModelRef,
    Operation,
    OperationResult,
    Outcome,
    Region,
    Verdict,
    Voice,
    Weights,
)
from bonafide.plan import CHANNELWISE
from bonafide.policy import DECISIVE, HARD, Policy, judge

__all__ = ["fuse", "fuse_operation", "probability", "verdict_of", "verdict_under"]

MAX_FLAGS = MAX_REGIONS = 20
MAX_SEGMENTS = MAX_FRAMES = 50
MAX_DETAILS = 60 * 1024
"""How much evidence a summary carries (details: bytes of JSON); ``findings.json`` has all of it."""
MAX_DEPTH = 16
"""How deep details may be nested: what a reader's parser surely takes."""

ANY_TRACE = frozenset({Operation.IMAGE_FORGERY})
"""Operations whose models look for different traces, of which a forgery leaves one or another."""

CONTRADICTION = 0.5
"""From this gap of ``p_fake`` on, two models cannot stand on the same side of one half."""

_SILENCE = (Outcome.INCONCLUSIVE, Outcome.FAILED, Outcome.NOT_APPLICABLE)


def fuse(
    operations: Sequence[Operation],
    findings: Sequence[Finding],
    kind: MediaKind,
    rule: Policy,
    weights: Sequence[Weights] = (),
) -> tuple[tuple[OperationResult, ...], FileVerdict]:
    """Return a result for every operation of ``operations`` and every one found, and the file's verdict."""
    wanted = list(dict.fromkeys(chain(operations, (f.operation for f in findings))))
    results = tuple(
        fuse_operation(op, [f for f in findings if f.operation is op], rule, weights) for op in wanted
    )
    return results, verdict_of(results, kind, rule)


def fuse_operation(
    operation: Operation, findings: Sequence[Finding], rule: Policy, weights: Sequence[Weights] = ()
) -> OperationResult:
    """Fuse all findings of one operation. None at all means that no detector of it applied."""
    voices = [f for f in findings if not (f.model and f.model.shadow)]
    scored = [f for f in voices if f.outcome is Outcome.SCORED]
    fitted = _fitted(operation, scored, weights)
    common: dict[str, Any] = {
        "operation": operation,
        "evidence": _summary(voices),
        "voices": _voices(findings, fitted),
        "weights": fitted,
        "artifacts": tuple(chain.from_iterable(f.artifacts for f in findings)),
        "models": tuple(dict.fromkeys(f.model for f in findings if f.model)),
        "seconds": round(sum(f.seconds or 0.0 for f in findings), 3) or None,
    }
    if not scored:
        return _silent(voices, common)
    llr, interval, gap = _combine(scored, operation in ANY_TRACE, fitted)
    p_fake = probability(llr)
    result = OperationResult(
        **common,
        outcome=Outcome.SCORED,
        verdict=Verdict.INCONCLUSIVE,
        p_fake=p_fake,
        interval=interval,
        llr=llr,
        disagreement=gap,
        attribution=_agreed(f.attribution for f in scored),
        detail=next((f.detail for f in scored if f.detail), None),
    )
    return result.model_copy(update={"verdict": verdict_under(rule, result)})


def verdict_under(rule: Policy, result: OperationResult) -> Verdict:
    """Return what a policy makes of a result, from nothing but what is stored of it.

    Models that look for different traces do not contradict each other, whatever their gap.
    """
    if result.outcome is not Outcome.SCORED or result.p_fake is None:
        return result.verdict
    if any(flag.code in HARD for flag in result.evidence.flags):
        return Verdict.MANIPULATED
    apart = (result.disagreement or 0.0) > CONTRADICTION and result.operation not in ANY_TRACE
    return judge(rule, result.p_fake, result.interval, contradicted=apart)


def _silent(voices: Sequence[Finding], common: dict[str, Any]) -> OperationResult:
    for outcome in _SILENCE:
        speaker = next((f for f in voices if f.outcome is outcome), None)
        if speaker:
            silent = outcome is Outcome.NOT_APPLICABLE
            verdict = Verdict.NOT_APPLICABLE if silent else Verdict.INCONCLUSIVE
            return OperationResult.model_validate(
                common
                | {"outcome": outcome, "verdict": verdict, "reason": speaker.reason, "detail": speaker.detail}
            )
    shadow = bool(common["voices"])
    return OperationResult.model_validate(
        common
        | {
            "outcome": Outcome.NOT_APPLICABLE,
            "verdict": Verdict.NOT_APPLICABLE,
            "reason": "only_in_shadow" if shadow else "no_detector",
            "detail": "Only models in shadow answered: what they say is shown, and decides nothing."
            if shadow
            else "No detector for this operation applies to this kind of media here.",
        }
    )


def _named(model: ModelRef | None) -> str:
    """Return how `Weights` name a model."""
    return f"{model.name}@{model.version}" if model else ""


def _fitted(operation: Operation, scored: Sequence[Finding], weights: Sequence[Weights]) -> Weights | None:
    """Return the weights that were fitted for exactly the models that scored."""
    names = {_named(finding.model) for finding in scored}
    every = (one for one in weights if one.operation is operation)
    return next((one for one in every if one.weights.keys() == names), None)


def _by_model(findings: Iterable[Finding]) -> dict[ModelRef | None, list[Finding]]:
    by_model: dict[ModelRef | None, list[Finding]] = {}
    for finding in findings:
        by_model.setdefault(finding.model, []).append(finding)
    return by_model


def _voices(findings: Sequence[Finding], fitted: Weights | None) -> tuple[Voice, ...]:
    """Return what each model said, its pieces taken together; what has no model is no voice."""
    said = []
    for model, group in _by_model(findings).items():
        if model is None:
            continue
        scored = [finding for finding in group if finding.outcome is Outcome.SCORED]
        voice = Voice(
            model=model.name,
            version=model.version,
            shadow=model.shadow,
            outcome=group[0].outcome,
            reason=group[0].reason,
        )
        if scored:
            llr, interval = _of_model(scored)
            voice = voice.model_copy(
                update={
                    "outcome": Outcome.SCORED,
                    "p_fake": probability(llr),
                    "llr": llr,
                    "interval": interval,
                    "reason": None,
                    "weight": fitted.weights.get(_named(model)) if fitted and not model.shadow else None,
                }
            )
        said.append(voice)
    return tuple(said)


def _of_model(group: Sequence[Finding]) -> tuple[float, Interval]:
    """Return what one model says: the median of its windows; of a voice, any one of its pieces."""
    low = [f.interval.low if f.interval else f.p_fake or 0.0 for f in group]
    high = [f.interval.high if f.interval else f.p_fake or 1.0 for f in group]
    llr = [_llr(f) for f in group]
    if len(group) == 1 or group[0].operation not in CHANNELWISE:
        return median(llr), Interval(low=median(low), high=median(high))
    ends = [probability(_mixed([_logit(p) for p in side])) for side in (low, high)]
    return _mixed(llr), Interval(low=ends[0], high=ends[1])


def _combine(
    scored: Sequence[Finding], any_trace: bool, fitted: Weights | None
) -> tuple[float, Interval, float | None]:
    """Return (LLR, interval, widest gap between the models' p_fake or None for a single model)."""
    parts = {_named(model): _of_model(group) for model, group in _by_model(scored).items()}
    medians = [llr for llr, _ in parts.values()]
    heard = [part for name, part in parts.items() if not fitted or fitted.weights[name] > 0]
    lows, highs = [i.low for _, i in heard], [i.high for _, i in heard]
    low, high = (min(lows), max(highs)) if heard else (0.0, 1.0)
    if fitted:
        total = fitted.offset + sum(fitted.weights[name] * llr for name, (llr, _) in parts.items())
        llr = min(max(total, -fitted.limit), fitted.limit)
    elif any_trace:
        llr = _mixed(medians)
        low, high = (probability(_mixed([_logit(p) for p in ends])) for ends in (lows, highs))
    else:
        llr = fmean(medians)
    p_fake = probability(llr)
    scores = [probability(value) for value in medians]
    interval = Interval(low=min(low, p_fake), high=max(high, p_fake))
    return llr, interval, (max(scores) - min(scores) if len(scores) > 1 else None)


def _mixed(llrs: Sequence[float]) -> float:
    """Return the log of the mean likelihood ratio: any one trace with the same chance (max - log n at least).

    A mean of likelihood ratios is a likelihood ratio again, however the models depend on each other.
    """
    top = max(llrs)
    return top + math.log(fmean(math.exp(value - top) for value in llrs))


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def _llr(finding: Finding) -> float:
    if finding.llr is not None:
        return finding.llr
    return _logit(finding.p_fake or 0.0)


def probability(llr: float) -> float:
    """Return P(fake) at a prior of one half, never exactly 0 or 1 (evidence is finite)."""
    return 1 / (1 + math.exp(-min(max(llr, -13.8), 13.8)))


def _agreed(attributions: Iterable[str | None]) -> str | None:
    named = {name for name in attributions if name}
    return named.pop() if len(named) == 1 else None


def _summary(findings: Sequence[Finding]) -> Evidence:
    """Return the strongest evidence of all findings, bounded so that a row stays small."""
    every = [f.evidence for f in findings]
    flags = dict.fromkeys(chain.from_iterable(e.flags for e in every))
    regions = sorted(chain.from_iterable(map(_regions, findings)), key=lambda r: -r.score)
    segments = sorted(chain.from_iterable(e.segments for e in every), key=lambda s: -(s.llr or 0.0))
    frames = sorted(chain.from_iterable(e.frames for e in every), key=lambda s: -(s.p_fake or 0.0))
    values = {name: value for e in every for name, value in e.values.items()}
    return Evidence(
        flags=tuple(sorted(flags, key=lambda flag: flag.code not in HARD))[:MAX_FLAGS],
        regions=tuple(regions[:MAX_REGIONS]),
        segments=tuple(segments[:MAX_SEGMENTS]),
        frames=tuple(frames[:MAX_FRAMES]),
        values=values,
        details=_details(e.details for e in every),
    )


def _regions(finding: Finding) -> Iterable[Region]:
    """Return a finding's regions with the name of who drew them."""
    name = finding.model.name if finding.model else None
    return (region.model_copy(update={"model": name}) for region in finding.evidence.regions)


def _details(every: Iterable[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """Merge structured facts by member, the first speaker's kept; tables of one name are merged in turn.

    What the windows of a video say of its time is joined (`timeline`).

    A member that is too long or too deep is left out whole, and ``left_out`` names it: half a list would
    mislead.
    """
    merged: dict[str, JsonValue] = {}
    speakers = list(every)
    for details in speakers:
        for name, value in details.items():
            known = merged.get(name)
            if isinstance(known, dict) and isinstance(value, dict):
                merged[name] = value | known
            else:
                merged.setdefault(name, value)
    for name in timeline.JOINED.keys() & merged.keys():
        merged[name] = timeline.join(name, [details[name] for details in speakers if name in details])
    kept: dict[str, JsonValue] = {}
    left_out: list[JsonValue] = []
    room = MAX_DETAILS
    for name, value in merged.items():
        size = len(json.dumps({name: value}, ensure_ascii=False).encode("utf-8", "replace"))
        if size <= room and _depth(value) <= MAX_DEPTH:
            room -= size
            kept[name] = value
        else:
            left_out.append(name[:80])
    return kept | {"left_out": left_out[:50]} if left_out else kept


def _depth(value: JsonValue) -> int:
    """Return how deep lists and tables are nested; 0 for a plain value."""
    deepest, level = 0, [value]
    while level and deepest <= MAX_DEPTH:
        inner = [child for item in level for child in _children(item)]
        deepest += any(isinstance(item, (dict, list)) for item in level)
        level = inner
    return deepest


def _children(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def verdict_of(results: Sequence[OperationResult], kind: MediaKind, rule: Policy) -> FileVerdict:
    """Judge the file: one manipulated answer is enough; genuine needs every decisive question answered so.

    Each operation asks something else (spliced? generated?), so the file's ``p_fake`` is the largest of
    the answers, and its interval that answer's.
    """
    scored = [r for r in results if r.outcome is Outcome.SCORED and r.p_fake is not None]
    scores = [r.p_fake for r in scored if r.p_fake is not None]
    base: dict[str, Any] = {
        "policy": rule.name,
        "disagreement": max((r.disagreement or 0.0 for r in scored), default=None),
    }
    if not scored:
        spoke = any(r.outcome is not Outcome.NOT_APPLICABLE for r in results)
        label, reason = (
            (Verdict.INCONCLUSIVE, "no_calibrated_score")
            if spoke
            else (Verdict.NOT_APPLICABLE, "no_operation_applies")
        )
        return FileVerdict.model_validate(base | {"label": label, "reason": reason})
    top = max(scored, key=lambda r: (r.verdict is Verdict.MANIPULATED, r.p_fake or 0.0))
    base |= {"p_fake": top.p_fake, "interval": top.interval, "decided_by": top.operation}
    if top.verdict is Verdict.MANIPULATED:
        return FileVerdict.model_validate(base | {"label": Verdict.MANIPULATED})
    genuine = {r.operation for r in results if r.verdict is Verdict.GENUINE}
    if len(genuine) == len(scores) and set(DECISIVE[kind]) <= genuine:
        return FileVerdict.model_validate(base | {"label": Verdict.GENUINE})
    reason = "decisive_questions_unanswered" if len(genuine) == len(scores) else "score_not_decisive"
    return FileVerdict.model_validate(base | {"label": Verdict.INCONCLUSIVE, "reason": reason})
