"""An image function played on this machine.

`task_root` puts together what the Dockerfile copies; `Emulator` runs it behind AWS's own Runtime Interface
Emulator (the binary inside aws-sam-cli) with AWS's own runtime client (awslambdaric), as the image's
entry point does. The base image's packages are this interpreter's.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import samcli

from localcloud.deploy import assemble
from tests.helpers import template
from tests.helpers.template import ROOT

__all__ = ["Emulator", "emulator_binary", "smoke_command", "task_root"]

_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def emulator_binary() -> Path | None:
    """Return aws-lambda-rie for this machine, or None where aws-sam-cli carries none."""
    kind = _ARCHITECTURES.get(platform.machine().lower())
    found = Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{kind}"
    return found if sys.platform == "linux" and found.is_file() else None


def task_root(name: str, place: Path) -> Path:
    """Assemble ``/var/task`` of the image of ``functions/<name>`` under ``place``."""
    assemble(template.functions()[name]["Metadata"], ROOT, place)
    return place


def smoke_command() -> list[str]:
    """Return the words of the Dockerfile's last RUN: the smoke test that the build makes of itself."""
    lines = re.sub(r"\\\s*\n", " ", (ROOT / "functions/Dockerfile").read_text("utf-8")).splitlines()
    return shlex.split([line for line in lines if line.startswith("RUN ")][-1].removeprefix("RUN "))


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Emulator:
    """A running image function; use as a context manager and `invoke` it."""

    def __init__(
        self, root: Path, environment: dict[str, str], *, timeout_s: int, memory_mb: int = 512
    ) -> None:
        self.root, self.timeout_s = root, timeout_s
        self.port, runtime_port = free_port(), free_port()
        self.environment = environment | {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(root),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.command = [
            str(emulator_binary()),
            f"--runtime-interface-emulator-address=127.0.0.1:{self.port}",
            f"--runtime-api-address=127.0.0.1:{runtime_port}",
            "--log-level=error",
            sys.executable,
            "-m",
            "awslambdaric",
            "handler.lambda_handler",
        ]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process that writes it

    def __enter__(self) -> Emulator:
        self._process = subprocess.Popen(  # our own words
            self.command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._wait_until_it_listens()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wait_until_it_listens(self) -> None:
        limit = time.monotonic() + 20
        while self._process.poll() is None and time.monotonic() < limit:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"aws-lambda-rie did not start:\n{self.log()}")

    def invoke(self, event: Any) -> Any:
        """Return the function's answer; an error is a dict with ``errorMessage``, as Lambda gives it."""
        request = urllib.request.Request(  # loopback only
            f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations",
            json.dumps(event).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s + 30) as response:
                text = response.read().decode()
        except urllib.error.HTTPError as refused:  # such as 413 for an answer over 6 MB
            text = refused.read().decode()
        try:
            return json.loads(text)
        except ValueError:
            return {"errorMessage": text}  # the emulator's own words: a time-out, a dead process

    def log(self) -> str:
        """Return all that the function and the emulator have written."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")
