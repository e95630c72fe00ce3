"""Plans: so many jobs at once, the others queued in their order, never refused (VER-74 … VER-78)."""

from __future__ import annotations

import pytest
from bonafide import slots
from bonafide.store import tenants
from bonafide.tenants import Plan, Tenant

from tests.helpers.rooms import Clock
from tests.unit.api_veriplus.conftest import Api
from tests.unit.api_veriplus.words import GENUINE, IMAGE, V4, VIDEO, finish, own_id, sent

rows = pytest.mark.rows


def post(api: Api, path: str = VIDEO) -> tuple[str, str]:
    answer = api("POST", path, **sent(path, Prefer="respond-async"))
    assert answer.status == 202, answer.body
    return answer.json["data"]["jobId"], answer.json["data"]["status"]


def status(api: Api, job_id: str) -> str:
    return str(api("GET", f"{V4}/jobs/{job_id}").json["data"]["status"])


@rows("VER-74", "VER-75", "X-11")
@pytest.mark.parametrize(("plan", "limit"), [("BASIC", 3), ("PROFESSIONAL", 10), ("ENTERPRISE", 50)])
def test_jobs_over_the_limit_are_queued(fresh: Api, clock: Clock, plan: str, limit: int) -> None:
    tenants.put(Tenant(id="acme", plan=Plan(plan)), now=clock.now())
    told = [post(fresh, IMAGE)[1] for _ in range(limit + 2)]
    assert told == ["PROCESSING"] * limit + ["QUEUED"] * 2
    listed = fresh("GET", f"{V4}/jobs?status=QUEUED").json["data"]
    assert len(listed) == 2 and {one["status"] for one in listed} == {"QUEUED"}


@rows("VER-74", "VER-75", "VER-76", "VER-78")
def test_a_fresh_install_has_a_free_tenant_with_one_job(fresh: Api) -> None:
    """Nobody described the tenant; no credit card either. The oldest that waits is next."""
    jobs = [post(fresh, path)[0] for path in (VIDEO, IMAGE, VIDEO, IMAGE)]
    for n, job_id in enumerate(jobs):
        rest = [status(fresh, one) for one in jobs[n:]]
        assert rest == ["PROCESSING"] + ["QUEUED"] * (len(jobs) - n - 1)
        kind = "VIDEO" if "vid" in job_id else "IMAGE"
        finish(own_id(job_id), *GENUINE[kind])
        assert status(fresh, job_id) == "COMPLETED"


@rows("VER-75", "VER-76")
def test_a_synchronous_call_waits_for_a_slot(fresh: Api, clock: Clock) -> None:
    video, _ = post(fresh)
    clock.slept.clear()
    answer = fresh("POST", IMAGE, **sent(IMAGE))
    assert (answer.status, answer.json["data"]["status"]) == (202, "QUEUED")
    assert 24 <= sum(clock.slept) <= 25

    def end(_seconds: float) -> None:
        finish(own_id(video), *GENUINE["VIDEO"])
        finish(own_id(answer.json["data"]["jobId"]), *GENUINE["IMAGE"])
        newest = fresh("GET", f"{V4}/jobs?limit=1").json["data"][0]["jobId"]
        assert slots.holds("acme", own_id(newest)), "its turn has come"
        finish(own_id(newest), *GENUINE["IMAGE"])

    clock.on_sleep = end
    assert fresh("POST", IMAGE, **sent(IMAGE)).status == 200


@rows("VER-75")
def test_a_job_that_fails_makes_room(fresh: Api, clock: Clock) -> None:
    from bonafide import conclude

    first, second = post(fresh)[0], post(fresh)[0]
    conclude.fail("acme", own_id(first), code="execution_lost", detail="x", now=clock.now())
    assert (status(fresh, first), status(fresh, second)) == ("FAILED", "PROCESSING")
