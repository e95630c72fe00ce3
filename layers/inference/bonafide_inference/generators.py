"""Declarations of generators: what programs that make media write into it, read by structure.

A word alone is nothing ("AIGC" occurs in base64 by chance): each rule asks for the shape that the program
writes. A declaration is a statement by whoever wrote the file; it can be removed, and it can be forged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bonafide.model import Flag

from bonafide_inference.metadata import Metadata, Text

__all__ = ["Declaration", "as_flags", "declarations", "declared_by", "in_texts"]

MAX_JSON = 2 * 2**20
"""Characters of a text that are parsed as JSON."""

SOURCE_TYPES = {
    "trainedalgorithmicmedia": ("made by a trained model", True),
    "compositewithtrainedalgorithmicmedia": ("a composite with parts made by a trained model", True),
    "compositesynthetic": ("a composite with synthetic parts", True),
    "algorithmicmedia": ("made by an algorithm", True),
    "virtualrecording": ("a recording of a virtual event", False),
    "algorithmicallyenhanced": ("enhanced by an algorithm", False),
    "humanedits": ("edited by a human", False),
    "minorhumanedits": ("edited by a human, slightly", False),
    "composite": ("a composite", False),
    "compositecapture": ("a composite of captures", False),
    "digitalart": ("digital art", False),
    "digitalcreation": ("made by a human with software", False),
    "digitalcapture": ("a capture", False),
    "computationalcapture": ("a capture put together by a camera", False),
}
"""IPTC digital source types: words for people, and whether the type says that a generator was at work."""

_AIGC_LABELS = {"1": "is generated", "2": "may be generated", "3": "is suspected to be generated"}
_A1111 = re.compile(
    r"(?:^|\n)[ \t]{0,20}Steps: \d{1,6}, .{0,400}?\b(?:Sampler|Seed|CFG scale|Size): ", re.DOTALL
)
_MIDJOURNEY = re.compile(r"\bJob ID: ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
_DREAM = (re.compile(r" -s ?\d+"), re.compile(r" -S ?\d+"))
_SOFTWARE = re.compile(
    r"\b(novelai|midjourney|dall[-·\s]?e(?:\s?[23])?|stable diffusion|invokeai|comfyui|fooocus|"
    r"easy diffusion|draw things|adobe firefly|leonardo\.ai|ideogram|suno|udio|elevenlabs|sora|"
    r"runway(?:ml)?|pika labs|kling|hailuo|doubao|jimeng|dreamina|grok image)\b",
    re.IGNORECASE,
)
_CAVEAT = "Metadata can be copied into any file, and the repair or upscaling of a photograph leaves the same."
_STEPS = frozenset({"steps", "sampler", "model", "num_inference_steps"})
_GOOGLE = re.compile(r"^(?:made|edited) with google ai$", re.IGNORECASE)


@dataclass(frozen=True)
class Declaration:
    """One statement: the flag's code, who is named, where it stands, its raw text, whether it decides.

    ``decides`` is true when the statement says outright that a generator made the media or part of it.
    """

    code: str
    generator: str | None
    where: str
    value: str
    meaning: str
    decides: bool = True


def declarations(found: Metadata) -> list[Declaration]:
    """Every declaration in a file's metadata, the deciding ones first."""
    exif = found.exif
    texts = [t for t in found.texts if t.kind != "COM"] + [
        Text("EXIF", name, exif[name])
        for name in ("UserComment", "ImageDescription", "Software", "Make", "XPComment")
        if isinstance(exif.get(name), str)
    ]
    texts += _webp_graphs(exif)
    listed = in_texts(texts) + _in_xmp(found) + _in_iptc(found)
    unique = {(item.code, item.generator): item for item in reversed(listed)}
    return sorted(unique.values(), key=lambda item: (not item.decides, item.code))


def _webp_graphs(exif: dict[str, Any]) -> list[Text]:
    """ComfyUI's graphs in WebP: ``workflow:{…}`` and ``prompt:{…}`` where maker and model belong."""
    found = []
    for name in ("Make", "Model", "ImageDescription"):
        kind, colon, body = str(exif.get(name) or "").partition(":")
        if colon and kind.lower() in ("workflow", "prompt"):
            found.append(Text(f"EXIF {name}", kind.lower(), body))
    return found


