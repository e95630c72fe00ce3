"""Which cameras are enrolled, who sees them, and where their patterns lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bonafide import cameras, shelf
from bonafide.cameras import Camera
from bonafide.errors import BonafideError, Conflict, NotFound
from bonafide.own import Index
from pydantic import ValidationError

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PATTERN = b"\x01" * 256 * 256
IMAGE = ("image", ["synthetic_image"])


def camera(pattern: bytes = PATTERN, **changes: object) -> Camera:
    digest = hashlib.sha256(pattern).hexdigest()
    return Camera.model_validate(
        {"width": 256, "height": 256, "sha256": digest, "pictures": 12, "added_at": NOW} | changes
    )


def test_one_life() -> None:
    known = cameras.enrol({}, "mine", camera())
    assert cameras.enrol(known, "mine", camera(added_at=datetime(2027, 1, 1, tzinfo=UTC))) == known
    shared = cameras.enrol(known, "mine", camera(tenants=("acme",)))
    assert shared["mine"].tenants == ("acme",) and shared["mine"].added_at == NOW
    both = cameras.enrol(known, "other", camera(b"\x02"))
    assert sorted(both) == ["mine", "other"]
    assert cameras.withdraw(both, "other") == known


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda known: cameras.enrol(known, "mine", camera(b"\x02")), Conflict),
        (lambda known: cameras.enrol(known, "again", camera()), Conflict),
        (lambda known: cameras.withdraw(known, "nobody"), NotFound),
    ],
    ids=["another pattern", "another name", "unknown"],
)
def test_what_is_refused(change: Callable[[dict[str, Camera]], object], error: type[BonafideError]) -> None:
    with pytest.raises(error):
        change({"mine": camera()})


def test_there_is_an_end_to_how_many() -> None:
    known = {f"c{number}": camera(bytes([number])) for number in range(cameras.MOST)}
    with pytest.raises(Conflict, match="remove one"):
        cameras.enrol(known, "late", camera())


@pytest.mark.parametrize("wrong", [{"width": 0}, {"sha256": "../x"}, {"pictures": 0}, {"serial": "1"}])
def test_what_is_no_camera(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        camera(**wrong)


def test_a_tenant_sees_its_own_and_what_is_for_all() -> None:
    known = {
        "all": camera(),
        "acme": camera(b"\x02", tenants=("acme",)),
        "b": camera(b"\x03", tenants=("b",)),
    }
    assert sorted(cameras.seen_by(known, "acme")) == ["acme", "all"]
    assert sorted(cameras.seen_by(known, None)) == ["all"]


@pytest.fixture
def aws(aws: Aws) -> Aws:
    aws.use("detect_image")
    return aws


def enrolled(aws: Aws, **changes: object) -> Index:
    one = camera(**changes)
    shelf.put_pattern("mine", one, PATTERN)
    return shelf.write(lambda index: index.with_cameras(cameras.enrol(index.cameras, "mine", one)))


def test_patterns_come_down_once_and_name_no_tenant(aws: Aws) -> None:
    index = enrolled(aws, tenants=("acme", "zeta"))
    place = shelf.folders(shelf.read(), *IMAGE, "acme")
    assert place and place == shelf.folders(index, *IMAGE, "acme")
    text = Path(place, "cameras", "cameras.json").read_text()
    assert "zeta" not in text
    assert Path(place, "cameras", f"{json.loads(text)['mine']['sha256']}.pattern").read_bytes() == PATTERN


def test_a_pattern_that_is_gone_is_left_out(aws: Aws) -> None:
    index = enrolled(aws)
    shelf.erase_patterns("mine")
    place = shelf.folders(index, *IMAGE, "acme")
    assert place and [path.name for path in Path(place, "cameras").iterdir()] == ["cameras.json"]


def test_nothing_is_brought_for_others(aws: Aws) -> None:
    index = enrolled(aws, tenants=("acme",))
    assert shelf.folders(index, *IMAGE, "other") is None and shelf.folders(index, *IMAGE) is None
    assert shelf.folders(index, "image", ["image_forgery"], "acme") is None
    assert shelf.folders(index, "video", ["synthetic_image"], "acme") is None


def test_an_erased_pattern_leaves_no_version(aws: Aws) -> None:
    enrolled(aws)
    enrolled(aws)
    shelf.erase_patterns("mine")
    shelf.erase_patterns("mine")
    left = aws.client("s3").list_object_versions(Bucket=aws["ModelsBucket"], Prefix="cameras/")
    assert not left.get("Versions") and not left.get("DeleteMarkers")
