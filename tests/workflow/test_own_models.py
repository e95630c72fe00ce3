"""An owner's model from the models bucket through the real state machine: shadow, promoted, rolled back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localcloud import place
from ownmodels.__main__ import main
from tests.helpers.aws import Aws
from tests.helpers.media import jpeg
from tests.unit.ownmodels import making
from tests.workflow.test_analysis import begin, end

PLATT = {"kind": "platt", "slope": 4.0, "offset": 0.0, "covariance": [0.01, 0.0, 0.01]}


@pytest.fixture
def owner(aws_running: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The owner's commands speak to this stack."""

    def use(_environment: Any) -> str:
        aws_running.use("detect_image")
        return "moto"

    monkeypatch.setattr(place, "use", use)
    return aws_running


def say(command: str, **environment: str) -> None:
    assert main(command, environment) == 0


def analyse(aws: Aws) -> tuple[Any, Any]:
    _, done = end(aws, begin(aws, inline=jpeg(), operations=("lip_sync",)))
    assert done.state == "completed"
    (result,) = done.results
    return done, result


def test_shadow_promotion_and_rollback(owner: Aws, tmp_path: Path) -> None:
    _, before = analyse(owner)
    assert (before.outcome, before.reason, before.voices) == ("not_applicable", "no_detector", ())

    say("add", MODEL_PATH=str(making.model(tmp_path / "one", calibration=PLATT)))
    done, shadow = analyse(owner)
    assert (shadow.outcome, shadow.reason, shadow.p_fake) == ("not_applicable", "only_in_shadow", None)
    assert done.verdict.p_fake is None
    (voice,) = shadow.voices
    assert (voice.model, voice.version, voice.shadow, voice.outcome) == (
        "brightness",
        "1.0.0",
        True,
        "scored",
    )
    assert voice.p_fake > 0.5 and voice.interval.low <= voice.p_fake <= voice.interval.high
    assert [model.shadow for model in shadow.models] == [True]

    say("promote", NAME="brightness")
    done, fused = analyse(owner)
    assert (fused.outcome, fused.verdict) == ("scored", done.verdict.label)
    assert fused.p_fake == pytest.approx(voice.p_fake) and not fused.voices[0].shadow

    say("rollback", NAME="brightness")
    assert analyse(owner)[1].reason == "only_in_shadow"
    say("rollback", NAME="brightness")
    assert analyse(owner)[1].reason == "no_detector"


def test_a_new_version_runs_in_shadow_beside_the_promoted(owner: Aws, tmp_path: Path) -> None:
    say("add", MODEL_PATH=str(making.model(tmp_path / "one", calibration=PLATT)))
    say("promote", NAME="brightness")
    newer = PLATT | {"slope": -4.0}
    say("add", MODEL_PATH=str(making.model(tmp_path / "two", calibration=newer, version="1.1.0")))
    _, result = analyse(owner)
    said = {voice.version: voice for voice in result.voices}
    assert (said["1.0.0"].shadow, said["1.1.0"].shadow) == (False, True)
    assert said["1.0.0"].p_fake > 0.5 > said["1.1.0"].p_fake
    assert result.p_fake == pytest.approx(said["1.0.0"].p_fake)
    say("promote", NAME="brightness")
    _, result = analyse(owner)
    assert [voice.version for voice in result.voices] == ["1.1.0"] and result.p_fake < 0.5


def test_weights_of_the_index_are_used(owner: Aws, tmp_path: Path) -> None:
    from bonafide import own, shelf
    from bonafide.model import Operation, Weights

    for name, slope in (("first", 4.0), ("second", -1.0)):
        calibration = PLATT | {"slope": slope}
        say("add", MODEL_PATH=str(making.model(tmp_path / name, name=name, calibration=calibration)))
        say("promote", NAME=name)
    _, plain = analyse(owner)
    fitted = Weights(
        operation=Operation.LIP_SYNC,
        weights={"first@1.0.0": 0.9, "second@1.0.0": 0.0},
        offset=0.1,
        limit=4.0,
    )
    place.use({})
    shelf.write(lambda index: own.weigh(index, fitted))
    _, weighed = analyse(owner)
    llrs = {voice.model: voice.llr for voice in weighed.voices}
    assert plain.weights is None and plain.llr == pytest.approx(sum(llrs.values()) / 2)
    assert weighed.weights == fitted and weighed.llr == pytest.approx(0.1 + 0.9 * llrs["first"])
    assert [voice.weight for voice in weighed.voices] == [0.9, 0.0]
    assert weighed.disagreement == plain.disagreement > 0


def test_tampered_weights_speak_as_failed(owner: Aws, tmp_path: Path) -> None:
    say("add", MODEL_PATH=str(making.model(tmp_path / "one", calibration=PLATT)))
    say("promote", NAME="brightness")
    key = "models/brightness/1.0.0/model.onnx"
    owner.client("s3").put_object(Bucket=owner["ModelsBucket"], Key=key, Body=making.mean() + b"\0")
    _, result = analyse(owner)
    assert (result.outcome, result.reason) == ("failed", "model_hash_mismatch")
    owner.client("s3").delete_object(Bucket=owner["ModelsBucket"], Key=key)
    assert analyse(owner)[1].reason == "model_missing"


def test_what_lies_in_the_bucket_without_the_index_does_not_run(owner: Aws, tmp_path: Path) -> None:
    place_ = making.model(tmp_path / "one", calibration=PLATT, promoted=True)
    for file in place_.iterdir():
        owner.client("s3").upload_file(
            str(file), owner["ModelsBucket"], f"models/brightness/1.0.0/{file.name}"
        )
    assert analyse(owner)[1].reason == "no_detector"
