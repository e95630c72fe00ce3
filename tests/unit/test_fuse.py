"""Fusion and policy: what may and may not follow from findings."""

from __future__ import annotations

import json
import math

import pytest
from bonafide.errors import Unprocessable
from bonafide.fuse import MAX_DETAILS, fuse, fuse_operation, probability
from bonafide.model import (
    Evidence,
    Finding,
    Flag,
    Interval,
    MediaKind,
    ModelRef,
    Operation,
    Outcome,
    Region,
    Verdict,
    Weights,
)
from bonafide.plan import CHANNELWISE
from bonafide.policy import POLICIES, TRUSTED_GENERATED, Policy, judge, policy
from bonafide.replay import Done, replay
from hypothesis import given
from hypothesis import strategies as st

DEFAULT = policy("default")
FORGERY = Operation.IMAGE_FORGERY


def model(name: str, *, shadow: bool = False) -> ModelRef:
    return ModelRef(name=name, version="1", sha256="0" * 64, type="rule", shadow=shadow)


def scored(
    p: float, *, name: str = "a", width: float = 0.02, shadow: bool = False, operation: Operation = FORGERY
) -> Finding:
    return Finding(
        operation=operation,
        outcome=Outcome.SCORED,
        p_fake=p,
        llr=math.log(p / (1 - p)),
        interval=Interval(low=max(0, p - width), high=min(1, p + width)),
        model=model(name, shadow=shadow),
    )


def silent(outcome: Outcome, reason: str = "why", operation: Operation = FORGERY) -> Finding:
    return Finding(operation=operation, outcome=outcome, reason=reason)


unsure = st.sampled_from([o for o in Outcome if o is not Outcome.SCORED])
probabilities = st.floats(0.001, 0.999)


@given(st.lists(unsure, max_size=6), st.sampled_from(list(MediaKind)))
def test_silence_is_never_genuine(outcomes: list[Outcome], kind: MediaKind) -> None:
    results, verdict = fuse([FORGERY], [silent(o) for o in outcomes], kind, DEFAULT)
    assert verdict.label in (Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE)
    assert verdict.p_fake is None and verdict.reason
    assert all(r.p_fake is None and r.reason for r in results)


@given(st.lists(probabilities, min_size=1, max_size=9))
def test_the_fused_score_lies_among_its_parts_and_its_interval(parts: list[float]) -> None:
    result = fuse_operation(FORGERY, [scored(p, name=str(n)) for n, p in enumerate(parts)], DEFAULT)
    assert result.p_fake is not None and result.interval is not None and result.llr is not None
    assert min(parts) - 1e-9 <= result.p_fake <= max(parts) + 1e-9
    assert result.interval.low <= result.p_fake <= result.interval.high
    assert result.p_fake == pytest.approx(probability(result.llr))


def test_one_bad_window_cannot_decide() -> None:
    windows = [scored(0.1) for _ in range(4)] + [scored(0.999)]
    result = fuse_operation(FORGERY, windows, DEFAULT)
    assert result.p_fake == pytest.approx(0.1)


@given(st.lists(probabilities, min_size=2, max_size=8))
def test_a_forged_channel_is_not_outvoted_by_the_others(parts: list[float]) -> None:
    speech = Operation.SYNTHETIC_SPEECH
    channels = [scored(p, operation=speech).model_copy(update={"channel": n}) for n, p in enumerate(parts)]
    found = fuse_operation(speech, channels, DEFAULT)
    assert found.llr is not None and found.p_fake is not None and found.interval is not None
    top = max(math.log(p / (1 - p)) for p in parts)
    assert top - math.log(len(parts)) - 1e-6 <= found.llr <= top + 1e-6
    assert found.interval.low <= found.p_fake <= found.interval.high


