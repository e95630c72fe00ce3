"""The operations on video: what they say of good media, and of media that lies."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bonafide.model import Finding, MediaFacts, Operation, Options, Outcome, WorkItem
from bonafide.plan import catalogue, plan
from bonafide_inference import registry
from bonafide_inference.detectors.temporal_coherence.detector import issues_of
from bonafide_inference.detectors.temporal_coherence.measure import Coherence, Moment, measure
from bonafide_inference.faces import FacesFound
from bonafide_inference.frames import Burst, Frame
from bonafide_inference.inspect import Refusal, inspect
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.video.making import face, film, piece, scene

BOTH = (Operation.TEMPORAL_COHERENCE, Operation.PRESENTATION_ATTACK)


def ask(path: Path, workdir: Path, *operations: Operation, **options: Any) -> dict[str, Finding]:
    """Inspect, plan and run for real; the finding of each operation on the first piece of each kind."""
    media = inspect(str(path))
    assert isinstance(media, MediaFacts), media
    items = plan(media, operations or BOTH, Options(), catalogue(), max_items=4)
    found: dict[str, Finding] = {}
    for item in items:
        for finding in registry.run_item(str(path), media, item, Options(**options), str(workdir)):
            found.setdefault(str(finding.operation), finding)
    return found


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a face that sways; one bright flash on it at 1.5 s."""
    place = tmp_path_factory.mktemp("talking") / "x.mp4"
    pictures = [face(x=160 + 10 * np.sin(n / 8), seed=n) for n in range(60)]
    pictures[30][50:200, 95:225] = np.clip(pictures[30][50:200, 95:225] * 1.35, 0, 255).astype(np.uint8)
    return film(place, pictures, fps=20)


def test_coherence_answers_with_evidence_and_no_score(talking: Path, tmp_path: Path) -> None:
    found = ask(talking, tmp_path)["temporal_coherence"]
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")
    details: Any = found.evidence.details
    assert details["face_detection"]["stable"] is True
    assert details["face_detection"]["mean_score"] > 0.5
    assert details["coherence"]["compared"] > 20
    assert details["tree"]["type"] == "video"
    assert [track["type"] for track in details["tree"]["children"]] == ["track"]
    assert details["cuts"] == []
    assert {a.name for a in found.artifacts} >= {"coherence-timeline.png"}


def test_issues_are_words_with_frames_and_times(talking: Path, tmp_path: Path) -> None:
    found = ask(talking, tmp_path)["temporal_coherence"]
    flashes: Any = [i for i in found.evidence.details["issues"] if i["code"] == "face_flicker"]
    assert any(abs(issue["timestamp"] - 1.5) < 0.15 for issue in flashes)
    for issue in found.evidence.details["issues"]:  # type: ignore[union-attr]
        assert f"frame {issue['frame']}" in issue["words"]
        assert issue["frame"] == pytest.approx(issue["timestamp"] * 20, abs=1)
    assert {frame.index for frame in found.evidence.frames} == {
        i["frame"] for i in found.evidence.details["issues"]
    }


def test_a_cut_is_found_and_not_blamed(tmp_path: Path) -> None:
    pictures = (
        [face(x=100, seed=n) for n in range(20)] + [scene(4)] * 10 + [face(x=220, seed=n) for n in range(20)]
    )
    path = film(tmp_path / "x.mp4", pictures, fps=20)
    found = ask(path, tmp_path)["temporal_coherence"]
    cuts: Any = found.evidence.details["cuts"]
    assert [cut["timestamp"] for cut in cuts] == pytest.approx([1.0, 1.5], abs=0.06)
    near: Any = [
        i for i in found.evidence.details["issues"] if min(abs(i["timestamp"] - t) for t in (1.0, 1.5)) < 0.1
    ]
    assert near == []


def test_presentation_attack_of_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(makers.picture("PNG", Image.fromarray(face())))
    found = ask(path, tmp_path)["presentation_attack"]
    assert found.outcome is Outcome.SCORED
    assert found.p_fake is not None
    details: Any = found.evidence.details
    assert details["liveness"] == {"result": details["liveness"]["result"], "method": "passive"}
    assert (details["attack_type"] is None) == (details["liveness"]["result"] != "FAIL")
    assert details["tree"]["children"][0]["children"][0]["type"] == "face"


def test_presentation_attack_of_a_video(talking: Path, tmp_path: Path) -> None:
    found = ask(talking, tmp_path)["presentation_attack"]
    assert found.outcome is Outcome.SCORED
    assert len(found.evidence.frames) == found.evidence.values["faces_judged"] == 6
    assert {a.name for a in found.artifacts} == {"liveness-timeline.png", "liveness-frames.jpg"}
    assert ask(talking, tmp_path, visualize=False)["presentation_attack"].artifacts == ()


def test_one_bad_frame_decides_nothing(tmp_path: Path) -> None:
    calm = film(tmp_path / "a.mp4", [face(seed=n) for n in range(60)], fps=10)
    spoilt = [np.clip(face(seed=n) * (3.0 if n == 30 else 1.0), 0, 255).astype(np.uint8) for n in range(60)]
    one = film(tmp_path / "b.mp4", spoilt, fps=10)
    scores = [ask(path, tmp_path)["presentation_attack"].p_fake for path in (calm, one)]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)  # x264 writes other bytes each time


# ---- what cannot be judged ------------------------------------------------------------------------


