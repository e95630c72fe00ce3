"""Structured logs and metrics in one place. No media, secrets or file names are ever logged.

Traces come from AWS X-Ray's active tracing (template.yaml), which needs no SDK in the function; the
trace id stands in every log line. See docs/decisions/0006-traces-without-sdk.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "instrument", "logger", "metrics"]

logger = Logger(service="bonafide")
metrics = Metrics(namespace="Bonafide", service="bonafide")


def instrument(handler: Callable[[dict[str, Any], Any], Any]) -> Callable[[dict[str, Any], Any], Any]:
    """Wrap a Lambda handler: request id in every log line, metrics flushed at the end, even on an error.

    Whoever learns the analysis and tenant adds them with ``logger.append_keys(analysis_id=…, tenant=…)``.
    """

    @wraps(handler)
    def counted(event: dict[str, Any], context: Any) -> Any:
        try:
            return handler(event, context)
        finally:
            if metrics.metric_set:  # nothing to count is normal (a poll, an authorizer), not worth a warning
                metrics.flush_metrics()

    return logger.inject_lambda_context(counted, clear_state=True, log_event=False)
