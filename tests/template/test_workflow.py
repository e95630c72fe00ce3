"""House rules of the state machine, and of what the template lets it do."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers import template
from tests.template.rules import listed, names, statements

FILE = template.ROOT / "statemachine" / "analysis.asl.json"
States = dict[str, Any]


def breaches(machine: States) -> list[str]:
    """Return what breaks the rules of `shared` style: bounded, retried by name with jitter, caught."""
    wrong = [] if "TimeoutSeconds" in machine else ["the machine has no TimeoutSeconds"]
    for name, state in template.tasks(machine["States"]):
        if state["Type"] in {"Map", "Parallel"} and "Catch" not in state:
            wrong.append(f"{name}: no Catch")
        if state["Type"] == "Map" and not 1 <= state.get("MaxConcurrency", 0) <= 40:
            wrong.append(f"{name}: an inline Map runs 1 to 40 at once")
        if state["Type"] == "Task":
            wrong += [f"{name}: {line}" for line in task_breaches(state)]
    return wrong


def task_breaches(state: States) -> list[str]:
    """Return what breaks the rules of one Task."""
    wrong = [f"no {key}" for key in ("TimeoutSeconds", "Retry", "Catch") if key not in state]
    for retry in state.get("Retry", []):
        wrong += ["Retry: States.ALL"] if "States.ALL" in retry["ErrorEquals"] else []
        wrong += [] if retry.get("JitterStrategy") == "FULL" else ["Retry without jitter"]
        wrong += [f"Retry without {k}" for k in ("MaxAttempts", "MaxDelaySeconds") if k not in retry]
    for catch in state.get("Catch", []):
        wrong += [] if catch.get("ResultPath", "$") != "$" else ["Catch loses the input"]
    return wrong


def test_the_machine_keeps_the_rules() -> None:
    assert breaches(template.definition()) == []


MUTATIONS: list[tuple[str, Callable[[States], Any]]] = [
    ("the machine has no TimeoutSeconds", lambda m: m.pop("TimeoutSeconds")),
    ("DetectItem: no TimeoutSeconds", lambda m: item(m).pop("TimeoutSeconds")),
    ("DetectItem: no Catch", lambda m: item(m).pop("Catch")),
    ("Inspect: no Retry", lambda m: m["States"]["Inspect"].pop("Retry")),
    (
        "Inspect: Retry: States.ALL",
        lambda m: m["States"]["Inspect"]["Retry"][0].update(ErrorEquals=["States.ALL"]),
    ),
    ("Inspect: Retry without jitter", lambda m: m["States"]["Inspect"]["Retry"][0].pop("JitterStrategy")),
    ("Inspect: Catch loses the input", lambda m: m["States"]["Inspect"]["Catch"][0].pop("ResultPath")),
    ("Detect: no Catch", lambda m: m["States"]["Detect"].pop("Catch")),
    ("Detect: an inline Map runs 1 to 40 at once", lambda m: m["States"]["Detect"].pop("MaxConcurrency")),
]


def item(machine: States) -> States:
    found: States = machine["States"]["Detect"]["ItemProcessor"]["States"]["DetectItem"]
    return found


@pytest.mark.parametrize(("says", "change"), MUTATIONS, ids=[says for says, _ in MUTATIONS])
def test_a_broken_machine_is_found(says: str, change: Callable[[States], Any]) -> None:
    machine = copy.deepcopy(template.definition())
    change(machine)
    assert says in breaches(machine)


def test_it_is_short() -> None:
    assert len(FILE.read_text("utf-8").splitlines()) <= 150


def test_every_placeholder_is_filled_and_none_is_left_over() -> None:
    assert template.placeholders(FILE.read_text("utf-8")) == template.substitutions().keys()


def test_every_state_is_reached() -> None:
    machine = template.definition()
    for states, start in [(machine["States"], machine["StartAt"])] + [
        (s["ItemProcessor"]["States"], s["ItemProcessor"]["StartAt"])
        for s in machine["States"].values()
        if "ItemProcessor" in s
    ]:
        text = json.dumps(states)
        aims = {start, *re.findall(r'"(?:Next|Default)": "(\w+)"', text)}
        assert aims == states.keys() | (aims - states.keys() & inner_names(states))


def inner_names(states: States) -> set[str]:
    """Return the names of states inside the Maps of ``states``."""
    return {name for name, _ in template.tasks(states)} - states.keys()


def test_a_task_waits_longer_than_its_function() -> None:
    """Else a function that runs into its own time-out would be started twice."""
    functions = template.functions()
    by_name = {f["Properties"]["FunctionName"]["Fn::Sub"].partition("}-")[2]: f for f in functions.values()}
    for name, state in template.tasks():
        if state["Type"] == "Task":
            for target in invoked(state):
                assert by_name[target]["Properties"]["Timeout"] < state["TimeoutSeconds"], name


def test_all_tasks_together_fit_into_the_machines_time() -> None:
    machine = template.definition()
    assert (
        sum(s["TimeoutSeconds"] for _, s in template.tasks() if s["Type"] == "Task")
        <= machine["TimeoutSeconds"]
    )


def invoked(state: States) -> set[str]:
    """Return the functions (as named after the stack) that a Task may invoke."""
    parameters, filled = state["Parameters"], template.substitutions()
    (placeholder,) = template.placeholders(parameters.get("FunctionName") or parameters["FunctionName.$"])
    value = filled[placeholder]
    if "Fn::GetAtt" in value:
        function = template.expanded()["Resources"][value["Fn::GetAtt"][0]]
        return {function["Properties"]["FunctionName"]["Fn::Sub"].partition("}-")[2]}
    prefix = value["Fn::Sub"].partition("${AWS::StackName}-")[2]
    assert prefix == "detect-"
    return {name.replace("_", "-") for name in template.functions() if name.startswith("detect_")}


def test_the_role_invokes_exactly_what_the_machine_names() -> None:
    named = {target for _, state in template.tasks() if state["Type"] == "Task" for target in invoked(state)}
    ids = {f["Properties"]["FunctionName"]["Fn::Sub"].partition("}-")[2]: f["LogicalId"] for f in functions()}
    granted: set[str] = set()
    for role, statement in statements(template.expanded()):
        if role == "WorkflowRole" and "lambda:InvokeFunction" in listed(statement["Action"]):
            granted |= names(statement["Resource"])
    assert granted == {ids[name] for name in named}


def functions() -> list[dict[str, Any]]:
    return list(template.functions().values())


def test_no_detector_is_known_that_the_words_do_not_know() -> None:
    from typing import get_args

    from bonafide.model import DetectorKind

    assert {n.removeprefix("detect_") for n in template.functions() if n.startswith("detect_")} == set(
        get_args(DetectorKind)
    )


def test_the_dead_executions_rule_watches_this_machine() -> None:
    full = template.expanded()["Resources"]
    patterns = [
        r["Properties"].get("EventPattern", {}) for r in full.values() if r["Type"] == "AWS::Events::Rule"
    ]
    (pattern,) = [p for p in patterns if p.get("source") == ["aws.states"]]
    assert set(pattern["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    name = full["Workflow"]["Properties"]["StateMachineName"]["Fn::Sub"]
    assert pattern["detail"]["stateMachineArn"][0]["Fn::Sub"].endswith(f":stateMachine:{name}")
