"""Schemathesis against the real handlers, in-process: no 5xx, no answer that the document does not know."""

from __future__ import annotations

import pytest
import schemathesis
from bonafide.store import analyses, webhooks

from openapi import native
from tests.contract.conftest import Deployed
from tests.contract.fuzzed import Wire, described, documented, tries

examples = native.examples


@pytest.fixture(scope="module", autouse=True)
def _seeded(deployed: Deployed) -> None:
    """Make what the document's examples name, for Schemathesis takes its ids from there."""
    analyses.create(examples.analysis())
    webhooks.create(
        "acme", "https://example.org/", (), now=examples.NOON, id_factory=lambda _: examples.WEBHOOK
    )


schema = described(native.build())


@schema.parametrize()
@tries(15)
def test_every_answer_is_documented(case: schemathesis.Case, deployed: Deployed) -> None:
    documented(case, Wire(deployed))
