"""/auth/tokens: an account by Basic, JSON Web Tokens from it, and that what is deleted opens nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from bonafide import jwts, keys, tokens
from bonafide.store import tokens as store

from tests.helpers.aws import Aws, context, load_handler
from tests.helpers.gateway import Answer, Gateway
from tests.helpers.rooms import Clock

rows = pytest.mark.rows
Room = Callable[[str], Any]
PATH = "//auth/tokens"


def basic(password: str, user: str = "jane") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class World:
    """The authorizer and this API, one behind the other, with a clock that tests hold."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self.gateway = gateway
        self.clock = clock
        self.account = self.new_account()

    def new_account(self, tenant: str = "acme", scopes: tuple[str, ...] = ("*",), **more: Any) -> str:
        return tokens.create(tenant, name="jane", scopes=scopes, now=self.clock.now(), **more)[1]

    def __call__(self, method: str, target: str = PATH, key: str = "", **headers: str) -> Answer:
        return self.gateway(method, target, headers=headers or basic(key or self.account))

    def token(self, key: str = "") -> str:
        return str(self("POST", key=key).json["token"])

    def opens(self, header: str) -> bool:
        answer = self.gateway("GET", "/tasks/voice_analysis/none", headers={"Authorization": header})
        assert answer.status in (401, 404), answer.body
        return answer.status == 404


@pytest.fixture
def world(aws: Aws, room: Room, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    from bonafide.routing import Tools

    router = room("app").make(Tools(now=clock.now, sleep=clock.sleep))
    with ExitStack() as stack:
        authorizer = stack.enter_context(load_handler("authorizer"))
        monkeypatch.setattr(authorizer.clock, "now", clock.now)
        gateway = Gateway(
            authorizer.lambda_handler, lambda event, _: router(event), context(), resource="/{proxy+}"
        )
        yield World(gateway, clock)


@rows("SEN-3", "SEN-5", "SEN-8", "SEN-15", "SEN-2")
@pytest.mark.parametrize("path", ["/auth/tokens", "//auth/tokens", "//auth//tokens/"])
def test_a_token_is_made(world: World, path: str) -> None:
    answer = world("POST", path)
    assert answer.status == 200
    made = answer.json
    assert set(made) == {"claims", "id", "success", "token"} and made["success"] is True
    assert set(made["claims"]) == {"iss", "sub", "aud", "jti", "iat", "exp", "scope"}
    assert (made["claims"]["sub"], made["claims"]["jti"]) == ("acme", made["id"])
    assert made["claims"]["exp"] - made["claims"]["iat"] == jwts.LIFE.total_seconds()
    head, body, _ = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in made["token"].split(".")
    )
    assert json.loads(head) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(body) == made["claims"]
    assert set(made["claims"]["scope"].split()) == {"analyses:read", "analyses:write", "webhooks"}


@rows("SEN-4", "X-4")
@pytest.mark.parametrize("spelling", ["Bearer {}", "{}", "bearer {}", "Token token={}"])
def test_a_token_opens_in_every_spelling(world: World, spelling: str) -> None:
    token = world.token()
    assert world.opens(spelling.format(token))
    assert world.opens(spelling.format(world.account)), "an account's key is a token like any other"


@rows("SEN-8")
def test_the_signature_is_that_of_the_tenants_secret(world: World) -> None:
    plain = world.token()
    body, _, mac = plain.rpartition(".")
    sealed = store.signing("acme")
    assert sealed is not None
    secret = keys.decrypt(sealed, {"tenant": "acme", "use": "jwt"})
    wanted = hmac.digest(secret.encode(), body.encode(), hashlib.sha256)
    assert base64.urlsafe_b64encode(wanted).rstrip(b"=").decode() == mac
    world.token(world.new_account("other"))
    assert store.signing("other") not in (None, sealed)


@rows("SEN-4", "SEN-7")
def test_what_is_forged_opens_nothing(world: World) -> None:
    head, body, mac = world.token().split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    forged = [
        f"{head}.{body}.{mac[:-2]}AA",
        f"{head}.{part(said | {'scope': '*'})}.{mac}",
        f"{head}.{part(said | {'sub': 'other'})}.{mac}",
        f"{head}.{part(said | {'sub': 'a#b'})}.{mac}",
        f"{head}.{part(said | {'jti': ['x']})}.{mac}",
        f"{head}.{part([1])}.{mac}",
        f"{part({'alg': 'none'})}.{body}.{mac}",
        f"{head}.!!.{mac}",
        f"{head}.{body}",
        "a.b.c",
    ]
    for token in forged:
        assert not world.opens(f"Bearer {token}"), token
        assert not world.opens(token), token


