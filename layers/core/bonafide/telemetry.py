"""Structured logs and metrics in one place. No media, secrets or file names are ever logged.

Traces come from AWS X-Ray's active tracing (template.yaml), which needs no SDK in the function; the
trace id stands in every log line. See docs/decisions/0006-traces-without-sdk.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "instrument", "logger", "metrics"]

logger = Logger(service="bonafide")
metrics = Metrics(namespace="Bonafide", service="bonafide")

# A call that has nothing to count is normal here (a poll, an authorizer), not worth a line in the log.
warnings.filterwarnings("ignore", message="No application metrics to publish")


def instrument(handler: Callable[[dict[str, Any], Any], Any]) -> Callable[[dict[str, Any], Any], Any]:
    """Wrap a Lambda handler: request id in every log line, metrics flushed at the end, even on an error.

    Whoever learns the analysis and tenant adds them with ``logger.append_keys(analysis_id=…, tenant=…)``.
    """
    return logger.inject_lambda_context(metrics.log_metrics(handler), clear_state=True, log_event=False)
