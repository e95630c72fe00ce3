"""Pasted faces, generated video and lips: what is said, and what is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest
from bonafide.model import Finding, MediaFacts, MediaKind, Operation, Options, Outcome
from bonafide_inference import faces, registry
from bonafide_inference.calibration import Platt
from bonafide_inference.centerface import Face
from bonafide_inference.detectors.face_manipulation.detector import FaceManipulation
from bonafide_inference.detectors.face_manipulation.faces_in import SIDE, softness, tensor
from bonafide_inference.detectors.lip_sync.measure import (
    MAX_LAG_S,
    STEP_S,
    Lips,
    correlogram,
    envelope,
    synchrony,
)
from bonafide_inference.detectors.synthetic_video.measure import NAMES, equalised, residuals
from bonafide_inference.faces import FacesFound, FaceTrack
from bonafide_inference.frames import Frame
from bonafide_inference.inspect import inspect
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.video.making import face, film, piece, quarter_turn, scene
from tests.unit.inference.video.test_operations import ask

THREE = (Operation.FACE_MANIPULATION, Operation.SYNTHETIC_VIDEO, Operation.LIP_SYNC)


def with_sound(path: Path, source: Path, sound: np.ndarray, rate: int = 16_000) -> Path:
    """The pictures of ``source`` with a sound track."""
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        pictures = out.add_stream_from_template(given.streams.video[0])
        track = out.add_stream("aac", rate=rate, layout="mono")
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
        for start in range(0, sound.size, 1024):
            block = np.ascontiguousarray(sound[None, start : start + 1024], np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return path


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a face that sways."""
    place = tmp_path_factory.mktemp("faces") / "x.mp4"
    return film(place, [face(x=160 + 10 * np.sin(n / 8), seed=n) for n in range(60)], fps=20)


# ---- faces ----------------------------------------------------------------------------------------


def test_a_video_without_a_calibration_accuses_nobody(talking: Path, tmp_path: Path) -> None:
    found = ask(talking, tmp_path, *THREE)["face_manipulation"]
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")
    values, details = found.evidence.values, cast("Any", found.evidence.details)
    assert values["faces_judged"] == 6
    assert values["face_stable"] is True
    assert 0.5 < cast("float", values["face_confidence"]) <= 1
    assert details["manipulation_type"] is None
    (track,) = details["tree"]["children"]
    assert (details["tree"]["type"], track["type"], track["children"][0]["type"]) == (
        "video",
        "track",
        "face",
    )
    assert track["raw"] == pytest.approx(values["raw_score"], abs=0.01)
    assert [frame.p_fake for frame in found.evidence.frames] == [None] * 6
    assert {a.name for a in found.artifacts} == {"face-heatmap.png", "face-timeline.png", "face-frames.jpg"}
    heat = next(artifact for artifact in found.artifacts if artifact.name == "face-heatmap.png")
    assert "no proof" in heat.title
    assert ask(talking, tmp_path, *THREE, visualize=False)["face_manipulation"].artifacts == ()


def test_a_picture_is_judged_face_by_face(tmp_path: Path) -> None:
    two = np.concatenate([face(), face(x=150, seed=3)], axis=1)
    (tmp_path / "x.png").write_bytes(makers.picture("PNG", Image.fromarray(two)))
    found = ask(tmp_path / "x.png", tmp_path, Operation.FACE_MANIPULATION)["face_manipulation"]
    assert found.evidence.values["tracks"] == found.evidence.values["faces_judged"] == 2
    assert [region.frame for region in found.evidence.regions] == [0, 0]
    assert found.evidence.frames == ()
    assert [artifact.name for artifact in found.artifacts] == ["face-heatmap.png"]


