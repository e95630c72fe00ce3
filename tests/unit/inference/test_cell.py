"""The cell: every way in which a job can end is a value, and the owner always survives."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bonafide_inference import cell

from tests.unit.inference import hostile_tasks


@pytest.fixture(scope="module")
def hostile() -> Iterator[cell.Cell]:
    one = cell.Cell(hostile_tasks.ALL, preload=("numpy",))
    yield one
    one.close()


def ask(one: cell.Cell, task: str, seconds: float = 5, memory_mb: int = 256, **args: object) -> dict:
    return one.run(task, args, seconds=seconds, memory_mb=memory_mb)


def ended(pid: int, within: float = 5) -> bool:
    try:
        return bool(select.select([os.pidfd_open(pid)], [], [], within)[0])
    except ProcessLookupError:
        return True


def test_json_goes_in_and_comes_out(hostile: cell.Cell) -> None:
    assert ask(hostile, "echo", text="ü", number=1.5) == {"ok": True, "result": {"text": "ü", "number": 1.5}}


def test_large_request_and_answer(hostile: cell.Cell) -> None:
    text = "x" * 2**20
    assert ask(hostile, "echo", text=text)["result"]["text"] == text


def test_unknown_task_is_a_programmers_error(hostile: cell.Cell) -> None:
    with pytest.raises(ValueError, match="unknown task"):
        ask(hostile, "os.system")


@pytest.mark.parametrize("task", ["hang", "sleep"])
def test_time_limit(hostile: cell.Cell, task: str) -> None:
    answer = ask(hostile, task, seconds=0.3)
    assert (answer["ok"], answer["reason"]) == (False, "timed_out")
    assert (
        answer["detail"] == "the time limit was reached"
    )  # by the supervisor, before its owner's patience ends


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("abort", "crashed"),
        ("segfault", "crashed"),
        ("leave", "crashed"),
        ("leave_quietly", "crashed"),
        ("garbage", "crashed"),
        ("nonsense", "crashed"),
        ("flood", "crashed"),
        ("kill_itself", "out_of_memory"),  # indistinguishable from the kernel's killer
        ("complain", "unreadable"),
        ("not_a_number", "unreadable"),
        ("not_json", "unreadable"),
    ],
)
def test_every_end_is_a_value(hostile: cell.Cell, task: str, reason: str) -> None:
    answer = ask(hostile, task)
    assert (answer["ok"], answer["reason"]) == (False, reason)
    assert ask(hostile, "echo", still="here")["ok"]


def test_memory_limit(hostile: cell.Cell) -> None:
    assert ask(hostile, "hoard", memory_mb=256, mb=64) == {"ok": True, "result": 64 * 2**20}
    assert ask(hostile, "hoard", memory_mb=64, mb=256)["reason"] == "out_of_memory"


def test_detail_of_a_crash_has_the_last_words(hostile: cell.Cell) -> None:
    assert "SIGABRT" in ask(hostile, "abort")["detail"]
    assert "goodbye" in ask(hostile, "abort")["detail"]


def test_noise_on_stderr_neither_blocks_nor_escapes(hostile: cell.Cell, capfd: pytest.CaptureFixture) -> None:
    assert ask(hostile, "noise")["result"] == "done"
    assert capfd.readouterr() == ("", "")


def test_no_file_beyond_the_cap(hostile: cell.Cell, tmp_path: Path) -> None:
    assert ask(hostile, "big_file", path=str(tmp_path / "big"))["reason"] == "unreadable"


def test_nothing_of_the_environment_is_inherited(hostile: cell.Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    one = cell.Cell(hostile_tasks.ALL, preload=())
    try:
        assert "AWS_SECRET_ACCESS_KEY" not in ask(one, "environment")["result"]
    finally:
        one.close()


def test_children_of_a_worker_die_with_it(hostile: cell.Cell) -> None:
    assert ended(ask(hostile, "leave_a_child")["result"])


def test_zygote_has_the_decoders_loaded(hostile: cell.Cell) -> None:
    assert ask(hostile, "modules")["result"] is True


def test_a_warm_call_finds_the_same_zygote(hostile: cell.Cell) -> None:
    """About 5 ms on an idle core: what a call saves is the start of an interpreter with its decoders."""
    ask(hostile, "echo")
    first = hostile.pid
    for _ in range(3):
        ask(hostile, "echo")
    assert hostile.pid == first


def test_zygote_is_replaced_when_it_dies(hostile: cell.Cell) -> None:
    ask(hostile, "echo")
    first = hostile.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert ended(first)
    assert ask(hostile, "echo", a=1)["result"] == {"a": 1}
    assert hostile.pid != first


def test_zygote_that_dies_under_a_job_is_a_crash_not_a_hang(hostile: cell.Cell) -> None:
    ask(hostile, "echo")
    answers: list[dict] = []
    worker = threading.Thread(target=lambda: answers.append(ask(hostile, "sleep", seconds=20)))
    former = _children(hostile.pid or 0)
    worker.start()
    supervisor = _first_child(hostile.pid or 0, former)
    os.kill(hostile.pid or 0, signal.SIGKILL)
    worker.join(60)
    assert answers[0]["reason"] == "crashed"
    assert ended(supervisor)


def _first_child(pid: int, former: list[int]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in _children(pid):
            if child not in former and _children(child):  # a supervisor that has a worker has taken the job
                return child
    raise AssertionError("the job never started")


def _children(pid: int) -> list[int]:
    """Of a process; none of one that has just ended, as the former job's supervisor does."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_jobs_of_several_threads_run_side_by_side(hostile: cell.Cell) -> None:
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda i=i: answers.append(ask(hostile, "echo", i=i)["result"]["i"]))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == list(range(8))


def test_zygote_ends_with_its_owner() -> None:
    script = (
        "import os\nfrom bonafide_inference import cell\nfrom tests.unit.inference import hostile_tasks\n"
        "one = cell.Cell(hostile_tasks.ALL, preload=())\n"
        "one.run('echo', {}, seconds=5, memory_mb=64)\nprint(one.pid, flush=True)\nos._exit(0)\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=True, timeout=60
    )
    assert ended(int(done.stdout))


def test_zygote_that_cannot_start_is_broken_infrastructure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell.sys, "executable", "/nonexistent/python")
    one = cell.Cell(hostile_tasks.ALL)
    with pytest.raises(cell.CellError):
        one.run("echo", {}, seconds=1, memory_mb=64)


def test_owner_side_imports_no_decoder() -> None:
    script = (
        "import sys, bonafide_inference.cell, bonafide_inference.inspect, bonafide_inference.registry\n"
        "import bonafide_inference.models, bonafide_inference.catalogue\n"
        "print(sorted({'numpy', 'av', 'PIL', 'onnxruntime', 'pikepdf', 'boto3'} & set(sys.modules)))"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.strip() == b"[]"
