"""Tokens are found by their hash, shown once, and end when they should; the authorizer says so."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bonafide import admin, tokens
from bonafide.errors import Forbidden, Unavailable, Unprocessable
from bonafide.store import table
from bonafide.store import tokens as store
from bonafide.tokens import Scope, presented
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.aws import Aws, context, load_handler
from tests.helpers.gateway import METHOD_ARN

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = "bf_acme_" + "x" * 43


@pytest.fixture
def own(aws: Aws) -> Aws:
    aws.use("api_native")
    return aws


def create(tenant: str = "acme", **more: Any) -> tuple[tokens.TokenRecord, str]:
    return tokens.create(tenant, **({"name": "n", "scopes": ["*"], "now": NOW} | more))


# ---- the token itself --------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_kept_as_a_hash(own: Aws) -> None:
    record, plain = create(scopes=["webhooks", "analyses:read", "webhooks"])
    tenant, _, secret = plain.removeprefix("bf_").partition("_")
    assert (tenant, len(secret)) == ("acme", 43)
    assert record.scopes == ("analyses:read", "webhooks")
    assert plain.startswith(record.prefix)
    assert plain.endswith(record.last4)
    rows = own.client("dynamodb").scan(TableName=own.table)["Items"]
    assert plain not in json.dumps(rows)
    assert secret not in json.dumps(rows)
    (row,) = rows
    assert row["pk"]["S"] == "T#acme"
    assert row["sk"]["S"] == "TOKEN#" + hashlib.sha256(plain.encode()).hexdigest()


def test_it_is_recognised_and_only_it(own: Aws) -> None:
    record, plain = create()
    found = tokens.authenticate(plain, NOW)
    assert found is not None
    assert (found.id, found.tenant) == (record.id, "acme")
    for other in (
        "",
        "x",
        plain[:-1],
        plain + "x",
        plain.replace("acme", "acne"),
        plain.swapcase(),
        "\ud800",
        f"{plain}\n",
    ):
        assert tokens.check(other, NOW) == (None, "invalid_token"), other


def test_secrets_differ_and_tenants_do_not_mix(own: Aws) -> None:
    create()
    create()
    _, other = create("other")
    assert len(tokens.list_("acme")) == 2
    found = tokens.authenticate(other, NOW)
    assert found is not None
    assert found.tenant == "other"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"tenant": "A"}, "invalid_tenant"),
        ({"tenant": "a#b"}, "invalid_tenant"),
        ({"tenant": "-a"}, "invalid_tenant"),
        ({"tenant": "a" * 41}, "invalid_tenant"),
        ({"scopes": []}, "unknown_scope"),
        ({"scopes": ["root"]}, "unknown_scope"),
        ({"name": ""}, "invalid_name"),
        ({"expires_at": NOW}, "invalid_expiry"),
    ],
)
def test_what_is_no_token(wish: dict[str, Any], code: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        create(**wish)
    assert caught.value.code == code


def test_expiry(own: Aws) -> None:
    record, plain = create(expires_at=NOW + timedelta(hours=1))
    assert tokens.authenticate(plain, NOW + timedelta(minutes=59))
    assert tokens.check(plain, NOW + timedelta(hours=1)) == (None, "expired_token")
    row = table.get("T#acme", f"TOKEN#{record.hash}")
    assert row is not None
    assert row["ttl"] == int((NOW + timedelta(hours=1, days=30)).timestamp())


def test_revocation_counts_at_once_and_twice_is_once(own: Aws) -> None:
    record, plain = create()
    assert tokens.revoke("acme", record.id, now=NOW)
    assert tokens.revoke("acme", record.id, now=NOW + timedelta(days=1))
    assert tokens.check(plain, NOW) == (None, "revoked_token")
    (left,) = tokens.list_("acme")
    assert left.revoked_at == NOW


@pytest.mark.parametrize("token_id", ["", "tok_", "tok_" + "0" * 32, "TOKEN#", "tok_%"])
def test_unknown_ids(own: Aws, token_id: str) -> None:
    create()
    assert not tokens.revoke("acme", token_id, now=NOW)


def test_a_foreign_tenant_cannot_revoke(own: Aws) -> None:
    record, plain = create()
    assert not tokens.revoke("other", record.id, now=NOW)
    assert tokens.authenticate(plain, NOW)


def test_last_use_is_noted_once_a_minute(own: Aws) -> None:
    record, plain = create()
    seen = []
    for seconds in (0, 59, 61, 70):
        tokens.authenticate(plain, NOW + timedelta(seconds=seconds))
        found = store.get("acme", record.hash)
        assert found is not None
        assert found.last_used_at is not None
        seen.append((found.last_used_at - NOW).total_seconds())
    assert seen == [0, 0, 61, 61]


def test_a_table_that_cannot_note_the_use_still_lets_in(own: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plain = create()

    def broken(*_: Any, **__: Any) -> None:
        raise Unavailable("throttled")

    monkeypatch.setattr(store, "touch", broken)
    assert tokens.authenticate(plain, NOW)


def test_a_broken_table_says_neither_yes_nor_no(own: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    monkeypatch.setattr(table.client(), "get_item", broken)
    with pytest.raises(Unavailable):
        tokens.check(GOOD, NOW)


# ---- no privilege grows ------------------------------------------------------------------------------

SCOPES = st.sets(st.sampled_from([scope.value for scope in Scope]), min_size=1)


@given(SCOPES, SCOPES)
def test_nobody_hands_out_what_he_has_not(own_scopes: set[str], wanted: set[str]) -> None:
    def grant() -> None:
        tokens.may_grant(own_scopes, wanted, own_expiry=None, expires_at=None)

    if "*" in own_scopes or wanted <= own_scopes:
        grant()
    else:
        with pytest.raises(Forbidden):
            grant()


@pytest.mark.parametrize(("days", "allowed"), [(None, False), (3, False), (2, True), (1, True)])
def test_nobody_hands_out_a_longer_life(days: int | None, allowed: bool) -> None:
    expires = NOW + timedelta(days=days) if days else None
    if allowed:
        tokens.may_grant(["*"], ["*"], own_expiry=NOW + timedelta(days=2), expires_at=expires)
        return
    with pytest.raises(Forbidden):
        tokens.may_grant(["*"], ["*"], own_expiry=NOW + timedelta(days=2), expires_at=expires)


# ---- spellings ---------------------------------------------------------------------------------------


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {GOOD}"},
        {"authorization": f"bearer   {GOOD} "},
        {"authorization": GOOD},
        {"authorization": f"Token {GOOD}"},
        {"authorization": f"Token token={GOOD}"},
        {"authorization": f'token token="{GOOD}", nonce="x"'},
        {"authorization": basic("acme", GOOD)},
        {"authorization": basic("anything", GOOD)},
        {"authorization": basic(GOOD, "")},
        {"x-api-key": GOOD},
        {"authorization": "Bearer something-of-a-proxy", "x-api-key": GOOD},
    ],
)
def test_every_spelling(headers: dict[str, str]) -> None:
    assert presented(headers) == GOOD


def test_no_token_and_no_sense() -> None:
    assert presented({}) is None
    assert presented({"authorization": "  ", "x-api-key": ""}) is None
    assert presented({"authorization": "Basic %%%"}) == "%%%"


@given(st.text())
def test_presented_never_raises(value: str) -> None:
    presented({"authorization": value})
    presented({"authorization": "Basic " + value})


# ---- the authorizer ----------------------------------------------------------------------------------


def authorize(aws: Aws, headers: dict[str, str] | None) -> dict[str, Any]:
    event = {"type": "REQUEST", "methodArn": f"{METHOD_ARN}/GET/v1/analyses/x", "headers": headers}
    found: dict[str, Any] = aws.invoke("authorizer", event)
    (statement,) = found["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", f"{METHOD_ARN}/*")
    assert all(isinstance(value, str) for value in found["context"].values())
    return dict(found["context"])


def test_the_authorizer_knows_a_token(own: Aws) -> None:
    record, plain = create(scopes=["tokens", "webhooks"])
    said = authorize(own, {"AUTHORIZATION": f"Bearer {plain}"})
    assert said == {"tenant": "acme", "token_id": record.id, "scopes": "tokens webhooks", "reason": ""}


@pytest.mark.parametrize("headers", [None, {}, {"Authorization": ""}])
def test_the_authorizer_lets_nobody_through_as_nobody(own: Aws, headers: dict[str, str] | None) -> None:
    said = authorize(own, headers)
    assert said == {"tenant": "", "token_id": "", "scopes": "", "reason": "missing_credentials"}


def test_the_authorizer_gives_reasons(own: Aws) -> None:
    record, revoked = create()
    tokens.revoke("acme", record.id, now=NOW)
    _, expired = create(
        now=datetime.now(UTC) - timedelta(hours=2), expires_at=datetime.now(UTC) - timedelta(hours=1)
    )
    for plain, reason in ((revoked, "revoked_token"), (expired, "expired_token"), (GOOD, "invalid_token")):
        said = authorize(own, {"X-API-Key": plain})
        assert (said["reason"], said["tenant"]) == (reason, "")


def test_the_authorizer_raises_when_the_table_is_broken(own: Aws) -> None:
    with (
        own.function("authorizer", TABLE_NAME="there-is-no-such-table") as module,
        pytest.raises(Unavailable),
    ):
        module.lambda_handler(
            {"methodArn": f"{METHOD_ARN}/GET/v1/x", "headers": {"X-API-Key": GOOD}}, context("authorizer")
        )


def test_no_token_is_ever_logged(own: Aws, caplog: pytest.LogCaptureFixture) -> None:
    _, plain = create()
    authorize(own, {"Authorization": f"Bearer {plain}"})
    said = repr([vars(record) for record in caplog.records])
    assert "identified" in said
    assert plain[-20:] not in said  # a secret may hold underscores of its own


def test_the_authorizer_is_loaded_without_the_rest() -> None:
    with load_handler("authorizer") as module:
        assert module.lambda_handler


# ---- the owner's command -----------------------------------------------------------------------------


def test_the_owner_makes_the_first_token(own: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert admin.main(["token", "--tenant", "acme", "--scope", "tokens", "--days", "1"], now=lambda: NOW) == 0
    plain = capsys.readouterr().out.strip()
    found = tokens.authenticate(plain, NOW)
    assert found is not None
    assert (found.scopes, found.expires_at) == (("tokens",), NOW + timedelta(days=1))


def test_the_first_token_may_do_everything(own: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert admin.main(["token", "--tenant", "acme"], now=lambda: NOW) == 0
    found = tokens.authenticate(capsys.readouterr().out.strip(), NOW)
    assert found is not None
    assert found.scopes == ("*",)


def test_the_owner_is_told_what_is_wrong(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.use("authorizer")
    assert admin.main(["token", "--tenant", "A B"], now=lambda: NOW) == 1
    assert "tenant" in capsys.readouterr().err
    aws.leave()
    for name in ("TABLE_NAME", "MEDIA_BUCKET", "EVENT_BUS_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert admin.main(["token", "--tenant", "acme"], now=lambda: NOW) == 2
    said = capsys.readouterr()
    assert "TABLE_NAME" in said.err
    assert said.out == ""
