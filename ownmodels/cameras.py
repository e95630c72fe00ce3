"""``make camera-add | camera-list | camera-remove``: an owner's cameras (docs/cameras.md)."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from bonafide import cameras, clock, shelf
from bonafide.cameras import Camera

from localcloud import place
from ownmodels import enrol
from ownmodels.folder import Refused

__all__ = ["add", "list_", "remove"]

Environment = Mapping[str, str]
_NAME = re.compile("[a-z0-9][a-z0-9_]{0,39}")
_EXAMPLE = "make camera-add NAME=<camera> DATA=<folder of its pictures> [TENANT=<tenant>,…]"


def add(environment: Environment) -> int:
    """Estimate the sensor pattern of NAME from the pictures in DATA, and put it on the shelf (or in OUT)."""
    name, data = environment.get("NAME", ""), environment.get("DATA", "")
    if not _NAME.fullmatch(name) or not data:
        raise Refused("usage", f"say {_EXAMPLE}; a name has a-z, 0-9 and _")
    tenants = [one.strip() for one in environment.get("TENANT", "").split(",") if one.strip()]
    made = enrol.enrol(Path(data), tenants=tenants, now=clock.now())
    if out := environment.get("OUT"):
        enrol.write(Path(out, cameras.FOLDER), name, made)
        where = out
    else:
        where = place.use(environment)
        cameras.enrol(shelf.read().cameras, name, made.camera)  # says no before anything is uploaded
        shelf.put_pattern(name, made.camera, made.pattern)
        shelf.write(lambda index: index.with_cameras(cameras.enrol(index.cameras, name, made.camera)))
    print(_line(name, made.camera))
    for stranger in made.strangers:
        print(f"  {stranger} does not bear what the others share", file=sys.stderr)
    print(f"{name} is in {where}.", file=sys.stderr)
    return 0


def list_(environment: Environment) -> int:
    """Print every enrolled camera."""
    place.use(environment)
    known = shelf.read().cameras
    for name, camera in sorted(known.items()):
        print(_line(name, camera))
    if not known:
        print(f"No cameras yet: {_EXAMPLE}", file=sys.stderr)
    return 0


def remove(environment: Environment) -> int:
    """Compare with NAME no more; its pattern is erased with every version of it."""
    name = environment.get("NAME", "")
    if not name:
        raise Refused("usage", "say make camera-remove NAME=<camera>")
    place.use(environment)
    shelf.write(lambda index: index.with_cameras(cameras.withdraw(index.cameras, name)))
    shelf.erase_patterns(name)
    print(f"{name} is gone.")
    return 0


def _line(name: str, camera: Camera) -> str:
    figures = camera.figures
    seen = ", ".join(camera.tenants) or "all tenants"
    return (
        f"{name}  {camera.width} x {camera.height}  {figures.get('bearing')} of {camera.pictures} pictures"
        f" bear the pattern of the others (median energy {figures.get('pce_median')}, "
        f"{figures.get('pce_least')} at least)  {seen}  added {camera.added_at:%Y-%m-%d}"
    )