@pytest.mark.parametrize("operation", sorted(CHANNELWISE))
def test_a_forged_hour_is_not_outvoted_by_the_others(operation: Operation) -> None:
    """Six half hours of one channel, one of which holds a cut or an inserted voice."""
    hours = [scored(p, operation=operation).model_copy(update={"channel": 0}) for p in (*[0.1] * 5, 0.995)]
    found = fuse_operation(operation, hours, DEFAULT)
    assert found.llr == pytest.approx(math.log(199) - math.log(6), abs=0.1)
    assert found.verdict is Verdict.MANIPULATED


@pytest.mark.parametrize("operation", sorted(CHANNELWISE))
def test_looking_at_more_windows_makes_nothing_of_chance(operation: Operation) -> None:
    """What has a mean of 1 in genuine windows keeps it: a weak hit in one of many is no accusation."""
    one = fuse_operation(operation, [scored(0.8, operation=operation)], DEFAULT)
    many = fuse_operation(operation, [scored(p, operation=operation) for p in (0.8, *[0.3] * 5)], DEFAULT)
    assert one.llr is not None and many.llr is not None
    assert many.llr < 0.2 < one.llr
    none = fuse_operation(operation, [scored(0.3, operation=operation)] * 6, DEFAULT)
    assert none.p_fake == pytest.approx(0.3)


def test_windows_and_channels_are_alike() -> None:
    heard = ((0, 0.1), (0, 0.9), (1, 0.1), (1, 0.1))
    call = [scored(p, operation=Operation.AUDIO_SPLICE).model_copy(update={"channel": n}) for n, p in heard]
    found = fuse_operation(Operation.AUDIO_SPLICE, call, DEFAULT)
    assert found.llr == pytest.approx(math.log((9 + 3 / 9) / 4))


def test_disagreement_is_visible_and_caps_certainty() -> None:
    synthetic = Operation.SYNTHETIC_IMAGE
    found = [scored(0.999, name="a", operation=synthetic), scored(0.3, name="b", operation=synthetic)]
    result = fuse_operation(synthetic, found, DEFAULT)
    assert result.disagreement == pytest.approx(0.699)
    assert result.verdict is Verdict.INCONCLUSIVE


def test_one_trace_of_a_forgery_is_enough() -> None:
    """A confident copy-move beside a mildly negative double quantisation (decision 0014)."""
    result = fuse_operation(FORGERY, [scored(0.99, name="a"), scored(0.34, name="b")], DEFAULT)
    assert result.verdict is Verdict.MANIPULATED
    assert result.disagreement == pytest.approx(0.65)
    assert result.llr is not None
    assert math.log(99) - math.log(2) <= result.llr < math.log(99)


@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=5))
def test_mixing_traces_never_exceeds_the_strongest(ps: list[float]) -> None:
    result = fuse_operation(FORGERY, [scored(p, name=str(i)) for i, p in enumerate(ps)], DEFAULT)
    assert result.p_fake is not None and result.interval is not None
    assert min(ps) - 1e-9 <= result.p_fake <= max(ps) + 1e-9
    assert result.interval.low <= result.p_fake <= result.interval.high


def test_a_shadow_model_is_shown_but_not_fused() -> None:
    result = fuse_operation(FORGERY, [scored(0.1), scored(0.99, name="new", shadow=True)], DEFAULT)
    assert result.p_fake == pytest.approx(0.1)
    assert [m.name for m in result.models] == ["a", "new"]
    alone = fuse_operation(FORGERY, [scored(0.99, shadow=True)], DEFAULT)
    assert alone.outcome is Outcome.NOT_APPLICABLE and alone.p_fake is None


def test_a_clean_splice_search_does_not_make_a_file_genuine() -> None:
    _, verdict = fuse([], [scored(0.01)], MediaKind.IMAGE, DEFAULT)
    assert verdict.label is Verdict.INCONCLUSIVE
    assert verdict.reason == "decisive_questions_unanswered"
    both = [scored(0.01), scored(0.02, operation=Operation.SYNTHETIC_IMAGE)]
    assert fuse([], both, MediaKind.IMAGE, DEFAULT)[1].label is Verdict.GENUINE


