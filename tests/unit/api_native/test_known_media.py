"""Known media over /v1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bonafide import known
from bonafide.known import Fingerprint
from bonafide.model import (
    Analysis,
    Evidence,
    Operation,
    OperationResult,
    Outcome,
    Source,
    State,
    Verdict,
)
from bonafide.store import analyses

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer
from tests.helpers.rooms import Clock
from tests.unit.test_known import hash_of

Api = Callable[..., Answer]
FAKE = {"pdq": hash_of(1), "verdict": "known_fake", "title": "A fake"}
PLACE = "/v1/known-media"


def analysed(clock: Clock, *hashes: str, state: State = State.COMPLETED, tenant: str = "acme") -> str:
    """Write a finished analysis that measured ``hashes``."""
    details: Any = {"fingerprints": {"image-0": {"kind": "image", "pdq": list(hashes)}}} if hashes else {}
    result = OperationResult(
        operation=Operation.KNOWN_FAKE_SEARCH, outcome=Outcome.INCONCLUSIVE, verdict=Verdict.INCONCLUSIVE,
        reason="no_known_match", evidence=Evidence(details=details),
    )  # fmt: skip
    made = Analysis(
        id="an_" + "0" * 26, tenant=tenant, state=state, source=Source(type="inline"), created_at=clock.now(),
        results=(result,),
    )  # fmt: skip
    analyses.create(made)
    return made.id


def test_by_hash(api: Api) -> None:
    made = api("POST", PLACE, body=FAKE | {"url": "https://example.org/x", "reason": "Withdrawn."})
    assert made.status == 201
    where = f"{PLACE}/{made.json['id']}"
    assert made.headers["location"].endswith(where)
    assert made.json | {"id": ""} == {
        "object": "known_media", "id": "", "kind": "image", "pdq": [hash_of(1)], "verdict": "known_fake",
        "title": "A fake", "url": "https://example.org/x", "reason": "Withdrawn.", "complete": True,
        "created_at": "2026-11-20T12:00:00Z",
    }  # fmt: skip
    assert api("GET", where).json == made.json
    assert api("GET", PLACE).json["data"] == [made.json]
    assert [api("DELETE", where).status for _ in range(2)] == [204, 204]
    assert api("GET", where).status == 404
    assert api("GET", PLACE).json["data"] == []


def test_by_analysis(api: Api, clock: Clock) -> None:
    wish = {"analysis_id": analysed(clock, hash_of(1)), "verdict": "known_genuine", "title": "Original"}
    made = api("POST", PLACE, body=wish)
    assert (made.status, made.json["pdq"]) == (201, [hash_of(1)])
    hits, _ = known.search("acme", Fingerprint(kind="image", pdq=(hash_of(1),)))
    assert [hit.entry.id for hit in hits] == [made.json["id"]]


def test_it_outlives_the_analysis(api: Api, clock: Clock) -> None:
    analysis = analysed(clock, hash_of(1))
    made = api("POST", PLACE, body={"analysis_id": analysis, "verdict": "known_fake", "title": "t"})
    assert api("DELETE", f"/v1/analyses/{analysis}").status == 200
    assert api("GET", f"{PLACE}/{made.json['id']}").status == 200
    again = api("POST", PLACE, body={"analysis_id": analysis, "verdict": "known_fake", "title": "t"})
    assert (again.status, again.json["code"]) == (410, "gone")


def test_analyses_that_give_no_fingerprint(api: Api, clock: Clock) -> None:
    def ask(analysis: str) -> tuple[int, str]:
        answer = api("POST", PLACE, body={"analysis_id": analysis, "verdict": "known_fake", "title": "t"})
        return answer.status, answer.json["code"]

    assert ask("an_none") == (404, "not_found")
    assert ask(analysed(clock, hash_of(1), tenant="other")) == (404, "not_found")
    assert ask(analysed(clock, state=State.RUNNING)) == (409, "analysis_not_completed")


def test_an_analysis_without_one(api: Api, clock: Clock) -> None:
    wish = {"analysis_id": analysed(clock), "verdict": "known_fake", "title": "t"}
    answer = api("POST", PLACE, body=wish)
    assert (answer.status, answer.json["code"]) == (422, "no_fingerprint")


def test_twice_is_once(api: Api) -> None:
    first = api("POST", PLACE, body=FAKE)
    again = api("POST", PLACE, body=FAKE)
    assert (again.status, again.json) == (201, first.json)
    other = api("POST", PLACE, body=FAKE | {"title": "Another"})
    assert (other.status, other.json["code"]) == (409, "already_known")
    assert len(api("GET", PLACE).json["data"]) == 1


def test_an_idempotency_key(api: Api) -> None:
    keyed = {"headers": {"Idempotency-Key": '"k"'}, "body": FAKE}
    first, again = api("POST", PLACE, **keyed), api("POST", PLACE, **keyed)
    assert again.headers["idempotency-replayed"] == "true" and again.json == first.json
    other = api("POST", PLACE, headers={"Idempotency-Key": '"k"'}, body=FAKE | {"title": "Other"})
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    refused = {"headers": {"Idempotency-Key": '"n"'}, "body": FAKE | {"pdq": "0" * 64}}
    assert api("POST", PLACE, **refused).json["code"] == "degenerate_hash"
    assert api("POST", PLACE, headers={"Idempotency-Key": '"n"'}, body=FAKE).status == 201  # free again


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "/verdict"),
        (FAKE | {"analysis_id": "an_0"}, ""),
        ({"verdict": "known_fake", "title": "t"}, ""),
        (FAKE | {"pdq": "xyz"}, "/pdq"),
        (FAKE | {"pdq": hash_of(1).upper()}, "/pdq"),
        (FAKE | {"verdict": "suspicious"}, "/verdict"),
        (FAKE | {"title": ""}, "/title"),
        (FAKE | {"url": "javascript:alert(1)"}, "/url"),
        (FAKE | {"kind": "audio"}, "/kind"),
        (FAKE | {"tenant": "other"}, "/tenant"),
    ],
)
def test_bad_wishes(api: Api, body: dict[str, Any], where: str) -> None:
    answer = api("POST", PLACE, body=body)
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, where)


def test_foreign_entries_do_not_exist(api: Api) -> None:
    where = f"{PLACE}/{api('POST', PLACE, body=FAKE).json['id']}"
    assert api("GET", where, tenant="other").status == 404
    assert api("GET", PLACE, tenant="other").json["data"] == []
    assert api("DELETE", where, tenant="other").status == 204
    assert api("GET", where).status == 200


def test_pages(api: Api, aws: Aws) -> None:
    for n in range(1, 6):
        api("POST", PLACE, body=FAKE | {"pdq": hash_of(n)})
    seen, cursor = [], ""
    for size in (2, 2, 1):
        page = api("GET", f"{PLACE}?limit=2{cursor}")
        assert len(page.json["data"]) == size
        seen += [one["pdq"][0] for one in page.json["data"]]
        cursor = f"&cursor={page.json['next_cursor']}"
    assert page.json["next_cursor"] is None
    assert sorted(seen) == sorted(hash_of(n) for n in range(1, 6))


def test_it_takes_its_scope(api: Api) -> None:
    for method, target in (("POST", PLACE), ("GET", PLACE), ("GET", PLACE + "/a"), ("DELETE", PLACE + "/a")):
        answer = api(method, target, body=FAKE if method == "POST" else None, scopes="analyses:write tokens")
        assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    assert api("POST", PLACE, body=FAKE, scopes="known-media").status == 201
