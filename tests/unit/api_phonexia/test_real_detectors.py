"""From a made recording through plan, real detectors and fusion to what the vendor's client is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from bonafide.fuse import fuse
from bonafide.model import Analysis, MediaFacts, Operation, Options, Source, State
from bonafide.plan import catalogue, plan
from bonafide.policy import POLICIES
from bonafide_inference.inspect import inspect
from bonafide_inference.registry import run_item

from tests.unit.inference.makers import voice, wav
from tests.unit.inference.test_audio_splice import RATE, cut_voice

WANTED = (Operation.AUDIO_REPLAY, Operation.AUDIO_SPLICE)
ASKED = ["replay_attack_detection", "audio_manipulation_detection"]


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> tuple[MediaFacts, list[Any]]:
    """Four channels: words put in, untouched, silent, the first again; facts and all findings."""
    folder = tmp_path_factory.mktemp("call")
    path = folder / "call.wav"
    cut = cut_voice()[0]
    whole = voice(12, seed=4)
    path.write_bytes(wav(np.stack([cut, whole, np.zeros(12 * RATE, np.float32), cut])))
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    findings = []
    for item in plan(media, WANTED, Options(), catalogue(), max_items=16):
        (folder / item.id).mkdir()
        findings += run_item(str(path), media, item, Options(), str(folder / item.id))
    return media, findings


def told(phonexia: Any, call: tuple[MediaFacts, list[Any]], *, raw: bool) -> Any:
    media, findings = call
    results, verdict = fuse(WANTED, findings, media.kind, POLICIES["default"])
    analysis = Analysis(
        id="an_01kg9q2d00xv4t8w6j5y3m1n7p", tenant="acme", state=State.COMPLETED, media=media,
        source=Source(type="inline"), dialect="phonexia", results=results, verdict=verdict,
        operations=WANTED, created_at=datetime(2026, 11, 20, tzinfo=UTC),
        echo={"operations": ASKED, "raw_segmentation": raw},
    )  # fmt: skip
    return phonexia("translate").tell(analysis, findings)


@pytest.mark.rows("PHX-3", "PHX-4", "PHX-30", "PHX-31", "PHX-32")
def test_every_channel_has_its_own_answer(phonexia: Any, call: Any) -> None:
    answer = told(phonexia, call, raw=False)
    result = answer.document["result"]
    assert result["deepfake_detection"] is None
    cuts = [channel["segments"] for channel in result["audio_manipulation_detection"]["channels"]]
    assert any(abs(one["start_time"] - at) < 0.7 for one in cuts[0] for at in (5.0, 7.0))
    assert all(one["score"] > 0 for channel in cuts if channel for one in channel)
    assert cuts[1] == [], "judged, and nothing found"
    assert cuts[2] is None, "nothing was judged"
    assert cuts[3] == cuts[0], "the same sound, not looked at twice"
    replay = [channel["score"] for channel in result["replay_attack_detection"]["channels"]]
    assert isinstance(replay[1], float)
    assert replay[2] is None
    assert replay[3] == replay[0]
    assert "audio_manipulation_detection/2=silence" in answer.notes
    assert "replay_attack_detection/2=silence" in answer.notes


@pytest.mark.rows("PHX-7", "PHX-8", "PHX-9")
def test_raw_segmentation_has_every_400_ms(phonexia: Any, call: Any) -> None:
    result = told(phonexia, call, raw=True).document["result"]
    for channel in result["audio_manipulation_detection"]["channels"][:2]:
        segments = channel["segments"]
        assert len(segments) == 59
        assert {round(one["end_time"] - one["start_time"], 3) for one in segments} == {0.4}
        steps = np.diff([one["start_time"] for one in segments])
        assert np.allclose(steps, 0.2, atol=1e-3)
        assert min(one["score"] for one in segments) < 0
