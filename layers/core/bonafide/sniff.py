"""The first look: which family of parsers may see a file, from its first 4,096 bytes."""

from __future__ import annotations

__all__ = ["sniff"]

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MOV_ATOMS = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_MAGICS = {
    b"\x1aE\xdf\xa3": "matroska", b"FLV\x01": "flv", _ASF: "asf", b"OggS": "ogg", b"fLaC": "flac",
    b"ID3": "mpegaudio", b"#!AMR": "amr", b"caff": "caf", b".snd": "au",
    b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00": "w64", b"\x0bw": "ac3", b"wvpk": "wv",
    b"TTA1": "tta", b"MAC ": "ape", b"MPCK": "mpc", b"MP+": "mpc", b"tBaK": "tak", b"DSD ": "dsf",
    b"Creative Voice File\x1a": "voc", b"\0\0\x01\xba": "mpegps",
}  # fmt: skip
_TS_PACKET = 188
_AVIF, _HEIC = {b"avif", b"avis"}, {b"heic", b"heix", b"hevc", b"heif", b"heim", b"heis"}
_STILL_BRANDS = _AVIF | _HEIC | {b"mif1", b"msf1", b"crx "}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def sniff(head: bytes) -> str | None:
    """Name the format family of a file's head, or None: then libavformat is asked (decision 0102).

    Returns
    -------
    str | None
        ``jpeg png tiff gif webp bmp avif heic`` (pictures), ``pdf``, or one of the container families
        ``mov matroska flv avi asf mpegts mpegps wav w64 ogg flac mpegaudio amr aiff caf au ac3 wv tta ape
        mpc tak dsf voc`` (decision 0071).
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] in (b"RIFF", b"RF64", b"RIFX"):
        return {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return _container(head)


def _still(head: bytes) -> str | None:
    """AVIF or HEIC by the brands of its ``ftyp`` box; None for other stills (a camera's raw file)."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[place : place + 4] for place in range(16, size - 3, 4))}
    return "avif" if brands & _AVIF else "heic" if brands & _HEIC else None


def _container(head: bytes) -> str | None:
    if head[4:8] in _MOV_ATOMS:
        return _still(head) if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS else "mov"
    if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    for magic, family in _MAGICS.items():
        if head.startswith(magic):
            return family
    if len(head) > 2 * _TS_PACKET and head[: 2 * _TS_PACKET + 1 : _TS_PACKET] == b"GGG":
        return "mpegts"
    body = head.lstrip(b"\0")  # some recorders pad the front
    return "mpegaudio" if len(body) > 3 and body[0] == 0xFF and _is_sync(body[1], body[2]) else None


def _is_sync(second: int, third: int) -> bool:
    """An MPEG audio or ADTS frame header, not merely eleven set bits."""
    if second & 0xF6 == 0xF0:  # ADTS: layer is 0
        return (third >> 2) & 0xF < 13
    version, layer = (second >> 3) & 3, (second >> 1) & 3
    return (
        second & 0xE0 == 0xE0
        and version != 1
        and layer != 0
        and third >> 4 not in (0, 15)
        and third & 12 != 12
    )
