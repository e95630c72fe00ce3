"""The only reader of the environment. A missing or malformed variable fails the cold start, by name."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Settings", "settings"]


class Settings(BaseModel):
    """What `template.yaml` tells a function. Names are the environment variables in lower case.

    The first group is given to every function; the others default to empty and are given only to
    the functions whose role may use them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    table_name: str = Field(min_length=3)
    media_bucket: str = Field(min_length=3)
    event_bus_name: str = Field(min_length=1)
    aws_region: str = "us-east-1"
    aws_lambda_function_name: str = "local"
    aws_lambda_function_memory_size: int = 1024
    aws_lambda_runtime_api: str = Field("", description="host:port inside Lambda; never called by us.")
    service_version: str = "0.1.0"

    state_machine_arn: str = ""
    webhook_queue_url: str = ""
    webhook_queue_arn: str = ""
    webhook_dlq_url: str = ""
    scheduler_role_arn: str = ""
    scheduler_group: str = "default"
    secrets_key_arn: str = Field("", description="KMS key that wraps webhook secrets.")
    receipt_key_arn: str = Field("", description="KMS key that signs deletion receipts.")
    models_bucket: str = Field("", description="Where the owner's models lie; none: only shipped ones run.")
    description_model: str = Field("", description="Bedrock model that words descriptions; none: by rule.")
    public_base_url: str = Field("", description="Where clients reach the API; else taken from the request.")

    allow_loopback: bool = Field(False, description="Local cloud only: outbound calls to 127.0.0.0/8.")
    platform_pages: bool = Field(
        False, description="Look for the media behind pages of platforms (pages.py)."
    )
    page_host: str = Field("", description="Tests only, with loopback: a host taken for a platform's.")
    inline_limit_bytes: int = Field(4_500_000, description="Largest multipart file that the gateway carries.")
    upload_limit_bytes: int = Field(2 * 1024**3, description="Largest file by presigned upload, URL or drop.")
    fetch_timeout_s: int = 120
    retention_days: int = Field(30, ge=1, description="Rows and media live this long.")
    max_items: int = Field(40, description="Work items that run at once.")
    transcription_engine: Literal["amazon", "pocketsphinx"] = "pocketsphinx"
    transcription_prefix: str = Field("bonafide-", description="How the names of Amazon's jobs begin.")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the environment once. Raises pydantic's ValidationError naming what is wrong."""
    known = {name.upper(): name for name in Settings.model_fields}
    return Settings.model_validate({known[k]: v for k, v in os.environ.items() if k in known})
