"""The owner's own command: ``python -m bonafide.admin token --tenant NAME``.

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
from bonafide.errors import BonafideError
from bonafide.tokens import Scope

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, *, now: Callable[[], datetime] = clock.now) -> int:
    """Run the command; returns the exit status. The token is printed once, alone on standard output."""
    options = _parser().parse_args(arguments)
    moment = now()
    expires = moment + timedelta(days=options.days) if options.days else None
    scopes = options.scope or [Scope.ALL.value]
    try:
        record, plain = tokens.create(
            options.tenant, name=options.name, scopes=scopes, now=moment, expires_at=expires
        )
    except ValidationError as error:
        missing = ", ".join(str(entry["loc"][0]).upper() for entry in error.errors())
        print(f"Set {missing} in the environment (the stack's outputs name them).", file=sys.stderr)
        return 2
    except BonafideError as error:
        print(error.detail, file=sys.stderr)
        return 1
    print(
        f"{record.id} for {record.tenant}: {' '.join(record.scopes)}. It is shown only now.", file=sys.stderr
    )
    print(plain)
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
    return parser


if __name__ == "__main__":
    sys.exit(main())
