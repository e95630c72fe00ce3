"""The models bucket: ``index.json`` and the releases' folders (see `own`).

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

from bonafide import own
from bonafide.errors import Conflict, Unavailable
from bonafide.media import client
from bonafide.own import Index
from bonafide.settings import settings

__all__ = ["INDEX", "folders", "read", "upload", "write"]

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


def folders(index: Index, kind: str, operations: Iterable[str]) -> str | None:
    """Bring the running releases for these operations here; the directory of their folders, or None.

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
    if not wanted:
        return None
    text = json.dumps(wanted, sort_keys=True)
    root = Path(_room().name, hashlib.sha256(text.encode()).hexdigest()[:16])
    if not root.is_dir():
        with tempfile.TemporaryDirectory(dir=_room().name, ignore_cleanup_errors=True) as part:
            for manifest, promoted in wanted:
                _bring(Path(part), manifest, promoted)
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
    weights = _weights(name, version, str(manifest["sha256"]))
    if weights is not None:
        (place / "model.onnx").symlink_to(weights)
    (place / "model.json").write_text(json.dumps({**manifest, "promoted": promoted}))


def _weights(name: str, version: str, digest: str) -> Path | None:
    """Return the weights on this disk, downloaded if this process has not yet."""
    path = Path(_room().name, f"{digest}.onnx")
    if not path.exists():
        try:
            key = f"{own.folder(name, version)}/model.onnx"
            client().download_file(settings().models_bucket, key, str(path))
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise Unavailable(f"the models bucket refused: {error.response['Error']['Code']}") from error
        except BotoCoreError as error:
            raise Unavailable(f"the models bucket does not answer: {type(error).__name__}") from error
    return path
