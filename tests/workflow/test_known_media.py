"""Known media through the real ASL: register what an analysis measured, and meet it again."""

from __future__ import annotations

import io

from bonafide.ids import new_id
from PIL import Image

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer, event
from tests.helpers.media import jpeg
from tests.workflow.test_analysis import begin, end


def ask(aws: Aws, method: str, target: str, body: object = None) -> Answer:
    return Answer.of(aws.invoke("api_native", event(method, target, body=body)))


def smaller(data: bytes) -> bytes:
    """Return the picture at 60 %, mirrored, saved at quality 50."""
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(data))
    picture = picture.resize((picture.width * 6 // 10, picture.height * 6 // 10))
    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(out, "JPEG", quality=50)
    return out.getvalue()


def test_a_smaller_mirrored_copy_of_a_registered_picture_is_known(aws_running: Aws) -> None:
    wish = {"operations": ("known_fake_search",)}
    _, first = end(aws_running, begin(aws_running, inline=jpeg(seed=3), **wish))
    (result,) = first.results
    assert (result.outcome, result.reason) == ("inconclusive", "no_known_match")

    said = {"verdict": "known_fake", "title": "The flood", "url": "https://example.org/1", "reason": "Made."}
    made = ask(aws_running, "POST", "/v1/known-media", {"analysis_id": first.id, **said})
    assert made.status == 201

    _, copy = end(aws_running, begin(aws_running, inline=smaller(jpeg(seed=3)), **wish))
    (result,) = copy.results
    match = result.evidence.details["matches"][made.json["id"]]
    assert said.items() <= match.items()
    assert match["similarity"] > 0.92 and match["turned"] == "mirrored"
    assert result.outcome == "scored" and result.verdict == "manipulated"
    assert copy.verdict.label == "manipulated" and copy.verdict.decided_by == "known_fake_search"

    _, other = end(aws_running, begin(aws_running, inline=jpeg(seed=4), **wish))
    assert other.results[0].reason == "no_known_match"

    assert ask(aws_running, "DELETE", f"/v1/known-media/{made.json['id']}").status == 204
    _, forgotten = end(aws_running, begin(aws_running, inline=jpeg(seed=3), **wish))
    assert forgotten.results[0].reason == "no_known_match"
    assert new_id("km") > made.json["id"]
