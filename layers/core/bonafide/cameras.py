"""The cameras that an owner enrolled: what the index says of each, and who may see it. Pure.

A camera is known by the fixed pattern of its sensor, estimated from the owner's pictures. The pattern is
bare bytes, one a pixel of the central crop, so there is nothing in it to parse; the index has its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from bonafide.errors import Conflict, NotFound
from bonafide.words import Word

__all__ = ["FOLDER", "INDEX", "MOST", "Camera", "enrol", "key", "pattern_file", "seen_by", "withdraw"]

FOLDER = "cameras"
"""Where they lie: in the bucket, and beside an owner's model folders."""
INDEX = "cameras.json"
"""Beside the patterns on a disk: a table of `Camera` by name."""
MOST = 50
"""Cameras of one stack; each costs every picture of its size a correlation."""


class Camera(Word):
    """``width``, ``height``: of its pictures as stored; ``tenants``: who sees it, none means all."""

    width: int = Field(ge=1, le=65535)
    height: int = Field(ge=1, le=65535)
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the pattern.")
    pictures: int = Field(ge=1, description="From how many it was estimated.")
    tenants: tuple[str, ...] = ()
    figures: dict[str, float | int] = Field(
        {}, description="Measured when it was enrolled (docs/cameras.md)."
    )
    added_at: datetime


Cameras = Mapping[str, Camera]


def pattern_file(camera: Camera) -> str:
    """Return the name of its pattern's file."""
    return f"{camera.sha256}.pattern"


def key(name: str, camera: Camera) -> str:
    """Return where its pattern lies in the bucket."""
    return f"{FOLDER}/{name}/{pattern_file(camera)}"


def enrol(known: Cameras, name: str, camera: Camera) -> dict[str, Camera]:
    """Add a camera; the same pattern again changes nothing but who sees it.

    Raises
    ------
    Conflict
        The name has another pattern, or the pattern another name, or there are `MOST` already.
    """
    before = known.get(name)
    if before and before.sha256 != camera.sha256:
        raise Conflict(f"{name} is enrolled with another pattern; remove it first.")
    if before:
        return {**known, name: before.model_copy(update={"tenants": camera.tenants})}
    twin = next((other for other, one in known.items() if one.sha256 == camera.sha256), None)
    if twin:
        raise Conflict(f"This very pattern is enrolled as {twin}.")
    if len(known) >= MOST:
        raise Conflict(f"{MOST} cameras are enrolled already; remove one first.")
    return {**known, name: camera}


def withdraw(known: Cameras, name: str) -> dict[str, Camera]:
    """Leave a camera out. Raises `NotFound`."""
    if name not in known:
        raise NotFound(f"There is no camera {name!r}; known are {', '.join(sorted(known)) or 'none'}.")
    return {other: camera for other, camera in known.items() if other != name}


def seen_by(known: Cameras, tenant: str | None) -> dict[str, Camera]:
    """Return the cameras that a tenant's pictures are compared with; None: those that all may see."""
    return {name: one for name, one in known.items() if not one.tenants or tenant in one.tenants}
