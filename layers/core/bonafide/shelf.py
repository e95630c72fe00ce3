"""The models bucket: ``index.json``, the releases' folders (see `own`), patterns of cameras (`cameras`).

A function reads the index at every use, for a promotion must not wait for warm functions to die; weights are
downloaded once a process. Without a bucket in the settings there are no models of the owner's.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from bonafide import cameras, own
from bonafide.cameras import Camera
from bonafide.errors import Conflict, Unavailable
from bonafide.media import client
from bonafide.model import Operation
from bonafide.own import Index
from bonafide.settings import settings

__all__ = ["INDEX", "erase_patterns", "folders", "put_pattern", "read", "upload", "write"]

INDEX = "index.json"


def read() -> Index:
    """Return the index; an empty one where there is no bucket or nothing in it. Raises `Unavailable`."""
    return _read()[0]


def _read() -> tuple[Index, str | None]:
    if not settings().models_bucket:
        return Index(), None
    try:
        answer = client().get_object(Bucket=settings().models_bucket, Key=INDEX)
        return Index.model_validate_json(answer["Body"].read()), answer["ETag"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return Index(), None
        raise Unavailable(f"the models bucket refused: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the models bucket does not answer: {type(error).__name__}") from error


def write(change: Any) -> Index:
    """Read, apply ``change(index) -> index``, write. The bucket's versions keep what was before.

    Raises
    ------
    Conflict
        Somebody else wrote in between; nothing was changed. Also whatever ``change`` raises.
    """
    before, mark = _read()
    after: Index = change(before)
    body = after.model_dump_json(exclude_defaults=True, indent=1).encode()
    condition = {"IfMatch": mark} if mark else {"IfNoneMatch": "*"}
    try:
        client().put_object(
            Bucket=settings().models_bucket, Key=INDEX, Body=body, ContentType="application/json", **condition
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise Conflict("Somebody else changed the models at this moment; try again.") from error
        raise Unavailable(f"the models bucket refused: {error.response['Error']['Code']}") from error
    return after


def upload(place: Path, name: str, version: str) -> None:
    """Put the files of a measured folder where the index will say that they lie."""
    for file in sorted(place.iterdir()):
        key = f"{own.folder(name, version)}/{file.name}"
        try:
            client().upload_file(str(file), settings().models_bucket, key)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the models bucket refused {key}: {type(error).__name__}") from error


def put_pattern(name: str, camera: Camera, pattern: bytes) -> None:
    """Put a camera's pattern where the index will say that it lies."""
    _cameras_call("put_object", Key=cameras.key(name, camera), Body=pattern)


def erase_patterns(name: str) -> None:
    """Delete every version of a camera's patterns; what is not there is fine."""
    prefix = f"{cameras.FOLDER}/{name}/"
    while True:
        answer = _cameras_call("list_object_versions", Prefix=prefix)
        found = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())]
        if not found:
            return
        listed = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]
        _cameras_call("delete_objects", Delete={"Objects": listed, "Quiet": True})


def _cameras_call(method: str, **arguments: Any) -> Any:
    try:
        return getattr(client(), method)(Bucket=settings().models_bucket, **arguments)
    except ClientError as error:
        raise Unavailable(f"the models bucket refused: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the models bucket does not answer: {type(error).__name__}") from error


def folders(index: Index, kind: str, operations: Iterable[str], tenant: str | None = None) -> str | None:
    """Bring what is the owner's for these operations here; the directory of its folders, or None.

    That is the running releases, and in ``cameras/`` the cameras that this tenant sees.

    Each is a folder with ``model.json`` (``promoted`` as the index says) and ``model.onnx``, whose hash is
    checked where it is loaded. A release whose weights cannot be had is left without them, and speaks as
    failed.
    """
    asked = set(operations)
    wanted = [
        (manifest, promoted)
        for manifest, promoted in own.running(index)
        if manifest["kind"] == kind and manifest["operation"] in asked
    ]
    asks = kind == "image" and Operation.SYNTHETIC_IMAGE in asked
    enrolled = cameras.seen_by(index.cameras, tenant) if asks else {}
    if not wanted and not enrolled:
        return None
    said = {name: one.model_dump(mode="json", exclude={"tenants"}) for name, one in enrolled.items()}
    text = json.dumps([wanted, said], sort_keys=True)
    root = Path(_room().name, hashlib.sha256(text.encode()).hexdigest()[:16])
    if not root.is_dir():
        with tempfile.TemporaryDirectory(dir=_room().name, ignore_cleanup_errors=True) as part:
            for manifest, promoted in wanted:
                _bring(Path(part), manifest, promoted)
            if enrolled:
                _bring_cameras(Path(part, cameras.FOLDER), enrolled)
            Path(part).rename(root)  # whole, or not at all
    return str(root)


@lru_cache(maxsize=1)
def _room() -> tempfile.TemporaryDirectory[str]:
    """One directory a process; it goes with the process."""
    return tempfile.TemporaryDirectory(prefix="bonafide-models-", ignore_cleanup_errors=True)


def _bring(root: Path, manifest: Mapping[str, Any], promoted: bool) -> None:
    name, version = manifest["name"], manifest["version"]
    place = root / f"{name}-{version}"
    place.mkdir()
    weights = _brought(f"{own.folder(name, version)}/model.onnx", f"{manifest['sha256']}.onnx")
    if weights is not None:
        (place / "model.onnx").symlink_to(weights)
    (place / "model.json").write_text(json.dumps({**manifest, "promoted": promoted}))


def _bring_cameras(place: Path, enrolled: Mapping[str, Camera]) -> None:
    place.mkdir()
    for name, camera in enrolled.items():
        pattern = _brought(cameras.key(name, camera), cameras.pattern_file(camera))
        if pattern is not None:
            (place / cameras.pattern_file(camera)).symlink_to(pattern)
    said = {name: one.model_dump(mode="json", exclude={"tenants"}) for name, one in enrolled.items()}
    (place / cameras.INDEX).write_text(json.dumps(said))


def _brought(key: str, name: str) -> Path | None:
    """Return an object on this disk, downloaded if this process has not yet; None if it is not there."""
    path = Path(_room().name, name)
    if not path.exists():
        try:
            client().download_file(settings().models_bucket, key, str(path))
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise Unavailable(f"the models bucket refused: {error.response['Error']['Code']}") from error
        except BotoCoreError as error:
            raise Unavailable(f"the models bucket does not answer: {type(error).__name__}") from error
    return path
