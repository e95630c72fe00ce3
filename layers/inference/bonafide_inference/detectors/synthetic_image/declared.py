"""Whether the file declares itself generated: by a generator's own metadata, or by a manifest that holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bonafide.model import Flag, MediaFacts
from bonafide_inference import generators
from bonafide_inference.detectors.picture_traces.stealth import stealth_text
from bonafide_inference.detectors.provenance.flags import story_flags
from bonafide_inference.detectors.provenance.manifest import NOT_CHECKED, facts_of, read_store, trusted_by
from bonafide_inference.detectors.provenance.story import story_of
from bonafide_inference.metadata import Metadata, Text
from bonafide_inference.trustlists import TrustListError, load

__all__ = ["Declared", "read_declared"]

_RATE = "29 of 200 generated pictures, 0 of 779 others (card of picture_traces)"
_SETTINGS = re.compile(r"(?:^|\n)[ \t]*(?:Negative prompt|Steps): ")
_AGAINST = ("generated", "generated_then_edited", "with_generated_parts")


@dataclass(frozen=True)
class Declared:
    """``by``: where it is said ("metadata", "manifest"), nothing when nowhere; ``generator`` if one is named.

    Two statements that name different generators name none. ``prompt``: what was asked for (A1111).
    """

    by: tuple[str, ...]
    generator: str | None
    prompt: str | None
    flags: tuple[Flag, ...]


def read_declared(path: str, media: MediaFacts, found: Metadata) -> Declared:
    """Read the statements of the file; ``found`` is its metadata, read already."""
    texts = found.texts
    hidden = stealth_text(path, media) if media.format == "png" else None
    if hidden is not None:
        texts = (*texts, Text("alpha channel", "parameters", hidden))
    listed = generators.declarations(Metadata(**{**vars(found), "texts": texts}))
    deciding = [one for one in listed if one.decides]
    holds, named, flags = _manifest(path, media)
    names = {name for name in (generators.declared_by(deciding), named if holds else None) if name}
    by = (*(("metadata",) if deciding else ()), *(("manifest",) if holds else ()))
    said = [*flags, *generators.as_flags(listed, _RATE)]
    return Declared(by, names.pop() if len(names) == 1 else None, _prompt(deciding), tuple(said))


def _prompt(deciding: list[generators.Declaration]) -> str | None:
    """The words before A1111's settings, within the length that a declaration keeps."""
    texts = (one.value for one in deciding if one.code == "generator_a1111")
    prompt = _SETTINGS.split(next(texts, ""), maxsplit=1)[0].strip()
    return prompt or None


def _manifest(path: str, media: MediaFacts) -> tuple[bool, str | None, list[Flag]]:
    """Whether a manifest that holds for this content says "generated", who it names, and its flags."""
    store = read_store(path, media.mime)
    if store.state != "embedded":
        return False, None, []
    try:
        lists = load()
    except TrustListError:
        lists = ()
    story = story_of(store.tree)
    facts = facts_of(store, trusted_by(path, media.mime, lists) if lists else (NOT_CHECKED, None))
    intact = facts.content_bound is True and facts.signature_valid is True and facts.assertions_intact is True
    return intact and story.reading in _AGAINST, story.generator, story_flags(story, facts)
