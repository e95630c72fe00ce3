"""What a subverted or unlucky worker might do. Run only inside a cell."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any


def echo(args: dict[str, Any]) -> Any:
    return args


def hang(args: dict[str, Any]) -> None:
    while True:
        pass


def sleep(args: dict[str, Any]) -> None:
    import select

    select.select([], [], [])


def hoard(args: dict[str, Any]) -> int:
    return len(b"x" * (args["mb"] * 2**20))


def abort(args: dict[str, Any]) -> None:
    os.write(2, b"native library says goodbye\n")
    os.abort()


def segfault(args: dict[str, Any]) -> None:
    ctypes.string_at(0)


def kill_itself(args: dict[str, Any]) -> None:
    os.kill(os.getpid(), 9)


def leave(args: dict[str, Any]) -> None:
    sys.exit(3)


def leave_quietly(args: dict[str, Any]) -> None:
    os._exit(0)


def complain(args: dict[str, Any]) -> None:
    raise ValueError("bad bytes")


def not_a_number(args: dict[str, Any]) -> float:
    return float("nan")


def not_json(args: dict[str, Any]) -> object:
    return object()


def garbage(args: dict[str, Any]) -> None:
    _shout(b"\xff\xfe{{{not json")


def nonsense(args: dict[str, Any]) -> None:
    _shout(b"[1, 2, 3]")


def flood(args: dict[str, Any]) -> str:
    return "x" * (20 * 2**20)


def noise(args: dict[str, Any]) -> str:
    for _ in range(1000):
        os.write(2, b"warning: " + b"x" * 1000 + b"\n")
    return "done"


def big_file(args: dict[str, Any]) -> None:
    with open(args["path"], "wb") as file:
        file.truncate(600 * 2**20)


def environment(args: dict[str, Any]) -> dict[str, str]:
    return dict(os.environ)


def leave_a_child(args: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        sleep({})
    return pid


def modules(args: dict[str, Any]) -> bool:
    return "numpy" in sys.modules


def _shout(data: bytes) -> None:
    """Write to every pipe that the worker holds, as a subverted one would."""
    for fd in range(3, 64):
        try:
            os.write(fd, data)
        except OSError:
            continue
    os._exit(0)


ALL = {
    name: f"tests.unit.inference.hostile_tasks:{name}"
    for name, thing in list(globals().items())
    if callable(thing) and not name.startswith("_") and getattr(thing, "__module__", "") == __name__
}
