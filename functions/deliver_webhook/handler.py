"""SQS: bus events fan out into deliveries, deliveries are signed and posted. Failed records come again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bonafide.delivery import decode, receive
from bonafide.errors import BonafideError
from bonafide.telemetry import instrument, logger

__all__ = ["lambda_handler"]


def _now() -> datetime:
    return datetime.now(UTC)


@instrument
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the records that SQS should send again (ReportBatchItemFailures)."""
    failed = []
    for record in event["Records"]:
        try:
            receive(decode(record["body"]), clock=_now)
        except BonafideError as error:
            logger.warning("webhook message put back", extra={"code": error.code, "detail": error.detail})
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