def calibrated(tmp_path: Path, frames: list[Frame], found: FacesFound, raw: list[float], kind: str) -> Any:
    """The finding of a network that says ``raw``, face by face, in a folder with a calibration."""
    shipped = next(f for f in registry.discover() if f.manifest.name == "face_manipulation_video")
    folder = tmp_path / "model"
    shutil.copytree(shipped.path, folder, dirs_exist_ok=True)
    platt = Platt(kind="platt", slope=1.0, offset=0.0, covariance=(0.01, 0.0, 0.01))
    manifest = shipped.manifest.model_copy(update={"calibration": platt})
    given = json.loads((folder / "model.json").read_text()) | {"calibration": platt.model_dump(mode="json")}
    (folder / "model.json").write_text(json.dumps(given))
    reel = SimpleNamespace(cut_s=None)
    piece = SimpleNamespace(frames=lambda: frames, faces=lambda: found, reel=lambda: reel,
                            picture=lambda: frames[0].rgb)  # fmt: skip
    media = SimpleNamespace(kind=kind, warnings=(), duration_s=9.0)
    job = SimpleNamespace(folder=str(folder), manifest=manifest, piece=piece, media=media,
                          options=Options(visualize=False), workdir=str(tmp_path))  # fmt: skip
    said = iter(raw)

    class Network:
        def run(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            count = len(inputs["crops"])
            return [np.array([next(said) for _ in range(count)]), np.zeros((count, SIDE // 8, SIDE // 8))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "bonafide_inference.detectors.face_manipulation.detector.load", lambda _folder: Network()
        )
        return FaceManipulation().score(cast("registry.Job", job))


def seen(count: int, x: float = 105.0) -> tuple[Face, ...]:
    marks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    box = (x, 60.0, 110.0, 130.0)
    where = (marks * box[2:] + box[:2]).astype(np.float32)
    return tuple(Face(box, 0.9, where, n, 12 * n, n / 2) for n in range(count))


def test_one_bad_frame_decides_nothing(tmp_path: Path) -> None:
    frames = [Frame(12 * n, n / 2, face(seed=n)) for n in range(9)]
    found = FacesFound((), (FaceTrack(0, seen(9), 1.0),), 0)
    calm = calibrated(tmp_path, frames, found, [-2.0] * 9, "video")
    spoilt = calibrated(tmp_path, frames, found, [-2.0] * 4 + [9.0] + [-2.0] * 4, "video")
    assert calm.outcome is Outcome.SCORED
    assert calm.p_fake == spoilt.p_fake == pytest.approx(1 / (1 + np.exp(2)), abs=1e-6)
    assert max(frame.p_fake for frame in spoilt.evidence.frames) > 0.9
    assert calm.interval.low <= calm.p_fake <= calm.interval.high


def test_a_track_of_one_frame_does_not_speak(tmp_path: Path) -> None:
    frames = [Frame(12 * n, n / 2, face(seed=n)) for n in range(9)]
    found = FacesFound((), (FaceTrack(0, seen(9), 1.0), FaceTrack(1, seen(1, 100.0), 1.0)), 0)
    said = calibrated(tmp_path, frames, found, [-2.0] * 9 + [9.0], "video")
    assert said.p_fake < 0.2
    assert len(said.evidence.details["tree"]["children"]) == 1


def test_one_of_two_faces_is_enough_and_shared_out(tmp_path: Path) -> None:
    frames = [Frame(0, 0.0, face())]
    found = FacesFound((), tuple(FaceTrack(n, seen(1), 1.0) for n in range(2)), 0)
    said = calibrated(tmp_path, frames, found, [4.0, -4.0], "image")
    assert said.llr == pytest.approx(np.log((np.exp(4) + np.exp(-4)) / 2), abs=1e-6)


def test_a_lost_face_is_said(tmp_path: Path) -> None:
    frames = [Frame(12 * n, n / 2, face(seed=n)) for n in range(6)]
    gappy = tuple(one for one in seen(6) if one.frame != 3)
    said = calibrated(tmp_path, frames, FacesFound((), (FaceTrack(0, gappy, 5 / 6),), 0), [0.0] * 5, "video")
    assert [(f.index, f.note) for f in said.evidence.frames if f.note] == [(36, "face_lost")]
    assert said.evidence.values["face_stable"] is False


@pytest.mark.parametrize(("picture", "reason"), [
    (np.clip(face() * 0.12, 0, 255).astype(np.uint8), "face_too_dark"),
    (np.full((240, 320, 3), 250, np.uint8), "face_too_bright"),
])  # fmt: skip
def test_faces_that_cannot_be_judged(tmp_path: Path, picture: np.ndarray, reason: str) -> None:
    found = FacesFound((), (FaceTrack(0, seen(1), 1.0),), 0)
    said = calibrated(tmp_path, [Frame(0, 0.0, picture)], found, [], "image")
    assert (said.outcome, said.reason) == (Outcome.INCONCLUSIVE, reason)


def test_ten_thousand_faces_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = seen(1)[0]
    crowd = [replace(one, box=(one.box[0], one.box[1], 110.0 + n / 1e4, 130.0)) for n in range(10_000)]
    monkeypatch.setattr(faces, "find_in", lambda *_: crowd)
    frames = [Frame(0, 0.0, face())]
    found = faces.follow(frames)
    said = calibrated(tmp_path, frames, found, [0.0] * 10_000, "image")
    assert said.evidence.values["faces_judged"] <= 12
    assert said.evidence.values["faces_left_out"] >= 9_900


def test_what_the_network_sees() -> None:
    (one,) = faces.find(face())
    seen_ = tensor(np.stack([faces.crop(face(), one, SIDE, 0.25), np.full((SIDE, SIDE, 3), 7, np.uint8)]))
    assert seen_.shape == (2, 3, SIDE, SIDE)
    assert seen_[0].mean() == pytest.approx(0, abs=1e-4)
    assert seen_[0].std() == pytest.approx(1, abs=1e-3)
    assert np.all(seen_[1] == 0)
    soft = np.asarray(Image.fromarray(face()).resize((40, 30)).resize((320, 240)))
    assert softness(soft) > softness(face())


# ---- generated video ------------------------------------------------------------------------------


def test_synthetic_video_measures_and_abstains(talking: Path, tmp_path: Path) -> None:
    found = ask(talking, tmp_path, *THREE)["synthetic_video"]
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "no_calibrated_score")
    assert set(NAMES) <= set(found.evidence.values)
    tree: Any = found.evidence.details["tree"]
    (stretch,) = tree["children"]
    assert (tree["type"], stretch["type"], stretch["until"]) == (
        "video",
        "stretch",
        pytest.approx(2.95, abs=0.1),
    )
    assert [leaf["type"] for leaf in stretch["children"]] == ["frame"] * 8
    assert {"score", "certainty", "conclusion", "timestamp"} <= set(stretch["children"][0])


def test_residuals_know_noise_from_stillness() -> None:
    rng = np.random.default_rng(1)
    still = [Frame(n, n / 6, scene(1)) for n in range(12)]
    noisy = [
        Frame(n, n / 6, np.clip(scene(1) + rng.normal(0, 40, scene(1).shape), 0, 255).astype(np.uint8))
        for n in range(12)
    ]
    calm, rough = residuals(equalised(still)), residuals(equalised(noisy))
    assert calm is not None
    assert rough is not None
    place = {name: n for n, name in enumerate(NAMES)}
    assert rough[place["still_noise"]] > calm[place["still_noise"]] + 1
    assert rough[place["jerk"]] == pytest.approx(np.log(np.sqrt(3)), abs=0.1)
    assert np.isfinite(calm).all()


def test_rate_and_size_are_made_equal() -> None:
    fast = [Frame(n, n / 30, scene(n // 5)) for n in range(60)]
    assert equalised(fast).shape[1:] == (64, 64, 3)
    assert 10 <= len(equalised(fast)) <= 14
    assert residuals(equalised(fast[:20])) is None
    assert residuals(np.zeros((12, 64, 64, 3))) is None
    assert equalised([]).shape == (0, 64, 64, 3)


@pytest.mark.parametrize(("pictures", "reason"), [
    ([scene(1)], "too_few_frames"),
    ([np.full((240, 320, 3), 90, np.uint8)] * 60, "nothing_in_picture"),
])  # fmt: skip
def test_video_with_nothing_to_measure(pictures: list[np.ndarray], reason: str, tmp_path: Path) -> None:
    found = ask(film(tmp_path / "x.mp4", pictures, fps=20), tmp_path, *THREE)
    assert found["synthetic_video"].reason == reason
    assert (found["face_manipulation"].outcome, found["face_manipulation"].reason) == (
        Outcome.NOT_APPLICABLE, "no_face",
    )  # fmt: skip


# ---- lips -----------------------------------------------------------------------------------------


def syllables(seconds: float, rate: float, late_s: float = 0.0, seed: int = 2) -> np.ndarray:
    """An opening (0..1) that goes up and down like syllables, ``rate`` values a second."""
    rng = np.random.default_rng(seed)
    beats = np.cumsum(rng.uniform(0.12, 0.4, 100)) - 2
    times = np.arange(int(seconds * rate)) / rate - late_s
    return np.asarray(sum(np.exp(-(((times - beat) / 0.06) ** 2)) for beat in beats))


@pytest.mark.parametrize("late_s", [-0.4, -0.2, 0.0, 0.2, 0.4])
def test_the_offset_is_found(late_s: float) -> None:
    """Sound that is late by so much fits best at a lag of so much."""
    opening = syllables(6, 25)
    lips = Lips(np.arange(150) / 25 + 10, opening)
    carrier = np.random.default_rng(1).normal(0, 0.2, 16_000 * 6).astype(np.float32)
    sound = (carrier * syllables(6, 16_000, late_s)).astype(np.float32)
    grid = np.arange(10 - MAX_LAG_S, 16 + MAX_LAG_S, STEP_S)
    sync = synchrony([correlogram(lips, envelope(sound, 16_000, 10.0, grid), grid)], [6.0])
    assert sync.offset_s == pytest.approx(late_s, abs=0.05)
    assert sync.peak > 0.5
    assert (sync.margin > 0) == (abs(late_s) < 0.12)


def test_silence_and_a_still_mouth_correlate_with_nothing() -> None:
    lips = Lips(np.arange(100) / 25, np.full(100, 0.3))
    grid = np.arange(-MAX_LAG_S, 4 + MAX_LAG_S, STEP_S)
    silent = envelope(np.zeros(64_000, np.float32), 16_000, 0.0, grid)
    assert np.all(silent == 0)
    assert np.all(correlogram(lips, silent, grid) == 0)


@pytest.mark.parametrize(("sound", "outcome", "reason"), [
    (None, Outcome.NOT_APPLICABLE, "no_audio"),
    (np.zeros(48_000, np.float32), Outcome.NOT_APPLICABLE, "no_speech"),
])  # fmt: skip
def test_lips_without_speech(
    talking: Path, tmp_path: Path, sound: np.ndarray | None, outcome: Outcome, reason: str
) -> None:
    path = talking if sound is None else with_sound(tmp_path / "s.mp4", talking, sound)
    found = ask(path, tmp_path, *THREE)["lip_sync"]
    assert (found.outcome, found.reason) == (outcome, reason)
    assert found.detail, "said in words, too"


def test_a_mouth_that_does_not_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = lips_and_noise(tmp_path, monkeypatch, syllables(3, 20) * 0, syllables(3, 16_000))
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "mouth_still")
    assert found.artifacts == ()


def test_a_mouth_that_moves_with_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said to be in step, and that this speaks for nothing; the pictures show where they differ."""
    found = lips_and_noise(tmp_path, monkeypatch, syllables(6, 20), syllables(6, 16_000))
    values = cast("dict[str, float]", found.evidence.values)
    assert (found.outcome, found.reason, found.p_fake) == (
        Outcome.INCONCLUSIVE, "no_calibrated_score", None,
    )  # fmt: skip
    assert abs(values["offset_s"]) <= 0.12
    assert values["correlation_in_sync"] > 0.4
    assert values["p_in_step"] <= 0.01
    assert found.evidence.values["relation"] == "in_step"
    (flag,) = found.evidence.flags
    assert flag.code == "lips_in_step"
    assert "lip-sync fake" in (flag.caveat or "")
    assert "somebody else's speech" in (flag.base_rate or "")
    tree = cast("dict[str, Any]", found.evidence.details["tree"])
    assert [track["children"][0]["type"] for track in tree["children"]] == ["face"]
    assert [artifact.name for artifact in found.artifacts] == ["lips-timeline.png", "lips-frames.jpg"]
    assert "no accusation" in found.artifacts[1].title
    with Image.open(cast("str", found.artifacts[1].path)) as sheet:
        assert sheet.width == 4 * 246 + 6
    plain = on_lips(tmp_path / "b.mp4", monkeypatch, Options(visualize=False))  # x264 differs each time
    assert (plain.artifacts, plain.evidence) == ((), found.evidence), "the same each time, pictures or not"


def test_sound_that_is_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = lips_and_noise(tmp_path, monkeypatch, syllables(6, 20), syllables(6, 16_000, late_s=0.4))
    assert (found.outcome, found.p_fake) == (Outcome.INCONCLUSIVE, None)
    (flag,) = found.evidence.flags
    assert flag.code == "sound_out_of_step"
    assert flag.value == pytest.approx(0.4, abs=0.09)
    assert "late" in flag.message
    assert "muxing" in (flag.caveat or "")


def lips_and_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opening: np.ndarray, loudness: np.ndarray,
    turned: bool = False,
) -> Finding:  # fmt: skip
    """The finding on a drawn mouth beside noise, which is taken for speech; the clip is ``b.mp4``."""
    pictures = [face() for _ in opening]
    for picture, wide in zip(pictures, opening, strict=True):
        half = int(12 * wide)
        if half:
            picture[162 - half : 162 + half, 142:178] = 25
    silent = film(tmp_path / "a.mp4", map(np.rot90, pictures) if turned else pictures, fps=20)
    carrier = np.random.default_rng(1).normal(0, 0.2, loudness.size).astype(np.float32)
    path = with_sound(tmp_path / "b.mp4", silent, carrier * loudness.astype(np.float32))
    if turned:
        quarter_turn(path)
    return on_lips(path, monkeypatch, Options())


def on_lips(path: Path, monkeypatch: pytest.MonkeyPatch, options: Options) -> Finding:
    """The finding on a clip whose sound is taken for speech."""
    from bonafide_inference.detectors.lip_sync import detector

    monkeypatch.setattr(detector, "_speech_s", lambda *_: 3.0)
    media = inspect(str(path))
    assert isinstance(media, MediaFacts)
    shipped = next(f for f in registry.discover() if f.manifest.name == "lip_sync")
    job = SimpleNamespace(
        piece=piece(path), media=media, options=options, workdir=str(path.parent),
        manifest=shipped.manifest,
    )  # fmt: skip
    return detector.LipSync().score(cast("registry.Job", job))


def test_media_without_pictures_or_too_small() -> None:
    from bonafide_inference.detectors.lip_sync.detector import LipSync
    from bonafide_inference.detectors.synthetic_video.detector import SyntheticVideo

    bare = cast("Any", SimpleNamespace(kind=MediaKind.VIDEO, tracks=(SimpleNamespace(type="audio"),)))
    for detector in (FaceManipulation, LipSync, SyntheticVideo):
        assert detector().applies(bare) == "no_video"
    small = cast("Any", SimpleNamespace(kind=MediaKind.IMAGE, tracks=(), width=40, height=40))
    assert FaceManipulation().applies(small) == "too_small"


# ---- training and benchmark -----------------------------------------------------------------------


def test_the_benchmark_shows_measurements_without_a_score() -> None:
    from benchmarks.video_accuracy import JUDGED, TRIVIAL, by_source

    trivial = dict.fromkeys((*TRIVIAL, "softness"), 1.0)
    clips = [
        {
            "source": ("genuine/a", "lipsync/b", "genuine/c", "faceswap/d")[n % 4], "genuine": n % 2 == 0,
            "answers": {}, "llr": {}, "values": {"lip_sync": {"raw_score": float(n % 2)}}, "trivial": trivial,
        }
        for n in range(8)
    ]  # fmt: skip
    rows = {row[:3]: row[3:] for row in by_source(clips).rows}
    assert {row[:2] for row in rows} == {(question.model, question.value) for question in JUDGED}
    assert rows["lip_sync", "raw_score", "lipsync/b"][:3] == (4, 2, 1.0)
    assert rows["lip_sync", "raw_score", "all"][-3:-1] == (0.5, 0.5)
    assert rows["temporal_coherence", "jitter", "all"][:3] == (0, 0, None)


def test_the_benchmark_goes_on_where_it_stopped(tmp_path: Path) -> None:
    from benchmarks.video import Kept

    made: list[int] = []
    for _ in range(2):
        assert Kept(tmp_path).get("a", lambda: made.append(1) or {"x": 1}) == {"x": 1}
    assert made == [1]
    Kept(tmp_path, again=True).get("a", lambda: made.append(1))
    assert made == [1, 1]
