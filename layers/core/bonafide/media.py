"""The media bucket: the only room that knows S3.

Keys: ``uploads/<tenant>/<upload id>`` (presigned), ``media/<tenant>/<analysis id>/original`` (inline and
fetched), ``drop/<tenant>/…`` (the owner's own), ``work/<tenant>/<analysis id>/…`` (findings between
states), ``artifacts/<tenant>/<analysis id>/…`` (what a client may fetch).
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from http import HTTPStatus as Status
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bonafide.errors import StorageFull, Unavailable
from bonafide.model import MediaRef
from bonafide.settings import settings

__all__ = [
    "artifact_key", "download", "erase_prefix", "erase_version", "get", "get_json", "media_key",
    "presign_get", "presign_post", "put", "put_file", "put_json", "size", "upload_key", "work_key",
]  # fmt: skip

UPLOAD_LIFE_S = 900
LINK_LIFE_S = 300


@lru_cache(maxsize=1)
def client() -> Any:
    """One client a process. SigV4 and virtual hosts (path style where an endpoint is given, as locally)."""
    config = Config(signature_version="s3v4", retries={"mode": "standard", "max_attempts": 5})
    return boto3.client("s3", region_name=settings().aws_region, config=config)


def media_key(tenant: str, analysis_id: str) -> str:
    """Return the key of media that this system itself puts into the bucket."""
    return f"media/{tenant}/{analysis_id}/original"


def upload_key(tenant: str, upload_id: str) -> str:
    """Return the key a presigned upload is bound to."""
    return f"uploads/{tenant}/{upload_id}"


def work_key(tenant: str, analysis_id: str, name: str) -> str:
    """Return the key of a working file (gone after three days at most)."""
    return f"work/{tenant}/{analysis_id}/{name}"


def artifact_key(tenant: str, analysis_id: str, name: str) -> str:
    """Return the key of an artifact."""
    return f"artifacts/{tenant}/{analysis_id}/{name}"


def _call(method: str, **arguments: Any) -> Any:
    try:
        return getattr(client(), method)(Bucket=settings().media_bucket, **arguments)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            raise FileNotFoundError(str(arguments.get("Key"))) from error
        if status == Status.INSUFFICIENT_STORAGE:
            raise StorageFull("The bucket takes no more bytes.") from error
        raise Unavailable(f"the bucket refused {method}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the bucket does not answer: {type(error).__name__}") from error


def put(key: str, body: bytes, media_type: str = "application/octet-stream") -> MediaRef:
    """Store ``body`` under ``key``; returns where it lies, version included."""
    answer = _call("put_object", Key=key, Body=body, ContentType=media_type)
    return MediaRef(key=key, version_id=answer.get("VersionId"))


def put_file(key: str, path: Path, media_type: str = "application/octet-stream") -> MediaRef:
    """Store a file, in parts when it is large. Raises `Unavailable`."""
    try:
        client().upload_file(str(path), settings().media_bucket, key, ExtraArgs={"ContentType": media_type})
    except (BotoCoreError, ClientError, boto3.exceptions.S3UploadFailedError) as error:
        raise Unavailable(f"the bucket refused an upload: {type(error).__name__}") from error
    return MediaRef(key=key)


def put_json(key: str, value: Any) -> None:
    """Store ``value`` as compact JSON."""
    put(key, json.dumps(value, separators=(",", ":")).encode(), "application/json")


def get(key: str) -> bytes:
    """Return the (small) object under ``key``. Raises FileNotFoundError if there is none."""
    return bytes(_call("get_object", Key=key)["Body"].read())


def get_json(key: str) -> Any:
    """Return the JSON under ``key``. Raises FileNotFoundError if there is none."""
    return json.loads(get(key))


def _version(ref: MediaRef) -> dict[str, str]:
    return {"VersionId": ref.version_id} if ref.version_id else {}


def size(ref: MediaRef) -> int | None:
    """Return the size in bytes, or ``None`` if there is no such object."""
    try:
        return int(_call("head_object", Key=ref.key, **_version(ref))["ContentLength"])
    except FileNotFoundError:
        return None


def download(ref: MediaRef, path: Path) -> None:
    """Write the object to ``path``, in parallel parts when it is large. Raises FileNotFoundError."""
    extra = _version(ref)
    try:
        client().download_file(settings().media_bucket, ref.key, str(path), ExtraArgs=extra or None)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            raise FileNotFoundError(ref.key) from error
        raise Unavailable(f"the bucket refused a download: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise Unavailable(f"the bucket does not answer: {type(error).__name__}") from error


def presign_post(key: str, *, minimum: int, maximum: int, sha256: str | None) -> tuple[str, dict[str, str]]:
    """Return (url, form fields) of an upload bound to this key, this size range, this checksum, 15 minutes.

    ``sha256`` is hexadecimal; S3 itself refuses other bytes. The file must be the form's last part.
    """
    fields: dict[str, str] = {}
    conditions: list[Any] = [["content-length-range", minimum, maximum]]
    if sha256:
        fields = {
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
        }
        conditions += [{name: value} for name, value in fields.items()]
    form = client().generate_presigned_post(
        settings().media_bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=UPLOAD_LIFE_S
    )
    return form["url"], form["fields"]


def presign_get(key: str, *, filename: str, media_type: str, seconds: int = LINK_LIFE_S) -> str:
    """Return a link that lets its holder read this one object for ``seconds``."""
    arguments = {
        "Bucket": settings().media_bucket,
        "Key": key,
        "ResponseContentType": media_type,
        "ResponseContentDisposition": f'inline; filename="{filename}"',
    }
    return str(client().generate_presigned_url("get_object", Params=arguments, ExpiresIn=seconds))


def erase_prefix(prefix: str) -> int:
    """Delete every version and delete marker under ``prefix``; returns how many there were."""
    erased = 0
    while True:
        answer = _call("list_object_versions", Prefix=prefix)
        found = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())]
        if not found:
            return erased
        _delete([{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found])
        erased += len(found)


def erase_version(ref: MediaRef) -> None:
    """Delete exactly this version (the key may hold somebody's newer file); absent is fine."""
    _delete([{"Key": ref.key, **_version(ref)}])


def _delete(objects: list[dict[str, str]]) -> None:
    answer = _call("delete_objects", Delete={"Objects": objects, "Quiet": True})
    if answer.get("Errors"):
        raise Unavailable(
            f"the bucket kept {len(answer['Errors'])} objects: {answer['Errors'][0].get('Code')}"
        )
