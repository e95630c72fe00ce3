"""The four tasks: create, and poll (SEN-29 … SEN-36)."""

from __future__ import annotations

from collections.abc import Callable

from bonafide import findings, ingest, media
from bonafide.errors import NotFound
from bonafide.http import Response, json_response
from bonafide.ids import to_uuid
from bonafide.model import Analysis
from bonafide.routing import Call, Route
from bonafide.telemetry import logger
from bonafide.tokens import Scope

from sensity.reading import new_task
from sensity.render import GET_BYTES, Reader, document
from sensity.words import DIALECT, TASKS, Task

__all__ = ["READER", "ROUTES"]

LINK_S = 3600

READER = Reader(
    findings=findings.of,
    read=media.get,
    link=lambda key, name, kind: media.presign_get(key, filename=name, media_type=kind, seconds=LINK_S),
)


def _create(task: Task) -> Callable[[Call], Response]:
    def create(call: Call) -> Response:
        """POST /tasks/{task_name} (SEN-29)."""
        analysis = ingest.create(new_task(call, task), now=call.tools.now(), new_id=call.tools.new_id)
        logger.append_keys(analysis_id=analysis.id)
        return json_response({"report_id": to_uuid(analysis.id), "success": True})

    return create


def _show(task: Task) -> Callable[[Call], Response]:
    def show(call: Call) -> Response:
        """GET /tasks/{task_name}/{report_id} (SEN-30)."""
        return json_response(document(_existing(call, task), READER, room=GET_BYTES))

    return show


def _existing(call: Call, task: Task) -> Analysis:
    absent = "There is no such report."
    analysis = call.analysis("id", absent, dialect=DIALECT)
    if analysis.echo.get("task") != task.name:
        raise NotFound(absent)
    return analysis


ROUTES = tuple(
    route
    for task in TASKS.values()
    for route in (
        Route("POST", f"/tasks/{task.name}", _create(task), Scope.ANALYSES_WRITE),
        Route("GET", f"/tasks/{task.name}/{{id}}", _show(task), Scope.ANALYSES_READ),
    )
)
