"""Real media, made on the spot: small, deterministic, of every format that is supported."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pikepdf
import pillow_heif
from PIL import Image

from benchmarks.media import voice  # noqa: F401  (tests take it from here, as all made media)

RATE = 44100


def texture(width: int = 320, height: int = 256, seed: int = 1) -> Image.Image:
    """A picture with detail at several scales and no clipped colours, as a photograph has."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((4, 30), (16, 26), (64, 22)):
        size = max(2, width // (256 // cells) + 2), max(2, height // (256 // cells) + 2)
        small = Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
        total += (
            (np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32) - 128)
            * weight
            / 128
        )
    total += rng.normal(0, 4, total.shape)
    return Image.fromarray(np.clip(total + 128, 8, 247).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 90, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def picture(format_: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or texture(160, 120)).save(out, format_, **options)
    return out.getvalue()


def heic(image: Image.Image | None = None, turned: int = 1, **options: object) -> bytes:
    """A HEIC as a telephone writes it: EXIF with a maker, ``turned`` as the EXIF orientation says."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", turned
    pillow_heif.from_pillow(image or texture(160, 120)).save(out, **{"exif": exif.tobytes()} | options)
    return out.getvalue()


def twice(image: Image.Image, q1: int = 60, q2: int = 92) -> Image.Image:
    """The picture after a first save at ``q1``."""
    return Image.open(io.BytesIO(jpeg(image, q1, subsampling=2))).convert("RGB")


def spliced(seed: int = 3) -> tuple[bytes, tuple[int, int, int, int]]:
    """A splice saved at 60 and then at 92, and the box that was pasted."""
    base, box = twice(texture(512, 384, seed)), (160, 96, 320, 240)
    patch = texture(512, 384, seed + 50).crop((3, 5, 3 + box[2] - box[0], 5 + box[3] - box[1]))
    base.paste(patch, box[:2])
    return jpeg(base, 92, subsampling=2), box


def archive() -> bytes:
    """A ZIP archive with one small text in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("inside.txt", "hidden")
    return out.getvalue()


def noise(seconds: float, seed: int = 1, cut_hz: float | None = None, rate: int = RATE) -> np.ndarray:
    """White noise, float32, optionally with nothing above ``cut_hz``."""
    samples = np.random.default_rng(seed).normal(0, 0.1, int(seconds * rate))
    if cut_hz is not None:
        spectrum = np.fft.rfft(samples)
        spectrum[int(len(spectrum) * cut_hz / (rate / 2)) :] = 0
        samples = np.fft.irfft(spectrum, len(samples))
    return samples.astype(np.float32)


def sound(
    path: Path, codec: str, samples: np.ndarray, rate: int = RATE, container: str | None = None
) -> Path:
    """Encode mono (n,) or multichannel (channels, n) float samples."""
    planes = samples if samples.ndim == 2 else samples[None, :]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[planes.shape[0]]
    rate = 48000 if codec == "libopus" else rate  # it knows no other that is near
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        if codec in ("mp3", "libmp3lame", "aac", "wmav1", "wmav2", "g723_1"):
            stream.bit_rate = 6300 if codec == "g723_1" else 64000
        _feed_sound(out, stream, planes, layout, rate)
    return path


def _feed_sound(out, stream, planes, layout, rate) -> None:
    fifo = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
    size = stream.codec_context.frame_size or 1024
    for start in range(0, planes.shape[1], size):
        block = np.ascontiguousarray(planes[:, start : start + size])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for ready in fifo.resample(frame):
            out.mux(stream.encode(ready))
    out.mux(stream.encode(None))


def video(
    path: Path, codec: str = "libx264", *, seconds: float = 2.0, fps: int = 10,
    size: tuple[int, int] = (176, 144),
    audio: str | None = None, container: str | None = None, options: dict[str, str] | None = None,
    pixels: str = "yuv420p",
) -> Path:  # fmt: skip
    """Moving noise; frame ``i`` is brighter than the one before, so that order can be checked."""
    with av.open(str(path), "w", format=container, options=options or {}) as out:
        stream = out.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], pixels
        speech = out.add_stream(audio, rate=RATE, layout="mono") if audio else None
        count = int(seconds * fps)
        for i in range(count):
            level = 20 + 200 * i // max(1, count)
            frame = av.VideoFrame.from_ndarray(
                np.full((size[1], size[0], 3), level, np.uint8), format="rgb24"
            )
            frame.pts = i
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if speech is not None:
            _feed_sound(out, speech, noise(seconds)[None, :], "mono", RATE)
    return path


def pdf(path: Path, pages: int = 1, linearize: bool = False, **info: str) -> Path:
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page(page_size=(200, 200))
        for key, value in info.items():
            document.docinfo[f"/{key}"] = value
        document.save(path, linearize=linearize)
    return path


