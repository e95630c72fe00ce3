"""Planning and cost: pure rules."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from bonafide import cost
from bonafide.model import MediaFacts, MediaKind, Operation, Options, Track, Usage
from bonafide.plan import MIN_WINDOW_S, catalogue, default_operations, plan
from hypothesis import given
from hypothesis import strategies as st

DETECTORS: list[dict[str, Any]] = [
    {"operation": "image_forgery", "kind": "image", "media_kinds": ["image"]},
    {"operation": "file_forensics", "kind": "file", "media_kinds": ["document", "image"]},
    {"operation": "synthetic_video", "kind": "video", "media_kinds": ["video"]},
    {"operation": "temporal_coherence", "kind": "video", "media_kinds": ["video"]},
]


def facts(kind: MediaKind, seconds: float | None = None) -> MediaFacts:
    return MediaFacts(kind=kind, format="x", mime="x/x", bytes=1, sha256="0" * 64, duration_s=seconds)


def test_a_piece_carries_all_operations_wanted_on_it() -> None:
    (item,) = plan(facts(MediaKind.VIDEO, 10), (), Options(), DETECTORS, max_items=40)
    assert item.operations == (Operation.SYNTHETIC_VIDEO, Operation.TEMPORAL_COHERENCE)
    assert item.detector == "video"


def test_pieces_of_different_kinds_are_different_items() -> None:
    items = plan(facts(MediaKind.IMAGE), (), Options(), DETECTORS, max_items=40)
    assert [(item.id, item.detector) for item in items] == [("image-0", "image"), ("file-0", "file")]


def test_what_does_not_apply_is_not_planned() -> None:
    assert plan(facts(MediaKind.AUDIO), (), Options(), DETECTORS, max_items=40) == ()
    lips = plan(facts(MediaKind.IMAGE), (Operation.LIP_SYNC,), Options(), DETECTORS, max_items=40)
    assert lips == ()


@given(
    seconds=st.floats(0.1, 20_000),
    start=st.floats(0, 10_000) | st.none(),
    end=st.floats(0.1, 20_000) | st.none(),
    longest=st.floats(0.1, 5_000) | st.none(),
    most=st.integers(1, 60),
)
def test_windows_cover_the_wanted_stretch_once(
    seconds: float, start: float | None, end: float | None, longest: float | None, most: int
) -> None:
    options = Options(start_s=start, end_s=end, max_video_s=longest)
    items = plan(facts(MediaKind.VIDEO, seconds), (), options, DETECTORS, max_items=most)
    assert 1 <= len(items) <= most
    assert len({item.id for item in items}) == len(items)
    windows = [item.window for item in items if item.window]
    if not windows:
        assert len(items) == 1
        return
    first, last = start or 0.0, min(end or seconds, seconds, (start or 0.0) + (longest or seconds))
    assert windows[0].start_s == pytest.approx(first, abs=0.001)
    assert windows[-1].end_s == pytest.approx(last, abs=0.001)
    assert all(a.end_s == b.start_s for a, b in pairwise(windows))
    if len(windows) > 1:
        assert min(w.end_s - w.start_s for w in windows) >= MIN_WINDOW_S - 0.01


def test_the_catalogue_names_detectors_for_every_kind() -> None:
    for kind in MediaKind:
        assert default_operations(kind, catalogue()), kind
    for entry in catalogue():
        Operation(entry["operation"])


def test_cost_is_the_sum_of_its_parts_and_grows_with_work() -> None:
    one = cost.estimate([Usage(function="f", seconds=1, memory_mb=1024)], items=1, fetched=False)
    assert one["total"] == pytest.approx(sum(v for k, v in one.items() if k != "total"), abs=1e-8)
    assert one["compute"] == pytest.approx(cost.PRICES["lambda_gb_second"], abs=1e-9)
    more = cost.estimate([Usage(function="f", seconds=1, memory_mb=1024)], items=40, fetched=True)
    assert more["transitions"] > one["transitions"] and more["total"] > one["total"]


SPEECH, SPLICE, FORENSICS = Operation.SYNTHETIC_SPEECH, Operation.AUDIO_SPLICE, Operation.FILE_FORENSICS
SOUND: list[dict[str, Any]] = [
    {"operation": "synthetic_speech", "kind": "audio", "media_kinds": ["audio", "video"]},
    {"operation": "audio_splice", "kind": "audio", "media_kinds": ["audio"]},
    {"operation": "file_forensics", "kind": "audio", "media_kinds": ["audio"]},
    {"operation": "transcription", "kind": "text", "media_kinds": ["audio", "video"]},
]


def recording(channels: int | None, seconds: float = 60.0, kind: MediaKind = MediaKind.AUDIO) -> MediaFacts:
    track = Track(index=0, type="audio", codec="mp3", channels=channels)
    return facts(kind, seconds).model_copy(update={"tracks": (track,)})


@pytest.mark.rows("PHX-4", "PHX-11")
def test_every_channel_is_a_piece_and_the_whole_another() -> None:
    items = plan(recording(2), (), Options(), SOUND, max_items=40)
    assert [(item.id, item.channel, item.operations) for item in items] == [
        ("audio-0", None, (FORENSICS,)),
        ("audio-1", 0, (SPEECH, SPLICE)),
        ("audio-2", 1, (SPEECH, SPLICE)),
    ]


@pytest.mark.parametrize(
    ("channels", "options", "expected"),
    [
        (1, {}, [0]),
        (2, {"mix_channels": True}, [None]),
        (2, {"mix_channels": True, "channels": (1,)}, [None]),
        (8, {"channels": (5, 1, 5)}, [1, 5]),
        (2, {"channels": (7,)}, [7]),
        (24, {}, list(range(24))),
        (1000, {}, list(range(64))),
        (None, {}, [None]),
    ],
)
@pytest.mark.rows("PHX-11", "PHX-12", "PHX-18")
def test_channels(channels: int | None, options: dict[str, Any], expected: list[int | None]) -> None:
    items = plan(recording(channels), (SPEECH,), Options.model_validate(options), SOUND, max_items=40)
    assert [item.channel for item in items] == expected


def test_one_channel_is_one_piece_for_all() -> None:
    (item,) = plan(recording(1), (), Options(), SOUND, max_items=40)
    assert item.operations == (SPEECH, SPLICE, FORENSICS)


def test_the_sound_of_a_film() -> None:
    items = plan(recording(2, kind=MediaKind.VIDEO), (), Options(), SOUND + DETECTORS, max_items=40)
    assert [(item.detector, item.channel) for item in items] == [("audio", 0), ("audio", 1), ("video", None)]


def test_long_sound_is_cut() -> None:
    hours = plan(recording(2, 3 * 3600), (SPEECH,), Options(start_s=600), SOUND, max_items=4)
    assert [item.channel for item in hours] == [0] * 6 + [1] * 6
    first = [item.window for item in hours[:6]]
    assert first[0] is not None and first[0].start_s == 600
    assert all(a and b and a.end_s == b.start_s for a, b in pairwise(first))
    assert all(window and window.end_s - window.start_s <= 1800 for window in first)
    assert len(plan(recording(1, 1800), (SPEECH,), Options(), SOUND, max_items=4)) == 1


def test_text_is_for_those_who_ask() -> None:
    assert Operation.TRANSCRIPTION not in default_operations(MediaKind.AUDIO, SOUND)
    (item,) = plan(recording(2), (Operation.TRANSCRIPTION,), Options(), SOUND, max_items=40)
    assert (item.id, item.detector, item.channel) == ("text-0", "text", None)
