"""The encoder that an H.264/H.265 stream names."""

from __future__ import annotations

import re

__all__ = ["stream_encoders"]

_ENCODER = re.compile(
    rb"(x264 - core [0-9 ra-f]{1,40}|x265 \(build [0-9]+\)[ -~]{0,60}|Lavc[0-9.]{3,20}[ -~]{0,20})"
)


def stream_encoders(first_packet: bytes) -> list[str]:
    """Encoder names that H.264/H.265 encoders leave in the first packet (SEI user data)."""
    return [match.decode("ascii").strip() for match in _ENCODER.findall(first_packet[:65536])][:4]
