"""One picture for the operation: what the localisers see, regions labelled; none when all are silent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bonafide.fuse import fuse_operation
from bonafide.model import Finding, Operation, Options, Outcome
from bonafide.policy import policy
from bonafide_inference.heatmap import NAME, with_heatmap
from bonafide_inference.piece import Piece
from bonafide_inference.registry import discover
from PIL import Image

from tests.unit.inference import makers
from tests.unit.inference.forgery import test_onnx_map
from tests.unit.inference.forgery.making import ask, copied, photo, put, with_patch


def drawn(found: dict[str, Finding]) -> list[str]:
    result = fuse_operation(Operation.IMAGE_FORGERY, list(found.values()), policy("default"))
    return [artifact.name for artifact in result.artifacts]


def test_one_picture_for_all_methods_comes_first(tmp_path: Path) -> None:
    """A patch of another history and a copy: each method labels its own region of the one picture."""
    forged, patch = with_patch(60, offset=(3, 5))
    forged.paste(forged.crop((20, 20, 130, 130)), (500, 350))
    found = ask(put(tmp_path / "x.jpg", makers.jpeg(forged, 95, subsampling=2)))
    spoken = {name for name, finding in found.items() if finding.outcome is Outcome.SCORED}
    assert {"jpeg_grid", "moved_copies"} <= spoken
    names = drawn(found)
    assert names[0] == NAME and names.count(NAME) == 1
    result = fuse_operation(Operation.IMAGE_FORGERY, list(found.values()), policy("default"))
    assert {"jpeg_grid", "moved_copies"} <= {region.model for region in result.evidence.regions}
    with Image.open(tmp_path / NAME) as picture:
        assert picture.format == "PNG" and picture.size == (640, 480)
        colours = np.asarray(picture.convert("HSV"), dtype=int)[..., 1]
    left, top, right, bottom = patch
    for box in ((left + 30, top + 30, right - 30, bottom - 30), (520, 370, 590, 440)):
        inside = colours[box[1] : box[3], box[0] : box[2]]
        assert inside.mean() > 60, "what either method sees is coloured"
    assert np.median(colours[:, 140:190]) < 10, "the rest is grey"


def test_nothing_is_drawn_when_all_are_silent_or_no_pictures_are_wanted(tmp_path: Path) -> None:
    innocent = put(tmp_path / "x.png", makers.picture("PNG", photo(seed=31)))
    assert drawn(ask(innocent)) == ["error_level.png"]
    forged = put(tmp_path / "y.jpg", makers.jpeg(copied()[0], 90))
    assert drawn(ask(forged, Options(visualize=False))) == []
    assert drawn(ask(forged))[0] == NAME


def test_who_is_in_shadow_is_not_drawn(tmp_path: Path) -> None:
    assert test_onnx_map.ask(tmp_path, test_onnx_map.red_model()).outcome is Outcome.SCORED
    assert not (tmp_path / NAME).exists()


class Decoded(Piece):
    """A piece that counts how often its picture is asked for, and has one in hand."""

    asked = 0

    def picture(self) -> Image.Image:
        self.asked += 1
        return Image.new("RGB", (3000, 20), "grey")


@pytest.mark.parametrize("heat", [np.ones((1, 1)), np.full((4, 4), np.nan), np.eye(300)])
def test_any_grid_is_drawn_without_decoding_again(tmp_path: Path, heat: np.ndarray) -> None:
    folder = next(one for one in discover(None) if one.manifest.name == "jpeg_grid")
    piece = Decoded("no-file", None, None, Options())  # type: ignore[arg-type]
    piece.maps[folder.path] = heat
    finding = Finding(operation=Operation.IMAGE_FORGERY, outcome=Outcome.SCORED, p_fake=0.9)
    (told,) = with_heatmap([folder], [finding], piece, str(tmp_path))
    assert [artifact.name for artifact in told.artifacts] == [NAME] and piece.asked == 1
    with Image.open(tmp_path / NAME) as picture:
        assert picture.width == 1280
