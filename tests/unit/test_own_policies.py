"""Thresholds of a tenant's own: described by the owner, copied into what they judge."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from bonafide import admin, ingest, workflow
from bonafide.errors import Unprocessable
from bonafide.model import Options
from bonafide.policy import policy, rule_of
from bonafide.store import analyses, tenants

from tests.helpers.aws import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CAREFUL = ["tenant", "--tenant", "acme", "--own-policy", "careful:0.97:0.03", "--policy", "careful"]


@pytest.fixture
def own(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws.use("api_native")
    monkeypatch.setattr(workflow, "start", lambda *_: None)
    return aws


def begin(tenant: str, number: int, **options: str) -> str:
    new = ingest.NewAnalysis(tenant, inline=b"x", options=Options.model_validate(options))
    return ingest.create(new, now=NOW, new_id=lambda _: f"an_{number}").id


def test_an_analysis_keeps_the_thresholds_with_which_it_began(own: Aws) -> None:
    assert admin.main(CAREFUL, now=lambda: NOW) == 0
    begin("acme", 1)
    assert (
        admin.main(
            ["tenant", "--tenant", "acme", "--own-policy", "careful:0.6:0.4:uncertain"], now=lambda: NOW
        )
        == 0
    )
    begin("acme", 2)
    begin("acme", 3, policy="table")
    first, second, third = (analyses.get("acme", f"an_{n}") for n in (1, 2, 3))
    assert first is not None and second is not None and third is not None
    assert (rule_of(first).manipulated_at, rule_of(first).certain) == (0.97, True)
    assert (rule_of(second).manipulated_at, rule_of(second).certain) == (0.6, False)
    assert third.rule is None and rule_of(third) == policy("table")
    assert [rule.name for rule in tenants.get("acme").policies] == ["careful"]


def test_another_tenant_does_not_know_them(own: Aws) -> None:
    admin.main(CAREFUL, now=lambda: NOW)
    with pytest.raises(Unprocessable, match="no policy 'careful'"):
        begin("other", 1, policy="careful")
    begin("acme", 2, policy="careful")


@pytest.mark.parametrize("text", ["default:0.9:0.1", "x:0.1:0.9", "x:2:0", "X y:0.9:0.1", "x:0.9"])
def test_nonsense_is_refused(own: Aws, text: str) -> None:
    with pytest.raises(SystemExit):
        admin.main(["tenant", "--tenant", "acme", "--own-policy", text], now=lambda: NOW)


def test_an_unknown_default_is_refused(own: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert admin.main(["tenant", "--tenant", "acme", "--policy", "nope"], now=lambda: NOW) == 1
    assert "no policy 'nope'" in capsys.readouterr().err
