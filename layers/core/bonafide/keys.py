"""The KMS adapter: small secrets, wrapped under a key that never leaves KMS and bound to their owner."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bonafide.errors import Unavailable
from bonafide.settings import settings

__all__ = ["decrypt", "encrypt"]


@lru_cache(maxsize=1)
def client() -> Any:
    """One client a process."""
    return boto3.client("kms", region_name=settings().aws_region)


def _call(method: str, **arguments: Any) -> Any:
    try:
        return getattr(client(), method)(KeyId=settings().secrets_key_arn, **arguments)
    except ClientError as error:
        raise Unavailable(f"KMS refused {method}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"KMS does not answer: {type(error).__name__}") from error


def encrypt(plain: str, context: Mapping[str, str]) -> str:
    """Return ``plain`` (up to 4 kB) encrypted, in base64; only the same ``context`` opens it again."""
    answer = _call("encrypt", Plaintext=plain.encode(), EncryptionContext=dict(context))
    return base64.b64encode(answer["CiphertextBlob"]).decode()


def decrypt(sealed: str, context: Mapping[str, str]) -> str:
    """Return what `encrypt` was given. Raises Unavailable if the context or the key does not fit."""
    return _decrypt(sealed, tuple(sorted(context.items())))


@lru_cache(maxsize=256)
def _decrypt(sealed: str, context: tuple[tuple[str, str], ...]) -> str:
    # Kept for the life of the process: the retries of a day would ask KMS for the same again and again.
    answer = _call("decrypt", CiphertextBlob=base64.b64decode(sealed), EncryptionContext=dict(context))
    return bytes(answer["Plaintext"]).decode()
