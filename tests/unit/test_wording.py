"""Descriptions by the owner's Bedrock model (RES-37): only if switched on, of findings only, never needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from bonafide import wording
from bonafide.model import Evidence, FileVerdict, Flag, Operation, OperationResult, Outcome, Verdict
from bonafide.settings import settings
from botocore.stub import ANY, Stubber

from tests.helpers.aws import Aws

MODEL = "amazon.nova-lite-v1:0"
VERDICT = FileVerdict(label=Verdict.INCONCLUSIVE, policy="default", reason="score_not_decisive")
SILENT: dict[str, Any] = {"outcome": Outcome.NOT_APPLICABLE, "verdict": Verdict.NOT_APPLICABLE}
ASKED = OperationResult(operation=Operation.DESCRIPTION, reason="no_detector", **SILENT)
FLAG = Flag(
    code="edited", message="An editor saved it.", where="secret place", value="Jane's", caveat="So do shops."
)
FOUND = OperationResult(
    operation=Operation.FILE_FORENSICS, outcome=Outcome.INCONCLUSIVE, verdict=Verdict.INCONCLUSIVE,
    reason="no_calibrated_score", detail="of jane.jpg",
    evidence=Evidence(flags=(FLAG,), values={"owner": "Jane"}),
)  # fmt: skip


@pytest.fixture
def bedrock(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The service as botocore knows it: requests and answers must fit its model."""
    aws.use("conclude")
    monkeypatch.setenv("DESCRIPTION_MODEL", MODEL)
    settings.cache_clear()
    real = boto3.client("bedrock-runtime", region_name="us-east-1")
    monkeypatch.setattr(wording, "client", lambda: real)
    with Stubber(real) as stub:
        yield stub


def answer(*texts: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": [{"text": text} for text in texts]}
    usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
    return {
        "output": {"message": message},
        "stopReason": "end_turn",
        "usage": usage,
        "metrics": {"latencyMs": 1},
    }


@pytest.mark.rows("RES-37")
def test_the_words_of_the_owners_model(bedrock: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    ask = wording._ask
    monkeypatch.setattr(wording, "_ask", lambda model, said: (sent.append(said), ask(model, said))[1])
    expected = {"modelId": MODEL, "system": ANY, "messages": ANY, "inferenceConfig": ANY}
    bedrock.add_response("converse", answer(" An editor ", "saved it."), expected)
    other, told = wording.worded([FOUND, ASKED], VERDICT)
    bedrock.assert_no_pending_responses()
    assert other == FOUND
    assert (told.operation, told.p_fake, told.detail) == (Operation.DESCRIPTION, None, "An editor saved it.")
    assert told.evidence.details == {"description": {"text": "An editor saved it.", "model": MODEL}}
    said = json.dumps(sent)
    assert "An editor saved it." in said and "So do shops." in said
    for private in ("Jane", "jane.jpg", "secret place"):
        assert private not in said


def test_a_model_that_fails_leaves_the_rule(bedrock: Stubber) -> None:
    bedrock.add_client_error("converse", "ThrottlingException")
    assert wording.worded([FOUND, ASKED], VERDICT) == (FOUND, ASKED)
    bedrock.add_response("converse", answer(), None)
    assert wording.worded([FOUND, ASKED], VERDICT) == (FOUND, ASKED)


def test_nobody_is_asked_who_was_not_wanted(bedrock: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wording.worded([FOUND], VERDICT) == (FOUND,)
    monkeypatch.setenv("DESCRIPTION_MODEL", "")
    settings.cache_clear()
    assert wording.worded([FOUND, ASKED], VERDICT) == (FOUND, ASKED)
