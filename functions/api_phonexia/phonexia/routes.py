"""The two routes: begin a task, look at it (PHX-1, PHX-29)."""

from __future__ import annotations

from bonafide import findings, ids, ingest
from bonafide.errors import InvalidRequest, TooLarge
from bonafide.http import Form, Response, Status, json_response
from bonafide.ingest import NewAnalysis
from bonafide.model import State
from bonafide.routing import Call, Route
from bonafide.settings import settings
from bonafide.telemetry import logger
from bonafide.tokens import Scope

from phonexia import translate, words
from phonexia.schemas import Wish, fault, names, read_config, read_query
from phonexia.shapes import detail
from phonexia.words import DIALECT, MAX_FILE_BYTES, OPERATIONS

__all__ = ["PATH", "ROUTES", "create", "show", "too_large"]

PATH = "/api/technology/experimental/authenticity-verification"
POLL_S = 2
_NOTES = 1000  # a header has its limits


def create(call: Call) -> Response:
    """POST …/authenticity-verification: 202 with the task, and where to look for it (PHX-25 … PHX-28)."""
    form = _form(call)
    ignored = read_config(form)
    wish = read_query(call.request.query)
    new = _new(call, form, wish)
    analysis = ingest.create(new, now=call.tools.now(), new_id=call.tools.new_id)
    logger.append_keys(analysis_id=analysis.id)
    where = call.request.url(f"{PATH}/{ids.to_uuid(analysis.id)}")
    headers = {"Location": where, "X-Location": where, "Retry-After": str(POLL_S)}
    odd = [f"config.{key}" for key in ignored] + list(wish.ignored)
    if odd:
        logger.info("ignored", extra={"count": len(odd)})
        headers["Warning"] = f'299 - "Ignored: {names(odd)}"'
    document = {"task": translate.task(analysis, words.State.PENDING)}
    return json_response(document, Status.ACCEPTED, headers)


def show(call: Call) -> Response:
    """GET …/authenticity-verification/{task_id}: the state, and the result once there is one (PHX-29)."""
    analysis = call.analysis("task_id", "There is no such task.", dialect=DIALECT)
    done = translate.state_of(analysis) is words.State.DONE
    told = translate.tell(analysis, findings.of(analysis) if done else ())
    headers = {}
    if analysis.state in (State.QUEUED, State.RUNNING):
        headers["Retry-After"] = str(POLL_S)
    if told.notes:
        headers["X-Bonafide-Null-Reason"] = ", ".join(told.notes)[:_NOTES]
    return json_response(told.document, Status.OK, headers)


# ---- reading a new task ------------------------------------------------------------------------------


def _form(call: Call) -> Form:
    """Return the form. What is none at all could not be parsed (PHX-35, PHX-43)."""
    if call.request.content_type != "multipart/form-data":
        raise InvalidRequest("Send multipart/form-data.")
    return call.request.form()


def _new(call: Call, form: Form, wish: Wish) -> NewAnalysis:
    """Return the analysis that is asked for: of a file, or (our extension) of an upload or a public URL."""
    file = form.first("file")
    upload_id, url = form.text("upload_id"), form.text("url")
    if [bool(file), bool(upload_id), bool(url)].count(True) > 1:
        raise fault(("body", "file"), "Give one of file, upload_id and url.", "value_error")
    if file is None and not upload_id and not url:
        raise fault(("body", "file"), "Field required.", "missing")
    if file is not None and not file.data:
        raise fault(("body", "file"), "Input media file is empty.", "media.empty")
    if file is not None and len(file.data) > _carried():
        raise too_large(len(file.data))
    return NewAnalysis(
        tenant=call.tenant,
        inline=file.data if file else None,
        filename=file.filename if file else None,
        upload_id=upload_id or None,
        url=url or None,
        operations=tuple(OPERATIONS[one] for one in wish.asked),
        options=wish.options,
        dialect=DIALECT,
        echo=wish.echo,
    )


def _carried() -> int:
    return min(settings().inline_limit_bytes, MAX_FILE_BYTES)


def too_large(size: int) -> TooLarge:
    """Return the error of a file of this size: the vendor's numbers (PHX-37), and the way round if any.

    The vendor's limit is PHX-38; on AWS a request carries less (PHX-47).
    """
    first = detail(
        ["body", "file"],
        "Input media file too large.",
        "media.too-large",
        file_size=size,
        max_file_size=_carried() if size <= MAX_FILE_BYTES else MAX_FILE_BYTES,
        size_unit="bytes",
    )
    way_round = detail(
        ["body", "upload_id"],
        "POST /v1/uploads takes larger files; then send its upload_id, or a public url, in place of file.",
        "media.use-upload",
        max_file_size=MAX_FILE_BYTES,
        size_unit="bytes",
    )
    entries = [first, way_round] if size <= MAX_FILE_BYTES else [first]
    return TooLarge("The file is too large.", errors=entries)


ROUTES = (
    Route("POST", PATH, create, Scope.ANALYSES_WRITE),
    Route("GET", PATH + "/{task_id}", show, Scope.ANALYSES_READ),
)
