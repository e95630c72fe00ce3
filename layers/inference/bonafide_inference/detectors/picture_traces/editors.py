"""Programs that a picture names, and what Adobe's programs leave: segments, resources, histories."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bonafide.model import Flag
from bonafide_inference.detectors.picture_traces.known_programs import kind_of
from bonafide_inference.detectors.picture_traces.rates import rate
from bonafide_inference.detectors.picture_traces.tables import Encoding
from bonafide_inference.metadata import Metadata

__all__ = ["Program", "editor_flags", "history_facts", "programs"]

_OWN = re.compile(
    r"^(?:HDR\+|MediaTek|Ver\.?|V?\d|[A-Z0-9_-]{3,}$|iOS|Android|.*\bfirmware\b)", re.IGNORECASE
)
_LOCAL = (
    "crs:MaskGroupBasedCorrections", "crs:PaintBasedCorrections", "crs:GradientBasedCorrections",
    "crs:CircularGradientBasedCorrections", "crs:RetouchInfo", "crs:RetouchAreas",
)  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A program's name as written, where it stands, and its kind.

    Kinds: ``editor`` (pixels), ``developer`` (raw photographs), ``manager`` (viewers, albums, platforms),
    ``converter`` (libraries), ``screenshot``, ``generator``, ``firmware`` (of cameras), ``unknown``.
    """

    name: str
    where: str
    kind: str


def programs(found: Metadata) -> tuple[Program, ...]:
    """Every program that the metadata names as a writer, each once."""
    named = [
        (f"EXIF {tag}", str(found.exif[tag]))
        for tag in ("Software", "ProcessingSoftware")
        if found.exif.get(tag)
    ]
    named += [
        ("XMP " + item.path, item.value)
        for item in found.xmp
        if item.leaf in ("xmp:CreatorTool", "stEvt:softwareAgent", "tiff:Software", "pdf:Producer")
    ]
    named += [("IPTC OriginatingProgram", value) for value in found.iptc.get("OriginatingProgram", ())]
    named += [
        (f"{t.kind} {t.keyword}", t.text)
        for t in found.texts
        if t.keyword.lower() in ("software", "creator") or (t.kind in ("COM", "comment") and _writer(t.text))
    ]
    unique: dict[str, Program] = {}
    for where, text in named:
        name = text.strip()[:160]
        if name:
            unique.setdefault(name, Program(name, where, _kind(name, found)))
    return tuple(unique.values())[:30]


def _writer(comment: str) -> bool:
    """Whether a JPEG comment looks like a program's signature rather than a person's words."""
    return bool(re.match(r"CREATOR|File written by|Created (?:with|by)|LEAD |AppleMark|Lavc", comment))


def _kind(name: str, found: Metadata) -> str:
    known = kind_of(name)
    if known is not None:
        return known
    own = str(found.exif.get("Model") or "") + " " + str(found.exif.get("Make") or "")
    if own.strip() and (_OWN.match(name) or name.split(maxsplit=1)[0].lower() in own.lower()):
        return "firmware"
    return "firmware" if own.strip() and len(name) <= 24 else "unknown"


def editor_flags(found: Metadata, coded: Encoding | None, named: tuple[Program, ...]) -> list[Flag]:
    """Flags for traces of editing programs. Each means "saved by", none means "forged"."""
    flags = []
    for kind, code, words in (
        ("editor", "editor_named", "an editing program"),
        ("developer", "raw_developer_named", "a program that develops photographs"),
    ):
        hits = [program for program in named if program.kind == kind]
        if hits:
            flags.append(Flag(
                code=code, value=hits[0].name, where=hits[0].where, base_rate=rate(code),
                message=f"The metadata names {words}: {hits[0].name}.",
                caveat="Says that the program saved the file or an earlier form of it, not what it changed.",
            ))  # fmt: skip
    return flags + _adobe_flags(found, coded) + _history_flags(found)


