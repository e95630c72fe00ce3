"""Screenshots: the marks that the programs leave, and circumstances that together suggest one."""

from __future__ import annotations

import re
from typing import Any

from bonafide.model import Flag, MediaFacts
from bonafide_inference.detectors.picture_traces.editors import Program
from bonafide_inference.detectors.picture_traces.known_programs import SCREENS
from bonafide_inference.detectors.picture_traces.rates import rate
from bonafide_inference.metadata import Metadata

__all__ = ["screenshot_facts", "screenshot_flags"]

_WORD = re.compile(
    r"^\s*(?:screen ?shot|bildschirmfoto|captura de pantalla|capture d.écran|снимок экрана)\b", re.IGNORECASE
)
_STANDARD = re.compile(
    r"srgb|adobe rgb|prophoto|p3(?!.*lcd)|generic|dci|gray|grey|dot gain|cmyk|fogra|swop|camera rgb|c2$|"
    r"e-srgb|wide gamut|rec\.? ?(?:709|2020)|embedded|gimp|facebook|artifex",
    re.IGNORECASE,
)


def screenshot_facts(found: Metadata, media: MediaFacts, named: tuple[Program, ...]) -> dict[str, Any]:
    """The single traces: marker, density, profile, size, absence of a camera."""
    marker = next((p.name for p in named if p.kind == "screenshot"), None)
    texts = [str(found.exif.get("UserComment") or ""), str(found.exif.get("ImageDescription") or "")]
    texts += [p.value for p in found.xmp if p.root in ("exif:UserComment", "dc:description", "dc:title")]
    texts += [
        t.text
        for t in found.texts
        if t.keyword.lower() in ("user comment", "comment", "description", "title")
    ]
    marker = marker or next((text[:60] for text in texts if _WORD.match(text)), None)
    sides = tuple(sorted((media.width or 0, media.height or 0)))
    profile = found.icc
    return {
        "marker": marker,
        "density_144": _density(found) == 144,
        "display_profile": bool(
            profile and profile.device_class == "mntr" and profile.description
            and not _STANDARD.search(profile.description)
        ),
        "screen_size": media.format == "png" and sides in SCREENS,
        "apple_capture": bool(found.layout.all("iDOT")),
        "camera": bool(found.exif.get("Make") or found.xmp_value("tiff:Make")),
    }  # fmt: skip


def _density(found: Metadata) -> int | None:
    """Dots an inch, from a PNG's own chunk or from EXIF."""
    if found.dots_per_inch is not None:
        return found.dots_per_inch
    value = found.exif.get("XResolution")
    if not isinstance(value, (int, float)) or not 0 < value < 1e6:
        return None
    return round(value * 2.54) if found.exif.get("ResolutionUnit") == 3 else round(value)


def screenshot_flags(facts: dict[str, Any], media: MediaFacts) -> list[Flag]:
    """A marker decides; without one, two circumstances of three on a PNG without a camera."""
    if facts["marker"]:
        return [Flag(
            code="screenshot_marker", value=facts["marker"], base_rate=rate("screenshot_marker"),
            message=f"A program marked it as a screenshot: {facts['marker']}.",
            caveat="A screenshot shows what a screen showed, true or not; it replaces the original's traces.",
        )]  # fmt: skip
    signs = [name for name in ("density_144", "display_profile", "screen_size") if facts[name]]
    signs += ["apple_capture"] if facts["apple_capture"] else []
    if media.format == "png" and not facts["camera"] and len(signs) >= 2:
        return [Flag(
            code="screenshot_likely", value=", ".join(signs), base_rate=rate("screenshot_likely"),
            message="No marker, but density, colour profile or size are those of a screen.",
            caveat="Exports from a design program for such a screen look the same.",
        )]  # fmt: skip
    return []
