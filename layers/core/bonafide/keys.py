"""The KMS adapter: small secrets wrapped, and words signed, with keys that never leave KMS."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bonafide.errors import Unavailable
from bonafide.settings import settings

__all__ = ["decrypt", "encrypt", "public_point", "sign"]

_COORDINATE = 32  # bytes, of P-256


@lru_cache(maxsize=1)
def client() -> Any:
    """One client a process."""
    return boto3.client("kms", region_name=settings().aws_region)


def _call(method: str, key: str = "", **arguments: Any) -> Any:
    try:
        return getattr(client(), method)(KeyId=key or settings().secrets_key_arn, **arguments)
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


def sign(message: bytes) -> bytes:
    """Return the ECDSA signature (P-256, SHA-256) of ``message``, 4 kB at most: r and s, as JOSE wants it."""
    answer = _call(
        "sign",
        key=settings().receipt_key_arn,
        Message=message,
        MessageType="RAW",
        SigningAlgorithm="ECDSA_SHA_256",
    )
    return _flat(bytes(answer["Signature"]))


def _flat(der: bytes) -> bytes:
    """Return r and s of a DER ``SEQUENCE {INTEGER r, INTEGER s}``; of P-256 every length is one byte."""
    size = der[3]
    r, s = der[4 : 4 + size], der[6 + size :]
    return b"".join(int.from_bytes(number).to_bytes(_COORDINATE) for number in (r, s))


@lru_cache(maxsize=1)
def public_point() -> tuple[bytes, bytes]:
    """Return x and y of the key that `sign` uses: the end of its SubjectPublicKeyInfo (RFC 5480)."""
    info = bytes(_call("get_public_key", key=settings().receipt_key_arn)["PublicKey"])
    return info[-2 * _COORDINATE : -_COORDINATE], info[-_COORDINATE:]
