"""Lists of URLs an event, and that every end reaches them: ten tries, late registration, twice is once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bonafide import bus, queue
from bonafide.ids import from_uuid
from bonafide.model import MediaKind, Operation
from bonafide.store import analyses, topics
from bonafide.store import webhooks as log
from bonafide.webhooks import OFFSETS_S

from tests.helpers.aws import Aws
from tests.helpers.gateway import Answer, multipart
from tests.helpers.rooms import Clock
from tests.unit.api_sensity.test_tasks import FORM, post, row
from tests.unit.api_sensity.words import facts, scored

Api = Callable[..., Answer]
rows = pytest.mark.rows
VOICE = "/webhooks/voice_analysis_complete"
HOOK = "https://customer.example/hook"
EVENTS = (
    "ai_generated_image_detection_analysis_complete", "data_extraction_analysis_complete",
    "face_manipulation_analysis_complete", "face_matching_analysis_complete", "forensic_analysis_complete",
    "id_document_authentication_analysis_complete", "liveness_detection_analysis_complete",
    "voice_analysis_complete",
)  # fmt: skip


def register(api: Api, url: str = HOOK, path: str = VOICE, **more: Any) -> Answer:
    return api("POST", path, body=f"url={url}", headers=FORM, **more)


class Ends:
    """Ends analyses as the workflow would, and tells them to the function as the bus would."""

    def __init__(self, api: Api, room: Callable[[str], Any], clock: Clock) -> None:
        self.api, self.clock = api, clock
        self.tell = room("events").tell
        self.sent: list[Any] = []

    def __call__(self, task: str = "voice_analysis", *, times: int = 1) -> Any:
        made = row(post(self.api, task, ("file", b"x", "a.wav")))
        analyses.begin_detection(
            "acme", made.id, media=facts(MediaKind.AUDIO, "wav"), items_total=1, now=self.clock.now()
        )
        analyses.finish(
            "acme", made.id, verdict=analyses.FileVerdict(label="manipulated", policy="even"),
            results=(scored(Operation.SYNTHETIC_SPEECH, 0.9),), versions={}, cost_usd=0.0,
            now=self.clock.now(),
        )  # fmt: skip
        ended = analyses.get("acme", made.id)
        assert ended is not None
        for _ in range(times):
            self.tell(bus.finished_event(ended, now=self.clock.now()))
        return ended

    def payloads(self) -> list[tuple[str, Any]]:
        """Return (url, body) of everything that is on its way."""
        found = []
        for message in self.sent:
            due = message["delivery"]
            logged = log.find_delivery(due["tenant"], due["webhook_id"], due["delivery_id"])
            assert logged is not None and logged.url
            found.append((logged.url, json.loads(logged.payload)))
        return found


@pytest.fixture
def ends(api: Api, room: Callable[[str], Any], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Ends:
    made = Ends(api, room, clock)
    monkeypatch.setattr(queue, "send", lambda message, delay_s=0: made.sent.append(message))
    monkeypatch.setattr("bonafide.clock.now", clock.now)
    return made


@rows("SEN-76", "SEN-77", "SEN-78", "SEN-79", "SEN-80", "SEN-81", "SEN-82", "SEN-2", "SEN-1")
@pytest.mark.parametrize("slash", ["/", "//"])
@pytest.mark.parametrize("event", EVENTS)
def test_urls_of_every_event(api: Api, event: str, slash: str) -> None:
    path = f"{slash}webhooks/{event}"
    assert api("GET", path).json == {"success": True, "urls": [], "webhooks": []}
    one, two = register(api, path=path), register(api, HOOK + "2", path=path)
    assert one.status == 200 and set(one.json) == {"id", "success"} and one.json["success"] is True
    listed = api("GET", path).json
    assert set(listed["urls"]) == {HOOK, HOOK + "2"}
    assert {"id": one.json["id"], "url": HOOK} in listed["webhooks"]
    gone = api("DELETE", f"{path}/{two.json['id']}")
    assert (gone.status, gone.json) == (200, {"success": True})
    assert api("GET", path).json["urls"] == [HOOK]
    assert api("DELETE", f"{path}/{two.json['id']}").status == 404
    assert api("DELETE", f"{path}/%7Bid%7D").status == 404
    assert api("DELETE", path).json == {"success": True}
    assert api("GET", path).json["urls"] == []
    assert api("DELETE", path).json == {"success": True}


@rows("SEN-78", "SEN-77", "SEN-34", "X-9")
def test_what_is_not_registered(api: Api) -> None:
    for answer in (
        register(api, "http://customer.example/hook"),  # results are for nobody's ears
        register(api, "https://10.0.0.1/hook"),
        register(api, "string"),
        register(api, ""),
        register(api, "https://a.example/" + "x" * 2048),
        register(api, path="/webhooks/tea_time_complete"),
        api("GET", "/webhooks/tea_time_complete"),
    ):
        assert answer.status == 400 and answer.json["success"] is False and answer.json["error"]
    assert api("POST", VOICE, body={"url": HOOK}).status == 415
    assert register(api, scopes="analyses:write").status == 403
    body, kind = multipart([("url", HOOK)])
    assert api("POST", VOICE, body=body, headers={"Content-Type": kind}).status == 200


@rows("SEN-78", "SEN-79")
def test_the_same_url_twice_is_one_and_there_are_twenty(api: Api) -> None:
    assert register(api).json == register(api).json
    for n in range(topics.MAX_URLS - 1):
        assert register(api, f"{HOOK}/{n}").status == 200
    assert register(api, f"{HOOK}/more").status == 409 and register(api).status == 200
    assert register(api, tenant="acme-2").status == 200
    assert api("GET", VOICE, tenant="acme-2").json["urls"] == [HOOK]


@rows("SEN-83", "SEN-88", "SEN-75", "SEN-32")
def test_an_end_reaches_every_url_of_its_event_and_no_other(api: Api, ends: Ends) -> None:
    register(api)
    register(api, HOOK + "2")
    register(api, path="/webhooks/forensic_analysis_complete")
    register(api, tenant="acme-2")
    ended = ends(times=3)
    told = ends.payloads()
    assert {url for url, _ in told} == {HOOK, HOOK + "2"}
    report = api("GET", f"/tasks/voice_analysis/{told[0][1]['id']}").json
    assert all(body == report for _, body in told) and report["status"] == "completed"
    assert from_uuid(report["id"], "an") == ended.id
    assert not topics.kept("acme", "voice_analysis_complete", now=ends.clock.now(), limit=9)


@rows("SEN-84", "SEN-85")
def test_who_registers_late_is_told(api: Api, ends: Ends) -> None:
    first, second = ends(), ends(times=2)
    assert ends.sent == []
    ends.clock.sleep(3600)
    register(api, path="/webhooks/forensic_analysis_complete")
    assert ends.sent == [], "another event"
    register(api)
    assert [from_uuid(body["id"], "an") for _, body in ends.payloads()] == [first.id, second.id]
    register(api, HOOK + "2")
    assert len(ends.sent) == 2, "what was delivered once is not kept"


@rows("SEN-84", "SEN-85")
def test_after_the_ten_tries_of_a_day_it_is_for_polling_only(api: Api, ends: Ends) -> None:
    assert len(OFFSETS_S) == 10
    ended = ends()
    ends.clock.sleep(OFFSETS_S[-1] + 60)
    register(api)
    assert ends.sent == []
    answer = api("GET", f"/tasks/voice_analysis/{row_id(ended)}")
    assert answer.json["result"]["class_name"] == "fake"


@rows("SEN-84", "SEN-36")
def test_what_was_deleted_is_not_told(api: Api, ends: Ends, aws: Aws) -> None:
    ended = ends()
    analyses.mark_deleted("acme", ended.id, now=ends.clock.now())
    register(api)
    assert ends.sent == []
    assert ends.tell(bus.finished_event(ended, now=ends.clock.now())) == {"queued": 0}
    assert topics.kept("acme", "voice_analysis_complete", now=ends.clock.now(), limit=9) == []


@rows("SEN-85", "SEN-86")
def test_many_ends_are_caught_up_with_in_turn(
    api: Api, ends: Ends, room: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room("events"), "CAUGHT_UP", 2)
    made = [ends() for _ in range(3)]
    register(api)
    register(api)
    assert [from_uuid(body["id"], "an") for _, body in ends.payloads()] == [one.id for one in made]
    assert timedelta(seconds=OFFSETS_S[-1]) == room("events").KEPT_FOR


def row_id(ended: Any) -> str:
    from bonafide.ids import to_uuid

    return to_uuid(ended.id)
