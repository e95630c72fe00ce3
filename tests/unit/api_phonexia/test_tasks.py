"""Tasks are begun and watched in the vendor's words; a bad request gets the vendor's error."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bonafide import ids, media
from bonafide.errors import StorageFull, Unavailable
from bonafide.ids import new_id
from bonafide.model import Operation
from bonafide.store import analyses

from tests.helpers.aws import Aws
from tests.helpers.rooms import Clock
from tests.unit.api_phonexia.conftest import PATH, Api, form

EVERY = (Operation.SYNTHETIC_SPEECH, Operation.AUDIO_REPLAY, Operation.AUDIO_SPLICE)


def begin(api: Api, query: str = "", *parts: Any, **more: Any) -> Any:
    answer = api("POST", PATH + (f"?{query}" if query else ""), **form(*parts), **more)
    assert answer.status == 202, answer.body
    return analyses.get("acme", ids.from_uuid(answer.json["task"]["task_id"], "an"))


def refused(api: Api, query: str) -> list[str]:
    answer = api("POST", f"{PATH}?{query}", **form())
    assert (answer.status, answer.json["type"], answer.json["message"]) == (
        422,
        "request.validation-error",
        "Request validation error.",
    )
    (entry,) = answer.json["detail"]
    assert set(entry) == {"location", "message", "type", "context"}
    return list(entry["location"])


# ---- beginning ---------------------------------------------------------------------------------------


def test_a_task_is_begun(api: Api, aws: Aws) -> None:
    answer = api("POST", PATH, **form())
    assert answer.status == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"task": {"task_id": answer.json["task"]["task_id"], "state": "pending"}}
    assert uuid.UUID(answer.json["task"]["task_id"]).version == 4
    where = answer.headers["location"]
    assert where.endswith(f"{PATH}/{answer.json['task']['task_id']}") and where.startswith("https://")
    assert answer.headers["x-location"] == where
    assert int(answer.headers["retry-after"]) > 0
    made = analyses.get("acme", ids.from_uuid(answer.json["task"]["task_id"], "an"))
    assert made is not None and made.dialect == "phonexia"
    assert (made.operations, made.source.filename) == (EVERY, "call.wav")
    assert made.media_ref is not None
    stored = aws.client("s3").get_object(Bucket=aws.bucket, Key=made.media_ref.key)
    assert stored["Body"].read() == b"RIFF....WAVE"


def test_the_path_however_the_gateway_tells_it(api: Api) -> None:
    for path in (
        PATH,
        PATH.removeprefix("/api"),
        PATH.removeprefix("/api/technology"),
        "/" + PATH,
        PATH + "/",
    ):
        answer = api("POST", path, **form())
        assert answer.status == 202, path
        assert f"{PATH}/" in answer.headers["location"]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {}),
        ("channel_mode=split&from_time=0", {}),
        ("channel_mode=mix&channels=0,2", {"mix_channels": True, "channels": (0, 2)}),
        ("channels=1&channels=0", {"channels": (0, 1)}),
        ("channels=", {}),
        ("from_time=1.5&to_time=10", {"start_s": 1.5, "end_s": 10.0}),
        ("start=1.5&end=10", {"start_s": 1.5, "end_s": 10.0}),
        ("start_time=2&end_time=1e1", {"start_s": 2.0, "end_s": 10.0}),
        ("from_time=3&start=3", {"start_s": 3.0}),
    ],
)
def test_what_is_asked_reaches_the_analysis(api: Api, query: str, options: dict[str, Any]) -> None:
    made = begin(api, query).options
    plain = {"start_s": None, "end_s": None, "channels": None, "mix_channels": False} | options
    assert {name: getattr(made, name) for name in plain} == plain


@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ("operations=replay_attack_detection", EVERY[1:2]),
        ("operations=audio_manipulation_detection,deepfake_detection", EVERY[::2]),
        ("operations=deepfake_detection&operations=replay_attack_detection", EVERY[:2]),
        ("operations%5B%5D=deepfake_detection", EVERY[:1]),
    ],
)
def test_operations_repeated_or_with_commas(api: Api, query: str, operations: tuple[Operation, ...]) -> None:
    assert begin(api, query).operations == operations


@pytest.mark.parametrize(("text", "value"), [("True", True), ("true", True), ("1", True), ("False", False)])
def test_raw_segmentation_in_every_spelling(api: Api, text: str, value: bool) -> None:
    assert begin(api, f"raw_segmentation={text}").echo["raw_segmentation"] is value


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("channel_mode=stereo", "channel_mode"),
        ("channels=a", "channels"),
        ("channels=-1", "channels"),
        ("channels=" + ",".join(map(str, range(65))), "channels"),
        ("from_time=-1", "from_time"),
        ("start=x", "start"),
        ("from_time=nan", "from_time"),
        ("from_time=1e99999", "from_time"),
        ("from_time=5&to_time=5", "to_time"),
        ("to_time=0", "to_time"),
        ("end=1&start=2", "end"),
        ("from_time=1&start=2", "from_time"),
        ("operations=", "operations"),
        ("operations=transcription", "operations"),
        ("raw_segmentation=maybe", "raw_segmentation"),
    ],
)
def test_a_bad_value_is_pointed_to_as_it_was_written(api: Api, query: str, name: str) -> None:
    assert refused(api, query) == ["query", name]


def test_config_is_read_and_its_unknown_keys_are_ignored_aloud(api: Api) -> None:
    answer = api("POST", PATH, **form(("file", b"x", "a"), ("config", '{"Foo": 1, "b\\u00e4": 2}')))
    assert answer.status == 202
    assert answer.headers["warning"] == '299 - "Ignored: config.Foo, config.b?"'
    assert "warning" not in api("POST", PATH, **form(("file", b"x", "a"), ("config", "{}"))).headers


def test_an_unknown_parameter_is_ignored_aloud(api: Api) -> None:
    assert "chanels" in api("POST", PATH + "?chanels=1", **form()).headers["warning"]


@pytest.mark.parametrize(
    ("config", "status"), [("{", 400), ("NaN", 400), (b"\xff\xfe", 400), ("[]", 422), ("1", 422)]
)
def test_a_config_that_is_none(api: Api, config: Any, status: int) -> None:
    answer = api("POST", PATH, **form(("file", b"x", "a"), ("config", config)))
    assert answer.status == status
    if status == 400:
        assert answer.json == {"type": "request.invalid", "message": "Invalid request.", "detail": []}
    else:
        assert answer.json["detail"][0]["location"] == ["body", "config"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        ("text/plain", b"x"),
    ],
)
def test_what_cannot_be_parsed_is_400(api: Api, kind: str, body: bytes) -> None:
    answer = api("POST", PATH, body=body, headers={"Content-Type": kind})
    assert answer.status == 400
    assert answer.json == {"type": "request.invalid", "message": "Invalid request.", "detail": []}
    assert api("POST", PATH).status == 400


@pytest.mark.parametrize("parts", [(("config", "{}"),), (("file", b"", "a"),), (("other", b"x", "a"),)])
def test_a_form_without_a_file_is_422(api: Api, parts: Any) -> None:
    answer = api("POST", PATH, **form(*parts))
    assert (answer.status, answer.json["detail"][0]["location"]) == (422, ["body", "file"])


def test_an_upload_or_a_url_may_stand_in_for_the_file(api: Api, clock: Clock) -> None:
    from bonafide import ingest

    ticket = ingest.new_upload("acme", size=3, sha256=None, filename="a.wav", now=clock.now(), new_id=new_id)
    media.put(media.upload_key("acme", ticket.upload_id), b"abc")
    assert begin(api, "", ("upload_id", ticket.upload_id)).source.type == "upload"
    assert begin(api, "", ("url", "https://example.org/a.wav")).source.url == "https://example.org/a.wav"
    both = api("POST", PATH, **form(("url", "https://example.org/"), ("upload_id", "up_1")))
    assert both.status == 422
    assert api("POST", PATH, **form(("url", "http://10.0.0.1/"))).json["type"] == "request.validation-error"
    assert api("POST", PATH, **form(("upload_id", "up_0"))).status == 404


def test_too_large_names_the_way_round(api: Api, aws: Aws) -> None:
    aws.use("api_phonexia", INLINE_LIMIT_BYTES="1000")
    answer = api("POST", PATH, **form(("file", bytes(1001), "a.wav")))
    assert answer.status == 413
    first, second = answer.json["detail"]
    assert first == {
        "location": ["body", "file"],
        "message": "Input media file too large.",
        "type": "media.too-large",
        "context": {"file_size": 1001, "max_file_size": 1000, "size_unit": "bytes"},
    }
    assert "/v1/uploads" in second["message"]
    assert second["context"] == {"max_file_size": 524288000, "size_unit": "bytes"}


@pytest.mark.parametrize(("size", "most"), [(1048576000, 524288000), (524288000, 4500000)])
def test_the_vendors_own_limit_and_ours(phonexia: Any, size: int, most: int) -> None:
    first, *rest = phonexia("routes").too_large(size).errors
    assert first["context"] == {"file_size": size, "max_file_size": most, "size_unit": "bytes"}
    assert bool(rest) == (size <= 524288000), "beyond the vendor's limit there is no way round"


# ---- watching ----------------------------------------------------------------------------------------


def test_a_task_is_watched(api: Api) -> None:
    made = begin(api)
    answer = api("GET", f"{PATH}/{ids.to_uuid(made.id)}")
    assert (answer.status, answer.json) == (
        200,
        {"task": {"task_id": ids.to_uuid(made.id), "state": "pending"}},
    )
    assert int(answer.headers["retry-after"]) > 0
    assert api("GET", f"{PATH}/{ids.to_uuid(made.id).upper()}").status == 200
    assert api("HEAD", f"{PATH}/{ids.to_uuid(made.id)}").body == b""


def test_what_is_not_there_is_404(api: Api, clock: Clock) -> None:
    from bonafide import erasure, ingest

    native = ingest.create(ingest.NewAnalysis("acme", inline=b"x"), now=clock.now(), new_id=new_id)
    erased = begin(api)
    erasure.delete_analysis("acme", erased.id, now=clock.now())
    own = begin(api)
    for task_id in (
        str(uuid.uuid4()),
        "nonsense",
        str(uuid.uuid1()),
        *map(ids.to_uuid, (native.id, erased.id)),
    ):
        answer = api("GET", f"{PATH}/{task_id}")
        assert answer.status == 404
        assert answer.json == {"type": "resource.not-found", "message": "Resource not found.", "detail": []}
    assert api("GET", f"{PATH}/{ids.to_uuid(own.id)}", tenant="other").status == 404


# ---- errors ------------------------------------------------------------------------------------------


def test_unknown_paths_and_methods(api: Api) -> None:
    assert api("GET", "/api/technology/other").json["type"] == "resource.not-found"
    answer = api("PUT", PATH, body=b"x")
    assert (answer.status, answer.json["type"], answer.json["message"]) == (
        405,
        "method.invalid",
        "Method not allowed.",
    )
    assert answer.headers["allow"] == "POST"


def test_who_says_nothing_is_401_and_who_may_not_is_403(api: Api) -> None:
    answer = api("POST", PATH, authorizer={"reason": "missing_credentials"}, **form())
    assert (answer.status, answer.json["type"]) == (401, "request.forbidden")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json["detail"][0]["location"] == ["header", "Authorization"]
    answer = api("POST", PATH, scopes="analyses:read", **form())
    assert (answer.status, answer.json["type"]) == (403, "request.forbidden")
    assert answer.json["message"] == "Request is forbidden."
    assert answer.json["detail"][0]["type"] == "authorization.insufficient-scope"


@pytest.mark.parametrize(
    ("error", "status", "kind", "message"),
    [
        (StorageFull("full"), 507, "storage.capacity-exceeded", "Storage capacity exceeded."),
        (Unavailable("secret words"), 500, "internal", "Internal error."),
        (RuntimeError("secret words"), 500, "internal", "Internal error."),
    ],
)
def test_what_breaks_inside(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, kind: str, message: str
) -> None:
    def broken(*_arguments: Any, **_more: Any) -> None:
        raise error

    monkeypatch.setattr("bonafide.ingest.create", broken)
    answer = api("POST", PATH, **form())
    assert (answer.status, answer.json) == (status, {"type": kind, "message": message, "detail": []})
    assert ("retry-after" in answer.headers) == isinstance(error, Unavailable)


def test_request_ids_are_echoed_or_made(api: Api) -> None:
    sent = {"X-Request-Id": "r-1", "X-Correlation-Id": "c-1"}
    for target in (PATH + "/x", "/api/technology/none"):
        answer = api("GET", target, headers=sent)
        assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("r-1", "c-1")
        made = api("GET", target)
        assert made.headers["x-request-id"] and made.headers["x-correlation-id"]