def test_one_manipulated_answer_is_enough() -> None:
    findings = [scored(0.01, operation=Operation.SYNTHETIC_IMAGE), scored(0.95)]
    _, verdict = fuse([], findings, MediaKind.IMAGE, DEFAULT)
    assert (verdict.label, verdict.decided_by) == (Verdict.MANIPULATED, FORGERY)
    assert verdict.p_fake == pytest.approx(0.95)


def test_failed_beside_not_applicable_is_failed() -> None:
    result = fuse_operation(
        FORGERY, [silent(Outcome.NOT_APPLICABLE), silent(Outcome.FAILED, "crashed")], DEFAULT
    )
    assert (result.outcome, result.reason) == (Outcome.FAILED, "crashed")


def test_evidence_is_bounded_and_strongest_first() -> None:
    regions = tuple(Region(x=n, y=0, width=1, height=1, score=n / 100) for n in range(100))
    flags = tuple(Flag(code="twice", message="m") for _ in range(3))
    finding = scored(0.9).model_copy(update={"evidence": Evidence(regions=regions, flags=flags)})
    evidence = fuse_operation(FORGERY, [finding], DEFAULT).evidence
    assert len(evidence.regions) == 20 and evidence.regions[0].score == 0.99
    assert len(evidence.flags) == 1
    assert {region.model for region in evidence.regions} == {finding.model.name}


@given(probabilities, st.floats(0, 0.5), st.sampled_from(sorted(POLICIES)))
def test_verdicts_follow_the_thresholds(p: float, width: float, name: str) -> None:
    rule = policy(name)
    interval = Interval(low=max(0, p - width), high=min(1, p + width))
    label = judge(rule, p, interval)
    if label is Verdict.MANIPULATED:
        assert p >= rule.manipulated_at and (interval.low > 0.5 or not rule.certain)
    if label is Verdict.GENUINE:
        assert p <= rule.genuine_at and (interval.high < 0.5 or not rule.certain)
    if rule.certain and interval.low <= 0.5 <= interval.high:
        assert label is Verdict.INCONCLUSIVE


def test_an_unknown_policy_is_named() -> None:
    with pytest.raises(Unprocessable, match="no policy 'nope'"):
        policy("nope")


def test_findings_refuse_scores_without_outcome_and_silence_without_reason() -> None:
    with pytest.raises(ValueError, match="belongs to the outcome scored"):
        Finding(operation=FORGERY, outcome=Outcome.INCONCLUSIVE, p_fake=0.5, reason="x")
    with pytest.raises(ValueError, match="needs a reason"):
        Finding(operation=FORGERY, outcome=Outcome.FAILED)
    with pytest.raises(ValueError, match="belongs to the outcome scored"):
        Finding(operation=FORGERY, outcome=Outcome.SCORED)


def told(**details: object) -> Finding:
    evidence = Evidence(details=details)
    return Finding(operation=FORGERY, outcome=Outcome.INCONCLUSIVE, reason="why", evidence=evidence)


def test_details_are_merged_by_member() -> None:
    first = told(document_details={"producer": "A", "pages": 2}, signatures=[1])
    second = told(document_details={"producer": "B", "fonts": ["F"]}, other=None)
    details = fuse_operation(FORGERY, [first, second], DEFAULT).evidence.details
    assert details == {
        "document_details": {"producer": "A", "pages": 2, "fonts": ["F"]},
        "signatures": [1],
        "other": None,
    }


def test_details_stay_small_and_flat_enough_for_a_row() -> None:
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    details = fuse_operation(
        FORGERY, [told(big="x" * MAX_DETAILS, small=1, deep=deep, wide={"a": [[1]]})], DEFAULT
    ).evidence.details
    assert details == {"small": 1, "wide": {"a": [[1]]}, "left_out": ["big", "deep"]}


