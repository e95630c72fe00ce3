"""Fixtures for every tier; see tests/helpers/aws.py for what ``aws`` can do.

Sockets: tests under unit, template and workflow have none; ``@pytest.mark.loopback`` lets one reach
127.0.0.1 (a misbehaving local server). Other tiers (cloud, contract, images, browser) may reach this
machine only. ``@pytest.mark.network`` lifts both, for the few tests that ask the package index.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import pytest_socket
from hypothesis import settings

from tests.helpers.template import ROOT

for _place in ("layers/inference", "layers/core"):
    if str(ROOT / _place) not in sys.path:
        sys.path.insert(0, str(ROOT / _place))

from tests.helpers.aws import Aws, in_moto, own_environment  # noqa: E402  # the layers must be on the path

settings.register_profile("untimed", deadline=None)  # a busy machine is no bug
settings.load_profile("untimed")

_SILENT = {"unit", "template", "workflow"}
_HERE = ["127.0.0.1", "::1", "localhost"]


def pytest_configure(config: pytest.Config) -> None:
    """Name our markers."""
    config.addinivalue_line("markers", "loopback: the test may reach 127.0.0.1")
    config.addinivalue_line("markers", "network: the test may reach the package index")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Close the sockets as the test's tier demands (pytest-socket opens them again afterwards)."""
    tier = item.path.relative_to(ROOT / "tests").parts[0] if item.path.is_relative_to(ROOT / "tests") else ""
    if item.get_closest_marker("network"):
        return
    if tier in _SILENT and not item.get_closest_marker("loopback"):
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.socket_allow_hosts(_HERE, allow_unix_socket=True)


@pytest.fixture(scope="session", autouse=True)
def _no_credentials() -> Iterator[None]:
    """Nothing of the machine's AWS configuration reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        own_environment(patch)
        yield


@pytest.fixture
def aws() -> Iterator[Aws]:
    """Return the stack of template.yaml in moto; executions of the workflow are recorded, not run."""
    with in_moto() as stack:
        yield stack


@pytest.fixture
def aws_running() -> Iterator[Aws]:
    """Return the stack of template.yaml in moto; executions run the real ASL with the real handlers."""
    with in_moto(run=True) as stack:
        yield stack