def append_revision(data: bytes, body: bytes = b"") -> bytes:
    """An incremental update: one new object, a cross-reference section, a second end mark."""
    last = int(data.rsplit(b"startxref", 1)[1].split()[0])
    start = len(data)
    added = b"\n99 0 obj\n<< /Note (added) " + body + b" >>\nendobj\n"
    table = start + len(added)
    with pikepdf.open(io.BytesIO(data)) as document:
        root = document.Root.objgen[0]
    return data + added + (
        b"xref\n99 1\n%010d 00000 n \ntrailer\n"
        b"<< /Size 100 /Root %d 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
        % (start + 1, root, last, table)
    )  # fmt: skip


def pdf_bomb(megabytes: int = 400) -> bytes:
    """A PDF whose catalogue lies in an object stream that unpacks to ``megabytes`` MB."""
    packer = zlib.compressobj(1)
    head = b"1 0 2 40 "
    inside = head + b"<< /Type /Catalog /Pages 2 0 R >>".ljust(40) + b"<< /Type /Pages /Kids [] /Count 1 >>"
    packed = packer.compress(inside)
    block = b" " * 2**20
    packed += b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()
    out = b"%PDF-1.5\n"
    at_stream = len(out)
    out += b"3 0 obj\n<< /Type /ObjStm /N 2 /First %d /Filter /FlateDecode /Length %d >>\nstream\n" % (
        len(head), len(packed),
    ) + packed + b"\nendstream\nendobj\n"  # fmt: skip
    at_table = len(out)
    rows = struct.pack(">BIB", 0, 0, 255) + struct.pack(">BIB", 2, 3, 0) + struct.pack(">BIB", 2, 3, 1)
    rows += struct.pack(">BIB", 1, at_stream, 0) + struct.pack(">BIB", 1, at_table, 0)
    out += b"4 0 obj\n<< /Type /XRef /Size 5 /W [1 4 1] /Root 1 0 R /Length %d >>\nstream\n" % len(rows)
    return out + rows + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % at_table


def matroska_of_tracks(count: int) -> bytes:
    """A Matroska header that declares ``count`` audio tracks."""

    def element(ident: bytes, body: bytes) -> bytes:
        return ident + struct.pack(">Q", len(body) | 1 << 56) + body

    def track(number: int) -> bytes:
        body = element(b"\xd7", struct.pack(">I", number)) + element(b"\x73\xc5", struct.pack(">I", number))
        body += element(b"\x83", b"\x02") + element(b"\x86", b"A_PCM/INT/LIT")
        return element(b"\xae", body + element(b"\xe1", element(b"\x9f", b"\x01")))

    head = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"matroska"))
    tracks = element(b"\x16\x54\xae\x6b", b"".join(track(i) for i in range(1, count + 1)))
    return head + element(b"\x18\x53\x80\x67", tracks)


def mp4_of_tracks(count: int) -> bytes:
    """An MP4 header that declares ``count`` sound tracks without samples."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    def full(kind: bytes, body: bytes) -> bytes:
        return box(kind, b"\0\0\0\0" + body)

    entry = box(b"sowt", b"\0" * 6 + b"\0\1" + b"\0" * 8 + struct.pack(">HHI", 1, 16, 0) + b"\xac\x44\0\0")
    tables = full(b"stsd", struct.pack(">I", 1) + entry) + b"".join(
        full(kind, b"\0" * 4) for kind in (b"stts", b"stsc", b"stco")
    )
    tables += full(b"stsz", b"\0" * 8)
    media = full(b"mdhd", struct.pack(">IIIII", 0, 0, 44100, 0, 0)) + full(
        b"hdlr", b"\0" * 4 + b"soun" + b"\0" * 13
    )
    media += box(b"minf", full(b"smhd", b"\0" * 4) + box(b"stbl", tables))
    track = box(b"trak", full(b"tkhd", struct.pack(">III", 0, 0, 1) + b"\0" * 68) + box(b"mdia", media))
    movie = full(b"mvhd", struct.pack(">IIII", 0, 0, 1000, 0) + b"\0" * 80)
    return box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", movie + track * count) + box(b"mdat", b"\0" * 64)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims to be huge and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav(samples: np.ndarray, rate: int = 16_000, *, says: int | None = None) -> bytes:
    """A float WAV of (n,) or (channels, n) samples, NaN and all; its header may lie about its bytes."""
    planes = samples if samples.ndim == 2 else samples[None, :]
    body, channels = planes.T.astype("<f4").tobytes(), len(planes)
    form = struct.pack("<HHIIHH", 3, channels, rate, rate * channels * 4, channels * 4, 32)
    size = len(body) if says is None else says
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", min(len(head) + size, 2**32 - 1)) + head + body
