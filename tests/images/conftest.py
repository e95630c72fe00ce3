"""The stack in moto behind a port, so that a function in another process reaches it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from tests.helpers.aws import Aws


@pytest.fixture
def endpoint(aws: Aws) -> Iterator[str]:
    """Serve ``aws`` (the same moto, in this process) on 127.0.0.1; returns its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
