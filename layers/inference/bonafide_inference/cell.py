"""The killable cell: every line of code that touches hostile bytes runs in it.

A long-lived *zygote* (`python -m bonafide_inference.cell`, a clean exec with a clean environment: no
credentials, no threads of the parent) has the decoders imported already and forks once per job. Each job
is two processes: a *worker* under limits (address space, CPU, file size, no core) and a *supervisor* that
touches no media, holds the stopwatch and reports. JSON goes in and JSON comes out, never pickle: a
subverted worker can lie about its own job, but it cannot run code in its owner.

    handler ──control socket──► zygote ──fork──► supervisor ──fork──► worker
       ▲───────────── one job socket (request, answer) ──────┘◄─ pipes ──┘

The zygote ends when its control socket closes, which is when its owner dies; supervisors and workers end
with it (`PR_SET_PDEATHSIG`). It needs no /dev/shm and no named semaphore, so it works on AWS Lambda.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["TASKS", "Cell", "CellError", "run"]

TASKS: Mapping[str, str] = {
    "inspect": "bonafide_inference.probe:probe_task",
    "run_item": "bonafide_inference.runner:run_item_task",
}
"""What a cell may be asked to run: name → ``module:function``; the function maps a dict to a JSON value."""

PRELOAD: tuple[str, ...] = (
    "numpy", "numpy.fft", "numpy.ma", "av", "PIL.Image", "PIL.ImageDraw", "PIL.ImageFont",
    "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "pikepdf", "bonafide_inference.probe",
    "bonafide_inference.recordings", "bonafide_inference.runner",
)  # fmt: skip
"""Imported once by the zygote, so that a fork finds them warm."""

ANSWER_CAP = 16 * 2**20
"""No answer is longer than this (bytes)."""

GRACE_S = 5.0
"""How much longer than the job's own limit the owner waits for the supervisor's word."""


class CellError(RuntimeError):
    """The cell itself cannot be started: broken infrastructure, not a property of the media."""


class Cell:
    """One zygote and its jobs. Thread-safe; jobs of several threads run side by side.

    Parameters
    ----------
    tasks
        The allow-list; anything else is a ``ValueError``.
    preload
        Modules the zygote imports before the first fork; a missing one is skipped.
    """

    def __init__(self, tasks: Mapping[str, str] = TASKS, preload: Sequence[str] = PRELOAD) -> None:
        self._tasks = dict(tasks)
        self._preload = tuple(preload)
        self._lock = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    @property
    def pid(self) -> int | None:
        """Process id of the zygote, or None before its first use."""
        return self._zygote.pid if self._zygote else None

    def run(self, task: str, args: dict[str, Any], *, seconds: float, memory_mb: int) -> dict[str, Any]:
        """Run ``task`` with ``args`` in a child process and wait for it.

        Parameters
        ----------
        seconds
            Wall-clock limit of the job; it is killed at the limit.
        memory_mb
            Address space in MiB that it may map beyond what the warm interpreter already maps.

        Returns
        -------
        dict
            ``{"ok": True, "result": …}`` or ``{"ok": False, "reason": r, "detail": …}`` with ``r`` one of
            ``timed_out``, ``out_of_memory``, ``crashed``, ``unreadable`` (the task raised).

        Raises
        ------
        ValueError
            If the task is not on the allow-list.
        CellError
            If the zygote cannot be started.
        """
        if task not in self._tasks:
            raise ValueError(f"unknown task {task!r}")
        request = json.dumps(
            {"task": task, "args": args, "seconds": seconds, "memory_mb": memory_mb}
        ).encode()
        for _ in range(2):  # a zygote that died between two jobs is found dead here, and replaced
            with self._submit() as job:
                answer = _converse(job, request, seconds + GRACE_S)
            if answer is not None:
                return answer
            self.close()
        raise CellError("the media cell does not start")

    def close(self) -> None:
        """End the zygote; the next `run` starts a new one."""
        with self._lock:
            self._stop()

    def _submit(self) -> socket.socket:
        """Hand one end of a fresh job socket to the zygote and return the other."""
        with self._lock:
            for last in (False, True):
                if not self._alive():
                    self._start()
                ours, theirs = socket.socketpair()
                try:
                    assert self._control is not None
                    socket.send_fds(self._control, [b"J"], [theirs.fileno()])
                    return ours
                except OSError as error:
                    ours.close()
                    self._stop()
                    if last:
                        raise CellError("the media cell does not answer") from error
                finally:
                    theirs.close()
        raise AssertionError("unreachable")

    def _alive(self) -> bool:
        # After a fork of the owner the socket would be shared by two processes: start over.
        return self._zygote is not None and self._owner == os.getpid() and self._zygote.poll() is None

    def _start(self) -> None:
        self._stop()
        ours, theirs = socket.socketpair()
        config = json.dumps({"fd": theirs.fileno(), "tasks": self._tasks, "preload": self._preload})
        try:
            self._zygote = subprocess.Popen(  # our own interpreter, our own module
                [sys.executable, "-P", "-m", "bonafide_inference.cell", config],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_clean_environment(),
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise CellError(f"the media cell does not start: {error}") from error
        finally:
            theirs.close()
        self._control, self._owner = ours, os.getpid()

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._zygote is not None and self._owner == os.getpid():
            try:
                self._zygote.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait()
        self._zygote = self._control = None


def _clean_environment() -> dict[str, str]:
    """The whole environment of the zygote: nothing is inherited, so no credential can be read there."""
    path = os.pathsep.join(os.path.abspath(entry or ".") for entry in sys.path)
    return {
        "PYTHONPATH": path,
        "PYTHONHASHSEED": "0",
        "LD_LIBRARY_PATH": os.path.join(sys.base_prefix, "lib"),  # Lambda's python finds libpython so
        "HOME": "/tmp",  # noqa: S108  (the only writable place on Lambda)
        "LANG": "C.UTF-8",
        # A forked process must not meet a pool of threads it does not have; arenas eat address space.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def _converse(job: socket.socket, request: bytes, patience_s: float) -> dict[str, Any] | None:
    """Send the request and read the answer; None when no supervisor ever took the job."""
    start_s = 60.0  # a cold zygote imports the decoders first: seconds on a small Lambda
    try:
        job.settimeout(start_s)
        job.sendall(struct.pack("<I", len(request)) + request)
        if job.recv(1) != b"A":
            return None
    except OSError:
        return None
    return _read_answer(job, time.monotonic() + patience_s)


def _read_answer(job: socket.socket, deadline: float) -> dict[str, Any]:
    parts: list[bytes] = []
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([job], [], [], left)[0]:
            return {"ok": False, "reason": "timed_out", "detail": "the supervisor did not answer in time"}
        part = job.recv(1 << 16)
        size += len(part)
        if not part or size > ANSWER_CAP + 4096:
            break
        parts.append(part)
    try:
        answer = json.loads(b"".join(parts))
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or "ok" not in answer:
        return {"ok": False, "reason": "crashed", "detail": "the cell died without an answer"}
    return answer


_default: Cell | None = None
_default_lock = threading.Lock()


def run(task: str, args: dict[str, Any], *, seconds: float, memory_mb: int) -> dict[str, Any]:
    """Run an allow-listed task in the process-wide cell. See `Cell.run`."""
    global _default  # noqa: PLW0603  (one zygote a process is the point)
    with _default_lock:
        if _default is None:
            _default = Cell()
            atexit.register(_default.close)
    return _default.run(task, args, seconds=seconds, memory_mb=memory_mb)


if __name__ == "__main__":
    from bonafide_inference.zygote import main

    main(json.loads(sys.argv[1]))
