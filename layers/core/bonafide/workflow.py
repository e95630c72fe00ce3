"""The Step Functions adapter. An execution is named after its analysis, so starting twice starts once."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bonafide.errors import Unavailable
from bonafide.settings import settings

__all__ = ["start", "status", "stop"]


@lru_cache(maxsize=1)
def client() -> Any:
    """One client a process."""
    return boto3.client("stepfunctions", region_name=settings().aws_region)


def _execution_arn(analysis_id: str) -> str:
    return settings().state_machine_arn.replace(":stateMachine:", ":execution:") + f":{analysis_id}"


def _call(method: str, absent: str, **arguments: Any) -> Any:
    """Call; ``None`` where the service answers with the error ``absent``."""
    try:
        return getattr(client(), method)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] == absent:
            return None
        raise Unavailable(f"the workflow refused {method}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the workflow does not answer: {type(error).__name__}") from error


def start(tenant: str, analysis_id: str, source: str) -> None:
    """Start the analysis; a second start of the same one does nothing."""
    _call(
        "start_execution",
        "ExecutionAlreadyExists",
        stateMachineArn=settings().state_machine_arn,
        name=analysis_id,
        input=json.dumps({"tenant": tenant, "analysis_id": analysis_id, "source": source}),
    )


def stop(analysis_id: str) -> None:
    """Stop the run, if there is one."""
    _call(
        "stop_execution", "ExecutionDoesNotExist", executionArn=_execution_arn(analysis_id), error="Deleted"
    )


def status(analysis_id: str) -> str | None:
    """Return RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; ``None`` if it was never started."""
    found = _call("describe_execution", "ExecutionDoesNotExist", executionArn=_execution_arn(analysis_id))
    return str(found["status"]) if found else None
