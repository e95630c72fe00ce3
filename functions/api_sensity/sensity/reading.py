"""Reading a new task: the fields of a form become the core's words (SEN-37 … SEN-41, 52, 60, 67)."""

from __future__ import annotations

from bonafide import pages
from bonafide.errors import InvalidRequest, TooLarge, Unprocessable
from bonafide.http import Form, Part, truth
from bonafide.ingest import NewAnalysis
from bonafide.model import Operation, Options
from bonafide.routing import Call
from bonafide.settings import settings
from pydantic import JsonValue

from sensity.words import DIALECT, FACE, FORENSIC, MAX_FILE_BYTES, POLICY, VOICE, Task

__all__ = ["MAX_INFO", "MAX_URL", "new_task"]

MAX_URL = 2048
MAX_INFO = 10_000
_ENVELOPE_BYTES = 64 * 1024


def new_task(call: Call, task: Task) -> NewAnalysis:
    """Return what is asked for. ``file`` wins over ``url``: the vendor's own samples send both (SEN-28).

    Raises `InvalidRequest` (neither, or a bad value), `TooLarge`, `UnsupportedMedia` (no form).
    """
    if len(call.request.body) > _carried() + _ENVELOPE_BYTES:
        raise _too_large(len(call.request.body))
    form = call.request.form()
    file = form.first("file")
    file = file if file and file.data else None
    upload_id, url = _text(form, "upload_id", 64), _text(form, "url", MAX_URL)
    if not (file or upload_id or url):
        raise InvalidRequest("Provide 'file' or 'url'.")
    if file and len(file.data) > _carried():
        raise _too_large(len(file.data))
    if url and not file and not upload_id:
        pages.check(url)
    echo = _echo(form, task)
    explained = bool(echo.get("explain")) or task is FACE
    return NewAnalysis(
        tenant=call.tenant,
        inline=file.data if file else None,
        filename=file.filename if file else None,
        upload_id=None if file else upload_id,
        url=None if file or upload_id else url,
        operations=(*task.operations, *([Operation.TRANSCRIPTION] if echo.get("transcribe") else [])),
        options=Options(
            policy=POLICY, visualize=explained, extract_images=bool(echo.get("is_extract_images"))
        ),
        dialect=DIALECT,
        echo=echo,
    )


def _echo(form: Form, task: Task) -> dict[str, JsonValue]:
    """Return what the answer must remember of the wish."""
    if task is FORENSIC:
        info = _text(form, "additional_info", MAX_INFO)
        wish: dict[str, JsonValue] = {"is_extract_images": _flag(form, "is_extract_images", default=False)}
        return {"task": task.name, **wish, **({"additional_info": info} if info else {})}
    told: dict[str, JsonValue] = {"task": task.name, "explain": _flag(form, "explain", default=False)}
    return told | ({"transcribe": _flag(form, "transcribe", default=True)} if task is VOICE else {})


def _flag(form: Form, name: str, *, default: bool) -> bool:
    """Read a boolean in any spelling (SEN-41); absent or blank is the default."""
    part = form.first(name)
    if part is None or not part.data.strip():
        return default
    try:
        return truth(part.text)
    except Unprocessable as error:
        raise InvalidRequest(f"{name}: write true or false.") from error


def _text(form: Form, name: str, limit: int) -> str | None:
    part: Part | None = form.first(name)
    text = part.text.strip() if part else ""
    if len(text) > limit:
        raise InvalidRequest(f"{name}: at most {limit} characters.")
    return text or None


def _carried() -> int:
    return min(settings().inline_limit_bytes, MAX_FILE_BYTES)


def _too_large(size: int) -> TooLarge:
    """Return the error of a file of this size: the vendor's limit, or ours and the way round."""
    if size > MAX_FILE_BYTES:
        return TooLarge("File exceeds 32MB maximum size.")
    return TooLarge(
        f"A file in a request may have {_carried()} bytes here. Give a 'url'; or upload through"
        " POST /v1/uploads and give its upload_id in place of 'file'."
    )
