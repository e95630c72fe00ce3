"""Many files in one request (RES-59), as the vendor's public pages describe it.

``files[]`` repeated, or one zip as ``file``; the options beside them count for every file. Nothing is begun
unless every file can be.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from bonafide import ingest
from bonafide.errors import InvalidRequest, NotFound, TooLarge
from bonafide.forms import Form, Part
from bonafide.http import Response, Status, json_response
from bonafide.ids import from_uuid, to_uuid
from bonafide.routing import Call, Route
from bonafide.settings import settings
from bonafide.store import analyses, batches
from bonafide.store.batches import Batch
from bonafide.tokens import Scope

from resemble_detect.reading import FORMS, asked, form_of, wish_of
from resemble_detect.render import moment, status

__all__ = ["MAX_BYTES", "MAX_FILES", "ROUTES"]

MAX_FILES = 50
MAX_BYTES = 500 * 1024 * 1024
_ENCRYPTED = 0x1
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def create(call: Call) -> Response:
    """POST /detect/batch."""
    if call.request.prefer.wait_s is not None:
        raise InvalidRequest("A batch cannot be waited for; leave 'Prefer: wait' out.")
    if call.request.content_type not in FORMS:
        raise InvalidRequest("Send multipart/form-data with 'files[]', or one zip as 'file'.")
    form = form_of(call)
    files, wish = _files(form), wish_of(form)
    wanted = [asked(call.tenant, wish, file) for file in files]
    now = call.tools.now()
    ids = tuple(call.tools.new_id("an") for _ in wanted)
    made = Batch(id=call.tools.new_id("ba"), analyses=ids, created_at=now)
    batches.create(call.tenant, made)
    for new, analysis_id in zip(wanted, ids, strict=True):
        ingest.create(new, now=now, new_id=call.tools.new_id, analysis_id=analysis_id)
    return json_response(_shown(call.tenant, made), Status.ACCEPTED)


def show(call: Call) -> Response:
    """GET /detect/batch/{uuid}."""
    absent = NotFound("Batch not found")
    try:
        batch_id = from_uuid(call.params["uuid"], "ba")
    except ValueError as error:
        raise absent from error
    found = batches.get(call.tenant, batch_id)
    if found is None:
        raise absent
    return json_response(_shown(call.tenant, found))


def _shown(tenant: str, batch: Batch) -> dict[str, object]:
    """Return the batch with its counts; what is gone counts as failed."""
    found = [analyses.get(tenant, one) for one in batch.analyses]
    states = [status(one) if one and not one.deleted_at else "failed" for one in found]
    failed, completed = states.count("failed"), states.count("completed")
    over = "failed" if failed == len(states) else "completed"
    return {
        "success": True,
        "item": {
            "uuid": to_uuid(batch.id),
            "status": over if failed + completed == len(states) else "processing",
            "total_files": len(states),
            "completed_count": completed,
            "failed_count": failed,
            "created_at": moment(batch.created_at),
            "detect_uuids": [to_uuid(one) for one in batch.analyses],
        },
    }


def _files(form: Form) -> list[Part]:
    several, one = form.all("files[]", "files"), form.first("file")
    if bool(several) == bool(one):
        raise InvalidRequest("Provide 'files[]', or one zip as 'file'.")
    files = list(several) if one is None else _unzipped(one.data)
    if not 1 <= len(files) <= MAX_FILES:
        raise InvalidRequest(f"A batch has 1 to {MAX_FILES} files.")
    for file in files:
        if not file.data:
            raise InvalidRequest("A file of the batch is empty.")
        if len(file.data) > settings().inline_limit_bytes:
            raise TooLarge("A file of the batch is too large here; give it by 'url'.")
    return files


def _unzipped(data: bytes) -> list[Part]:
    """Return the files of a zip, no more than it announces. Raises `InvalidRequest`, `TooLarge`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if _counts(entry)]
            if len(entries) > MAX_FILES:
                raise InvalidRequest(f"A batch has 1 to {MAX_FILES} files.")
            if sum(entry.file_size for entry in entries) > min(MAX_BYTES, 4 * settings().inline_limit_bytes):
                raise TooLarge("The zip holds too many bytes; send less at once, or files by 'url'.")
            if any(e.flag_bits & _ENCRYPTED or e.compress_type not in _PLAIN for e in entries):
                raise InvalidRequest("The zip is encrypted, or compressed in an unusual way.")
            return [Part("file", archive.read(e), e.filename.rsplit("/", 1)[-1][:255]) for e in entries]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as error:
        raise InvalidRequest("'file' is no zip that can be read.") from error


def _counts(entry: zipfile.ZipInfo) -> bool:
    """Folders and the shadows that some systems add are no files."""
    name = entry.filename.rsplit("/", 1)[-1]
    return bool(name) and not name.startswith(".") and not entry.filename.startswith("__MACOSX/")


ROUTES = (
    Route("POST", "/api/v2/detect/batch", create, Scope.ANALYSES_WRITE),
    Route("GET", "/api/v2/detect/batch/{uuid}", show, Scope.ANALYSES_READ),
)
