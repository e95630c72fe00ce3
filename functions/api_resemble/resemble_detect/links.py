"""Links to what lies in the bucket: anybody who has one may read that one object for an hour (RES-51)."""

from __future__ import annotations

from bonafide import media

__all__ = ["LINK_S", "link"]

LINK_S = 3600
"""Every answer makes its links anew."""


def link(key: str, filename: str, media_type: str) -> str:
    """Return a link to one object of the media bucket."""
    return media.presign_get(key, filename=filename, media_type=media_type, seconds=LINK_S)
