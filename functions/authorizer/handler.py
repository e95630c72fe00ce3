"""Says who calls. It lets every request through: the handlers answer 401 in their dialect's shape."""

from __future__ import annotations

from typing import Any

from bonafide import clock, tokens
from bonafide.telemetry import instrument, logger

__all__ = ["lambda_handler"]


@instrument
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return an Allow policy for the whole stage, with tenant, token_id, scopes and reason as its context.

    A broken table raises: the gateway answers 500, and nobody is taken for somebody.
    """
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    plain = tokens.presented(headers)
    record, reason = tokens.check(plain, clock.now()) if plain else (None, "missing_credentials")
    if record:
        logger.append_keys(tenant=record.tenant, token_id=record.id)
    logger.info("identified" if record else "unknown", extra={"reason": reason})
    return {
        "principalId": record.tenant if record else "nobody",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": _stage(event["methodArn"])}
            ],
        },
        "context": {
            "tenant": record.tenant if record else "",
            "token_id": record.id if record else "",
            "scopes": " ".join(record.scopes) if record else "",
            "reason": reason,
        },
    }


def _stage(method_arn: str) -> str:
    """Return ``arn:…:<api>/<stage>/*``; the answer must hold for every method, as it says nothing else."""
    return "/".join(method_arn.split("/")[:2]) + "/*"
