"""What people read: progress and verdicts, from documents alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from localcloud.show import Progress, Shown, Timing, step_text, summary_row, table, verdict_text

RESULTS: list[dict[str, Any]] = [
    {
        "operation": "image_forgery",
        "outcome": "scored",
        "verdict": "manipulated",
        "p_fake": 0.934,
        "interval": {"low": 0.81, "high": 0.98},
        "llr": 2.61,
        "evidence": {
            "flags": [
                {
                    "code": "double_quantisation",
                    "message": "One area was compressed once less.",
                    "caveat": "Crops do it too.",
                }
            ],
            "regions": [
                {"x": 1, "y": 2, "width": 3, "height": 4, "score": 0.2},
                {"x": 560, "y": 320, "width": 192, "height": 160, "score": 0.91},
            ],
        },
        "models": [
            {
                "name": "double_quantisation",
                "version": "1.0.0",
                "sha256": "3fa2b1c09d",
                "type": "learned",
                "shadow": True,
            }
        ],
        "seconds": 0.42,
    },
    {
        "operation": "synthetic_speech",
        "outcome": "not_applicable",
        "verdict": "not_applicable",
        "reason": "no_audio",
        "detail": "The file has no sound.",
    },
    {
        "operation": "audio_splice",
        "outcome": "inconclusive",
        "verdict": "inconclusive",
        "reason": "too_short",
        "evidence": {
            "segments": [{"start_s": 1.0, "end_s": 2.5, "llr": -0.5, "note": "quiet"}],
            "frames": [{"index": 7, "time_s": 0.28, "p_fake": 0.4}, {"index": 8, "time_s": 0.3}],
        },
    },
]
DOCUMENT: dict[str, Any] = {
    "id": "an_1",
    "state": "completed",
    "media": {
        "kind": "image",
        "format": "jpeg",
        "width": 960,
        "height": 720,
        "bytes": 123_456,
        "warnings": ["truncated"],
    },
    "verdict": {
        "label": "manipulated",
        "policy": "default",
        "p_fake": 0.934,
        "interval": {"low": 0.81, "high": 0.98},
        "decided_by": "image_forgery",
        "disagreement": 0.5,
    },
    "results": RESULTS,
    "artifacts": [{"name": "heatmap.png", "title": "Where the double quantisation ends"}],
    "versions": {"bonafide": "0.1.0"},
    "cost": {"usd": 0.000423},
    "created_at": "2026-11-20T10:00:00Z",
    "started_at": "2026-11-20T10:00:00.200000Z",
    "completed_at": "2026-11-20T10:00:02+00:00",
}


@pytest.fixture
def text() -> str:
    folder = Path("out/an_1")
    return verdict_text(Shown("photo.jpg", DOCUMENT, Timing(0.3, 2.1, 0.1), folder, [folder / "heatmap.png"]))


class TestVerdict:
    @pytest.mark.parametrize(
        "words",
        [
            "photo.jpg: JPEG, 960 x 720, 123.5 kB  (truncated)",
            "MANIPULATED  p_fake 0.93 [0.81 to 0.98]  (policy default, decided by image_forgery)",
            "detectors disagree by 0.50",
            "manipulated    p_fake 0.93 [0.81 to 0.98]  llr +2.61",
            "- One area was compressed once less.",
            "but: Crops do it too.",
            "- region 192 x 160 at (560, 320), score 0.91",
            "by double_quantisation 1.0.0 (learned, 3fa2b1c0, in shadow), 0.42 s",
            "synthetic_speech    not applicable no audio",
            "The file has no sound.",
            "inconclusive   too short",
            "- 1.00 to 2.50 s, llr -0.50, quiet",
            "- frame 7 at 0.28 s, p_fake 0.40",
            "Artifacts in out/an_1/",
            "Where the double quantisation ends",
            "2.5 s (sending 0.3, queue 0.2, analysis 1.8, artifacts 0.1)",
            "about $0.000423 on AWS",
            "an_1  (bonafide 0.1.0)",
        ],
    )
    def test_says_what_was_found(self, text: str, words: str) -> None:
        assert words in text

    def test_shows_the_strongest_region_first(self, text: str) -> None:
        assert text.index("192 x 160") < text.index("3 x 4")

    def test_plain_text_has_no_colours_and_no_loose_blanks(self, text: str) -> None:
        assert "\x1b" not in text
        assert all(line == line.rstrip() for line in text.splitlines())

    def test_colours_only_on_request(self) -> None:
        assert "\x1b[1;31mMANIPULATED\x1b[0m" in verdict_text(Shown("a", DOCUMENT), colour=True)

    def test_a_failure_is_named(self) -> None:
        document = {
            "id": "an_2",
            "state": "failed",
            "failure": {"code": "undecodable", "detail": "No picture in it."},
        }
        text = verdict_text(Shown("x.jpg", document))
        assert "FAILED  undecodable: No picture in it." in text
        assert "unknown media" in text

    def test_silence_is_inconclusive_not_genuine(self) -> None:
        document = {
            "id": "a",
            "verdict": {"label": "inconclusive", "policy": "default", "reason": "no_detector_spoke"},
        }
        text = verdict_text(Shown("x.jpg", document))
        assert "INCONCLUSIVE  no detector spoke" in text
        assert "p_fake" not in text

    @pytest.mark.parametrize(
        "document", [{}, {"media": None, "verdict": None, "results": None, "cost": None}]
    )
    def test_an_empty_document_breaks_nothing(self, document: dict[str, Any]) -> None:
        assert verdict_text(Shown("x", document))


class TestSteps:
    @pytest.mark.parametrize(
        ("document", "words"),
        [
            ({"state": "queued"}, "queued"),
            ({"stage": "fetching"}, "fetching the media"),
            ({"stage": "detecting"}, "running the detectors"),
            (
                {"stage": "detecting", "items_total": 4, "items_done": 1},
                "running the detectors [##......] 1/4",
            ),
            (
                {"stage": "detecting", "items_total": 4, "items_done": 9},
                "running the detectors [########] 4/4",
            ),
            (
                {"stage": "detecting", "items_total": 4, "items_done": None},
                "running the detectors [........] 0/4",
            ),
            ({"stage": "new_one"}, "new_one"),
        ],
    )
    def test_words(self, document: dict[str, Any], words: str) -> None:
        assert step_text(document, 8) == words

    def test_a_log_file_gets_tenths(self) -> None:
        steps = {
            step_text({"stage": "detecting", "items_total": 200, "items_done": n}, 8, coarse=True)
            for n in range(201)
        }
        assert len(steps) == 11

    def test_without_a_terminal_each_step_is_one_line(self) -> None:
        stream = io.StringIO()
        progress = Progress("a.mp4", stream)
        for stage in ("queued", "queued", "inspecting", "done"):
            progress.update({"stage": stage})
        progress.close()
        assert stream.getvalue().splitlines() == [
            "a.mp4: queued",
            "a.mp4: looking at what the file is",
            "a.mp4: done",
        ]

    def test_on_a_terminal_one_line_updates_and_goes(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        stream = Terminal()
        progress = Progress("a.mp4", stream)
        progress.update({"stage": "queued"})
        progress.update({"stage": "queued"})
        progress.close()
        assert "\n" not in stream.getvalue()
        assert stream.getvalue().endswith("\r\x1b[K")


class TestTable:
    def test_rows(self) -> None:
        failed = {"failure": {"code": "empty_file"}}
        rows = [summary_row(Shown("a.jpg", DOCUMENT, Timing(wait=1))), summary_row(Shown("b", failed))]
        assert rows == [
            ("a.jpg", "manipulated", "0.93", "image_forgery", "1.0"),
            ("b", "failed", "-", "empty_file", "0.0"),
        ]
        lines = table(rows, ("file", "verdict", "p_fake", "why", "s")).splitlines()
        assert lines[0].split() == ["file", "verdict", "p_fake", "why", "s"]
        assert len({line.index(word) for line, word in zip(lines[2:], ("manip", "failed"), strict=True)}) == 1


def test_voices_that_the_score_does_not_tell_are_shown() -> None:
    own = {
        "model": "mine",
        "version": "1.0.0",
        "shadow": False,
        "outcome": "scored",
        "p_fake": 0.9,
        "weight": 0.7,
    }
    silent = {
        "model": "theirs",
        "version": "2.0.0",
        "shadow": True,
        "outcome": "inconclusive",
        "reason": "too_short",
    }
    ghost = own | {"model": "ghost", "shadow": True, "weight": None}

    def shown(*voices: dict[str, Any]) -> str:
        result = RESULTS[0] | {"voices": list(voices)}
        return verdict_text(Shown("x.jpg", DOCUMENT | {"results": [result]}), colour=False)

    assert "- mine" not in shown(own)  # the fused score is its score
    assert "- mine 1.0.0: p_fake 0.90, weight 0.70\n" in shown(own, own | {"model": "other"})
    said = shown(own, ghost, silent)
    assert "- ghost 1.0.0: p_fake 0.90 (in shadow: decides nothing)" in said
    assert "- theirs 2.0.0: too short (in shadow: decides nothing)" in said