@given(st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=40_000), max_size=4), max_size=4))
def test_details_never_exceed_the_bound(every: list[dict[str, str]]) -> None:
    findings = [told(**{f"a{name}": value for name, value in each.items()}) for each in every]
    details = fuse_operation(FORGERY, findings, DEFAULT).evidence.details
    assert len(json.dumps(details, ensure_ascii=False).encode("utf-8", "replace")) < MAX_DETAILS + 8192


# ---- weights, voices, hard evidence --------------------------------------------------------------------
SYNTHETIC = Operation.SYNTHETIC_IMAGE


def weights(offset: float = 0.0, limit: float = 4.0, **each: float) -> Weights:
    return Weights(
        operation=SYNTHETIC, weights={f"{n}@1": w for n, w in each.items()}, offset=offset, limit=limit
    )


def of(p: float, name: str, **more: bool) -> Finding:
    return scored(p, name=name, operation=SYNTHETIC, **more)


def test_fitted_weights_are_used_for_exactly_their_models() -> None:
    found, fitted = [of(0.8, "a"), of(0.7, "b")], weights(0.5, a=1.0, b=0.5)
    result = fuse_operation(SYNTHETIC, found, DEFAULT, [fitted])
    assert result.llr == pytest.approx(0.5 + math.log(4) + 0.5 * math.log(7 / 3))
    assert result.weights == fitted and [v.weight for v in result.voices] == [1.0, 0.5]
    for others in ([of(0.8, "a")], [*found, of(0.6, "c")], [of(0.8, "a"), of(0.7, "b", shadow=True)]):
        plain = fuse_operation(SYNTHETIC, others, DEFAULT, [fitted])
        assert plain.weights is None
        assert plain.llr == fuse_operation(SYNTHETIC, others, DEFAULT).llr


@given(st.lists(probabilities, min_size=2, max_size=2), st.floats(0, 3), st.floats(0, 3), st.floats(-2, 2))
def test_weights_keep_within_their_limit_and_disagreement_shows(
    ps: list[float], a: float, b: float, offset: float
) -> None:
    found = [of(ps[0], "a"), of(ps[1], "b")]
    result = fuse_operation(SYNTHETIC, found, DEFAULT, [weights(offset, 2.0, a=a, b=b)])
    assert result.llr is not None and abs(result.llr) <= 2 and result.interval is not None
    assert result.p_fake is not None and result.interval.low <= result.p_fake <= result.interval.high
    assert result.disagreement == pytest.approx(abs(ps[0] - ps[1]))
    if min(a, b) > 0 and min(ps) < 0.48 and max(ps) > 0.52:
        assert result.verdict is Verdict.INCONCLUSIVE  # who disagree on the side decide nothing


@pytest.mark.parametrize("rule", [r for r in POLICIES.values() if r.genuine_at < r.manipulated_at])
@pytest.mark.parametrize("ps", [(0.99, 0.2), (0.01, 0.8)])
def test_models_that_contradict_each_other_decide_nothing(rule: Policy, ps: tuple[float, float]) -> None:
    """Weights of a strong model outvote the other's score, and not its contradiction."""
    found, fitted = [of(ps[0], "a"), of(ps[1], "b")], weights(a=1.0, b=0.2)
    result = fuse_operation(SYNTHETIC, found, rule, [fitted])
    assert result.p_fake is not None and abs(result.p_fake - 0.5) > 0.45
    assert (result.verdict, result.disagreement) == (Verdict.INCONCLUSIVE, pytest.approx(0.79))
    alone = fuse_operation(SYNTHETIC, found, rule, [weights(a=1.0, b=0.0)])
    assert alone.verdict is not Verdict.INCONCLUSIVE  # what has no weight has no say


def test_a_policy_without_a_middle_takes_a_side() -> None:
    found = [of(0.99, "a"), of(0.2, "b")]
    assert fuse_operation(SYNTHETIC, found, POLICIES["even"]).verdict is Verdict.MANIPULATED


