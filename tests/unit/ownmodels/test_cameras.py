"""A folder of pictures becomes an enrolled camera, or is refused with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bonafide_inference.sensor import SIDE

from ownmodels import enrol
from ownmodels.__main__ import main
from ownmodels.folder import Refused
from tests.helpers import cameras
from tests.helpers.media import png

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MAKE, MODEL, SERIAL, WIDTH, HEIGHT = 0x010F, 0x0110, 0xA431, 0xA002, 0xA003
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cameras.folder(tmp_path_factory.mktemp("pictures"), 5)


def copied(pictures: Path, target: Path) -> Path:
    target.mkdir()
    for path in pictures.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def test_a_camera_is_measured_and_the_same_again(pictures: Path) -> None:
    one, again = (enrol.enrol(pictures, tenants=("b", "a", "b"), now=NOW) for _ in range(2))
    assert one == again
    assert (one.camera.width, one.camera.height, one.camera.pictures) == (384, 288, 12)
    assert one.camera.tenants == ("a", "b") and one.strangers == ()
    assert one.camera.figures["bearing"] == 12
    assert one.camera.figures["pce_median"] >= one.camera.figures["pce_least"] > 60
    assert len(one.pattern) == 384 * 288 <= SIDE * SIDE


def test_a_stranger_is_named(pictures: Path, tmp_path: Path) -> None:
    place = copied(pictures, tmp_path / "p")
    (place / "05.jpg").write_bytes(cameras.shot(5, 6))
    made = enrol.enrol(place, now=NOW)
    assert made.strangers == ("05.jpg",) and made.camera.figures["bearing"] == 11


def test_pictures_are_taken_as_stored(pictures: Path, tmp_path: Path) -> None:
    """A camera that is held upright stores the same lines and says how to turn them."""
    place = copied(pictures, tmp_path / "p")
    for number in range(0, 12, 2):
        (place / f"{number:02}.jpg").write_bytes(cameras.shot(number, 5, exif={0x0112: 6}))
    made = enrol.enrol(place, now=NOW)
    assert (made.camera.width, made.camera.height) == (384, 288) and made.strangers == ()


def test_at_most_so_many_are_read(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrol, "MOST", 5)
    assert enrol.enrol(pictures, now=NOW).camera.pictures == 4  # every third of twelve


def without(place: Path) -> None:
    for path in sorted(place.iterdir())[3:]:
        path.unlink()


def put(data: bytes, name: str = "05.jpg") -> Change:
    return lambda place: (place / name).write_bytes(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without, "too_few"), (put(png(), "x.png"), "not_a_camera_format"),
        (put(b"words", "notes.txt"), "not_a_camera_format"),
        (put(cameras.shot(5, 5)[:300]), "not_a_camera_format"),
        (put(cameras.shot(5, 5, crop=8)), "mixed_sizes"), (put(cameras.shot(5, 5, turn=1)), "mixed_sizes"),
        (put(cameras.shot(5, 5, exif={WIDTH: 768, HEIGHT: 576})), "resized"),
        (lambda place: [put(cameras.shot(n, 5, exif={MAKE: f"maker {n % 2}"}), f"{n:02}.jpg")(place)
                        for n in range(2)], "mixed_cameras"),
        (lambda place: cameras.folder(place, None), "no_common_pattern"),
        (lambda place: [put(cameras.shot(n, n), f"{n:02}.jpg")(place) for n in range(12)],
         "no_common_pattern"),
        (lambda place: [put(cameras.shot(n, 5, scale=0.5), f"{n:02}.jpg")(place) for n in range(12)],
         "too_small"),
    ],
    ids=["three", "png", "text", "cut off", "cut", "turned", "resized", "two makers", "no sensor",
         "twelve sensors", "small"],
)  # fmt: skip
def test_what_is_refused(pictures: Path, tmp_path: Path, change: Change, reason: str) -> None:
    place = copied(pictures, tmp_path / "p")
    change(place)
    with pytest.raises(Refused) as caught:
        enrol.enrol(place, now=NOW)
    assert caught.value.reason == reason


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        enrol.enrol(tmp_path / "nothing", now=NOW)
    assert caught.value.reason == "no_data"


def test_into_a_folder_without_any_cloud(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "models"
    said = {"NAME": "mine", "DATA": str(pictures), "OUT": str(out)}
    assert main("camera-add", said) == 0 == main("camera-add", said)
    assert "mine  384 x 288  12 of 12 pictures bear the pattern of the others" in capsys.readouterr().out
    index = json.loads((out / "cameras" / "cameras.json").read_text())
    assert list(index) == ["mine"] and len(list((out / "cameras").iterdir())) == 2
    assert main("camera-add", said | {"NAME": "again"}) == 1
    assert "This very pattern is enrolled as mine" in capsys.readouterr().err


@pytest.mark.parametrize("said", [{}, {"NAME": "mine"}, {"NAME": "../x", "DATA": "."}, {"DATA": "."}])
def test_the_usage_is_said(said: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main("camera-add", said) == 1
    assert "make camera-add NAME=" in capsys.readouterr().err
    assert main("camera-remove", {}) == 1
