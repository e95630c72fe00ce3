"""A camera of the owner's in the embedded cloud: real commands of make, real roles, real functions."""

from __future__ import annotations

from pathlib import Path

from tests.cloud.test_own_models import own
from tests.helpers import cameras
from tests.helpers.cloud import Api, Cloud

WISH = {"operations": "synthetic_image"}


def test_enrolled_matched_gone(cloud: Cloud, api: Api, tmp_path: Path) -> None:
    data, mine = str(cameras.folder(tmp_path / "pictures", 5)), cameras.shot(70, 5)
    assert "12 of 12 pictures" in own(cloud, "ownmodels", "camera-add", NAME="cloud_test", DATA=data)
    try:
        assert "cloud_test" in own(cloud, "ownmodels", "camera-list")
        (found,) = api.finished(api.inline(mine, "a.jpg", **WISH))["results"]
        assert (found["outcome"], found["verdict"]) == ("scored", "genuine")
        assert found["evidence"]["values"]["camera_matched"] == "cloud_test"
        assert sorted(voice["model"] for voice in found["voices"]) == ["sensor_pattern", "synthetic_image"]
        assert "cloud_test" not in str(api("GET", "/v1/models").json)
    finally:
        own(cloud, "ownmodels", "camera-remove", NAME="cloud_test")
    (gone,) = api.finished(api.inline(mine, "b.jpg", **WISH))["results"]
    assert [voice["model"] for voice in gone["voices"]] == ["synthetic_image"]
