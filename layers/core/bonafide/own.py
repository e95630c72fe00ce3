"""An owner's models: which there are, which run in shadow, which are promoted. Pure; `shelf` keeps them.

The same index names the cameras that the owner enrolled (`cameras`).

A release is one measured version of a model and never changes. A *standing* says which release of a model
is promoted (fused) and which runs in shadow (shown, not fused): a new version stands in shadow beside the
promoted one. Every change keeps the standing before it, so that one step back is one command.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue

from bonafide.cameras import Camera
from bonafide.errors import Conflict, NotFound
from bonafide.model import Weights, Word

__all__ = [
    "Index",
    "OwnModel",
    "Release",
    "Standing",
    "add",
    "demote",
    "folder",
    "promote",
    "remove",
    "rollback",
    "rows",
    "running",
    "weigh",
]

KEPT_STEPS = 20
"""How many standings a model remembers."""

_SHOWN = ("name", "title", "version", "type", "operation", "kind", "media_kinds", "sha256", "licence")


class Release(Word):
    """One version as ``make model-add`` measured it: the whole manifest, and when it came."""

    manifest: dict[str, JsonValue]
    added_at: datetime


class Standing(Word):
    """Which versions run."""

    promoted: str | None = None
    shadow: str | None = None


class OwnModel(Word):
    """All of one name: its releases by version, how it stands, and how it stood (oldest first)."""

    releases: dict[str, Release]
    standing: Standing = Standing()
    former: tuple[Standing, ...] = ()


class Index(Word):
    """``index.json`` of the models bucket. What it does not name does not run, whatever else lies there."""

    format: Literal[1] = 1
    models: dict[str, OwnModel] = Field({})
    weights: tuple[Weights, ...] = ()
    cameras: dict[str, Camera] = Field({})

    def with_cameras(self, cameras: dict[str, Camera]) -> Index:
        """Return the index with these cameras for its own (`cameras.enrol`, `cameras.withdraw`)."""
        return self.model_copy(update={"cameras": cameras})


def folder(name: str, version: str) -> str:
    """Return where a release lies in the bucket."""
    return f"models/{name}/{version}"


def running(index: Index) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield (manifest, promoted) of every release that runs, by name; the promoted one first."""
    for name in sorted(index.models):
        model = index.models[name]
        for version, promoted in ((model.standing.promoted, True), (model.standing.shadow, False)):
            if version is not None:
                yield model.releases[version].manifest, promoted


def rows(index: Index) -> list[dict[str, Any]]:
    """Return what plans and ``/v1/models`` need, in the catalogue's shape."""
    return [
        {name: manifest[name] for name in _SHOWN}
        | {
            "calibrated": manifest.get("calibration") is not None,
            "figures": manifest.get("figures", {}),
            "shadow": not promoted,
        }
        for manifest, promoted in running(index)
    ]


def add(index: Index, manifest: dict[str, Any], *, now: datetime) -> Index:
    """Add a release; it stands in shadow.

    One that is measured again with the same weights takes the place of the former measurement; fitted
    weights of its old calibration go, for they were fitted to other numbers.

    Raises
    ------
    Conflict
        This version exists with other contents: a release never changes, so raise the version.
    """
    name, version = manifest["name"], manifest["version"]
    model = index.models.get(name) or OwnModel(releases={})
    known = model.releases.get(version)
    if known and known.manifest["sha256"] != manifest["sha256"]:
        raise Conflict(f"{name} {version} exists with other weights; raise the version.")
    model = model.model_copy(
        update={"releases": {**model.releases, version: Release(manifest=manifest, added_at=now)}}
    )
    if model.standing.promoted == version:
        raise Conflict(f"{name} {version} is promoted; raise the version, or demote it first.")
    if known and known.manifest.get("calibration") != manifest.get("calibration"):
        others = tuple(one for one in index.weights if f"{name}@{version}" not in one.weights)
        index = index.model_copy(update={"weights": others})
    return _with(index, name, _moved(model, model.standing.model_copy(update={"shadow": version})))


def promote(index: Index, name: str) -> Index:
    """Fuse the release that runs in shadow. Raises `NotFound`, `Conflict` (none in shadow, uncalibrated)."""
    model = _known(index, name)
    version = model.standing.shadow
    if version is None:
        raise Conflict(f"{name} has nothing in shadow that could be promoted.")
    if model.releases[version].manifest.get("calibration") is None:
        raise Conflict(f"{name} {version} has no calibration, so it cannot vote: add it with DATA.")
    return _with(index, name, _moved(model, Standing(promoted=version)))


def demote(index: Index, name: str) -> Index:
    """Fuse it no more; it goes on in shadow, unless a newer one runs there. Raises `NotFound`, `Conflict`."""
    model = _known(index, name)
    standing = model.standing
    if standing.promoted is None:
        raise Conflict(f"{name} is not promoted.")
    return _with(index, name, _moved(model, Standing(shadow=standing.shadow or standing.promoted)))


def remove(index: Index, name: str) -> Index:
    """Run it no more, not even in shadow; its releases stay. Raises `NotFound`, `Conflict`."""
    model = _known(index, name)
    if model.standing == Standing():
        raise Conflict(f"{name} does not run.")
    return _with(index, name, _moved(model, Standing()))


def rollback(index: Index, name: str) -> Index:
    """Let it stand as before the last change. Raises `NotFound`, `Conflict` (nothing before)."""
    model = _known(index, name)
    if not model.former:
        raise Conflict(f"{name} has never stood otherwise.")
    back = model.model_copy(update={"standing": model.former[-1], "former": model.former[:-1]})
    return _with(index, name, back)


def weigh(index: Index, fitted: Weights) -> Index:
    """Keep fitted weights; those of the same operation and the same models are replaced."""
    others = tuple(
        one
        for one in index.weights
        if one.operation != fitted.operation or one.weights.keys() != fitted.weights.keys()
    )
    return index.model_copy(update={"weights": (*others, fitted)})


def _known(index: Index, name: str) -> OwnModel:
    if name not in index.models:
        raise NotFound(f"There is no model {name!r}; known are {', '.join(sorted(index.models)) or 'none'}.")
    return index.models[name]


def _moved(model: OwnModel, standing: Standing) -> OwnModel:
    if standing == model.standing:
        return model
    former = (*model.former, model.standing)[-KEPT_STEPS:]
    return model.model_copy(update={"standing": standing, "former": former})


def _with(index: Index, name: str, model: OwnModel) -> Index:
    return index.model_copy(update={"models": {**index.models, name: model}})
