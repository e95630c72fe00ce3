"""The end of an analysis on the bus: what the event says, and that a dropped one is not taken for sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bonafide import bus
from bonafide.errors import Unavailable
from bonafide.model import Analysis, Failure, FileVerdict, Source, State, Verdict

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ended(state: State, **more: Any) -> Analysis:
    source = Source(type="url", url="https://user.example/secret.jpg", filename="secret.jpg")
    return Analysis(id="an_1", tenant="acme", state=state, source=source, created_at=NOW, **more)


def test_the_event_is_thin_versioned_and_stable() -> None:
    verdict = FileVerdict(label=Verdict.INCONCLUSIVE, policy="default", reason="x")
    analysis = ended(State.COMPLETED, verdict=verdict, completed_at=NOW)
    event = bus.finished_event(analysis, now=NOW)
    assert event == bus.finished_event(analysis, now=datetime.now(UTC))  # told twice, it is the same event
    assert (event["type"], event["schema_version"]) == ("analysis.completed", "1")
    assert event["verdict"] == {"label": "inconclusive", "p_fake": None}
    assert "secret" not in str(event)
    failed = bus.finished_event(
        ended(State.FAILED, failure=Failure(code="empty_file", detail="Nothing in it.")), now=NOW
    )
    assert failed["failure"]["code"] == "empty_file" and failed["event_id"] != event["event_id"]


def test_an_event_that_the_bus_dropped_is_an_error(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """PutEvents answers 200 even when it took nothing."""

    class Dropping:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    aws.use("conclude")
    event = bus.finished_event(ended(State.COMPLETED), now=NOW)
    bus.publish(event)
    monkeypatch.setattr(bus, "client", Dropping)
    with pytest.raises(Unavailable, match="ThrottlingException"):
        bus.publish(event)
