"""Reading a request for an analysis: parts, spellings, limits, the bytes (VER-11 … VER-29, VER-48)."""

from __future__ import annotations

from typing import Any

from bonafide import media
from bonafide.errors import InvalidRequest, Unprocessable
from bonafide.http import Form, Part, truth
from bonafide.ingest import NewAnalysis
from bonafide.model import MediaKind, MediaRef, Options
from bonafide.routing import Call
from bonafide.settings import settings
from bonafide.sniff import sniff
from bonafide.store import tenants

from veriplus.shapes import failed
from veriplus.words import DEFAULT_POLICY, DIALECT, MEDIA, POLICIES, AnalysisType, ErrorCode, Media, Medium

__all__ = ["new_analysis"]

_SNIFFED = 4096
_WAY_ROUND = "POST /v1/uploads takes larger files; then send its upload_id in place of the file."
_FLAGS = {
    Media.IMAGE: {"returnDetails": "details"},
    Media.DOCUMENT: {"returnDetails": "details"},
    Media.VIDEO: {"includeLiveness": "liveness", "returnSuspiciousFrames": "frames"},
    Media.AUDIO: {},
}


def new_analysis(call: Call, what: Media) -> NewAnalysis:
    """Return what is asked for. Raises what `shapes.shape` answers with the vendor's codes."""
    medium = MEDIA[what]
    form = _form(call, medium)
    wish = _wish(form, medium)
    file, upload_id = form.first(medium.part), form.text("upload_id")
    if bool(file) == bool(upload_id):
        raise _invalid(medium.part, f"Send the file as the part {medium.part!r}.")
    if file:
        _check(file, medium)
    if reference := form.first("referenceAudio") if what is Media.AUDIO else None:
        _check(reference, medium)
    size = len(file.data) if file else _uploaded(call.tenant, upload_id or "", medium)
    return NewAnalysis(
        tenant=call.tenant,
        inline=file.data if file else None,
        filename=file.filename if file else None,
        upload_id=upload_id or None,
        operations=medium.operations,
        options=Options(policy=_policy(call.tenant), visualize=False),
        dialect=DIALECT,
        echo={"kept": {"media": what.value, "bytes": size, **wish}},
        kind=MediaKind(what.lower()),
        accepts=medium.accepts,
    )


def _form(call: Call, medium: Medium) -> Form:
    if call.request.content_type != "multipart/form-data":
        raise InvalidRequest("Send multipart/form-data.")
    form = call.request.form()
    for part in form.all(medium.part, "referenceAudio"):
        if len(part.data) > min(medium.max_bytes, settings().inline_limit_bytes):
            raise _too_large(medium, len(part.data))
    return form


def _too_large(medium: Medium, size: int) -> Exception:
    """Return the error of a file of this size; within the vendor's limit there is a way round (X-3)."""
    if size > medium.max_bytes:
        text = f"{medium.media.value.capitalize()} files may have {medium.max_bytes} bytes at most."
    else:
        text = f"A file in a request may have {settings().inline_limit_bytes} bytes here. {_WAY_ROUND}"
    return failed(ErrorCode.FILE_TOO_LARGE, text)


def _uploaded(tenant: str, upload_id: str, medium: Medium) -> int:
    """Return the size of an upload, which the vendor's limits hold for as well; 0 if there is none yet."""
    if not upload_id.replace("_", "").isalnum():
        return 0  # no key is made of what is no id: ingest says that there is no such upload
    size = media.size(MediaRef(key=media.upload_key(tenant, upload_id))) or 0
    if size > medium.max_bytes:
        raise _too_large(medium, size)
    return size


def _check(file: Part, medium: Medium) -> None:
    """Look at the first bytes, never at the name or the type that came with it (X-7, VER-67)."""
    if sniff(file.data[:_SNIFFED]) not in medium.families:
        raise failed(ErrorCode.INVALID_FILE_FORMAT, f"Unsupported file format; send {medium.formats}.")


def _wish(form: Form, medium: Medium) -> dict[str, Any]:
    """Return the options beside the file, in the core's keeping."""
    found: dict[str, Any] = {}
    if medium.types:
        text = (form.text("analysisType") or AnalysisType.GENERAL).strip().upper()
        if text not in medium.types:
            raise _invalid("analysisType", f"Use one of {', '.join(medium.types)}.")
        found["type"] = text
    for name, kept in _FLAGS[medium.media].items():
        try:
            found[kept] = truth(form.text(name) or "false")
        except Unprocessable as error:
            raise _invalid(name, "Use true or false.") from error
    return found


def _invalid(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(text, code="invalid_value", errors=[{"field": field, "message": text}])


def _policy(tenant: str) -> str:
    """Return the tenant's policy if it is one of the vendor's (VER-59), else the table."""
    chosen = tenants.get(tenant).policy
    return chosen if chosen in POLICIES else DEFAULT_POLICY
