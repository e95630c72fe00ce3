"""The owner's own command: ``python -m bonafide.admin token --tenant NAME``, ``… tenant --tenant NAME``.

It uses the owner's AWS credentials and the same environment as a function (TABLE_NAME, MEDIA_BUCKET,
EVENT_BUS_NAME; the stack's outputs name them). The first token of a tenant can only be made here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from bonafide import clock, tokens
from bonafide.errors import BonafideError, InvalidRequest
from bonafide.ids import TENANT
from bonafide.policy import POLICIES, parse, policy
from bonafide.store import tenants
from bonafide.tenants import Plan, Tenant
from bonafide.tokens import Scope

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, *, now: Callable[[], datetime] = clock.now) -> int:
    """Run the command; returns the exit status. A token is printed once, alone on standard output."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, now()))
    except ValidationError as error:
        missing = ", ".join(str(entry["loc"][0]).upper() for entry in error.errors())
        print(f"Set {missing} in the environment (the stack's outputs name them).", file=sys.stderr)
        return 2
    except BonafideError as error:
        print(error.detail, file=sys.stderr)
        return 1


def _token(options: argparse.Namespace, moment: datetime) -> int:
    expires = moment + timedelta(days=options.days) if options.days else None
    scopes = options.scope or [Scope.ALL.value]
    record, plain = tokens.create(
        options.tenant, name=options.name, scopes=scopes, now=moment, expires_at=expires
    )
    print(
        f"{record.id} for {record.tenant}: {' '.join(record.scopes)}. It is shown only now.", file=sys.stderr
    )
    print(plain)
    return 0


def _tenant(options: argparse.Namespace, moment: datetime) -> int:
    if not TENANT.fullmatch(options.tenant):
        raise InvalidRequest("A tenant's name is 1 to 40 of a-z, 0-9 and -, and begins with no -.")
    known = tenants.get(options.tenant)
    wanted = {name: getattr(options, name) for name in ("plan", "policy") if getattr(options, name)}
    if options.own_policy:
        own = {rule.name: rule for rule in (*known.policies, *options.own_policy)}
        wanted["policies"] = tuple(own.values())
    if options.policy:
        policy(options.policy, wanted.get("policies", known.policies))
    if wanted:
        known = tenants.put(Tenant.model_validate(known.model_dump() | wanted), now=moment)
    print(f"{known.id}: plan {known.plan}, policy {known.policy}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bonafide.admin", description="Administer Bonafide.")
    commands = parser.add_subparsers(dest="command", required=True)
    token = commands.add_parser("token", help="make a token and print it once")
    token.add_argument("--tenant", required=True, help="1 to 40 of a-z, 0-9 and -")
    token.add_argument("--name", default="first", help="for people (default: first)")
    token.add_argument(
        "--scope", action="append", choices=[scope.value for scope in Scope], help="may repeat (default: *)"
    )
    token.add_argument("--days", type=int, help="days until it expires (default: never)")
    token.set_defaults(run=_token)
    tenant = commands.add_parser("tenant", help="say what a tenant may use; without options, show it")
    tenant.add_argument("--tenant", required=True, help="1 to 40 of a-z, 0-9 and -")
    tenant.add_argument("--plan", choices=[plan.value for plan in Plan], help="at first FREE")
    tenant.add_argument(
        "--policy", help=f"verdict policy where none is asked for: {', '.join(POLICIES)}, or own"
    )
    tenant.add_argument(
        "--own-policy",
        action="append",
        type=parse,
        metavar="NAME:MANIPULATED_AT:GENUINE_AT[:uncertain]",
        help="thresholds of its own; `uncertain` leaves the interval out of account (may repeat)",
    )
    tenant.set_defaults(run=_tenant)
    return parser


if __name__ == "__main__":
    sys.exit(main())
