"""XMP packets flattened to properties, by a parser that expands no entities and has a ceiling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from defusedxml import ElementTree

__all__ = ["NAMESPACES", "Property", "parse_xmp"]

MAX_PACKET = 8 * 2**20
"""Bytes of a packet, with its extension."""
MAX_PROPERTIES = 4000
MAX_DEPTH = 24
MAX_TEXT = 20_000
"""Characters kept of one value."""

NAMESPACES = {
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/pdf/1.3/": "pdf",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap",
    "http://www.tc260.org.cn/ns/AIGC/1.0/": "TC260",
    "http://www.gimp.org/xmp/": "GIMP",
    "http://www.gimp.org/ns/2.10/": "GIMP",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "adobe:ns:meta/": "x",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
"""Namespace address → the prefix that paths use, whatever prefix the file chose."""

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


@dataclass(frozen=True)
class Property:
    """One leaf: ``path`` such as ``xmpMM:History[2]/stEvt:action``, the leaf's namespace, its text."""

    path: str
    namespace: str
    value: str

    @property
    def root(self) -> str:
        """The outermost name without an index, such as ``xmpMM:History``."""
        return self.path.split("/", 1)[0].split("[", 1)[0]

    @property
    def leaf(self) -> str:
        """The innermost name without an index, such as ``stEvt:action``."""
        return self.path.rsplit("/", 1)[-1].split("[", 1)[0]


def parse_xmp(packet: bytes) -> tuple[Property, ...]:
    """Return the properties of a packet in its order.

    Raises
    ------
    ValueError
        If it is too long, no XML, or has a DTD (no packet has one for an honest reason).
    """
    if len(packet) > MAX_PACKET:
        raise ValueError("the XMP packet is too long")
    start = min((p for p in (packet.find(b"<x:xmpmeta"), packet.find(b"<rdf:RDF")) if p >= 0), default=0)
    try:
        root = ElementTree.fromstring(packet[start:].rstrip(b"\0 \r\n\t"), forbid_dtd=True)
    except Exception as first:
        closed = max(packet.rfind(b"</x:xmpmeta>") + 12, packet.rfind(b"</rdf:RDF>") + 10)
        if closed <= 12 or closed >= len(packet):
            raise ValueError(f"no XMP: {type(first).__name__}") from first
        try:  # rubbish after the end of the packet is common
            root = ElementTree.fromstring(packet[start:closed], forbid_dtd=True)
        except Exception as error:
            raise ValueError(f"no XMP: {type(error).__name__}") from error
    found: list[Property] = []
    for description in _descriptions(root):
        for place in _leaves(description, "", 0):
            found.append(place)
            if len(found) >= MAX_PROPERTIES:
                return tuple(found)
    return tuple(found)


def _descriptions(root: Any) -> list[Any]:
    inner = root if root.tag == f"{_RDF}RDF" else root.find(f"{_RDF}RDF")
    return list(inner) if inner is not None else []


def _name(tag: str) -> tuple[str, str]:
    """(prefixed name, namespace) of an ElementTree tag."""
    namespace, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    prefix = NAMESPACES.get(namespace)
    if prefix is None:
        prefix = namespace.rstrip("/#").rsplit("/", 1)[-1][:40] or "none"
    return f"{prefix}:{local}", namespace


def _leaves(element: Any, path: str, depth: int) -> Iterator[Property]:
    """The leaves of a resource: attributes and child elements that are properties."""
    if depth > MAX_DEPTH:
        return
    for tag, value in element.attrib.items():
        name, namespace = _name(tag)
        if tag == f"{_RDF}resource" and path:
            yield Property(path, namespace, value[:MAX_TEXT])
        elif not name.startswith(("rdf:", "xml:")) and value:
            yield Property(f"{path}/{name}" if path else name, namespace, value[:MAX_TEXT])
    for child in element:
        if isinstance(child.tag, str):
            name, namespace = _name(child.tag)
            yield from _inside(child, f"{path}/{name}" if path else name, namespace, depth + 1)


def _inside(element: Any, path: str, namespace: str, depth: int) -> Iterator[Property]:
    """The leaves of a property's value: text, an array, or a structure."""
    children = [child for child in element if isinstance(child.tag, str)]
    arrays = [c for c in children if c.tag in (f"{_RDF}Seq", f"{_RDF}Bag", f"{_RDF}Alt")]
    if depth > MAX_DEPTH:
        return
    if arrays:
        for place, item in enumerate(arrays[0], 1):
            yield from _inside(item, f"{path}[{place}]", namespace, depth + 1)
        return
    if len(children) == 1 and children[0].tag == f"{_RDF}Description":
        yield from _leaves(children[0], path, depth + 1)
        return
    text = (element.text or "").strip()
    if text and not children:
        yield Property(path, namespace, text[:MAX_TEXT])
    yield from _leaves(element, path, depth)
