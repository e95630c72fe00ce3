"""One embedded cloud for the whole session; see tests/helpers/cloud.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.cloud import RunningCloud, session_cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """Return a started, deployed cloud with a token of the tenant ``local``."""
    with session_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running