def in_texts(texts: Iterable[Text]) -> list[Declaration]:
    """Declarations in keyword-text pairs: PNG chunks, EXIF texts, tags of sound and video."""
    found: list[Declaration] = []
    pairs = list(texts)
    keys = {text.keyword.lower(): text.text for text in pairs}
    if keys.keys() >= {"prompt", "seed"} and _STEPS & keys.keys() and keys["seed"].strip().isdigit():
        words = "a generator's prompt, seed and steps"  # Easy Diffusion: a text for each
        found.append(
            Declaration("generator_prompt", None, f"{pairs[0].kind} prompt", keys["prompt"][:500], words)
        )
    for text in pairs:
        parsed = _json(text.text)
        where = f"{text.kind} {text.keyword}".strip()
        found += _structured(text, parsed, where, keys) if parsed is not None else _plain(text, where)
    return found


def _structured(text: Text, parsed: Any, where: str, keys: dict[str, str]) -> list[Declaration]:
    """Declarations in a JSON value."""
    if not isinstance(parsed, dict):
        return []
    key, value = text.keyword.lower(), text.text[:500]
    aigc = _aigc(parsed, where)
    if aigc:
        return [aigc]
    if key == "aigc" or ("Label" in parsed and "ContentProducer" in parsed):
        aigc = _aigc({"AIGC": parsed}, where)
        return [aigc] if aigc else []
    if key in ("prompt", "workflow", "comment", "description", "make", "imagedescription"):
        comfy = _comfyui(parsed)
        if comfy is not None:
            words = "ComfyUI's graph of nodes" + ("" if comfy else ", with no sampler in it")
            return [Declaration("generator_comfyui", "ComfyUI", where, value, words, comfy)]
    if key in ("invokeai_metadata", "sd-metadata", "invokeai_graph"):
        return [Declaration("generator_invokeai", "InvokeAI", where, value, "InvokeAI's generation data")]
    return _by_members(parsed, where, value, keys)


def _by_members(parsed: dict[str, Any], where: str, value: str, keys: dict[str, str]) -> list[Declaration]:
    """Generators that are known by the members of their object."""
    has = parsed.keys()
    novel = "uc" in has or keys.get("software") == "NovelAI"
    rules = (
        ("generator_novelai", "NovelAI", {"steps", "seed", "sampler"} <= has and novel),
        ("generator_fooocus", "Fooocus", {"base_model", "seed"} <= has or {"Base Model", "Seed"} <= has),
        ("generator_swarmui", "SwarmUI", "sui_image_params" in has),
        ("generator_prompt", None, {"prompt", "seed"} <= has and bool(_STEPS & has)),
        ("generator_prompt", None, {"steps", "seed", "sampler"} <= has),
    )
    for code, name, fits in rules:
        if fits:
            words = f"{name}'s generation data" if name else "a generator's prompt, seed and steps"
            return [Declaration(code, name, where, value, words)]
    return []


def _plain(text: Text, where: str) -> list[Declaration]:
    """Declarations in text that is no JSON."""
    key, body = text.keyword.lower(), text.text
    value = body[:500]
    if key in ("parameters", "usercomment", "comment", "description") and _A1111.search(body[:100_000]):
        return [Declaration(
            "generator_a1111", "Stable Diffusion (A1111)", where, value, "the parameters of a generation",
        )]  # fmt: skip
    if key == "dream" and all(option.search(body[:10_000]) for option in _DREAM):
        return [Declaration("generator_invokeai", "InvokeAI", where, value, "InvokeAI's command line")]
    if key == "fooocus_scheme":
        return [Declaration("generator_fooocus", "Fooocus", where, value, "Fooocus's mark")]
    if key in ("description", "imagedescription", "comment") and _MIDJOURNEY.search(body[:10_000]):
        return [Declaration("generator_midjourney", "Midjourney", where, value, "Midjourney's job number")]
    if key in ("software", "encoder", "tool"):
        named = _SOFTWARE.search(body[:300])
        if named:
            return [Declaration("generator_named", named[1], where, value, f"the program's name: {named[1]}")]
    return []


