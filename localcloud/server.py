"""MiniStack in one process, with two things added: checkpoints, and no life without its supervisor.

MiniStack saves tables, queues and stacks only when it is stopped cleanly. SIGUSR1 saves them while
it runs; so does a quiet timer, if anything was asked since. A file named ``running`` lies in the
state folder for as long as what is on disk may be older than what is in memory, and carries the
time of the last checkpoint: who finds it at a start knows that a hard kill lost what came after.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["main"]


class Checkpoints:
    """Saves MiniStack's state on request and every ``period_s`` seconds in which something happened."""

    def __init__(self, ministack: Any, marker: Path, period_s: float) -> None:
        self._ministack = ministack
        self._marker = marker
        self._period_s = period_s
        self._wanted = threading.Event()
        self._asked = False
        self._ended = False
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Count requests, so that an idle cloud writes nothing."""
        inner = self._ministack.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and not scope["path"].startswith("/_ministack/"):
                self._asked = True
            await inner(scope, receive, send)

        self._ministack.app = app

    def ask(self, *_signal: object) -> None:
        """Signal handler: save soon, on the saving thread."""
        self._asked = True
        self._wanted.set()

    def loop(self) -> None:
        """Body of the saving thread."""
        while not self._ended:
            self._wanted.wait(self._period_s or None)
            self._wanted.clear()
            if self._asked and not self._ended:
                self._asked = False
                self.save()

    def save(self) -> None:
        """Write every service's state; one that changes under the copy keeps its older file."""
        with self._lock:
            if self._ended:
                return
            self._ministack.save_all(self._ministack._build_persistence_save_dict())
            self.mark(datetime.now(UTC).isoformat())

    def end(self) -> None:
        """The clean stop has saved everything: nothing on disk is old any more."""
        with self._lock:
            self._ended = True
            self._marker.unlink(missing_ok=True)

    def mark(self, checkpoint_at: str | None) -> None:
        """Say on disk that the process lives, and when its state was last saved."""
        temporary = self._marker.with_suffix(".tmp")
        temporary.write_text(json.dumps({"pid": os.getpid(), "checkpoint_at": checkpoint_at}))
        temporary.replace(self._marker)


def _stop_with_supervisor() -> None:
    """Stop cleanly when the supervisor's end of our standard input closes, however it died."""
    # Not sys.stdin: a thread inside its buffer makes the interpreter's end a fatal error.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until SIGTERM; save; take the marker away."""
    from ministack import app as ministack

    from localcloud.gaps import mend

    mend()
    state = Path(os.environ["STATE_DIR"])
    # Held to the last save: a next start waits for it, even if the supervisor was killed meanwhile.
    lock = (state.parent / "ministack.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    marker = state / "running"
    before = marker.read_text() if marker.exists() else "{}"
    checkpoints = Checkpoints(ministack, marker, float(os.environ.get("BONAFIDE_CHECKPOINT_S", "60")))
    # What the last checkpoint saved is still the truth until the next one.
    saved = json.loads(before).get("checkpoint_at") or _saved_at(state)
    checkpoints.mark(saved)
    checkpoints.watch()
    signal.signal(signal.SIGUSR1, checkpoints.ask)
    threading.Thread(target=checkpoints.loop, daemon=True, name="checkpoints").start()
    threading.Thread(target=_stop_with_supervisor, daemon=True, name="supervisor").start()
    ministack.main()
    checkpoints.end()
    lock.close()
    # All is saved: threads that still wait for a function must not hold up the end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _saved_at(state: Path) -> str | None:
    """When the newest state file was written, or None for a new cloud."""
    times = [file.stat().st_mtime for file in state.glob("*.json")]
    return datetime.fromtimestamp(max(times), UTC).isoformat() if times else None


if __name__ == "__main__":
    main()
