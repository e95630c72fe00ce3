"""``make policy-replay POLICY=…``: what another policy would have changed in analyses that are done.

``POLICY`` is a named one, one of the tenant's own, or thresholds as
``NAME:MANIPULATED_AT:GENUINE_AT[:uncertain]``.
Analyses are those of ``TENANT`` (default: local) in the local cloud or in the stack ``STACK``; or
``FILE``: exported
documents of /v1, one JSON value (a document, a list of them) or one a line. Nothing is changed anywhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bonafide.errors import BonafideError
from bonafide.model import Policy, State
from bonafide.policy import parse, policy
from bonafide.replay import Done, of_analysis, of_document, replay
from bonafide.store import analyses, tenants

from localcloud import place
from localcloud.cloud import CloudError

__all__ = ["main"]


def main(environment: Mapping[str, str]) -> int:
    """Print every change and the counts; 0, or 1 with the reason."""
    tenant, wanted = environment.get("TENANT") or "local", environment.get("POLICY", "")
    try:
        if environment.get("FILE"):
            rule, every = _rule(wanted, ()), list(_exported(Path(environment["FILE"])))
        else:
            place.use(environment)
            rule, every = _rule(wanted, tenants.get(tenant).policies), list(_stored(tenant))
    except BonafideError as error:
        print(f"error: {error.detail}", file=sys.stderr)
        return 1
    except (CloudError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _show(every, rule)
    return 0


def _rule(text: str, own: tuple[Policy, ...]) -> Policy:
    return parse(text) if ":" in text else policy(text, own)


def _stored(tenant: str) -> Iterator[Done]:
    before: str | None = None
    while True:
        page, before = analyses.list_(tenant, limit=100, before=before, state=State.COMPLETED)
        yield from filter(None, map(of_analysis, page))
        if before is None:
            return


def _exported(path: Path) -> Iterator[Done]:
    text = path.read_text("utf-8")
    try:
        said: Any = json.loads(text)
    except ValueError:
        said = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(said, dict):
        said = said["data"] if said.get("object") == "list" else [said]
    yield from filter(None, map(of_document, said))


def _show(every: list[Done], rule: Policy) -> None:
    moved = 0
    for done in every:
        after = replay(done, rule)
        if after.label is not done.verdict.label:
            moved += 1
            p_fake = "" if after.p_fake is None else f"  p_fake {after.p_fake:.3f}"
            by = f"  {after.decided_by}" if after.decided_by else ""
            print(f"{done.id}  {done.verdict.label} ({done.verdict.policy}) → {after.label}{p_fake}{by}")
    certain = (
        "the whole interval on its side of one half" if rule.certain else "the interval left out of account"
    )
    print(
        f"{rule.name}: manipulated from {rule.manipulated_at:g}, genuine to {rule.genuine_at:g}, {certain}. "
        f"{moved} of {len(every)} verdicts would be others."
    )


if __name__ == "__main__":
    raise SystemExit(main(os.environ))
