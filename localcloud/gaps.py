"""What MiniStack 1.5.33 does not do yet as AWS does, mended in memory at its start.

Each mend is as small as the difference, names what AWS does, and has a test that fails when it no longer
fits. When a REST API is imported from its OpenAPI body:

- a method written ``x-amazon-apigateway-any-method`` (SAM's ``Method: ANY``) is imported;
- ``x-amazon-apigateway-gateway-responses`` (SAM's ``GatewayResponses``) are imported;
- ``~1`` in a binary media type stands for a slash, as in JSON pointers.

What S3 tells EventBridge of an object in a versioned bucket names its version.

An alarm over an expression of several metrics is made, and watches the first of them: nobody waits for
alarms here.

In what policies may ask: ``events:source`` and ``events:detail-type`` are known for PutEvents, and
``aws:SecureTransport`` is true for a caller on this machine: there is no TLS on the loopback interface,
and bucket policies that refuse plain HTTP, as ours does, mean the network.
"""

from __future__ import annotations

import ipaddress
import json
from contextvars import ContextVar
from typing import Any

__all__ = ["mend"]

_ANY = "x-amazon-apigateway-any-method"


def mend() -> None:
    """Apply all mends to the MiniStack of this process."""
    _mend_import()
    _mend_transport()
    _mend_event_conditions()
    _mend_object_events()
    _mend_alarms()


def _mend_object_events() -> None:
    from ministack.services import eventbridge, s3

    store: Any = s3
    events: Any = eventbridge
    fire, dispatch = store._fire_s3_event, events._dispatch_event
    version: ContextVar[str | None] = ContextVar("version", default=None)

    def fire_s3_event(*args: Any, version_id: str | None = None, **others: Any) -> None:
        token = version.set(version_id)
        try:
            fire(*args, version_id=version_id, **others)
        finally:
            version.reset(token)

    def dispatch_event(event: dict[str, Any], *args: Any, **others: Any) -> Any:
        return dispatch(with_version(event, version.get()), *args, **others)

    store._fire_s3_event, events._dispatch_event = fire_s3_event, dispatch_event


def with_version(event: dict[str, Any], version_id: str | None) -> dict[str, Any]:
    """Return an S3 event with its object's version, if there is one to name."""
    if not version_id or event.get("Source") != "aws.s3":
        return event
    detail = json.loads(event["Detail"])
    detail["object"]["version-id"] = version_id
    return event | {"Detail": json.dumps(detail)}


def _mend_event_conditions() -> None:
    from ministack.core import iam_actions

    actions: Any = iam_actions
    inner = actions.request_tag_context

    def request_tag_context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = inner(service, action, body, params)
        return found | (event_conditions(body) if action == "events:PutEvents" else {})

    actions.request_tag_context = request_tag_context


def event_conditions(body: bytes) -> dict[str, Any]:
    """Return the condition keys of a PutEvents request: one value if all its entries agree, else all."""
    entries = json.loads(body or b"{}").get("Entries") or []
    context: dict[str, Any] = {}
    for key, member in (("events:source", "Source"), ("events:detail-type", "DetailType")):
        values = sorted({str(entry.get(member, "")) for entry in entries})
        if values:
            context[key] = values[0] if len(values) == 1 else values
    return context


def _mend_transport() -> None:
    from ministack import app

    ministack: Any = app
    inner = ministack.pin_request_origin

    def pin_request_origin(source_ip: str, secure_transport: bool) -> None:
        inner(source_ip, secure_transport or ipaddress.ip_address(source_ip).is_loopback)

    ministack.pin_request_origin = pin_request_origin


def _mend_alarms() -> None:
    from ministack.services.cloudformation import provisioners

    formation: Any = provisioners
    inner = formation._cw_metric_alarm_record
    formation._cw_metric_alarm_record = lambda name, props: inner(name, with_one_metric(props))


def with_one_metric(props: dict[str, Any]) -> dict[str, Any]:
    """The same alarm, on the first metric of its expression if it has one."""
    found = [entry["MetricStat"] for entry in props.get("Metrics") or () if "MetricStat" in entry]
    if not found:
        return props
    first = found[0]
    rest = {name: value for name, value in props.items() if name != "Metrics"}
    rest |= first["Metric"] | {"Period": first["Period"], "Statistic": first["Stat"]}
    return rest


def _mend_import() -> None:
    from ministack.services import apigateway_v1

    gateway: Any = apigateway_v1
    inner = gateway._import_rest_api
    gateway._OPENAPI_HTTP_METHODS = frozenset(gateway._OPENAPI_HTTP_METHODS) | {"any"}

    def import_rest_api(spec: dict[str, Any], base_data: dict[str, Any] | None = None) -> str:
        base = dict(base_data or {})
        base["binaryMediaTypes"] = [kind.replace("~1", "/") for kind in base.get("binaryMediaTypes") or []]
        api_id: str = inner(with_any_methods(spec), base)
        for kind, response in (spec.get("x-amazon-apigateway-gateway-responses") or {}).items():
            gateway._put_gateway_response(api_id, kind, response)
        return api_id

    gateway._import_rest_api = import_rest_api


def with_any_methods(spec: dict[str, Any]) -> dict[str, Any]:
    """The same OpenAPI body with AWS's word for any method spelt as a method."""
    paths = {
        path: {"any" if method == _ANY else method: operation for method, operation in item.items()}
        for path, item in (spec.get("paths") or {}).items()
    }
    return spec | {"paths": paths}