@rows("SEN-9", "SEN-10", "SEN-12", "SEN-13")
def test_tokens_are_listed_by_id_and_never_shown_again(world: World) -> None:
    first, second = world("POST").json, world("POST").json
    listed = world("GET")
    assert listed.status == 200
    assert listed.json == {
        "claims": {one["id"]: one["claims"] for one in (first, second)},
        "success": True,
    }
    one = world("GET", f"{PATH}/{first['id']}")
    assert (one.status, one.json) == (200, {"claims": first["claims"], "success": True})
    assert first["token"].encode() not in one.body + listed.body
    assert world("GET", f"{PATH}/tok_{'0' * 32}").status == 404


@rows("SEN-14", "SEN-11", "SEN-7")
def test_a_deleted_token_dies_at_once(world: World) -> None:
    made = [world("POST").json for _ in range(3)]
    assert all(world.opens(f"Bearer {one['token']}") for one in made)
    gone = world("DELETE", f"{PATH}/{made[0]['id']}")
    assert (gone.status, gone.json) == (200, {"deleted_tokens": [made[0]["id"]], "success": True})
    assert [world.opens(one["token"]) for one in made] == [False, True, True]
    assert world("DELETE", f"{PATH}/{made[0]['id']}").status == 404
    assert set(world("GET").json["claims"]) == {made[1]["id"], made[2]["id"]}
    rest = world("DELETE").json
    assert rest["success"] is True and set(rest["deleted_tokens"]) == {made[1]["id"], made[2]["id"]}
    assert not any(world.opens(one["token"]) for one in made)
    assert world("DELETE").json == {"deleted_tokens": [], "success": True}
    assert world.opens(world.account), "the account is not among its tokens"


@rows("SEN-7")
def test_tokens_live_as_long_as_their_account(world: World) -> None:
    key = world.new_account(expires_at=world.clock.now() + timedelta(days=1))
    short = world("POST", key=key).json
    assert short["claims"]["exp"] - short["claims"]["iat"] <= 86400
    long = world.token()
    world.clock.sleep(86401)
    assert not world.opens(short["token"]) and world.opens(long)
    account, _ = tokens.check(world.account, world.clock.now())
    assert account is not None and tokens.revoke("acme", account.id, now=world.clock.now())
    assert not world.opens(long), "a token dies with its account"
    assert world("POST").status == 401


@rows("SEN-3")
def test_only_basic_and_only_an_account(world: World) -> None:
    token = world.token()
    for headers in (
        {"Authorization": f"Bearer {world.account}"},
        {"Authorization": world.account},
        {"X-API-Key": world.account},
        basic("nobody's"),
        {"X-None": "1"},
    ):
        answer = world.gateway("POST", PATH, headers=headers)
        assert answer.status == 401 and answer.json["success"] is False and answer.json["error"]
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert world.gateway("POST", PATH, headers=basic(token)).status == 403, "a token makes no tokens"
    small = world.new_account(scopes=("tokens", "analyses:read"))
    assert world("POST", key=small).json["claims"]["scope"] == "analyses:read"
    assert world("POST", key=world.new_account(scopes=("analyses:read",))).status == 403
    assert world.gateway("GET", PATH, headers=basic("", world.account)).status == 200, "curl -u KEY:"


@rows("SEN-7", "SEN-9", "SEN-11")
def test_accounts_do_not_see_each_other(world: World) -> None:
    made = world("POST").json
    for key in (world.new_account(), world.new_account("other")):
        assert world("GET", key=key).json["claims"] == {}
        assert world("GET", f"{PATH}/{made['id']}", key=key).status == 404
        assert world("DELETE", f"{PATH}/{made['id']}", key=key).status == 404
        assert world("DELETE", key=key).json["deleted_tokens"] == []
    assert world.opens(made["token"])


@rows("SEN-7")
def test_an_account_has_a_hundred_tokens_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwts, "MAX_TOKENS", 2)
    world.token()
    world.token()
    answer = world("POST")
    assert answer.status == 409 and "2 tokens" in answer.json["error"]
    world("DELETE")
    assert world("POST").status == 200