def test_traces_of_different_kinds_do_not_contradict_each_other() -> None:
    found = [scored(p, name=n, operation=Operation.IMAGE_FORGERY) for n, p in (("a", 0.99), ("b", 0.3))]
    assert fuse_operation(Operation.IMAGE_FORGERY, found, POLICIES["table"]).verdict is Verdict.MANIPULATED


def test_a_model_without_weight_does_not_widen_the_interval() -> None:
    found, fitted = [of(0.95, "a"), of(0.2, "b")], weights(a=1.0, b=0.0)
    result = fuse_operation(SYNTHETIC, found, DEFAULT, [fitted])
    assert result.verdict is Verdict.MANIPULATED and result.disagreement == pytest.approx(0.75)


def test_weights_that_speak_against_a_model_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        weights(a=1.0, b=-0.1)


def test_voices_are_shown_and_evidence_of_shadows_is_not() -> None:
    ghost = of(0.9, "ghost", shadow=True).model_copy(
        update={"evidence": Evidence(flags=(Flag(code="seen_by_ghost", message="m"),))}
    )
    result = fuse_operation(SYNTHETIC, [of(0.2, "a"), of(0.4, "a"), ghost], DEFAULT)
    assert [(v.model, v.shadow, round(v.p_fake or 0, 2)) for v in result.voices] == [
        ("a", False, 0.29), ("ghost", True, 0.9)
    ]  # fmt: skip
    assert result.evidence.flags == ()
    alone = fuse_operation(SYNTHETIC, [ghost], DEFAULT)
    assert (alone.reason, alone.p_fake, alone.voices[0].model) == ("only_in_shadow", None, "ghost")


@pytest.mark.parametrize("rule", [*POLICIES.values(), Policy(name="deaf", manipulated_at=1, genuine_at=0)])
def test_hard_evidence_overrides_every_threshold(rule: Policy) -> None:
    flags = (Flag(code=TRUSTED_GENERATED, message="m"),)
    said = scored(0.6, operation=Operation.PROVENANCE).model_copy(update={"evidence": Evidence(flags=flags)})
    _, verdict = fuse([], [of(0.02, "a"), scored(0.02), said], MediaKind.IMAGE, rule)
    assert (verdict.label, verdict.decided_by) == (Verdict.MANIPULATED, Operation.PROVENANCE)
    assert verdict.p_fake == pytest.approx(0.6)


# ---- replay --------------------------------------------------------------------------------------------


@given(
    st.lists(probabilities, max_size=3), st.sampled_from(sorted(POLICIES)), st.sampled_from(sorted(POLICIES))
)
def test_a_replay_is_what_the_other_policy_would_have_said(ps: list[float], then: str, other: str) -> None:
    findings = [
        scored(p, name=str(n), operation=op) for n, (p, op) in enumerate(zip(ps, Operation, strict=False))
    ]
    results, verdict = fuse([], findings, MediaKind.IMAGE, policy(then))
    done = Done("an_1", MediaKind.IMAGE, verdict, results)
    assert replay(done, policy(other)) == fuse([], findings, MediaKind.IMAGE, policy(other))[1]
    assert replay(done, policy(then)) == verdict


@pytest.mark.parametrize("other", [*POLICIES.values(), Policy(name="deaf", manipulated_at=1, genuine_at=0)])
def test_a_replay_knows_hard_evidence_and_contradictions(other: Policy) -> None:
    flags = (
        *(Flag(code=f"other_{n}", message="m") for n in range(30)),
        Flag(code=TRUSTED_GENERATED, message="m"),
    )
    said = scored(0.6, operation=Operation.PROVENANCE).model_copy(update={"evidence": Evidence(flags=flags)})
    for findings in ([said], [of(0.99, "a"), of(0.2, "b")]):
        fitted = [weights(a=1.0, b=0.2)]
        results, verdict = fuse([], findings, MediaKind.IMAGE, DEFAULT, fitted)
        done = Done("an_1", MediaKind.IMAGE, verdict, results)
        assert replay(done, other) == fuse([], findings, MediaKind.IMAGE, other, fitted)[1]
