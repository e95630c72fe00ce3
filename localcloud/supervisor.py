"""The supervisor: one process that holds the lock on the state folder, MiniStack and the front.

Started by `LocalCloud.start` as ``python -m localcloud.supervisor ROOT READY_FD``; ends on SIGTERM.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime

from localcloud.cloud import (
    ROOT,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    LocalCloud,
    concurrency,
    free_port,
    healthy,
)
from localcloud.front import Front

__all__ = ["Supervisor", "main"]


class Supervisor:
    """Runs MiniStack and the front until SIGTERM, then stops both and everything they started."""

    def __init__(self, cloud: LocalCloud, ready_fd: int) -> None:
        self._cloud = cloud
        self._ready_fd = ready_fd
        self._stop_asked = False
        self._scratch = tempfile.mkdtemp(prefix="bonafide-")

    def run(self) -> int:
        """Hold the lock and serve; the exit status."""
        signal.signal(signal.SIGTERM, self._ask_stop)
        signal.signal(signal.SIGINT, self._ask_stop)
        try:
            with self._cloud.locked(self._cloud.root / "lock"):
                return self._serve()
        except BlockingIOError:
            print("another supervisor holds this state folder", file=sys.stderr)
            return 3
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _ask_stop(self, *_signal: object) -> None:
        self._stop_asked = True

    def _serve(self) -> int:
        wanted, wanted_front = (int(port) for port in os.environ["BONAFIDE_PORTS"].split(","))
        port = free_port(wanted)
        child = subprocess.Popen(
            [sys.executable, "-m", "localcloud.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            env=self._environment(port),
        )
        front: Front | None = None
        try:
            self._wait_for(child, port)
            front = Front(free_port(wanted_front), port, self._cloud.routes)
            front.start()
            self._remember(child, port, front.port)
            os.write(self._ready_fd, b"ok")
            os.close(self._ready_fd)
            return self._watch(child)
        finally:
            if front:
                front.stop()
            self._stop(child)

    def _wait_for(self, child: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not healthy(port):
            if child.poll() is not None or time.monotonic() > deadline or self._stop_asked:
                raise SystemExit(f"MiniStack did not come up (exit status {child.poll()})")
            time.sleep(0.05)

    def _watch(self, child: subprocess.Popen[bytes]) -> int:
        while not self._stop_asked:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.2)
                print(f"MiniStack ended by itself (exit status {child.returncode})", file=sys.stderr)
                return 1
        return 0

    def _stop(self, child: subprocess.Popen[bytes]) -> None:
        """SIGTERM saves the state; whatever is left in our process group afterwards is killed."""
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                print("MiniStack did not stop in time and is killed", file=sys.stderr)
                child.kill()
                child.wait()
        if os.getpgrp() == os.getpid():
            # Workers of functions end with MiniStack; what they started may not. We are last in line.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpid(), signal.SIGTERM)

    def _remember(self, child: subprocess.Popen[bytes], port: int, front_port: int) -> None:
        known = {
            "pid": os.getpid(),
            "ministack_pid": child.pid,
            "port": port,
            "front_port": front_port,
            "scratch": self._scratch,
            "started_at": datetime.now(UTC).isoformat(),
        }
        temporary = self._cloud.root / "cloud.json.tmp"
        temporary.write_text(json.dumps(known, indent=1))
        temporary.replace(self._cloud.root / "cloud.json")

    def _environment(self, port: int) -> dict[str, str]:
        """Functions inherit this: no AWS settings of the user, no proxies on the way to ourselves."""
        self._cloud.state_dir.mkdir(parents=True, exist_ok=True)
        self._cloud.s3_dir.mkdir(parents=True, exist_ok=True)
        kept = {
            key: value for key, value in self._cloud.aws_env().items() if not key.startswith("BONAFIDE_PORTS")
        }
        kept.pop("PYTHONPATH", None)
        return kept | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(self._cloud.state_dir),
            "S3_DATA_DIR": str(self._cloud.s3_dir),
            "TMPDIR": self._scratch,
            "LAMBDA_EXECUTOR": "local",
            "LAMBDA_ACCOUNT_CONCURRENCY": str(concurrency()),
            "LAMBDA_WARM_TTL_SECONDS": "300",
            "DOCKER_HOST": f"unix://{self._scratch}/no-docker",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": os.environ.get("BONAFIDE_LOG_LEVEL", "INFO"),
        }


def main() -> int:
    """Program of the supervisor: ``python -m localcloud.supervisor ROOT READY_FD``."""
    return Supervisor(LocalCloud(sys.argv[1]), int(sys.argv[2])).run()


if __name__ == "__main__":
    raise SystemExit(main())
