"""Screenshots: the marks that the programs leave, and circumstances that together suggest one."""

from __future__ import annotations

import re
from typing import Any

from bonafide.model import Flag, MediaFacts
from bonafide_inference.detectors.picture_traces.editors import Program
from bonafide_inference.detectors.picture_traces.rates import rate
from bonafide_inference.metadata import Metadata

__all__ = ["screenshot_facts", "screenshot_flags"]

_WORD = re.compile(r"^\s*(?:screen ?shot|bildschirmfoto|captura de pantalla|capture d.écran|снимок экрана)\b", re.I)
_STANDARD = re.compile(r"srgb|adobe rgb|prophoto|p3(?!.*lcd)|generic|dci|gray|grey|dot gain|cmyk|fogra|swop|"
                       r"camera rgb|c2$|e-srgb|wide gamut|rec\.? ?(?:709|2020)|embedded", re.I)  # fmt: skip
_SCREENS = frozenset(
    (a, b)
    for line in (
        "640x1136 750x1334 828x1792 1125x2436 1170x2532 1179x2556 1206x2622 1242x2208 1242x2688 1284x2778 "
        "1290x2796 1320x2868 1080x2340 1536x2048 1620x2160 1640x2360 1668x2224 1668x2388 2048x2732 "
        "720x1280 720x1520 720x1560 720x1600 1080x1920 1080x2160 1080x2220 1080x2280 1080x2310 1080x2376 "
        "1080x2400 1080x2408 1080x2412 1080x2460 1344x2992 1440x2560 1440x2880 1440x2960 1440x3040 1440x3088 "
        "1440x3120 1440x3168 1440x3200 1008x2244 1220x2712 1260x2800 "
        "1280x800 1366x768 1440x900 1536x864 1600x900 1680x1050 1920x1200 2560x1080 2560x1440 2560x1600 "
        "2880x1800 3024x1964 3456x2234 3440x1440 3840x2160 5120x2880 2880x1864 2560x1664 3072x1920 3840x2400"
    ).split()
    for a, b in [tuple(sorted(int(side) for side in line.split("x")))]
)  # fmt: skip
"""Sides of screens (short, long) that sell widely. 1080x1920 is also a video's: it counts for PNG only."""


def screenshot_facts(found: Metadata, media: MediaFacts, named: tuple[Program, ...]) -> dict[str, Any]:
    """The single traces: marker, density, profile, size, absence of a camera."""
    marker = next((p.name for p in named if p.kind == "screenshot"), None)
    texts = [str(found.exif.get("UserComment") or ""), str(found.exif.get("ImageDescription") or "")]
    texts += [p.value for p in found.xmp if p.root in ("exif:UserComment", "dc:description", "dc:title")]
    texts += [t.text for t in found.texts if t.keyword.lower() in ("user comment", "comment", "description", "title")]
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
        "screen_size": media.format == "png" and sides in _SCREENS,
        "apple_capture": bool(found.layout.all("iDOT")),
        "camera": bool(found.exif.get("Make") or found.xmp_value("tiff:Make")),
    }  # fmt: skip


def _density(found: Metadata) -> int | None:
    """Dots an inch from EXIF; a PNG's own pHYs is read by `density_of`."""
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
