"""Zero retention keeps conclusions and numbers, and nothing that a file said of itself."""

from __future__ import annotations

from bonafide.model import Artifact, Evidence, Flag, Operation, OperationResult, Outcome, Region, Verdict
from bonafide.redact import redacted

WORDS = "Jane Doe, her camera"


def test_quotations_go_and_conclusions_stay() -> None:
    region = Region(x=1, y=2, width=3, height=4, score=0.5)
    flag = Flag(
        code="editor_named",
        message=WORDS,
        where=WORDS,
        value=WORDS,
        base_rate="1 of 9",
        caveat="Proves nothing.",
    )
    count = Flag(code="revisions", message=WORDS, value=3)
    result = OperationResult(
        operation=Operation.FILE_FORENSICS,
        outcome=Outcome.SCORED,
        verdict=Verdict.MANIPULATED,
        p_fake=0.9,
        llr=2.2,
        detail=WORDS,
        artifacts=(Artifact(name="a", media_type="text/plain", title=WORDS, key="k"),),
        evidence=Evidence(
            flags=(flag, count),
            regions=(region,),
            values={"author": WORDS, "noise": 0.25, "ok": True},
            details={"exif": {"Artist": WORDS}},
        ),
    )
    kept = redacted(result)
    assert "Jane" not in kept.model_dump_json()
    assert (kept.verdict, kept.p_fake, kept.llr) == (result.verdict, 0.9, 2.2)
    assert kept.evidence.regions == (region,) and kept.evidence.values == {"noise": 0.25, "ok": True}
    first, second = kept.evidence.flags
    assert (first.code, first.message, first.value) == ("editor_named", "editor named", None)
    assert (first.base_rate, first.caveat, second.value) == ("1 of 9", "Proves nothing.", 3)
    assert redacted(kept) == kept
