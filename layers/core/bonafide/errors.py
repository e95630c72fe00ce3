"""Everything that can go wrong in a way a caller should hear about.

    BonafideError
    ├── InvalidRequest            400  the request cannot be understood
    │   └── UnknownOperation      400
    ├── Unauthenticated           401
    ├── InsufficientCredits       402  the month's credits do not cover it
    ├── Forbidden                 403  a known caller without the scope
    ├── NotFound                  404  absent, or another tenant's: the two look alike
    ├── MethodNotAllowed          405
    ├── Conflict                  409
    ├── Gone                      410
    ├── TooLarge                  413
    ├── UnsupportedMedia          415
    ├── Unprocessable             422  well-formed, but a value is not acceptable
    ├── RateLimited               429
    ├── Refused                        an address or media that we will not touch (400)
    └── Unavailable               503  broken infrastructure: worth a retry
        └── StorageFull           503  the store takes no more bytes

The numbers live in `http.py`; here are only the meanings. ``code`` is the stable machine name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = [
    "BonafideError",
    "Conflict",
    "Forbidden",
    "Gone",
    "InsufficientCredits",
    "InvalidRequest",
    "MethodNotAllowed",
    "NotFound",
    "RateLimited",
    "Refused",
    "StorageFull",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "UnknownOperation",
    "Unprocessable",
    "UnsupportedMedia",
]


class BonafideError(Exception):
    """Base of all: ``detail`` is for people, ``code`` for machines, ``errors`` points into the request."""

    code = "internal"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[Mapping[str, object]] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s


class InvalidRequest(BonafideError):
    """The request cannot be understood: broken JSON, missing part, bad header."""

    code = "invalid_request"


class UnknownOperation(InvalidRequest):
    """An operation was asked for that this system does not know."""

    code = "unknown_operation"


class Unauthenticated(BonafideError):
    """No credentials, or none that we issued."""

    code = "unauthenticated"


class InsufficientCredits(BonafideError):
    """The tenant's credits of this month do not cover what was asked for."""

    code = "insufficient_credits"


class Forbidden(BonafideError):
    """The caller is known but its token lacks the scope."""

    code = "forbidden"


class NotFound(BonafideError):
    """Absent, or another tenant's: an outsider cannot tell which."""

    code = "not_found"


class MethodNotAllowed(BonafideError):
    """The path exists, the method does not."""

    code = "method_not_allowed"


class Conflict(BonafideError):
    """The request contradicts the present state, or a twin of it is still under way."""

    code = "conflict"


class Gone(BonafideError):
    """It was here and has been erased."""

    code = "gone"


class TooLarge(BonafideError):
    """More bytes than this way in can carry; the detail names the way round."""

    code = "too_large"


class UnsupportedMedia(BonafideError):
    """A content type or file format that is not supported."""

    code = "unsupported_media"


class Unprocessable(BonafideError):
    """Well-formed, but a value is not acceptable."""

    code = "unprocessable"


class RateLimited(BonafideError):
    """Too many requests: over ``limit`` in ``window_s`` seconds; ``retry_after_s`` says when to come back."""

    code = "rate_limited"

    def __init__(
        self, detail: str, *, retry_after_s: int | None = None, limit: int = 0, window_s: int = 0
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.limit = limit
        self.window_s = window_s


class Refused(BonafideError):
    """An address or media that this system will not touch (private network, hostile redirect)."""

    code = "refused"


class Unavailable(BonafideError):
    """A part that we need does not answer; the same request may work later."""

    code = "unavailable"


class StorageFull(Unavailable):
    """The store takes no more bytes. S3 never says so; a store of the owner's own may."""

    code = "storage_full"
