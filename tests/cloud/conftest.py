"""One embedded cloud for the whole session; see tests/helpers/embedded.py and tests/helpers/cloud.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.cloud import Api, Cloud
from tests.helpers.embedded import RunningCloud, session_cloud


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """Return a started, deployed cloud with a token of the tenant ``local``."""
    limit = {"InlineLimitBytes": "16000000"}  # more than Lambda carries, and a test can still exceed it
    with session_cloud(tmp_path_factory.mktemp("cloud"), limit) as running:
        yield running


@pytest.fixture(scope="session")
def cloud(embedded: RunningCloud) -> Cloud:
    """Return the same cloud with its owner's eyes and hands."""
    return Cloud(embedded.local, embedded.token)


@pytest.fixture
def api(cloud: Cloud) -> Api:
    """Return a new tenant: whatever is found under it, this test has made."""
    return cloud.tenant()
