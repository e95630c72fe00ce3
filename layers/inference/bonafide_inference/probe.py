"""Inspection inside the cell: headers first, limits next, and only then one first frame."""

from __future__ import annotations

from typing import Any

from bonafide_inference.pictures import FAMILIES

__all__ = ["probe_task"]


def probe_task(args: dict[str, Any]) -> dict[str, Any]:
    """Probe ``args["path"]`` as ``args["family"]`` (of `sniff`, or None) within ``args["limits"]``.

    Returns
    -------
    dict
        Facts without bytes and sha256, or ``{"refusal": code, "detail": …}``.
    """
    path, family, limits = str(args["path"]), args["family"], dict(args["limits"])
    try:
        if family in FAMILIES:
            from bonafide_inference.probe_image import probe_image

            return probe_image(path, family, limits)
        if family == "pdf":
            from bonafide_inference.probe_pdf import probe_pdf

            return probe_pdf(path, limits)
        from bonafide_inference.containers import ANY
        from bonafide_inference.probe_av import probe_av

        return probe_av(path, family or ANY, limits)
    except Refused as refused:
        return {"refusal": refused.code, "detail": refused.detail}


class Refused(Exception):
    """A limit or a dead file met in the middle of a probe; `probe_task` turns it into a value."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def over(what: str, value: float, limit: float) -> Refused:
    """The refusal for a quantity beyond its limit."""
    return Refused("media_limit_exceeded", f"{value:g} {what}; the limit is {limit:g}.")
