"""Known media in the embedded cloud: real roles, real conditional writes, real batch reads."""

from __future__ import annotations

from tests.helpers.cloud import Api, Cloud
from tests.helpers.media import jpeg
from tests.workflow.test_known_media import smaller

WISH = {"operations": "known_fake_search"}


def test_a_copy_of_a_registered_picture_is_known_to_its_tenant_only(cloud: Cloud, api: Api) -> None:
    first = api.finished(api.inline(jpeg(seed=5), "a.jpg", **WISH))
    assert first["results"][0]["reason"] == "no_known_match"
    said = {"verdict": "known_fake", "title": "The flood", "url": "https://example.org/1", "reason": "Made."}
    made = api("POST", "/v1/known-media", json={"analysis_id": first["id"], **said})
    assert made.status == 201, made.body

    copy = api.finished(api.inline(smaller(jpeg(seed=5)), "b.jpg", **WISH))
    (result,) = copy["results"]
    assert said.items() <= result["evidence"]["details"]["matches"][made.json["id"]].items()
    assert (result["outcome"], result["verdict"]) == ("scored", "manipulated")

    stranger = cloud.tenant()
    other = stranger.finished(stranger.inline(smaller(jpeg(seed=5)), "b.jpg", **WISH))
    assert other["results"][0]["reason"] == "no_known_match"
    assert stranger("GET", f"/v1/known-media/{made.json['id']}").status == 404

    assert api("DELETE", f"/v1/known-media/{made.json['id']}").status == 204
    again = api.finished(api.inline(jpeg(seed=5), "c.jpg", **WISH))
    assert again["results"][0]["reason"] == "no_known_match"
