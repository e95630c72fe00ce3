"""The inner side of the cell: zygote, supervisor and worker. See `cell` for the picture.

Only the worker touches media. The supervisor reads bounded bytes from two pipes and judges how the worker
ended; what it reports is a value (``timed_out``, ``out_of_memory``, ``crashed``, ``unreadable``).
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import math
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

from bonafide_inference.cell import ANSWER_CAP

__all__ = ["main"]

REQUEST_CAP = 8 * 2**20
STDERR_CAP = 2000
FILE_CAP = 512 * 2**20
"""Longest file that a worker may write (bytes): artifacts, never a decoded film."""

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
_OUT_OF_MEMORY = b'{"ok": false, "reason": "out_of_memory", "detail": "the memory limit was reached"}'


def main(config: dict[str, Any]) -> None:
    """Serve jobs from the control socket ``config["fd"]`` until its owner closes it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are nobody's to wait for
    control = socket.socket(fileno=config["fd"])
    for name in config["preload"]:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # a smaller installation has fewer decoders; the task itself will say what it lacks
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        for fd in fds:
            if os.fork() == 0:
                control.close()
                _supervise(socket.socket(fileno=fd), config["tasks"])
            os.close(fd)


def _supervise(job: socket.socket, tasks: dict[str, str]) -> NoReturn:
    """Run one job to its end, write the answer, and leave without returning."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        request = _read_request(job)
        job.sendall(b"A")
        answer = _run_worker(job, request, tasks[request["task"]])
        job.sendall(answer)
    except OSError:
        pass  # the owner is gone: nobody is left to tell
    finally:
        os._exit(0)


def _read_request(job: socket.socket) -> dict[str, Any]:
    (size,) = struct.unpack("<I", _exactly(job, 4))
    if size > REQUEST_CAP:
        raise OSError("request too long")
    request: dict[str, Any] = json.loads(_exactly(job, size))
    return request


def _exactly(job: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = job.recv(min(1 << 16, size - len(data)))
        if not part:
            raise OSError("the owner hung up")
        data += part
    return data


def _run_worker(job: socket.socket, request: dict[str, Any], entry: str) -> bytes:
    out_r, out_w = os.pipe()
    err_r, err_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        job.close()
        _work(request, entry, out_w, err_w)
    os.close(out_w)
    os.close(err_w)
    ended = os.pidfd_open(pid)
    kept = {out_r: bytearray(), err_r: bytearray()}
    in_time = _listen(kept, ended, job.fileno(), time.monotonic() + float(request["seconds"]), out_r)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # also what it may have started
    _, status = os.waitpid(pid, 0)
    return _judge(bytes(kept[out_r]), bytes(kept[err_r]), not in_time, status)


def _listen(kept: dict[int, bytearray], ended: int, job: int, deadline: float, out: int) -> bool:
    """Collect the worker's answer and the head of its noise until it ends; False when time runs out.

    The pipes alone do not tell its end: a process that it started may hold them open.
    """
    for fd in kept:
        os.set_blocking(fd, False)
    open_fds = set(kept)
    while (left := deadline - time.monotonic()) > 0:
        ready = select.select([*open_fds, job, ended], [], [], left)[0]
        if job in ready:
            raise OSError("the owner hung up")  # no second message is ever sent: this is its end
        for fd in list(open_fds):
            if not _drain(fd, kept[fd], ANSWER_CAP + 1 if fd == out else STDERR_CAP):
                open_fds.discard(fd)
        if ended in ready:
            return True
    return False


def _drain(fd: int, into: bytearray, cap: int) -> bool:
    """Read what is there, keep up to ``cap`` bytes; False at the end of the pipe."""
    for _ in range(64):  # a worker that never stops writing must not hold up the stopwatch
        try:
            part = os.read(fd, 1 << 16)
        except BlockingIOError:
            return True
        if not part:
            return False
        into += part[: max(0, cap - len(into))]
    return True


def _judge(output: bytes, noise: bytes, late: bool, status: int) -> bytes:
    if late:
        return _answer("timed_out", "the time limit was reached")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return _answer("timed_out", "the processor time limit was reached")
        if number == signal.SIGKILL:  # not ours: the kernel's out-of-memory killer
            return _answer("out_of_memory", "killed by the system")
        words = noise.decode("utf-8", "replace")[-300:].strip()
        return _answer("crashed", f"{signal.Signals(number).name} {words}".strip())
    try:
        if len(output) > ANSWER_CAP or "ok" not in json.loads(output):
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        return _answer("crashed", "no well-formed answer")
    return output


def _answer(reason: str, detail: str) -> bytes:
    return json.dumps({"ok": False, "reason": reason, "detail": detail[:500]}).encode()


def _work(request: dict[str, Any], entry: str, out: int, err: int) -> NoReturn:
    """The worker: limits first, then the task, then one JSON answer."""
    try:
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        null = os.open(os.devnull, os.O_RDWR)
        for target, source in ((0, null), (1, null), (2, err)):
            os.dup2(source, target)
        _limit(float(request["seconds"]), int(request["memory_mb"]))
        _write(out, _perform(entry, request["args"]))
    except MemoryError:
        _write(out, _OUT_OF_MEMORY)
    except BaseException:  # noqa: BLE001, S110  (SystemExit included: a worker only ever leaves by _exit)
        pass
    finally:
        os._exit(0)


def _perform(entry: str, args: dict[str, Any]) -> bytes:
    module, _, function = entry.partition(":")
    task = getattr(importlib.import_module(module), function)
    try:
        return json.dumps({"ok": True, "result": task(args)}, allow_nan=False).encode()
    except MemoryError:
        return _OUT_OF_MEMORY
    except Exception as error:  # noqa: BLE001  (decoders raise anything at all on hostile bytes)
        return _answer("unreadable", f"{type(error).__name__}: {error}")


def _limit(seconds: float, memory_mb: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    space = mapped + memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    cpu = math.ceil(seconds * (os.cpu_count() or 1)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_CAP, FILE_CAP))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


if __name__ == "__main__":
    sys.exit("start me as python -m bonafide_inference.cell")
