"""Which program is of which kind, by words of its name; and the sizes of screens that sell widely."""

from __future__ import annotations

import re

__all__ = ["SCREENS", "kind_of"]

_WORDS: dict[str, tuple[str, ...]] = {
    "generator": ("midjourney", "stable diffusion", "comfyui", "novelai", "invokeai", "dall-?e", "firefly"),
    "screenshot": (
        "screen ?shot", "snipaste", "greenshot", "sharex", "flameshot", "spectacle", "lightshot", "snipping",
        "ksnip", "shottr", "cleanshot", "screen ?capture", "snagit", "picpick", "monosnap",
    ),
    "developer": (
        "lightroom", "camera raw", "capture one", "darktable", "rawtherapee", "dxo", "aperture", "silkypix",
        "on1 ", "exposure x", "digital photo professional", "capture nx", "nx studio", "viewnx",
        "imaging edge", "raw ?power", "iridient",
    ),
    "editor": (
        "photoshop", "gimp", "affinity", r"paint\.?net", "pixelmator", "snapseed", "picsart", "facetune",
        r"canva\b", "photopea", "luminar", "krita", "corel", "paint ?shop", "fireworks", "illustrator",
        "indesign", "acdsee", "photoscape", "pixlr", "faceapp", "meitu", "beautycam", "b612", r"remini\b",
        "polarr", "vsco", "inkscape", "fotor", "befunky", "paint tool sai", "clip studio", "procreate",
        "photo ?impact", "zoner", "photofiltre", "picnik", "photodirector", "photoworks", "microsoft paint",
        "windows photo editor", "microsoft office picture", "picture publisher", "photostudio", "lightx",
        "airbrush", "youcam", "seashore", "acorn", "photoplus", "photopad", "ulead", "photodraw", "phixr",
        "mspaint", "paintbrush for mac", "imageready", "adobe express", r"capcut\b", "photoroom", r"inshot\b",
        r"figma\b",
    ),
    "manager": (
        "picasa", "iphoto", "digikam", "shotwell", "f-spot", "windows photo", "microsoft windows photo",
        "microsoft photo", r"photos \d", "apple photos", "irfanview", "xnview", "faststone", "gthumb",
        "preview", "acd systems", "photo gallery", "photo mechanic", r"google\b", "quicktime", "adobe bridge",
    ),
    "converter": (
        "imagemagick", "graphicsmagick", "gd-jpeg", "libvips", "pillow", "lead technologies", "kakadu",
        "libwebp", r"intel\(r\) (?:ipp|jpeg)", "mozjpeg", "ffmpeg", "lavc", "matplotlib", "imageio", "skia",
    ),
}  # fmt: skip
_COMPILED = {
    kind: re.compile("(?<![a-z])(?:" + "|".join(words) + ")", re.IGNORECASE) for kind, words in _WORDS.items()
}

_SIZES = """
640x1136 750x1334 828x1792 1125x2436 1170x2532 1179x2556 1206x2622 1242x2208 1242x2688 1284x2778 1290x2796
1320x2868 1536x2048 1620x2160 1640x2360 1668x2224 1668x2388 2048x2732 720x1280 720x1520 720x1560 720x1600
1080x1920 1080x2160 1080x2220 1080x2280 1080x2310 1080x2340 1080x2376 1080x2400 1080x2408 1080x2412 1080x2460
1344x2992 1440x2560 1440x2880 1440x2960 1440x3040 1440x3088 1440x3120 1440x3168 1440x3200 1008x2244 1220x2712
1260x2800 800x1280 768x1366 900x1440 864x1536 900x1600 1050x1680 1200x1920 1080x2560 1600x2560 1800x2880
1964x3024 2234x3456 1440x3440 2160x3840 2880x5120 1864x2880 1664x2560 1920x3072 2400x3840
"""
SCREENS = frozenset((int(a), int(b)) for a, _, b in (size.partition("x") for size in _SIZES.split()))
"""Sides (short, long) in pixels. Videos share some: they count for PNG files without a camera only."""


def kind_of(name: str) -> str | None:
    """The kind of a program by its name, None for an unknown one."""
    return next((kind for kind, words in _COMPILED.items() if words.search(name)), None)
