"""What is mended in MiniStack, as pure functions; on the running cloud in tests/cloud/test_localcloud.py."""

from __future__ import annotations

import json
from typing import Any

from localcloud.gaps import event_conditions, with_any_methods, with_one_metric


def test_any_is_spelt_as_a_method_and_the_rest_stays() -> None:
    spec: dict[str, Any] = {
        "info": {"title": "t"},
        "paths": {"/a": {"x-amazon-apigateway-any-method": {"x": 1}, "get": {"y": 2}}, "/b": {}},
    }
    assert with_any_methods(spec) == {
        "info": {"title": "t"},
        "paths": {"/a": {"any": {"x": 1}, "get": {"y": 2}}, "/b": {}},
    }
    assert "x-amazon-apigateway-any-method" in spec["paths"]["/a"]


def test_events_say_their_source() -> None:
    one = {"Source": "bonafide", "DetailType": "analysis.completed"}
    assert event_conditions(json.dumps({"Entries": [one, one]}).encode()) == {
        "events:source": "bonafide",
        "events:detail-type": "analysis.completed",
    }


def test_entries_that_differ_are_all_named() -> None:
    body = {"Entries": [{"Source": "b", "DetailType": "x"}, {"Source": "a", "DetailType": "x"}]}
    assert event_conditions(json.dumps(body).encode())["events:source"] == ["a", "b"]
    assert event_conditions(b"") == {}


def test_an_alarm_over_an_expression_watches_its_first_metric() -> None:
    plain = {"MetricName": "Errors", "Namespace": "AWS/Lambda", "Threshold": 1}
    assert with_one_metric(plain) is plain
    stat = {"Stat": "Sum", "Period": 60, "Metric": {"MetricName": "Errors", "Namespace": "AWS/Lambda"}}
    metrics = [{"Id": "all", "Expression": "MAX(METRICS())"}, {"Id": "a", "MetricStat": stat}]
    assert with_one_metric({"Metrics": metrics, "Threshold": 1}) == plain | {"Statistic": "Sum", "Period": 60}