@pytest.mark.parametrize(("picture", "outcome", "reason"), [
    (scene(2), Outcome.NOT_APPLICABLE, "no_face"),
    (np.full((40, 40, 3), 90, np.uint8), Outcome.NOT_APPLICABLE, "too_small"),
    (face(radius=28), Outcome.INCONCLUSIVE, "face_too_small"),
])  # fmt: skip
def test_presentation_attack_abstains(
    picture: np.ndarray, outcome: Outcome, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(makers.picture("PNG", Image.fromarray(picture)))
    found = ask(path, tmp_path)["presentation_attack"]
    assert (found.outcome, found.reason) == (outcome, reason)


def test_one_frame(tmp_path: Path) -> None:
    found = ask(film(tmp_path / "x.mp4", [face()], fps=10), tmp_path)
    assert found["temporal_coherence"].reason == "too_few_frames"
    assert found["presentation_attack"].outcome is Outcome.SCORED


def test_no_face_in_a_video(tmp_path: Path) -> None:
    found = ask(film(tmp_path / "x.mp4", (scene(n // 8) for n in range(24)), fps=10), tmp_path)
    assert found["temporal_coherence"].reason == "no_face"
    assert len(found["temporal_coherence"].evidence.details["cuts"]) == 2  # type: ignore[arg-type]
    assert (found["presentation_attack"].outcome, found["presentation_attack"].reason) == (
        Outcome.NOT_APPLICABLE,
        "no_face",
    )


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = makers.sound(tmp_path / "x.mp4", "aac", makers.noise(2.0), container="mp4")
    assert ask(path, tmp_path) == {}, "nothing of video is planned for sound"
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    item = WorkItem(id="v", detector="video", operations=BOTH)
    found = registry.run_item(str(path), media, item, Options(), str(tmp_path))
    assert {(f.outcome, f.reason) for f in found} == {(Outcome.NOT_APPLICABLE, "no_detector")}


def test_a_picture_renamed_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(makers.picture("PNG", Image.fromarray(face())))
    found = ask(path, tmp_path)
    assert set(found) == {"presentation_attack"}
    assert found["presentation_attack"].evidence.frames == ()


def test_no_frame_rate(tmp_path: Path) -> None:
    """Every frame has the same time: the file says no rate, and nothing can be compared over time."""
    path = film(tmp_path / "x.mkv", [face(seed=n) for n in range(6)], fps=10)
    data = bytearray(path.read_bytes())
    at = data.find(bytes.fromhex("23e383"))  # DefaultDuration
    if at >= 0:
        data[at : at + 3] = bytes.fromhex("23e384")
    path.write_bytes(data)
    for finding in ask(path, tmp_path).values():
        assert finding.outcome in (Outcome.INCONCLUSIVE, Outcome.SCORED, Outcome.NOT_APPLICABLE)


def test_a_header_that_lies_about_the_length(talking: Path, tmp_path: Path) -> None:
    """The header promises ten hours; what is there is analysed."""
    data = bytearray(talking.read_bytes())
    at = data.index(b"mvhd") + 4
    scale = struct.unpack(">I", data[at + 12 : at + 16])[0]
    data[at + 16 : at + 20] = struct.pack(">I", scale * 3600)
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    found = ask(path, tmp_path)
    assert found["presentation_attack"].outcome is Outcome.SCORED
    assert len(found["presentation_attack"].evidence.frames) == 6


def test_a_window_beyond_the_end(talking: Path, tmp_path: Path) -> None:
    media = inspect(str(talking))
    assert isinstance(media, MediaFacts)
    item = WorkItem.model_validate(
        {"id": "v", "detector": "video", "operations": BOTH, "window": {"start_s": 90, "end_s": 120}}
    )
    found = registry.run_item(str(talking), media, item, Options(), str(tmp_path))
    assert {(f.outcome, f.reason) for f in found} == {(Outcome.NOT_APPLICABLE, "no_frames")}


def test_a_cut_short_video_says_so(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", (face(x=150 + n % 20, seed=n) for n in range(80)), fps=10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    found = ask(path, tmp_path)
    assert found["presentation_attack"].outcome is Outcome.SCORED
    said = {flag.code for finding in found.values() for flag in finding.evidence.flags}
    assert ("video_cut_short" in said) == ("truncated" in media.warnings)


def test_bytes_that_only_begin_like_a_video(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(2000))
    assert isinstance(inspect(str(path)), Refusal)


# ---- measurements ---------------------------------------------------------------------------------


def test_a_face_that_trembles_is_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    calm = film(tmp_path / "a.mp4", [face(x=150 + n / 2, seed=n) for n in range(40)], fps=20)
    shaky = [
        np.asarray(Image.fromarray(face(x=150 + n / 2, seed=n)).rotate(float(rng.normal(0, 8))))
        for n in range(40)
    ]
    pieces = [piece(path) for path in (calm, film(tmp_path / "b.mp4", shaky, fps=20))]
    values = [
        measure(p.reel().frames, p.reel().bursts, p.faces(), p.burst_faces()).values["jitter"] for p in pieces
    ]
    assert values[0] is not None
    assert values[1] is not None
    assert values[1] > 1.2 * values[0]


def test_nothing_to_compare() -> None:
    frame = Frame(0, 0.0, scene(1))
    seen = measure([frame], [Burst((frame,), (scene(1)[..., 0],))], FacesFound(((),), (), 0), [None])
    assert seen.moments == []
    assert set(seen.values.values()) == {None}


def test_issues_are_bounded_and_apart() -> None:
    moments = [Moment(n, n / 25, jitter=1.0 + n / 1e4) for n in range(2000)]
    found = issues_of(Coherence(moments), {"jitter": 0.5, "drift": 1.0, "flicker": 1.0})
    assert len(found) == 20
    times = [issue["timestamp"] for issue in found]
    assert times == sorted(times)
    assert min(np.diff(times)) >= 0.4 - 1e-6
    json.dumps(found)
