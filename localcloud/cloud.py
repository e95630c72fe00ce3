"""One embedded cloud: a supervisor process that holds MiniStack and the front, and its state on disk.

``LocalCloud`` is the handle that everything else uses: it starts, stops and asks. The supervisor
(`supervisor.py`) holds a lock on the state folder for as long as it lives, so that a
pid file left by a crash is never believed and two clouds never share a state. MiniStack is its
child and stops cleanly when the supervisor goes, even by SIGKILL.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from localcloud.front import Route, routes_from_outputs

__all__ = ["ROOT", "CloudError", "LocalCloud", "Status"]

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""

GATEWAY_PORT = 4566
FRONT_PORT = 4567
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 40
_LOG_LIMIT = 20_000_000


class CloudError(Exception):
    """The local cloud could not do what was asked; the message is for people."""


@dataclass(frozen=True)
class Status:
    """What is known of a cloud. ``pid`` is the supervisor's; None when it is down."""

    running: bool
    pid: int | None
    port: int
    front_port: int
    started_at: str | None
    notice: str | None
    deployed: str | None


class LocalCloud:
    """A cloud whose state lives in ``root``; ports of 0 or None mean the remembered or the usual ones.

    Safe to use from any process: all that is known is read from ``root``. Several clouds run beside
    each other if their roots differ; each finds free ports by itself.
    """

    def __init__(
        self,
        root: Path | str = ROOT / ".local",
        port: int | None = None,
        front_port: int | None = None,
        *,
        checkpoint_s: float = 60,
    ) -> None:
        self.root = Path(root).resolve()
        remembered = self._read("cloud.json")
        self._port = port or remembered.get("port") or GATEWAY_PORT
        self._front_port = front_port or remembered.get("front_port") or FRONT_PORT
        self._checkpoint_s = checkpoint_s

    # ---- where things are -----------------------------------------------------------------------
    @property
    def state_dir(self) -> Path:
        """Tables, queues, stacks: written at checkpoints and at a clean stop."""
        return self.root / "state"

    @property
    def s3_dir(self) -> Path:
        """Objects: written through."""
        return self.root / "s3"

    @property
    def log_file(self) -> Path:
        """What MiniStack and the supervisor say."""
        return self.root / "cloud.log"

    @property
    def deploy_file(self) -> Path:
        """What is deployed: the digest of its sources and the stack's outputs."""
        return self.root / "deploy.json"

    @property
    def token_file(self) -> Path:
        """The token of the first tenant, readable by its owner only."""
        return self.root / "token"

    @property
    def port(self) -> int:
        """The gateway's port (every AWS API, and presigned URLs)."""
        return int(self._read("cloud.json").get("port") or self._port)

    @property
    def front_port(self) -> int:
        """The front's port (our own APIs)."""
        return int(self._read("cloud.json").get("front_port") or self._front_port)

    @property
    def endpoint(self) -> str:
        """Endpoint URL for an AWS SDK."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """Where clients reach the API; append /v1/..."""
        return f"http://127.0.0.1:{self.front_port}"

    def aws_env(self) -> dict[str, str]:
        """The environment that points any AWS tool at this cloud and at nothing else."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        local = "127.0.0.1,localhost"
        proxied = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), local]))
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            # Not twelve digits: those would name another account.
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": proxied,
            "no_proxy": proxied,
        }

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud, as the account's owner."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 (the embedded cloud's own, known to all)
            region_name="us-east-1",
        ).client(
            cast("Any", service),
            endpoint_url=self.endpoint,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def outputs(self) -> dict[str, str]:
        """The deployed stack's outputs; empty before the first deploy."""
        return cast("dict[str, str]", self._read("deploy.json").get("outputs", {}))

    # ---- life -----------------------------------------------------------------------------------
    def running(self) -> bool:
        """Whether a supervisor holds the lock."""
        try:
            with self.locked(self.root / "lock"):
                return False
        except (BlockingIOError, FileNotFoundError):
            return (self.root / "lock").exists()

    def start(self) -> str | None:
        """Start unless running; return once it answers, with a notice if an earlier life ended badly.

        Raises
        ------
        CloudError
            It did not come up; the message ends with the last lines of the log.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)  # keys and tokens lie in it
        with self.locked(self.root / "starting", wait=True):
            if self.running():
                self._wait_healthy()
                return None
            return self._spawn()

    def stop(self) -> bool:
        """Stop cleanly and wait for it; False when nothing ran."""
        if not self.running():
            return False
        pid = self._read("cloud.json").get("pid")
        if not isinstance(pid, int):
            raise CloudError(f"{self.root / 'cloud.json'} names no process, yet its lock is held")
        os.kill(pid, signal.SIGTERM)
        with self.locked(self.root / "lock", wait=True, timeout_s=STOP_TIMEOUT_S + 10):
            return True

    def checkpoint(self) -> None:
        """Have tables and stacks written to disk soon; a hard kill then loses only what comes after."""
        pid = self._read("cloud.json").get("ministack_pid")
        if isinstance(pid, int) and self.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)

    def erase(self) -> None:
        """Stop, and forget everything."""
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def status(self) -> Status:
        """What is known, without waiting."""
        known, deployed = self._read("cloud.json"), self._read("deploy.json")
        running = self.running()
        return Status(
            running=running,
            pid=known.get("pid") if running else None,
            port=self.port,
            front_port=self.front_port,
            started_at=known.get("started_at") if running else None,
            notice=None if running else self._loss(),
            deployed=deployed.get("deployed_at"),
        )

    def routes(self) -> tuple[Route, ...]:
        """The front's table, from what is deployed."""
        return routes_from_outputs(self.outputs())

    # ---- details --------------------------------------------------------------------------------
    def _spawn(self) -> str | None:
        with self.locked(self.root / "ministack.lock", wait=True, timeout_s=STOP_TIMEOUT_S):
            notice = self._mend()
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_LIMIT:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        read_end, write_end = os.pipe()
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "localcloud.supervisor", str(self.root), str(write_end)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(write_end,),
                env=os.environ
                | {
                    "BONAFIDE_PORTS": f"{self._port},{self._front_port}",
                    "BONAFIDE_CHECKPOINT_S": str(self._checkpoint_s),
                },
            )
        os.close(write_end)
        with open(read_end, "rb") as ready:
            answered, _, _ = select.select([ready], [], [], START_TIMEOUT_S)
            if answered and ready.read(2) == b"ok":
                return notice
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        raise CloudError(f"The local cloud did not start.\n{self.tail(15)}")

    def tail(self, lines: int) -> str:
        """The log's last lines."""
        if not self.log_file.exists():
            return "(no log)"
        with self.log_file.open("rb") as log:
            log.seek(max(0, self.log_file.stat().st_size - 400 * lines))
            return b"\n".join(log.read().splitlines()[-lines:]).decode(errors="replace")

    def _mend(self) -> str | None:
        """Before a start: say what a hard kill lost, and drop what makes no sense without it."""
        notice = self._loss()
        if notice and not self._last_checkpoint():
            shutil.rmtree(self.state_dir, ignore_errors=True)
            shutil.rmtree(self.s3_dir, ignore_errors=True)
            self.deploy_file.unlink(missing_ok=True)
            self.token_file.unlink(missing_ok=True)
        if scratch := self._read("cloud.json").get("scratch"):
            shutil.rmtree(scratch, ignore_errors=True)
        return notice

    def _last_checkpoint(self) -> str | None:
        value = self._read("state/running").get("checkpoint_at")
        return str(value) if value else None

    def _loss(self) -> str | None:
        if not (self.state_dir / "running").exists():
            return None
        saved = self._last_checkpoint()
        if not saved:
            return "The local cloud was killed before its first checkpoint: it starts empty."
        when = datetime.fromisoformat(saved).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return (
            f"The local cloud was killed, not stopped: analyses, tokens and webhooks made after {when} are "
            "lost (their media files are still there, unlisted). Stop it with make down."
        )

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", json.loads((self.root / name).read_text()))
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
            return {}

    def _wait_healthy(self, timeout_s: float = START_TIMEOUT_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not healthy(self.port):
            if time.monotonic() > deadline or not self.running():
                raise CloudError(f"The local cloud runs but does not answer.\n{self.tail(15)}")
            time.sleep(0.05)

    @contextlib.contextmanager
    def locked(self, path: Path, *, wait: bool = False, timeout_s: float = START_TIMEOUT_S) -> Iterator[None]:
        """Hold a lock file. Without ``wait``, BlockingIOError when another process holds it."""
        with path.open("a") as file:
            deadline = time.monotonic() + timeout_s
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not wait:
                        raise
                    if time.monotonic() > deadline:
                        raise CloudError(f"{path} stays locked by another process") from None
                    time.sleep(0.02)
            yield


def healthy(port: int) -> bool:
    """Whether MiniStack answers on this port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port(wanted: int) -> int:
    """The wanted port if nothing listens there, else one that the system picks."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CloudError("no free port on 127.0.0.1")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def concurrency() -> int:
    """Function calls that may run at once: each is a process of its own here, and stays."""
    return 16 + 2 * cores()