def _adobe_flags(found: Metadata, coded: Encoding | None) -> list[Flag]:
    flags = []
    adobe = found.layout.all("APP14", "Adobe")
    if adobe:
        flags.append(Flag(
            code="adobe_app14", where=f"offset {adobe[0].offset}", value=adobe[0].size,
            base_rate=rate("adobe_app14"),
            message=f"Saved by an Adobe program, or one that writes like it (APP14, {adobe[0].size} bytes).",
            caveat="An innocent crop or export leaves the same; it does not say that content was changed.",
        ))  # fmt: skip
    others = [r for r in found.photoshop if r.number not in (0x0404, 0x0425, 0x0424, 0x0422)]
    if found.photoshop:
        names = ", ".join(dict.fromkeys(r.name or f"0x{r.number:04x}" for r in found.photoshop))
        code = "photoshop_resources" if others else "photoshop_caption_block"
        flags.append(Flag(
            code=code, where="APP13", value=names[:200], base_rate=rate(code),
            message=f"Holds {len(found.photoshop)} Photoshop resources." if others
            else "Holds a Photoshop block with nothing but a caption.",
            caveat="News agencies and platforms write captions into such a block without touching pixels.",
        ))  # fmt: skip
    if found.layout.all("APP12", "Ducky"):
        flags.append(Flag(
            code="save_for_web", where="APP12", base_rate=rate("save_for_web"),
            message="Exported by an Adobe program's Save for Web.",
            caveat="Says how the file was saved, not what was changed.",
        ))  # fmt: skip
    if coded is not None and coded.family == "adobe":
        flags.append(Flag(
            code="adobe_tables", value=coded.preset, base_rate=rate("adobe_tables"),
            message=f"Quantised with the table of Photoshop's preset “{coded.preset}”.",
            caveat="Other programs offer the same presets; every save by Photoshop leaves such a table.",
        ))  # fmt: skip
    return flags


def history_facts(found: Metadata) -> dict[str, int]:
    """Counts from XMP: steps, saves, conversions, foreign ancestors, text layers, local corrections."""
    actions = found.xmp_values("xmpMM:History", "stEvt:action")
    return {
        "steps": len(actions),
        "saves": actions.count("saved"),
        "conversions": actions.count("converted"),
        "ancestors": len(found.xmp_values("photoshop:DocumentAncestors")),
        "ingredients": len({p.path.split("/")[0] for p in found.xmp if p.root == "xmpMM:Ingredients"}),
        "text_layers": len(found.xmp_values("photoshop:TextLayers", "photoshop:LayerName")),
        "local_corrections": len({p.path.split("/")[0] for p in found.xmp if p.root in _LOCAL}),
    }


def _history_flags(found: Metadata) -> list[Flag]:
    facts, flags = history_facts(found), []
    agents = dict.fromkeys(found.xmp_values("xmpMM:History", "stEvt:softwareAgent"))
    for code, amount, message, caveat in (
        ("edit_history", facts["steps"],
         f"XMP lists {facts['steps']} steps, {facts['saves']} of them saves ({', '.join(agents)[:120]}).",
         "Developing a raw photograph writes such a history as well."),
        ("document_ancestors", facts["ancestors"] + facts["ingredients"],
         f"Parts came from {facts['ancestors'] + facts['ingredients']} other documents.",
         "Templates and pasted logos are counted, too; some programs never clean the list."),
        ("text_layers", facts["text_layers"], f"Was composed with {facts['text_layers']} layers of text.",
         "Captions and watermarks are text."),
        ("local_corrections", facts["local_corrections"],
         f"Parts were corrected apart from the rest ({facts['local_corrections']} masks or retouched spots).",
         "Dust removal and a lightened face are local corrections."),
    ):  # fmt: skip
        if amount:
            flags.append(
                Flag(
                    code=code, where="XMP", value=amount, message=message, base_rate=rate(code), caveat=caveat
                )
            )
    return flags
