"""One embedded cloud for the whole session; see tests/helpers/embedded.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.embedded import RunningCloud, session_cloud


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """Return a started, deployed cloud with a token of the tenant ``local``."""
    with session_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running