def _aigc(parsed: dict[str, Any], where: str) -> Declaration | None:
    """China's label (GB 45438): ``{"AIGC": {"Label": "1", "ContentProducer": …}}``."""
    inner = parsed.get("AIGC")
    if isinstance(inner, str):
        inner = _json(inner)
    if not isinstance(inner, dict) or "Label" not in inner:
        return None
    label = str(inner["Label"])
    producer = str(inner.get("ContentProducer") or "")[:100]
    meaning = f"China's content label: {_AIGC_LABELS.get(label, 'label ' + label[:20])}"
    return Declaration(
        "aigc_label",
        producer or None,
        where,
        json.dumps(inner, ensure_ascii=False)[:500],
        meaning,
        label == "1",
    )


def _comfyui(parsed: dict[str, Any]) -> bool | None:
    """Whether a ComfyUI graph makes pictures; None when it is no such graph."""
    for member in ("prompt", "workflow"):
        inner = parsed.get(member)
        if isinstance(inner, str):
            inner = _json(inner)
        if isinstance(inner, dict):
            found = _comfyui(inner)
            if found is not None:
                return found
    nodes = parsed.get("nodes")
    if isinstance(nodes, list) and ("links" in parsed or "last_node_id" in parsed):
        kinds = [str(n.get("type")) for n in nodes[:2000] if isinstance(n, dict)]
    else:
        kinds = [
            str(n["class_type"])
            for n in list(parsed.values())[:2000]
            if isinstance(n, dict) and "class_type" in n and isinstance(n.get("inputs"), dict)
        ]
    if not kinds:
        return None
    return any(re.search(r"sampler|generat|text_?to_?image|txt2img|diffus", k, re.IGNORECASE) for k in kinds)


def _in_xmp(found: Metadata) -> list[Declaration]:
    listed: list[Declaration] = []
    for item in found.xmp:
        if item.leaf.endswith(":DigitalSourceType") or item.leaf.endswith(":digitalSourceType"):
            listed += _source_type(item.value, f"XMP {item.path}")
        elif item.leaf == "photoshop:Credit" and _GOOGLE.match(item.value.strip()):
            listed.append(_google(item.value, "XMP photoshop:Credit"))
        elif "AIGC" in item.path or "tc260" in item.namespace.lower():
            parsed = _json(item.value)
            wrapped = parsed if isinstance(parsed, dict) and "AIGC" in parsed else {"AIGC": parsed}
            label = _aigc(wrapped, f"XMP {item.path}")
            listed += [label] if label else []
    texts = [
        Text("XMP", "software", p.value)
        for p in found.xmp
        if p.leaf in ("xmp:CreatorTool", "stEvt:softwareAgent")
    ]
    texts += [
        Text("XMP", "description", p.value)
        for p in found.xmp
        if p.root in ("dc:description", "exif:UserComment")
    ]
    return listed + in_texts(texts)


def _source_type(value: str, where: str) -> list[Declaration]:
    name = value.rstrip("/ ").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    known = SOURCE_TYPES.get(name.lower())
    if known is None:
        return []
    words, decides = known
    if not decides and name.lower() in ("digitalcapture", "computationalcapture"):
        return []
    return [
        Declaration(
            "digital_source_type", None, where, value[:300], f"the IPTC source type: {words}", decides
        )
    ]


def _google(value: str, where: str) -> Declaration:
    return Declaration("google_ai_credit", "Google AI", where, value[:100], "Google's credit line")


def _in_iptc(found: Metadata) -> list[Declaration]:
    listed = [
        _google(value, "IPTC Credit")
        for value in found.iptc.get("Credit", ())
        if _GOOGLE.match(value.strip())
    ]
    return listed + in_texts(
        Text("IPTC", "description", value) for value in found.iptc.get("Caption-Abstract", ())
    )


def _json(text: str) -> Any:
    """The JSON value of a text that looks like one; None for anything else, deep nesting included."""
    text = text.strip().removeprefix("\ufeff")
    if not text.startswith("{") or len(text) > MAX_JSON:
        return None
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def declared_by(found: Iterable[Declaration]) -> str | None:
    """The generator that the deciding declarations agree on, else None."""
    named = {item.generator for item in found if item.decides and item.generator}
    return named.pop() if len(named) == 1 else None


def as_flags(found: Iterable[Declaration], base_rate: str) -> list[Flag]:
    """One flag for each declaration, with the measured base rate of its kind."""
    return [
        Flag(
            code=item.code, where=item.where, value=item.value, base_rate=base_rate,
            message=f"The metadata holds {item.meaning}.",
            caveat=_CAVEAT if item.decides else "It does not say that a generator made the content.",
        )
        for item in found
    ]  # fmt: skip
