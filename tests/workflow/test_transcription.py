"""What is said: only when asked for, by the engine that was chosen, and never at the cost of the analysis."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bonafide.model import Operation, Options

from tests.helpers.aws import Aws
from tests.helpers.engines import Engines, spoken
from tests.unit.inference.makers import sound, voice, wav

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WAV = wav(voice(4))
ASKED = (Operation.TRANSCRIPTION, Operation.FILE_FORENSICS)


@pytest.fixture
def amazon(aws_running: Aws, monkeypatch: pytest.MonkeyPatch) -> Engines:
    aws_running.use("api_native")
    return Engines(spoken("Hola amigo. Buenos dias, soy yo.")).install(monkeypatch)


def analyse(aws: Aws, body: bytes = WAV, operations: tuple[Operation, ...] = ASKED, **options: Any) -> Any:
    from bonafide import ingest
    from bonafide.ids import new_id
    from bonafide.store import analyses

    aws.use("api_native")
    new = ingest.NewAnalysis(
        "acme", inline=body, operations=operations, options=Options.model_validate(options)
    )
    begun = ingest.create(new, now=NOW, new_id=new_id)
    arn = aws.workflow_arn.replace(":stateMachine:", ":execution:") + f":{begun.id}"
    assert aws.wait(arn)["status"] == "SUCCEEDED"
    aws.use("api_native")
    done = analyses.get("acme", begun.id)
    assert done is not None
    assert done.state == "completed"
    return done


def of(analysis: Any, operation: Operation = Operation.TRANSCRIPTION) -> Any:
    return next((result for result in analysis.results if result.operation is operation), None)


def test_amazon_tells_words_language_and_translation(aws_running: Aws, amazon: Engines) -> None:
    done = analyse(aws_running)
    said = of(done)
    assert (said.outcome, said.reason, said.p_fake) == ("inconclusive", "not_a_score", None)
    details = said.evidence.details
    assert details["transcription"]["engine"] == "amazon-transcribe"
    assert details["transcription"]["language"] == "es-US"
    assert details["transcription"]["language_identified"] is True
    assert details["transcription"]["text"] == "Hola amigo. Buenos dias, soy yo."
    assert details["words"][1] == {"text": "amigo", "start_s": 0.5, "end_s": 0.9, "confidence": 0.9}
    assert details["translation"]["text"] == "[Hola amigo. Buenos dias, soy yo.]"
    assert details["translation"]["engine"] == "amazon-translate"
    (asked,) = amazon.named("StartTranscriptionJob")
    assert asked["IdentifyLanguage"] is True
    assert asked["MediaFormat"] == "wav"
    assert asked["Media"]["MediaFileUri"] == f"s3://{aws_running.bucket}/{done.media_ref.key}"
    assert asked["OutputKey"].startswith(f"work/acme/{done.id}/")
    assert asked["TranscriptionJobName"].startswith("bonafide-")
    (translated,) = amazon.named("TranslateText")
    assert (translated["SourceLanguageCode"], translated["TargetLanguageCode"]) == ("es", "en")
    assert amazon.jobs == {}  # none is left with the service
    assert of(done, Operation.FILE_FORENSICS).reason == "no_calibrated_score"


def test_nobody_gets_it_who_did_not_ask(aws_running: Aws, amazon: Engines) -> None:
    done = analyse(aws_running, operations=())
    assert of(done) is None
    assert amazon.calls == []


def test_english_is_not_translated(aws_running: Aws, amazon: Engines) -> None:
    amazon.says = spoken("Hello.", "en-GB")
    said = of(analyse(aws_running))
    assert said.evidence.details["translation"] == {
        "engine": None, "language": None, "text": None, "reason": "already_english",
    }  # fmt: skip
    assert amazon.named("TranslateText") == []


def test_only_the_stretch_that_was_asked_for(aws_running: Aws, amazon: Engines) -> None:
    said = of(analyse(aws_running, start_s=0.95, end_s=1.9))
    assert [word["text"] for word in said.evidence.details["words"]] == ["Buenos", "dias"]
    assert said.evidence.details["transcription"]["text"] == "Buenos dias"


@pytest.mark.parametrize(
    ("operation", "fault", "reason"),
    [
        ("StartTranscriptionJob", "BadRequestException", "refused_by_engine"),
        ("StartTranscriptionJob", "LimitExceededException", "detector_unavailable"),
        ("GetTranscriptionJob", "InternalFailureException", "detector_unavailable"),
    ],
)
def test_a_fault_is_this_operations_alone(
    aws_running: Aws, amazon: Engines, operation: str, fault: str, reason: str
) -> None:
    amazon.faults[operation] = fault
    done = analyse(aws_running)
    assert (of(done).outcome, of(done).reason) == ("failed", reason)
    assert of(done, Operation.FILE_FORENSICS).reason == "no_calibrated_score"


def test_a_job_that_fails(aws_running: Aws, amazon: Engines) -> None:
    amazon.states = ["FAILED"]
    said = of(analyse(aws_running))
    assert (said.outcome, said.reason, said.detail) == ("failed", "refused_by_engine", "cannot be read")


def test_a_second_try_finds_the_first_ones_job(aws_running: Aws, amazon: Engines) -> None:
    plain = amazon._GetTranscriptionJob
    asked: list[int] = []

    def first_slow(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(1)
        if len(asked) <= 168:  # as long as one call waits
            return {"TranscriptionJob": {"TranscriptionJobStatus": "IN_PROGRESS"}}
        amazon.faults.pop("StartTranscriptionJob", None)
        return plain(request)

    amazon._GetTranscriptionJob = first_slow  # type: ignore[method-assign]
    begin = amazon._StartTranscriptionJob

    def once(request: dict[str, Any]) -> dict[str, Any]:
        found = begin(request)
        amazon.faults["StartTranscriptionJob"] = "ConflictException"
        return found

    amazon._StartTranscriptionJob = once  # type: ignore[method-assign]
    said = of(analyse(aws_running))
    assert said.reason == "not_a_score"
    assert len(amazon.named("StartTranscriptionJob")) == 2


def test_without_translator_the_transcript_stands(aws_running: Aws, amazon: Engines) -> None:
    for fault, reason in (
        ("ThrottlingException", "translator_unavailable"),
        ("UnsupportedLanguagePairException", "language_not_translated"),
    ):
        amazon.faults["TranslateText"] = fault
        amazon.states = ["COMPLETED"]
        said = of(analyse(aws_running))
        assert said.detail.startswith("Hola")
        assert said.evidence.details["translation"]["reason"] == reason


def test_a_long_text_is_translated_in_pieces(aws_running: Aws, amazon: Engines) -> None:
    amazon.says = spoken("año " * 4000)
    said = of(analyse(aws_running))
    parts = [asked["Text"] for asked in amazon.named("TranslateText")]
    assert len(parts) > 1
    assert all(len(part.encode()) <= 9000 for part in parts)
    assert " ".join(parts) == ("año " * 4000).strip()
    assert said.evidence.details["left_out"] == ["words"]


def test_nothing_said(aws_running: Aws, amazon: Engines) -> None:
    amazon.says = spoken("")
    said = of(analyse(aws_running))
    assert (said.outcome, said.reason) == ("not_applicable", "no_speech")


def test_what_the_service_does_not_take(aws_running: Aws, amazon: Engines, tmp_path: Path) -> None:
    film = io.BytesIO()
    with av.open(film, "w", format="avi") as out:
        stream = out.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    said = of(analyse(aws_running, film.getvalue(), (Operation.TRANSCRIPTION,)))
    assert (said.outcome, said.reason) == ("not_applicable", "no_audio")
    path = sound(tmp_path / "x.aac", "aac", voice(4, rate=44_100))
    said = of(analyse(aws_running, path.read_bytes()))
    assert (said.outcome, said.reason) == ("failed", "format_not_taken")
    assert amazon.calls == []


def test_the_engine_in_the_image(aws_running: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        aws_running.functions["detect_text"]["Environment"], "TRANSCRIPTION_ENGINE", "pocketsphinx"
    )
    said = of(analyse(aws_running, operations=(Operation.TRANSCRIPTION,)))
    assert (said.outcome, said.reason) in {("inconclusive", "not_a_score"), ("not_applicable", "no_speech")}
    if said.reason == "not_a_score":
        told = said.evidence.details["transcription"]
        assert (told["engine"], told["language"]) == ("pocketsphinx", "en")
        assert told["language_identified"] is False
        assert said.evidence.details["translation"]["reason"] == "no_translation_engine"
    silent = of(analyse(aws_running, wav(np.zeros(48_000)), (Operation.TRANSCRIPTION,)))
    assert (silent.outcome, silent.reason) == ("not_applicable", "silence")
