"""What deletion receipts and their keys look like, as models. OpenAPI and the tests are made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from native.documents_account import Document

__all__ = ["DeletionReceipt", "ErasedCounts", "KeptEntry", "KeySet", "PublicKey"]


class ErasedCounts(Document):
    """How much there was: versions and delete markers of objects; rows of the table."""

    media: int
    working_files: int
    artifacts: int
    records: int


class KeptEntry(Document):
    """Something that stays, in words, and until when (null: see there)."""

    what: str
    why: str
    until: datetime | None


class DeletionReceipt(Document):
    """What was erased, what stays and why. `jws` signs all other members."""

    object: Literal["deletion_receipt"]
    analysis_id: str
    tenant: str
    reason: Literal["deleted", "zero_retention"]
    created_at: datetime = Field(description="Of the analysis.")
    erased_at: datetime
    confirmed_at: datetime | None = Field(
        description="When all was looked for again, after everything that could write had ended. "
        "Null for the first 16 to 21 minutes after a DELETE."
    )
    erased: ErasedCounts
    kept: list[KeptEntry]
    jws: str = Field(
        description="JWS (RFC 7515) in compact form, ES256. Its payload is this document without `jws`; "
        "its key is in `GET /v1/keys`, by `kid`.",
        pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$",
    )


class PublicKey(Document):
    """A public key as a JWK (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


class KeySet(Document):
    """A JWK Set."""

    keys: list[PublicKey]
